// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What the parts of an audit share beside what they report: which place of the file is what.

#ifndef AUDIT_AUDIT_STATE_H
#define AUDIT_AUDIT_STATE_H

#include "audit/audit_report.h"
#include "base/checked.h"
#include "format/layout.h"
#include "image/probe.h"
#include "image/run.h"
#include "tables/budget.h"
#include "tables/cluster_bits.h"
#include "tables/purpose.h"

struct bitmap_table {
    uint64_t offset;  // bytes
    uint32_t entries; // each for a cluster of bits
};

// A disk whose L1 table is in the file, and what it consists of, as far as its L2 tables were gone
// through.
struct audit_view {
    bool active; // not the disk of a snapshot
    struct l1_table l1;
    uint64_t disk_size;         // bytes
    uint64_t data_bytes;        // guest bytes that are stored as they are
    uint64_t compressed_bytes;  // guest bytes that are stored compressed
    uint64_t compressed_stored; // bytes of the file that those take at least
};

// What takes whole clusters of the file, one after another.
struct table_range {
    uint64_t first, end; // clusters
    uint64_t reach;      // the largest end of this range and of those before it, once sorted
    enum purpose purpose;
};

enum {
    AUDIT_VIEWS_MAX = AUDIT_SNAPSHOTS_MAX + 1,
    AUDIT_RANGES_MAX = AUDIT_SNAPSHOTS_MAX + AUDIT_BITMAPS_MAX + 16,
};

// Which clusters tables take, and nothing else does: no cluster has two purposes, so that a bit for
// each is enough until one is asked for twice.
struct audit_places {
    struct cluster_bits used;                    // by tables, then also by data
    struct table_range ranges[AUDIT_RANGES_MAX]; // in the order in which they were found, until
    bool sorted;                                 // ... all are known
    size_t range_count;
    bool shared_l2;             // an L2 table is named for two places of a disk
    struct cluster_bits tables; // by tables alone; made when data is where something else is
    bool tables_known;
};

// Marks of other formats. The first of them were not found to be guest data, as far as is known.
struct mark_list {
    struct probe_mark items[PROBE_MARKS_MAX];
    size_t count, not_in_data;
    uint64_t unmarked_start, unmarked_end; // of a part of the file without marks, as long as any
};

// Sums over the image, in bytes but for the tables.
struct audit_sums {
    uint64_t accounted;     // of the disks, VM states and bitmaps in the image
    uint64_t unseen_tables; // L2 tables of the active disk that the budget left out
    uint64_t data_clusters; // that are not compressed, each of them once
    uint64_t snapshot_walk; // of the L2 tables of all snapshots, each as often as it is named
    bool stored_known;
    uint64_t stored; // of the file that are no hole
};

// Where the image ends, as far as is known, in bytes.
struct audit_end {
    uint64_t used;        // where the last cluster ends that something is known to use
    bool refcounts_known; // where the last cluster ends whose refcount says it is in use
    uint64_t refcounts;
};

struct audit_state {
    const struct image *image;
    const struct header *header;
    struct source *source;
    const struct audit_options *options;
    struct audit_report report;

    struct memory_limit memory; // of all sets of clusters
    struct audit_places places;
    struct audit_end end;
    struct audit_sums sums;
    struct mark_list marks;
    struct budget l2_budget, bitmap_budget;

    // Those whose place is sound. The active disk is the last one: what it shares with snapshots is
    // most like the newest of them.
    struct audit_view views[AUDIT_VIEWS_MAX];
    struct bitmap_table bitmaps[AUDIT_BITMAPS_MAX];
    size_t view_count, bitmap_count;
};

// Takes note of a table at [offset, offset + size), which `name` says in words: whether it is in
// the file and over another table. `at` is where in the file the table is named. False when it is
// not wholly in the file.
bool audit_table(struct audit_state *state, enum purpose purpose, uint64_t offset, uint64_t size,
                 uint64_t at, const char *name);

// The same for a table of one cluster, without saying what it is over: false when it is not in the
// file. `taken` is set when something else is there.
bool audit_table_cluster(struct audit_state *state, uint64_t offset, uint64_t at, const char *name,
                         bool *taken);

// Says that `name` is where something else is, in the cluster at `offset`.
void audit_tell_overlap(struct audit_state *state, uint64_t offset, enum purpose purpose,
                        const char *name);

// What parsers found wrong, as far as there is a rule for it. It is few of an entry of a list.
void audit_problems(struct audit_state *state, const struct problems *problems);

// A place that is not below this was told with the entry or the field that names it.
static inline bool audit_possible_place(uint64_t offset)
{
    return offset < HOST_OFFSET_LIMIT;
}

// Counts what ends at `end` of the file as used.
static inline void audit_use(struct audit_state *state, uint64_t end)
{
    state->end.used = max_u64(state->end.used, end);
}

enum audit_name_role {
    AUDIT_NAME_LABEL, // what a person calls something
    AUDIT_NAME_FILE,  // to be opened
    AUDIT_NAME_TEXT,  // never a part of a file name
};

// So many bytes of a name are put into a message.
static inline int audit_shown(struct bytes name)
{
    return (int)min_u64(name.size, 200);
}

// Looks at a name, which `what` says in words and byte `at` of the file has.
void audit_name(struct audit_state *state, enum audit_name_role role, const char *what,
                struct bytes name, uint64_t at);

// Is it more than the file can hold.
void audit_expansion(struct audit_state *state, const struct audit_view *view);

// Bytes that the file takes on disk, or all that it has: what somebody had to send. It bounds work,
// and decides nothing else.
static inline uint64_t audit_file_bytes(const struct audit_state *state)
{
    const struct source *source = state->source;
    return source->kind == SOURCE_FILE ? min_u64(source->allocated_size, source->size)
                                       : source->size;
}

// Bytes of the file that are in no hole, as the file system reports them.
uint64_t audit_stored(struct audit_state *state);

#endif
