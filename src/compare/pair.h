// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Two disks walked side by side: for each guest range what either has there, and whether the tables
// alone show that both read the same.

#ifndef COMPARE_PAIR_H
#define COMPARE_PAIR_H

#include "image/extent.h"

enum side { SIDE_A, SIDE_B, SIDES };

struct pair {
    uint64_t start, length; // guest bytes, ≥ 1
    // What lies there; of a disk that has ended, and where both lead to layers that they share, an
    // extent that is unallocated.
    struct extent extents[SIDES];
    bool same;        // both read as zeros, or lead to the same bytes of the same file
    enum side faulty; // after a failure: the disk whose tables say nothing sound
};

// One of the disks.
struct pair_side {
    struct view view;
    struct chain own;                     // its layers above those that both share: borrows them
    struct extent_walk own_walk;          // through these, and
    struct extent_walk whole_walk;        // through all, where only one disk leads to shared layers
    struct extent own_found, whole_found; // last; length 0: nothing yet
};

struct pair_walk {
    struct pair_side sides[SIDES];
    size_t shared; // layers at the end of both chains
    uint64_t end;  // guest offset at which the longer disk ends
};

// How many layers at the end of both chains are the same files, read in the same way.
size_t pair_shared_layers(const struct view views[static SIDES]);

// Where both disks lead to layers that are the same files, these are not walked, unless `whole`:
// each extent then is that of the whole chain. The chains have to stay open, and `walk` where it
// is. False when there is no memory; pair_walk_end() is due in any case.
bool pair_walk_start(struct pair_walk *walk, const struct view views[static SIDES], bool whole,
                     struct error *error);

// The pair at `offset`, which is below walk->end. Offsets do not decrease. On failure the length
// says how many bytes share the fault, and `faulty` which disk has it.
bool pair_at(struct pair_walk *walk, uint64_t offset, struct pair *pair, struct error *error);

void pair_walk_end(struct pair_walk *walk);

#endif
