// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Holes of a file, asked for once, against what the file says; and when they are asked for at all.

#include "source/host_holes.h"
#include "tables/preallocation.h"

#include <stdlib.h>

#include "unit.h"

#define MIB UINT64_C(1048576)

// ---- A file of which only the holes are known -------------------------------------------------

// Pieces of `piece` bytes that are in turn data and holes. The first `leading` of all are holes.
struct striped {
    struct source base;
    uint64_t piece, leading;
};

static bool is_hole(const struct striped *striped, uint64_t offset)
{
    uint64_t number = offset / striped->piece;
    return number < striped->leading || number % 2 != 0;
}

static uint64_t striped_length(struct source *source, uint64_t offset, bool hole)
{
    const struct striped *striped = (const struct striped *)source;
    uint64_t end = offset / striped->piece * striped->piece;
    while (end < source->size && is_hole(striped, end) == hole) {
        end += striped->piece;
    }
    end = end < source->size ? end : source->size;
    return end > offset ? end - offset : 0;
}

static uint64_t striped_hole(struct source *source, uint64_t offset)
{
    return striped_length(source, offset, true);
}

static uint64_t striped_data(struct source *source, uint64_t offset)
{
    return striped_length(source, offset, false);
}

static const struct source_ops striped_ops = {.hole = striped_hole, .data = striped_data};

static struct striped striped_make(uint64_t size, uint64_t piece, uint64_t leading)
{
    return (struct striped){{.ops = &striped_ops, .size = size, .fd = -1}, piece, leading};
}

static void check_run(struct striped *striped, const struct host_holes *holes, uint64_t offset)
{
    bool want_hole;
    bool hole;
    uint64_t want = source_run(&striped->base, offset, &want_hole);
    CHECK_EQ_U64(host_holes_run(holes, offset, &hole), want);
    CHECK(hole == want_hole);
}

static void holes_are_what_the_file_says(void)
{
    const struct striped files[] = {
        striped_make(100 * MIB, MIB, 0),    striped_make(100 * MIB + 1, MIB, 50),
        striped_make(MIB, 4096, 0),         striped_make(5, 1, 0),
        striped_make(64 * MIB, MIB, 64),    striped_make(1 << 30, 65536, 8000),
        striped_make(50 * MIB, 50 * MIB, 0)};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct striped file = files[i];
        struct host_holes *holes = host_holes_find(&file.base);
        REQUIRE(holes);
        for (uint64_t part = 0; part < 1000; part++) {
            check_run(&file, holes, (file.base.size - 1) * part / 999);
        }
        host_holes_free(holes);
    }
}

static void a_file_in_too_many_pieces_counts_as_data(void)
{
    struct striped file = striped_make(200000 * UINT64_C(4096), 4096, 0);
    struct host_holes *holes = host_holes_find(&file.base);
    bool hole;
    REQUIRE(holes);
    CHECK_EQ_U64(host_holes_run(holes, 4096, &hole), file.base.size - 4096);
    CHECK(!hole);
    host_holes_free(holes);
}

// ---- Images with clusters in use that have no place on disk -----------------------------------

#define CLUSTER UINT64_C(65536)

enum { BLOCK_AT = 2 }; // cluster of the file; the refcount table is the one before it

static uint8_t file[4 * CLUSTER];

struct described {
    uint64_t file_clusters, on_disk; // of the file
    unsigned counted;                // clusters with a refcount
    uint64_t block;                  // what the first entry of the refcount table says
};

static bool file_read(struct source *source, uint64_t offset, void *buffer, size_t size,
                      struct error *error)
{
    (void)source;
    (void)error;
    bool there = offset < sizeof file && size <= sizeof file - offset;
    memset(buffer, 0, size);
    if (there) {
        memcpy(buffer, file + offset, size);
    }
    return true;
}

static const struct source_ops file_ops = {.read = file_read};

static bool is_preallocated(const struct described *described)
{
    struct source source = {.ops = &file_ops,
                            .size = described->file_clusters * CLUSTER,
                            .allocated_size = described->on_disk * CLUSTER,
                            .kind = SOURCE_FILE,
                            .fd = 0}; // of some file
    struct image image = {.source = &source,
                          .header = {.version = 3,
                                     .geometry_known = true,
                                     .cluster_bits = 16,
                                     .cluster_size = CLUSTER,
                                     .refcount_table_offset = CLUSTER,
                                     .refcount_table_clusters = 1,
                                     .refcount_order = 4,
                                     .refcount_bits = 16}};
    memset(file, 0, sizeof file);
    for (unsigned i = 0; i < 8; i++) {
        file[CLUSTER + i] = (uint8_t)(described->block >> (56 - 8 * i));
    }
    for (unsigned i = 0; i < described->counted; i++) {
        file[BLOCK_AT * CLUSTER + 2 * i + 1] = 1;
    }
    return image_is_preallocated(&image);
}

static void more_clusters_in_use_than_on_disk_are_preallocated(void)
{
    const uint64_t block = BLOCK_AT * CLUSTER;
    CHECK(is_preallocated(&(struct described){100, 10, 90, block}));
    CHECK(is_preallocated(&(struct described){100, 80, 90, block}));
    CHECK(!is_preallocated(&(struct described){100, 82, 90, block})); // less than a tenth more
    CHECK(!is_preallocated(&(struct described){100, 100, 100, block}));
    CHECK(!is_preallocated(&(struct described){100, 10, 5, block}));
}

static void only_what_can_be_read_is_counted(void)
{
    CHECK(!is_preallocated(&(struct described){100, 10, 90, 0}));                   // no block
    CHECK(!is_preallocated(&(struct described){100, 10, 90, 99999 * CLUSTER}));     // past the end
    CHECK(!is_preallocated(&(struct described){1, 0, 90, BLOCK_AT * CLUSTER}));     // no table
    CHECK(!is_preallocated(&(struct described){40000, 10, 9, BLOCK_AT * CLUSTER})); // two blocks
}

int main(void)
{
    RUN(holes_are_what_the_file_says);
    RUN(a_file_in_too_many_pieces_counts_as_data);
    RUN(more_clusters_in_use_than_on_disk_are_preallocated);
    RUN(only_what_can_be_read_is_counted);
    return unit_done();
}
