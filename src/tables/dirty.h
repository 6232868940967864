// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What a dirty bitmap says of the disk ("Bitmap table" and "Bitmap data" in the specification).

#ifndef TABLES_DIRTY_H
#define TABLES_DIRTY_H

#include "format/bitmap.h"
#include "image/image.h"
#include "source/table_window.h"

struct dirty_extent {
    uint64_t start, length; // guest bytes
    bool dirty;
};

struct dirty_walk {
    const struct image *image;
    uint64_t table_offset;     // bytes
    uint32_t table_size;       // entries
    unsigned granularity_bits; // guest bytes of one bit: 2 to this power
    struct table_window table_window, data_window;
};

// False when the bitmap is not one that can be walked.
bool dirty_walk_start(struct dirty_walk *walk, const struct image *image,
                      const struct bitmap *bitmap, struct error *error);

// What the bitmap says from guest offset `offset` on, for at most `limit` ≥ 1 bytes.
bool dirty_at(struct dirty_walk *walk, uint64_t offset, uint64_t limit, struct dirty_extent *extent,
              struct error *error);

void dirty_walk_end(struct dirty_walk *walk);

#endif
