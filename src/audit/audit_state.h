// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The state that the parts of an audit share: the use of each place in the file.

#ifndef AUDIT_AUDIT_STATE_H
#define AUDIT_AUDIT_STATE_H

#include "audit/audit_counts.h"
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
    bool is_auto;     // a write of the guest may set a bit in any of them
};

// A disk whose L1 table is in the file, and the sums over the L2 tables that were walked.
struct audit_view {
    bool active; // not the disk of a snapshot
    struct l1_table l1;
    uint64_t data_bytes;        // guest bytes that are stored as they are
    uint64_t compressed_bytes;  // guest bytes that are stored compressed
    uint64_t compressed_stored; // bytes of the file that they need at least
    uint64_t extents;           // at most: one at the end of a part of a table may count twice
};

// A range of consecutive clusters with one use.
struct table_range {
    uint64_t first, end; // clusters
    uint64_t reach;      // the largest end of this range and of those before it, once sorted
    enum purpose purpose;
};

enum {
    AUDIT_VIEWS_MAX = AUDIT_SNAPSHOTS_MAX + 1,
    AUDIT_RANGES_MAX = AUDIT_SNAPSHOTS_MAX + AUDIT_BITMAPS_MAX + 16,
};

// The clusters of tables. In a sound image no cluster has two purposes, so one bit for each is
// enough until a second use is found.
struct audit_places {
    struct cluster_bits used;                    // by tables, then also by data
    struct table_range ranges[AUDIT_RANGES_MAX]; // in the order of discovery, until
    bool sorted;                                 // ... all are known
    size_t range_count;
    bool shared_l2;             // an L2 table is used at two L1 indices
    struct cluster_bits tables; // by tables alone; made when data overlaps another use
    bool tables_known;
};

// Marks of other formats. The first ones are not guest data, as far as is known.
struct mark_list {
    struct probe_mark items[PROBE_MARKS_MAX];
    size_t count, not_in_data;
    uint64_t unmarked_start, unmarked_end; // of a part of the file without marks, as long as any
};

// Sums over the image, in bytes where nothing else is said.
struct audit_sums {
    uint64_t accounted;       // of the disks, VM states and bitmaps in the image
    uint64_t unseen_tables;   // number of L2 tables of the active disk that the budget left out
    uint64_t hole_tables;     // of L2 tables that lie in holes, of all disks
    uint64_t data_clusters;   // that are not compressed, each counted once
    uint64_t bitmap_clusters; // with any bits: a program that closes the image writes all of them
    uint64_t auto_bitmaps;    // in which a write of the guest sets bits
    uint64_t unset_clusters;  // of those bitmaps: without bits so far
    uint64_t snapshot_walk;   // of the L2 tables of all snapshots, counted once for each reference
    uint64_t refcount_reads;  // entries that need another refcount block than the one before
    bool stored_known;
    uint64_t stored; // of the file, without holes
};

// The end of the image in bytes, as far as is known.
struct audit_end {
    uint64_t used;        // end of the last cluster that is known to be used
    bool refcounts_known; // where the last cluster ends whose refcount says it is in use
    uint64_t refcounts;
};

struct audit_state {
    const struct image *image;
    const struct header *header;
    struct source *source;
    const struct audit_options *options;
    struct audit_report report;

    struct memory_limit memory; // of all sets of clusters, and of the counts
    struct audit_places places;
    struct audit_counts counts;
    struct audit_end end;
    struct audit_sums sums;
    struct mark_list marks;
    struct budget l2_budget, bitmap_budget;

    // Disks whose L1 table has a valid location. The active disk is the last one, because it is
    // most similar to the newest snapshot.
    struct audit_view views[AUDIT_VIEWS_MAX];
    struct bitmap_table bitmaps[AUDIT_BITMAPS_MAX];
    size_t view_count, bitmap_count;
};

// Inspects the place of a table at [offset, offset + size), described by `name`: whether it is in
// the file and overlaps another table. `at`: the offset of the reference to it. False when it is
// not entirely in the file.
bool audit_table(struct audit_state *state, enum purpose purpose, uint64_t offset, uint64_t size,
                 uint64_t at, const char *name);

// The same for a table of one cluster, without reporting an overlap: false when it is not in the
// file. Sets `*taken` when the cluster is already in use.
bool audit_table_cluster(struct audit_state *state, uint64_t offset, uint64_t at, const char *name,
                         bool *taken);

// Reports that `name` overlaps another use of the cluster at `offset`.
void audit_report_overlap(struct audit_state *state, uint64_t offset, enum purpose purpose,
                          const char *name);

// Reports the problems of parsers that have a rule. An entry of a list has only few.
void audit_problems(struct audit_state *state, const struct problems *problems);

// Offsets of this or more were reported with the entry or the field that has them.
static inline bool audit_possible_place(uint64_t offset)
{
    return offset < HOST_OFFSET_LIMIT;
}

// Counts the file as used up to `end`.
static inline void audit_use(struct audit_state *state, uint64_t end)
{
    state->end.used = max_u64(state->end.used, end);
}

enum audit_name_role {
    AUDIT_NAME_LABEL, // a label for people
    AUDIT_NAME_FILE,  // to be opened
    AUDIT_NAME_TEXT,  // never a part of a file name
};

// Bytes of a name that a message contains at most.
static inline int audit_shown(struct bytes name)
{
    return (int)min_u64(name.size, 200);
}

// Inspects a name at byte `at` of the file; `what` describes it.
void audit_name(struct audit_state *state, enum audit_name_role role, const char *what,
                struct bytes name, uint64_t at);

// Whether a disk has more data than the file can contain.
void audit_expansion(struct audit_state *state, const struct audit_view *view);

// The allocated size of the file, or its size if unknown.
static inline uint64_t audit_file_bytes(const struct audit_state *state)
{
    const struct source *source = state->source;
    return source->kind == SOURCE_FILE ? min_u64(source->allocated_size, source->size)
                                       : source->size;
}

// The bytes that the sender of the image had to send, for limits of work only. 0 where the size
// proves nothing: for a device, and for a remote object, whose server can claim any size.
static inline uint64_t audit_sent_bytes(const struct audit_state *state)
{
    enum source_kind kind = state->source->kind;
    return kind == SOURCE_DEVICE || kind == SOURCE_REMOTE ? 0 : audit_file_bytes(state);
}

// Whether the references of a single disk are counted. Otherwise a second one makes the image
// unsafe, and refcounts are not compared.
static inline bool audit_counts_all(const struct audit_state *state)
{
    return state->options->severities[AUDIT_SHARED_DATA] != AUDIT_UNSAFE ||
           state->options->severities[AUDIT_SHARED_L2_TABLE] != AUDIT_UNSAFE;
}

// Bytes of the file without its holes, as the file system reports them.
uint64_t audit_stored(struct audit_state *state);

#endif
