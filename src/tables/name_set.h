// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The first names of a list, to find those that occur twice. As in QEMU, a name ends at its first
// NUL.

#ifndef TABLES_NAME_SET_H
#define TABLES_NAME_SET_H

#include "base/bytes.h"

enum { NAME_SET_MAX = 1024 }; // names; further ones are not compared

struct name_set {
    char **names; // owned, as is each name; NULL until the first one
    size_t count;
};

// Adds a copy of a name. True when an equal one is in the set already. Without memory, or when the
// set is full, the name is not added.
bool name_set_has_or_add(struct name_set *set, struct bytes name);

void name_set_free(struct name_set *set);

#endif
