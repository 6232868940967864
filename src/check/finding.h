// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What a check finds: each kind is a row of one table, each case a struct finding.

#ifndef CHECK_FINDING_H
#define CHECK_FINDING_H

#include "base/error.h"
#include "format/fault.h"

enum severity { SEVERITY_CORRUPTION, SEVERITY_LEAK, SEVERITY_WARNING, SEVERITY_COUNT };

enum finding_kind {
    FINDING_REFCOUNT_TOO_LOW,
    FINDING_REFCOUNT_OVERFLOW,
    FINDING_LEAKED_CLUSTER,
    FINDING_LEAKED_DATA,
    FINDING_OVERLAP,
    FINDING_COPIED_FLAG,
    FINDING_OUT_OF_FILE,
    FINDING_CUT_SHORT,
    FINDING_L1_RESERVED_BITS,
    FINDING_L1_NO_TABLE,
    FINDING_L2_RESERVED_BITS,
    FINDING_L2_TABLE_UNALIGNED,
    FINDING_CLUSTER_UNALIGNED,
    FINDING_COMPRESSED_COPIED,
    FINDING_COMPRESSED_DATA_FILE,
    FINDING_COMPRESSED_SUBCLUSTERS,
    FINDING_SUBCLUSTERS_CONFLICT,
    FINDING_SUBCLUSTERS_NO_CLUSTER,
    FINDING_ZERO_BIT_VERSION_2,
    FINDING_DATA_FILE_OFFSET,
    FINDING_REFCOUNT_TABLE_RESERVED_BITS,
    FINDING_REFCOUNT_BLOCK_UNALIGNED,
    FINDING_REFCOUNT_BLOCK_OUT_OF_FILE,
    FINDING_REFCOUNT_BLOCK_SHARED,
    FINDING_ENCRYPTION_HEADER,
    FINDING_SNAPSHOTS_DATA_FILE,
    FINDING_SNAPSHOT_TABLE,
    FINDING_SNAPSHOT_INCOMPLETE,
    FINDING_SNAPSHOT_L1,
    FINDING_BITMAP,
    FINDING_REFUSED,
    FINDING_UNDECODABLE,
    FINDING_UNREADABLE_DATA,
    FINDING_EMPTY_TABLE,
    FINDING_LEAKED_UNREAD,
    FINDING_SNAPSHOT,
    FINDING_ZERO_BIT_EXTENDED,
    FINDING_ZERO_OFFSET_COPIED,
    FINDING_STALE_REFCOUNT,
    FINDING_DIRTY,
    FINDING_CORRUPT_BIT,
    FINDING_HEADER,
    FINDING_PARTIAL_SECTOR,
    FINDING_TRAILING_BYTES,
    FINDING_KINDS,
};

struct finding_rule {
    const char *code; // stable
    enum severity severity;
    const char *meaning;
    const char *cure;
};

extern const struct finding_rule finding_rules[FINDING_KINDS];

// The finding that reports each fault of a table entry.
extern const enum finding_kind finding_of_fault[FAULTS];

const char *severity_name(enum severity severity);

enum { FINDING_PLACE_SIZE = 160 };

// One finding. `place` describes which entry of which table it is about.
struct finding {
    enum finding_kind kind;
    bool has_host, has_guest;
    uint64_t host_offset, guest_offset;
    char place[FINDING_PLACE_SIZE];
};

// The first `max` findings; all are counted.
struct findings {
    struct finding *items; // owned
    size_t count, max;
    uint64_t totals[SEVERITY_COUNT];
    uint64_t by_kind[FINDING_KINDS];
};

// Adds a finding whose `place` is formatted as by printf().
void findings_add(struct findings *findings, const struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Moves the findings of `first` before those of `findings`. The last ones drop off the list when it
// is full. `first` is empty afterwards.
void findings_put_first(struct findings *findings, struct findings *first);

void findings_free(struct findings *findings);

// --- A check -------------------------------------------------------------------------------------

struct check_options {
    size_t max_findings; // to list; all are counted
    bool data;           // also read all data and decode every compressed cluster
    unsigned jobs;       // threads that read and decode: 1..WORKERS_MAX
    // `done`: guest bytes, out of check_progress_total(), whose data was read or, without `data`,
    // whose tables were walked. With `data` the tables cost next to nothing. May be NULL.
    void (*on_progress)(void *context, uint64_t done);
    void *context;
};

struct check {
    struct findings findings;
    uint64_t check_errors; // parts that could not be checked; the first one:
    struct error first_error;
    uint64_t unseen_references; // to bytes of a pipe that were not read
    uint64_t image_end_offset;  // bytes: the end of the last host cluster in use
    uint64_t total_clusters;    // of the guest disk; the next three: in the active L1 table
    uint64_t allocated_clusters, compressed_clusters, fragmented_clusters;
    uint64_t leaked_bytes;

    // Leaked clusters that hold anything but zeros, and bytes of leaked clusters that were not
    // read. In an image with the dirty bit, clusters whose refcount is too high count as leaked
    // here.
    uint64_t leaked_data_clusters, leaked_data_bytes, leaked_unread_bytes;
    uint64_t empty_tables; // may have referred to these clusters
};

// True when a repair may free guest data that lost its table, because a repair frees leaked
// clusters.
static inline bool check_repair_is_risky(const struct check *check)
{
    return check->leaked_data_clusters > 0 || check->leaked_unread_bytes > 0;
}

// Advice about findings of a kind in this image: the advice of its row, unless following it would
// be risky.
const char *check_cure(const struct check *check, enum finding_kind kind);

#endif
