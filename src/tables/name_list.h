// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// "there are: 1 (first), 2 (second)": the names that could have been meant, for an error message.

#ifndef TABLES_NAME_LIST_H
#define TABLES_NAME_LIST_H

#include "base/bytes.h"

enum { NAME_LIST_SIZE = 256 };

struct name_list {
    char text[NAME_LIST_SIZE]; // names that do not fit are left out whole
    size_t used;
};

// Adds "name" or, with a second name, "name (second)".
void name_list_add(struct name_list *list, struct bytes name, struct bytes second);

// Valid as long as the list is.
const char *name_list_text(const struct name_list *list);

// True when `bytes` are those of `text`.
bool bytes_are(struct bytes bytes, const char *text);

#endif
