// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A walk over the entries of an L1 table that are not 0, as far as an audit's budget goes.

#ifndef AUDIT_AUDIT_L1_H
#define AUDIT_AUDIT_L1_H

#include "audit/audit_state.h"
#include "source/table_window.h"

struct audit_l1_walk {
    struct audit_state *state;
    struct l1_table l1;
    struct budget *budget; // bytes; NULL: the active table, which is bounded by its cap
    struct table_window window;
    struct bytes view;
    uint64_t at, next; // indices: where the view begins, and of the entry to look at next
    uint64_t guest_offset;
    uint64_t entry;     // that was found
    uint32_t faults;    // of it
    uint64_t l2_offset; // in it; 0: none
    uint64_t place;     // byte offset of that entry
};

// `active`: the active table, of which nothing is left out. Those of snapshots have a budget.
struct audit_l1_walk audit_l1_start(struct audit_state *state, struct l1_table l1, bool active);

// The next entry that is not 0. False at the end of the table, or of the budget.
bool audit_l1_next(struct audit_l1_walk *walk);

void audit_l1_free(struct audit_l1_walk *walk);

// The active L1 table; without entries when its place or size are impossible.
struct l1_table audit_l1_of_disk(const struct audit_state *state);

#endif
