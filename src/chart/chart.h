// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A range of bytes as a picture: a grid of cells, each with as many bytes, in rows from the top to
// the bottom. Only the bytes of each kind in each cell are kept, at most CHART_BYTES_MAX.

#ifndef CHART_CHART_H
#define CHART_CHART_H

#include "base/bytes.h"
#include "base/error.h"
#include "print/color.h"
#include "print/writer.h"

// What a byte can be.
struct chart_kind {
    const char *name; // plain ASCII, for XML too
    char mark;        // of its cells in text
    enum color color;
    bool background; // nothing is there: a few bytes of another kind are pointed out
};

enum {
    CHART_KINDS_MAX = 16,
    CHART_ROWS = 16,        // of text
    CHART_COLUMNS_MIN = 40, // the width of text, in characters
    CHART_COLUMNS_MAX = 1024,
    CHART_BYTES_MAX = CHART_ROWS * CHART_COLUMNS_MAX * CHART_KINDS_MAX * 8,
};

enum chart_format { CHART_NONE, CHART_TEXT, CHART_SVG };

// What a chart shows.
struct chart_subject {
    enum chart_format format;
    unsigned width;         // of text, in characters: it is brought into the range above
    uint64_t start, length; // bytes; their sum is below 2^64
    uint64_t unit;          // bytes, a power of two: no cell is smaller
    const struct chart_kind *kinds;
    size_t kind_count;
    // The heading: "FILE: WHAT NAME, SIZE". Only `what` never comes from outside.
    const char *file;
    const char *what; // "the disk"
    const char *name; // NULL: none
};

struct chart {
    struct chart_subject subject; // borrows all of it
    uint64_t origin;              // bytes: where the first cell begins, at or before `start`
    unsigned cell_bits;           // a cell has 2^cell_bits bytes
    size_t columns;               // cells of a row
    size_t count;                 // of cells
    uint64_t *bytes;              // owned; kind_count for each cell
    uint64_t totals[CHART_KINDS_MAX];
};

// False when there is no memory.
bool chart_make(struct chart *chart, const struct chart_subject *subject, struct error *error);

// Adds the bytes [offset, offset + length) of a kind. What is outside of the range is ignored.
void chart_add(struct chart *chart, uint64_t offset, uint64_t length, size_t kind);

void chart_free(struct chart *chart);

// --- For printing --------------------------------------------------------------------------------

// A cell as it is shown.
struct chart_cell {
    uint64_t start, length; // bytes: the part of it that is in the range
    const uint64_t *bytes;  // of each kind
    size_t kind;            // that prevails; of equal ones the first
    bool mixed;             // it is a background, and other kinds are in it:
    size_t other;           // the one of these that prevails
};

struct chart_cell chart_cell(const struct chart *chart, size_t cell);

enum { CHART_LABEL_MAX = 40 };

// The offset of a row, exactly: "128 MiB", in a unit that suits all rows.
void chart_label(const struct chart *chart, size_t row, char label[static CHART_LABEL_MAX]);

size_t chart_rows(const struct chart *chart);
size_t chart_labels_width(const struct chart *chart); // characters of the longest one

// Any cell that is mixed. False when there is none.
bool chart_mixed_cell(const struct chart *chart, struct chart_cell *cell);

// What a mixed cell means: "mostly hole, but not only".
void chart_mixed_words(const struct chart *chart, struct writer *writer);

// "64 MiB, a cell is 64 KiB"
void chart_sizes(const struct chart *chart, struct writer *writer);

#endif
