// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_l1.h"

#include "audit/audit_parts.h"
#include "audit/audit_places.h"
#include "audit/audit_walks.h"
#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    BLOCK_ENTRIES = 1 << 19, // 4 MiB
    ROWS_MAX = 8192,
};

_Static_assert((int)AUDIT_VIEWS_MAX < (int)L1_ROW_NONE, "a table of a row has a number");

struct l1_key {
    uint64_t l2_offset;
    uint32_t view;
};

bool l1_rows_start(struct l1_rows *rows, struct audit_state *state, bool report)
{
    size_t views = max_u64(state->view_count, 1); // the active disk is always there
    *rows = (struct l1_rows){
        .state = state,
        .report = report,
        .file = table_file_make(state->source),
        .budget = audit_l1_budget(state),
        .rows = min_u64(ROWS_MAX, BLOCK_ENTRIES / views),
        .keys = calloc(views, sizeof *rows->keys),
        .tables = calloc(views, sizeof *rows->tables),
        .table_of = calloc(views, sizeof *rows->table_of),
        .views = calloc(views, sizeof *rows->views),
    };
    for (size_t i = 0; i < views; i++) {
        rows->end = max_u64(rows->end, state->views[i].l1.size);
    }
    rows->rows = max_u64(min_u64(rows->rows, rows->end), 1);
    rows->block = calloc((size_t)rows->rows * views, sizeof *rows->block);
    // Start as if a block before the first row had been walked.
    rows->first = UINT64_MAX - rows->rows + 1;
    if (!rows->keys || !rows->tables || !rows->table_of || !rows->views || !rows->block) {
        error_set(&state->report.failure, ERROR_MEMORY, "out of memory");
        l1_rows_free(rows);
        return false;
    }
    return true;
}

void l1_rows_free(struct l1_rows *rows)
{
    table_file_free(&rows->file);
    free(rows->block);
    free(rows->keys);
    free(rows->tables);
    free(rows->table_of);
    free(rows->views);
}

// --- Blocks --------------------------------------------------------------------------------------

// Puts the entries that one disk has in the block into their rows. True when there are any.
static bool load_view(struct l1_rows *rows, size_t number)
{
    struct audit_state *state = rows->state;
    struct audit_view *view = &state->views[number];
    struct table_walk walk = l1_walk(&rows->file, view->l1, view->active ? NULL : &rows->budget);
    struct table_entry entry;
    struct error error;
    enum walk_step step;
    bool any = false;
    walk.next = rows->first;
    walk.size = min_u64(walk.size, rows->first + rows->rows);
    while (walk.next < walk.size && (step = table_walk_entry(&walk, &entry, &error)) != WALK_END) {
        if (step == WALK_ERROR) {
            audit_unreadable(&state->report, &error, "an L1 table");
            view->l1.size = (uint32_t)entry.index; // it is not read again
            break;
        }
        rows->block[(entry.index - rows->first) * state->view_count + number] = entry.value;
        any = true;
    }
    return any;
}

// Loads the next block that is not empty.
static bool load_block(struct l1_rows *rows)
{
    size_t views = rows->state->view_count;
    rows->view_count = 0;
    while (rows->view_count == 0) {
        rows->first += rows->rows;
        if (rows->first >= rows->end) {
            return false;
        }
        for (size_t i = 0; i < views; i++) {
            rows->table_of[i] = L1_ROW_NONE;
            if (load_view(rows, i)) {
                rows->views[rows->view_count++] = (uint16_t)i;
            }
        }
    }
    rows->next = rows->first;
    return true;
}

// --- Rows ----------------------------------------------------------------------------------------

// The offset of the table that an entry refers to; 0: none that can be read.
static uint64_t table_of_entry(struct l1_rows *rows, uint64_t entry, size_t view)
{
    struct audit_state *state = rows->state;
    uint32_t faults = l1_entry_faults(state->header, entry);
    uint64_t at = state->views[view].l1.offset + rows->index * L1_ENTRY_SIZE;
    if (faults == 0) {
        return l1_entry_l2_offset(entry);
    }
    if (rows->report && !audit_faults(&state->report, faults, at, "an L1 table", entry)) {
        audit_unseen(&state->report, AUDIT_TABLE_UNALIGNED);
    }
    return faults_unreadable(faults) != 0 ? 0 : l1_entry_l2_offset(entry);
}

static void add_table(struct l1_rows *rows, uint64_t l2_offset, size_t view)
{
    rows->tables[rows->count] = (struct l1_row_table){
        .l2_offset = l2_offset,
        .at = rows->state->views[view].l1.offset + rows->index * L1_ENTRY_SIZE,
    };
    rows->table_of[view] = (uint16_t)rows->count++;
}

static int compare_keys(const void *a, const void *b)
{
    const struct l1_key *left = a;
    const struct l1_key *right = b;
    if (left->l2_offset != right->l2_offset) {
        return left->l2_offset < right->l2_offset ? -1 : 1;
    }
    return (left->view > right->view) - (left->view < right->view);
}

// Numbers the tables of rows->keys in the order of the first disk that has each.
static void number_tables(struct l1_rows *rows, size_t count)
{
    struct l1_key *keys = rows->keys;
    qsort(keys, count, sizeof *keys, compare_keys);
    // For now, the first disk that has the same table.
    for (size_t i = 0; i < count; i++) {
        bool same = i > 0 && keys[i].l2_offset == keys[i - 1].l2_offset;
        rows->table_of[keys[i].view] =
            same ? rows->table_of[keys[i - 1].view] : (uint16_t)keys[i].view;
    }
    for (size_t i = 0; i < rows->view_count; i++) {
        size_t view = rows->views[i];
        uint16_t first = rows->table_of[view];
        if (first == view) {
            const uint64_t *row =
                &rows->block[(rows->index - rows->first) * rows->state->view_count];
            add_table(rows, l1_entry_l2_offset(row[view]), view);
        } else if (first != L1_ROW_NONE) {
            rows->table_of[view] = rows->table_of[first];
        }
    }
}

static void count_disks(struct l1_rows *rows)
{
    for (size_t i = 0; i < rows->view_count; i++) {
        uint16_t table = rows->table_of[rows->views[i]];
        if (table != L1_ROW_NONE) {
            rows->tables[table].disks++;
        }
    }
}

// Most snapshots have the same table as the one before.
static void find_row_tables(struct l1_rows *rows, const uint64_t *row)
{
    size_t views = rows->state->view_count;
    size_t found = 0;
    bool alike = true;
    rows->count = 0;
    for (size_t i = 0; i < rows->view_count; i++) {
        size_t view = rows->views[i];
        uint64_t l2_offset = row[view] != 0 ? table_of_entry(rows, row[view], view) : 0;
        rows->table_of[view] = L1_ROW_NONE;
        if (l2_offset != 0) {
            rows->keys[found] = (struct l1_key){l2_offset, (uint32_t)view};
            alike = alike && l2_offset == rows->keys[0].l2_offset;
            found++;
        }
    }
    if (found > 0 && alike) {
        add_table(rows, rows->keys[0].l2_offset, rows->keys[0].view);
        for (size_t i = 1; i < found; i++) {
            rows->table_of[rows->keys[i].view] = 0;
        }
    } else if (found > 0) {
        number_tables(rows, found);
    }
    count_disks(rows);
    // The active disk is the last one.
    if (rows->table_of[views - 1] != L1_ROW_NONE) {
        struct l1_row_table *table = &rows->tables[rows->table_of[views - 1]];
        table->active = true;
        table->copied = entry_is_copied(row[views - 1]);
    }
}

// Makes room for the row of the next block.
static void empty_row(const struct l1_rows *rows, uint64_t *row)
{
    for (size_t i = 0; i < rows->view_count; i++) {
        row[rows->views[i]] = 0;
    }
}

bool l1_rows_next(struct l1_rows *rows)
{
    size_t views = rows->state->view_count;
    for (;;) {
        if (rows->next == rows->first + rows->rows || rows->first >= rows->end) {
            if (!load_block(rows)) {
                return false;
            }
        }
        uint64_t *row = &rows->block[(rows->next - rows->first) * views];
        rows->index = rows->next++;
        find_row_tables(rows, row);
        empty_row(rows, row);
        if (rows->count > 0) {
            return true;
        }
    }
}

// --- Where L2 tables are -------------------------------------------------------------------------

// An L2 table in a cluster that is already marked, unless it overlaps something else, is also
// referred to at another index. No program writes this, neither for one disk nor for two.
static void note_l2_table(struct audit_state *state, const struct l1_row_table *table)
{
    static const char name[] = "an L2 table";
    bool taken;
    if (!audit_table_cluster(state, table->l2_offset, table->at, name, &taken) || !taken) {
        return;
    }
    uint64_t cluster = table->l2_offset >> state->header->cluster_bits;
    if (audit_range_purpose(state, cluster) != PURPOSE_NONE) {
        audit_report_overlap(state, table->l2_offset, PURPOSE_L2_TABLE, name);
        return;
    }
    state->places.shared_l2 = true;
    audit_report_at(&state->report, AUDIT_SHARED_L2_TABLE, table->at,
                    "the L2 table at %" PRIu64 " is used at more than one L1 index",
                    table->l2_offset);
}

// Counts the references to a table that disks may share.
static void count_l2_table(struct audit_state *state, const struct l1_row_table *table)
{
    uint64_t cluster = table->l2_offset >> state->header->cluster_bits;
    if (table->disks > 1 || audit_counts_all(state)) {
        audit_counts_add(&state->counts, cluster, cluster + 1, table->disks);
    }
    if (table->disks > 1 && table->active && table->copied) {
        audit_report_at(&state->report, AUDIT_COPIED_FLAG, table->l2_offset,
                        "an L1 entry with COPIED refers to the L2 table at %" PRIu64
                        ", and so does a snapshot",
                        table->l2_offset);
    }
}

static void add_active_view(struct audit_state *state)
{
    struct l1_table l1 = l1_table_active(state->header);
    bool sound = l1_table_is_sound(state->header, l1);
    if (!sound) {
        audit_report_at(&state->report, AUDIT_UNSEEN_TABLES, HEADER_L1_TABLE_OFFSET,
                        "the L1 table cannot be inspected");
        audit_unseen(&state->report, AUDIT_UNSEEN_TABLES);
        l1.size = 0;
    }
    state->views[state->view_count++] = (struct audit_view){.active = true, .l1 = l1};
}

void audit_l2_places(struct audit_state *state)
{
    struct l1_rows rows;
    add_active_view(state);
    if (!l1_rows_start(&rows, state, true)) {
        return;
    }
    uint64_t walk = max_u64(state->header->cluster_size, AUDIT_WALK_OF_TABLE);
    while (l1_rows_next(&rows)) {
        for (size_t i = 0; i < rows.count; i++) {
            note_l2_table(state, &rows.tables[i]);
            count_l2_table(state, &rows.tables[i]);
        }
        for (size_t i = 0; i < rows.view_count; i++) {
            bool snapshot = !state->views[rows.views[i]].active;
            bool named = rows.table_of[rows.views[i]] != L1_ROW_NONE;
            state->sums.snapshot_walk += snapshot && named ? walk : 0;
        }
    }
    if (rows.budget.ended) {
        audit_unseen(&state->report, AUDIT_UNSEEN_TABLES);
    }
    l1_rows_free(&rows);
}
