// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "check/check_references.h"

#include "base/checked.h"

#include <inttypes.h>

// --- Refcounts on disk ---------------------------------------------------------------------------

static void note_memory(struct check_state *state, const struct error *error)
{
    state->out_of_memory = state->out_of_memory || error->code == ERROR_MEMORY;
}

enum walk_step check_next_refcounts(struct check_state *state, struct refcount_walk *walk,
                                    struct refcounts *refcounts, struct error *error)
{
    enum walk_step step;
    do {
        step = refcount_walk_next(walk, refcounts, error);
    } while (step == WALK_ERROR && error->code == ERROR_TRUNCATED && !state->partial);
    if (step == WALK_ERROR) {
        note_memory(state, error);
    }
    return step;
}

// `refcounts` belong to clusters of one chunk that has no values yet.
static void mark_ones(struct check_state *state, const struct refcounts *refcounts)
{
    uint64_t next = 0;
    while (next < refcounts->count) {
        uint64_t run = refcounts_run(refcounts, next);
        if (refcounts_load(refcounts, next) == 1) {
            reference_replace(&state->references, refcounts->first + next, (size_t)run, 0,
                              REFERENCE_ONE);
        }
        next += run;
    }
}

bool check_make_chunk(struct check_state *state, uint64_t cluster)
{
    uint64_t first = align_down(cluster, REFERENCE_CHUNK);
    struct refcounts refcounts;
    struct error error;
    enum walk_step step;
    if (!reference_make_chunk(&state->references, cluster)) {
        state->out_of_memory = true;
        return false;
    }
    refcount_walk_start(&state->refcounts, first,
                        min_u64(first + REFERENCE_CHUNK, state->references.clusters));
    while ((step = check_next_refcounts(state, &state->refcounts, &refcounts, &error)) !=
           WALK_END) {
        if (step == WALK_FOUND) {
            mark_ones(state, &refcounts);
        }
    }
    return true;
}

bool check_find_refcount(struct check_state *state, uint64_t cluster, uint64_t *refcount)
{
    struct refcounts refcounts;
    struct error error;
    enum walk_step step;
    *refcount = 0;
    refcount_walk_start(&state->refcounts, align_down(cluster, 8), cluster + 1);
    while ((step = check_next_refcounts(state, &state->refcounts, &refcounts, &error)) ==
           WALK_FOUND) {
        if (cluster - refcounts.first < refcounts.count) {
            *refcount = refcounts_load(&refcounts, cluster - refcounts.first);
        }
    }
    return step == WALK_END;
}

bool check_copied_is_wrong(struct check_state *state, uint64_t cluster, bool copied)
{
    uint64_t refcount;
    if (cluster < state->references.clusters && check_touch(state, cluster) &&
        copied == ((reference_peek(&state->references, cluster) & REFERENCE_ONE) != 0)) {
        return false;
    }
    return check_find_refcount(state, cluster, &refcount) && copied != (refcount == 1);
}

// --- References ----------------------------------------------------------------------------------

static void count_reference(struct check_state *state, uint64_t cluster, enum purpose purpose,
                            const struct finding *at, const char *place)
{
    struct findings *findings = &state->check->findings;
    struct finding finding = *at;
    if (!check_touch(state, cluster)) {
        return;
    }
    finding.has_host = true;
    finding.host_offset = cluster << state->header->cluster_bits;
    uint32_t value = reference_peek(&state->references, cluster);
    enum purpose before = reference_purpose(value);
    if (before == PURPOSE_NONE) {
        value |= (uint32_t)purpose << REFERENCE_PURPOSE_SHIFT;
        state->refcount_blocks += purpose == PURPOSE_REFCOUNT_BLOCK;
    } else if (before != purpose && !(value & REFERENCE_SHARED)) {
        value |= REFERENCE_SHARED;
        finding.kind = FINDING_OVERLAP;
        findings_add(findings, &finding, "%s: host cluster used as %s and as %s", place,
                     purpose_name(purpose), purpose_name(before));
    }
    if (reference_count(value) == state->refcount_max) {
        finding.kind = FINDING_REFCOUNT_OVERFLOW;
        findings_add(findings, &finding, "%s", place);
    } else if (reference_count(value) < REFERENCE_COUNT_MAX) {
        value++;
    }
    check_set(state, cluster, value);
}

static void report_range(struct check_state *state, enum finding_kind kind, uint64_t offset,
                         uint64_t size, enum purpose purpose, const struct finding *at,
                         const char *place)
{
    struct finding finding = *at;
    if (state->partial) {
        check_unseen(state);
        return;
    }
    finding.kind = kind;
    finding.has_host = true;
    finding.host_offset = offset;
    findings_add(&state->check->findings, &finding, "%s refers to %" PRIu64 " bytes of %s", place,
                 size, purpose_name(purpose));
}

// The encryption header has the length that its pointer gives; how much of a data cluster must be
// in the file depends on the size of the disk.
static bool may_end_early(enum purpose purpose)
{
    return purpose == PURPOSE_HEADER || purpose == PURPOSE_DATA || purpose == PURPOSE_COMPRESSED;
}

void check_reference(struct check_state *state, uint64_t offset, uint64_t size,
                     enum purpose purpose, const struct finding *at, const char *place)
{
    const struct header *header = state->header;
    uint64_t file_size = state->image->source->size;
    uint64_t end = add_clipped(offset, size);
    if (size == 0) {
        return;
    }
    // The last cluster of a file may be incomplete.
    bool outside = end > file_size + (header->cluster_size - 1);
    if (outside || (end > file_size && !may_end_early(purpose))) {
        report_range(state, outside ? FINDING_OUT_OF_FILE : FINDING_CUT_SHORT, offset, size,
                     purpose, at, place);
    }
    if (state->partial) {
        end = min_u64(end, state->file_end); // the clusters that were read are in use
    } else if (outside) {
        return;
    }
    if (offset >= end) {
        return;
    }
    uint64_t last = (end - 1) >> header->cluster_bits;
    for (uint64_t cluster = offset >> header->cluster_bits; cluster <= last; cluster++) {
        count_reference(state, cluster, purpose, at, place);
    }
}
