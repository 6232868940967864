// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_places.h"

#include "audit/audit_walks.h"
#include "base/checked.h"
#include "format/layout.h"
#include "tables/table_walk.h"

#include <stdlib.h>

uint64_t audit_clusters(const struct audit_state *state)
{
    uint64_t size = min_u64(state->source->size, HOST_OFFSET_LIMIT);
    return divide_up(size, state->header->cluster_size) + 1;
}

// --- Ranges --------------------------------------------------------------------------------------

void audit_add_range(struct audit_state *state, uint64_t first, uint64_t end, enum purpose purpose)
{
    struct audit_places *places = &state->places;
    if (places->range_count < AUDIT_RANGES_MAX) {
        places->ranges[places->range_count++] =
            (struct table_range){.first = first, .end = end, .purpose = purpose};
    }
}

static int compare_ranges(const void *a, const void *b)
{
    const struct table_range *left = a;
    const struct table_range *right = b;
    return (left->first > right->first) - (left->first < right->first);
}

void audit_sort_ranges(struct audit_state *state)
{
    struct audit_places *places = &state->places;
    uint64_t reach = 0;
    qsort(places->ranges, places->range_count, sizeof *places->ranges, compare_ranges);
    for (size_t i = 0; i < places->range_count; i++) {
        reach = max_u64(reach, places->ranges[i].end);
        places->ranges[i].reach = reach;
    }
    places->sorted = true;
}

// Ranges may overlap: the cluster is in one of them if the largest end of all ranges that begin at
// or before it is beyond it.
static bool in_sorted_ranges(const struct audit_places *places, uint64_t cluster)
{
    size_t low = 0;
    size_t high = places->range_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (places->ranges[middle].first <= cluster) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && places->ranges[low - 1].reach > cluster;
}

enum purpose audit_range_purpose(const struct audit_state *state, uint64_t cluster)
{
    const struct audit_places *places = &state->places;
    if (places->sorted && !in_sorted_ranges(places, cluster)) {
        return PURPOSE_NONE;
    }
    for (size_t i = 0; i < places->range_count; i++) {
        const struct table_range *range = &places->ranges[i];
        if (range->first <= cluster && cluster < range->end) {
            return range->purpose;
        }
    }
    return PURPOSE_NONE;
}

// --- Tables of one cluster -----------------------------------------------------------------------

// Called for each cluster with a table or with bits of a bitmap. Returning false ends the walk.
typedef bool visit_fn(void *context, uint64_t cluster);

// Visits the clusters that entries refer to; `mask` selects the offset. Faults were reported
// before.
static bool visit_entries(const struct audit_state *state, struct table_walk *walk, uint64_t mask,
                          visit_fn *visit, void *context)
{
    const struct header *header = state->header;
    struct table_entry entry;
    struct error error;
    while (table_walk_entry(walk, &entry, &error) == WALK_FOUND) {
        uint64_t offset = entry.value & mask;
        if (offset != 0 && is_aligned(offset, header->cluster_size) &&
            range_inside(offset, header->cluster_size, state->source->size) &&
            offset < HOST_OFFSET_LIMIT && !visit(context, offset >> header->cluster_bits)) {
            return false;
        }
    }
    return true;
}

static bool visit_l2_tables(struct audit_state *state, visit_fn *visit, void *context)
{
    struct table_file file = table_file_make(state->source);
    struct budget budget = audit_l1_budget(state);
    bool all = true;
    for (size_t i = 0; i < state->view_count && all; i++) {
        const struct audit_view *view = &state->views[i];
        struct table_walk walk = l1_walk(&file, view->l1, view->active ? NULL : &budget);
        all = visit_entries(state, &walk, ENTRY_OFFSET_MASK, visit, context);
    }
    table_file_free(&file);
    return all;
}

static bool visit_refcount_blocks(struct audit_state *state, visit_fn *visit, void *context)
{
    const struct header *header = state->header;
    uint64_t size = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    if (audit_refcounts_obstacle(state, size) != AUDIT_RULES) {
        return true;
    }
    struct table_file file = table_file_make(state->source);
    struct table_walk walk = refcount_table_walk(&file, header);
    bool all = visit_entries(state, &walk, REFTABLE_OFFSET_MASK, visit, context);
    table_file_free(&file);
    return all;
}

static bool visit_bits(struct audit_state *state, visit_fn *visit, void *context)
{
    struct table_file file = table_file_make(state->source);
    struct budget budget = {.left = AUDIT_BITMAP_BYTES, .seek = AUDIT_SEEK_COST};
    bool all = true;
    for (size_t i = 0; i < state->bitmap_count && all; i++) {
        const struct bitmap_table *table = &state->bitmaps[i];
        struct table_walk walk = bitmap_walk(&file, table->offset, table->entries, &budget);
        all = visit_entries(state, &walk, ENTRY_OFFSET_MASK, visit, context);
    }
    table_file_free(&file);
    return all;
}

static bool is_other(void *context, uint64_t cluster)
{
    const uint64_t *wanted = context;
    return cluster != *wanted;
}

enum purpose audit_purpose(struct audit_state *state, uint64_t cluster)
{
    enum purpose purpose = audit_range_purpose(state, cluster);
    if (purpose != PURPOSE_NONE) {
        return purpose;
    }
    if (!visit_l2_tables(state, is_other, &cluster)) {
        return PURPOSE_L2_TABLE;
    }
    return visit_refcount_blocks(state, is_other, &cluster) ? PURPOSE_BITMAP_DATA
                                                            : PURPOSE_REFCOUNT_BLOCK;
}

static bool add_table(void *context, uint64_t cluster)
{
    struct cluster_bits *tables = context;
    cluster_bits_fill(tables, cluster, 1);
    return !tables->full;
}

static void find_tables(struct audit_state *state)
{
    struct audit_places *places = &state->places;
    places->tables_known = true;
    places->tables = cluster_bits_make(audit_clusters(state), &state->memory);
    (void)(visit_l2_tables(state, add_table, &places->tables) &&
           visit_refcount_blocks(state, add_table, &places->tables) &&
           visit_bits(state, add_table, &places->tables));
}

static bool is_in_range(const struct audit_state *state, uint64_t cluster)
{
    return state->places.sorted ? in_sorted_ranges(&state->places, cluster)
                                : audit_range_purpose(state, cluster) != PURPOSE_NONE;
}

bool audit_is_table(struct audit_state *state, uint64_t cluster)
{
    if (is_in_range(state, cluster)) {
        return true;
    }
    if (!state->places.tables_known) {
        find_tables(state);
    }
    return cluster_bits_has(&state->places.tables, cluster);
}
