// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Walks the L2 tables within the budget, and adds up the data of each disk.

#include "audit/audit_entries.h"
#include "audit/audit_hidden.h"
#include "audit/audit_l1.h"
#include "audit/audit_parts.h"
#include "audit/audit_places.h"
#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { VERSIONS_BYTES = 4 << 20, PART_MIN = 4096, PART_MAX = 65536 };

// The tables at one L1 index.
struct row_walk {
    struct l1_rows rows;
    struct audit_table_sums *sums; // owned: one for each
    struct hole *holes;            // owned: the last hole that was found in each
    bool *present;                 // owned: whether it has entries in the current part
    bool *again;                   // owned: whether it was walked before
    uint8_t *parts;                // owned: the current part of each
    uint64_t guest_offset;         // of the row
};

// Whether a table is in the file and not in a hole, where all entries are zero. Millions of tables
// may be in holes, and finding a hole takes time unless it is known already.
static bool is_stored(struct audit_tree *tree, uint64_t l2_offset, struct budget *asks)
{
    struct source *source = tree->state->source;
    uint64_t size = tree->state->header->cluster_size;
    struct hole *hole = &tree->file.hole;
    if (!range_inside(l2_offset, size, source->size)) {
        return false; // reported when it was noted
    }
    bool known = table_window_has(&tree->file.window, l2_offset, (size_t)1) ||
                 (l2_offset >= hole->start && l2_offset < hole->end);
    if (!known && source_hole_again(source, l2_offset, hole) > 0) {
        budget_spend(asks, 1);
    }
    return !(l2_offset >= hole->start && range_inside(l2_offset, size, hole->end));
}

// Whether a table was walked at another index: then its data is only added up. The time for tables
// with one reference is limited by the size of the file; other tables may have any number of
// references. Tables past the end of the file are never read.
static bool is_again(struct audit_tree *tree, uint64_t l2_offset)
{
    const struct audit_state *state = tree->state;
    return state->places.shared_l2 && l2_offset < state->source->size &&
           cluster_bits_add(&tree->walked, l2_offset >> state->header->cluster_bits, 1) == 0;
}

static struct budget *budget_of(const struct audit_tree *tree)
{
    return tree->again ? &tree->state->l2_budget : NULL;
}

static void inspect_only_table(struct audit_tree *tree, struct row_walk *row)
{
    struct audit_state *state = tree->state;
    const struct header *header = state->header;
    uint64_t l2_offset = row->rows.tables[0].l2_offset;
    tree->again = is_again(tree, l2_offset);
    struct table_walk walk = l2_walk(&tree->file, header, l2_offset, budget_of(tree));
    struct error error;
    enum walk_step step;
    uint64_t stored = 0;
    tree->versions = (struct audit_versions){0};
    tree->active = row->rows.tables[0].active;
    tree->disks = row->rows.tables[0].disks;
    tree->table = &row->sums[0];
    while ((step = table_walk_view(&walk, &error)) == WALK_FOUND) {
        tree->place = l2_offset + walk.first * header->l2_entry_size;
        tree->guest_offset = row->guest_offset + (walk.first << header->cluster_bits);
        stored += walk.view.size;
        audit_l2_entries(tree, walk.view);
    }
    if (step == WALK_ERROR) {
        audit_unreadable(&state->report, &error, "an L2 table");
        return;
    }
    state->sums.hole_tables += header->cluster_size - stored;
}

// --- Several versions of one table ---------------------------------------------------------------

// Reads `count` entries of a table from index `first` on; holes read as zeros. False when there are
// only holes.
static bool read_part(struct audit_tree *tree, struct row_walk *row, size_t table, uint64_t first,
                      uint64_t count, uint8_t *to)
{
    const struct header *header = tree->state->header;
    uint64_t l2_offset = row->rows.tables[table].l2_offset;
    struct table_walk walk = l2_walk(&tree->file, header, l2_offset, budget_of(tree));
    struct error error;
    enum walk_step step;
    bool any = false;
    walk.next = first;
    walk.size = first + count;
    tree->file.hole = row->holes[table];
    while ((step = table_walk_view(&walk, &error)) == WALK_FOUND) {
        if (!any) {
            memset(to, 0, count * header->l2_entry_size);
        }
        memcpy(to + (walk.first - first) * header->l2_entry_size, walk.view.data, walk.view.size);
        any = true;
    }
    row->holes[table] = tree->file.hole;
    if (step == WALK_ERROR) {
        audit_unreadable(&tree->state->report, &error, "an L2 table");
    }
    return any;
}

static void inspect_part(struct audit_tree *tree, struct row_walk *row, uint64_t first,
                         uint64_t count)
{
    const struct header *header = tree->state->header;
    size_t size = (size_t)count * header->l2_entry_size;
    tree->versions =
        (struct audit_versions){.parts = row->parts, .stride = size, .present = row->present};
    for (size_t i = 0; i < row->rows.count; i++) {
        uint8_t *part = row->parts + i * size;
        tree->again = row->again[i];
        row->present[i] = read_part(tree, row, i, first, count, part);
        if (row->present[i]) {
            const struct l1_row_table *table = &row->rows.tables[i];
            tree->versions.before = i;
            tree->active = table->active;
            tree->disks = table->disks;
            tree->table = &row->sums[i];
            tree->place = table->l2_offset + first * header->l2_entry_size;
            tree->guest_offset = row->guest_offset + (first << header->cluster_bits);
            audit_l2_entries(tree, (struct bytes){part, size});
        } else {
            tree->state->sums.hole_tables += size;
        }
    }
}

static void inspect_versions(struct audit_tree *tree, struct row_walk *row)
{
    const struct header *header = tree->state->header;
    uint64_t size = PART_MAX;
    while (size > PART_MIN && size * row->rows.count > VERSIONS_BYTES) {
        size /= 2;
    }
    size = min_u64(size, header->cluster_size);
    uint64_t count = size / header->l2_entry_size;
    for (size_t i = 0; i < row->rows.count; i++) {
        row->holes[i] = (struct hole){0};
        row->again[i] = is_again(tree, row->rows.tables[i].l2_offset);
    }
    for (uint64_t first = 0; first < header->l2_entries; first += count) {
        inspect_part(tree, row, first, count);
    }
}

// --- All of them ---------------------------------------------------------------------------------

// Adds the sums of a table to each disk that has it. What lies behind the end of the disk counts
// too: a longer disk shows it.
static void add_sums(struct audit_state *state, const struct row_walk *row)
{
    uint64_t part = state->header->cluster_size / SUBCLUSTERS;
    for (size_t i = 0; i < row->rows.view_count; i++) {
        uint16_t number = row->rows.views[i];
        struct audit_view *view = &state->views[number];
        if (row->rows.table_of[number] != L1_ROW_NONE) {
            const struct audit_table_sums *sums = &row->sums[row->rows.table_of[number]];
            view->data_bytes += sums->data_parts * part;
            view->compressed_bytes += (uint64_t)sums->compressed_clusters
                                      << state->header->cluster_bits;
            view->compressed_stored += sums->compressed_stored;
            view->extents += sums->extents;
        }
    }
}

// Counts tables that are entirely in holes; for some of a row, what exceeds their size, because
// their parts are counted too.
static void count_hole_tables(struct audit_state *state, uint64_t count, bool whole_row)
{
    uint64_t size = state->header->cluster_size;
    state->sums.hole_tables +=
        count * (max_u64(size, AUDIT_READ_OF_TABLE) - (whole_row ? 0 : size));
}

// Leaves out tables without entries. False when the budget is too small for the whole row.
static bool inspect_row(struct audit_tree *tree, struct row_walk *row, struct budget *asks)
{
    struct audit_state *state = tree->state;
    struct l1_rows *rows = &row->rows;
    size_t stored = 0;
    row->guest_offset = rows->index * header_l2_coverage(state->header);
    memset(row->sums, 0, rows->count * sizeof *row->sums);
    for (size_t i = 0; i < rows->count; i++) {
        if (is_stored(tree, rows->tables[i].l2_offset, asks)) {
            stored++;
        }
    }
    count_hole_tables(state, rows->count - stored, stored == 0);
    if (stored == 0) {
        return !asks->ended;
    }
    if (asks->ended) {
        return false;
    }
    if (rows->count == 1) {
        inspect_only_table(tree, row);
    } else {
        inspect_versions(tree, row);
    }
    add_sums(state, row);
    return !state->l2_budget.ended;
}

static void inspect_streams(struct audit_tree *tree)
{
    struct audit_state *state = tree->state;
    struct shared_stream shared = stream_list_find_shared(&tree->streams);
    for (uint64_t i = 0; i < shared.count; i++) {
        audit_report_at(&state->report, AUDIT_SHARED_DATA, shared.host_offset,
                        "the compressed data at %" PRIu64
                        " overlaps the data of another guest offset",
                        shared.host_offset);
    }
    for (size_t i = 0; i < state->view_count && tree->streams.full; i++) {
        const struct audit_view *view = &state->views[i];
        if (view->compressed_stored > audit_stored(state)) {
            audit_report_at(&state->report, AUDIT_SHARED_DATA, view->l1.offset,
                            "the disk has more than %" PRIu64
                            " bytes of compressed data, in a file of %" PRIu64
                            " bytes without its holes",
                            view->compressed_stored, audit_stored(state));
        }
    }
}

static void inspect_hole_tables(struct audit_state *state)
{
    uint64_t bytes = state->sums.hole_tables;
    if (bytes > AUDIT_HOLE_TABLES && bytes > audit_stored(state)) {
        audit_report_file(&state->report, AUDIT_TABLE_BOMB,
                          "%" PRIu64 " bytes of L2 tables lie in holes, and the file without its "
                          "holes has %" PRIu64,
                          bytes, audit_stored(state));
    }
}

static void inspect_rows(struct audit_tree *tree, struct row_walk *row)
{
    struct audit_state *state = tree->state;
    struct budget asks = {.left = AUDIT_HOLES + audit_sent_bytes(state) / AUDIT_HOLE_SHARE};
    while (l1_rows_next(&row->rows)) {
        bool active = row->rows.table_of[state->view_count - 1] != L1_ROW_NONE;
        state->sums.unseen_tables += !inspect_row(tree, row, &asks) && active;
    }
    if (row->rows.budget.ended || asks.ended || tree->search.ended) {
        audit_unseen(&state->report, AUDIT_UNSEEN_TABLES);
    }
    inspect_streams(tree);
    inspect_hole_tables(state);
    if (tree->compressed.full || tree->walked.full) {
        state->places.used.full = true;
    }
    for (size_t i = state->view_count; i-- > 0;) {
        audit_expansion(state, &state->views[i]);
    }
}

void audit_l2_tables(struct audit_state *state)
{
    size_t views = state->view_count;
    struct audit_tree tree = {
        .state = state,
        .file = table_file_make(state->source),
        .compressed = cluster_bits_make(audit_clusters(state), &state->memory),
        .walked = cluster_bits_make(audit_clusters(state), &state->memory),
        .streams.limit = &state->memory,
        .costs.header = state->header,
        .search.left = AUDIT_SEARCH + audit_sent_bytes(state) / 8,
    };
    struct row_walk row = {
        .sums = calloc(views, sizeof *row.sums),
        .holes = calloc(views, sizeof *row.holes),
        .present = calloc(views, sizeof *row.present),
        .again = calloc(views, sizeof *row.again),
        .parts = malloc(views > 1 ? max_u64(VERSIONS_BYTES, views * PART_MIN) : 1),
    };
    if (!row.sums || !row.holes || !row.present || !row.again || !row.parts) {
        error_set(&state->report.failure, ERROR_MEMORY, "out of memory");
    } else if (l1_rows_start(&row.rows, state, false)) {
        inspect_rows(&tree, &row);
        l1_rows_free(&row.rows);
    }
    free(row.sums);
    free(row.holes);
    free(row.present);
    free(row.again);
    free(row.parts);
    audit_data_refcounts(state);
    audit_refcounts_behind(state);
    audit_unused_clusters(state, &tree.compressed);
    stream_list_free(&tree.streams);
    cluster_bits_free(&tree.compressed);
    cluster_bits_free(&tree.walked);
    table_file_free(&tree.file);
}
