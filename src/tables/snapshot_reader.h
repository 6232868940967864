// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A walk over the snapshot table of an image, one entry at a time: memory does not grow with the
// table, and the table can be walked once to find problems and again to print it.

#ifndef TABLES_SNAPSHOT_READER_H
#define TABLES_SNAPSHOT_READER_H

#include "format/snapshot.h"
#include "image/image.h"
#include "source/record_window.h"

struct snapshot_reader {
    const struct image *image;
    struct record_window window;
    uint64_t at;          // byte offset of the next entry
    uint32_t next, count; // entries returned, entries that the header announces (at most the cap)
    uint64_t names_bytes; // of the entries returned
    uint64_t
        names_max; // the walk ends after this many bytes of names: CAP_NAMES_BYTES unless changed
    struct error ended; // why the walk ended before `count`; code NULL when it did not
};

struct snapshot_reader snapshot_reader_start(const struct image *image);

// Returns the next entry, whose names are valid until the next call. False at the end of the table,
// and when the rest cannot be found: reader->ended then has the reason. Problems of the entry
// itself are added to `problems`, which may be NULL.
bool snapshot_reader_next(struct snapshot_reader *reader, struct snapshot *snapshot,
                          struct problems *problems);

void snapshot_reader_free(struct snapshot_reader *reader);

#endif
