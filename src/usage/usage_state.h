// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The state that the parts of usage share.

#ifndef USAGE_USAGE_STATE_H
#define USAGE_USAGE_STATE_H

#include "tables/budget.h"
#include "usage/table_sums.h"
#include "usage/usage.h"
#include "usage/use_map.h"

struct usage_state {
    const struct image *image;
    const struct header *header;
    struct usage *usage;
    struct measure *measure;         // NULL: not wanted
    const struct usage_watch *watch; // NULL: none
    uint64_t disks_done;             // guest bytes of the disks before this one
    struct use_map map;
    struct table_sums sums;
    struct budget budget; // for L1 tables, bitmap tables, and L2 tables that are walked again
    bool out_of_memory;
};

// Ours, like the budget of a check: half a minute of work. Snapshots without faults stay far below
// it.
#define USAGE_BUDGET (UINT64_C(64) << 30)

// Records how many guest bytes of this disk were walked.
void usage_progress(const struct usage_state *state, uint64_t guest_bytes);

// Counts a part that could not be read.
void usage_failed(struct usage_state *state, const struct error *error);

// Notes that `owner` (see use_map.h) uses [offset, offset + size) of the file for `use`, an enum
// purpose or enum use. Does nothing when the range reaches past the last cluster of the file.
// Returns the bytes of all clusters that it touches.
uint64_t usage_note(struct usage_state *state, uint64_t offset, uint64_t size, unsigned use,
                    uint32_t owner);

// Adds up an L1 table and everything below it. `disk_size`: bytes of the disk; VM state follows it.
// Returns the bytes of the file that the table refers to; compressed clusters count with their
// stored size.
uint64_t usage_tree(struct usage_state *state, struct l1_table l1, uint64_t disk_size,
                    uint32_t owner);

// Add up the snapshots with everything below their L1 tables, the encryption header, the bitmaps,
// and the refcount table with its blocks.
void usage_snapshots(struct usage_state *state);
void usage_encryption(struct usage_state *state);
void usage_bitmaps(struct usage_state *state);
void usage_refcount_tables(struct usage_state *state);

// Marks leaked clusters: they have a refcount and no use.
void usage_leaks(struct usage_state *state);

// Adds up the use map.
void usage_totals(struct usage_state *state);

// Hands over the parts of the file in the order of their offsets, from the use map.
void usage_place(const struct usage_state *state, const struct usage_places *places);

#endif
