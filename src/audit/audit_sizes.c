// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Compares the size of the disk with the limit, the file, and the data that the file can contain.

#include "audit/audit_parts.h"
#include "audit/audit_state.h"
#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>

void audit_virtual_size(struct audit_state *state)
{
    uint64_t size = state->header->size;
    uint64_t most = state->options->max_virtual_size;
    if (size > most) {
        audit_report_at(&state->report, AUDIT_VIRTUAL_SIZE, HEADER_SIZE,
                        "the virtual disk has %" PRIu64 " bytes, above %" PRIu64, size, most);
    }
}

static void inspect_actual_size(struct audit_state *state)
{
    const struct audit *audit = state->report.audit;
    uint64_t accounted;
    uint64_t most;
    if (audit->actual_size_known &&
        checked_add(state->header->size, state->sums.accounted, &accounted) &&
        checked_multiply(accounted, 2, &most) && checked_add(most, AUDIT_FILE_SLACK, &most) &&
        audit->actual_size > most) {
        audit_report_file(&state->report, AUDIT_LARGER_THAN_DISK,
                          "the file takes %" PRIu64 " bytes, for disks of %" PRIu64,
                          audit->actual_size, accounted);
    }
}

static bool is_bomb(uint64_t data, uint64_t file_size)
{
    return data > AUDIT_EXPANSION_FLOOR && data / AUDIT_EXPANSION_MAX > file_size;
}

// If there are more pieces than are read, the rest counts as data, but not above the allocated
// size.
static uint64_t stored_size(struct source *source)
{
    uint64_t stored = 0;
    uint64_t offset = 0;
    for (uint32_t i = 0; i < AUDIT_PIECES_MAX && offset < source->size; i++) {
        bool hole;
        uint64_t run = source_run(source, offset, &hole);
        stored += hole ? 0 : run;
        offset += run;
    }
    if (offset < source->size && source_knows_allocated(source)) {
        return min_u64(stored + (source->size - offset), source->allocated_size);
    }
    return stored + (source->size - offset);
}

uint64_t audit_stored(struct audit_state *state)
{
    if (!state->sums.stored_known) {
        state->sums.stored = stored_size(state->source);
        state->sums.stored_known = true;
    }
    return state->sums.stored;
}

// L2 tables with several references have the same data each time.
static void inspect_repeated_data(struct audit_state *state, const struct audit_view *view,
                                  const char *name)
{
    // Data that overlaps a table has its own finding for each entry.
    uint64_t over = state->report.audit->findings[AUDIT_DATA_OVER_TABLE].count;
    uint64_t named = (state->sums.data_clusters + over) << state->header->cluster_bits;
    if (view->data_bytes > max_u64(named, AUDIT_REPEATED_FLOOR) && !state->places.used.full &&
        view->data_bytes > audit_stored(state)) {
        audit_report_at(&state->report, AUDIT_SHARED_DATA, view->l1.offset,
                        "%s has %" PRIu64 " bytes of data that is not compressed, in clusters of "
                        "%" PRIu64 " bytes",
                        name, view->data_bytes, named);
    }
}

// A file can have holes of any size, which contain no compressed data. Data that is not compressed
// may lie in a hole, as after preallocation.
void audit_expansion(struct audit_state *state, const struct audit_view *view)
{
    const char *name = view->active ? "the disk" : "the disk of a snapshot";
    uint64_t file_size = state->source->size;
    // No sum here reaches 2^63: an L1 table of the most entries maps 2^61 bytes.
    uint64_t data = view->data_bytes + view->compressed_bytes;
    if (!source_complete(state->source)) {
        return;
    }
    inspect_repeated_data(state, view, name);
    if (is_bomb(data, file_size)) {
        audit_report_at(&state->report, AUDIT_EXPANSION, view->l1.offset,
                        "%s has %" PRIu64 " bytes of data, in a file of %" PRIu64, name, data,
                        file_size);
    } else if (view->compressed_bytes > AUDIT_EXPANSION_FLOOR &&
               is_bomb(view->compressed_bytes, audit_stored(state))) {
        audit_report_at(&state->report, AUDIT_EXPANSION, view->l1.offset,
                        "%s has %" PRIu64 " bytes of compressed data, in a file of %" PRIu64
                        " bytes without its holes",
                        name, view->compressed_bytes, audit_stored(state));
    }
}

static void inspect_unseen_tables(struct audit_state *state)
{
    if (state->sums.unseen_tables > 0) {
        audit_report_at(&state->report, AUDIT_UNSEEN_TABLES, state->header->l1_table_offset,
                        "%" PRIu64 " L2 tables of the disk were left out",
                        state->sums.unseen_tables);
    }
}

static void inspect_snapshot_walk(struct audit_state *state)
{
    uint64_t walk = state->sums.snapshot_walk;
    uint64_t data = 0;
    for (size_t i = 0; i < state->view_count; i++) {
        const struct audit_view *view = &state->views[i];
        data = max_u64(data, view->data_bytes + view->compressed_bytes);
    }
    // Data in holes of the file cost its sender nothing.
    if (walk > AUDIT_SNAPSHOT_WALK && walk > min_u64(data, audit_stored(state))) {
        audit_report_at(&state->report, AUDIT_SNAPSHOT_BOMB, state->header->snapshots_offset,
                        "the L2 tables of all snapshots have %" PRIu64
                        " bytes, counted once for each reference, for disks of %" PRIu64
                        " bytes of data, in a file of %" PRIu64 " bytes without its holes",
                        walk, data, audit_stored(state));
    }
}

// With an external data file, the data is not in this file.
static void inspect_extents(struct audit_state *state, const struct audit_view *view)
{
    if (view->extents > AUDIT_EXTENTS_MAX && !header_has_data_file(state->header) &&
        view->extents > audit_stored(state) / AUDIT_EXTENT_BYTES) {
        audit_report_at(&state->report, AUDIT_TABLE_BOMB, view->l1.offset,
                        "a disk has %" PRIu64
                        " extents, and the file without its holes has %" PRIu64 " bytes",
                        view->extents, audit_stored(state));
    }
}

static void inspect_refcount_reads(struct audit_state *state)
{
    uint64_t read =
        state->sums.refcount_reads * max_u64(state->header->cluster_size, AUDIT_READ_OF_TABLE);
    if (read > AUDIT_REFCOUNT_READS && read / AUDIT_EXPANSION_MAX > audit_stored(state)) {
        audit_report_file(&state->report, AUDIT_REFCOUNT_BOMB,
                          "%" PRIu64
                          " L2 entries need another refcount block than the entry before: %" PRIu64
                          " bytes to read, and the file without its holes has %" PRIu64,
                          state->sums.refcount_reads, read, audit_stored(state));
    }
}

// A program that checks the image keeps a refcount of each cluster of the file, holes included.
static void inspect_refcount_memory(struct audit_state *state)
{
    const struct header *header = state->header;
    uint64_t memory;
    if (!header->geometry_known || !source_complete(state->source) ||
        !checked_multiply(divide_up(state->source->size, header->cluster_size),
                          header->refcount_bits, &memory)) {
        return;
    }
    memory = divide_up(memory, 8);
    if (memory > AUDIT_REFCOUNT_MEMORY && memory > audit_stored(state)) {
        audit_report_file(&state->report, AUDIT_REFCOUNT_BOMB,
                          "the refcounts of a file of %" PRIu64 " bytes take %" PRIu64
                          " bytes, and the file without its holes %" PRIu64,
                          state->source->size, memory, audit_stored(state));
    }
}

void audit_sizes(struct audit_state *state)
{
    inspect_snapshot_walk(state);
    inspect_refcount_memory(state);
    inspect_refcount_reads(state);
    for (size_t i = 0; i < state->view_count; i++) {
        inspect_extents(state, &state->views[i]);
    }
    inspect_unseen_tables(state);
    inspect_actual_size(state);
}
