// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "usage/usage.h"

#include "base/checked.h"
#include "format/entry.h"
#include "tables/snapshot_reader.h"
#include "usage/usage_state.h"

#include <inttypes.h>
#include <stdlib.h>

const struct part_rule part_rules[PARTS] = {
    [PART_HEADER] = {"header", "the header"},
    [PART_L1_TABLES] = {"l1-tables", "L1 tables"},
    [PART_L2_TABLES] = {"l2-tables", "L2 tables"},
    [PART_REFCOUNTS] = {"refcounts", "refcount table and blocks"},
    [PART_SNAPSHOT_TABLE] = {"snapshot-table", "the snapshot table"},
    [PART_ENCRYPTION_HEADER] = {"encryption-header", "the encryption header"},
    [PART_BITMAPS] = {"bitmaps", "dirty bitmaps"},
    [PART_ACTIVE_DATA] = {"active-data", "data of the active disk"},
    [PART_SHARED_DATA] = {"shared-data", "data of the active disk and snapshots"},
    [PART_SNAPSHOT_DATA] = {"snapshot-data", "data of snapshots only"},
    [PART_VM_STATE] = {"vm-state", "saved VM states"},
    [PART_ZERO_RESERVED] = {"zero-reserved", "kept by zero clusters"},
    [PART_LEAKED] = {"leaked", "leaked: nothing refers to it"},
    [PART_FREE] = {"free", "free inside the file"},
    [PART_TRAILING] = {"trailing", "after the last cluster in use"},
    [PART_CONFLICTING] = {"conflicting", "used for two purposes"},
};

uint64_t usage_progress_total(const struct layer *layer)
{
    uint64_t total = layer->size;
    struct snapshot snapshot;
    if (layer->raw) {
        return total;
    }
    struct snapshot_reader reader = snapshot_reader_start(layer->image);
    while (snapshot_reader_next(&reader, &snapshot, NULL)) {
        total = add_clipped(total, snapshot.disk_size);
    }
    snapshot_reader_free(&reader);
    return total;
}

static void note_active(struct usage_state *state)
{
    struct l1_table l1 = l1_table_active(state->header);
    struct error error;
    if (l1_table_is_sound(state->header, l1)) {
        usage_tree(state, l1, state->header->size, OWNER_NONE);
        return;
    }
    error_at(&error, ERROR_CORRUPT, HEADER_L1_TABLE_OFFSET,
             "invalid location or size of the L1 table: %" PRIu32 " entries at %" PRIu64, l1.size,
             l1.offset);
    usage_failed(state, &error);
    if (state->measure) {
        measure_fail(state->measure, &error);
    }
}

static void note_everything(struct usage_state *state)
{
    struct error error;
    usage_note(state, 0, state->header->cluster_size, PURPOSE_HEADER, OWNER_NONE);
    note_active(state);
    usage_snapshots(state);
    usage_encryption(state);
    usage_bitmaps(state);
    usage_refcount_tables(state);
    usage_leaks(state);
    if (state->budget.ended) {
        error_set(&error, ERROR_LIMIT,
                  "the tables refer to each other too often: gave up after work for %" PRIu64
                  " bytes of tables",
                  USAGE_BUDGET);
        usage_failed(state, &error);
    }
}

static bool collect_image(const struct layer *layer, struct measure *measure,
                          const struct usage_places *places, const struct usage_watch *watch,
                          struct usage *usage, struct error *error)
{
    const struct image *image = layer->image;
    struct usage_state state = {
        .image = image,
        .header = &image->header,
        .usage = usage,
        .measure = measure,
        .watch = watch,
        .budget = {.left = USAGE_BUDGET},
    };
    if (!image->header.geometry_known) {
        return error_at(error, ERROR_CORRUPT, HEADER_CLUSTER_BITS,
                        "the version or the cluster size is unknown: cannot add up its clusters");
    }
    uint64_t clusters = divide_up(image->source->size, image->header.cluster_size);
    if (!image_countable(image, error)) {
        return false;
    }
    state.out_of_memory = !use_map_make(&state.map, clusters);
    if (!state.out_of_memory) {
        note_everything(&state);
        usage_totals(&state);
        if (places) {
            usage_place(&state, places);
        }
    }
    table_sums_free(&state.sums);
    use_map_free(&state.map);
    return state.out_of_memory ? error_set(error, ERROR_MEMORY, "out of memory") : true;
}

// All bytes of a raw file are data of the disk.
static void collect_raw(const struct source *raw, const struct usage_places *places,
                        struct usage *usage)
{
    usage->parts[PART_ACTIVE_DATA].bytes = raw->size;
    if (places) {
        places->take(places->context, 0, raw->size, PART_ACTIVE_DATA);
    }
}

bool usage_collect(const struct chain *chain, bool measured, const struct usage_places *places,
                   const struct usage_watch *watch, struct usage *usage, struct error *error)
{
    const struct layer *layer = &chain->layers[0];
    const struct source *source = layer->raw ? layer->raw : layer->image->source;
    struct measure measure;
    *usage = (struct usage){.file_size = source->size,
                            .allocated_known = source_knows_allocated(source),
                            .allocated_size = source->allocated_size,
                            .virtual_size = layer->size};
    if (measured && !measure_start(&measure, chain, error)) {
        return false;
    }
    bool collected = true;
    if (layer->raw) {
        collect_raw(layer->raw, places, usage);
    } else {
        collected = collect_image(layer, measured ? &measure : NULL, places, watch, usage, error);
    }
    if (measured) {
        usage->measure = measure_finish(&measure);
        if (measure.failed.code && usage->error_count++ == 0) {
            usage->first_error = measure.failed;
        }
        measure_end(&measure);
    }
    return collected;
}

void usage_free(struct usage *usage)
{
    for (size_t i = 0; i < usage->snapshot_count; i++) {
        free((void *)usage->snapshots[i].id.data);
        free((void *)usage->snapshots[i].name.data);
    }
    free(usage->snapshots);
    *usage = (struct usage){0};
}
