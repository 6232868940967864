// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Runs of one layer: what L1 and L2 tables that are drawn here say of the disk.

#include "image/run.h"

#include "drawn.h"
#include "unit.h"
#include "watched.h"

enum {
    SECTOR = 512,
    SMALL = 512,                   // bytes of the smallest cluster there is
    SMALL_COVERAGE = 64 * SMALL,   // guest bytes of its L2 table: 64 entries of 8 bytes
    LARGE = 16384,                 // bytes of the smallest cluster that has subclusters
    LARGE_COVERAGE = 1024 * LARGE, // of 1024 entries of 16 bytes
    FILE_SIZE = 1 << 20,
};

static struct drawn drawn;
static struct watched file, data_file;
static struct image *image;
static struct run_walk walk;

static struct run found;
static struct error error;

static void draw_small(uint64_t disk_size, uint32_t l1_size)
{
    draw_image(&drawn,
               &(struct drawing){
                   .version = 3, .cluster_bits = 9, .disk_size = disk_size, .l1_size = l1_size});
}

static void draw_extended(void)
{
    draw_image(&drawn, &(struct drawing){.version = 3,
                                         .cluster_bits = 14,
                                         .incompatible_features = EXTENDED_L2,
                                         .disk_size = LARGE_COVERAGE,
                                         .l1_size = 1});
    draw_l1(&drawn, 0, 2 * LARGE);
}

// Opens what was drawn, as the start of a file of FILE_SIZE bytes.
static bool open_drawn(void)
{
    file = watched_make(drawn.bytes, sizeof drawn.bytes);
    file.base.size = FILE_SIZE;
    image = image_open(&file.base, "image", &error);
    if (!CHECK(image != NULL)) {
        return false;
    }
    walk = (struct run_walk){.image = image,
                             .data = &file.base,
                             .l1 = l1_table_active(&image->header),
                             .l1_window = table_window_make(TABLE_WINDOW_MIN),
                             .l2_window = table_window_make(TABLE_WINDOW_MIN)};
    return true;
}

static void close_drawn(void)
{
    run_walk_free(&walk);
    image_close(image);
}

// ---- What is expected ------------------------------------------------------------------------

static bool runs(uint64_t offset, uint64_t limit, struct run want)
{
    return CHECK(run_at(&walk, offset, limit, &found, &error)) &&
           CHECK_EQ_U64(found.kind, want.kind) && CHECK_EQ_U64(found.length, want.length) &&
           CHECK(found.has_host == want.has_host) &&
           (!want.has_host || CHECK_EQ_U64(found.host_offset, want.host_offset)) &&
           CHECK_EQ_U64(found.stored_size, want.stored_size) &&
           (want.kind != CLUSTER_COMPRESSED || CHECK_EQ_U64(found.cluster, want.cluster));
}

static struct run data(uint64_t length, uint64_t host_offset)
{
    return (struct run){
        .kind = CLUSTER_DATA, .has_host = true, .length = length, .host_offset = host_offset};
}

static struct run zero(uint64_t length)
{
    return (struct run){.kind = CLUSTER_ZERO, .length = length};
}

static struct run zero_kept(uint64_t length, uint64_t host_offset)
{
    return (struct run){
        .kind = CLUSTER_ZERO, .has_host = true, .length = length, .host_offset = host_offset};
}

static struct run unallocated(uint64_t length)
{
    return (struct run){.kind = CLUSTER_UNALLOCATED, .length = length};
}

static struct run unallocated_kept(uint64_t length, uint64_t host_offset)
{
    return (struct run){.kind = CLUSTER_UNALLOCATED,
                        .has_host = true,
                        .length = length,
                        .host_offset = host_offset};
}

// A fault of so many guest bytes, at this offset of the file.
static bool fails(uint64_t offset, uint64_t limit, uint64_t length, const char *code, uint64_t at)
{
    return CHECK(!run_at(&walk, offset, limit, &found, &error)) && CHECK_STR(error.code, code) &&
           CHECK_EQ_U64(found.length, length) && CHECK(error.has_offset) &&
           CHECK_EQ_U64(error.offset, at);
}

// ---- L1 --------------------------------------------------------------------------------------

static void empty_l1_entries_are_skipped_as_a_whole(void)
{
    const uint64_t disk = 2000 * (uint64_t)SMALL_COVERAGE;
    draw_small(disk, 2000); // 16000 bytes, several windows
    draw_l1(&drawn, 1500, 100 * SMALL);
    draw_l2(&drawn, 100, 0, COPIED | 200 * SMALL);
    REQUIRE(open_drawn());
    file.reads = 0;
    CHECK(runs(0, disk, unallocated(1500 * (uint64_t)SMALL_COVERAGE)));
    CHECK(file.reads <= 16000 / TABLE_WINDOW_MIN + 1);
    CHECK(runs(100, disk - 100, unallocated(1500 * (uint64_t)SMALL_COVERAGE - 100)));
    CHECK(runs(1500 * (uint64_t)SMALL_COVERAGE, SMALL_COVERAGE, data(SMALL, 200 * SMALL)));
    CHECK(runs(1501 * (uint64_t)SMALL_COVERAGE, 499 * (uint64_t)SMALL_COVERAGE,
               unallocated(499 * (uint64_t)SMALL_COVERAGE)));
    CHECK(runs(1999 * (uint64_t)SMALL_COVERAGE, 7, unallocated(7)));
    close_drawn();
}

// COPIED and the reserved bits without an offset say nothing.
static void an_l1_entry_without_an_offset_is_empty(void)
{
    draw_small(4 * SMALL_COVERAGE, 4);
    draw_l1(&drawn, 0, COPIED);
    draw_l1(&drawn, 1, UINT64_C(0x7f000000000001ff));
    draw_l1(&drawn, 2, UINT64_C(0x7f000000000001ff) | 8 * SMALL);
    draw_l2(&drawn, 8, 0, ZERO);
    REQUIRE(open_drawn());
    CHECK(runs(0, 4 * SMALL_COVERAGE, unallocated(2 * SMALL_COVERAGE)));
    CHECK(runs(2 * SMALL_COVERAGE, 2 * SMALL_COVERAGE, zero(SMALL)));
    close_drawn();
}

static void behind_a_short_l1_table_nothing_is_allocated(void)
{
    draw_small(2 * SMALL_COVERAGE, 2);
    draw_l1(&drawn, 0, 8 * SMALL);
    draw_l1(&drawn, 2, 8 * SMALL); // no entry of the table any more
    draw_l2(&drawn, 8, 0, ZERO);
    REQUIRE(open_drawn());
    CHECK(runs(SMALL_COVERAGE, 9 * SMALL_COVERAGE, unallocated(9 * SMALL_COVERAGE)));
    CHECK(runs(2 * SMALL_COVERAGE, 5 * SMALL_COVERAGE, unallocated(5 * SMALL_COVERAGE)));
    walk.l1.size = 0;
    CHECK(runs(9 * SMALL_COVERAGE + 1, 3, unallocated(3)));
    close_drawn();
}

static void an_l2_table_that_is_not_aligned_is_corrupt_as_a_whole(void)
{
    const uint64_t coverage = UINT64_C(512) * 4096;
    draw_image(&drawn,
               &(struct drawing){
                   .version = 3, .cluster_bits = 12, .disk_size = 2 * coverage, .l1_size = 2});
    draw_l1(&drawn, 0, COPIED | (8 * 4096 + 512));
    REQUIRE(open_drawn());
    CHECK(fails(0, 2 * coverage, coverage, "corrupt", 8 * 4096 + 512));
    CHECK(fails(5000, 2 * coverage - 5000, coverage - 5000, "corrupt", 8 * 4096 + 512));
    CHECK(fails(5000, 10, 10, "corrupt", 8 * 4096 + 512));
    CHECK(runs(coverage, coverage, unallocated(coverage)));
    close_drawn();
}

static void an_l1_table_that_cannot_be_read_is_a_fault_of_its_own_run(void)
{
    draw_small(1000 * SMALL_COVERAGE, 1000);
    REQUIRE(open_drawn());
    file.base.size = SMALL + TABLE_WINDOW_MIN; // 512 entries
    CHECK(runs(0, 1000 * SMALL_COVERAGE, unallocated(512 * SMALL_COVERAGE)));
    CHECK(fails(512 * SMALL_COVERAGE, 488 * SMALL_COVERAGE, SMALL_COVERAGE, "truncated",
                SMALL + TABLE_WINDOW_MIN));
    close_drawn();
}

// ---- L2 tables and the end of the file ---------------------------------------------------------

static void an_l2_table_past_the_end_is_truncated_as_a_whole(void)
{
    draw_small(3 * SMALL_COVERAGE, 3);
    draw_l1(&drawn, 0, COPIED | FILE_SIZE);
    draw_l1(&drawn, 1, COPIED | UINT64_C(0x00fffffffffffe00)); // the last there can be
    REQUIRE(open_drawn());
    CHECK(fails(0, 3 * SMALL_COVERAGE, SMALL_COVERAGE, "truncated", FILE_SIZE));
    CHECK(fails(700, 3 * SMALL_COVERAGE, SMALL_COVERAGE - 700, "truncated", FILE_SIZE + 8));
    CHECK(fails(SMALL_COVERAGE, 11, 11, "truncated", UINT64_C(0x00fffffffffffe00)));
    CHECK(runs(2 * SMALL_COVERAGE, SMALL_COVERAGE, unallocated(SMALL_COVERAGE)));
    close_drawn();
}

static void of_an_l2_table_that_is_cut_off_the_entries_before_are_read(void)
{
    draw_small(SMALL_COVERAGE, 1);
    draw_l1(&drawn, 0, 8 * SMALL);
    for (uint64_t i = 0; i < 64; i++) {
        draw_l2(&drawn, 8, i, ZERO);
    }
    REQUIRE(open_drawn());
    file.base.size = 8 * SMALL + 20 * 8 + 3;
    CHECK(runs(0, SMALL_COVERAGE, zero(20 * SMALL)));
    CHECK(fails(20 * SMALL, SMALL_COVERAGE, 44 * SMALL, "truncated", file.base.size));
    close_drawn();
}

static void an_l2_table_that_was_not_given_is_unseen(void)
{
    draw_small(SMALL_COVERAGE, 1);
    draw_l1(&drawn, 0, 8 * SMALL);
    REQUIRE(open_drawn());
    file.base.size = 8 * SMALL;
    file.base.kind = SOURCE_START;
    CHECK(!run_at(&walk, 0, SMALL_COVERAGE, &found, &error));
    CHECK_STR(error.code, "not-seen");
    CHECK_EQ_U64(error.offset, 8 * SMALL);
    CHECK(found.length >= 1 && found.length <= SMALL_COVERAGE);
    close_drawn();
}

// On a medium that is bad here, the next entry is unknown.
static void an_l2_entry_that_cannot_be_read_is_a_fault_of_one_cluster(void)
{
    draw_small(2 * SMALL_COVERAGE, 2);
    draw_l1(&drawn, 0, 8 * SMALL);
    draw_l1(&drawn, 1, 9 * SMALL);
    REQUIRE(open_drawn());
    file.bad_start = 8 * SMALL;
    file.bad_end = 9 * SMALL;
    CHECK(fails(100, SMALL_COVERAGE, SMALL - 100, "io-error", 8 * SMALL));
    CHECK(fails(SMALL, 3, 3, "io-error", 8 * SMALL + 8));
    CHECK(runs(SMALL_COVERAGE, SMALL_COVERAGE, unallocated(SMALL_COVERAGE)));
    close_drawn();
}

static void entries_around_one_that_cannot_be_read_are_read(void)
{
    draw_small(SMALL_COVERAGE, 1);
    draw_l1(&drawn, 0, 8 * SMALL);
    for (uint64_t i = 0; i < 64; i++) {
        draw_l2(&drawn, 8, i, ZERO);
    }
    REQUIRE(open_drawn());
    file.bad_start = 8 * SMALL + 20 * 8;
    file.bad_end = 8 * SMALL + 21 * 8;
    CHECK(runs(0, SMALL_COVERAGE, zero(20 * SMALL)));
    CHECK(fails(20 * SMALL, SMALL_COVERAGE, SMALL, "io-error", file.bad_start));
    CHECK(runs(21 * SMALL, SMALL_COVERAGE, zero(43 * SMALL)));
    close_drawn();
}

// ---- Standard entries --------------------------------------------------------------------------

static void clusters_side_by_side_are_one_run(void)
{
    draw_small(2 * SMALL_COVERAGE, 2);
    draw_l1(&drawn, 0, 8 * SMALL);
    draw_l1(&drawn, 1, 9 * SMALL);
    for (uint64_t i = 0; i < 64; i++) { // 100, 101, ... and from entry 10 on 111, 112, ...
        draw_l2(&drawn, 8, i, (i % 3 ? COPIED : 0) | (100 + i + (i >= 10)) * SMALL);
        draw_l2(&drawn, 9, i, COPIED | (165 + i) * SMALL);
    }
    REQUIRE(open_drawn());
    CHECK(runs(0, 2 * SMALL_COVERAGE, data(10 * SMALL, 100 * SMALL)));
    CHECK(runs(10 * SMALL, SMALL_COVERAGE, data(54 * SMALL, 111 * SMALL))); // the table ends
    CHECK(runs(SMALL_COVERAGE, SMALL_COVERAGE, data(64 * SMALL, 165 * SMALL)));
    CHECK(runs(2 * SMALL + 7, SMALL_COVERAGE, data(8 * SMALL - 7, 102 * SMALL + 7)));
    CHECK(runs(2 * SMALL + 7, 3 * SMALL, data(3 * SMALL, 102 * SMALL + 7)));
    CHECK(runs(5, 1, data(1, 100 * SMALL + 5)));
    CHECK(runs(10 * SMALL - 1, SMALL_COVERAGE, data(1, 110 * SMALL - 1)));
    close_drawn();
}

static void zero_clusters_keep_a_host_cluster_or_not(void)
{
    draw_small(SMALL_COVERAGE, 1);
    draw_l1(&drawn, 0, 8 * SMALL);
    const uint64_t entries[] = {ZERO,
                                ZERO | COPIED, // without an offset COPIED keeps nothing
                                ZERO | 100 * SMALL,
                                ZERO | COPIED | 101 * SMALL,
                                ZERO | 103 * SMALL,
                                104 * SMALL,
                                ZERO,
                                0,
                                COPIED, // as if it was not there
                                ZERO};
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        draw_l2(&drawn, 8, i, entries[i]);
    }
    REQUIRE(open_drawn());
    CHECK(runs(0, SMALL_COVERAGE, zero(2 * SMALL)));
    CHECK(runs(2 * SMALL, SMALL_COVERAGE, zero_kept(2 * SMALL, 100 * SMALL)));
    CHECK(runs(4 * SMALL + 1, SMALL_COVERAGE, zero_kept(SMALL - 1, 103 * SMALL + 1)));
    CHECK(runs(5 * SMALL, SMALL_COVERAGE, data(SMALL, 104 * SMALL)));
    CHECK(runs(6 * SMALL, SMALL_COVERAGE, zero(SMALL)));
    CHECK(runs(7 * SMALL, SMALL_COVERAGE, unallocated(2 * SMALL)));
    CHECK(runs(10 * SMALL, 54 * SMALL, unallocated(54 * SMALL)));
    close_drawn();
}

static void a_compressed_cluster_is_a_run_of_its_own(void)
{
    const uint64_t sector_more = UINT64_C(1) << 61; // x = 62 - (9 - 8): one bit counts sectors
    draw_small(SMALL_COVERAGE, 1);
    draw_l1(&drawn, 0, 8 * SMALL);
    draw_l2(&drawn, 8, 0, COMPRESSED | (100 * SMALL + 17));
    draw_l2(&drawn, 8, 1, COMPRESSED | sector_more | (100 * SMALL + 512));
    draw_l2(&drawn, 8, 2, COMPRESSED | sector_more | (FILE_SIZE - 1)); // its padding is missing
    draw_l2(&drawn, 8, 3, COMPRESSED | FILE_SIZE);
    REQUIRE(open_drawn());
    struct run want = {.kind = CLUSTER_COMPRESSED,
                       .has_host = true,
                       .length = SMALL,
                       .host_offset = 100 * SMALL + 17,
                       .stored_size = 512 - 17,
                       .cluster = 0};
    CHECK(runs(0, SMALL_COVERAGE, want));
    want.length = 2;
    CHECK(runs(100, 2, want));
    want.length = SMALL - 1;
    CHECK(runs(1, SMALL_COVERAGE, want));
    want = (struct run){.kind = CLUSTER_COMPRESSED,
                        .has_host = true,
                        .length = SMALL - 9,
                        .host_offset = 100 * SMALL + 512,
                        .stored_size = 1024,
                        .cluster = SMALL};
    CHECK(runs(SMALL + 9, SMALL_COVERAGE, want));
    want = (struct run){.kind = CLUSTER_COMPRESSED,
                        .has_host = true,
                        .length = SMALL,
                        .host_offset = FILE_SIZE - 1,
                        .stored_size = 1024 - 511,
                        .cluster = 2 * SMALL};
    CHECK(runs(2 * SMALL, SMALL_COVERAGE, want));
    CHECK(fails(3 * SMALL + 2, SMALL_COVERAGE, SMALL - 2, "truncated", FILE_SIZE));
    close_drawn();
}

static void data_end_where_the_file_does(void)
{
    draw_small(SMALL_COVERAGE, 1);
    draw_l1(&drawn, 0, 8 * SMALL);
    for (uint64_t i = 0; i < 64; i++) {
        draw_l2(&drawn, 8, i, COPIED | (100 + i) * SMALL);
    }
    REQUIRE(open_drawn());
    file.base.size = 110 * SMALL + 5;
    CHECK(runs(0, SMALL_COVERAGE, data(10 * SMALL + 5, 100 * SMALL)));
    CHECK(runs(10 * SMALL + 4, SMALL_COVERAGE, data(1, 110 * SMALL + 4)));
    CHECK(fails(10 * SMALL + 5, 54 * SMALL - 5, 54 * SMALL - 5, "truncated", 110 * SMALL + 5));
    CHECK(fails(40 * SMALL, 3, 3, "truncated", 140 * SMALL));
    file.base.kind = SOURCE_START;
    CHECK(fails(40 * SMALL, 3, 3, "not-seen", 140 * SMALL));
    close_drawn();
}

static void a_zero_cluster_may_keep_one_past_the_end(void)
{
    draw_small(SMALL_COVERAGE, 1);
    draw_l1(&drawn, 0, 8 * SMALL);
    draw_l2(&drawn, 8, 0, ZERO | COPIED | 2 * FILE_SIZE);
    REQUIRE(open_drawn());
    CHECK(runs(0, SMALL_COVERAGE, zero_kept(SMALL, 2 * FILE_SIZE)));
    close_drawn();
}

// The fault is one of the entry, and ends with its cluster.
static void the_zero_bit_of_version_2_makes_its_cluster_unreadable(void)
{
    draw_image(&drawn,
               &(struct drawing){
                   .version = 2, .cluster_bits = 9, .disk_size = SMALL_COVERAGE, .l1_size = 1});
    draw_l1(&drawn, 0, COPIED | 8 * SMALL);
    draw_l2(&drawn, 8, 0, COPIED | 100 * SMALL);
    draw_l2(&drawn, 8, 1, ZERO);
    draw_l2(&drawn, 8, 2, ZERO | COPIED | 102 * SMALL);
    REQUIRE(open_drawn());
    CHECK(runs(0, SMALL_COVERAGE, data(SMALL, 100 * SMALL)));
    CHECK(fails(SMALL, SMALL_COVERAGE, SMALL, "corrupt", 8 * SMALL + 8));
    CHECK(fails(3 * SMALL - 1, SMALL_COVERAGE, 1, "corrupt", 8 * SMALL + 16));
    CHECK(runs(3 * SMALL, 10, unallocated(10)));
    close_drawn();
}

static void a_host_offset_that_is_not_aligned_is_corrupt(void)
{
    const uint64_t cluster = 4096;
    draw_image(&drawn,
               &(struct drawing){
                   .version = 3, .cluster_bits = 12, .disk_size = 512 * cluster, .l1_size = 1});
    draw_l1(&drawn, 0, COPIED | 2 * cluster);
    draw_l2(&drawn, 2, 0, COPIED | 20 * cluster);
    draw_l2(&drawn, 2, 1, COPIED | (21 * cluster + 512));
    draw_l2(&drawn, 2, 2, ZERO | (22 * cluster + 2048));
    REQUIRE(open_drawn());
    CHECK(runs(0, 512 * cluster, data(cluster, 20 * cluster)));
    CHECK(fails(cluster + 1, 512 * cluster, cluster - 1, "corrupt", 2 * cluster + 8));
    CHECK(fails(2 * cluster, 512 * cluster, cluster, "corrupt", 2 * cluster + 16));
    close_drawn();
}

// ---- External data files -----------------------------------------------------------------------

static bool open_with_data_file(uint64_t data_size)
{
    draw_image(&drawn, &(struct drawing){.version = 3,
                                         .cluster_bits = 9,
                                         .incompatible_features = DATA_FILE,
                                         .disk_size = SMALL_COVERAGE,
                                         .l1_size = 1});
    draw_l1(&drawn, 0, COPIED | 8 * SMALL);
    draw_l2(&drawn, 8, 0, COPIED); // host offset 0 is a place there
    draw_l2(&drawn, 8, 1, COPIED | SMALL);
    draw_l2(&drawn, 8, 2, ZERO);
    draw_l2(&drawn, 8, 3, ZERO | COPIED | 3 * SMALL);
    draw_l2(&drawn, 8, 5, COPIED | 4 * SMALL); // of another guest cluster
    draw_l2(&drawn, 8, 6, COMPRESSED | 100 * SMALL);
    draw_l2(&drawn, 8, 7, COPIED | 7 * SMALL);
    draw_l2(&drawn, 8, 8, COPIED | 8 * SMALL);
    if (!open_drawn()) {
        return false;
    }
    data_file = watched_make(NULL, 0);
    data_file.base.size = data_size;
    walk.data = &data_file.base;
    return true;
}

static void a_data_file_has_each_cluster_at_its_guest_offset(void)
{
    REQUIRE(open_with_data_file(SMALL_COVERAGE));
    CHECK(runs(0, SMALL_COVERAGE, data(2 * SMALL, 0)));
    CHECK(runs(2 * SMALL, SMALL_COVERAGE, zero(SMALL)));
    CHECK(runs(3 * SMALL, SMALL_COVERAGE, zero_kept(SMALL, 3 * SMALL)));
    CHECK(runs(4 * SMALL, SMALL_COVERAGE, unallocated(SMALL)));
    CHECK(fails(5 * SMALL, SMALL_COVERAGE, SMALL, "corrupt", 8 * SMALL + 40));
    CHECK(fails(6 * SMALL, SMALL_COVERAGE, SMALL, "corrupt", 8 * SMALL + 48));
    CHECK(runs(7 * SMALL + 3, SMALL_COVERAGE, data(2 * SMALL - 3, 7 * SMALL + 3)));
    close_drawn();
}

static void data_end_where_the_data_file_does(void)
{
    REQUIRE(open_with_data_file(7 * SMALL + 10));
    CHECK(runs(7 * SMALL, SMALL_COVERAGE, data(10, 7 * SMALL)));
    CHECK(fails(7 * SMALL + 10, SMALL_COVERAGE, 2 * SMALL - 10, "truncated", 7 * SMALL + 10));
    CHECK(strstr(error.message, "data file") != NULL);
    close_drawn();
}

// ---- Extended L2 entries -----------------------------------------------------------------------

static void subclusters_are_runs(void)
{
    draw_extended();
    draw_l2(&drawn, 2, 0, COPIED | 10 * LARGE);
    draw_subclusters(&drawn, 2, 0, 0xf000000f, 0x000000f0);
    draw_l2(&drawn, 2, 1, COPIED | 11 * LARGE);
    draw_subclusters(&drawn, 2, 1, 0x00000001, 0xfffffffe);
    draw_l2(&drawn, 2, 2, 0);
    draw_subclusters(&drawn, 2, 2, 0, 0x0000ffff);
    REQUIRE(open_drawn());
    const uint64_t end = LARGE_COVERAGE;
    CHECK(runs(0, end, data(4 * SECTOR, 10 * LARGE)));
    CHECK(runs(3 * SECTOR + 9, end, data(SECTOR - 9, 10 * LARGE + 3 * SECTOR + 9)));
    CHECK(runs(4 * SECTOR, end, zero_kept(4 * SECTOR, 10 * LARGE + 4 * SECTOR)));
    CHECK(runs(8 * SECTOR, end, unallocated_kept(20 * SECTOR, 10 * LARGE + 8 * SECTOR)));
    // On into the next cluster, which lies behind in the file.
    CHECK(runs(28 * SECTOR, end, data(5 * SECTOR, 10 * LARGE + 28 * SECTOR)));
    CHECK(runs(LARGE + SECTOR, end, zero_kept(31 * SECTOR, 11 * LARGE + SECTOR)));
    CHECK(runs(2 * LARGE, end, zero(16 * SECTOR)));
    CHECK(runs(2 * LARGE + 16 * SECTOR, LARGE, unallocated(LARGE)));
    close_drawn();
}

static void whole_clusters_of_subclusters_are_one_run(void)
{
    draw_extended();
    for (uint64_t i = 0; i < 20; i++) {
        draw_l2(&drawn, 2, i, COPIED | (10 + i) * LARGE);
        draw_subclusters(&drawn, 2, i, 0xffffffff, 0);
    }
    draw_subclusters(&drawn, 2, 19, 0x0000ffff, 0);
    draw_l2(&drawn, 2, 21, COPIED | 40 * LARGE);
    draw_subclusters(&drawn, 2, 21, 0xfffffffe, 0);
    REQUIRE(open_drawn());
    CHECK(runs(0, LARGE_COVERAGE, data(19 * LARGE + 16 * SECTOR, 10 * LARGE)));
    CHECK(runs(20 * LARGE, 2 * LARGE, unallocated(LARGE)));
    close_drawn();
}

static void subclusters_that_contradict_are_corrupt(void)
{
    draw_extended();
    draw_l2(&drawn, 2, 0, COPIED | 10 * LARGE);
    draw_subclusters(&drawn, 2, 0, 0x80000000, 0x80000000); // the last one is both
    draw_subclusters(&drawn, 2, 1, 0x00000001, 0);          // without a host cluster
    draw_l2(&drawn, 2, 2, COPIED | 10 * LARGE);
    REQUIRE(open_drawn());
    CHECK(fails(0, LARGE_COVERAGE, LARGE, "corrupt", 2 * LARGE));
    CHECK(fails(LARGE + 5 * SECTOR, LARGE_COVERAGE, 27 * SECTOR, "corrupt", 2 * LARGE + 16));
    CHECK(runs(2 * LARGE, LARGE, unallocated_kept(LARGE, 10 * LARGE)));
    close_drawn();
}

// The bitmap of a compressed cluster has no meaning.
static void a_compressed_cluster_has_no_subclusters(void)
{
    draw_extended();
    draw_l2(&drawn, 2, 0, COMPRESSED | (10 * LARGE + 1));
    draw_subclusters(&drawn, 2, 0, 0xffff0000, 0x0ff00000);
    REQUIRE(open_drawn());
    CHECK(runs(SECTOR, LARGE_COVERAGE,
               (struct run){.kind = CLUSTER_COMPRESSED,
                            .has_host = true,
                            .length = LARGE - SECTOR,
                            .host_offset = 10 * LARGE + 1,
                            .stored_size = 511,
                            .cluster = 0}));
    close_drawn();
}

// ---- Disks of which every part is drawn by chance ----------------------------------------------

enum { UNITS = 64 * 32 };

// A cluster, or a subcluster where there are any.
static struct unit {
    enum cluster_kind kind;
    bool has_host;
    uint64_t host_offset;
} units[UNITS];

static uint64_t units_size, per_cluster, unit_size;

static uint64_t chance(uint64_t below)
{
    static uint64_t state = 88172645463325252;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below > 0 ? state % below : 0;
}

// Bits that have no meaning, and COPIED, which reading does not care for.
static uint64_t noise(void)
{
    return chance(3) ? 0 : chance(UINT64_MAX) & (COPIED | UINT64_C(0x3f000000000001fe));
}

// Draws entry `i` of the disk: most often one that goes on as the one before does.
static void draw_by_chance(uint64_t table, uint64_t i, uint64_t *host, unsigned *choice)
{
    *host += chance(4) ? drawn.cluster : drawn.cluster * (2 + chance(3));
    *choice = chance(3) ? *choice : (unsigned)chance(5);
    bool compressed = *choice == 4;
    bool kept = *choice % 2 == 1 || compressed;
    uint32_t allocated = kept && drawn.extended && chance(2) ? (uint32_t)chance(UINT32_MAX) : 0;
    uint32_t zeros = drawn.extended && chance(2) ? (uint32_t)chance(UINT32_MAX) & ~allocated : 0;
    bool zero_bit = !drawn.extended && *choice >= 2 && !compressed;
    draw_l2(&drawn, table, i % (UNITS / 32),
            (compressed ? COMPRESSED : noise()) | (kept ? *host : 0) | (zero_bit ? ZERO : 0));
    if (drawn.extended) {
        draw_subclusters(&drawn, table, i, allocated, zeros);
    }
    for (uint64_t s = 0; s < per_cluster; s++) {
        bool is_zero = drawn.extended ? zeros >> s & 1 : zero_bit;
        bool is_data = drawn.extended ? allocated >> s & 1 : kept;
        units[i * per_cluster + s] = (struct unit){
            .kind = compressed ? CLUSTER_COMPRESSED
                    : is_zero  ? CLUSTER_ZERO
                    : is_data  ? CLUSTER_DATA
                               : CLUSTER_UNALLOCATED,
            .has_host = kept,
            .host_offset = compressed ? *host : *host + s * unit_size,
        };
    }
}

static bool goes_on(uint64_t unit)
{
    const struct unit *a = &units[unit];
    const struct unit *b = &units[unit + 1];
    bool same_cluster = unit / per_cluster == (unit + 1) / per_cluster;
    if (a->kind != b->kind || a->has_host != b->has_host) {
        return false;
    }
    if (a->kind == CLUSTER_COMPRESSED) {
        return same_cluster;
    }
    return !a->has_host || b->host_offset == a->host_offset + unit_size;
}

static void check_by_chance(void)
{
    uint64_t end = units_size * unit_size;
    uint64_t table = 64 * drawn.cluster; // runs end where a table of 64 entries does
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t at = chance(end);
        uint64_t limit = 1 + chance(end - at);
        uint64_t last = at / unit_size;
        while ((last + 1) * unit_size % table != 0 && goes_on(last)) {
            last++;
        }
        const struct unit *unit = &units[at / unit_size];
        bool compressed = unit->kind == CLUSTER_COMPRESSED;
        uint64_t length = (last + 1) * unit_size - at;
        REQUIRE(
            runs(at, limit,
                 (struct run){.kind = unit->kind,
                              .has_host = unit->has_host,
                              .length = length < limit ? length : limit,
                              .host_offset = unit->host_offset + (compressed ? 0 : at % unit_size),
                              .stored_size = compressed ? SECTOR : 0,
                              .cluster = at / drawn.cluster * drawn.cluster}));
    }
}

static void a_disk_drawn_by_chance_is_read_as_drawn_in_any_order(void)
{
    for (unsigned round = 0; round < 20; round++) {
        uint64_t host = 0;
        unsigned choice = 0;
        draw_small(3 * SMALL_COVERAGE, 3);
        unit_size = SMALL;
        per_cluster = 1;
        units_size = 3 * (uint64_t)64;
        for (uint64_t i = 0; i < units_size; i++) {
            draw_l1(&drawn, i / 64, COPIED | (8 + i / 64) * SMALL);
            draw_by_chance(8 + i / 64, i, &host, &choice);
        }
        REQUIRE(open_drawn());
        check_by_chance();
        close_drawn();
    }
}

static void subclusters_drawn_by_chance_are_read_as_drawn_in_any_order(void)
{
    for (unsigned round = 0; round < 20; round++) {
        uint64_t host = 0;
        unsigned choice = 0;
        draw_extended();
        unit_size = LARGE / 32;
        per_cluster = 32;
        units_size = UNITS;
        for (uint64_t i = 0; i < 64; i++) {
            draw_by_chance(2, i, &host, &choice);
        }
        draw_l2(&drawn, 2, 64, COMPRESSED | LARGE); // nothing goes on here
        REQUIRE(open_drawn());
        file.base.size = 1000 * LARGE;
        check_by_chance();
        close_drawn();
    }
}

static void run_tables(void)
{
    RUN(empty_l1_entries_are_skipped_as_a_whole);
    RUN(an_l1_entry_without_an_offset_is_empty);
    RUN(behind_a_short_l1_table_nothing_is_allocated);
    RUN(an_l2_table_that_is_not_aligned_is_corrupt_as_a_whole);
    RUN(an_l1_table_that_cannot_be_read_is_a_fault_of_its_own_run);
    RUN(an_l2_table_past_the_end_is_truncated_as_a_whole);
    RUN(of_an_l2_table_that_is_cut_off_the_entries_before_are_read);
    RUN(an_l2_table_that_was_not_given_is_unseen);
    RUN(an_l2_entry_that_cannot_be_read_is_a_fault_of_one_cluster);
    RUN(entries_around_one_that_cannot_be_read_are_read);
}

int main(void)
{
    run_tables();
    RUN(clusters_side_by_side_are_one_run);
    RUN(zero_clusters_keep_a_host_cluster_or_not);
    RUN(a_compressed_cluster_is_a_run_of_its_own);
    RUN(data_end_where_the_file_does);
    RUN(a_zero_cluster_may_keep_one_past_the_end);
    RUN(the_zero_bit_of_version_2_makes_its_cluster_unreadable);
    RUN(a_host_offset_that_is_not_aligned_is_corrupt);
    RUN(a_data_file_has_each_cluster_at_its_guest_offset);
    RUN(data_end_where_the_data_file_does);
    RUN(subclusters_are_runs);
    RUN(whole_clusters_of_subclusters_are_one_run);
    RUN(subclusters_that_contradict_are_corrupt);
    RUN(a_compressed_cluster_has_no_subclusters);
    RUN(a_disk_drawn_by_chance_is_read_as_drawn_in_any_order);
    RUN(subclusters_drawn_by_chance_are_read_as_drawn_in_any_order);
    return unit_done();
}
