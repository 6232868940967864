// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What the parts of a check share: the references counted so far and what was found.

#ifndef CHECK_CHECK_STATE_H
#define CHECK_CHECK_STATE_H

#include "check/check.h"
#include "format/snapshot.h"
#include "image/image.h"
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
    uint64_t file_end;              // the size of the file, rounded up to a cluster
    uint64_t whole_clusters;        // of the file
    uint64_t refcount_max;          // what a refcount of the image can count to
    bool dirty;                     // refcounts may be out of date
    struct refcount_walk refcounts; // on disk
    uint64_t refcount_blocks;       // how many different ones were referenced
    struct budget budget;           // for what tables can make an image mean again and again
    bool budget_reported;           // that it has ended
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

// A table could not be read. That the file ends before it does was told with the reference to it.
void check_unreadable(struct check_state *state, const struct error *error);

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

// False, once it is too much and that was told.
bool check_spend(struct check_state *state, enum check_cost what, uint64_t count);

// Findings so far.
uint64_t check_told(const struct check_state *state);

// Counts the references to [offset, offset + size) of the file. `at` has the guest offset, when
// there is one, and `place` says who refers to it.
void check_reference(struct check_state *state, uint64_t offset, uint64_t size,
                     enum purpose purpose, const struct finding *at, const char *place);

// The cell of a cluster below references.clusters, made and marked with what its refcount on disk
// says. NULL when there is no memory, which is noted.
uint32_t *check_make_cell(struct check_state *state, uint64_t cluster);

static inline uint32_t *check_cell(struct check_state *state, uint64_t cluster)
{
    uint32_t *chunk = state->references.chunks[cluster / REFERENCE_CHUNK];
    return chunk ? chunk + cluster % REFERENCE_CHUNK : check_make_cell(state, cluster);
}

// True when the refcount on disk is exactly 1: COPIED flags are compared with that.
bool check_refcount_is_one(struct check_state *state, uint64_t cluster);

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

// Counts the references of the bitmaps.
void check_bitmaps(struct check_state *state);

// Reads the data of the disk and of all snapshots, and decodes every compressed cluster. False only
// when that cannot be done; what cannot be read becomes a finding.
bool check_data(const struct chain *chain, const struct check_options *options, struct check *check,
                struct error *error);

#endif
