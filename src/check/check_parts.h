// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The parts of a check, as check.c calls them.

#ifndef CHECK_CHECK_PARTS_H
#define CHECK_CHECK_PARTS_H

#include "check/finding.h"
#include "format/snapshot.h"
#include "image/chain.h"
#include "image/run.h"
#include "tables/purpose.h"

struct check_state;

// Notes a table that is in the file and is empty. It becomes a finding only when leaked clusters
// hold data: the table may have referred to them.
void check_empty_table(struct check_state *state, const struct finding *at, const char *place);

// What a leaked cluster holds.
enum leak {
    LEAK_ZEROS, // or anything that other references keep
    LEAK_DATA,
    LEAK_UNREAD, // it cannot be read, or CHECK_LEAKS_READ bytes of leaked clusters were read
};

// Reads and counts a cluster whose refcount exceeds its `count` references; the first has
// `purpose`.
enum leak check_leak(struct check_state *state, uint64_t cluster, uint32_t count,
                     enum purpose purpose);

// Reports empty tables and unread clusters, before all other findings, when leaked clusters hold
// data.
void check_report_leaks(struct check_state *state);

// Counts the references to the refcount table and its blocks.
void check_refcount_tables(struct check_state *state);

// Compares the references that were counted with the refcounts on disk.
void check_compare_refcounts(struct check_state *state);

// Counts the references of an L1 table and of everything below it. Only for the active one are
// COPIED flags checked and clusters added to the figures of the check. Findings contain `name`.
// `disk_size`: bytes of the disk that the table maps.
void check_l1_tree(struct check_state *state, struct l1_table l1, uint64_t disk_size, bool active,
                   const char *name);

// Counts the references to the snapshot table and of the L1 tables of all snapshots.
void check_snapshots(struct check_state *state);

// Bytes of the disk of a snapshot, 0 when its data cannot be read.
uint64_t check_readable_bytes(const struct chain *chain, const struct snapshot *snapshot);

// Counts the references below the L2 tables that snapshots share.
void check_shared_tables(struct check_state *state);

// Counts the references of the bitmaps.
void check_bitmaps(struct check_state *state);

// Reads the data of the disk and of all snapshots, and decodes every compressed cluster. False only
// when this cannot be done; unreadable data becomes a finding.
bool check_data(const struct chain *chain, const struct check_options *options, struct check *check,
                struct error *error);

#endif
