// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Walks the L1 tables of all disks side by side, to find the L2 tables at one index. A disk and its
// snapshots share tables, but only at the same index.

#ifndef AUDIT_AUDIT_L1_H
#define AUDIT_AUDIT_L1_H

#include "audit/audit_state.h"
#include "tables/table_walk.h"

// An L2 table that one or more disks have at an index.
struct l1_row_table {
    uint64_t l2_offset;
    uint64_t at;    // byte offset of the first L1 entry that refers to it
    bool active;    // the active disk refers to it
    bool copied;    // ... and its L1 entry has COPIED
    uint32_t disks; // that refer to it
};

struct l1_rows {
    struct audit_state *state;
    bool report; // report faults of entries
    struct table_file file;
    struct budget budget; // of the L1 tables of snapshots
    uint64_t *block; // owned: entries of a block of indices, the entries of one index side by side
    struct l1_key *keys;  // owned: for sorting a row
    uint64_t first, rows; // the indices in the block
    uint16_t *views;      // owned: the disks that have entries in the block, in order
    size_t view_count;    // number of these disks
    uint64_t next;        // index of the row to return next
    uint64_t end;         // of the longest table

    // The row that was returned last: tables in the order of the disks, each once.
    uint64_t index;
    struct l1_row_table *tables; // owned
    uint16_t *table_of;          // owned: the table of each disk, or L1_ROW_NONE
    size_t count;
};

enum { L1_ROW_NONE = UINT16_MAX };

// False when there is no memory, which is then reported.
bool l1_rows_start(struct l1_rows *rows, struct audit_state *state, bool report);

// Goes to the next index at which a disk has an L2 table that can be read. False at the end.
bool l1_rows_next(struct l1_rows *rows);

void l1_rows_free(struct l1_rows *rows);

#endif
