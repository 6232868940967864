// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What L2 entries cost a program that checks, maps or copies a disk, however little of the file
// they take: refcount blocks that it reads, and pieces of the disk that it asks for one by one.

#ifndef AUDIT_AUDIT_COSTS_H
#define AUDIT_AUDIT_COSTS_H

#include "format/entry.h"
#include "format/header.h"

#include <stdbool.h>
#include <stdint.h>

enum audit_piece { PIECE_HOLE, PIECE_ZERO, PIECE_COMPRESSED, PIECE_DATA };

// Where the entry before has led to.
struct audit_costs {
    const struct header *header;
    uint64_t refcount_block; // number of the block with the refcount of its cluster
    enum audit_piece piece;
    uint64_t piece_end; // host offset, of data
};

// True when the refcount of the cluster at a host offset is in another block than the one before.
bool audit_costs_refcount(struct audit_costs *costs, uint64_t host_offset);

// Each returns how many pieces begin: with entries of nothing, a run of `count` entries with
// adjacent data from `entry` on, or any entry.
unsigned audit_costs_hole(struct audit_costs *costs);
unsigned audit_costs_run(struct audit_costs *costs, struct l2_entry entry, uint64_t count);
unsigned audit_costs_entry(struct audit_costs *costs, struct l2_entry entry);

#endif
