// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "check/check_state.h"

#include "base/checked.h"
#include "tables/snapshot_reader.h"

#include <inttypes.h>

void check_failed(struct check_state *state, const struct error *error)
{
    if (state->check->check_errors++ == 0) {
        state->check->first_error = *error;
    }
}

void check_unreadable(struct check_state *state, const struct error *error)
{
    if (error->code != ERROR_TRUNCATED || error->offset < state->image->source->size) {
        check_failed(state, error);
    }
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

uint64_t check_progress_total(const struct chain *chain)
{
    uint64_t total = chain->layers[0].size;
    struct snapshot snapshot;
    struct snapshot_reader reader = snapshot_reader_start(chain->layers[0].image);
    while (snapshot_reader_next(&reader, &snapshot, NULL)) {
        total = add_clipped(total, check_readable_bytes(chain, &snapshot));
    }
    snapshot_reader_free(&reader);
    return total;
}

// --- References ---------------------------------------------------------------------------------

static void count_reference(struct check_state *state, uint64_t cluster, enum purpose purpose,
                            const struct finding *at, const char *place)
{
    struct findings *findings = &state->check->findings;
    uint32_t *cell = check_cell(state, cluster);
    struct finding finding = *at;
    if (!cell) {
        return;
    }
    finding.has_host = true;
    finding.host_offset = cluster << state->header->cluster_bits;
    enum purpose before = reference_purpose(*cell);
    if (before == PURPOSE_NONE) {
        *cell |= (uint32_t)purpose << REFERENCE_PURPOSE_SHIFT;
        state->refcount_blocks += purpose == PURPOSE_REFCOUNT_BLOCK;
    } else if (before != purpose && !(*cell & REFERENCE_SHARED)) {
        *cell |= REFERENCE_SHARED;
        finding.kind = FINDING_OVERLAP;
        findings_add(findings, &finding, "%s uses for %s what is also used for %s", place,
                     purpose_name(purpose), purpose_name(before));
    }
    if (reference_count(*cell) == state->refcount_max) {
        finding.kind = FINDING_REFCOUNT_OVERFLOW;
        findings_add(findings, &finding, "%s", place);
    } else if (reference_count(*cell) < REFERENCE_COUNT_MAX) {
        ++*cell;
    }
}

static void tell_range(struct check_state *state, enum finding_kind kind, uint64_t offset,
                       uint64_t size, enum purpose purpose, const struct finding *at,
                       const char *place)
{
    struct finding finding = *at;
    finding.kind = kind;
    finding.has_host = true;
    finding.host_offset = offset;
    findings_add(&state->check->findings, &finding, "%s refers to %" PRIu64 " bytes of %s", place,
                 size, purpose_name(purpose));
}

// The header is as long as it says; how much of a data cluster has to be there depends on the disk.
static bool may_end_early(enum purpose purpose)
{
    return purpose == PURPOSE_HEADER || purpose == PURPOSE_DATA || purpose == PURPOSE_COMPRESSED;
}

void check_reference(struct check_state *state, uint64_t offset, uint64_t size,
                     enum purpose purpose, const struct finding *at, const char *place)
{
    const struct header *header = state->header;
    uint64_t file_size = state->image->source->size;
    uint64_t end;
    if (size == 0) {
        return;
    }
    // The last cluster of a file need not be whole.
    if (!checked_add(offset, size, &end) || end > file_size + (header->cluster_size - 1)) {
        tell_range(state, FINDING_OUT_OF_FILE, offset, size, purpose, at, place);
        return;
    }
    if (end > file_size && !may_end_early(purpose)) {
        tell_range(state, FINDING_CUT_SHORT, offset, size, purpose, at, place);
    }
    uint64_t last = (end - 1) >> header->cluster_bits;
    for (uint64_t cluster = offset >> header->cluster_bits; cluster <= last; cluster++) {
        count_reference(state, cluster, purpose, at, place);
    }
}
