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
#include "tables/cluster_set.h"

struct bitmap_table {
    uint64_t offset;  // bytes
    uint32_t entries; // each for a cluster of bits
};

struct audit_snapshot {
    struct l1_table l1;
    uint64_t disk_size; // bytes
};

// What a disk consists of, as far as its tables were gone through.
struct audit_disk_sums {
    const char *name; // in words
    uint64_t l1_table_offset;
    uint64_t data_bytes;       // guest bytes that are stored as they are
    uint64_t compressed_bytes; // guest bytes that are stored compressed
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

    struct cluster_set tables; // which clusters they take
    struct audit_end end;
    struct audit_sums sums;
    struct mark_list marks;
    struct budget l2_budget, snapshot_l1_budget, bitmap_budget;

    // Those whose place is sound.
    struct audit_snapshot snapshots[AUDIT_SNAPSHOTS_MAX];
    struct bitmap_table bitmaps[AUDIT_BITMAPS_MAX];
    size_t snapshot_count, bitmap_count;
};

// Takes note of a table at [offset, offset + size), which `name` says in words: whether it is in
// the file and over another table. `at` is where in the file the table is named. False when it is
// not wholly in the file.
bool audit_table(struct audit_state *state, enum purpose purpose, uint64_t offset, uint64_t size,
                 uint64_t at, const char *name);

// The same for a table of one cluster, with its slot in state->tables, or NULL when it is not in
// the file or cannot be remembered; `added` is false when it was there before.
uint64_t *audit_cluster_table(struct audit_state *state, enum purpose purpose, uint64_t offset,
                              uint64_t at, const char *name, bool *added);

// Says that a cluster which a table takes is wanted for another purpose.
void audit_tell_overlap(struct audit_state *state, uint64_t slot, enum purpose purpose,
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
void audit_expansion(struct audit_state *state, const struct audit_disk_sums *disk);

#endif
