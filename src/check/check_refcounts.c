// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The refcount table and its blocks, and what they say against what was counted.

#include "base/checked.h"
#include "check/check_state.h"
#include "format/layout.h"
#include "format/refcount.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t table_entries(const struct check_state *state)
{
    return ((uint64_t)state->header->refcount_table_clusters << state->header->cluster_bits) /
           REFCOUNT_TABLE_ENTRY_SIZE;
}

static bool load_entry(struct check_state *state, uint64_t index, uint64_t *entry,
                       struct error *error)
{
    struct bytes view;
    uint64_t at = state->header->refcount_table_offset + index * REFCOUNT_TABLE_ENTRY_SIZE;
    if (!table_window_view(
            &state->refcount_table, state->image->source, at, REFCOUNT_TABLE_ENTRY_SIZE,
            (table_entries(state) - index) * REFCOUNT_TABLE_ENTRY_SIZE, &view, error)) {
        return error_prefix(error, "refcount table entry %" PRIu64, index);
    }
    *entry = bytes_be64(view, 0);
    return true;
}

// A stretch of refcounts as they lie in a block.
struct refcounts {
    struct bytes view;
    uint64_t first; // the cluster that the first one is for
    uint64_t count;
};

// What to do with a stretch of refcounts.
typedef void refcount_visitor(struct check_state *state, const struct refcounts *refcounts,
                              void *context);

// The refcount at `index`. Those of 16 bits, which most images have, take the short way.
static inline uint64_t refcount_at(const struct check_state *state,
                                   const struct refcounts *refcounts, uint64_t index)
{
    if (state->header->refcount_order == REFCOUNT_ORDER_V2) {
        return bytes_be16(refcounts->view, index * 2);
    }
    return refcount_load(refcounts->view, state->header->refcount_order, index);
}

// Clusters of the file, one after another.
struct range {
    uint64_t first, end;
};

// Visits the refcounts of `range`, for which the block at `block_offset` begins with that of
// `block_first`. What the file does not have of the block is not visited: its refcounts are 0.
static bool visit_block(struct check_state *state, uint64_t block_offset, uint64_t block_first,
                        struct range range, refcount_visitor *visit, void *context,
                        struct error *error)
{
    const struct header *header = state->header;
    uint64_t bits = header->refcount_bits;
    // Ranges begin with a whole byte: pieces of the map and blocks do.
    uint64_t done = (range.first - block_first) * bits / 8;
    uint64_t end = divide_up((range.end - block_first) * bits, 8);
    while (done < end) {
        struct refcounts refcounts = {.first = block_first + done * 8 / bits};
        if (!table_window_view(&state->refcount_block, state->image->source, block_offset + done,
                               (size_t)divide_up(bits, 8), end - done, &refcounts.view, error)) {
            return error->code == ERROR_TRUNCATED ||
                   error_prefix(error, "refcount block at %" PRIu64, block_offset);
        }
        refcounts.count = min_u64(refcounts.view.size * 8 / bits, range.end - refcounts.first);
        visit(state, &refcounts, context);
        done += refcounts.view.size;
    }
    return true;
}

static bool visit_entry(struct check_state *state, uint64_t index, struct range range,
                        refcount_visitor *visit, void *context, struct error *error)
{
    uint64_t per_block = refcount_block_entries(state->header);
    uint64_t entry;
    if (!load_entry(state, index, &entry, error)) {
        return error->code == ERROR_TRUNCATED;
    }
    uint64_t block = entry & REFTABLE_OFFSET_MASK;
    if (block == 0) {
        return true;
    }
    if (!is_aligned(block, state->header->cluster_size)) {
        return error_at(error, ERROR_CORRUPT, block, "refcount block %" PRIu64 " is not aligned",
                        index);
    }
    range.first = max_u64(range.first, index * per_block);
    range.end = min_u64(range.end, (index + 1) * per_block);
    return visit_block(state, block, index * per_block, range, visit, context, error);
}

// Visits every refcount of `range` that the table leads to; all others are 0. False when some of
// them cannot be known; with `tell`, that counts as something that could not be checked.
static bool visit_refcounts(struct check_state *state, struct range range, refcount_visitor *visit,
                            void *context, bool tell)
{
    uint64_t per_block = refcount_block_entries(state->header);
    uint64_t end = min_u64(table_entries(state), divide_up(range.end, per_block));
    bool known = true;
    for (uint64_t i = range.first / per_block; i < end; i++) {
        struct error error;
        if (!visit_entry(state, i, range, visit, context, &error)) {
            known = false;
            if (error.code == ERROR_MEMORY) {
                state->out_of_memory = true;
            }
            if (tell) {
                check_failed(state, &error);
            }
        }
    }
    return known;
}

static void mark_ones(struct check_state *state, const struct refcounts *refcounts, void *context)
{
    (void)context;
    uint32_t *cells = state->references.chunks[refcounts->first / REFERENCE_CHUNK];
    for (uint64_t i = 0; i < refcounts->count; i++) {
        if (refcount_at(state, refcounts, i) == 1) {
            cells[(refcounts->first + i) % REFERENCE_CHUNK] |= REFERENCE_ONE;
        }
    }
}

uint32_t *check_make_cell(struct check_state *state, uint64_t cluster)
{
    struct range range = {.first = align_down(cluster, REFERENCE_CHUNK)};
    uint32_t *chunk = reference_make_chunk(&state->references, cluster);
    if (!chunk) {
        state->out_of_memory = true;
        return NULL;
    }
    range.end = min_u64(range.first + REFERENCE_CHUNK, state->references.clusters);
    visit_refcounts(state, range, mark_ones, NULL, false);
    return chunk + cluster % REFERENCE_CHUNK;
}

struct lookup {
    uint64_t cluster, refcount;
};

static void look_up(struct check_state *state, const struct refcounts *refcounts, void *context)
{
    struct lookup *lookup = context;
    if (lookup->cluster - refcounts->first < refcounts->count) {
        lookup->refcount = refcount_at(state, refcounts, lookup->cluster - refcounts->first);
    }
}

// The refcount on disk of any cluster. False when it cannot be known.
static bool find_refcount(struct check_state *state, uint64_t cluster, uint64_t *refcount)
{
    struct lookup lookup = {.cluster = cluster};
    struct range range = {align_down(cluster, 8), cluster + 1};
    bool known = visit_refcounts(state, range, look_up, &lookup, false);
    *refcount = lookup.refcount;
    return known;
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
    uint64_t offset = entry & REFTABLE_OFFSET_MASK;
    struct finding at = {.has_host = true, .host_offset = offset};
    char place[64];
    snprintf(place, sizeof place, "refcount table entry %" PRIu64, index);
    if (entry & REFCOUNT_TABLE_ENTRY_RESERVED) {
        at.kind = FINDING_REFCOUNT_TABLE_RESERVED_BITS;
    } else if (!is_aligned(offset, header->cluster_size)) {
        at.kind = FINDING_REFCOUNT_BLOCK_UNALIGNED;
    } else if (offset >= state->file_end) {
        at.kind = FINDING_REFCOUNT_BLOCK_OUT_OF_FILE;
    } else {
        if (offset == 0) {
            return;
        }
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
    uint64_t entries = table_entries(state);
    check_reference(state, state->header->refcount_table_offset,
                    entries * REFCOUNT_TABLE_ENTRY_SIZE, PURPOSE_REFCOUNT_TABLE, &at, "the header");
    for (uint64_t i = 0; i < entries; i++) {
        uint64_t entry;
        struct error error;
        if (!load_entry(state, i, &entry, &error)) {
            check_unreadable(state, &error);
            return;
        }
        check_block(state, i, entry);
    }
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
                            void *context)
{
    const struct reference_map *references = &state->references;
    uint64_t *visited = context;
    uint64_t told = check_told(state);
    *visited += refcounts->count;
    // Blocks that the table names again and again make work for each refcount.
    bool again = *visited > state->refcount_blocks * refcount_block_entries(state->header);
    if (again && !check_spend(state, CHECK_ENTRY, refcounts->count)) {
        return;
    }
    for (uint64_t i = 0; i < refcounts->count; i++) {
        uint64_t cluster = refcounts->first + i;
        uint64_t refcount = refcount_at(state, refcounts, i);
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
    struct range all = {0, references->clusters};
    uint64_t visited = 0;
    visit_refcounts(state, all, compare_on_disk, &visited, true);
    for (size_t i = 0; i < references->chunk_count; i++) {
        if (references->chunks[i]) {
            compare_others(state, i * REFERENCE_CHUNK, references->chunks[i]);
        }
    }
}
