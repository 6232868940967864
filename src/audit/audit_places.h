// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Finds the purpose of a cluster that has two uses. Sound images have no such clusters, so the
// tables are walked a second time instead of remembering all uses.

#ifndef AUDIT_AUDIT_PLACES_H
#define AUDIT_AUDIT_PLACES_H

#include "audit/audit_state.h"

// Clusters of the file, and one more: compressed data in the last one may reach into the next.
uint64_t audit_clusters(const struct audit_state *state);

// Remembers the use of the clusters from `first` to `end`.
void audit_add_range(struct audit_state *state, uint64_t first, uint64_t end, enum purpose purpose);

// All ranges are known: sorts them for searching.
void audit_sort_ranges(struct audit_state *state);

// PURPOSE_NONE when `cluster` is in none of the ranges.
enum purpose audit_range_purpose(const struct audit_state *state, uint64_t cluster);

// The purpose of `cluster`, which contains a table or bits of a bitmap. Walks all tables except L2
// tables.
enum purpose audit_purpose(struct audit_state *state, uint64_t cluster);

// Whether a table or a cluster of bits is in a cluster that is in state->places.used.
bool audit_is_table(struct audit_state *state, uint64_t cluster);

#endif
