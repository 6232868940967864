// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A walk over the bitmap directory of an image, like snapshot_reader.h over its snapshots.

#ifndef TABLES_BITMAP_READER_H
#define TABLES_BITMAP_READER_H

#include "format/bitmap.h"
#include "image/image.h"
#include "source/record_window.h"
#include "tables/name_set.h"

struct bitmap_reader {
    const struct image *image;
    struct record_window window;
    struct name_set names; // of the entries that were checked for problems
    uint64_t at, end;      // byte offsets of the next entry and of the end of the directory
    uint32_t next,
        count; // entries returned, entries that the extension announces (at most the cap)
    uint64_t names_bytes; // of the entries returned
    uint64_t
        names_max; // the walk ends after this many bytes of names: CAP_NAMES_BYTES unless changed
    struct error ended; // why the walk ended before `count`, or before the end of the directory
};

// The walk over an image without bitmaps has no entries.
struct bitmap_reader bitmap_reader_start(const struct image *image);

// Returns the next entry, whose name is valid until the next call. False at the end, and when the
// rest cannot be found: reader->ended then has the reason. Problems of the entry itself are added
// to `problems`, which may be NULL.
bool bitmap_reader_next(struct bitmap_reader *reader, struct bitmap *bitmap,
                        struct problems *problems);

void bitmap_reader_free(struct bitmap_reader *reader);

#endif
