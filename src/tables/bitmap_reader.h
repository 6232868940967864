// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A walk over the bitmap directory of an image, as snapshot_reader.h is over its snapshots.

#ifndef TABLES_BITMAP_READER_H
#define TABLES_BITMAP_READER_H

#include "format/bitmap.h"
#include "image/image.h"
#include "source/record_window.h"

struct bitmap_reader {
    const struct image *image;
    struct record_window window;
    uint64_t at, end;     // byte offsets of the next entry and of the end of the directory
    uint32_t next, count; // entries gone by, entries that the extension promises (at most the cap)
    uint64_t names_bytes; // of the entries gone by
    uint64_t names_max; // bytes of names after which the walk ends: CAP_NAMES_BYTES unless changed
    struct error ended; // why the walk ended before `count`, or before the directory did
};

// An image without bitmaps has a walk without entries.
struct bitmap_reader bitmap_reader_start(const struct image *image);

// The next entry, whose name is valid until the next call. False at the end, and where the rest
// cannot be found: reader->ended then tells why. Faults of the entry itself go to `problems`, which
// may be NULL.
bool bitmap_reader_next(struct bitmap_reader *reader, struct bitmap *bitmap,
                        struct problems *problems);

void bitmap_reader_free(struct bitmap_reader *reader);

#endif
