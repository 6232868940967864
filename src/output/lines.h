// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The lines of a report for people: a label on the left, and behind it a value.

#ifndef OUTPUT_LINES_H
#define OUTPUT_LINES_H

#include "base/bytes.h"
#include "output/writer.h"

// "label:" and the blanks up to the column of values. A label below another one begins with blanks.
void line_label(struct writer *writer, const char *label);

// Whole lines. A text or a name may come from outside: it is written as in text.h, and a name that
// is "none" so that it is told from having none.
void line_text(struct writer *writer, const char *label, const char *text);
void line_name(struct writer *writer, const char *label, struct bytes name);
void line_number(struct writer *writer, const char *label, uint64_t number);

// `size` in bytes, in both units.
void line_size(struct writer *writer, const char *label, uint64_t size);

#endif
