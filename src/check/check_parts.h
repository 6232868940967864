// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The parts of a check, for the top of it.

#ifndef CHECK_CHECK_PARTS_H
#define CHECK_CHECK_PARTS_H

#include "check/finding.h"
#include "format/snapshot.h"
#include "image/chain.h"
#include "image/run.h"
#include "tables/purpose.h"

struct check_state;

// Notes a table that is in the file and has no entries. That is a finding only when leaked clusters
// hold data, which the table may have lost.
void check_empty_table(struct check_state *state, const struct finding *at, const char *place);

// What a leaked cluster holds.
enum leak {
    LEAK_ZEROS, // or what other references keep
    LEAK_DATA,
    LEAK_UNREAD, // it cannot be read, or CHECK_LEAKS_READ bytes of others were
};

// Reads and counts a cluster whose refcount exceeds its `count` references, of which the first is
// for `purpose`.
enum leak check_leak(struct check_state *state, uint64_t cluster, uint32_t count,
                     enum purpose purpose);

// Reports, before all other findings, what leaked clusters that hold data make suspicious.
void check_report_leaks(struct check_state *state);

// Counts the references to the refcount table and its blocks.
void check_refcount_tables(struct check_state *state);

// Compares what was counted with the refcounts on disk.
void check_compare_refcounts(struct check_state *state);

// Counts the references of an L1 table and of all below it. Only the active one has COPIED flags
// that mean something, and is counted in the figures of the check. `name` is told in findings.
// `disk_size`: bytes of the disk that it maps.
void check_l1_tree(struct check_state *state, struct l1_table l1, uint64_t disk_size, bool active,
                   const char *name);

// Counts the references of the snapshot table, and those of the L1 tables of all snapshots.
void check_snapshots(struct check_state *state);

// Bytes of the disk of a snapshot, 0 when its data cannot be read.
uint64_t check_readable_bytes(const struct chain *chain, const struct snapshot *snapshot);

// Counts the references below the L2 tables that snapshots share.
void check_shared_tables(struct check_state *state);

// Counts the references of the bitmaps.
void check_bitmaps(struct check_state *state);

// Reads the data of the disk and of all snapshots, and decodes every compressed cluster. False only
// when that cannot be done; what cannot be read becomes a finding.
bool check_data(const struct chain *chain, const struct check_options *options, struct check *check,
                struct error *error);

#endif
