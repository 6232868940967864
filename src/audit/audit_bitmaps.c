// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Inspects the bitmap directory, the tables that it refers to, and the places of the bits.

#include "audit/audit_l1.h"
#include "audit/audit_parts.h"
#include "base/checked.h"
#include "format/layout.h"
#include "tables/bitmap_reader.h"
#include "tables/table_walk.h"

#include <inttypes.h>

// --- The directory -------------------------------------------------------------------------------

struct bitmap_sums {
    uint64_t entry;  // byte offset of the current entry
    uint64_t memory; // bytes of the bits of all bitmaps
    uint64_t longer; // the same for a disk of AUDIT_BITMAPS_DISK
};

static uint64_t bytes_of_bits(uint64_t disk_size, uint64_t granularity)
{
    return divide_up(divide_up(disk_size, granularity), 8);
}

static void inspect_bitmap(struct audit_state *state, const struct bitmap *bitmap,
                           struct bitmap_sums *sums)
{
    const struct header *header = state->header;
    uint64_t granularity;
    audit_name(state, AUDIT_NAME_LABEL, "the name of a bitmap", bitmap->name, sums->entry);
    if (bitmap_granularity(bitmap, &granularity)) {
        sums->memory = add_clipped(sums->memory, bytes_of_bits(header->size, granularity));
        sums->longer += bytes_of_bits(AUDIT_BITMAPS_DISK, granularity);
    }
    if (bitmap_table_limited(bitmap, header) && header_is_place(header, bitmap->table_offset)) {
        uint64_t clusters = (uint64_t)bitmap->table_size << header->cluster_bits;
        state->sums.accounted = add_clipped(state->sums.accounted, clusters);
        bool inside = audit_table(state, PURPOSE_BITMAP_TABLE, bitmap->table_offset,
                                  (uint64_t)bitmap->table_size * BITMAP_TABLE_ENTRY_SIZE,
                                  sums->entry, "the table of a bitmap");
        if (inside && state->bitmap_count < AUDIT_BITMAPS_MAX) {
            state->bitmaps[state->bitmap_count++] = (struct bitmap_table){
                bitmap->table_offset, bitmap->table_size, (bitmap->flags & BITMAP_AUTO) != 0};
        }
    } else {
        audit_unseen(&state->report,
                     AUDIT_BITMAP_BROKEN); // reported as a problem of the entry
    }
}

static void inspect_bitmap_entries(struct audit_state *state)
{
    struct bitmap bitmap;
    struct problems problems = {0};
    struct bitmap_reader reader = bitmap_reader_start(state->image);
    struct bitmap_sums sums = {.entry = reader.at};
    while (bitmap_reader_next(&reader, &bitmap, &problems)) {
        audit_problems(state, &problems);
        problems_free(&problems);
        inspect_bitmap(state, &bitmap, &sums);
        sums.entry = reader.at;
        if (reader.next == AUDIT_BITMAPS_MAX && reader.next < reader.count) {
            audit_unseen(&state->report, AUDIT_BITMAP_BOMB);
            break;
        }
    }
    if (state->image->extensions.bitmaps_count > 0 && reader.count == 0) {
        audit_unseen(&state->report, AUDIT_BITMAP_BROKEN); // by the location of the directory
    }
    audit_ended(&state->report, &reader.ended, AUDIT_BITMAP_BOMB, AUDIT_BITMAP_BROKEN,
                "the bitmap directory");
    bitmap_reader_free(&reader);
    uint64_t most = max_u64(audit_file_bytes(state), AUDIT_BITMAPS_MEMORY);
    if (sums.memory > min_u64(most, AUDIT_BITMAPS_MEMORY_MOST)) {
        audit_report_at(&state->report, AUDIT_BITMAP_BOMB,
                        state->image->extensions.bitmaps_directory_offset,
                        "the bitmaps take %" PRIu64 " bytes of memory", sums.memory);
    } else if (sums.longer > AUDIT_BITMAPS_MEMORY_MOST) {
        audit_report_at(
            &state->report, AUDIT_BITMAP_BOMB, state->image->extensions.bitmaps_directory_offset,
            "the bitmaps take %" PRIu64 " bytes of memory for each TiB of a longer disk",
            sums.longer);
    }
}

void audit_bitmaps(struct audit_state *state)
{
    const struct extensions *extensions = &state->image->extensions;
    // Without the autoclear bit the bitmaps are gone, and their clusters may have other uses.
    if (!extensions->has_bitmaps || !(state->header->autoclear_features & AUTOCLEAR_BITMAPS)) {
        return;
    }
    if (extensions->bitmaps_count > AUDIT_BITMAPS_MAX) {
        audit_report_at(&state->report, AUDIT_BITMAP_BOMB, extensions->bitmaps_extension_at,
                        "there are %" PRIu32 " bitmaps", extensions->bitmaps_count);
    }
    if (extensions->bitmaps_directory_size > CAP_BITMAP_DIRECTORY) {
        audit_report_at(&state->report, AUDIT_BITMAP_BOMB, extensions->bitmaps_extension_at,
                        "the bitmap directory has %" PRIu64 " bytes",
                        extensions->bitmaps_directory_size);
    } else {
        audit_table(state, PURPOSE_BITMAP_DIRECTORY, extensions->bitmaps_directory_offset,
                    extensions->bitmaps_directory_size, extensions->bitmaps_extension_at,
                    "the bitmap directory");
    }
    inspect_bitmap_entries(state);
}

// --- The bits ------------------------------------------------------------------------------------

// A cluster of bits is written when the image is closed, and freed with its bitmap: this destroys a
// table in the same cluster.
static void inspect_bits(struct audit_state *state, const struct table_entry *entry)
{
    static const char name[] = "a cluster of bits of a bitmap";
    uint64_t offset = bitmap_table_offset(entry->value);
    uint32_t faults = bitmap_table_faults(state->header, entry->value);
    bool taken;
    if (!audit_faults(&state->report, faults, entry->at, "the table of a bitmap", entry->value) ||
        offset == 0) {
        return; // all zeros, or all ones
    }
    if (audit_table_cluster(state, offset, entry->at, name, &taken) && taken) {
        audit_report_overlap(state, offset, PURPOSE_BITMAP_DATA, name);
    }
}

static void inspect_bitmap_table(struct audit_state *state, struct table_file *file,
                                 struct bitmap_table table)
{
    struct table_walk walk = bitmap_walk(file, table.offset, table.entries, &state->bitmap_budget);
    struct table_entry entry;
    struct error error;
    enum walk_step step;
    uint64_t with_bits = 0;
    while ((step = table_walk_entry(&walk, &entry, &error)) == WALK_FOUND) {
        with_bits += entry.value != 0;
        inspect_bits(state, &entry);
    }
    state->sums.bitmap_clusters += with_bits;
    if (table.is_auto) {
        state->sums.auto_bitmaps++;
        state->sums.unset_clusters += table.entries - with_bits;
    }
    if (step == WALK_ERROR) {
        audit_unreadable(&state->report, &error, "the table of a bitmap");
    }
}

void audit_bitmap_bits(struct audit_state *state)
{
    struct table_file file = table_file_make(state->source);
    for (size_t i = 0; i < state->bitmap_count && !budget_spent(&state->bitmap_budget); i++) {
        inspect_bitmap_table(state, &file, state->bitmaps[i]);
    }
    table_file_free(&file);
    // For each cluster that the guest writes, each enabled bitmap may get one too.
    bool many = state->sums.auto_bitmaps > AUDIT_BITMAPS_AUTO;
    uint64_t clusters = state->sums.bitmap_clusters + (many ? state->sums.unset_clusters : 0);
    uint64_t size = clusters << state->header->cluster_bits;
    if (size > AUDIT_BITMAPS_MEMORY && size > audit_stored(state)) {
        audit_report_at(&state->report, AUDIT_BITMAP_BOMB,
                        state->image->extensions.bitmaps_directory_offset,
                        "the bitmaps have, or will have, bits in clusters of %" PRIu64
                        " bytes, in a file of %" PRIu64 " bytes without its holes",
                        size, audit_stored(state));
    }
}
