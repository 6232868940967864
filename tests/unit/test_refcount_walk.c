// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/refcount_walk.h"

#include "unit.h"

enum { CLUSTER = 512, CLUSTERS = 16, TABLE = 1, BLOCK = 2, OTHER_BLOCK = 3 };

static uint8_t file[CLUSTERS * CLUSTER];
static struct image image;
static struct source *source;

static void put_be64(size_t at, uint64_t value)
{
    for (size_t i = 0; i < 8; i++) {
        file[at + i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

// An image of which the first `size` bytes are there, with an empty refcount table.
static void make_image(uint32_t refcount_order, size_t size)
{
    struct error error;
    memset(file, 0, sizeof file);
    source = source_open_memory((struct bytes){file, size}, true, &error);
    image = (struct image){.source = source,
                           .header = {.version = 3,
                                      .geometry_known = true,
                                      .cluster_bits = 9,
                                      .cluster_size = CLUSTER,
                                      .refcount_table_offset = TABLE * CLUSTER,
                                      .refcount_table_clusters = 1,
                                      .refcount_order = refcount_order,
                                      .refcount_bits = UINT32_C(1) << refcount_order}};
}

static void set_block(size_t index, uint64_t entry)
{
    put_be64(TABLE * CLUSTER + index * 8, entry);
}

// What a walk handed over.
struct walked {
    uint64_t refcounts, sum, last; // the last cluster with a refcount that is not 0
    unsigned steps, errors;
    const char *code; // of the last error
};

static struct walked walk_over(uint64_t first, uint64_t end, struct budget *budget)
{
    struct walked walked = {0};
    struct refcount_walk walk = refcount_walk_make(&image, budget);
    struct refcounts refcounts;
    struct error error;
    enum walk_step step;
    refcount_walk_start(&walk, first, end);
    while ((step = refcount_walk_next(&walk, &refcounts, &error)) != WALK_END &&
           ++walked.steps < 1000) {
        if (step == WALK_ERROR) {
            walked.errors++;
            walked.code = error.code;
            continue;
        }
        walked.refcounts += refcounts.count;
        for (uint64_t i = 0; i < refcounts.count; i++) {
            uint64_t refcount = refcounts_load(&refcounts, i);
            walked.sum += refcount;
            walked.last = refcount != 0 ? refcounts.first + i : walked.last;
        }
    }
    refcount_walk_free(&walk);
    return walked;
}

static void refcounts_of_16_bits_are_found_in_their_blocks(void)
{
    make_image(4, sizeof file); // 256 refcounts a block
    set_block(0, BLOCK * CLUSTER);
    set_block(2, OTHER_BLOCK * CLUSTER);
    file[BLOCK * CLUSTER + 2 * 7 + 1] = 5;     // cluster 7
    file[OTHER_BLOCK * CLUSTER + 2 * 100] = 1; // cluster 612: 256
    struct walked walked = walk_over(0, 64 * 256, NULL);
    CHECK_EQ_U64(walked.refcounts, 2 * 256); // none of the blocks that are not there
    CHECK_EQ_U64(walked.sum, 5 + 256);
    CHECK_EQ_U64(walked.last, 2 * 256 + 100);
    CHECK_EQ_U64(walked.errors, 0);
    source_close(source);
}

static void only_the_clusters_asked_for_are_handed_over(void)
{
    make_image(4, sizeof file);
    set_block(0, BLOCK * CLUSTER);
    set_block(1, OTHER_BLOCK * CLUSTER);
    memset(file + BLOCK * CLUSTER, 1, 2 * CLUSTER); // all refcounts are 257
    CHECK_EQ_U64(walk_over(0, 1, NULL).refcounts, 1);
    CHECK_EQ_U64(walk_over(8, 20, NULL).sum, 12 * 257);
    struct walked both = walk_over(248, 260, NULL);
    CHECK_EQ_U64(both.refcounts, 12);
    CHECK_EQ_U64(both.last, 259);
    CHECK_EQ_U64(walk_over(256, 1 << 20, NULL).refcounts, 256);
    CHECK_EQ_U64(walk_over(1 << 20, 1 << 21, NULL).steps, 0); // past the table
    source_close(source);
}

static void refcounts_below_a_byte_begin_with_the_lowest_bit(void)
{
    make_image(0, sizeof file); // 4096 refcounts a block
    set_block(0, BLOCK * CLUSTER);
    file[BLOCK * CLUSTER + 1] = 0x82; // clusters 9 and 15
    struct walked walked = walk_over(8, 16, NULL);
    CHECK_EQ_U64(walked.refcounts, 8);
    CHECK_EQ_U64(walked.sum, 2);
    CHECK_EQ_U64(walked.last, 15);
    CHECK_EQ_U64(walk_over(8, 15, NULL).last, 9);
    CHECK_EQ_U64(walk_over(0, 4096, NULL).refcounts, 4096);
    source_close(source);
}

static void refcounts_of_64_bits_are_big_endian(void)
{
    make_image(6, sizeof file); // 64 refcounts a block
    set_block(1, BLOCK * CLUSTER);
    put_be64(BLOCK * CLUSTER + 8 * 3, UINT64_C(0x0102030405060708));
    struct walked walked = walk_over(64, 128, NULL);
    CHECK_EQ_U64(walked.sum, UINT64_C(0x0102030405060708));
    CHECK_EQ_U64(walked.last, 64 + 3);
    source_close(source);
}

static void a_bad_block_does_not_hide_those_after_it(void)
{
    make_image(4, (BLOCK + 1) * CLUSTER);
    set_block(0, BLOCK * CLUSTER + 8);   // not valid: bits 0..8 are reserved, and are no part of it
    set_block(1, OTHER_BLOCK * CLUSTER); // behind the end of the file
    set_block(2, BLOCK * CLUSTER);
    memset(file + BLOCK * CLUSTER, 0xff, 2);
    struct walked walked = walk_over(0, 3 * 256, NULL);
    CHECK_EQ_U64(walked.errors, 1);
    CHECK_STR(walked.code, ERROR_TRUNCATED);
    CHECK_EQ_U64(walked.refcounts, 2 * 256);
    CHECK_EQ_U64(walked.last, 2 * 256);
    source_close(source);
}

static void a_block_that_is_not_aligned_is_an_error(void)
{
    make_image(4, sizeof file);
    image.header.cluster_bits = 10;
    image.header.cluster_size = 1024;
    set_block(0, 4 * CLUSTER + CLUSTER);
    struct walked walked = walk_over(0, 512, NULL);
    CHECK_EQ_U64(walked.errors, 1);
    CHECK_STR(walked.code, ERROR_CORRUPT);
    CHECK_EQ_U64(walked.refcounts, 0);
    source_close(source);
}

static void what_the_file_has_of_a_block_is_handed_over(void)
{
    make_image(4, BLOCK * CLUSTER + 20);
    set_block(0, BLOCK * CLUSTER);
    memset(file + BLOCK * CLUSTER, 0xff, 20);
    struct walked walked = walk_over(0, 256, NULL);
    CHECK_EQ_U64(walked.refcounts, 10);
    CHECK_EQ_U64(walked.last, 9);
    CHECK_STR(walked.code, ERROR_TRUNCATED);
    source_close(source);
}

static void a_walk_ends_with_its_budget(void)
{
    struct budget budget = {.left = CLUSTER};
    make_image(4, sizeof file);
    for (size_t i = 0; i < 3; i++) {
        set_block(i, (BLOCK + i) * CLUSTER);
    }
    CHECK_EQ_U64(walk_over(0, 3 * 256, &budget).refcounts, 256);
    CHECK(budget.ended);
    CHECK_EQ_U64(walk_over(0, 256, &budget).refcounts, 0);
    source_close(source);
}

int main(void)
{
    RUN(refcounts_of_16_bits_are_found_in_their_blocks);
    RUN(only_the_clusters_asked_for_are_handed_over);
    RUN(refcounts_below_a_byte_begin_with_the_lowest_bit);
    RUN(refcounts_of_64_bits_are_big_endian);
    RUN(a_bad_block_does_not_hide_those_after_it);
    RUN(a_block_that_is_not_aligned_is_an_error);
    RUN(what_the_file_has_of_a_block_is_handed_over);
    RUN(a_walk_ends_with_its_budget);
    return unit_done();
}
