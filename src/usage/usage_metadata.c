// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Adds up metadata: snapshots and their table, the encryption header, bitmaps and refcounts.

#include "base/checked.h"
#include "format/entry.h"
#include "format/refcount.h"
#include "tables/bitmap_reader.h"
#include "tables/refcount_walk.h"
#include "tables/snapshot_reader.h"
#include "usage/usage_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// --- Snapshots -----------------------------------------------------------------------------------

static bool copy_bytes(struct bytes from, struct bytes *to)
{
    uint8_t *copy = malloc(from.size + 1);
    if (!copy) {
        return false;
    }
    if (from.size > 0) {
        memcpy(copy, from.data, from.size);
    }
    to->data = copy;
    to->size = from.size;
    return true;
}

// Appends a snapshot to the list. NULL when there is no memory.
static struct usage_snapshot *list_snapshot(struct usage *usage, const struct snapshot *snapshot)
{
    // The array grows when the count reaches a power of two.
    if ((usage->snapshot_count & (usage->snapshot_count - 1)) == 0) {
        size_t room = max_u64(1, usage->snapshot_count * 2);
        struct usage_snapshot *grown = realloc(usage->snapshots, room * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        usage->snapshots = grown;
    }
    struct usage_snapshot *listed = &usage->snapshots[usage->snapshot_count++];
    *listed = (struct usage_snapshot){.date_sec = snapshot->date_sec,
                                      .vm_state_bytes = snapshot->vm_state_size};
    bool copied =
        copy_bytes(snapshot->id, &listed->id) && copy_bytes(snapshot->name, &listed->name);
    return copied ? listed : NULL;
}

static bool note_snapshot(struct usage_state *state, const struct snapshot *snapshot, uint64_t at)
{
    struct l1_table l1 = {snapshot->l1_table_offset, snapshot->l1_size};
    struct error error;
    if (!list_snapshot(state->usage, snapshot)) {
        return false;
    }
    size_t number = state->usage->snapshot_count;
    if (!l1_table_is_sound(state->header, l1)) {
        error_at(&error, ERROR_CORRUPT, at,
                 "invalid location or size of a snapshot's L1 table: %" PRIu32
                 " entries at %" PRIu64,
                 l1.size, l1.offset);
        usage_failed(state, &error);
        return true;
    }
    state->usage->snapshots[number - 1].referenced_bytes =
        usage_tree(state, l1, snapshot->disk_size, (uint32_t)number);
    return true;
}

void usage_snapshots(struct usage_state *state)
{
    struct snapshot snapshot;
    struct error error;
    struct snapshot_reader reader = snapshot_reader_start(state->image);
    uint64_t start = reader.at;
    uint64_t entry = reader.at;
    uint64_t end = reader.at;
    while (!state->out_of_memory && snapshot_reader_next(&reader, &snapshot, NULL)) {
        end = entry + snapshot.end;
        state->out_of_memory = !note_snapshot(state, &snapshot, entry);
        entry = reader.at;
    }
    if (reader.ended.code) {
        usage_failed(state, &reader.ended);
    } else if (reader.next < state->header->nb_snapshots && !state->out_of_memory) {
        error_at(&error, ERROR_CORRUPT, start, "invalid location of the snapshot table");
        usage_failed(state, &error);
    }
    snapshot_reader_free(&reader);
    usage_note(state, start, end - start, PURPOSE_SNAPSHOT_TABLE, OWNER_NONE);
}

// --- The encryption header and bitmaps -----------------------------------------------------------

void usage_encryption(struct usage_state *state)
{
    const struct extensions *extensions = &state->image->extensions;
    if (extensions->has_encryption) {
        usage_note(state, extensions->encryption_offset, extensions->encryption_length,
                   PURPOSE_ENCRYPTION, OWNER_NONE);
    }
}

static void note_bitmap_table(struct usage_state *state, const struct bitmap *bitmap)
{
    const struct header *header = state->header;
    if (!bitmap_table_limited(bitmap, header)) {
        return;
    }
    struct table_file file = table_file_make(state->image->source);
    struct table_walk walk =
        bitmap_walk(&file, bitmap->table_offset, bitmap->table_size, &state->budget);
    struct table_entry entry;
    struct error error;
    enum walk_step step;
    usage_note(state, bitmap->table_offset, (uint64_t)bitmap->table_size * BITMAP_TABLE_ENTRY_SIZE,
               PURPOSE_BITMAP_TABLE, OWNER_NONE);
    while ((step = table_walk_entry(&walk, &entry, &error)) == WALK_FOUND) {
        uint64_t offset = bitmap_table_offset(entry.value);
        if (offset != 0 && bitmap_table_faults(header, entry.value) == 0) {
            usage_note(state, offset, header->cluster_size, PURPOSE_BITMAP_DATA, OWNER_NONE);
        }
        budget_spend(&state->budget, 16); // an entry costs as much as 16 bytes of zeros
    }
    if (step == WALK_ERROR) {
        error_prefix(&error, "bitmap table at %" PRIu64, bitmap->table_offset);
        usage_failed(state, &error);
    }
    table_file_free(&file);
}

void usage_bitmaps(struct usage_state *state)
{
    const struct extensions *extensions = &state->image->extensions;
    struct bitmap bitmap;
    // Without the autoclear bit the bitmaps are gone and their clusters have leaked.
    if (!extensions->has_bitmaps || !(state->header->autoclear_features & AUTOCLEAR_BITMAPS)) {
        return;
    }
    usage_note(state, extensions->bitmaps_directory_offset, extensions->bitmaps_directory_size,
               PURPOSE_BITMAP_DIRECTORY, OWNER_NONE);
    struct bitmap_reader reader = bitmap_reader_start(state->image);
    while (bitmap_reader_next(&reader, &bitmap, NULL)) {
        note_bitmap_table(state, &bitmap);
    }
    if (reader.ended.code) {
        usage_failed(state, &reader.ended);
    }
    bitmap_reader_free(&reader);
}

// --- Refcounts -----------------------------------------------------------------------------------

// Whether the refcount table can be read at all.
static bool has_refcounts(struct usage_state *state)
{
    const struct header *header = state->header;
    uint64_t table = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    struct error error;
    if (header->refcount_bits == 0) {
        error_at(&error, ERROR_CORRUPT, HEADER_REFCOUNT_ORDER,
                 "refcount_order is %" PRIu32 ", above %d: leaked clusters are unknown",
                 header->refcount_order, REFCOUNT_ORDER_MAX);
        usage_failed(state, &error);
        return false;
    }
    if (table > CAP_REFCOUNT_TABLE_BYTES) {
        error_at(&error, ERROR_LIMIT, HEADER_REFCOUNT_TABLE_CLUSTERS,
                 "the refcount table has %" PRIu64 " bytes, above %" PRIu64
                 ": leaked clusters are unknown",
                 table, CAP_REFCOUNT_TABLE_BYTES);
        usage_failed(state, &error);
        return false;
    }
    return true;
}

void usage_refcount_tables(struct usage_state *state)
{
    const struct header *header = state->header;
    if (!has_refcounts(state)) {
        return;
    }
    struct table_file file = table_file_make(state->image->source);
    struct table_walk walk = refcount_table_walk(&file, header);
    struct table_entry entry;
    struct error error;
    enum walk_step step;
    usage_note(state, walk.offset, walk.size * REFCOUNT_TABLE_ENTRY_SIZE, PURPOSE_REFCOUNT_TABLE,
               OWNER_NONE);
    while ((step = table_walk_entry(&walk, &entry, &error)) == WALK_FOUND) {
        uint64_t offset = refcount_table_block(entry.value);
        if (offset != 0 && refcount_table_faults(header, entry.value) == 0) {
            usage_note(state, offset, header->cluster_size, PURPOSE_REFCOUNT_BLOCK, OWNER_NONE);
        }
    }
    if (step == WALK_ERROR) {
        error_prefix(&error, "refcount table");
        usage_failed(state, &error);
    }
    table_file_free(&file);
}

static void mark_leaks(struct usage_state *state, const struct refcounts *refcounts)
{
    struct use_map *map = &state->map;
    for (uint64_t i = 0; i < refcounts->count; i++) {
        uint64_t cluster = refcounts->first + i;
        const uint8_t *piece = map->pieces[cluster / USE_PIECE];
        if ((!piece || piece[cluster % USE_PIECE] == PURPOSE_NONE) &&
            refcounts_load(refcounts, i) != 0) {
            uint8_t *cell = use_map_cell(map, cluster);
            state->out_of_memory = state->out_of_memory || !cell;
            if (cell) {
                *cell = USE_LEAKED;
            }
        }
    }
}

void usage_leaks(struct usage_state *state)
{
    const struct header *header = state->header;
    uint64_t table = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    if (header->refcount_bits == 0 || table > CAP_REFCOUNT_TABLE_BYTES) {
        return;
    }
    struct refcount_walk walk = refcount_walk_make(state->image, NULL);
    struct refcounts refcounts;
    struct error error;
    enum walk_step step;
    refcount_walk_start(&walk, 0, state->map.clusters);
    while ((step = refcount_walk_next(&walk, &refcounts, &error)) != WALK_END) {
        if (step == WALK_FOUND) {
            mark_leaks(state, &refcounts);
        } else {
            usage_failed(state, &error);
        }
    }
    refcount_walk_free(&walk);
}
