// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "format/extension.h"
#include "unit.h"

#include "format/layout.h"

enum { CLUSTER = 512, START = 112 };

// A first cluster that extensions are put into, one after another.
struct area {
    uint8_t data[CLUSTER];
    size_t used;
};

static struct header plain_header(void)
{
    return (struct header){
        .version = 3,
        .cluster_bits = 9,
        .header_length = START,
        .geometry_known = true,
        .cluster_size = CLUSTER,
        .l2_entry_size = 8,
        .l2_entries = 64,
    };
}

static struct area empty_area(void)
{
    return (struct area){.used = START};
}

static void put_be32(struct area *area, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        area->data[area->used++] = (uint8_t)(value >> shift);
    }
}

static void put_be64(struct area *area, uint64_t value)
{
    put_be32(area, (uint32_t)(value >> 32));
    put_be32(area, (uint32_t)value);
}

static void put_head(struct area *area, uint32_t type, uint32_t length)
{
    put_be32(area, type);
    put_be32(area, length);
}

static void put_text(struct area *area, uint32_t type, const char *text)
{
    size_t length = strlen(text);
    put_head(area, type, (uint32_t)length);
    memcpy(area->data + area->used, text, length);
    area->used += (length + 7) / 8 * 8;
}

static void put_bitmaps(struct area *area, uint32_t count, uint64_t size, uint64_t offset)
{
    put_head(area, EXTENSION_BITMAPS, BITMAPS_EXTENSION_SIZE);
    put_be32(area, count);
    put_be32(area, 0);
    put_be64(area, size);
    put_be64(area, offset);
}

static struct bytes all_of(const struct area *area)
{
    return (struct bytes){area->data, sizeof area->data};
}

static bool is(struct bytes bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

static void names_the_known_types(void)
{
    CHECK_STR(extension_type_name(EXTENSION_BACKING_FORMAT), "Backing file format name string");
    CHECK_STR(extension_type_name(EXTENSION_FEATURE_NAMES), "Feature name table");
    CHECK_STR(extension_type_name(EXTENSION_BITMAPS), "Bitmaps extension");
    CHECK_STR(extension_type_name(EXTENSION_ENCRYPTION), "Full disk encryption header pointer");
    CHECK_STR(extension_type_name(EXTENSION_DATA_FILE), "External data file name string");
    CHECK(extension_type_name(0xe279268f) == NULL);
}

static void walks_in_order_and_skips_the_padding(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    struct extension extension;
    put_text(&area, EXTENSION_BACKING_FORMAT, "qcow2");
    put_text(&area, 0x12345678, "");
    put_text(&area, EXTENSION_DATA_FILE, "12345678");
    struct extension_walk walk = extension_walk_start(all_of(&area), &header);
    REQUIRE(extension_next(&walk, &extension, NULL));
    CHECK_EQ_U64(extension.offset, 112);
    CHECK(is(extension.data, "qcow2"));
    REQUIRE(extension_next(&walk, &extension, NULL));
    CHECK_EQ_U64(extension.offset, 128);
    CHECK_EQ_U64(extension.data.size, 0);
    REQUIRE(extension_next(&walk, &extension, NULL));
    CHECK_EQ_U64(extension.offset, 136);
    CHECK(is(extension.data, "12345678"));
    CHECK(!extension_next(&walk, &extension, NULL));
    CHECK(!extension_next(&walk, &extension, NULL));
}

static size_t count_kind(const struct problems *problems, enum problem_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < problems->count; i++) {
        count += problems->items[i].kind == kind;
    }
    return count;
}

static void many_unknown_types_hide_no_repetition(void)
{
    enum { WATCHED = 32 };
    for (uint32_t more = 0; more < 2; more++) {
        struct area area = empty_area();
        struct header header = plain_header();
        struct extensions extensions;
        struct problems problems = {0};
        for (uint32_t i = 0; i < WATCHED + more; i++) {
            put_head(&area, 0x12340000 + i, 0);
        }
        put_text(&area, EXTENSION_BACKING_FORMAT, "raw");
        put_text(&area, EXTENSION_BACKING_FORMAT, "qcow2");
        extensions_parse(all_of(&area), &header, &extensions, &problems);
        CHECK_EQ_U64(count_kind(&problems, PROBLEM_EXTENSION_REPEATED), 1);
        CHECK_EQ_U64(count_kind(&problems, PROBLEM_EXTENSION_TYPES), more);
        CHECK(is(extensions.backing_format, "qcow2"));
        problems_free(&problems);
    }
}

static void version_2_starts_at_72(void)
{
    struct area area = {.used = 72};
    struct header header = plain_header();
    struct extension extension;
    header.version = 2;
    header.header_length = HEADER_LENGTH_V2;
    put_text(&area, EXTENSION_BACKING_FORMAT, "raw");
    struct extension_walk walk = extension_walk_start(all_of(&area), &header);
    REQUIRE(extension_next(&walk, &extension, NULL));
    CHECK_EQ_U64(extension.offset, 72);
}

// Walks to the end and returns how many there were.
static size_t count(struct bytes cluster, const struct header *header, struct problems *problems)
{
    struct extension extension;
    size_t found = 0;
    struct extension_walk walk = extension_walk_start(cluster, header);
    while (extension_next(&walk, &extension, problems)) {
        found++;
    }
    return found;
}

static void the_backing_name_ends_the_area(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    struct problems problems = {0};
    put_text(&area, 1, "x");
    header.backing_file_offset = area.used;
    put_text(&area, 2, "not an extension: the name stands here");
    CHECK_EQ_U64(count(all_of(&area), &header, &problems), 1);
    CHECK_EQ_U64(problems.count, 0);
    problems_free(&problems);
}

static void the_area_may_end_without_a_marker(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    struct problems problems = {0};
    put_head(&area, 1, CLUSTER - START - 8);
    CHECK_EQ_U64(count(all_of(&area), &header, &problems), 1);
    CHECK_EQ_U64(problems.count, 0);
    problems_free(&problems);
}

static void ends_with_a_problem(struct area *area, const struct header *header, size_t size,
                                const char *code, uint64_t offset)
{
    struct problems problems = {0};
    CHECK_EQ_U64(count((struct bytes){area->data, size}, header, &problems), 1);
    if (CHECK_EQ_U64(problems.count, 1)) {
        CHECK_STR(problems.items[0].error.code, code);
        CHECK_EQ_U64(problems.items[0].error.offset, offset);
    }
    problems_free(&problems);
}

static void a_length_past_the_area_ends_the_walk(void)
{
    struct header header = plain_header();
    struct area area = empty_area();
    put_text(&area, 1, "x");
    put_head(&area, 2, CLUSTER - 128 - 8 + 1);
    ends_with_a_problem(&area, &header, CLUSTER, "corrupt", 128);
    area = empty_area();
    put_text(&area, 1, "x");
    put_head(&area, 2, UINT32_MAX);
    ends_with_a_problem(&area, &header, CLUSTER, "corrupt", 128);
}

static void a_file_that_ends_early_is_truncated(void)
{
    struct header header = plain_header();
    struct area area = empty_area();
    put_text(&area, 1, "x");
    put_text(&area, 2, "12345678");
    ends_with_a_problem(&area, &header, 128, "truncated", 128);
    ends_with_a_problem(&area, &header, 135, "truncated", 128);
    ends_with_a_problem(&area, &header, 143, "truncated", 128);
}

static void too_little_room_for_a_head_is_reported(void)
{
    struct header header = plain_header();
    struct area area = empty_area();
    put_text(&area, 1, "x");
    header.backing_file_offset = 132;
    ends_with_a_problem(&area, &header, CLUSTER, "corrupt", 128);
}

static void padding_may_reach_past_the_area(void)
{
    struct header header = plain_header();
    struct area area = empty_area();
    struct problems problems = {0};
    put_text(&area, 1, "x");
    header.backing_file_offset = 121;
    CHECK_EQ_U64(count(all_of(&area), &header, &problems), 1);
    CHECK_EQ_U64(problems.count, 0);
    problems_free(&problems);
}

static void a_header_of_impossible_length_has_no_extensions(void)
{
    struct header header = plain_header();
    struct area area = empty_area();
    put_text(&area, 1, "x");
    header.header_length = 0;
    CHECK_EQ_U64(count(all_of(&area), &header, NULL), 0);
    header.header_length = UINT32_MAX;
    CHECK_EQ_U64(count(all_of(&area), &header, NULL), 0);
    header.header_length = START;
    header.backing_file_offset = 8;
    CHECK_EQ_U64(count(all_of(&area), &header, NULL), 0);
    header.backing_file_offset = UINT64_MAX;
    CHECK_EQ_U64(count(all_of(&area), &header, NULL), 1);
}

static void an_unknown_cluster_size_takes_what_is_there(void)
{
    struct header header = plain_header();
    struct area area = empty_area();
    put_text(&area, 1, "x");
    header.geometry_known = false;
    header.cluster_size = 0;
    CHECK_EQ_U64(count(all_of(&area), &header, NULL), 1);
    CHECK_EQ_U64(count((struct bytes){0}, &header, NULL), 0);
}

static void collects_what_the_known_ones_say(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    struct extensions found;
    struct problems problems = {0};
    header.crypt_method = CRYPT_LUKS;
    header.autoclear_features = AUTOCLEAR_BITMAPS;
    put_text(&area, EXTENSION_BACKING_FORMAT, "raw");
    put_text(&area, EXTENSION_DATA_FILE, "disk.raw");
    put_bitmaps(&area, 3, 96, 4096);
    put_head(&area, EXTENSION_ENCRYPTION, ENCRYPTION_EXTENSION_SIZE);
    put_be64(&area, 1024);
    put_be64(&area, 2068480);
    extensions_parse(all_of(&area), &header, &found, &problems);
    CHECK_EQ_U64(problems.count, 0);
    CHECK(is(found.backing_format, "raw"));
    CHECK(is(found.data_file, "disk.raw"));
    CHECK(found.has_bitmaps);
    CHECK_EQ_U64(found.bitmaps_count, 3);
    CHECK_EQ_U64(found.bitmaps_directory_size, 96);
    CHECK_EQ_U64(found.bitmaps_directory_offset, 4096);
    CHECK(found.has_encryption);
    CHECK_EQ_U64(found.encryption_offset, 1024);
    CHECK_EQ_U64(found.encryption_length, 2068480);
    problems_free(&problems);
}

static void absent_ones_leave_nothing(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    struct extensions found;
    struct problems problems = {0};
    extensions_parse(all_of(&area), &header, &found, &problems);
    CHECK(found.backing_format.data == NULL);
    CHECK(found.data_file.data == NULL);
    CHECK(!found.has_bitmaps && !found.has_encryption);
    CHECK_EQ_U64(problems.count, 0);
    problems_free(&problems);
}

static void the_last_of_several_wins_and_is_reported(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    struct extensions found;
    struct problems problems = {0};
    put_text(&area, EXTENSION_BACKING_FORMAT, "raw");
    put_text(&area, EXTENSION_BACKING_FORMAT, "qcow2");
    put_text(&area, EXTENSION_BACKING_FORMAT, "vmdk");
    extensions_parse(all_of(&area), &header, &found, &problems);
    CHECK(is(found.backing_format, "vmdk"));
    REQUIRE(problems.count == 1);
    CHECK_STR(problems.items[0].error.code, "corrupt");
    CHECK_EQ_U64(problems.items[0].error.offset, 128);
    problems_free(&problems);
}

// Parses and expects one problem.
static void one_problem(const struct area *area, const struct header *header, const char *code,
                        bool unreadable)
{
    struct extensions found;
    struct problems problems = {0};
    extensions_parse(all_of(area), header, &found, &problems);
    if (CHECK_EQ_U64(problems.count, 1)) {
        CHECK_STR(problems.items[0].error.code, code);
        CHECK(problems.items[0].unreadable == unreadable);
    }
    problems_free(&problems);
}

static void a_long_format_name_is_reported(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    put_text(&area, EXTENSION_BACKING_FORMAT, "sixteen bytes ok");
    one_problem(&area, &header, "limit", false);
}

static void a_cut_feature_table_is_reported(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    put_head(&area, EXTENSION_FEATURE_NAMES, 50);
    area.used += 56;
    one_problem(&area, &header, "corrupt", false);
}

static void a_feature_name_for_bit_64_is_reported(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    put_head(&area, EXTENSION_FEATURE_NAMES, 48);
    area.data[area.used + 1] = 64;
    area.used += 48;
    one_problem(&area, &header, "corrupt", false);
}

static void luks_needs_its_pointer(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    header.crypt_method = CRYPT_LUKS;
    one_problem(&area, &header, "corrupt", true);
}

static void a_pointer_needs_luks(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    put_head(&area, EXTENSION_ENCRYPTION, ENCRYPTION_EXTENSION_SIZE);
    put_be64(&area, 1024);
    put_be64(&area, 592);
    one_problem(&area, &header, "corrupt", false);
}

static void an_unaligned_pointer_is_reported(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    header.crypt_method = CRYPT_LUKS;
    put_head(&area, EXTENSION_ENCRYPTION, ENCRYPTION_EXTENSION_SIZE);
    put_be64(&area, 1000);
    put_be64(&area, 592);
    one_problem(&area, &header, "corrupt", false);
}

static void bitmaps_have_limits(void)
{
    static const struct {
        uint32_t count;
        uint64_t size, offset;
        const char *code;
    } cases[] = {
        {0, 0, 4096, "corrupt"},
        {65536, 96, 4096, "limit"},
        {1, CAP_BITMAP_DIRECTORY + 1, 4096, "limit"},
        {1, 32, 4097, "corrupt"},
        {1, 32, 0, "corrupt"},
        {1, 32, UINT64_C(1) << 56, "limit"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct area area = empty_area();
        struct header header = plain_header();
        header.autoclear_features = AUTOCLEAR_BITMAPS;
        put_bitmaps(&area, cases[i].count, cases[i].size, cases[i].offset);
        one_problem(&area, &header, cases[i].code, false);
    }
}

static void the_reserved_field_of_the_bitmaps_extension_is_zero(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    header.autoclear_features = AUTOCLEAR_BITMAPS;
    size_t at = area.used;
    put_bitmaps(&area, 1, 32, 4096);
    area.data[at + EXTENSION_DATA + BITMAPS_EXTENSION_RESERVED] = 1;
    one_problem(&area, &header, "corrupt", false);
}

static void bitmaps_without_their_bit_are_inconsistent(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    put_bitmaps(&area, 1, 32, 4096);
    one_problem(&area, &header, "inconsistent-bitmaps", false);
}

static void the_bitmaps_bit_needs_its_extension(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    header.autoclear_features = AUTOCLEAR_BITMAPS;
    one_problem(&area, &header, "corrupt", false);
}

static void an_unknown_feature_makes_unreadable(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    header.incompatible_features = UINT64_C(1) << 63;
    one_problem(&area, &header, "unsupported-feature", true);
}

static void an_unknown_feature_has_the_images_name(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    struct extensions found;
    struct problems problems = {0};
    header.incompatible_features = INCOMPATIBLE_DIRTY | UINT64_C(1) << 40;
    put_head(&area, EXTENSION_FEATURE_NAMES, 48);
    area.data[area.used + 1] = 40;
    memcpy(area.data + area.used + 2, "holographic", 11);
    area.used += 48;
    extensions_parse(all_of(&area), &header, &found, &problems);
    REQUIRE(problems.count == 1);
    CHECK(strstr(problems.items[0].error.message, "bit 40") != NULL);
    CHECK(strstr(problems.items[0].error.message, "\"holographic\"") != NULL);
    problems_free(&problems);
}

static void many_unknown_features_are_counted(void)
{
    struct area area = empty_area();
    struct header header = plain_header();
    struct extensions found;
    struct problems problems = {0};
    header.incompatible_features = UINT64_MAX;
    extensions_parse(all_of(&area), &header, &found, &problems);
    CHECK_EQ_U64(problems.count, 9);
    REQUIRE(problems.count == 9);
    CHECK(strstr(problems.items[8].error.message, "51 further") != NULL);
    problems_free(&problems);
}

int main(void)
{
    RUN(names_the_known_types);
    RUN(walks_in_order_and_skips_the_padding);
    RUN(many_unknown_types_hide_no_repetition);
    RUN(version_2_starts_at_72);
    RUN(the_backing_name_ends_the_area);
    RUN(the_area_may_end_without_a_marker);
    RUN(a_length_past_the_area_ends_the_walk);
    RUN(a_file_that_ends_early_is_truncated);
    RUN(too_little_room_for_a_head_is_reported);
    RUN(padding_may_reach_past_the_area);
    RUN(a_header_of_impossible_length_has_no_extensions);
    RUN(an_unknown_cluster_size_takes_what_is_there);
    RUN(collects_what_the_known_ones_say);
    RUN(absent_ones_leave_nothing);
    RUN(the_last_of_several_wins_and_is_reported);
    RUN(a_long_format_name_is_reported);
    RUN(a_cut_feature_table_is_reported);
    RUN(a_feature_name_for_bit_64_is_reported);
    RUN(luks_needs_its_pointer);
    RUN(a_pointer_needs_luks);
    RUN(an_unaligned_pointer_is_reported);
    RUN(bitmaps_have_limits);
    RUN(the_reserved_field_of_the_bitmaps_extension_is_zero);
    RUN(bitmaps_without_their_bit_are_inconsistent);
    RUN(the_bitmaps_bit_needs_its_extension);
    RUN(an_unknown_feature_makes_unreadable);
    RUN(an_unknown_feature_has_the_images_name);
    RUN(many_unknown_features_are_counted);
    return unit_done();
}
