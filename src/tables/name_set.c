// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/name_set.h"

#include "tables/name_list.h"

#include <stdlib.h>
#include <string.h>

bool name_set_has_or_add(struct name_set *set, struct bytes name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (name_is(name, set->names[i])) {
            return true;
        }
    }
    if (!set->names) {
        set->names = calloc(NAME_SET_MAX, sizeof *set->names);
    }
    if (set->names && set->count < NAME_SET_MAX) {
        char *copy = strndup(name.size > 0 ? (const char *)name.data : "", name.size);
        set->names[set->count] = copy;
        set->count += copy != NULL;
    }
    return false;
}

void name_set_free(struct name_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->names[i]);
    }
    free(set->names);
    *set = (struct name_set){0};
}
