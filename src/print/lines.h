// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The lines of a text report: a label on the left, followed by a value.

#ifndef PRINT_LINES_H
#define PRINT_LINES_H

#include "base/bytes.h"
#include "print/color.h"
#include "print/writer.h"

// "label:" and blanks up to the column of values. A sublabel begins with blanks.
void line_label(struct writer *writer, const char *label);

// Whole lines. A text or a name may come from outside: it is escaped as in text.h. A name that is
// the word "none" is escaped, so that it differs from having no name.
void line_text(struct writer *writer, const char *label, const char *text);
void line_name(struct writer *writer, const char *label, struct bytes name);
void line_number(struct writer *writer, const char *label, uint64_t number);

// The same for a text that never comes from outside.
void line_colored(struct writer *writer, const char *label, enum color color, const char *text);

// `size` in bytes, in both units.
void line_size(struct writer *writer, const char *label, uint64_t size);

#endif
