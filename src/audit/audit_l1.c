// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// L1 tables: where the L2 tables are.

#include "audit/audit_l1.h"

#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>

struct audit_l1_walk audit_l1_start(struct audit_state *state, struct l1_table l1, bool active)
{
    return (struct audit_l1_walk){
        .state = state,
        .l1 = l1,
        .budget = active ? NULL : &state->snapshot_l1_budget,
        .window = table_window_make(TABLE_WINDOW_MAX),
    };
}

// Reads the table on from walk->next. False at its end.
static bool l1_fill(struct audit_l1_walk *walk)
{
    struct audit_state *state = walk->state;
    while (walk->next < walk->l1.size) {
        uint64_t offset = walk->l1.offset + walk->next * L1_ENTRY_SIZE;
        uint64_t rest = (walk->l1.size - walk->next) * L1_ENTRY_SIZE;
        struct error error;
        uint64_t hole = audit_hole(state, offset) / L1_ENTRY_SIZE;
        if (hole > 0 && walk->budget && !budget_read(walk->budget, 0)) {
            return false;
        }
        if (hole > 0) {
            walk->next += min_u64(hole, walk->l1.size - walk->next);
            continue;
        }
        if (!table_window_view(&walk->window, state->source, offset, L1_ENTRY_SIZE, rest,
                               &walk->view, &error)) {
            audit_unreadable(state, &error, "an L1 table");
            return false;
        }
        walk->at = walk->next;
        return !walk->budget || budget_read(walk->budget, walk->view.size);
    }
    return false;
}

bool audit_l1_next(struct audit_l1_walk *walk)
{
    const struct header *header = walk->state->header;
    for (;;) {
        uint64_t count = walk->view.size / L1_ENTRY_SIZE;
        for (uint64_t i = walk->next - walk->at; i < count; i++) {
            walk->entry = bytes_be64(walk->view, (size_t)i * L1_ENTRY_SIZE);
            if (walk->entry != 0) {
                walk->faults = l1_entry_faults(header, walk->entry);
                walk->l2_offset = l1_entry_l2_offset(walk->entry);
                walk->place = walk->l1.offset + (walk->at + i) * L1_ENTRY_SIZE;
                walk->guest_offset = (walk->at + i) * header_l2_coverage(header);
                walk->next = walk->at + i + 1;
                return true;
            }
        }
        walk->next = max_u64(walk->next, walk->at + count);
        walk->view = (struct bytes){0};
        walk->at = walk->next;
        if (!l1_fill(walk)) {
            return false;
        }
    }
}

void audit_l1_free(struct audit_l1_walk *walk)
{
    table_window_free(&walk->window);
}

struct l1_table audit_l1_of_disk(const struct audit_state *state)
{
    struct l1_table l1 = l1_table_active(state->header);
    return l1_table_is_sound(state->header, l1) ? l1 : (struct l1_table){l1.offset, 0};
}

enum { OWNER_ACTIVE = 1 }; // and of snapshots, one after another, what follows

_Static_assert(OWNER_ACTIVE + AUDIT_SNAPSHOTS_MAX <= CLUSTER_OWNER_MASK, "owners fit into a slot");

// Takes note of where the L2 tables of a disk are. Disks may share them, but none has one twice.
static void note_l2_tables(struct audit_state *state, struct l1_table l1, uint64_t owner)
{
    static const char name[] = "an L2 table";
    struct audit_l1_walk walk = audit_l1_start(state, l1, owner == OWNER_ACTIVE);
    while (audit_l1_next(&walk)) {
        bool added = true;
        if (!audit_faults(state, walk.faults, walk.place, "an L1 table", walk.entry)) {
            audit_unseen(state, AUDIT_TABLE_UNALIGNED);
            continue;
        }
        if (walk.l2_offset == 0) {
            continue;
        }
        uint64_t *slot =
            audit_cluster_table(state, PURPOSE_L2_TABLE, walk.l2_offset, walk.place, name, &added);
        if (!slot) {
            continue;
        }
        if (!added && cluster_purpose(*slot) != PURPOSE_L2_TABLE) {
            audit_tell_overlap(state, *slot, PURPOSE_L2_TABLE, name);
        } else if ((*slot >> CLUSTER_OWNER_SHIFT & CLUSTER_OWNER_MASK) == owner) {
            audit_tell(state, AUDIT_SHARED_L2_TABLE, walk.place,
                       "the L2 table at %" PRIu64 " is named more than once", walk.l2_offset);
        } else {
            *slot &= ~(CLUSTER_OWNER_MASK << CLUSTER_OWNER_SHIFT);
            *slot |= owner << CLUSTER_OWNER_SHIFT;
        }
    }
    audit_l1_free(&walk);
}

void audit_active_l1(struct audit_state *state)
{
    struct l1_table l1 = audit_l1_of_disk(state);
    if (l1.size < state->header->l1_size) {
        audit_tell(state, AUDIT_UNSEEN_TABLES, HEADER_L1_TABLE_OFFSET,
                   "the L1 table cannot be looked at");
        audit_unseen(state, AUDIT_UNSEEN_TABLES);
    }
    note_l2_tables(state, l1, OWNER_ACTIVE);
}

void audit_snapshot_l1s(struct audit_state *state)
{
    for (size_t i = 0; i < state->snapshot_count; i++) {
        if (budget_spent(&state->snapshot_l1_budget)) {
            return;
        }
        note_l2_tables(state, state->snapshots[i].l1, OWNER_ACTIVE + 1 + i);
    }
}
