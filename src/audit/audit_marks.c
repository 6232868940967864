// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Finds marks of other formats, which make the file ambiguous.

#include "audit/audit_parts.h"
#include "audit/audit_state.h"

#include <inttypes.h>

// Marks are near the start and the end of a file, and nearly all data lies between them.
static void find_unmarked(struct audit_state *state)
{
    state->marks.unmarked_start = 0;
    state->marks.unmarked_end = UINT64_MAX;
    for (size_t i = 0; i < state->marks.count; i++) {
        uint64_t offset = state->marks.items[i].offset;
        if (offset < PROBE_START_END) {
            state->marks.unmarked_start = max_u64(state->marks.unmarked_start, offset + 1);
        } else {
            state->marks.unmarked_end = min_u64(state->marks.unmarked_end, offset);
        }
    }
}

void audit_marks(struct audit_state *state)
{
    struct error error;
    if (!probe_marks(state->source, state->marks.items, &state->marks.count, &error)) {
        audit_unreadable(&state->report, &error, "marks of other formats");
        state->marks.count = 0;
    }
    state->marks.not_in_data = state->marks.count;
    find_unmarked(state);
}

void audit_marks_found(struct audit_state *state)
{
    for (size_t i = 0; i < state->marks.count; i++) {
        const struct probe_mark *mark = &state->marks.items[i];
        bool in_data = i >= state->marks.not_in_data;
        audit_report_at(
            &state->report, in_data ? AUDIT_OTHER_FORMAT_IN_DATA : AUDIT_OTHER_FORMAT, mark->offset,
            in_data ? "the file may pass for %s, by guest data" : "the file may pass for %s",
            mark->name);
    }
}
