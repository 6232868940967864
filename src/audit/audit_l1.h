// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Where the L2 tables of a disk are.

#ifndef AUDIT_AUDIT_L1_H
#define AUDIT_AUDIT_L1_H

#include "audit/audit_state.h"
#include "tables/table_walk.h"

// The next entry of an L1 table that is not 0. False at the end of the table, or of the budget,
// which only those of snapshots have: the active one is bounded by its cap.
bool audit_l1_next(struct audit_state *state, struct table_walk *walk, struct table_entry *entry);

// The active L1 table; without entries when its place or size are impossible.
struct l1_table audit_l1_of_disk(const struct audit_state *state);

#endif
