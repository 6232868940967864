// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What changed on a disk since a snapshot of it, by the tables alone: for an incremental backup.

#ifndef COMPARE_CHANGES_H
#define COMPARE_CHANGES_H

#include "compare/pair.h"

struct change {
    struct extent extent; // of the disk as it is now
    bool changed;         // false: it reads as it did, as both were zeros or are in the same place
};

struct change_walk {
    struct pair_walk pairs;
};

// `since` and `now`: views of chains that have to stay open. `walk` stays where it is.
bool change_walk_start(struct change_walk *walk, const struct view *since, const struct view *now,
                       struct error *error);

// The change at `offset` of the disk as it is now, at most `limit` ≥ 1 bytes of it. Where the disk
// had ended then, it had zeros. Offsets do not decrease. On failure change->extent.length says how
// many bytes share the fault, and `*then` whether the tables of the past have it.
bool change_at(struct change_walk *walk, uint64_t offset, uint64_t limit, struct change *change,
               bool *then, struct error *error);

void change_walk_end(struct change_walk *walk);

#endif
