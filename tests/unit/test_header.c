// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The header: what each field says, and what is said of fields that break a rule.

#include "base/error.h"
#include "format/header.h"
#include "format/layout.h"

#include "unit.h"

#define CLUSTER UINT64_C(65536)

enum { HEADER_BYTES = 120 }; // and what follows those that have names

// The bytes of a header and what the parser says of them.
struct subject {
    uint8_t bytes[HEADER_BYTES];
    size_t size;
    struct header header;
    struct problems problems;
    struct error error;
    bool parsed;
};

static void put(struct subject *subject, size_t offset, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++) {
        subject->bytes[offset + i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
}

// A sound header: 1 GiB in clusters of 64 KiB.
static struct subject sound_v2(void)
{
    struct subject subject = {.size = HEADER_BYTES};
    put(&subject, 0, 4, 0x514649fb);
    put(&subject, 4, 4, 2);
    put(&subject, 20, 4, 16);
    put(&subject, 24, 8, UINT64_C(1) << 30);
    put(&subject, 36, 4, 2);
    put(&subject, 40, 8, 3 * CLUSTER);
    put(&subject, 48, 8, 1 * CLUSTER);
    put(&subject, 56, 4, 1);
    return subject;
}

static struct subject sound_v3(void)
{
    struct subject subject = sound_v2();
    put(&subject, 4, 4, 3);
    put(&subject, 96, 4, 4);
    put(&subject, 100, 4, 112);
    return subject;
}

static void parse(struct subject *subject)
{
    subject->problems = (struct problems){0};
    subject->parsed = header_parse((struct bytes){subject->bytes, subject->size}, &subject->header,
                                   &subject->problems, &subject->error);
}

// One problem and no other: of this code, at this offset of the file, fatal or not.
static void check_one_problem(struct subject *subject, const char *code, uint64_t offset,
                              bool fatal)
{
    parse(subject);
    CHECK(subject->parsed);
    if (CHECK_EQ_U64(subject->problems.count, 1)) {
        const struct problem *problem = &subject->problems.items[0];
        CHECK_STR(problem->error.code, code);
        CHECK(problem->error.has_offset);
        CHECK_EQ_U64(problem->error.offset, offset);
        CHECK(problem->error.message[0] != '\0');
        CHECK_EQ_U64(problem->unreadable, fatal);
    }
    CHECK_EQ_U64(subject->problems.unreadable, fatal);
    problems_free(&subject->problems);
}

// A sound version 3 header with one field changed has this one problem.
static void check_field(size_t offset, size_t width, uint64_t value, const char *code, bool fatal)
{
    struct subject subject = sound_v3();
    put(&subject, offset, width, value);
    check_one_problem(&subject, code, offset, fatal);
}

static void check_sound(struct subject *subject)
{
    parse(subject);
    CHECK(subject->parsed);
    CHECK_EQ_U64(subject->problems.count, 0);
    if (subject->problems.count > 0) {
        printf("# %s\n", subject->problems.items[0].error.message);
    }
    CHECK(!subject->problems.unreadable);
    problems_free(&subject->problems);
}

static void a_sound_version_3_header_has_no_problems(void)
{
    struct subject subject = sound_v3();
    check_sound(&subject);
    const struct header *header = &subject.header;
    CHECK_EQ_U64(header->version, 3);
    CHECK_EQ_U64(header->size, UINT64_C(1) << 30);
    CHECK_EQ_U64(header->cluster_bits, 16);
    CHECK_EQ_U64(header->l1_size, 2);
    CHECK_EQ_U64(header->l1_table_offset, 3 * CLUSTER);
    CHECK_EQ_U64(header->refcount_table_offset, CLUSTER);
    CHECK_EQ_U64(header->refcount_table_clusters, 1);
    CHECK_EQ_U64(header->refcount_order, 4);
    CHECK_EQ_U64(header->header_length, 112);
    CHECK_EQ_U64(header->compression_type, 0);
}

static void every_field_is_loaded_from_its_place(void)
{
    struct subject subject = sound_v3();
    put(&subject, 8, 8, UINT64_C(0x0102030405060708));
    put(&subject, 16, 4, 0x11121314);
    put(&subject, 24, 8, UINT64_C(0x2122232425262728));
    put(&subject, 32, 4, 0x31323334);
    put(&subject, 36, 4, 0x41424344);
    put(&subject, 40, 8, UINT64_C(0x5152535455565758));
    put(&subject, 48, 8, UINT64_C(0x6162636465666768));
    put(&subject, 56, 4, 0x71727374);
    put(&subject, 60, 4, 0x81828384);
    put(&subject, 64, 8, UINT64_C(0x9192939495969798));
    put(&subject, 72, 8, UINT64_C(0xa1a2a3a4a5a6a7a8));
    put(&subject, 80, 8, UINT64_C(0xb1b2b3b4b5b6b7b8));
    put(&subject, 88, 8, UINT64_C(0xc1c2c3c4c5c6c7c8));
    put(&subject, 96, 4, 0xd1d2d3d4);
    put(&subject, 104, 1, 0xe1);
    parse(&subject);
    const struct header *header = &subject.header;
    CHECK(subject.parsed);
    CHECK_EQ_U64(header->backing_file_offset, UINT64_C(0x0102030405060708));
    CHECK_EQ_U64(header->backing_file_size, 0x11121314);
    CHECK_EQ_U64(header->size, UINT64_C(0x2122232425262728));
    CHECK_EQ_U64(header->crypt_method, 0x31323334);
    CHECK_EQ_U64(header->l1_size, 0x41424344);
    CHECK_EQ_U64(header->l1_table_offset, UINT64_C(0x5152535455565758));
    CHECK_EQ_U64(header->refcount_table_offset, UINT64_C(0x6162636465666768));
    CHECK_EQ_U64(header->refcount_table_clusters, 0x71727374);
    CHECK_EQ_U64(header->nb_snapshots, 0x81828384);
    CHECK_EQ_U64(header->snapshots_offset, UINT64_C(0x9192939495969798));
    CHECK_EQ_U64(header->incompatible_features, UINT64_C(0xa1a2a3a4a5a6a7a8));
    CHECK_EQ_U64(header->compatible_features, UINT64_C(0xb1b2b3b4b5b6b7b8));
    CHECK_EQ_U64(header->autoclear_features, UINT64_C(0xc1c2c3c4c5c6c7c8));
    CHECK_EQ_U64(header->refcount_order, 0xd1d2d3d4);
    CHECK_EQ_U64(header->compression_type, 0xe1);
    problems_free(&subject.problems);
}

static void a_version_2_header_ends_at_72_whatever_follows(void)
{
    struct subject subject = sound_v2();
    memset(subject.bytes + 72, 0xff, HEADER_BYTES - 72);
    check_sound(&subject);
    CHECK_EQ_U64(subject.header.incompatible_features, 0);
    CHECK_EQ_U64(subject.header.compatible_features, 0);
    CHECK_EQ_U64(subject.header.autoclear_features, 0);
    CHECK_EQ_U64(subject.header.refcount_order, 4);
    CHECK_EQ_U64(subject.header.header_length, 72);
    CHECK_EQ_U64(subject.header.compression_type, 0);
}

static void a_version_2_file_of_72_bytes_is_a_whole_header(void)
{
    struct subject subject = sound_v2();
    subject.size = 72;
    check_sound(&subject);
}

static void the_compression_type_is_absent_from_a_header_of_104_bytes(void)
{
    struct subject subject = sound_v3();
    put(&subject, 100, 4, 104);
    put(&subject, 104, 1, 1);
    check_sound(&subject);
    CHECK_EQ_U64(subject.header.compression_type, 0);
}

static void a_longer_header_keeps_its_known_fields(void)
{
    struct subject subject = sound_v3();
    put(&subject, 100, 4, 4096);
    check_sound(&subject);
    CHECK_EQ_U64(subject.header.header_length, 4096);
}

static void geometry_follows_from_the_cluster_size(void)
{
    for (unsigned bits = 9; bits <= 21; bits++) {
        struct subject subject = sound_v3();
        put(&subject, 20, 4, bits);
        put(&subject, 36, 4, 4194304);
        put(&subject, 40, 8, UINT64_C(1) << 21);
        put(&subject, 48, 8, UINT64_C(1) << 22);
        check_sound(&subject);
        CHECK(subject.header.geometry_known);
        CHECK_EQ_U64(subject.header.cluster_size, UINT64_C(1) << bits);
        CHECK_EQ_U64(subject.header.l2_entry_size, 8);
        CHECK_EQ_U64(subject.header.l2_entries, UINT64_C(1) << (bits - 3));
        CHECK_EQ_U64(header_l2_coverage(&subject.header), UINT64_C(1) << (2 * bits - 3));
        CHECK_EQ_U64(subject.header.refcount_bits, 16);
        CHECK(!header_extended_l2(&subject.header));
    }
}

static void extended_l2_entries_have_twice_the_size(void)
{
    for (unsigned bits = 14; bits <= 21; bits++) {
        struct subject subject = sound_v3();
        put(&subject, 20, 4, bits);
        put(&subject, 36, 4, 100);
        put(&subject, 40, 8, UINT64_C(1) << 21);
        put(&subject, 48, 8, UINT64_C(1) << 22);
        put(&subject, 72, 8, 16);
        check_sound(&subject);
        CHECK(header_extended_l2(&subject.header));
        CHECK_EQ_U64(subject.header.l2_entry_size, 16);
        CHECK_EQ_U64(subject.header.l2_entries, UINT64_C(1) << (bits - 4));
        CHECK_EQ_U64(header_l2_coverage(&subject.header), UINT64_C(1) << (2 * bits - 4));
    }
}

static void extended_l2_entries_need_clusters_of_16_kib(void)
{
    struct subject subject = sound_v3();
    put(&subject, 20, 4, 13);
    put(&subject, 36, 4, 1 << 10);
    put(&subject, 72, 8, 16);
    check_one_problem(&subject, ERROR_LIMIT, 20, true);
}

static void refcounts_have_1_to_64_bits(void)
{
    for (unsigned order = 0; order <= 6; order++) {
        struct subject subject = sound_v3();
        put(&subject, 96, 4, order);
        check_sound(&subject);
        CHECK_EQ_U64(subject.header.refcount_bits, UINT64_C(1) << order);
    }
    check_field(96, 4, 7, ERROR_LIMIT, false);
    check_field(96, 4, UINT32_MAX, ERROR_LIMIT, false);
}

static void what_has_no_magic_is_no_qcow2_image(void)
{
    struct subject subject = sound_v3();
    put(&subject, 3, 1, 0xfa);
    parse(&subject);
    CHECK(!subject.parsed);
    CHECK_STR(subject.error.code, "not-qcow2");
    subject = sound_v3();
    for (subject.size = 0; subject.size < 4; subject.size++) {
        parse(&subject);
        CHECK(!subject.parsed);
        CHECK_STR(subject.error.code, "not-qcow2");
    }
}

static void the_first_qcow_format_is_another_one(void)
{
    for (unsigned version = 0; version < 2; version++) {
        struct subject subject = sound_v2();
        put(&subject, 4, 4, version);
        parse(&subject);
        CHECK(!subject.parsed);
        CHECK_STR(subject.error.code, "not-qcow2");
    }
}

static void a_file_that_ends_within_the_version_2_fields_is_truncated(void)
{
    struct subject subject = sound_v3();
    for (subject.size = 4; subject.size < 72; subject.size++) {
        parse(&subject);
        CHECK(!subject.parsed);
        CHECK_STR(subject.error.code, "truncated");
        CHECK_EQ_U64(subject.error.offset, subject.size);
    }
}

static void a_file_that_ends_within_the_version_3_fields_still_shows_the_others(void)
{
    struct subject subject = sound_v3();
    put(&subject, 72, 8, 1);
    subject.size = 108;
    check_one_problem(&subject, ERROR_TRUNCATED, 108, true);
    CHECK_EQ_U64(subject.header.incompatible_features, 1);
    CHECK_EQ_U64(subject.header.size, UINT64_C(1) << 30);
}

static void a_later_version_is_unsupported(void)
{
    check_field(4, 4, 4, ERROR_UNSUPPORTED_VERSION, true);
    check_field(4, 4, UINT32_MAX, ERROR_UNSUPPORTED_VERSION, true);
}

static void cluster_sizes_end_at_512_and_2_mib(void)
{
    const unsigned wrong[] = {0, 8, 22, 32, 64, UINT32_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        check_field(20, 4, wrong[i], ERROR_LIMIT, true);
        struct subject subject = sound_v3();
        put(&subject, 20, 4, wrong[i]);
        parse(&subject);
        CHECK(!subject.header.geometry_known);
        problems_free(&subject.problems);
    }
}

static void a_header_length_breaks_no_rule_or_is_reported(void)
{
    check_field(100, 4, 0, ERROR_CORRUPT, true);
    check_field(100, 4, 96, ERROR_CORRUPT, true);
    check_field(100, 4, 108, ERROR_CORRUPT, false);
    check_field(100, 4, 65536 + 8, ERROR_CORRUPT, true);
}

static void the_l1_table_covers_the_disk_or_is_reported(void)
{
    check_field(36, 4, 1, ERROR_CORRUPT, true); // 2 × 512 MiB make 1 GiB
    check_field(36, 4, 0, ERROR_CORRUPT, true);
}

static void a_disk_that_needs_more_l1_entries_is_reported_at_l1_size(void)
{
    struct subject subject = sound_v3();
    put(&subject, 24, 8, (UINT64_C(1) << 30) + 512);
    check_one_problem(&subject, ERROR_CORRUPT, 36, true);
    subject = sound_v3();
    put(&subject, 24, 8, UINT64_MAX - 511);
    check_one_problem(&subject, ERROR_CORRUPT, 36, true);
}

static void a_larger_l1_table_than_needed_is_fine(void)
{
    struct subject subject = sound_v3();
    put(&subject, 36, 4, 4194304);
    check_sound(&subject);
    check_field(36, 4, 4194305, ERROR_LIMIT, true);
}

static void an_empty_disk_needs_no_l1_table(void)
{
    struct subject subject = sound_v3();
    put(&subject, 24, 8, 0);
    put(&subject, 36, 4, 0);
    put(&subject, 40, 8, 0);
    check_sound(&subject);
}

static void the_size_is_kept_and_reported_when_it_has_a_partial_sector(void)
{
    struct subject subject = sound_v3();
    put(&subject, 24, 8, 1000000007);
    check_one_problem(&subject, "partial-sector", 24, false);
    CHECK_EQ_U64(subject.header.size, 1000000007);
    subject = sound_v3();
    put(&subject, 24, 8, 1000000000 / 512 * 512);
    check_sound(&subject);
}

static void tables_are_aligned_and_below_2_to_the_56(void)
{
    check_field(40, 8, 3 * CLUSTER + 512, ERROR_CORRUPT, true);
    check_field(40, 8, UINT64_C(1) << 56, ERROR_LIMIT, true);
    check_field(48, 8, CLUSTER + 1, ERROR_CORRUPT, false);
    check_field(48, 8, UINT64_C(1) << 56, ERROR_LIMIT, false);
}

// QEMU refuses such an image even when it has no snapshots.
static void the_place_of_the_snapshot_table_matters_without_snapshots_too(void)
{
    struct subject subject = sound_v3();
    put(&subject, 64, 8, 1);
    check_one_problem(&subject, ERROR_CORRUPT, 64, false);
    subject = sound_v3();
    put(&subject, 64, 8, 1);
    put(&subject, 60, 4, 1);
    check_one_problem(&subject, ERROR_CORRUPT, 64, false);
    check_field(60, 4, 65537, ERROR_LIMIT, false);
}

static void the_refcount_table_matters_to_a_checker_only(void)
{
    check_field(56, 4, 0, ERROR_CORRUPT, false);
    check_field(56, 4, 129, ERROR_LIMIT, false); // 8 MiB are 128 clusters
    struct subject subject = sound_v3();
    put(&subject, 56, 4, 128);
    check_sound(&subject);
}

static void unknown_encryption_is_not_supported(void)
{
    struct subject subject = sound_v3();
    put(&subject, 32, 4, 1);
    check_sound(&subject);
    subject = sound_v3();
    put(&subject, 32, 4, 2);
    check_sound(&subject);
    check_field(32, 4, 3, ERROR_UNSUPPORTED_ENCRYPTION, true);
}

static void compression_type_and_its_feature_bit_go_together(void)
{
    struct subject subject = sound_v3();
    put(&subject, 72, 8, 8);
    put(&subject, 104, 1, 1);
    check_sound(&subject);
    CHECK_EQ_U64(subject.header.compression_type, 1);
    put(&subject, 104, 1, 0);
    check_one_problem(&subject, ERROR_CORRUPT, 104, true);
    check_field(104, 1, 1, ERROR_CORRUPT, true);
    check_field(104, 1, 2, ERROR_CORRUPT, true);
    subject = sound_v3();
    put(&subject, 72, 8, 8);
    put(&subject, 104, 1, 2);
    check_one_problem(&subject, ERROR_UNSUPPORTED_COMPRESSION, 104, true);
}

static void raw_external_data_needs_a_data_file_and_no_backing_file(void)
{
    struct subject subject = sound_v3();
    put(&subject, 88, 8, 2);
    check_one_problem(&subject, ERROR_CORRUPT, 88, false);
    put(&subject, 72, 8, 4);
    check_sound(&subject);
    put(&subject, 8, 8, 1024);
    put(&subject, 16, 4, 10);
    check_one_problem(&subject, ERROR_CORRUPT, 88, false);
}

static void the_backing_file_name_lies_in_the_first_cluster(void)
{
    struct subject subject = sound_v3();
    put(&subject, 8, 8, CLUSTER - 1023);
    put(&subject, 16, 4, 1023);
    check_sound(&subject);
    put(&subject, 8, 8, CLUSTER - 1022);
    check_one_problem(&subject, ERROR_CORRUPT, 8, true);
    put(&subject, 8, 8, UINT64_MAX);
    check_one_problem(&subject, ERROR_CORRUPT, 8, true);
    put(&subject, 8, 8, 1024);
    put(&subject, 16, 4, 1024);
    check_one_problem(&subject, ERROR_LIMIT, 16, true);
}

static void a_backing_file_without_offset_or_without_length_is_none(void)
{
    struct subject subject = sound_v3();
    put(&subject, 16, 4, UINT32_MAX);
    check_sound(&subject);
    subject = sound_v3();
    put(&subject, 8, 8, CLUSTER);
    check_sound(&subject);
}

// QEMU refuses such an image.
static void the_place_of_a_name_without_bytes_is_not_behind_the_first_cluster(void)
{
    check_field(8, 8, CLUSTER + 1, ERROR_CORRUPT, false);
    check_field(8, 8, UINT64_MAX, ERROR_CORRUPT, false);
}

static void all_problems_are_reported_not_only_the_first(void)
{
    struct subject subject = sound_v3();
    put(&subject, 32, 4, 3);
    put(&subject, 36, 4, 1);
    put(&subject, 40, 8, 1);
    put(&subject, 48, 8, 1);
    put(&subject, 96, 4, 9);
    parse(&subject);
    CHECK(subject.parsed);
    CHECK_EQ_U64(subject.problems.count, 5);
    CHECK(subject.problems.unreadable);
    CHECK_STR(subject.problems.first_unreadable.code, "unsupported-encryption");
    problems_free(&subject.problems);
}

// One problem, at the field header_length, which names where the extensions begin.
static void check_missed(uint32_t header_length, uint32_t extension_at, bool fatal)
{
    static const uint32_t types[] = {0xe2792aca, 0x6803f857, 0x23852875, 0x0537be77, 0x44415441};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct subject subject = sound_v3();
        char begin[40];
        put(&subject, 100, 4, header_length);
        put(&subject, extension_at, 4, types[i]);
        check_one_problem(&subject, ERROR_CORRUPT, 100, fatal);
        snprintf(begin, sizeof begin, "extensions begin at %u", extension_at);
        parse(&subject);
        CHECK(strstr(subject.problems.items[0].error.message, begin) != NULL);
        problems_free(&subject.problems);
    }
}

static void a_header_length_that_misses_the_extensions_is_the_problem(void)
{
    check_missed(264, 112, false); // past them
    check_missed(120, 112, false); // into them
    check_missed(104, 112, false); // before them
    check_missed(112, 104, true);  // what is read as the compression type is none
    check_missed(264, 104, true);
}

static void extensions_where_header_length_leads_are_no_problem(void)
{
    struct subject subject = sound_v3();
    put(&subject, 112, 4, 0x6803f857);
    check_sound(&subject);
    // One whose data begins as the type of another.
    put(&subject, 100, 4, 104);
    put(&subject, 104, 4, 0x44415441);
    put(&subject, 108, 4, 8);
    put(&subject, 112, 4, 0x44415441);
    check_sound(&subject);
    // Unknown fields of a longer header.
    put(&subject, 100, 4, 120);
    put(&subject, 104, 8, 0);
    put(&subject, 112, 8, UINT64_MAX);
    check_sound(&subject);
}

int main(void)
{
    RUN(a_sound_version_3_header_has_no_problems);
    RUN(every_field_is_loaded_from_its_place);
    RUN(a_version_2_header_ends_at_72_whatever_follows);
    RUN(a_version_2_file_of_72_bytes_is_a_whole_header);
    RUN(the_compression_type_is_absent_from_a_header_of_104_bytes);
    RUN(a_longer_header_keeps_its_known_fields);
    RUN(geometry_follows_from_the_cluster_size);
    RUN(extended_l2_entries_have_twice_the_size);
    RUN(extended_l2_entries_need_clusters_of_16_kib);
    RUN(refcounts_have_1_to_64_bits);
    RUN(what_has_no_magic_is_no_qcow2_image);
    RUN(the_first_qcow_format_is_another_one);
    RUN(a_file_that_ends_within_the_version_2_fields_is_truncated);
    RUN(a_file_that_ends_within_the_version_3_fields_still_shows_the_others);
    RUN(a_later_version_is_unsupported);
    RUN(cluster_sizes_end_at_512_and_2_mib);
    RUN(a_header_length_breaks_no_rule_or_is_reported);
    RUN(the_l1_table_covers_the_disk_or_is_reported);
    RUN(a_disk_that_needs_more_l1_entries_is_reported_at_l1_size);
    RUN(a_larger_l1_table_than_needed_is_fine);
    RUN(an_empty_disk_needs_no_l1_table);
    RUN(the_size_is_kept_and_reported_when_it_has_a_partial_sector);
    RUN(tables_are_aligned_and_below_2_to_the_56);
    RUN(the_place_of_the_snapshot_table_matters_without_snapshots_too);
    RUN(the_refcount_table_matters_to_a_checker_only);
    RUN(unknown_encryption_is_not_supported);
    RUN(compression_type_and_its_feature_bit_go_together);
    RUN(a_header_length_that_misses_the_extensions_is_the_problem);
    RUN(extensions_where_header_length_leads_are_no_problem);
    RUN(raw_external_data_needs_a_data_file_and_no_backing_file);
    RUN(the_backing_file_name_lies_in_the_first_cluster);
    RUN(a_backing_file_without_offset_or_without_length_is_none);
    RUN(the_place_of_a_name_without_bytes_is_not_behind_the_first_cluster);
    RUN(all_problems_are_reported_not_only_the_first);
    return unit_done();
}
