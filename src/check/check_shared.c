// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Counts the references below L2 tables that snapshots share. An earlier walk over each table had
// nothing to report, so only counting is left.

#include "base/checked.h"
#include "check/check_parts.h"
#include "check/check_references.h"
#include "format/entry.h"

#include <inttypes.h>
#include <stdio.h>

// One at a time, so that each reference beyond the largest refcount is reported.
static void count_slowly(struct check_state *state, uint64_t cluster, enum purpose purpose,
                         const struct shared_table *table)
{
    const struct finding none = {0};
    char place[FINDING_PLACE_SIZE];
    snprintf(place, sizeof place, "the L2 table at %" PRIu64 " (shared by snapshots)",
             table->offset);
    for (uint64_t i = 0; i < table->count && check_spend(state, CHECK_FINDING, 1); i++) {
        check_reference(state, cluster << state->header->cluster_bits, 1, purpose, &none, place);
    }
}

static void count_cluster(struct check_state *state, uint64_t cluster, enum purpose purpose,
                          const struct shared_table *table)
{
    uint32_t value = reference_peek(&state->references, cluster);
    uint64_t count = reference_count(value) + table->count;
    if (count > state->refcount_max) {
        count_slowly(state, cluster, purpose, table);
    } else {
        uint32_t counted = (uint32_t)min_u64(count, REFERENCE_COUNT_MAX);
        check_set(state, cluster, (value & ~REFERENCE_COUNT_MAX) | counted);
    }
}

static void count_entry(struct check_state *state, struct l2_entry entry,
                        const struct shared_table *table)
{
    const struct header *header = state->header;
    enum purpose purpose = PURPOSE_DATA;
    struct stretch stretch;
    uint64_t offset = l2_entry_host_offset(entry);
    uint64_t size = header->cluster_size;
    if (l2_entry_is_compressed(entry)) {
        if (l2_entry_stretch(header, entry, 0, &stretch) != 0) {
            return;
        }
        purpose = PURPOSE_COMPRESSED;
        offset = stretch.host_offset;
        size = stretch.stored_size;
    } else if (!l2_entry_has_host(header, entry)) {
        return;
    }
    uint64_t last = (offset + size - 1) >> header->cluster_bits;
    for (uint64_t cluster = offset >> header->cluster_bits; cluster <= last; cluster++) {
        count_cluster(state, cluster, purpose, table);
    }
}

static void count_table(struct check_state *state, struct table_file *file,
                        const struct shared_table *table)
{
    const struct header *header = state->header;
    struct table_walk walk = l2_walk(file, header, table->offset, NULL);
    struct error error;
    enum walk_step step;
    while ((step = table_walk_view(&walk, &error)) == WALK_FOUND) {
        size_t count = walk.view.size / header->l2_entry_size;
        for (size_t i = 0; i < count; i++) {
            count_entry(state, l2_entry_load(header, walk.view, i), table);
        }
    }
    if (step == WALK_ERROR) {
        error_prefix(&error, "L2 table at %" PRIu64, table->offset);
        check_unreadable(state, &error);
    }
}

void check_shared_tables(struct check_state *state)
{
    struct table_file file = table_file_make(state->image->source);
    shared_tables_merge(&state->shared);
    for (size_t i = 0; i < state->shared.count; i++) {
        count_table(state, &file, &state->shared.items[i]);
    }
    table_file_free(&file);
}
