// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The refcount table and its blocks, and what they say against what was counted.

#include "base/checked.h"
#include "check/check_state.h"
#include "format/layout.h"

#include <inttypes.h>
#include <stdio.h>

static void note_memory(struct check_state *state, const struct error *error)
{
    state->out_of_memory = state->out_of_memory || error->code == ERROR_MEMORY;
}

// Hands over the next refcounts. What the file does not have of a block counts as 0; for anything
// else that cannot be read, `error` is set and the step is WALK_ERROR.
static enum walk_step next_refcounts(struct check_state *state, struct refcounts *refcounts,
                                     struct error *error)
{
    enum walk_step step;
    do {
        step = refcount_walk_next(&state->refcounts, refcounts, error);
    } while (step == WALK_ERROR && error->code == ERROR_TRUNCATED);
    if (step == WALK_ERROR) {
        note_memory(state, error);
    }
    return step;
}

static void mark_ones(uint32_t *cells, const struct refcounts *refcounts)
{
    for (uint64_t i = 0; i < refcounts->count; i++) {
        if (refcounts_load(refcounts, i) == 1) {
            cells[(refcounts->first + i) % REFERENCE_CHUNK] |= REFERENCE_ONE;
        }
    }
}

uint32_t *check_make_cell(struct check_state *state, uint64_t cluster)
{
    uint64_t first = align_down(cluster, REFERENCE_CHUNK);
    uint32_t *chunk = reference_make_chunk(&state->references, cluster);
    struct refcounts refcounts;
    struct error error;
    enum walk_step step;
    if (!chunk) {
        state->out_of_memory = true;
        return NULL;
    }
    refcount_walk_start(&state->refcounts, first,
                        min_u64(first + REFERENCE_CHUNK, state->references.clusters));
    while ((step = next_refcounts(state, &refcounts, &error)) != WALK_END) {
        if (step == WALK_FOUND) {
            mark_ones(chunk, &refcounts);
        }
    }
    return chunk + cluster % REFERENCE_CHUNK;
}

// The refcount on disk of any cluster. False when it cannot be known.
static bool find_refcount(struct check_state *state, uint64_t cluster, uint64_t *refcount)
{
    struct refcounts refcounts;
    struct error error;
    enum walk_step step;
    *refcount = 0;
    refcount_walk_start(&state->refcounts, align_down(cluster, 8), cluster + 1);
    while ((step = next_refcounts(state, &refcounts, &error)) == WALK_FOUND) {
        if (cluster - refcounts.first < refcounts.count) {
            *refcount = refcounts_load(&refcounts, cluster - refcounts.first);
        }
    }
    return step == WALK_END;
}

bool check_refcount_is_one(struct check_state *state, uint64_t cluster)
{
    uint64_t refcount;
    if (cluster < state->references.clusters) {
        const uint32_t *cell = check_cell(state, cluster);
        return cell && (*cell & REFERENCE_ONE) != 0;
    }
    return find_refcount(state, cluster, &refcount) && refcount == 1;
}

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

// Clusters in use make the end of the image.
static inline void note_used(struct check_state *state, uint64_t cluster)
{
    uint64_t end = (cluster + 1) << state->header->cluster_bits;
    if (end > state->check->image_end_offset) {
        state->check->image_end_offset = end;
    }
}

static void tell_difference(struct check_state *state, uint64_t cluster, uint64_t refcount,
                            uint32_t count)
{
    struct check *check = state->check;
    note_used(state, cluster);
    if (count == REFERENCE_COUNT_MAX && refcount > count) {
        return; // we have not counted further
    }
    struct finding at = {.kind = FINDING_REFCOUNT_TOO_LOW,
                         .has_host = true,
                         .host_offset = cluster << state->header->cluster_bits};
    if (state->dirty) {
        at.kind = FINDING_STALE_REFCOUNT;
    } else if (refcount > count) {
        at.kind = FINDING_LEAKED_CLUSTER;
        check->leaked_bytes += state->header->cluster_size;
    }
    enum purpose purpose = reference_purpose(reference_peek(&state->references, cluster));
    findings_add(&check->findings, &at,
                 "cluster %" PRIu64 " (%s) has refcount %" PRIu64 " and %" PRIu32 " references",
                 cluster, purpose_name(purpose), refcount, count);
}

static void compare_on_disk(struct check_state *state, const struct refcounts *refcounts,
                            uint64_t *visited)
{
    const struct reference_map *references = &state->references;
    uint64_t told = check_told(state);
    *visited += refcounts->count;
    // Blocks that the table names again and again make work for each refcount.
    bool again = *visited > state->refcount_blocks * refcount_block_entries(state->header);
    if (again && !check_spend(state, CHECK_ENTRY, refcounts->count)) {
        return;
    }
    for (uint64_t i = 0; i < refcounts->count; i++) {
        uint64_t cluster = refcounts->first + i;
        uint64_t refcount = refcounts_load(refcounts, i);
        uint32_t *chunk = references->chunks[cluster / REFERENCE_CHUNK];
        uint32_t *cell = chunk ? chunk + cluster % REFERENCE_CHUNK : NULL;
        uint32_t count = cell ? reference_count(*cell) : 0;
        bool in_file = cluster << state->header->cluster_bits < state->image->source->size;
        if (count == 0 && (refcount == 0 || !in_file)) {
            continue;
        }
        if (cell) {
            *cell |= REFERENCE_COMPARED;
        }
        if (count == refcount) {
            note_used(state, cluster);
        } else {
            tell_difference(state, cluster, refcount, count);
        }
    }
    check_spend(state, CHECK_FINDING, again ? check_told(state) - told : 0);
}

// Clusters in use that no refcount block speaks of have refcount 0, unless it could not be read.
static void compare_others(struct check_state *state, uint64_t first, const uint32_t *cells)
{
    uint64_t refcount;
    for (uint64_t i = 0; i < REFERENCE_CHUNK; i++) {
        uint32_t count = reference_count(cells[i]);
        if (count > 0 && !(cells[i] & REFERENCE_COMPARED) &&
            find_refcount(state, first + i, &refcount)) {
            tell_difference(state, first + i, refcount, count);
        }
    }
}

void check_compare_refcounts(struct check_state *state)
{
    const struct reference_map *references = &state->references;
    struct refcounts refcounts;
    struct error error;
    uint64_t visited = 0;
    enum walk_step step;
    refcount_walk_start(&state->refcounts, 0, references->clusters);
    while ((step = next_refcounts(state, &refcounts, &error)) != WALK_END) {
        if (step == WALK_FOUND) {
            compare_on_disk(state, &refcounts, &visited);
        } else {
            check_failed(state, &error);
        }
    }
    for (size_t i = 0; i < references->chunk_count; i++) {
        if (references->chunks[i]) {
            compare_others(state, i * REFERENCE_CHUNK, references->chunks[i]);
        }
    }
}
