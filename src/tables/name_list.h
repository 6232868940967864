// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// "the image has: 1 (first), 2 (second)": the names that exist, for an error message about one that
// does not.

#ifndef TABLES_NAME_LIST_H
#define TABLES_NAME_LIST_H

#include "base/bytes.h"

enum { NAME_LIST_SIZE = 256 };

struct name_list {
    char text[NAME_LIST_SIZE]; // a name that does not fit is left out entirely
    size_t used;
};

// Adds "name" or, with a second name, "name (second)".
void name_list_add(struct name_list *list, struct bytes name, struct bytes second);

// Valid as long as the list.
const char *name_list_text(const struct name_list *list);

// True when a name, up to its first NUL, equals `text`: that is how QEMU compares the names and ids
// of snapshots and the names of bitmaps.
bool name_is(struct bytes name, const char *text);

#endif
