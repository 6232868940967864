// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The union of several dirty bitmaps of one image: a byte of the disk is dirty when it is dirty in
// any of them. Their granularities may differ.

#ifndef TABLES_DIRTY_UNION_H
#define TABLES_DIRTY_UNION_H

#include "tables/dirty.h"

enum { DIRTY_UNION_MAX = 64 }; // bitmaps: each holds two windows, of 512 KiB in all

struct dirty_union {
    const char *const *names;  // of the bitmaps, for errors; borrowed
    struct dirty_walk *walks;  // owned
    struct dirty_extent *last; // owned; the last extent of each walk
    size_t count;
};

// Finds each bitmap by its name; the names are not copied. `count` is 1..DIRTY_UNION_MAX. Unless
// `force`, a bitmap whose bits cannot be trusted is an error. False when one of them cannot be
// walked. The caller calls dirty_union_end() in any case.
bool dirty_union_start(struct dirty_union *together, const struct image *image,
                       const char *const *names, size_t count, bool force, struct error *error);

// Finds the extent at guest offset `offset`, of at most `limit` ≥ 1 bytes. All bitmaps are read: a
// fault of one is an error even where another one is dirty.
bool dirty_union_at(struct dirty_union *together, uint64_t offset, uint64_t limit,
                    struct dirty_extent *extent, struct error *error);

void dirty_union_end(struct dirty_union *together);

#endif
