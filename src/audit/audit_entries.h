// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What the entries of L2 tables say of the disk and of the file, while the tables of one disk, the
// active one or that of a snapshot, are gone through.

#ifndef AUDIT_AUDIT_ENTRIES_H
#define AUDIT_AUDIT_ENTRIES_H

#include "audit/audit_state.h"
#include "tables/table_walk.h"

// Places of data seen not long ago, to find those that are named twice: a table in which each has
// one slot, and drives out what was there. Nothing is told by mistake; a disk that has more places
// than this before it names them again is found by what it adds up to.
enum { AUDIT_RECENT_BITS = 14 };

// What a table names, whatever part of it the disk has: parts of which a cluster has 32.
struct audit_table_sums {
    uint32_t data_parts, compressed_clusters;
};

struct audit_tree {
    struct audit_state *state;
    struct table_file file; // of the L2 tables
    bool active;
    bool first_walk; // of this table: what it names has not been seen through it
    uint64_t *recent;
    uint64_t place;        // byte offset of the entry
    uint64_t guest_offset; // that it is about
    uint64_t cost;         // in bytes of the budget, of the entries looked at last
    uint64_t disk_size;    // guest bytes
    struct audit_disk_sums sums;
    struct audit_table_sums table;       // of the one that is gone through
    struct audit_table_sums *remembered; // one for each slot of state->tables
};

// Looks at the entries in `view`, from tree->place and tree->guest_offset on, and pays for them.
void audit_l2_entries(struct audit_tree *tree, struct bytes view);

#endif
