// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/source.h"

#include "base/checked.h"

#include <inttypes.h>

bool source_read(struct source *source, uint64_t offset, void *buffer, size_t size,
                 struct error *error)
{
    if (range_inside(offset, size, source->size)) {
        return source->ops->read(source, offset, buffer, size, error);
    }
    if (!source->complete) {
        return error_at(error, ERROR_UNSEEN, max_u64(offset, source->size),
                        "only the first %" PRIu64 " bytes were given", source->size);
    }
    return error_at(error, ERROR_TRUNCATED, max_u64(offset, source->size),
                    "the file ends at %" PRIu64, source->size);
}

uint64_t source_run(struct source *source, uint64_t offset, bool *hole)
{
    *hole = false;
    if (!source->ops->run) {
        return source->size - offset;
    }
    return source->ops->run(source, offset, hole);
}

void source_close(struct source *source)
{
    if (source) {
        source->ops->close(source);
    }
}
