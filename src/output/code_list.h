// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The tables of codes that findings, rules and problems have, for people and for programs.

#ifndef OUTPUT_CODE_LIST_H
#define OUTPUT_CODE_LIST_H

#include "output/writer.h"

#include <stdbool.h>
#include <stddef.h>

struct code_row {
    const char *code, *severity, *meaning;
    const char *more; // what the list adds to each row; NULL: nothing
};

// `more_name` is the JSON key of row->more, in lower case.
struct code_list {
    const struct code_row *rows;
    size_t count;
    const char *more_name;
};

void code_list_print(const struct code_list *list, bool as_json, struct writer *writer);

#endif
