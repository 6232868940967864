// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "source/table_window.h"

#include "base/checked.h"

#include <stdlib.h>

struct table_window table_window_make(size_t capacity)
{
    return (struct table_window){.capacity = capacity};
}

static bool window_fill(struct table_window *window, struct source *source, uint64_t offset,
                        size_t entry, uint64_t wanted, struct error *error)
{
    bool sequential = window->size > 0 && offset == window->start + window->size;
    uint64_t ahead = max_u64(wanted, sequential ? window->ahead : 0);
    size_t size = max_u64(min_u64(ahead, window->capacity), entry);
    if (!window->buffer) {
        window->buffer = malloc(window->capacity);
        if (!window->buffer) {
            return error_set(error, ERROR_MEMORY, "out of memory");
        }
    }
    window->size = 0;
    if (!source_read_some(source, offset, window->buffer, entry, &size, error)) {
        return false;
    }
    window->start = offset;
    window->size = align_down(size, entry);
    window->ahead = sequential ? size * 2 : size;
    return true;
}

bool table_window_view(struct table_window *window, struct source *source, uint64_t offset,
                       size_t entry, uint64_t wanted, struct bytes *view, struct error *error)
{
    if (!table_window_has(window, offset, entry) &&
        !window_fill(window, source, offset, entry, wanted, error)) {
        return false;
    }
    struct bytes whole = {window->buffer, window->size};
    uint64_t into = offset - window->start;
    return bytes_view(whole, into, min_u64(wanted, window->size - into), view);
}

void table_window_free(struct table_window *window)
{
    free(window->buffer);
    *window = (struct table_window){0};
}
