// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The L1 tables of all disks side by side: which L2 tables are named at one index. A disk and its
// snapshots share tables, but only at the same index.

#ifndef AUDIT_AUDIT_L1_H
#define AUDIT_AUDIT_L1_H

#include "audit/audit_state.h"
#include "tables/table_walk.h"

// An L2 table that one or more disks name at an index.
struct l1_row_table {
    uint64_t l2_offset;
    uint64_t at; // byte offset of the first L1 entry that names it
    bool active; // the active disk names it
};

struct l1_rows {
    struct audit_state *state;
    bool tell; // what is wrong with entries
    struct table_file file;
    struct budget budget; // of the L1 tables of snapshots
    uint64_t *block;      // owned: entries of a block of indices, those of one index side by side
    struct l1_key *keys;  // owned: for sorting those of a row
    uint64_t first, rows; // indices that are in the block
    uint16_t *views;      // owned: the disks that have entries in the block, in order
    size_t view_count;    // of those
    uint64_t next;        // index of the row to hand over next
    uint64_t end;         // of the longest table

    // The row that was handed over last: tables in the order of the disks, each of them once.
    uint64_t index;
    struct l1_row_table *tables; // owned
    uint16_t *table_of;          // owned: which of them each disk has; L1_ROW_NONE
    size_t count;
};

enum { L1_ROW_NONE = UINT16_MAX };

// What may be read of the L1 tables of snapshots: in proportion to the file.
struct budget audit_l1_budget(const struct audit_state *state);

// False when there is no memory, which is then told.
bool l1_rows_start(struct l1_rows *rows, struct audit_state *state, bool tell);

// Goes to the next index at which a disk names an L2 table that can be read. False at the end.
bool l1_rows_next(struct l1_rows *rows);

void l1_rows_free(struct l1_rows *rows);

#endif
