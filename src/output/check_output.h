// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints the findings of a check, as text and as JSON.

#ifndef OUTPUT_CHECK_OUTPUT_H
#define OUTPUT_CHECK_OUTPUT_H

#include "check/check.h"
#include "print/json.h"

void check_print_json(const struct check *check, const char *filename, enum json_style style,
                      struct writer *writer);
void check_print_text(const struct check *check, struct writer *writer);

// The table of findings, with the advice about each.
void check_print_findings(bool as_json, struct writer *writer);

#endif
