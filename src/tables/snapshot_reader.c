// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/snapshot_reader.h"

#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>

struct snapshot_reader snapshot_reader_start(const struct image *image)
{
    const struct header *header = &image->header;
    struct snapshot_reader reader = {
        .image = image,
        .at = header->snapshots_offset,
        .count = (uint32_t)min_u64(header->nb_snapshots, CAP_SNAPSHOTS),
        .names_max = CAP_NAMES_BYTES,
    };
    if (header->nb_snapshots > 0 && header->snapshots_offset == 0) {
        error_at(&reader.ended, ERROR_CORRUPT, HEADER_SNAPSHOTS_OFFSET,
                 "there are %" PRIu32 " snapshots, but snapshots_offset is 0",
                 header->nb_snapshots);
    }
    // The check of the header reports an invalid location. Nothing is read from it, because any
    // bytes there would be taken for snapshots.
    if (header->snapshots_offset == 0 || !header_is_place(header, header->snapshots_offset)) {
        reader.count = 0;
    }
    return reader;
}

// Numbers, then names: each part is copied out of the window before the next part is read.
static bool read_entry(struct snapshot_reader *reader, struct snapshot *snapshot,
                       struct error *error)
{
    struct source *source = reader->image->source;
    struct bytes view;
    size_t head = SNAPSHOT_HEAD_SIZE;
    if (reader->at < source->size) {
        // The last entry may be shorter than a head and end at the end of the file.
        head = min_u64(head, source->size - reader->at);
    }
    head = max_u64(head, SNAPSHOT_FIXED_SIZE);
    if (!record_window_view(&reader->window, source, reader->at, head, &view, error)) {
        return false;
    }
    if (!snapshot_parse(view, &reader->image->header, snapshot)) {
        return error_at(error, source_complete(source) ? ERROR_TRUNCATED : ERROR_UNSEEN,
                        source->size, "the file ends at %" PRIu64, source->size);
    }
    size_t names = (size_t)snapshot->id_size + snapshot->name_size;
    return record_window_view(&reader->window, source, reader->at + snapshot->names_at, names,
                              &view, error) &&
           snapshot_set_names(snapshot, view);
}

// A table larger than the cap is read only up to the cap.
static bool within_caps(struct snapshot_reader *reader)
{
    if (reader->at - reader->image->header.snapshots_offset > CAP_SNAPSHOT_TABLE_BYTES) {
        return error_at(&reader->ended, ERROR_LIMIT, reader->at,
                        "the snapshot table is longer than %" PRIu64
                        " bytes; it is read up to snapshot %" PRIu32 " of %" PRIu32,
                        CAP_SNAPSHOT_TABLE_BYTES, reader->next, reader->count);
    }
    if (reader->names_bytes > reader->names_max) {
        return error_at(&reader->ended, ERROR_LIMIT, reader->at,
                        "the names of the snapshots have more than %" PRIu64
                        " bytes; they are read up to snapshot %" PRIu32 " of %" PRIu32,
                        reader->names_max, reader->next, reader->count);
    }
    return true;
}

bool snapshot_reader_next(struct snapshot_reader *reader, struct snapshot *snapshot,
                          struct problems *problems)
{
    const struct header *header = &reader->image->header;
    if (reader->next == reader->count || reader->ended.code || !within_caps(reader)) {
        return false;
    }
    if (!read_entry(reader, snapshot, &reader->ended)) {
        error_prefix(&reader->ended, "snapshot %" PRIu32 " of %" PRIu32 " at %" PRIu64,
                     reader->next + 1, reader->count, reader->at);
        return false;
    }
    if (problems) {
        snapshot_check(snapshot, header, reader->at, problems);
    }
    reader->next++;
    reader->names_bytes += (uint64_t)snapshot->id_size + snapshot->name_size;
    reader->at += snapshot_next(snapshot);
    return true;
}

void snapshot_reader_free(struct snapshot_reader *reader)
{
    record_window_free(&reader->window);
}
