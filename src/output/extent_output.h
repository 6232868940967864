// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Extents of a disk, of a dirty bitmap or of what changed on a disk, for people and for programs.

#ifndef OUTPUT_EXTENT_OUTPUT_H
#define OUTPUT_EXTENT_OUTPUT_H

#include "image/extent.h"
#include "output/writer.h"

// What an extent can be, in the order of totals: of a disk, then of a bitmap, then of changes.
enum extent_status {
    STATUS_DATA,
    STATUS_COMPRESSED,
    STATUS_ZERO,
    STATUS_HOLE,
    STATUS_DIRTY,
    STATUS_CLEAN,
    STATUS_CHANGED,
    STATUS_UNCHANGED,
    STATUSES,
};

// Whose extents are printed.
enum extent_subject { EXTENTS_OF_DISK, EXTENTS_OF_BITMAP, EXTENTS_OF_CHANGES };

enum extent_status extent_status(const struct extent *extent); // of a disk

struct extent_output {
    struct writer *writer;
    const struct view *view;
    enum extent_subject subject;
    bool places; // with layer, host offset and file

    // Kept by the printers; zero at the beginning.
    int width;                // of the columns of guest offsets and lengths, in text
    uint64_t bytes[STATUSES]; // totals
    uint64_t extents;
    const char *file;         // whose name in JSON, with the end of the line, is kept in
    struct writer *file_json; // this buffer; owned, NULL until the first use
};

void extent_output_free(struct extent_output *output);

// A way to print extents: each is a row of the table.
struct extent_printer {
    void (*begin)(struct extent_output *output); // NULL: nothing
    // Of an extent of a bitmap, only the range is there.
    void (*extent)(struct extent_output *output, const struct extent *extent,
                   enum extent_status status);
    void (*end)(const struct extent_output *output); // NULL: nothing
};

enum extent_format {
    EXTENT_TEXT, // a line for each extent
    EXTENT_JSON, // an object a line
    EXTENT_TOTALS_TEXT,
    EXTENT_TOTALS_JSON,
    EXTENT_FORMATS,
};

extern const struct extent_printer extent_printers[EXTENT_FORMATS];

#endif
