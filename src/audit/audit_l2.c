// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// L2 tables: which of them are gone through, as far as the budget goes, and what a disk adds up to.

#include "audit/audit_entries.h"
#include "audit/audit_l1.h"
#include "audit/audit_parts.h"
#include "base/checked.h"
#include "format/layout.h"

#include <stdlib.h>
#include <string.h>

// False when the budget has ended before the end of the table.
static bool walk_l2_table(struct audit_tree *tree, uint64_t l2_offset)
{
    struct audit_state *state = tree->state;
    const struct header *header = state->header;
    struct table_walk walk = l2_walk(&tree->file, header, l2_offset, &state->l2_budget);
    uint64_t guest_offset = tree->guest_offset;
    struct error error;
    enum walk_step step;
    while ((step = table_walk_view(&walk, &error)) == WALK_FOUND) {
        tree->place = l2_offset + walk.first * header->l2_entry_size;
        tree->guest_offset = guest_offset + (walk.first << header->cluster_bits);
        audit_l2_entries(tree, walk.view);
    }
    if (step == WALK_ERROR) {
        audit_unreadable(&state->report, &error, "an L2 table");
    }
    return !state->l2_budget.ended;
}

// A table that was gone through for another disk: what it names counts for this one, too.
static void count_again(struct audit_tree *tree, const struct audit_table_sums *table)
{
    const struct header *header = tree->state->header;
    uint64_t left = tree->disk_size - min_u64(tree->guest_offset, tree->disk_size);
    uint64_t part = header->cluster_size / SUBCLUSTERS;
    tree->sums.data_bytes += min_u64(table->data_parts * part, left);
    tree->sums.compressed_bytes +=
        min_u64((uint64_t)table->compressed_clusters << header->cluster_bits, left);
}

// False when the budget has ended. A table in a hole has nothing but zeros; where the hole is known
// already there may be millions of them.
static bool look_at_l2_table(struct audit_tree *tree, uint64_t l2_offset)
{
    struct audit_state *state = tree->state;
    const struct hole *hole = &tree->file.hole;
    if (l2_offset >= hole->start &&
        range_inside(l2_offset, state->header->cluster_size, hole->end)) {
        return true;
    }
    uint64_t *slot = cluster_set_slot(&state->tables, l2_offset >> state->header->cluster_bits);
    bool walked = slot && *slot & CLUSTER_WALKED;
    if (walked && !tree->active) {
        count_again(tree, &tree->remembered[slot - state->tables.slots]);
        return true;
    }
    tree->first_walk = !walked;
    tree->table = (struct audit_table_sums){0};
    if (budget_spent(&state->l2_budget) || !walk_l2_table(tree, l2_offset)) {
        return false;
    }
    if (slot && *slot != 0) {
        *slot |= CLUSTER_WALKED;
        tree->remembered[slot - state->tables.slots] = tree->table;
    }
    return true;
}

static void look_at_tree(struct audit_tree *tree, struct l1_table l1)
{
    struct audit_state *state = tree->state;
    uint64_t size = state->header->cluster_size;
    struct table_file file = table_file_make(state->source);
    struct table_walk walk = l1_walk(&file, l1, tree->active ? NULL : &state->snapshot_l1_budget);
    struct table_entry entry;
    // Disks may share data, but none has them twice.
    memset(tree->recent, 0, sizeof *tree->recent << AUDIT_RECENT_BITS);
    tree->sums = (struct audit_disk_sums){
        .name = tree->active ? "the disk" : "the disk of a snapshot",
        .l1_table_offset = l1.offset,
    };
    while (audit_l1_next(state, &walk, &entry)) {
        uint64_t l2_offset = l1_entry_l2_offset(entry.value);
        // What is no place of a table was told when it was noted.
        if (faults_unreadable(l1_entry_faults(state->header, entry.value)) == 0 && l2_offset != 0 &&
            range_inside(l2_offset, size, state->source->size)) {
            tree->guest_offset = entry.index * header_l2_coverage(state->header);
            state->sums.unseen_tables += !look_at_l2_table(tree, l2_offset) && tree->active;
        }
    }
    table_file_free(&file);
    audit_expansion(state, &tree->sums);
}

static void look_at_snapshot_trees(struct audit_tree *tree)
{
    struct audit_state *state = tree->state;
    tree->active = false;
    for (size_t i = 0; i < state->snapshot_count; i++) {
        const struct audit_snapshot *snapshot = &state->snapshots[i];
        if (budget_spent(&state->l2_budget)) {
            return;
        }
        // Who reads the disk of a snapshot may take the size of the active one for its own.
        tree->disk_size = max_u64(snapshot->disk_size, state->header->size);
        look_at_tree(tree, snapshot->l1);
    }
}

void audit_l2_tables(struct audit_state *state)
{
    size_t slots = state->tables.slots ? (size_t)1 << state->tables.bits : 1;
    struct audit_tree tree = {
        .state = state,
        .file = table_file_make(state->source),
        .active = true,
        .disk_size = state->header->size,
        .recent = calloc((size_t)1 << AUDIT_RECENT_BITS, sizeof *tree.recent),
        .remembered = calloc(slots, sizeof *tree.remembered),
    };
    if (tree.recent && tree.remembered) {
        look_at_tree(&tree, audit_l1_of_disk(state));
        look_at_snapshot_trees(&tree);
    } else {
        error_set(&state->report.failure, ERROR_MEMORY, "out of memory");
    }
    free(tree.recent);
    free(tree.remembered);
    table_file_free(&tree.file);
}
