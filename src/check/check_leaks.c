// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Reads leaked clusters and lists the tables that may have lost them: when a table is overwritten
// with zeros, its clusters become leaks, and a repair frees them for good.

#include "base/checked.h"
#include "check/check_parts.h"
#include "check/check_state.h"

#include <inttypes.h>
#include <string.h>

enum { LEAK_READ_SIZE = 4096 }; // bytes to read of each cluster at least: most data shows there

static bool all_zero(struct bytes view)
{
    return view.size == 0 ||
           (view.data[0] == 0 && memcmp(view.data, view.data + 1, view.size - 1) == 0);
}

void check_empty_table(struct check_state *state, const struct finding *at, const char *place)
{
    struct finding finding = *at;
    finding.kind = FINDING_EMPTY_TABLE;
    findings_add(&state->suspicions, &finding, "%s", place);
}

static bool has_empty_tables(const struct check_state *state)
{
    return state->suspicions.by_kind[FINDING_EMPTY_TABLE] > 0;
}

// Reads the next part of [offset, end): at most LEAK_READ_SIZE bytes, unless a window has more.
// False when it cannot be read, or would exceed the limit for all leaked clusters.
static bool read_on(struct check_state *state, uint64_t offset, uint64_t end, struct bytes *view)
{
    struct table_file *file = &state->leaks_file;
    struct error error;
    bool there = table_window_has(&file->window, offset, 1);
    if ((!there && state->leaks_left < LEAK_READ_SIZE) ||
        !table_window_view(&file->window, file->source, offset, 1,
                           there ? end - offset : min_u64(end - offset, LEAK_READ_SIZE), view,
                           &error)) {
        return false;
    }
    state->leaks_left -= there ? 0 : min_u64(file->window.size, state->leaks_left);
    return true;
}

static enum leak read_leak(struct check_state *state, uint64_t offset)
{
    struct table_file *file = &state->leaks_file;
    uint64_t end = min_u64(offset + state->header->cluster_size, file->source->size);
    while (offset < end) {
        struct bytes view;
        uint64_t hole = table_window_has(&file->window, offset, 1)
                            ? 0
                            : source_hole_again(file->source, offset, &file->hole);
        if (hole > 0) {
            offset = add_clipped(offset, hole);
            continue;
        }
        if (!read_on(state, offset, end, &view)) {
            return LEAK_UNREAD;
        }
        if (!all_zero(view)) {
            return LEAK_DATA;
        }
        offset += view.size;
    }
    return LEAK_ZEROS;
}

// Other references to a cluster keep it. They do not show whether a reference to compressed data in
// the same cluster, or a reference in a table that is empty now, was lost.
static bool may_be_lost(const struct check_state *state, uint32_t count, enum purpose purpose)
{
    return count == 0 || purpose == PURPOSE_COMPRESSED || has_empty_tables(state);
}

enum leak check_leak(struct check_state *state, uint64_t cluster, uint32_t count,
                     enum purpose purpose)
{
    struct check *check = state->check;
    uint32_t cluster_size = state->header->cluster_size;
    enum leak leak = LEAK_ZEROS;
    if (may_be_lost(state, count, purpose)) {
        leak = read_leak(state, cluster << state->header->cluster_bits);
    }
    if (leak == LEAK_DATA) {
        check->leaked_data_clusters++;
        check->leaked_data_bytes += cluster_size;
    } else if (leak == LEAK_UNREAD) {
        check->leaked_unread_bytes += cluster_size;
    }
    return leak;
}

void check_report_leaks(struct check_state *state)
{
    struct check *check = state->check;
    struct findings *suspicions = &state->suspicions;
    if (check->leaked_unread_bytes > 0) {
        const struct finding at = {.kind = FINDING_LEAKED_UNREAD};
        findings_add(suspicions, &at, "%" PRIu64 " bytes", check->leaked_unread_bytes);
    }
    if (check->leaked_data_clusters > 0 || check->leaked_unread_bytes > 0) {
        check->empty_tables = suspicions->by_kind[FINDING_EMPTY_TABLE];
        findings_put_first(&check->findings, suspicions);
    }
}
