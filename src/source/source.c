// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "source/source.h"

#include "base/checked.h"

#include <inttypes.h>

bool source_read(struct source *source, uint64_t offset, void *buffer, size_t size,
                 struct error *error)
{
    if (range_inside(offset, size, source->size)) {
        return source->ops->read(source, offset, buffer, size, error);
    }
    if (!source_complete(source)) {
        return error_at(error, ERROR_UNSEEN, max_u64(offset, source->size),
                        "only the first %" PRIu64
                        " bytes of the pipe were read; write the image to a "
                        "file first",
                        source->size);
    }
    return error_at(error, ERROR_TRUNCATED, max_u64(offset, source->size),
                    "the file ends at %" PRIu64, source->size);
}

bool source_read_some(struct source *source, uint64_t offset, void *buffer, size_t least,
                      size_t *size, struct error *error)
{
    struct error fault;
    if (offset < source->size) {
        *size = (size_t)min_u64(*size, max_u64(source->size - offset, least));
    }
    if (source_read(source, offset, buffer, *size, &fault)) {
        return true;
    }
    uint64_t readable = fault.has_offset ? fault.offset - offset : 0;
    if (readable < least || readable >= *size) {
        *error = fault;
        return false;
    }
    *size = (size_t)readable;
    return source_read(source, offset, buffer, *size, error);
}

uint64_t source_hole(struct source *source, uint64_t offset)
{
    return source->ops->hole ? source->ops->hole(source, offset) : 0;
}

uint64_t source_hole_again(struct source *source, uint64_t offset, struct hole *last)
{
    if (offset >= source->size) {
        return 0;
    }
    if (offset < last->start || offset >= last->end) {
        uint64_t length = source_hole(source, offset);
        if (length == 0) {
            return 0;
        }
        *last = (struct hole){offset, offset + length};
    }
    return last->end - offset;
}

uint64_t source_run(struct source *source, uint64_t offset, bool *hole)
{
    uint64_t length = source_hole(source, offset);
    *hole = length > 0;
    if (*hole) {
        return length;
    }
    return source->ops->data ? source->ops->data(source, offset) : source->size - offset;
}

bool source_identity_same(const struct source_identity *a, const struct source_identity *b)
{
    return a->block == b->block && a->device == b->device && a->inode == b->inode;
}

void source_will_need(struct source *source, uint64_t offset, uint64_t length)
{
    if (source->ops->will_need && offset < source->size && length > 0) {
        source->ops->will_need(source, offset, min_u64(length, source->size - offset));
    }
}

void source_close(struct source *source)
{
    if (source) {
        source->ops->close(source);
    }
}
