// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints the result of a comparison of two disks, as text and as JSON.

#ifndef OUTPUT_COMPARE_OUTPUT_H
#define OUTPUT_COMPARE_OUTPUT_H

#include "compare/compare.h"
#include "print/writer.h"

struct compare_output {
    struct writer *writer;
    bool json;
    bool all;    // print all ranges, not only the first sector that differs
    bool strict; // sizes and allocation were compared too
    int width;   // of the columns of guest offsets and lengths, in text; 0 at the beginning
};

// Prints a range that differs, in guest order. In text only with `all`.
void compare_print_range(struct compare_output *output, uint64_t start, uint64_t length);

// Prints the result, after all ranges.
void compare_print_end(struct compare_output *output, const struct comparison *comparison);

#endif
