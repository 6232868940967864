// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Walks two disks side by side: for each guest range, the extents of both, and whether the tables
// alone show that both read the same.

#ifndef COMPARE_PAIR_H
#define COMPARE_PAIR_H

#include "image/extent.h"

enum side { SIDE_A, SIDE_B, SIDES };

struct pair {
    uint64_t start, length; // guest bytes, ≥ 1
    // The extents. Beyond the end of a disk, and where both disks lead to layers that they share,
    // an unallocated extent.
    struct extent extents[SIDES];
    bool same;        // both read as zeros, or lead to the same bytes of the same file
    enum side faulty; // after a failure: the disk whose tables have a fault
};

// One of the disks.
struct pair_side {
    struct view view;
    struct chain own;                     // its layers above the shared ones; borrowed
    struct extent_walk own_walk;          // through these layers, and
    struct extent_walk whole_walk;        // through all, when only one disk leads to shared layers
    struct extent own_found, whole_found; // last; length 0: nothing yet
};

struct pair_walk {
    struct pair_side sides[SIDES];
    size_t shared; // layers at the end of both chains
    uint64_t end;  // guest offset at which the longer disk ends
};

// The number of layers at the end of both chains that are the same files and read in the same way.
size_t pair_shared_layers(const struct view views[static SIDES]);

// Where both disks lead to shared layers, these are not walked unless `whole`: then each extent is
// looked up in the whole chain. The chains must stay open; do not copy `walk`. False when there is
// no memory. The caller calls pair_walk_end() in any case.
bool pair_walk_start(struct pair_walk *walk, const struct view views[static SIDES], bool whole,
                     struct error *error);

// Finds the pair at `offset`, which is below walk->end. Offsets must not decrease. On failure the
// length is the number of bytes with this fault, and `faulty` is the disk that has it.
bool pair_at(struct pair_walk *walk, uint64_t offset, struct pair *pair, struct error *error);

void pair_walk_end(struct pair_walk *walk);

#endif
