// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// L1 tables: where the L2 tables are.

#include "audit/audit_l1.h"
#include "audit/audit_parts.h"

#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>

bool audit_l1_next(struct audit_state *state, struct table_walk *walk, struct table_entry *entry)
{
    struct error error;
    enum walk_step step = table_walk_entry(walk, entry, &error);
    if (step == WALK_ERROR) {
        audit_unreadable(&state->report, &error, "an L1 table");
    }
    return step == WALK_FOUND;
}

struct l1_table audit_l1_of_disk(const struct audit_state *state)
{
    struct l1_table l1 = l1_table_active(state->header);
    return l1_table_is_sound(state->header, l1) ? l1 : (struct l1_table){l1.offset, 0};
}

enum { OWNER_ACTIVE = 1 }; // and of snapshots, one after another, what follows

_Static_assert(OWNER_ACTIVE + AUDIT_SNAPSHOTS_MAX <= CLUSTER_OWNER_MASK, "owners fit into a slot");

// Takes note of where the L2 table that an L1 entry names is. Disks may share them, but none has
// one twice.
static void note_l2_table(struct audit_state *state, const struct table_entry *entry,
                          uint64_t owner)
{
    static const char name[] = "an L2 table";
    uint64_t l2_offset = l1_entry_l2_offset(entry->value);
    uint32_t faults = l1_entry_faults(state->header, entry->value);
    bool added = true;
    if (!audit_faults(&state->report, faults, entry->at, "an L1 table", entry->value)) {
        audit_unseen(&state->report, AUDIT_TABLE_UNALIGNED);
        return;
    }
    if (l2_offset == 0) {
        return;
    }
    uint64_t *slot =
        audit_cluster_table(state, PURPOSE_L2_TABLE, l2_offset, entry->at, name, &added);
    if (!slot) {
        return;
    }
    if (!added && cluster_purpose(*slot) != PURPOSE_L2_TABLE) {
        audit_tell_overlap(state, *slot, PURPOSE_L2_TABLE, name);
    } else if ((*slot >> CLUSTER_OWNER_SHIFT & CLUSTER_OWNER_MASK) == owner) {
        audit_tell(&state->report, AUDIT_SHARED_L2_TABLE, entry->at,
                   "the L2 table at %" PRIu64 " is named more than once", l2_offset);
    } else {
        *slot &= ~(CLUSTER_OWNER_MASK << CLUSTER_OWNER_SHIFT);
        *slot |= owner << CLUSTER_OWNER_SHIFT;
    }
}

static void note_l2_tables(struct audit_state *state, struct l1_table l1, uint64_t owner)
{
    struct table_file file = table_file_make(state->source);
    struct table_walk walk =
        l1_walk(&file, l1, owner == OWNER_ACTIVE ? NULL : &state->snapshot_l1_budget);
    struct table_entry entry;
    while (audit_l1_next(state, &walk, &entry)) {
        note_l2_table(state, &entry, owner);
    }
    table_file_free(&file);
}

void audit_active_l1(struct audit_state *state)
{
    struct l1_table l1 = audit_l1_of_disk(state);
    if (l1.size < state->header->l1_size) {
        audit_tell(&state->report, AUDIT_UNSEEN_TABLES, HEADER_L1_TABLE_OFFSET,
                   "the L1 table cannot be looked at");
        audit_unseen(&state->report, AUDIT_UNSEEN_TABLES);
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
