// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Limits of the walks that several parts of an audit make.

#ifndef AUDIT_AUDIT_WALKS_H
#define AUDIT_AUDIT_WALKS_H

#include "audit/audit_state.h"

// The budget for L1 tables of snapshots, in proportion to the file.
struct budget audit_l1_budget(const struct audit_state *state);

// The rule that prevents reading the refcount table of `size` bytes, and was reported with the
// header; AUDIT_RULES: none.
enum audit_rule audit_refcounts_obstacle(const struct audit_state *state, uint64_t size);

#endif
