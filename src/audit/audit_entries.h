// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Inspects the entries of L2 tables. Tables are walked in the order of L1 indices: first the tables
// that any disk has at the first index, then those at the next. A data cluster that is referred to
// for a second guest offset is shared within a disk, or two disks have it at different offsets. No
// program writes such images.

#ifndef AUDIT_AUDIT_ENTRIES_H
#define AUDIT_AUDIT_ENTRIES_H

#include "audit/audit_costs.h"
#include "audit/audit_state.h"
#include "audit/audit_streams.h"
#include "tables/table_walk.h"

// Sums over a table, independent of the part of it that a disk has.
struct audit_table_sums {
    uint32_t data_parts; // 32 in a cluster
    uint32_t compressed_clusters;
    uint64_t compressed_stored; // bytes that they need at least
    uint64_t extents;           // see audit_costs.h
};

// The same part of several tables that disks have at one L1 index, one after another. When two of
// them refer to a cluster at the same index, both disks have it at the same offset.
struct audit_versions {
    const uint8_t *parts;
    size_t stride;       // bytes from one table to the next
    const bool *present; // which of them have any entry in this part
    size_t before;       // the number of versions that were walked before this one
};

struct audit_tree {
    struct audit_state *state;
    struct table_file file;         // of the L2 tables
    struct cluster_bits compressed; // clusters with compressed data
    struct stream_list streams;
    struct audit_versions versions;
    struct budget search; // for comparisons with older versions
    struct cluster_bits
        walked; // tables that were walked; used only if an image refers to tables twice

    bool again; // the table was walked before: only add up

    struct audit_costs costs;

    bool active;                    // the active disk has the table
    uint32_t disks;                 // that have the table
    uint64_t place;                 // byte offset of the entry
    uint64_t guest_offset;          // of the entry
    uint64_t cost;                  // of the last entries, in bytes of the budget
    struct audit_table_sums *table; // of the current table
};

// Inspects the entries in `view`, from tree->place and tree->guest_offset on. `view` begins at the
// same index as the parts of tree->versions, if there are any.
void audit_l2_entries(struct audit_tree *tree, struct bytes view);

#endif
