// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Views of file bytes, and loads that cannot leave them.

#include "base/bytes.h"

#include "unit.h"

static const uint8_t data[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xf0, 0x0f};
static const struct bytes whole = {data, sizeof data};

static void a_view_inside_is_those_bytes(void)
{
    struct bytes view;
    CHECK(bytes_view(whole, 2, 3, &view));
    CHECK(view.data == data + 2);
    CHECK_EQ_U64(view.size, 3);
    CHECK(bytes_view(whole, 0, sizeof data, &view));
    CHECK_EQ_U64(view.size, sizeof data);
}

static void an_empty_view_at_the_end_is_inside(void)
{
    struct bytes view;
    CHECK(bytes_view(whole, sizeof data, 0, &view));
    CHECK_EQ_U64(view.size, 0);
    CHECK(bytes_view((struct bytes){0}, 0, 0, &view));
}

static void a_view_past_the_end_is_refused_and_empty(void)
{
    const uint64_t offsets[] = {8, sizeof data, sizeof data + 1, UINT64_MAX, UINT64_MAX - 1};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        struct bytes view = whole;
        CHECK(!bytes_view(whole, offsets[i], 3, &view));
        CHECK(view.data == NULL);
        CHECK_EQ_U64(view.size, 0);
    }
}

static void a_view_longer_than_everything_is_refused(void)
{
    struct bytes view;
    CHECK(!bytes_view(whole, 0, sizeof data + 1, &view));
    CHECK(!bytes_view(whole, 0, UINT64_MAX, &view));
    CHECK(!bytes_view(whole, 2, UINT64_MAX, &view));
    CHECK(!bytes_view((struct bytes){0}, 0, 1, &view));
}

static void what_follows_an_offset_goes_to_the_end(void)
{
    struct bytes rest = bytes_from(whole, 7);
    CHECK(rest.data == data + 7);
    CHECK_EQ_U64(rest.size, 3);
    CHECK_EQ_U64(bytes_from(whole, 0).size, sizeof data);
    CHECK_EQ_U64(bytes_from(whole, sizeof data).size, 0);
    CHECK_EQ_U64(bytes_from(whole, SIZE_MAX).size, 0);
}

static void loads_are_big_endian_at_any_alignment(void)
{
    CHECK_EQ_U64(bytes_u8(whole, 9), 0x0f);
    CHECK_EQ_U64(bytes_be16(whole, 1), 0x2345);
    CHECK_EQ_U64(bytes_be32(whole, 3), 0x6789abcd);
    CHECK_EQ_U64(bytes_be64(whole, 0), UINT64_C(0x0123456789abcdef));
    CHECK_EQ_U64(bytes_be64(whole, 2), UINT64_C(0x456789abcdeff00f));
}

static void a_load_that_is_not_wholly_inside_is_zero(void)
{
    CHECK_EQ_U64(bytes_u8(whole, 10), 0);
    CHECK_EQ_U64(bytes_be16(whole, 9), 0);
    CHECK_EQ_U64(bytes_be32(whole, 7), 0);
    CHECK_EQ_U64(bytes_be64(whole, 3), 0);
    CHECK_EQ_U64(bytes_be64(whole, SIZE_MAX), 0);
    CHECK_EQ_U64(bytes_be64(whole, SIZE_MAX - 7), 0);
    CHECK_EQ_U64(bytes_be32((struct bytes){0}, 0), 0);
}

int main(void)
{
    RUN(a_view_inside_is_those_bytes);
    RUN(an_empty_view_at_the_end_is_inside);
    RUN(a_view_past_the_end_is_refused_and_empty);
    RUN(a_view_longer_than_everything_is_refused);
    RUN(what_follows_an_offset_goes_to_the_end);
    RUN(loads_are_big_endian_at_any_alignment);
    RUN(a_load_that_is_not_wholly_inside_is_zero);
    return unit_done();
}
