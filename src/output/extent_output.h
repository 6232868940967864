// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints extents of a disk, of a dirty bitmap or of the changes of a disk, as text and as JSON.

#ifndef OUTPUT_EXTENT_OUTPUT_H
#define OUTPUT_EXTENT_OUTPUT_H

#include "chart/chart.h"
#include "image/extent.h"
#include "print/writer.h"

// The status of an extent, in the order of totals: of a disk, then of a bitmap, then of changes.
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

// The subject of the extents.
enum extent_subject { EXTENTS_OF_DISK, EXTENTS_OF_BITMAP, EXTENTS_OF_CHANGES };

// The kinds of a chart of these extents. Their order is that of the statuses.
const struct chart_kind *extent_kinds(enum extent_subject subject, size_t *count);

enum extent_status extent_status(const struct extent *extent); // of a disk

struct extent_output {
    struct writer *writer;
    const struct view *view;
    enum extent_subject subject;
    bool places;         // with layer, host offset and file
    struct chart *chart; // of extent_kinds(); for EXTENT_CHART only

    // Kept by the printers; zero at the beginning.
    int width;                // of the columns of guest offsets and lengths, in text
    uint64_t bytes[STATUSES]; // totals
    uint64_t extents;
    const char *file;         // its name in JSON and the end of the line are kept in
    struct writer *file_json; // this buffer; owned, NULL until the first use
};

void extent_output_free(struct extent_output *output);

// An output format for extents: one row of the table each.
struct extent_printer {
    void (*begin)(struct extent_output *output); // NULL: nothing
    // For bitmaps and changes, only the range of the extent is set.
    void (*extent)(struct extent_output *output, const struct extent *extent,
                   enum extent_status status);
    void (*end)(const struct extent_output *output); // NULL: nothing
};

enum extent_format {
    EXTENT_TEXT, // a line for each extent
    EXTENT_JSON, // an object a line
    EXTENT_TOTALS_TEXT,
    EXTENT_TOTALS_JSON,
    EXTENT_CHART,
    EXTENT_FORMATS,
};

extern const struct extent_printer extent_printers[EXTENT_FORMATS];

#endif
