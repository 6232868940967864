// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Bytes in memory: the first bytes of a pipe, unit tests, fuzzing.

#include "source/source.h"

#include <stdlib.h>
#include <string.h>

struct memory_source {
    struct source base;
    const uint8_t *data;
    void *owned; // freed on close; NULL: the caller owns the bytes
};

static bool memory_read(struct source *source, uint64_t offset, void *buffer, size_t size,
                        struct error *error)
{
    const struct memory_source *memory = (const struct memory_source *)source;
    (void)error; // source_read() has checked the range
    if (size > 0) {
        memcpy(buffer, memory->data + offset, size);
    }
    return true;
}

static void memory_close(struct source *source)
{
    struct memory_source *memory = (struct memory_source *)source;
    free(memory->owned);
    free(memory);
}

static const struct source_ops memory_ops = {.read = memory_read, .close = memory_close};

struct source *source_open_memory(struct bytes bytes, bool complete, struct error *error)
{
    struct memory_source *memory = calloc(1, sizeof *memory);
    if (!memory) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    memory->base = (struct source){.ops = &memory_ops,
                                   .kind = complete ? SOURCE_MEMORY : SOURCE_START,
                                   .size = bytes.size,
                                   .fd = -1};
    memory->data = bytes.data;
    return &memory->base;
}

struct source *source_take_memory(struct bytes bytes, bool complete, struct error *error)
{
    void *owned = (void *)(uintptr_t)bytes.data;
    struct source *source = source_open_memory(bytes, complete, error);
    if (!source) {
        free(owned);
        return NULL;
    }
    ((struct memory_source *)source)->owned = owned;
    return source;
}
