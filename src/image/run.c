// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/run.h"

#include "base/checked.h"

#include <inttypes.h>
#include <string.h>

// The position of a guest offset in the tables.
struct position {
    uint64_t guest_offset;
    uint64_t l1_index;
    uint32_t l2_index;
};

static struct position position_of(const struct header *header, uint64_t guest_offset)
{
    uint64_t cluster = guest_offset >> header->cluster_bits;
    return (struct position){
        .guest_offset = guest_offset,
        .l1_index = cluster >> header->l2_bits,
        .l2_index = (uint32_t)cluster & (header->l2_entries - 1),
    };
}

// Index of the first entry of `table` whose offset is not 0; the number of entries: none.
static size_t skip_empty_entries(struct bytes table)
{
    size_t count = table.size / L1_ENTRY_SIZE;
    for (size_t i = 0; i < count; i++) {
        if (l1_entry_l2_offset(bytes_be64(table, i * L1_ENTRY_SIZE)) != 0) {
            return i;
        }
    }
    return count;
}

static bool l1_view(struct run_walk *walk, uint64_t index, struct bytes *view, struct error *error)
{
    uint64_t offset = walk->l1.offset + index * L1_ENTRY_SIZE;
    uint64_t rest = (walk->l1.size - index) * L1_ENTRY_SIZE;
    if (!table_window_view(&walk->l1_window, walk->image->source, offset, L1_ENTRY_SIZE,
                           min_u64(rest, walk->l1_window.capacity), view, error)) {
        return error_prefix(error, "L1 entry %" PRIu64, index);
    }
    return true;
}

// The run at a guest offset without an L2 table: skips whole L1 entries.
static bool empty_run(struct run_walk *walk, struct position at, uint64_t limit, struct run *run,
                      struct error *error)
{
    uint64_t coverage = header_l2_coverage(&walk->image->header);
    uint64_t end = min_u64(divide_up(at.guest_offset + limit, coverage), walk->l1.size);
    uint64_t index = at.l1_index + 1;
    *run = (struct run){.kind = CLUSTER_UNALLOCATED, .length = limit};
    while (index < end) {
        struct bytes view;
        if (!l1_view(walk, index, &view, error)) {
            break; // this run is good: the fault belongs to the next one
        }
        size_t empty = skip_empty_entries(view);
        index += empty;
        if (empty < view.size / L1_ENTRY_SIZE) {
            run->length = min_u64(limit, index * coverage - at.guest_offset);
            return true;
        }
    }
    if (index < end) {
        run->length = min_u64(limit, index * coverage - at.guest_offset);
    }
    return true;
}

void l1_announce_tables(struct source *source, struct bytes entries, uint32_t table_size)
{
    for (size_t i = 0; source->parallel > 0 && table_size > 0 && i < entries.size / L1_ENTRY_SIZE;
         i++) {
        uint64_t offset = l1_entry_l2_offset(bytes_be64(entries, i * L1_ENTRY_SIZE));
        if (offset != 0) {
            source_will_need(source, offset, table_size);
        }
    }
}

// A walk that has come from one L2 table to a later one will come to those that follow. `view`:
// the L1 entries from that at `index` on.
static void announce_next(struct run_walk *walk, uint64_t index, struct bytes view)
{
    struct source *source = walk->image->source;
    uint64_t from = max_u64(walk->announced, index + 1);
    uint64_t end =
        min_u64(index + 1 + (uint64_t)source->parallel * 2, index + view.size / L1_ENTRY_SIZE);
    if (walk->l2_offset == 0 || index <= walk->l1_index || from >= end) {
        return;
    }
    struct bytes next = {view.data + (from - index) * L1_ENTRY_SIZE, (end - from) * L1_ENTRY_SIZE};
    l1_announce_tables(source, next, walk->image->header.cluster_size);
    walk->announced = end;
}

// Finds the L2 table of a position: offset 0 when nothing is allocated below its L1 entry.
static bool find_l2(struct run_walk *walk, struct position at, uint64_t *l2_offset,
                    struct error *error)
{
    struct bytes view;
    *l2_offset = 0;
    if (at.l1_index >= walk->l1.size) {
        return true;
    }
    if (walk->l2_offset != 0 && walk->l1_index == at.l1_index) {
        *l2_offset = walk->l2_offset;
        return true;
    }
    if (!l1_view(walk, at.l1_index, &view, error)) {
        return false;
    }
    uint64_t entry = bytes_be64(view, 0);
    uint32_t faults = faults_unreadable(l1_entry_faults(&walk->image->header, entry));
    *l2_offset = l1_entry_l2_offset(entry);
    if (faults != 0) {
        return error_at(error, ERROR_CORRUPT, *l2_offset, "L1 entry %" PRIu64 " has %s",
                        at.l1_index, fault_rules[fault_first(faults)].words);
    }
    announce_next(walk, at.l1_index, view);
    walk->l1_index = at.l1_index;
    walk->l2_offset = *l2_offset;
    return true;
}

// Reads the L2 table from the position's entry on.
static bool l2_view(struct run_walk *walk, uint64_t l2_offset, uint32_t index, struct bytes *view,
                    struct error *error)
{
    const struct header *header = &walk->image->header;
    uint64_t rest = (uint64_t)(header->l2_entries - index) * header->l2_entry_size;
    if (!table_window_view(&walk->l2_window, walk->image->source,
                           l2_offset + (uint64_t)index * header->l2_entry_size,
                           header->l2_entry_size, rest, view, error)) {
        return error_prefix(error, "L2 table at %" PRIu64, l2_offset);
    }
    return true;
}

static bool follows(const struct run *run, const struct stretch *next)
{
    return next->kind == run->kind && next->has_host == run->has_host &&
           (!run->has_host || next->host_offset == run->host_offset + run->length);
}

// Extends a run that reaches the end of its first cluster by the next entries, while they are whole
// clusters of its kind.
static void extend_run(const struct header *header, struct bytes view, uint64_t guest_offset,
                       uint64_t limit, struct run *run)
{
    uint32_t size = header->cluster_size;
    size_t count = view.size / header->l2_entry_size;
    if (run->kind == CLUSTER_COMPRESSED || !is_aligned(guest_offset + run->length, size)) {
        return;
    }
    size_t plain = l2_entries_plain(header, view);
    run->length += (uint64_t)(plain - 1) * size;
    for (size_t i = plain; i < count && run->length < limit; i++) {
        struct stretch next;
        uint64_t at = guest_offset + run->length;
        if (l2_entry_stretch(header, l2_entry_load(header, view, i), at, &next) != 0 ||
            !follows(run, &next)) {
            return;
        }
        run->length += next.length;
        if (next.length < size) {
            return;
        }
    }
}

// True when the file ends inside the cluster of a run, before its host offset, and the missing data
// could be zeros that were not written.
static bool in_short_end(const struct run_walk *walk, const struct run *run)
{
    uint64_t size = walk->data->size;
    uint64_t end;
    return run->kind == CLUSTER_DATA && source_complete(walk->data) &&
           walk->image->header.crypt_method == CRYPT_NONE &&
           checked_align_up(size, walk->image->header.cluster_size, &end) &&
           run->host_offset >= size && run->host_offset < end;
}

// Data past the end of the file is an error, never zeros: the run ends at the end of the file.
static bool clip_to_file(const struct run_walk *walk, uint64_t guest_offset, struct run *run,
                         struct error *error)
{
    const struct source *file = run->kind == CLUSTER_COMPRESSED ? walk->image->source : walk->data;
    if (run->kind != CLUSTER_DATA && run->kind != CLUSTER_COMPRESSED) {
        return true;
    }
    if (walk->short_end && in_short_end(walk, run)) {
        uint64_t size = walk->image->header.cluster_size;
        run->kind = CLUSTER_ZERO;
        run->has_host = false;
        run->length = min_u64(run->length, size - run->host_offset % size);
        return true;
    }
    if (run->host_offset >= file->size && !source_complete(file)) {
        return error_at(error, ERROR_UNSEEN, run->host_offset,
                        "guest offset %" PRIu64 ": its data lies beyond the first %" PRIu64
                        " bytes that were read",
                        guest_offset, file->size);
    }
    if (run->host_offset >= file->size) {
        error_at(error, ERROR_TRUNCATED, run->host_offset,
                 "guest offset %" PRIu64 ": its data lies past the end of the %s at %" PRIu64,
                 guest_offset, file == walk->image->source ? "file" : "data file", file->size);
        return in_short_end(walk, run)
                   ? error_suffix(error,
                                  "; if it is in the last cluster in use, --short-end%s reads the "
                                  "missing data as zeros",
                                  walk->suffix ? walk->suffix : "")
                   : false;
    }
    if (run->kind == CLUSTER_DATA) {
        run->length = min_u64(run->length, file->size - run->host_offset);
    }
    return true;
}

// `view` is the L2 table from the position's entry on.
static bool mapped_run(struct run_walk *walk, struct position at, uint64_t l2_offset,
                       struct bytes view, uint64_t limit, struct run *run, struct error *error)
{
    const struct header *header = &walk->image->header;
    struct stretch first;
    run->length = min_u64(limit, header->cluster_size - at.guest_offset % header->cluster_size);
    uint32_t faults =
        l2_entry_stretch(header, l2_entry_load(header, view, 0), at.guest_offset, &first);
    if (faults != 0) {
        return error_at(
            error, ERROR_CORRUPT, l2_offset + (uint64_t)at.l2_index * header->l2_entry_size,
            "guest offset %" PRIu64 ": L2 entry %" PRIu32 " of the table at %" PRIu64 " has %s",
            at.guest_offset, at.l2_index, l2_offset, fault_rules[fault_first(faults)].words);
    }
    *run = (struct run){
        .kind = first.kind,
        .has_host = first.has_host,
        .length = first.length,
        .host_offset = first.host_offset,
        .stored_size = first.stored_size,
        .cluster = align_down(at.guest_offset, header->cluster_size),
    };
    extend_run(header, view, at.guest_offset, limit, run);
    run->length = min_u64(run->length, limit);
    return clip_to_file(walk, at.guest_offset, run, error);
}

bool run_at(struct run_walk *walk, uint64_t guest_offset, uint64_t limit, struct run *run,
            struct error *error)
{
    const struct header *header = &walk->image->header;
    struct position at = position_of(header, guest_offset);
    uint64_t l2_offset;
    bool found = find_l2(walk, at, &l2_offset, error);
    if (found && l2_offset == 0) {
        return empty_run(walk, at, limit, run, error);
    }
    struct bytes view;
    if (found && l2_view(walk, l2_offset, at.l2_index, &view, error)) {
        return mapped_run(walk, at, l2_offset, view, limit, run, error);
    }
    error_prefix(error, "guest offset %" PRIu64, guest_offset);
    // A table past the end of the file fails for all its entries.
    bool one_cluster = found && error->code != ERROR_TRUNCATED;
    uint64_t fault_size = one_cluster ? header->cluster_size : header_l2_coverage(header);
    run->length = min_u64(limit, fault_size - guest_offset % fault_size);
    return false;
}

void run_walk_free(struct run_walk *walk)
{
    table_window_free(&walk->l1_window);
    table_window_free(&walk->l2_window);
}
