// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Extents of a disk, a line each, for people and for programs.

#ifndef OUTPUT_EXTENT_OUTPUT_H
#define OUTPUT_EXTENT_OUTPUT_H

#include "image/extent.h"
#include "output/writer.h"

// Kinds of extents in words: enum cluster_kind is the index.
enum { EXTENT_STATUSES = 4 };
const char *extent_status(enum cluster_kind kind);

// Width of a column of guest offsets of a disk of `size` bytes.
int extent_width(uint64_t size);

struct extent_output {
    struct writer *writer;
    const struct chain *chain;
    bool places;              // with layer, host offset and file
    const char *file;         // whose name in JSON, with the end of the line, is kept in
    struct writer *file_json; // this buffer; owned, NULL until the first use
    int width;                // of the columns of guest offsets and lengths, in text
};

struct extent_output extent_output_make(struct writer *writer, const struct view *view,
                                        bool places);
void extent_output_free(struct extent_output *output);

void extent_output_json(struct extent_output *output, const struct extent *extent);

void extent_output_heading(const struct extent_output *output);
void extent_output_text(const struct extent_output *output, const struct extent *extent);

// Bytes of the disk by status.
struct extent_totals {
    uint64_t bytes[EXTENT_STATUSES]; // by enum cluster_kind
    uint64_t extents;
};

void extent_totals_json(struct writer *writer, const struct extent_totals *totals);
void extent_totals_text(struct writer *writer, const struct extent_totals *totals);

#endif
