// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Extents that a dirty bitmap tells, a line each, for people and for programs.

#ifndef OUTPUT_DIRTY_OUTPUT_H
#define OUTPUT_DIRTY_OUTPUT_H

#include "output/writer.h"
#include "tables/dirty.h"

struct dirty_totals {
    uint64_t bytes[2]; // clean, dirty
    uint64_t extents;
};

void dirty_output_json(struct writer *writer, const struct dirty_extent *extent);

// `width`: of the columns of offsets and lengths, as extent_width() tells it.
void dirty_output_heading(struct writer *writer, int width);
void dirty_output_text(struct writer *writer, int width, const struct dirty_extent *extent);

void dirty_totals_json(struct writer *writer, const struct dirty_totals *totals);
void dirty_totals_text(struct writer *writer, const struct dirty_totals *totals);

#endif
