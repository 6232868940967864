// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The bottom of a check: what its parts share and report, and how much work is left.

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
    struct shared_tables shared; // whose references are counted after the snapshots
    uint64_t file_end;           // the size of the file, rounded up to a cluster
    uint64_t whole_clusters;     // of the file
    uint64_t refcount_max;       // what a refcount of the image can count to
    bool dirty;                  // refcounts may be out of date
    bool partial;                // what the source does not have may exist all the same
    bool uncounted;              // references may exist that were not counted: no leak is certain
    struct refcount_walk refcounts; // on disk
    uint64_t refcount_blocks;       // how many different ones were referenced
    struct budget budget;           // for what tables can make an image mean again and again
    bool budget_reported;           // that it has ended
    struct findings suspicions;     // that are findings when leaked clusters hold data
    struct table_file leaks_file;   // to read leaked clusters
    uint64_t leaks_left;            // bytes of them that may still be read
    uint64_t disk_bytes;            // guest bytes that the progress counts for the current L1 table
    uint64_t disks_done;            // and counted for those before
    bool out_of_memory;
};

// Tells that the tables of the first `guest_bytes` of the current disk were gone through.
void check_progress(const struct check_state *state, uint64_t guest_bytes);

// The current disk is done.
void check_end_disk(struct check_state *state);

// Something could not be checked.
void check_failed(struct check_state *state, const struct error *error);

// A table could not be read, so what it refers to is not counted. That the file ends before the
// table does was reported with the reference to it.
void check_unreadable(struct check_state *state, const struct error *error);

// Something lies behind the bytes of a pipe that were given.
static inline void check_unseen(struct check_state *state)
{
    state->check->unseen_references++;
}

// True when `error` says that the source ends too early, and that proves nothing.
bool check_error_is_unseen(const struct check_state *state, const struct error *error);

// Work that does not end with the bytes of the file: an image of a few MiB can be made to mean
// years of it. Counted are L1 tables and those of bitmaps, L2 tables and refcount blocks gone
// through again, and what is told of them.
enum check_cost {
    CHECK_BYTE,     // of a table
    CHECK_L1_ENTRY, // that names an L2 table
    CHECK_ENTRY,    // any other that is not zero
    CHECK_FINDING,
};

// Ours: half a minute of work. Without faults, 1000 snapshots of a 64 TiB disk have 8 GiB of L1
// tables, and 65536 of a disk of 4 GiB have 32 GiB of L2 tables to go through.
#define CHECK_BUDGET (UINT64_C(64) << 30)

// Ours: bytes of leaked clusters that are read, to see whether they hold data. One that begins with
// data costs 4 KiB, so 4 GiB of them in clusters of 64 KiB are read, which takes less than a
// second.
#define CHECK_LEAKS_READ (UINT64_C(256) << 20)

// False, once it is too much and that was told.
bool check_spend(struct check_state *state, enum check_cost what, uint64_t count);

// Findings so far.
uint64_t check_told(const struct check_state *state);

#endif
