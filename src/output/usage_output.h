// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints where the space of an image file goes, as text, as JSON and as a chart.

#ifndef OUTPUT_USAGE_OUTPUT_H
#define OUTPUT_USAGE_OUTPUT_H

#include "chart/chart.h"
#include "print/json.h"
#include "usage/usage.h"

// The sums over the layers of a backing chain.
struct usage_sum {
    size_t layers;
    uint64_t file_size, allocated_size; // bytes
    struct part parts[PARTS];
};

void usage_sum_add(struct usage_sum *sum, const struct usage *usage);

// One object.
void usage_print_json(const struct usage *usage, const char *filename, struct json *json);
void usage_sum_print_json(const struct usage_sum *sum, struct json *json);

// `columns`: the width of the terminal, 80 without a terminal.
void usage_print_text(const struct usage *usage, const char *filename, unsigned columns,
                      struct writer *writer);
void usage_sum_print_text(const struct usage_sum *sum, unsigned columns, struct writer *writer);

// The kinds of a chart of the file, by the parts that its bytes are in.
enum { USAGE_KINDS = PART_CONFLICTING };
extern const struct chart_kind usage_kinds[USAGE_KINDS];

// For struct usage_places; `chart` is a struct chart.
void usage_chart_add(void *chart, uint64_t offset, uint64_t length, enum usage_part part);

#endif
