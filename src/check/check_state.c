// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "check/check_state.h"

#include "base/checked.h"

#include <inttypes.h>

void check_failed(struct check_state *state, const struct error *error)
{
    if (state->check->check_errors++ == 0) {
        state->check->first_error = *error;
    }
}

void check_unreadable(struct check_state *state, const struct error *error)
{
    state->uncounted = true;
    if (check_error_is_unseen(state, error)) {
        check_unseen(state);
    } else if (error->code != ERROR_TRUNCATED || error->offset < state->image->source->size) {
        check_failed(state, error);
    }
}

bool check_error_is_unseen(const struct check_state *state, const struct error *error)
{
    return state->partial && (error->code == ERROR_UNSEEN || error->code == ERROR_TRUNCATED);
}

uint64_t check_told(const struct check_state *state)
{
    uint64_t told = 0;
    for (size_t severity = 0; severity < SEVERITY_COUNT; severity++) {
        told += state->check->findings.totals[severity];
    }
    return told;
}

// --- Work that is bounded -----------------------------------------------------------------------

// So many bytes of zeros are gone through in the time that something of a table takes.
static const uint64_t costs[] = {
    [CHECK_BYTE] = 1,
    [CHECK_L1_ENTRY] = 256,
    [CHECK_ENTRY] = 16,
    [CHECK_FINDING] = 512,
};

bool check_spend(struct check_state *state, enum check_cost what, uint64_t count)
{
    struct error error;
    bool left = budget_spend(&state->budget, count * costs[what]);
    if (!left && !state->budget_reported) {
        state->budget_reported = true;
        state->uncounted = true;
        error_set(&error, ERROR_LIMIT,
                  "tables that refer to each other again and again make as much work as %" PRIu64
                  " bytes of tables; the rest is left out",
                  CHECK_BUDGET);
        check_failed(state, &error);
    }
    return left;
}

// --- Progress -----------------------------------------------------------------------------------

void check_progress(const struct check_state *state, uint64_t guest_bytes)
{
    const struct check_options *options = state->options;
    // One measure for the whole work: with the data, only they count.
    if (options->on_progress && !options->data) {
        options->on_progress(
            options->context,
            add_clipped(state->disks_done, min_u64(guest_bytes, state->disk_bytes)));
    }
}

void check_end_disk(struct check_state *state)
{
    check_progress(state, state->disk_bytes);
    state->disks_done = add_clipped(state->disks_done, state->disk_bytes);
}
