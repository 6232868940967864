// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The tables that the header and its extensions name, and the entries of those that are lists.

#include "base/checked.h"
#include "format/layout.h"
#include "inspect/audit_state.h"
#include "inspect/bitmap_reader.h"
#include "inspect/snapshot_reader.h"

#include <inttypes.h>

// A place that the header's check has found impossible is told already.
static bool possible_place(uint64_t offset)
{
    return offset < HOST_OFFSET_LIMIT;
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return checked_add(a, b, &sum) ? sum : UINT64_MAX;
}

// --- Sizes and places in the header --------------------------------------------------------------

static void look_at_l1(struct audit_state *state)
{
    const struct header *header = state->header;
    uint64_t needed = divide_up(header->size, header_l2_coverage(header));
    if (header->l1_size > CAP_L1_SIZE || !possible_place(header->l1_table_offset)) {
        return;
    }
    uint64_t of_largest = divide_up(state->options->max_virtual_size, header_l2_coverage(header));
    if (header->l1_size > max_u64(2 * needed + AUDIT_L1_SLACK, of_largest)) {
        audit_tell(state, AUDIT_L1_SIZE, HEADER_L1_SIZE,
                   "the L1 table has %" PRIu32 " entries, and the disk needs %" PRIu64,
                   header->l1_size, needed);
    }
    audit_table(state, PURPOSE_L1_TABLE, header->l1_table_offset,
                (uint64_t)header->l1_size * L1_ENTRY_SIZE, HEADER_L1_TABLE_OFFSET, "the L1 table");
}

static void look_at_refcount_table(struct audit_state *state)
{
    const struct header *header = state->header;
    uint64_t size = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    if (size > CAP_REFCOUNT_TABLE_BYTES || !possible_place(header->refcount_table_offset)) {
        return;
    }
    uint64_t clusters = divide_up(state->source->size, header->cluster_size);
    uint64_t block_bits = (uint64_t)header->cluster_size * 8;
    uint64_t blocks = divide_up(clusters * header->refcount_bits, block_bits);
    uint64_t most = 4 * blocks * REFCOUNT_TABLE_ENTRY_SIZE;
    most = max_u64(max_u64(most, AUDIT_REFCOUNT_TABLE_SLACK), (uint64_t)2 * header->cluster_size);
    if (state->source->complete && size > most) {
        audit_tell(state, AUDIT_REFCOUNT_TABLE_SIZE, HEADER_REFCOUNT_TABLE_CLUSTERS,
                   "the refcount table has %" PRIu64 " bytes for a file of %" PRIu64, size,
                   state->source->size);
    }
    audit_table(state, PURPOSE_REFCOUNT_TABLE, header->refcount_table_offset, size,
                HEADER_REFCOUNT_TABLE_OFFSET, "the refcount table");
}

void audit_header_tables(struct audit_state *state)
{
    const struct extensions *extensions = &state->image->extensions;
    bool added;
    // The file may end within its first cluster.
    cluster_set_add(&state->tables, 0, PURPOSE_HEADER, &added);
    audit_use(state, state->header->cluster_size);
    look_at_l1(state);
    look_at_refcount_table(state);
    if (extensions->has_encryption) {
        audit_table(state, PURPOSE_ENCRYPTION, extensions->encryption_offset,
                    extensions->encryption_length, extensions->encryption_extension_at,
                    "the encryption header");
    }
}

// --- Snapshots -----------------------------------------------------------------------------------

struct snapshot_sums {
    uint64_t entry;    // byte offset of the entry that is looked at
    uint64_t l1_bytes; // of all L1 tables
};

static void look_at_snapshot_l1(struct audit_state *state, const struct snapshot *snapshot,
                                struct snapshot_sums *sums)
{
    uint64_t size = (uint64_t)snapshot->l1_size * L1_ENTRY_SIZE;
    struct l1_table l1 = {snapshot->l1_table_offset, snapshot->l1_size};
    sums->l1_bytes += size;
    if (!is_aligned(l1.offset, state->header->cluster_size) || !possible_place(l1.offset) ||
        l1.size > CAP_L1_SIZE) {
        audit_unseen(state, AUDIT_SNAPSHOT_BROKEN); // which is told as a problem of the entry
        return;
    }
    bool inside = audit_table(state, PURPOSE_L1_TABLE, l1.offset, size, sums->entry,
                              "the L1 table of a snapshot");
    if (inside && state->snapshot_count < AUDIT_SNAPSHOTS_MAX) {
        state->snapshots[state->snapshot_count++] = l1;
    }
}

static void look_at_snapshot(struct audit_state *state, const struct snapshot *snapshot,
                             struct snapshot_sums *sums)
{
    audit_name(state, AUDIT_NAME_LABEL, "the id of a snapshot", snapshot->id, sums->entry);
    audit_name(state, AUDIT_NAME_LABEL, "the name of a snapshot", snapshot->name, sums->entry);
    if (snapshot->disk_size > state->options->max_virtual_size) {
        audit_tell(state, AUDIT_VIRTUAL_SIZE, sums->entry,
                   "the disk of a snapshot has %" PRIu64 " bytes, above %" PRIu64,
                   snapshot->disk_size, state->options->max_virtual_size);
    }
    if (snapshot->vm_state_size > 0) {
        audit_tell(state, AUDIT_VM_STATE, sums->entry,
                   "a snapshot has %" PRIu64 " bytes of VM state", snapshot->vm_state_size);
    }
    state->accounted_size = saturating_add(state->accounted_size, snapshot->disk_size);
    state->accounted_size = saturating_add(state->accounted_size, snapshot->vm_state_size);
    look_at_snapshot_l1(state, snapshot, sums);
}

// What the parser found wrong with entries. Takes it off the list, which stays for the next ones.
static void tell_problems(struct audit_state *state, enum audit_rule rule,
                          struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct error *error = &problems->items[i].error;
        audit_tell(state, rule, error->offset, "%s", error->message);
    }
    state->audit->findings[rule].count += problems->dropped;
    problems->count = problems->dropped = 0;
}

// Why a list ended before it should. ERROR_LIMIT: it is longer than anybody reads.
static void tell_ended(struct audit_state *state, const struct error *ended, enum audit_rule bomb,
                       enum audit_rule broken, const char *what)
{
    if (ended->code == ERROR_LIMIT || ended->code == ERROR_CORRUPT) {
        enum audit_rule rule = ended->code == ERROR_LIMIT ? bomb : broken;
        audit_tell(state, rule, ended->offset, "%s", ended->message);
        audit_unseen(state, rule);
    } else if (ended->code) {
        audit_unreadable(state, ended, what);
    }
}

// Returns where the last entry ends.
static uint64_t look_at_snapshot_entries(struct audit_state *state, struct snapshot_sums *sums)
{
    struct snapshot snapshot;
    struct problems problems = {0};
    struct snapshot_reader reader = snapshot_reader_start(state->image);
    uint64_t end = reader.at;
    sums->entry = reader.at;
    while (snapshot_reader_next(&reader, &snapshot, &problems)) {
        end = sums->entry + snapshot.end;
        tell_problems(state, AUDIT_SNAPSHOT_BROKEN, &problems);
        look_at_snapshot(state, &snapshot, sums);
        sums->entry = reader.at;
        if (reader.next == AUDIT_SNAPSHOTS_MAX && reader.next < reader.count) {
            audit_unseen(state, AUDIT_SNAPSHOT_BOMB);
            break;
        }
    }
    if (state->header->nb_snapshots > 0 && reader.count == 0 && !reader.ended.code) {
        audit_unseen(state, AUDIT_HEADER_BROKEN); // by the place of the table
    }
    tell_ended(state, &reader.ended, AUDIT_SNAPSHOT_BOMB, AUDIT_SNAPSHOT_BROKEN,
               "the snapshot table");
    problems_free(&problems);
    snapshot_reader_free(&reader);
    return end;
}

void audit_snapshots(struct audit_state *state)
{
    const struct header *header = state->header;
    struct snapshot_sums sums = {0};
    if (header->nb_snapshots > AUDIT_SNAPSHOTS_MAX) {
        audit_tell(state, AUDIT_SNAPSHOT_BOMB, HEADER_NB_SNAPSHOTS,
                   "there are %" PRIu32 " snapshots", header->nb_snapshots);
    }
    uint64_t end = look_at_snapshot_entries(state, &sums);
    if (end > header->snapshots_offset) {
        audit_table(state, PURPOSE_SNAPSHOT_TABLE, header->snapshots_offset,
                    end - header->snapshots_offset, HEADER_SNAPSHOTS_OFFSET, "the snapshot table");
    }
    if (state->source->complete && sums.l1_bytes > state->source->size) {
        audit_tell(state, AUDIT_SNAPSHOT_BOMB, header->snapshots_offset,
                   "the L1 tables of the snapshots have %" PRIu64 " bytes, the file %" PRIu64,
                   sums.l1_bytes, state->source->size);
    }
}

// --- Bitmaps -------------------------------------------------------------------------------------

struct bitmap_sums {
    uint64_t entry;  // byte offset of the entry that is looked at
    uint64_t memory; // bytes of the bits of all bitmaps
};

static void look_at_bitmap(struct audit_state *state, const struct bitmap *bitmap,
                           struct bitmap_sums *sums)
{
    const struct header *header = state->header;
    uint64_t granularity;
    audit_name(state, AUDIT_NAME_LABEL, "the name of a bitmap", bitmap->name, sums->entry);
    if (bitmap_granularity(bitmap, &granularity)) {
        uint64_t bytes = divide_up(divide_up(header->size, granularity), 8);
        sums->memory = saturating_add(sums->memory, bytes);
    }
    if (bitmap->table_size <= CAP_BITMAP_BYTES >> header->cluster_bits &&
        is_aligned(bitmap->table_offset, header->cluster_size) &&
        possible_place(bitmap->table_offset)) {
        uint64_t clusters = (uint64_t)bitmap->table_size << header->cluster_bits;
        state->accounted_size = saturating_add(state->accounted_size, clusters);
        audit_table(state, PURPOSE_BITMAP_TABLE, bitmap->table_offset,
                    (uint64_t)bitmap->table_size * BITMAP_TABLE_ENTRY_SIZE, sums->entry,
                    "the table of a bitmap");
    } else {
        audit_unseen(state, AUDIT_BITMAP_BROKEN); // which is told as a problem of the entry
    }
}

static void look_at_bitmap_entries(struct audit_state *state)
{
    struct bitmap bitmap;
    struct problems problems = {0};
    struct bitmap_reader reader = bitmap_reader_start(state->image);
    struct bitmap_sums sums = {.entry = reader.at};
    while (bitmap_reader_next(&reader, &bitmap, &problems)) {
        tell_problems(state, AUDIT_BITMAP_BROKEN, &problems);
        look_at_bitmap(state, &bitmap, &sums);
        sums.entry = reader.at;
        if (reader.next == AUDIT_BITMAPS_MAX && reader.next < reader.count) {
            audit_unseen(state, AUDIT_BITMAP_BOMB);
            break;
        }
    }
    if (state->image->extensions.bitmaps_count > 0 && reader.count == 0) {
        audit_unseen(state, AUDIT_BITMAP_BROKEN); // by the place of the directory
    }
    problems_free(&problems);
    tell_ended(state, &reader.ended, AUDIT_BITMAP_BOMB, AUDIT_BITMAP_BROKEN,
               "the bitmap directory");
    bitmap_reader_free(&reader);
    if (sums.memory > AUDIT_BITMAPS_MEMORY) {
        audit_tell(state, AUDIT_BITMAP_BOMB, state->image->extensions.bitmaps_directory_offset,
                   "the bitmaps take %" PRIu64 " bytes of memory", sums.memory);
    }
}

void audit_bitmaps(struct audit_state *state)
{
    const struct extensions *extensions = &state->image->extensions;
    // Without the autoclear bit the bitmaps are gone, and others may have taken their clusters.
    if (!extensions->has_bitmaps || !(state->header->autoclear_features & AUTOCLEAR_BITMAPS)) {
        return;
    }
    if (extensions->bitmaps_count > AUDIT_BITMAPS_MAX) {
        audit_tell(state, AUDIT_BITMAP_BOMB, extensions->bitmaps_extension_at,
                   "there are %" PRIu32 " bitmaps", extensions->bitmaps_count);
    }
    if (extensions->bitmaps_directory_size > CAP_BITMAP_DIRECTORY) {
        audit_tell(state, AUDIT_BITMAP_BOMB, extensions->bitmaps_extension_at,
                   "the bitmap directory has %" PRIu64 " bytes",
                   extensions->bitmaps_directory_size);
    } else {
        audit_table(state, PURPOSE_BITMAP_DIRECTORY, extensions->bitmaps_directory_offset,
                    extensions->bitmaps_directory_size, extensions->bitmaps_extension_at,
                    "the bitmap directory");
    }
    look_at_bitmap_entries(state);
}
