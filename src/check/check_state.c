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

uint64_t check_reported(const struct check_state *state)
{
    uint64_t reported = 0;
    for (size_t severity = 0; severity < SEVERITY_COUNT; severity++) {
        reported += state->check->findings.totals[severity];
    }
    return reported;
}

// --- Work that is bounded -----------------------------------------------------------------------

// Bytes of zeros that can be read in the time that one item of a table takes.
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
                  "the tables refer to each other too often: gave up after work for %" PRIu64
                  " bytes of tables",
                  CHECK_BUDGET);
        check_failed(state, &error);
    }
    return left;
}

// --- Progress -----------------------------------------------------------------------------------

void check_progress(const struct check_state *state, uint64_t guest_bytes)
{
    const struct check_options *options = state->options;
    // One measure for all work: with --data, only the data counts.
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
