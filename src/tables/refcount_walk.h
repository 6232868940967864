// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A walk over the refcounts of consecutive clusters, in the blocks that the refcount table refers
// to and the file contains: all other refcounts are 0.

#ifndef TABLES_REFCOUNT_WALK_H
#define TABLES_REFCOUNT_WALK_H

#include "format/refcount.h"
#include "tables/table_walk.h"

struct refcount_walk {
    const struct header *header;
    struct budget *budget; // for reading blocks; NULL: unlimited
    struct table_file table_file, block_file;
    struct table_walk table, block;
    uint64_t block_first; // the cluster of the first refcount in the block
    uint64_t first, end;  // clusters to walk over
};

// A part of a refcount block.
struct refcounts {
    struct bytes view;
    uint64_t first; // the cluster of the first refcount
    uint64_t count;
    uint32_t refcount_order;
};

// The refcount at `index`. Refcounts of 16 bits, which most images have, take the fast path.
static inline uint64_t refcounts_load(const struct refcounts *refcounts, uint64_t index)
{
    if (refcounts->refcount_order == REFCOUNT_ORDER_V2) {
        return bytes_be16(refcounts->view, index * 2);
    }
    return refcount_load(refcounts->view, refcounts->refcount_order, index);
}

// How many refcounts from `index` on equal the first of them: at least 1.
uint64_t refcounts_run(const struct refcounts *refcounts, uint64_t index);

// For an image with a known refcount order. `budget` may be NULL.
struct refcount_walk refcount_walk_make(const struct image *image, struct budget *budget);
void refcount_walk_free(struct refcount_walk *walk);

// Announces all refcount blocks to a source where reading waits, unless they are many: walks that
// come back to some of them in any order then find them fetched together.
void refcount_announce_blocks(const struct image *image);

// Starts a walk over the clusters [first, end). `first` is a multiple of 8, so that its refcount
// begins at a byte.
void refcount_walk_start(struct refcount_walk *walk, uint64_t first, uint64_t end);

// Returns the next refcounts that may not be 0. After an error the walk continues with the next
// block.
enum walk_step refcount_walk_next(struct refcount_walk *walk, struct refcounts *refcounts,
                                  struct error *error);

#endif
