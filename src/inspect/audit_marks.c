// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A file that is another format too.

#include "inspect/audit_state.h"

#include <inttypes.h>

void audit_marks(struct audit_state *state)
{
    struct probe_mark marks[AUDIT_MARKS_MAX];
    struct error error;
    if (!probe_marks(state->source, marks, AUDIT_MARKS_MAX, &state->mark_count, &error)) {
        audit_unreadable(state, &error, "marks of other formats");
        state->mark_count = 0;
    }
    for (size_t i = 0; i < state->mark_count; i++) {
        state->marks[i] = (struct audit_mark){.mark = marks[i]};
    }
}

void audit_marks_found(struct audit_state *state)
{
    for (size_t i = 0; i < state->mark_count; i++) {
        const struct probe_mark *mark = &state->marks[i].mark;
        bool in_data = state->marks[i].in_data;
        audit_tell(state, in_data ? AUDIT_OTHER_FORMAT_IN_DATA : AUDIT_OTHER_FORMAT, mark->offset,
                   in_data ? "the file may pass for %s, by guest data" : "the file may pass for %s",
                   mark->name);
    }
}
