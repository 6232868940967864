// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The state that the parts of a check share: what they have counted, what to report, and how much
// work is left.

#ifndef CHECK_CHECK_STATE_H
#define CHECK_CHECK_STATE_H

#include "check/finding.h"
#include "check/shared_tables.h"
#include "image/chain.h"
#include "image/run.h"
#include "source/table_window.h"
#include "tables/refcount_walk.h"
#include "tables/reference_map.h"

struct check_state {
    const struct chain *chain;
    const struct image *image;
    const struct header *header;
    const struct check_options *options;
    struct check *check;
    struct reference_map references;
    struct shared_tables shared;    // tables whose references are counted after the snapshots
    uint64_t file_end;              // the size of the file, rounded up to a cluster
    uint64_t whole_clusters;        // of the file
    uint64_t refcount_max;          // the largest refcount of the image
    bool dirty;                     // refcounts may be stale
    bool partial;                   // only the first bytes of a pipe are known: more may exist
    bool uncounted;                 // some references may not have been counted: no leak is certain
    struct refcount_walk refcounts; // on disk
    uint64_t refcount_blocks;       // different blocks that were referenced
    struct budget budget;           // for walking tables more than once
    bool budget_reported;           // the end of the budget was reported
    struct findings suspicions;     // become findings when leaked clusters hold data
    struct table_file leaks_file;   // to read leaked clusters
    uint64_t leaks_left;            // bytes of them that may still be read
    uint64_t disk_bytes;            // guest bytes that the current L1 table adds to the progress
    uint64_t disks_done;            // guest bytes of the disks before it
    bool out_of_memory;
};

// Reports as progress that the tables of the first `guest_bytes` of the current disk were walked.
void check_progress(const struct check_state *state, uint64_t guest_bytes);

// Ends the progress of the current disk.
void check_end_disk(struct check_state *state);

// Counts a part that could not be checked.
void check_failed(struct check_state *state, const struct error *error);

// Counts a table that could not be read: the references in it are not counted. A table that the
// file cuts short was reported with the reference to it.
void check_unreadable(struct check_state *state, const struct error *error);

// Counts a reference to bytes of a pipe that were not read.
static inline void check_unseen(struct check_state *state)
{
    state->check->unseen_references++;
}

// True when `error` means that only the end of the bytes from a pipe was reached, which is no fault
// of the image.
bool check_error_is_unseen(const struct check_state *state, const struct error *error);

// Kinds of work that the size of the file does not limit: an image of a few MiB could ask for years
// of it. The budget counts L1 tables and bitmap tables, L2 tables and refcount blocks that are
// walked again, and findings about them.
enum check_cost {
    CHECK_BYTE,     // of a table
    CHECK_L1_ENTRY, // one that refers to an L2 table
    CHECK_ENTRY,    // any other entry that is not zero
    CHECK_FINDING,
};

// Ours: half a minute of work. Without faults, 1000 snapshots of a 64 TiB disk have 8 GiB of L1
// tables, and 65536 snapshots of a 4 GiB disk have 32 GiB of L2 tables to walk.
#define CHECK_BUDGET (UINT64_C(64) << 30)

// Ours: bytes of leaked clusters that are read to find out whether they hold data. A cluster that
// begins with data costs 4 KiB, so this covers 4 GiB of clusters of 64 KiB and takes less than a
// second.
#define CHECK_LEAKS_READ (UINT64_C(256) << 20)

// Takes work off the budget. False when none is left, after reporting that once.
bool check_spend(struct check_state *state, enum check_cost what, uint64_t count);

// The number of findings so far.
uint64_t check_reported(const struct check_state *state);

#endif
