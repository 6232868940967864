// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "check/shared_tables.h"

#include <stdlib.h>

enum {
    ROOM_FIRST = 1 << 10,
    ROOM_MAX = 1 << 20, // 16 MiB
};

static int compare_offsets(const void *a, const void *b)
{
    uint64_t left = ((const struct shared_table *)a)->offset;
    uint64_t right = ((const struct shared_table *)b)->offset;
    return (left > right) - (left < right);
}

void shared_tables_merge(struct shared_tables *tables)
{
    size_t kept = 0;
    if (tables->count > 0) {
        qsort(tables->items, tables->count, sizeof *tables->items, compare_offsets);
    }
    for (size_t i = 0; i < tables->count; i++) {
        if (kept > 0 && tables->items[kept - 1].offset == tables->items[i].offset) {
            tables->items[kept - 1].count += tables->items[i].count;
        } else {
            tables->items[kept++] = tables->items[i];
        }
    }
    tables->count = kept;
}

static bool grow(struct shared_tables *tables)
{
    size_t room = tables->room > 0 ? tables->room * 2 : ROOM_FIRST;
    struct shared_table *items =
        room <= ROOM_MAX ? realloc(tables->items, room * sizeof *items) : NULL;
    if (!items) {
        return false;
    }
    tables->items = items;
    tables->room = room;
    return true;
}

// Merging is worth its time as long as it frees half of the room.
static bool make_room(struct shared_tables *tables)
{
    if (tables->count < tables->room) {
        return true;
    }
    shared_tables_merge(tables);
    return tables->count <= tables->room / 2 || grow(tables);
}

bool shared_tables_add(struct shared_tables *tables, uint64_t offset)
{
    if (tables->room == 0 ? !grow(tables) : !make_room(tables)) {
        return false;
    }
    tables->items[tables->count++] = (struct shared_table){offset, 1};
    return true;
}

void shared_tables_free(struct shared_tables *tables)
{
    free(tables->items);
    *tables = (struct shared_tables){0};
}
