// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Finds what changed on a disk since a snapshot of it, from the tables alone: for incremental
// backups.

#ifndef COMPARE_CHANGES_H
#define COMPARE_CHANGES_H

#include "compare/pair.h"

struct change {
    struct extent extent; // of the disk as it is now
    bool changed;         // false: it reads the same, because both are zeros or at the same place
};

struct change_walk {
    struct pair_walk pairs;
};

// `since` and `now`: views of chains that must stay open. Do not copy `walk`.
bool change_walk_start(struct change_walk *walk, const struct view *since, const struct view *now,
                       struct error *error);

// Finds the change at `offset` of the current disk, of at most `limit` ≥ 1 bytes. Beyond the end of
// the snapshot's disk the old content is zeros. Offsets must not decrease. On failure
// change->extent.length is the number of bytes with this fault, and `*then` is true when the tables
// of the snapshot have it.
bool change_at(struct change_walk *walk, uint64_t offset, uint64_t limit, struct change *change,
               bool *then, struct error *error);

void change_walk_end(struct change_walk *walk);

#endif
