// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/bitmap.h"
#include "unit.h"

#include "format/layout.h"

static const struct header header = {
    .version = 3,
    .cluster_bits = 16,
    .size = UINT64_C(64) << 30, // one cluster of bits, at 2^16 bytes a bit, covers 32 GiB
    .geometry_known = true,
    .cluster_size = 65536,
    .l2_entry_size = 8,
    .l2_entries = 8192,
};

static const uint8_t entry[BITMAP_HEAD_SIZE] = {
    0, 0,  0, 0, 0, 7, 0, 0, // table at 0x70000
    0, 0,  0, 2,             // table entries
    0, 0,  0, 3,             // in-use, auto
    1, 16,                   // type, granularity
    0, 5,                    // length of the name
    0, 0,  0, 0,             // extra data
};

static struct bitmap parsed(const uint8_t *data)
{
    struct bitmap bitmap = {0};
    CHECK(bitmap_parse((struct bytes){data, BITMAP_HEAD_SIZE}, &bitmap));
    return bitmap;
}

static void loads_every_field(void)
{
    struct bitmap bitmap = parsed(entry);
    CHECK_EQ_U64(bitmap.table_offset, 0x70000);
    CHECK_EQ_U64(bitmap.table_size, 2);
    CHECK_EQ_U64(bitmap.flags, BITMAP_IN_USE | BITMAP_AUTO);
    CHECK_EQ_U64(bitmap.type, BITMAP_TYPE_DIRTY_TRACKING);
    CHECK_EQ_U64(bitmap.granularity_bits, 16);
    CHECK_EQ_U64(bitmap.name_size, 5);
    CHECK_EQ_U64(bitmap.extra_size, 0);
}

static void finds_name_and_next_entry(void)
{
    struct bitmap bitmap = parsed(entry);
    CHECK_EQ_U64(bitmap.name_at, 24);
    CHECK_EQ_U64(bitmap.end, 29);
    CHECK_EQ_U64(bitmap_next(&bitmap), 32);
}

static void survives_the_largest_lengths(void)
{
    uint8_t data[BITMAP_HEAD_SIZE];
    memset(data, 0xff, sizeof data);
    struct bitmap bitmap = parsed(data);
    CHECK_EQ_U64(bitmap.end, UINT64_C(24) + UINT32_MAX + 65535);
    CHECK_EQ_U64(bitmap_next(&bitmap) % 8, 0);
}

static void refuses_a_cut_head(void)
{
    struct bitmap bitmap;
    CHECK(!bitmap_parse((struct bytes){entry, BITMAP_HEAD_SIZE - 1}, &bitmap));
    CHECK(!bitmap_parse((struct bytes){NULL, 0}, &bitmap));
}

static void granularity_is_a_power_of_two(void)
{
    uint64_t granularity;
    CHECK(bitmap_granularity(&(struct bitmap){.granularity_bits = 16}, &granularity));
    CHECK_EQ_U64(granularity, 65536);
    CHECK(bitmap_granularity(&(struct bitmap){.granularity_bits = 63}, &granularity));
    CHECK_EQ_U64(granularity, UINT64_C(1) << 63);
}

static void granularity_beyond_64_bits_is_none(void)
{
    uint64_t granularity;
    CHECK(!bitmap_granularity(&(struct bitmap){.granularity_bits = 64}, &granularity));
    CHECK(!bitmap_granularity(&(struct bitmap){.granularity_bits = 255}, &granularity));
}

static void names_flags_and_types(void)
{
    CHECK_STR(bitmap_flag_name(0), "in-use");
    CHECK_STR(bitmap_flag_name(1), "auto");
    CHECK_STR(bitmap_flag_name(2), "extra-data-compatible");
    CHECK(bitmap_flag_name(3) == NULL);
    CHECK_STR(bitmap_type_name(1), "dirty-tracking");
    CHECK(bitmap_type_name(0) == NULL);
}

static void reports_one_problem(struct bitmap bitmap, const char *code, uint64_t offset)
{
    struct problems problems = {0};
    bitmap_check(&bitmap, &header, 1000, &problems);
    if (CHECK_EQ_U64(problems.count, 1)) {
        CHECK_STR(problems.items[0].error.code, code);
        CHECK_EQ_U64(problems.items[0].error.offset, offset);
        CHECK(!problems.items[0].unreadable);
    }
    problems_free(&problems);
}

static void a_sound_entry_has_no_problems(void)
{
    struct problems problems = {0};
    struct bitmap bitmap = parsed(entry);
    bitmap_check(&bitmap, &header, 0, &problems);
    CHECK_EQ_U64(problems.count, 0);
    problems_free(&problems);
}

static void reports_problems_of_the_table(void)
{
    struct bitmap bitmap = parsed(entry);
    bitmap.table_offset = 0x70200;
    reports_one_problem(bitmap, "corrupt", 1000);
    bitmap.table_offset = 0;
    reports_one_problem(bitmap, "corrupt", 1000);
    bitmap.table_offset = UINT64_C(1) << 56;
    reports_one_problem(bitmap, "limit", 1000);
    bitmap = parsed(entry);
    bitmap.table_size = 0;
    reports_one_problem(bitmap, "corrupt", 1008);
    bitmap.table_size = 8193; // 512 MiB and a cluster
    reports_one_problem(bitmap, "limit", 1008);
}

static void reports_a_table_too_small_for_the_disk(void)
{
    struct bitmap bitmap = parsed(entry);
    bitmap.flags = 0;
    bitmap.table_size = 1;
    reports_one_problem(bitmap, "corrupt", 1008);
}

static void reports_flags_type_and_granularity(void)
{
    struct bitmap bitmap = parsed(entry);
    bitmap.flags = 8;
    reports_one_problem(bitmap, "corrupt", 1012);
    bitmap = parsed(entry);
    bitmap.type = 2;
    reports_one_problem(bitmap, "corrupt", 1016);
    bitmap = parsed(entry);
    bitmap.granularity_bits = 8;
    reports_one_problem(bitmap, "limit", 1017);
    bitmap.granularity_bits = 32;
    reports_one_problem(bitmap, "limit", 1017);
}

static void reports_name_and_extra_data(void)
{
    struct bitmap bitmap = parsed(entry);
    bitmap.name_size = 0;
    reports_one_problem(bitmap, "corrupt", 1018);
    bitmap.name_size = 1024;
    reports_one_problem(bitmap, "limit", 1018);
    bitmap = parsed(entry);
    bitmap.extra_size = 1;
    reports_one_problem(bitmap, "limit", 1020);
}

int main(void)
{
    RUN(loads_every_field);
    RUN(finds_name_and_next_entry);
    RUN(survives_the_largest_lengths);
    RUN(refuses_a_cut_head);
    RUN(granularity_is_a_power_of_two);
    RUN(granularity_beyond_64_bits_is_none);
    RUN(names_flags_and_types);
    RUN(a_sound_entry_has_no_problems);
    RUN(reports_problems_of_the_table);
    RUN(reports_a_table_too_small_for_the_disk);
    RUN(reports_flags_type_and_granularity);
    RUN(reports_name_and_extra_data);
    return unit_done();
}
