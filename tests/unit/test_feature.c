// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/feature.h"
#include "unit.h"

// Three whole entries and a cut one. The second has a name of all 46 bytes, the third NULs around
// its name.
static const uint8_t table_data[] = {
    0,   7,   'w', 'e', 'i', 'r', 'd', 0,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,

    1,   63,  'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n',
    'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '0', '1', '2', '3',
    '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J',

    9,   200, 0,   0,   'x', 0,   'y', 0,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,

    0,   8,   'c', 'u', 't',
};
static const struct bytes table = {table_data, sizeof table_data};

static bool is(struct bytes name, const char *text)
{
    return name.size == strlen(text) && memcmp(name.data, text, name.size) == 0;
}

static void names_the_known_bits(void)
{
    CHECK_STR(feature_name(FEATURE_INCOMPATIBLE, 0), "dirty bit");
    CHECK_STR(feature_name(FEATURE_INCOMPATIBLE, 1), "corrupt bit");
    CHECK_STR(feature_name(FEATURE_INCOMPATIBLE, 2), "external data file");
    CHECK_STR(feature_name(FEATURE_INCOMPATIBLE, 3), "compression type");
    CHECK_STR(feature_name(FEATURE_INCOMPATIBLE, 4), "extended L2 entries");
    CHECK_STR(feature_name(FEATURE_COMPATIBLE, 0), "lazy refcounts");
    CHECK_STR(feature_name(FEATURE_AUTOCLEAR, 0), "bitmaps");
    CHECK_STR(feature_name(FEATURE_AUTOCLEAR, 1), "raw external data");
}

static void knows_no_other_bits(void)
{
    CHECK(feature_name(FEATURE_INCOMPATIBLE, 5) == NULL);
    CHECK(feature_name(FEATURE_COMPATIBLE, 1) == NULL);
    CHECK(feature_name(FEATURE_AUTOCLEAR, 2) == NULL);
    CHECK(feature_name(FEATURE_AUTOCLEAR, 63) == NULL);
}

static void names_the_types(void)
{
    CHECK_STR(feature_type_name(0), "incompatible");
    CHECK_STR(feature_type_name(1), "compatible");
    CHECK_STR(feature_type_name(2), "autoclear");
    CHECK(feature_type_name(3) == NULL);
    CHECK(feature_type_name(255) == NULL);
}

static void counts_whole_entries(void)
{
    CHECK_EQ_U64(feature_table_count(table), 3);
    CHECK_EQ_U64(feature_table_count((struct bytes){table_data, 47}), 0);
    CHECK_EQ_U64(feature_table_count((struct bytes){NULL, 0}), 0);
}

static void gives_each_entry(void)
{
    struct feature_entry entry;
    REQUIRE(feature_table_entry(table, 0, &entry));
    CHECK_EQ_U64(entry.type, 0);
    CHECK_EQ_U64(entry.bit, 7);
    CHECK(is(entry.name, "weird"));
}

static void takes_a_name_without_a_nul(void)
{
    struct feature_entry entry;
    REQUIRE(feature_table_entry(table, 1, &entry));
    CHECK(is(entry.name, "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ"));
}

static void trims_nuls_at_both_ends_only(void)
{
    struct feature_entry entry;
    REQUIRE(feature_table_entry(table, 2, &entry));
    CHECK_EQ_U64(entry.type, 9);
    CHECK_EQ_U64(entry.bit, 200);
    CHECK_EQ_U64(entry.name.size, 3);
    CHECK_MEM(entry.name.data, "x\0y", 3);
}

static void gives_nothing_past_the_last_whole_entry(void)
{
    struct feature_entry entry;
    CHECK(!feature_table_entry(table, 3, &entry));
    CHECK(!feature_table_entry(table, SIZE_MAX, &entry));
    CHECK(!feature_table_entry(table, SIZE_MAX / 48 + 1, &entry));
    CHECK(!feature_table_entry((struct bytes){NULL, 0}, 0, &entry));
}

static void looks_up_by_type_and_bit(void)
{
    struct bytes name;
    CHECK(feature_table_lookup(table, FEATURE_INCOMPATIBLE, 7, &name) && is(name, "weird"));
    CHECK(!feature_table_lookup(table, FEATURE_COMPATIBLE, 7, &name));
    CHECK(!feature_table_lookup(table, FEATURE_INCOMPATIBLE, 8, &name));
    CHECK_EQ_U64(name.size, 0);
}

int main(void)
{
    RUN(names_the_known_bits);
    RUN(knows_no_other_bits);
    RUN(names_the_types);
    RUN(counts_whole_entries);
    RUN(gives_each_entry);
    RUN(takes_a_name_without_a_nul);
    RUN(trims_nuls_at_both_ends_only);
    RUN(gives_nothing_past_the_last_whole_entry);
    RUN(looks_up_by_type_and_bit);
    return unit_done();
}
