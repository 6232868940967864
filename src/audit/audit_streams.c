// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_streams.h"

#include "base/checked.h"
#include "format/layout.h"

#include <stdlib.h>

enum { FIRST_ROOM = 1024 };

// A key: the host offset, then the sectors. No cluster is larger than 2 MiB.
enum { SECTORS_BITS = CLUSTER_BITS_MAX - 8 };

#define SECTORS_MASK ((UINT64_C(1) << SECTORS_BITS) - 1)

static bool grow(struct stream_list *list)
{
    size_t room = list->room > 0 ? list->room * 2 : FIRST_ROOM;
    uint64_t more = (room - list->room) * sizeof *list->keys;
    if (!memory_limit_take(list->limit, more)) {
        return false;
    }
    uint64_t *keys = realloc(list->keys, room * sizeof *keys);
    if (!keys) {
        return false;
    }
    list->keys = keys;
    list->room = room;
    return true;
}

void stream_list_add(struct stream_list *list, uint64_t host_offset, uint64_t sectors)
{
    if (list->count == list->room && !grow(list)) {
        list->full = true;
        return;
    }
    uint64_t key = host_offset << SECTORS_BITS | sectors;
    list->unsorted = list->unsorted || (list->count > 0 && list->keys[list->count - 1] > key);
    list->keys[list->count++] = key;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

struct shared_stream stream_list_find_shared(struct stream_list *list)
{
    struct shared_stream shared = {0};
    uint64_t filled = 0; // start of the last sector of the streams with the largest end
    if (list->unsorted) {
        qsort(list->keys, list->count, sizeof *list->keys, compare_keys);
    }
    for (size_t i = 0; i < list->count; i++) {
        uint64_t start = list->keys[i] >> SECTORS_BITS;
        uint64_t last =
            align_down(start, SECTOR_SIZE) + (list->keys[i] & SECTORS_MASK) * SECTOR_SIZE;
        bool same = i > 0 && start == list->keys[i - 1] >> SECTORS_BITS;
        if (same || start < filled) {
            shared.host_offset = shared.count == 0 ? start : shared.host_offset;
            shared.count++;
        }
        filled = max_u64(filled, last);
    }
    return shared;
}

void stream_list_free(struct stream_list *list)
{
    free(list->keys);
    list->keys = NULL;
}
