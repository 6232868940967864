// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What the entries of L2 tables say of the disks and of the file. Tables are gone through by their
// place in the disks: first all tables that one disk or another has at the first L1 index, then
// those at the next. A cluster of data that is named for a second place is shared within a disk, or
// two disks have it at different places, which no writer does.

#ifndef AUDIT_AUDIT_ENTRIES_H
#define AUDIT_AUDIT_ENTRIES_H

#include "audit/audit_state.h"
#include "audit/audit_streams.h"
#include "tables/table_walk.h"

// What a table names, whatever part of it a disk has.
struct audit_table_sums {
    uint32_t data_parts; // of which a cluster has 32
    uint32_t compressed_clusters;
    uint64_t compressed_stored; // bytes that they take at least
};

// The same part of several tables that disks have at one L1 index, one behind another. Where a
// cluster is named by two of them in the same place, both disks have it there.
struct audit_versions {
    const uint8_t *parts;
    size_t stride;       // bytes from one table to the next
    const bool *present; // which of them have any entry in this part
    size_t before;       // so many of them were gone through
};

struct audit_tree {
    struct audit_state *state;
    struct table_file file;         // of the L2 tables
    struct cluster_bits compressed; // clusters with compressed data
    struct stream_list streams;
    struct audit_versions versions;
    struct budget search;       // comparisons with older versions
    struct cluster_bits walked; // tables, where some are named for several places

    bool again; // only sums are asked for: the table was gone through before

    bool active;                    // the active disk has the table
    uint64_t place;                 // byte offset of the entry
    uint64_t guest_offset;          // that it is about
    uint64_t cost;                  // in bytes of the budget, of the entries looked at last
    struct audit_table_sums *table; // of the one that is gone through
};

// Looks at the entries in `view`, from tree->place and tree->guest_offset on. `view` begins where
// the parts of tree->versions do, if there are any.
void audit_l2_entries(struct audit_tree *tree, struct bytes view);

#endif
