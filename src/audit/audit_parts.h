// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The parts of an audit, as audit.c calls them.

#ifndef AUDIT_AUDIT_PARTS_H
#define AUDIT_AUDIT_PARTS_H

struct audit_state;

// In the order of the calls: the places of tables come before their contents.
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

#endif
