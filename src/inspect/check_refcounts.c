// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The refcount table and its blocks, and what they say against what was counted.

#include "base/checked.h"
#include "format/layout.h"
#include "format/refcount.h"
#include "inspect/check_state.h"

#include <inttypes.h>
#include <stdio.h>

#define REFCOUNT_TABLE_RESERVED UINT64_C(0x1ff)

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
typedef void refcount_visitor(struct check_state *state, const struct refcounts *refcounts);

// The refcount at `index`. Those of 16 bits, which most images have, take the short way.
static inline uint64_t refcount_at(const struct check_state *state,
                                   const struct refcounts *refcounts, uint64_t index)
{
    if (state->header->refcount_order == REFCOUNT_ORDER_V2) {
        return bytes_be16(refcounts->view, index * 2);
    }
    return refcount_load(refcounts->view, state->header->refcount_order, index);
}

// Visits the refcounts of the block for clusters from `first` on, as far as the file goes.
static bool visit_block(struct check_state *state, uint64_t block_offset, uint64_t first,
                        refcount_visitor *visit, struct error *error)
{
    const struct header *header = state->header;
    uint64_t count = min_u64(refcount_block_entries(header), state->references.clusters - first);
    uint64_t bytes = divide_up(count * header->refcount_bits, 8);
    uint64_t visited = 0;
    for (uint64_t done = 0; done < bytes;) {
        struct refcounts refcounts = {.first = first + visited};
        if (!table_window_view(&state->refcount_block, state->image->source, block_offset + done,
                               (size_t)divide_up(header->refcount_bits, 8), bytes - done,
                               &refcounts.view, error)) {
            return error_prefix(error, "refcount block at %" PRIu64, block_offset);
        }
        refcounts.count = min_u64(refcounts.view.size * 8 / header->refcount_bits, count - visited);
        visit(state, &refcounts);
        visited += refcounts.count;
        done += refcounts.view.size;
    }
    return true;
}

// Visits every refcount that the table leads to. `told`: what cannot be read was told before.
static void visit_refcounts(struct check_state *state, refcount_visitor *visit, bool told)
{
    const struct header *header = state->header;
    uint64_t per_block = refcount_block_entries(header);
    uint64_t entries =
        min_u64(table_entries(state), divide_up(state->references.clusters, per_block));
    for (uint64_t i = 0; i < entries; i++) {
        uint64_t entry;
        struct error error;
        if (!load_entry(state, i, &entry, &error)) {
            if (!told) {
                check_failed(state, &error);
            }
            return;
        }
        uint64_t block = entry & REFTABLE_OFFSET_MASK;
        if (block == 0) {
            continue;
        }
        bool aligned = is_aligned(block, header->cluster_size);
        if (!aligned) {
            error_at(&error, ERROR_CORRUPT, block, "refcount block %" PRIu64 " is not aligned", i);
        }
        if ((!aligned || !visit_block(state, block, i * per_block, visit, &error)) && !told) {
            check_failed(state, &error);
        }
    }
}

static void mark_ones(struct check_state *state, const struct refcounts *refcounts)
{
    for (uint64_t i = 0; i < refcounts->count; i++) {
        uint64_t refcount = refcount_at(state, refcounts, i);
        if (refcount == 0) {
            continue;
        }
        uint32_t *cell = reference_cell(&state->references, refcounts->first + i);
        if (!cell) {
            state->out_of_memory = true;
        } else if (refcount == 1) {
            *cell |= REFERENCE_ONE;
        }
    }
}

void check_load_refcounts(struct check_state *state)
{
    visit_refcounts(state, mark_ones, true);
}

static void check_block(struct check_state *state, uint64_t index, uint64_t entry)
{
    const struct header *header = state->header;
    uint64_t offset = entry & REFTABLE_OFFSET_MASK;
    struct finding at = {.has_host = true, .host_offset = offset};
    char place[64];
    snprintf(place, sizeof place, "refcount table entry %" PRIu64, index);
    if (entry & REFCOUNT_TABLE_RESERVED) {
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
            check_failed(state, &error);
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
    enum purpose purpose = reference_purpose(reference_peek(&state->references, cluster));
    const struct finding at = {.kind = refcount < count ? FINDING_REFCOUNT_TOO_LOW
                                                        : FINDING_LEAKED_CLUSTER,
                               .has_host = true,
                               .host_offset = cluster << state->header->cluster_bits};
    check->leaked_bytes += refcount > count ? state->header->cluster_size : 0;
    findings_add(&check->findings, &at,
                 "cluster %" PRIu64 " (%s) has refcount %" PRIu64 " and %" PRIu32 " references",
                 cluster, purpose_name(purpose), refcount, count);
}

static void compare_on_disk(struct check_state *state, const struct refcounts *refcounts)
{
    for (uint64_t i = 0; i < refcounts->count; i++) {
        uint64_t cluster = refcounts->first + i;
        uint64_t refcount = refcount_at(state, refcounts, i);
        uint32_t count = reference_count(reference_peek(&state->references, cluster));
        bool in_file = cluster << state->header->cluster_bits < state->image->source->size;
        if (count == 0 && (refcount == 0 || !in_file)) {
            continue;
        }
        uint32_t *cell = reference_cell(&state->references, cluster);
        if (!cell) {
            state->out_of_memory = true;
            return;
        }
        *cell |= REFERENCE_COMPARED;
        if (count == refcount) {
            note_used(state, cluster);
        } else {
            tell_difference(state, cluster, refcount, count);
        }
    }
}

void check_compare_refcounts(struct check_state *state)
{
    struct reference_map *references = &state->references;
    visit_refcounts(state, compare_on_disk, false);
    // What no refcount block speaks of has refcount 0.
    for (size_t chunk = 0; chunk < references->chunk_count; chunk++) {
        for (size_t i = 0; references->chunks[chunk] && i < REFERENCE_CHUNK; i++) {
            uint32_t cell = references->chunks[chunk][i];
            if (reference_count(cell) > 0 && !(cell & REFERENCE_COMPARED)) {
                tell_difference(state, chunk * REFERENCE_CHUNK + i, 0, reference_count(cell));
            }
        }
    }
}
