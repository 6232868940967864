// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/name_list.h"

#include <stdio.h>
#include <string.h>

static const char heading[] = "the image has: ";

void name_list_add(struct name_list *list, struct bytes name, struct bytes second)
{
    char *to = list->text + list->used;
    size_t room = sizeof list->text - list->used;
    const char *before = list->used > 0 ? ", " : heading;
    int length =
        second.data ? snprintf(to, room, "%s%.*s (%.*s)", before, (int)name.size,
                               (const char *)name.data, (int)second.size, (const char *)second.data)
                    : snprintf(to, room, "%s%.*s", before, (int)name.size, (const char *)name.data);
    if (length > 0 && (size_t)length < room) {
        list->used += (size_t)length;
    }
    list->text[list->used] = '\0';
}

const char *name_list_text(const struct name_list *list)
{
    return list->used > 0 ? list->text : "the image has none";
}

bool name_is(struct bytes name, const char *text)
{
    size_t size = strlen(text);
    return name.size >= size && memcmp(name.data, text, size) == 0 &&
           (name.size == size || name.data[size] == '\0');
}
