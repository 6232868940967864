// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Checks the refcount table and its blocks, and compares the refcounts with the references that
// were counted.

#include "base/checked.h"
#include "check/check_parts.h"
#include "check/check_references.h"
#include "format/layout.h"

#include <inttypes.h>
#include <stdio.h>

static void check_block(struct check_state *state, uint64_t index, uint64_t entry)
{
    const struct header *header = state->header;
    uint64_t offset = refcount_table_block(entry);
    uint32_t faults = refcount_table_faults(header, entry);
    struct finding at = {.has_host = true, .host_offset = offset};
    char place[64];
    if (offset == 0 && faults == 0) {
        return;
    }
    snprintf(place, sizeof place, "refcount table entry %" PRIu64, index);
    if (faults != 0) {
        at.kind = finding_of_fault[fault_first(faults)]; // an entry with reserved bits is not used
    } else if (offset >= state->file_end && state->partial) {
        check_unseen(state);
        return;
    } else if (offset >= state->file_end) {
        at.kind = FINDING_REFCOUNT_BLOCK_OUT_OF_FILE;
    } else {
        check_reference(state, offset, header->cluster_size, PURPOSE_REFCOUNT_BLOCK, &at, place);
        uint32_t count =
            reference_count(reference_peek(&state->references, offset >> header->cluster_bits));
        if (count == 1) {
            return;
        }
        at.kind = FINDING_REFCOUNT_BLOCK_SHARED;
    }
    findings_add(&state->check->findings, &at, "%s", place);
}

void check_refcount_tables(struct check_state *state)
{
    const struct finding at = {0};
    struct table_file file = table_file_make(state->image->source);
    struct table_walk walk = refcount_table_walk(&file, state->header);
    struct table_entry entry;
    struct error error;
    enum walk_step step;
    check_reference(state, walk.offset, walk.size * REFCOUNT_TABLE_ENTRY_SIZE,
                    PURPOSE_REFCOUNT_TABLE, &at, "the header");
    while ((step = table_walk_entry(&walk, &entry, &error)) == WALK_FOUND) {
        check_block(state, entry.index, entry.value);
    }
    if (step == WALK_ERROR) {
        error_prefix(&error, "refcount table entry %" PRIu64, entry.index);
        check_unreadable(state, &error);
    }
    table_file_free(&file);
}

// The last cluster in use is the end of the image.
static inline void note_used(struct check_state *state, uint64_t cluster)
{
    uint64_t end = (cluster + 1) << state->header->cluster_bits;
    if (end > state->check->image_end_offset) {
        state->check->image_end_offset = end;
    }
}

static void report_difference(struct check_state *state, uint64_t cluster, uint64_t refcount,
                              uint32_t count)
{
    struct check *check = state->check;
    note_used(state, cluster);
    if (refcount > count && (count == REFERENCE_COUNT_MAX || state->uncounted)) {
        return; // there may be more references than were counted
    }
    struct finding at = {.kind = FINDING_REFCOUNT_TOO_LOW,
                         .has_host = true,
                         .host_offset = cluster << state->header->cluster_bits};
    enum purpose purpose = reference_purpose(reference_peek(&state->references, cluster));
    enum leak leak = refcount > count ? check_leak(state, cluster, count, purpose) : LEAK_ZEROS;
    if (state->dirty) {
        at.kind = FINDING_STALE_REFCOUNT;
    } else if (refcount > count) {
        at.kind = leak == LEAK_DATA ? FINDING_LEAKED_DATA : FINDING_LEAKED_CLUSTER;
        check->leaked_bytes += state->header->cluster_size;
    }
    char use[64] = "";
    if (purpose != PURPOSE_NONE) {
        snprintf(use, sizeof use, " (%s)", purpose_name(purpose));
    }
    findings_add(&check->findings, &at,
                 "cluster %" PRIu64 "%s: refcount %" PRIu64 ", %" PRIu32 " reference%s%s", cluster,
                 use, refcount, count, count == 1 ? "" : "s",
                 leak == LEAK_DATA ? ", holds data" : "");
}

static void compare(struct check_state *state, uint64_t cluster, uint64_t refcount, uint32_t count)
{
    bool in_file = cluster << state->header->cluster_bits < state->image->source->size;
    if (count == 0 && (refcount == 0 || !in_file)) {
        return;
    }
    if (count == refcount) {
        note_used(state, cluster);
    } else {
        report_difference(state, cluster, refcount, count);
    }
}

// Compares the clusters from `cluster` on, at most `most`, as far as they have one reference and
// the refcount 1. Returns how many.
static size_t compare_ones(struct check_state *state, uint64_t cluster, uint64_t most)
{
    const struct reference_map *references = &state->references;
    uint32_t value = reference_peek(references, cluster);
    if (!(value & REFERENCE_ONE) || reference_count(value) != 1) {
        return 0;
    }
    size_t run = reference_run(references, cluster, (size_t)min_u64(most, REFERENCE_CHUNK));
    note_used(state, cluster + run - 1);
    return run;
}

static void compare_on_disk(struct check_state *state, const struct refcounts *refcounts,
                            uint64_t *visited)
{
    uint64_t reported = check_reported(state);
    *visited += refcounts->count;
    // Each refcount costs work again when the table refers to a block again.
    bool again = *visited > state->refcount_blocks * refcount_block_entries(state->header);
    if (again && !check_spend(state, CHECK_ENTRY, refcounts->count)) {
        return;
    }
    for (uint64_t i = 0; i < refcounts->count;) {
        uint64_t cluster = refcounts->first + i;
        size_t ones = compare_ones(state, cluster, refcounts->count - i);
        if (ones == 0) {
            compare(state, cluster, refcounts_load(refcounts, i),
                    reference_count(reference_peek(&state->references, cluster)));
        }
        i += max_u64(ones, 1);
    }
    check_spend(state, CHECK_FINDING, again ? check_reported(state) - reported : 0);
}

// Clusters in use that no refcount block covers have refcount 0, unless the block could not be
// read.
static void compare_others(struct check_state *state, uint64_t first, uint64_t end)
{
    uint64_t refcount;
    for (uint64_t cluster = first; cluster < end; cluster++) {
        if (!reference_chunk(&state->references, cluster)) {
            cluster |= REFERENCE_CHUNK - 1; // the last one of the chunk
            continue;
        }
        uint32_t count = reference_count(reference_peek(&state->references, cluster));
        if (count > 0) {
            note_used(state, cluster);
            if (check_find_refcount(state, cluster, &refcount)) {
                compare(state, cluster, refcount, count);
            }
        }
    }
}

void check_compare_refcounts(struct check_state *state)
{
    uint64_t clusters = state->references.clusters;
    struct refcount_walk walk = refcount_walk_make(state->image, NULL);
    struct refcounts refcounts;
    struct error error;
    uint64_t visited = 0;
    uint64_t next = 0; // the cluster to compare next
    enum walk_step step;
    refcount_walk_start(&walk, 0, clusters);
    while ((step = check_next_refcounts(state, &walk, &refcounts, &error)) != WALK_END) {
        if (step == WALK_FOUND) {
            compare_others(state, next, refcounts.first);
            compare_on_disk(state, &refcounts, &visited);
            next = refcounts.first + refcounts.count;
        } else if (check_error_is_unseen(state, &error)) {
            check_unseen(state);
        } else {
            check_failed(state, &error);
        }
    }
    compare_others(state, next, clusters);
    refcount_walk_free(&walk);
}
