// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/batch.h"

#include "base/checked.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SALVAGE_UNIT = 4096 }; // bytes given up around a place that cannot be read

size_t batch_buffer_size(size_t cluster_size)
{
    return (size_t)max_u64(BATCH_BUFFER, cluster_size);
}

void batch_reset(struct batch *batch, uint64_t start)
{
    batch->count = 0;
    batch->start = start;
    batch->end = start;
    batch->planned = 0;
    batch->direct = 0;
    batch->fault_count = 0;
    batch->output.code = NULL;
}

void batch_free(struct batch *batch)
{
    free(batch->buffer);
    free(batch->faults);
    *batch = (struct batch){0};
}

bool batch_is_buffered(const struct sink *sink, const struct extent *extent)
{
    if (extent_compressed(extent)) {
        return true;
    }
    return extent->length <=
           (extent_zero(extent) ? sink->zeros_buffered_max : sink->data_buffered_max);
}

bool batch_append(struct batch *batch, const struct sink *sink, const struct extent *extent)
{
    bool buffered = batch_is_buffered(sink, extent);
    if (batch->count == BATCH_EXTENTS || batch->direct >= BATCH_DIRECT ||
        (buffered && extent->length > batch->buffer_size - batch->planned)) {
        return false;
    }
    if (buffered) {
        batch->planned += (size_t)extent->length;
    } else if (extent->kind == CLUSTER_DATA) {
        batch->direct += extent->length;
    }
    batch->extents[batch->count++] = *extent;
    batch->end = extent->start + extent->length;
    return true;
}

void batch_fault(struct batch *batch, uint64_t start, uint64_t length, const struct error *error)
{
    if (batch->fault_count == batch->fault_capacity) {
        size_t capacity = batch->fault_capacity ? batch->fault_capacity * 2 : 1;
        struct fault *grown = realloc(batch->faults, capacity * sizeof *grown);
        if (!grown) {
            error_set(&batch->output, ERROR_MEMORY, "out of memory");
            return;
        }
        batch->faults = grown;
        batch->fault_capacity = capacity;
    }
    batch->faults[batch->fault_count++] = (struct fault){start, length, *error};
}

void batch_fill(struct batch *batch, const struct sink *sink, struct reader *reader, bool salvage)
{
    size_t used = 0;
    if (batch->planned > 0 && !batch->buffer) {
        batch->buffer = malloc(batch->buffer_size);
        if (!batch->buffer) {
            error_set(&batch->output, ERROR_MEMORY, "out of memory");
            return;
        }
    }
    for (size_t i = 0; i < batch->count; i++) {
        const struct extent *extent = &batch->extents[i];
        struct error error;
        if (!batch_is_buffered(sink, extent)) {
            continue;
        }
        reader_fetch(reader, extent, batch->count - i);
        if (!reader_read(reader, extent, batch->buffer + used, &error)) {
            batch_fault(batch, extent->start, extent->length, &error);
            if (!salvage) {
                batch->count = i;
                return;
            }
            memset(batch->buffer + used, 0, (size_t)extent->length);
        }
        used += (size_t)extent->length;
    }
}

// How many extents from the first one on lie side by side in the buffer, and their bytes.
static size_t buffered_group(const struct batch *batch, const struct sink *sink, size_t first,
                             size_t *bytes)
{
    size_t count = 0;
    *bytes = 0;
    while (first + count < batch->count &&
           batch_is_buffered(sink, &batch->extents[first + count])) {
        *bytes += (size_t)batch->extents[first + count].length;
        count++;
    }
    return count;
}

// Tells a fault in the source from one in the sink: the former has an offset.
static bool copy_fault(struct batch *batch, const struct extent *extent, uint64_t at,
                       uint64_t length, const struct chain *chain, struct error *error)
{
    if (!error->has_offset) {
        batch->output = *error;
        return false;
    }
    error_prefix(error, "guest offset %" PRIu64, at);
    if (extent->depth > 0) {
        error_prefix(error, "backing file %s", chain->layers[extent->depth].path);
    }
    batch_fault(batch, at, length, error);
    return true;
}

static bool emit_data(struct batch *batch, struct sink *sink, const struct extent *extent,
                      const struct chain *chain, bool salvage)
{
    struct source *source = layer_data(&chain->layers[extent->depth]);
    uint64_t put = 0;
    while (put < extent->length) {
        uint64_t done = 0;
        struct error error;
        if (sink->ops->copy(sink, extent->start + put, source, extent->host_offset + put,
                            extent->length - put, &done, &error)) {
            return true;
        }
        put += done;
        uint64_t unit = SALVAGE_UNIT - (extent->host_offset + put) % SALVAGE_UNIT;
        unit = min_u64(unit, extent->length - put);
        if (!copy_fault(batch, extent, extent->start + put, unit, chain, &error) || !salvage) {
            return false;
        }
        if (!sink->ops->zeros(sink, extent->start + put, unit, &batch->output)) {
            return false;
        }
        put += unit;
    }
    return true;
}

void batch_emit(struct batch *batch, struct sink *sink, const struct chain *chain, bool salvage)
{
    size_t used = 0;
    size_t i = 0;
    bool going = !batch->output.code;
    while (going && i < batch->count) {
        const struct extent *extent = &batch->extents[i];
        size_t size;
        size_t group = buffered_group(batch, sink, i, &size);
        if (group > 0) {
            struct bytes bytes = {batch->buffer + used, size};
            going = sink->ops->bytes(sink, extent->start, bytes, &batch->output);
            used += size;
            i += group;
        } else if (extent->kind == CLUSTER_DATA) {
            going = emit_data(batch, sink, extent, chain, salvage);
            i++;
        } else {
            going = sink->ops->zeros(sink, extent->start, extent->length, &batch->output);
            i++;
        }
    }
}
