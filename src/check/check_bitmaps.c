// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Checks the bitmap directory and the bitmap tables that it refers to.

#include "check/check_parts.h"
#include "check/check_references.h"
#include "tables/bitmap_reader.h"

static void report_bitmap(struct check_state *state, uint64_t offset, const char *message)
{
    const struct finding finding = {
        .kind = FINDING_BITMAP, .has_host = true, .host_offset = offset};
    findings_add(&state->check->findings, &finding, "%s", message);
}

// Reports the error that ended the walk over a table or over the directory.
static void report_bitmap_end(struct check_state *state, uint64_t offset, const struct error *error)
{
    if (error->code == ERROR_MEMORY) {
        state->out_of_memory = true;
    } else if (error->code == ERROR_IO || check_error_is_unseen(state, error)) {
        check_unreadable(state, error);
    } else {
        state->uncounted = true;
        report_bitmap(state, offset, error->message);
    }
}

// Reports the problems and empties the list.
static void report_bitmap_problems(struct check_state *state, struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct error *error = &problems->items[i].error;
        report_bitmap(state, error->offset, error->message);
    }
    problems_free(problems);
}

static void report_bitmap_faults(struct check_state *state, uint64_t at, uint32_t faults)
{
    while (faults != 0) {
        enum entry_fault fault = fault_take(&faults);
        const struct finding finding = {
            .kind = finding_of_fault[fault], .has_host = true, .host_offset = at};
        findings_add(&state->check->findings, &finding, "an entry of the bitmap table has %s",
                     fault_rules[fault].words);
    }
}

static void check_bitmap_entry(struct check_state *state, const struct table_entry *entry)
{
    const struct finding none = {0};
    uint64_t offset = bitmap_table_offset(entry->value);
    uint32_t faults = bitmap_table_faults(state->header, entry->value);
    uint64_t reported = check_reported(state);
    report_bitmap_faults(state, entry->at, faults);
    if (faults == 0 && offset != 0) {
        check_reference(state, offset, state->header->cluster_size, PURPOSE_BITMAP_DATA, &none,
                        "a bitmap table");
    }
    check_spend(state, CHECK_ENTRY, 1);
    check_spend(state, CHECK_FINDING, check_reported(state) - reported);
}

static void check_bitmap_table(struct check_state *state, const struct bitmap *bitmap)
{
    const struct finding none = {0};
    if (!bitmap_table_limited(bitmap, state->header)) {
        state->uncounted = true;
        return; // no table has so many entries; this was reported
    }
    struct table_file file = table_file_make(state->image->source);
    struct table_walk walk =
        bitmap_walk(&file, bitmap->table_offset, bitmap->table_size, &state->budget);
    struct table_entry entry;
    struct error error;
    enum walk_step step;
    check_reference(state, bitmap->table_offset,
                    (uint64_t)bitmap->table_size * BITMAP_TABLE_ENTRY_SIZE, PURPOSE_BITMAP_TABLE,
                    &none, "the bitmap directory");
    bool empty = bitmap->table_size > 0;
    while ((step = table_walk_entry(&walk, &entry, &error)) == WALK_FOUND) {
        empty = false;
        check_bitmap_entry(state, &entry);
    }
    if (step == WALK_ERROR) {
        report_bitmap_end(state, entry.at, &error);
    } else if (empty && !state->budget.ended) {
        const struct finding at = {.has_host = true, .host_offset = bitmap->table_offset};
        check_empty_table(state, &at, "the table of a bitmap");
    }
    check_spend(state, CHECK_BYTE, 0); // reports when the budget has ended
    table_file_free(&file);
}

void check_bitmaps(struct check_state *state)
{
    const struct extensions *extensions = &state->image->extensions;
    const struct finding none = {0};
    struct problems problems = {0};
    struct bitmap bitmap;
    // Without the autoclear bit the bitmaps are gone and their clusters have leaked.
    if (!extensions->has_bitmaps || !(state->header->autoclear_features & AUTOCLEAR_BITMAPS)) {
        return;
    }
    check_reference(state, extensions->bitmaps_directory_offset, extensions->bitmaps_directory_size,
                    PURPOSE_BITMAP_DIRECTORY, &none, "the header extension");
    struct bitmap_reader reader = bitmap_reader_start(state->image);
    reader.names_max = UINT64_MAX;
    while (bitmap_reader_next(&reader, &bitmap, &problems)) {
        report_bitmap_problems(state, &problems);
        check_bitmap_table(state, &bitmap);
    }
    state->uncounted = state->uncounted || reader.next < extensions->bitmaps_count;
    if (reader.ended.code) {
        report_bitmap_end(state, extensions->bitmaps_directory_offset, &reader.ended);
    }
    bitmap_reader_free(&reader);
}
