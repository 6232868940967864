// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints the tables of codes of findings, rules and problems, as text and as JSON.

#ifndef PRINT_CODE_LIST_H
#define PRINT_CODE_LIST_H

#include "print/color.h"
#include "print/writer.h"

#include <stdbool.h>
#include <stddef.h>

struct code_row {
    const char *code, *severity, *meaning;
    const char *more; // an additional text; NULL: none
    enum color color; // of the severity
};

// `more_name` is the JSON key of row->more, in lower case.
struct code_list {
    const struct code_row *rows;
    size_t count;
    const char *more_name;
};

void code_list_print(const struct code_list *list, bool as_json, struct writer *writer);

#endif
