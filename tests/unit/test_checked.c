// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Arithmetic that says when it overflows.

#include "base/checked.h"

#include "unit.h"

static void adds_up_to_the_last_number(void)
{
    uint64_t sum;
    CHECK(checked_add(1, 2, &sum));
    CHECK_EQ_U64(sum, 3);
    CHECK(checked_add(UINT64_MAX - 5, 5, &sum));
    CHECK_EQ_U64(sum, UINT64_MAX);
    CHECK(checked_add(0, 0, &sum));
    CHECK_EQ_U64(sum, 0);
}

static void a_sum_beyond_the_last_number_is_refused(void)
{
    uint64_t sum;
    CHECK(!checked_add(UINT64_MAX, 1, &sum));
    CHECK(!checked_add(1, UINT64_MAX, &sum));
    CHECK(!checked_add(UINT64_C(1) << 63, UINT64_C(1) << 63, &sum));
}

static void multiplies_up_to_the_last_number(void)
{
    uint64_t product;
    CHECK(checked_multiply(UINT64_C(0xffffffff), UINT64_C(0x100000001), &product));
    CHECK_EQ_U64(product, UINT64_MAX);
    CHECK(checked_multiply(0, UINT64_MAX, &product));
    CHECK_EQ_U64(product, 0);
    CHECK(checked_multiply(UINT64_MAX, 1, &product));
    CHECK_EQ_U64(product, UINT64_MAX);
}

static void a_product_beyond_the_last_number_is_refused(void)
{
    uint64_t product;
    CHECK(!checked_multiply(UINT64_C(1) << 32, UINT64_C(1) << 32, &product));
    CHECK(!checked_multiply(UINT64_MAX, 2, &product));
    CHECK(!checked_multiply(UINT64_C(0x100000000), UINT64_C(0x100000001), &product));
}

static void aligns_down(void)
{
    CHECK_EQ_U64(align_down(0, 512), 0);
    CHECK_EQ_U64(align_down(511, 512), 0);
    CHECK_EQ_U64(align_down(512, 512), 512);
    CHECK_EQ_U64(align_down(UINT64_MAX, 4096), UINT64_C(0xfffffffffffff000));
    CHECK_EQ_U64(align_down(7, 1), 7);
}

static void aligns_up(void)
{
    uint64_t aligned;
    CHECK(checked_align_up(0, 512, &aligned));
    CHECK_EQ_U64(aligned, 0);
    CHECK(checked_align_up(1, 512, &aligned));
    CHECK_EQ_U64(aligned, 512);
    CHECK(checked_align_up(512, 512, &aligned));
    CHECK_EQ_U64(aligned, 512);
    CHECK(checked_align_up(UINT64_C(0xfffffffffffff000), 4096, &aligned));
    CHECK_EQ_U64(aligned, UINT64_C(0xfffffffffffff000));
}

static void aligning_up_beyond_the_last_number_is_refused(void)
{
    uint64_t aligned;
    CHECK(!checked_align_up(UINT64_C(0xfffffffffffff001), 4096, &aligned));
    CHECK(!checked_align_up(UINT64_MAX, 2, &aligned));
}

static void finds_what_is_aligned(void)
{
    CHECK(is_aligned(0, 4096));
    CHECK(is_aligned(8192, 4096));
    CHECK(!is_aligned(8191, 4096));
    CHECK(!is_aligned(512, 4096));
    CHECK(is_aligned(3, 1));
}

static void divides_up(void)
{
    CHECK_EQ_U64(divide_up(0, 3), 0);
    CHECK_EQ_U64(divide_up(1, 3), 1);
    CHECK_EQ_U64(divide_up(3, 3), 1);
    CHECK_EQ_U64(divide_up(4, 3), 2);
    CHECK_EQ_U64(divide_up(UINT64_MAX, 2), UINT64_C(1) << 63);
    CHECK_EQ_U64(divide_up(UINT64_MAX, 1), UINT64_MAX);
}

static void a_range_is_inside_up_to_the_end(void)
{
    CHECK(range_inside(0, 10, 10));
    CHECK(range_inside(10, 0, 10));
    CHECK(range_inside(9, 1, 10));
    CHECK(range_inside(0, 0, 0));
    CHECK(range_inside(0, UINT64_MAX, UINT64_MAX));
}

static void a_range_past_the_end_is_not_inside_even_when_its_end_overflows(void)
{
    CHECK(!range_inside(9, 2, 10));
    CHECK(!range_inside(11, 0, 10));
    CHECK(!range_inside(0, 1, 0));
    CHECK(!range_inside(UINT64_MAX, 2, 10));
    CHECK(!range_inside(2, UINT64_MAX, 10));
    CHECK(!range_inside(UINT64_MAX, UINT64_MAX, UINT64_MAX));
}

static void finds_the_smaller_and_the_larger(void)
{
    CHECK_EQ_U64(min_u64(1, UINT64_MAX), 1);
    CHECK_EQ_U64(min_u64(UINT64_MAX, 1), 1);
    CHECK_EQ_U64(max_u64(1, UINT64_MAX), UINT64_MAX);
    CHECK_EQ_U64(max_u64(7, 7), 7);
}

int main(void)
{
    RUN(adds_up_to_the_last_number);
    RUN(a_sum_beyond_the_last_number_is_refused);
    RUN(multiplies_up_to_the_last_number);
    RUN(a_product_beyond_the_last_number_is_refused);
    RUN(aligns_down);
    RUN(aligns_up);
    RUN(aligning_up_beyond_the_last_number_is_refused);
    RUN(finds_what_is_aligned);
    RUN(divides_up);
    RUN(a_range_is_inside_up_to_the_end);
    RUN(a_range_past_the_end_is_not_inside_even_when_its_end_overflows);
    RUN(finds_the_smaller_and_the_larger);
    return unit_done();
}
