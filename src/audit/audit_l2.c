// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// L2 tables: which of them are gone through, as far as the budget goes, and what a disk adds up to.

#include "audit/audit_entries.h"
#include "audit/audit_l1.h"
#include "base/checked.h"
#include "format/layout.h"

#include <stdlib.h>
#include <string.h>

static void read_l2_table(struct audit_tree *tree, uint64_t l2_offset)
{
    struct audit_state *state = tree->state;
    const struct header *header = state->header;
    tree->place = l2_offset;
    for (uint64_t done = 0; done < header->cluster_size;) {
        struct bytes view;
        struct error error;
        if (!table_window_view(&tree->window, state->source, l2_offset + done,
                               header->l2_entry_size, header->cluster_size - done, &view, &error)) {
            audit_unreadable(state, &error, "an L2 table");
            return;
        }
        audit_l2_entries(tree, view);
        done += view.size;
    }
}

// Pays for a table. False when the budget has ended.
static bool pay_for_table(struct audit_state *state, uint64_t l2_offset, bool *hole)
{
    uint64_t size = state->header->cluster_size;
    if (!budget_read(&state->l2_budget, 0)) {
        return false;
    }
    *hole = audit_hole(state, l2_offset) >= size;
    return *hole || size <= AUDIT_SEEK_COST ||
           budget_spend(&state->l2_budget, size - AUDIT_SEEK_COST);
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
    bool hole = l2_offset >= state->hole.start &&
                range_inside(l2_offset, state->header->cluster_size, state->hole.end);
    if (hole) {
        return true;
    }
    uint64_t *slot = cluster_set_slot(&state->tables, l2_offset >> state->header->cluster_bits);
    bool walked = slot && *slot & CLUSTER_WALKED;
    if (walked && !tree->active) {
        count_again(tree, &tree->remembered[slot - state->tables.slots]);
        return true;
    }
    if (!pay_for_table(state, l2_offset, &hole)) {
        return false;
    }
    tree->first_walk = !walked;
    tree->table = (struct audit_table_sums){0};
    if (!hole) {
        read_l2_table(tree, l2_offset);
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
    struct audit_l1_walk walk = audit_l1_start(state, l1, tree->active);
    // Disks may share data, but none has them twice.
    memset(tree->recent, 0, sizeof *tree->recent << AUDIT_RECENT_BITS);
    tree->sums = (struct audit_disk_sums){
        .name = tree->active ? "the disk" : "the disk of a snapshot",
        .l1_table_offset = l1.offset,
    };
    while (audit_l1_next(&walk)) {
        // What is no place of a table was told when it was noted.
        if (faults_unreadable(walk.faults) == 0 && walk.l2_offset != 0 &&
            range_inside(walk.l2_offset, size, state->source->size)) {
            tree->guest_offset = walk.guest_offset;
            state->unseen_tables += !look_at_l2_table(tree, walk.l2_offset) && tree->active;
        }
    }
    audit_l1_free(&walk);
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
        .window = table_window_make(TABLE_WINDOW_MAX),
        .active = true,
        .disk_size = state->header->size,
        .recent = calloc((size_t)1 << AUDIT_RECENT_BITS, sizeof *tree.recent),
        .remembered = calloc(slots, sizeof *tree.remembered),
    };
    if (tree.recent && tree.remembered) {
        look_at_tree(&tree, audit_l1_of_disk(state));
        look_at_snapshot_trees(&tree);
    } else {
        error_set(&state->failure, ERROR_MEMORY, "out of memory");
    }
    free(tree.recent);
    free(tree.remembered);
    table_window_free(&tree.window);
}
