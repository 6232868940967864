// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The parts of an audit, for the top of it.

#ifndef AUDIT_AUDIT_PARTS_H
#define AUDIT_AUDIT_PARTS_H

#include "audit/audit_rules.h"

struct audit_state;

// In the order in which they are called: places of tables come before what lies in them.
void audit_header(struct audit_state *state);
void audit_references(struct audit_state *state);
void audit_virtual_size(struct audit_state *state);
void audit_marks(struct audit_state *state);
void audit_header_tables(struct audit_state *state);
void audit_snapshots(struct audit_state *state);
void audit_bitmaps(struct audit_state *state);
void audit_l2_places(struct audit_state *state);
void audit_refcounts(struct audit_state *state);
void audit_bitmap_bits(struct audit_state *state);
void audit_l2_tables(struct audit_state *state);
void audit_sizes(struct audit_state *state);
void audit_marks_found(struct audit_state *state);
void audit_end_of_file(struct audit_state *state);

// What keeps the refcount table of `size` bytes from being read, which is told with the header;
// AUDIT_RULES when nothing does.
enum audit_rule audit_refcounts_obstacle(const struct audit_state *state, uint64_t size);

#endif
