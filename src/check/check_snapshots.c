// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Checks the snapshot table and the L1 tables that it refers to.

#include "base/checked.h"
#include "check/check_parts.h"
#include "check/check_references.h"
#include "format/layout.h"
#include "image/view.h"
#include "tables/snapshot_reader.h"

#include <inttypes.h>
#include <stdio.h>

enum { NAME_SIZE = 96 };

static struct l1_table l1_of_snapshot(const struct snapshot *snapshot)
{
    return (struct l1_table){snapshot->l1_table_offset, snapshot->l1_size};
}

uint64_t check_readable_bytes(const struct chain *chain, const struct snapshot *snapshot)
{
    struct view view;
    struct error ignored;
    return view_snapshot(chain, snapshot, "", &view, &ignored) ? view.size : 0;
}

static void check_snapshot(struct check_state *state, const struct snapshot *snapshot, uint64_t at)
{
    struct findings *findings = &state->check->findings;
    struct finding finding = {.has_host = true, .host_offset = at};
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "the L1 table of snapshot %.*s",
             (int)min_u64(snapshot->id.size, 40), (const char *)snapshot->id.data);
    if (state->header->version >= 3 && snapshot->extra_size < SNAPSHOT_EXTRA_MIN_V3) {
        finding.kind = FINDING_SNAPSHOT_INCOMPLETE;
        findings_add(findings, &finding, "the table entry at %" PRIu64, at);
    }
    struct l1_table l1 = l1_of_snapshot(snapshot);
    if (l1_table_is_sound(state->header, l1)) {
        state->disk_bytes = check_readable_bytes(state->chain, snapshot);
        check_l1_tree(state, l1, snapshot->disk_size, false, name);
        check_end_disk(state);
    } else {
        finding.kind = FINDING_SNAPSHOT_L1;
        findings_add(findings, &finding, "%" PRIu32 " entries at %" PRIu64, snapshot->l1_size,
                     snapshot->l1_table_offset);
        state->uncounted = true;
    }
}

// check_snapshot() reports these under their own codes; other problems of the entry follow from
// them.
static bool has_code(const struct problems *problems)
{
    bool found = false;
    for (size_t i = 0; i < problems->count; i++) {
        enum problem_kind kind = problems->items[i].kind;
        found = found || kind == PROBLEM_SNAPSHOT_NO_DISK_SIZE ||
                kind == PROBLEM_SNAPSHOT_L1_PLACE || kind == PROBLEM_SNAPSHOT_L1_LIMIT ||
                kind == PROBLEM_SNAPSHOT_L1_SIZE_LIMIT;
    }
    return found;
}

static enum finding_kind finding_of_entry(const struct problem *problem)
{
    if (problem->refused) {
        return FINDING_REFUSED;
    }
    return problem->kind == PROBLEM_SNAPSHOT_PARTIAL_SECTOR ? FINDING_PARTIAL_SECTOR
                                                            : FINDING_SNAPSHOT;
}

// Reports a problem of a snapshot table entry that has no code of its own, and empties the list.
static void report_snapshot_problems(struct check_state *state, struct problems *problems)
{
    bool reported = has_code(problems);
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];
        const struct error *error = &problem->error;
        const struct finding finding = {
            .kind = finding_of_entry(problem), .has_host = true, .host_offset = error->offset};
        if (!reported || finding.kind != FINDING_SNAPSHOT) {
            findings_add(&state->check->findings, &finding, "%s", error->message);
        }
    }
    problems_free(problems);
}

// Reports why the walk over the snapshot table ended before the last snapshot.
static struct error end_of_walk(const struct header *header, const struct snapshot_reader *reader)
{
    struct error error = reader->ended;
    if (!error.code && reader->count > 0) {
        error_at(&error, ERROR_LIMIT, HEADER_NB_SNAPSHOTS,
                 "there are %" PRIu32 " snapshots, above %" PRIu32, header->nb_snapshots,
                 CAP_SNAPSHOTS);
    } else if (!error.code) {
        error_at(&error, ERROR_CORRUPT, HEADER_SNAPSHOTS_OFFSET,
                 "invalid location of the snapshot table: %" PRIu64, header->snapshots_offset);
    }
    return error;
}

static void check_end_of_walk(struct check_state *state, const struct snapshot_reader *reader)
{
    const struct header *header = state->header;
    struct finding at = {.kind = FINDING_SNAPSHOT_TABLE, .has_host = true};
    if (reader->next == header->nb_snapshots) {
        return;
    }
    struct error error = end_of_walk(header, reader);
    at.host_offset = error.offset;
    state->uncounted = true;
    if (error.code == ERROR_TRUNCATED && !state->partial) {
        at.kind = FINDING_OUT_OF_FILE;
        at.host_offset = reader->at;
    } else if (error.code != ERROR_LIMIT && error.code != ERROR_CORRUPT) {
        check_unreadable(state, &error);
        return;
    }
    findings_add(&state->check->findings, &at, "%s", error.message);
    if (!is_aligned(header->snapshots_offset, header->cluster_size)) {
        check_failed(state, &error);
    }
}

// True when the entry is all zeros. No program writes such an entry.
static bool is_empty_entry(const struct snapshot *snapshot)
{
    return snapshot->l1_table_offset == 0 && snapshot->l1_size == 0 && snapshot->extra_size == 0 &&
           snapshot->id_size == 0 && snapshot->name_size == 0 && snapshot->date_sec == 0;
}

void check_snapshots(struct check_state *state)
{
    const struct finding at = {0};
    struct problems problems = {0};
    struct snapshot snapshot;
    struct snapshot_reader reader = snapshot_reader_start(state->image);
    reader.names_max = UINT64_MAX;
    uint64_t start = reader.at;
    uint64_t entry = reader.at;
    uint64_t end = reader.at;
    bool empty = reader.count > 0;
    while (snapshot_reader_next(&reader, &snapshot, &problems)) {
        report_snapshot_problems(state, &problems);
        if (header_has_data_file(state->header)) {
            struct finding finding = {
                .kind = FINDING_SNAPSHOTS_DATA_FILE, .has_host = true, .host_offset = entry};
            findings_add(&state->check->findings, &finding, "the table entry at %" PRIu64, entry);
        }
        empty = empty && is_empty_entry(&snapshot);
        end = entry + snapshot.end;
        check_snapshot(state, &snapshot, entry);
        entry = reader.at;
    }
    check_end_of_walk(state, &reader);
    if (empty && end > start) {
        const struct finding table = {.has_host = true, .host_offset = start};
        check_empty_table(state, &table, "the snapshot table");
    }
    snapshot_reader_free(&reader);
    check_reference(state, start, end - start, PURPOSE_SNAPSHOT_TABLE, &at, "the header");
}
