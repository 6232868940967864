// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Images whose file cannot be read everywhere, or ends too early.

#include "image/chain.h"
#include "image/extent.h"
#include "image/image.h"

#include <stdlib.h>

#include "unit.h"

enum { CLUSTER = 512, COVERAGE = CLUSTER / 8 * CLUSTER }; // of an L2 table: bytes of the disk

static uint8_t file[16 * CLUSTER];
static uint64_t bad_from; // reads that reach beyond this offset fail

static void put(size_t offset, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++) {
        file[offset + i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
}

// A disk of 100 L1 entries without anything in it. The table is in the cluster after the header.
static void make_image(void)
{
    memset(file, 0, sizeof file);
    bad_from = UINT64_MAX;
    put(0, 4, 0x514649fb);
    put(4, 4, 3);
    put(20, 4, 9);
    put(24, 8, 100 * (uint64_t)COVERAGE);
    put(36, 4, 100);
    put(40, 8, CLUSTER);
    put(48, 8, 4 * CLUSTER);
    put(56, 4, 1);
    put(96, 4, 4);
    put(100, 4, 112);
}

static bool file_read(struct source *source, uint64_t offset, void *buffer, size_t size,
                      struct error *error)
{
    (void)source;
    if (offset + size > bad_from) {
        return error_at(error, ERROR_IO, bad_from, "cannot read: the medium is bad");
    }
    memcpy(buffer, file + offset, size);
    return true;
}

static void file_close(struct source *source)
{
    free(source);
}

static const struct source_ops file_ops = {.read = file_read, .close = file_close};

static struct source *open_file(uint64_t size)
{
    struct source *source = calloc(1, sizeof *source);
    if (source) {
        *source = (struct source){.ops = &file_ops, .size = size, .kind = SOURCE_MEMORY, .fd = -1};
    }
    return source;
}

static void an_image_whose_start_cannot_be_read_is_not_opened(void)
{
    const uint64_t places[] = {0, 111, 112, CLUSTER - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct error error = {0};
        make_image();
        bad_from = places[i];
        CHECK(!image_open(open_file(sizeof file), "image", &error));
        CHECK_STR(error.code, ERROR_IO);
        CHECK_EQ_U64(error.offset, places[i]);
    }
    struct error error;
    make_image();
    bad_from = CLUSTER;
    struct image *image = image_open(open_file(sizeof file), "image", &error);
    CHECK(image != NULL);
    image_close(image);
}

// What is beyond the end of a list of problems may be anything.
static void problems_that_were_not_kept_are_not_tolerated(void)
{
    const enum problem_kind tolerated[] = {PROBLEM_L1_TABLE_CUT_SHORT, PROBLEM_NONE};
    struct error error = {0};
    struct image image = {.problems = {.count = 0}};
    CHECK(image_readable(&image, tolerated, &error));
    problems_note(&image.problems, PROBLEM_L1_TABLE_CUT_SHORT, 1, "it is cut");
    CHECK(image_readable(&image, tolerated, &error));
    CHECK(!image_readable(&image, NULL, &error));
    CHECK_EQ_U64(error.offset, 1);
    image.problems.dropped = 1;
    CHECK(!image_readable(&image, tolerated, &error));
    CHECK_STR(error.message, "it is cut");
    problems_free(&image.problems);
}

// Opens an image that is cut off, and reads its disk from `at` on.
static bool look_at(uint64_t file_size, uint64_t at, struct extent *extent, struct error *error)
{
    static const enum problem_kind tolerated[] = {PROBLEM_L1_TABLE_CUT_SHORT, PROBLEM_NONE};
    const struct chain_options options = {.tolerated = tolerated};
    struct extent_walk walk = {0};
    struct chain chain;
    *extent = (struct extent){0};
    *error = (struct error){0};
    bool found = false;
    if (chain_open(open_file(file_size), "image", &options, &chain, error)) {
        const struct view view = view_active(&chain);
        found = extent_walk_start(&walk, &view, error) &&
                extent_at(&walk, at, view.size - at, extent, error);
    }
    extent_walk_end(&walk);
    chain_close(&chain);
    return found;
}

static void a_hole_ends_where_the_l1_table_is_cut_off(void)
{
    struct extent extent;
    struct error error;
    const uint64_t entries = 30;
    make_image();
    CHECK(look_at(CLUSTER + entries * 8, 0, &extent, &error));
    CHECK(extent.kind == CLUSTER_UNALLOCATED);
    CHECK_EQ_U64(extent.length, entries * COVERAGE);
    CHECK(!look_at(CLUSTER + entries * 8, entries * COVERAGE, &extent, &error));
    CHECK_STR(error.code, ERROR_TRUNCATED);
    CHECK_EQ_U64(extent.length, COVERAGE);
    CHECK(look_at(sizeof file, 0, &extent, &error));
    CHECK_EQ_U64(extent.length, 100 * COVERAGE);
}

static void an_l1_table_that_cannot_be_read_is_a_fault(void)
{
    struct extent extent;
    struct error error;
    make_image();
    put(CLUSTER, 8, UINT64_C(1) << 63 | 2 * CLUSTER); // an L2 table without anything in it
    bad_from = CLUSTER + 8;
    CHECK(!look_at(sizeof file, COVERAGE, &extent, &error));
    CHECK_STR(error.code, ERROR_IO);
    CHECK_EQ_U64(extent.start, COVERAGE);
}

int main(void)
{
    RUN(an_image_whose_start_cannot_be_read_is_not_opened);
    RUN(problems_that_were_not_kept_are_not_tolerated);
    RUN(a_hole_ends_where_the_l1_table_is_cut_off);
    RUN(an_l1_table_that_cannot_be_read_is_a_fault);
    return unit_done();
}
