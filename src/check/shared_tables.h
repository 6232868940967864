// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// L2 tables that several snapshots share, and how often: each is walked once more at the end, and
// each reference in it counts that many times. A thousand snapshots of one disk cost two walks.

#ifndef CHECK_SHARED_TABLES_H
#define CHECK_SHARED_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shared_table {
    uint64_t offset; // host offset of the L2 table
    uint64_t count;  // references to it
};

struct shared_tables {
    struct shared_table *items; // owned; one table may have several items until they are merged
    size_t count, room;
};

// Adds a reference. False, and the reference is not added, when there is no memory or too many
// different tables (at least 2^19).
bool shared_tables_add(struct shared_tables *tables, uint64_t offset);

// Merges the items: one item a table, in the order of their offsets.
void shared_tables_merge(struct shared_tables *tables);

void shared_tables_free(struct shared_tables *tables);

#endif
