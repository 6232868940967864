// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "source/record_window.h"

#include <stdlib.h>

static bool window_fill(struct record_window *window, struct source *source, uint64_t offset,
                        size_t size, struct error *error)
{
    size_t wanted = RECORD_WINDOW_SIZE;
    if (!window->buffer) {
        window->buffer = malloc(RECORD_WINDOW_SIZE);
        if (!window->buffer) {
            return error_set(error, ERROR_MEMORY, "out of memory");
        }
    }
    window->size = 0;
    if (!source_read_some(source, offset, window->buffer, size, &wanted, error)) {
        return false;
    }
    window->start = offset;
    window->size = wanted;
    return true;
}

bool record_window_view(struct record_window *window, struct source *source, uint64_t offset,
                        size_t size, struct bytes *view, struct error *error)
{
    const struct bytes held = {window->buffer, window->size};
    if (offset >= window->start && bytes_view(held, offset - window->start, size, view)) {
        return true;
    }
    if (!window_fill(window, source, offset, size, error)) {
        return false;
    }
    *view = (struct bytes){window->buffer, size};
    return true;
}

void record_window_free(struct record_window *window)
{
    free(window->buffer);
    *window = (struct record_window){0};
}
