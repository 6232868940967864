// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A walk over the bits of a dirty bitmap ("Bitmap table" and "Bitmap data" in the specification).

#ifndef TABLES_DIRTY_H
#define TABLES_DIRTY_H

#include "format/bitmap.h"
#include "tables/table_walk.h"

struct dirty_extent {
    uint64_t start, length; // guest bytes
    bool dirty;
};

struct dirty_walk {
    const struct image *image;
    unsigned granularity_bits; // a bit stands for 2^granularity_bits guest bytes
    struct table_file file;    // of the table
    struct table_walk table;   // uses the file above, so this struct must not be copied
    struct table_window data_window;
};

// `window`: TABLE_WINDOW_MIN..TABLE_WINDOW_MAX bytes; the walk allocates two windows. False when
// the bitmap cannot be walked.
bool dirty_walk_start(struct dirty_walk *walk, const struct image *image,
                      const struct bitmap *bitmap, size_t window, struct error *error);

// Finds the extent of equal bits at guest offset `offset`, of at most `limit` ≥ 1 bytes.
bool dirty_at(struct dirty_walk *walk, uint64_t offset, uint64_t limit, struct dirty_extent *extent,
              struct error *error);

void dirty_walk_end(struct dirty_walk *walk);

#endif
