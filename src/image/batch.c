// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/batch.h"

#include "base/checked.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNIT = 4096,              // a place that cannot be read is narrowed down to so many bytes, and
                              // in encrypted data to a sector
    ANNOUNCE_GAP = 16 * 1024, // bytes between extents that are announced as one
    FETCHED_AHEAD = 48,       // batches: compressed data for all connections to a server
    CAREFUL = 128 * 1024,     // after a failure so many bytes are asked for unit by unit
};

size_t batch_count(const struct chain *chain, unsigned jobs)
{
    return (size_t)jobs * 2 + 2 + (chain_parallel(chain) > 0 ? FETCHED_AHEAD : 0);
}

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

void batch_release(struct batch *batch)
{
    buffers_give(batch->buffers, batch->buffer);
    batch->buffer = NULL;
}

void batch_free(struct batch *batch)
{
    if (batch->buffers) {
        batch_release(batch);
    }
    free(batch->faults);
    *batch = (struct batch){0};
}

bool batch_is_buffered(const struct sink *sink, const struct extent *extent)
{
    if (extent_compressed(extent) || extent->encrypted) {
        return true;
    }
    return extent->length <=
           (extent_zero(extent) ? sink->zeros_buffered_max : sink->data_buffered_max);
}

// True when the bytes of an extent that bypasses the buffer are written or requested, even if they
// are zeros.
static bool is_written(const struct sink *sink, const struct extent *extent)
{
    return !extent_zero(extent) || sink->ops->ordered || sink->sparse == SPARSE_NEVER;
}

static uint64_t direct_max(const struct sink *sink, const struct extent *extent)
{
    return extent_zero(extent) ? sink->zeros_piece_max : BATCH_DIRECT;
}

uint64_t batch_piece_max(const struct sink *sink, const struct extent *extent)
{
    if (extent_compressed(extent)) {
        return extent->length;
    }
    if (batch_is_buffered(sink, extent)) {
        return min_u64(extent->length, BATCH_BUFFER);
    }
    return is_written(sink, extent) ? min_u64(extent->length, direct_max(sink, extent))
                                    : extent->length;
}

bool batch_append(struct batch *batch, const struct sink *sink, const struct extent *extent)
{
    bool buffered = batch_is_buffered(sink, extent);
    if (batch->count == BATCH_EXTENTS || batch->direct >= BATCH_DIRECT ||
        (buffered && extent->length > batch->buffers->size - batch->planned)) {
        return false;
    }
    if (buffered) {
        batch->planned += (size_t)extent->length;
    } else if (is_written(sink, extent)) {
        batch->direct += extent->length;
    }
    batch->extents[batch->count++] = *extent;
    batch->end = extent->start + extent->length;
    return true;
}

void batch_fault(struct batch *batch, const struct extent *extent, const struct error *error)
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
    // Extents that use the buffer come before those that bypass it, as both are in guest order.
    size_t place = batch->fault_count++;
    for (; place > 0 && batch->faults[place - 1].start > extent->start; place--) {
        batch->faults[place] = batch->faults[place - 1];
    }
    batch->faults[place] = (struct fault){extent->start, extent->length, extent->depth, *error};
}

// The part of a data extent from byte `from` to the next boundary of a unit in the file.
static struct extent data_unit(const struct extent *extent, uint64_t from)
{
    struct extent unit = *extent;
    unit.start += from;
    unit.host_offset += from;
    uint64_t size = extent->encrypted ? SECTOR_SIZE : UNIT;
    unit.length = min_u64(size - unit.host_offset % size, extent->length - from);
    return unit;
}

// Fills `buffer` with an extent that cannot be read as a whole: data unit by unit, with zeros for
// unreadable units. Returns the bytes before the first unreadable place or, in a salvage, all
// bytes.
static uint64_t read_around_faults(struct batch *batch, struct reader *reader,
                                   const struct extent *extent, uint8_t *buffer, bool salvage)
{
    for (uint64_t from = 0; from < extent->length;) {
        struct error error;
        struct extent unit = extent->kind == CLUSTER_DATA ? data_unit(extent, from) : *extent;
        if (!reader_read(reader, &unit, buffer + from, &error)) {
            batch_fault(batch, &unit, &error);
            if (!salvage) {
                return from;
            }
            memset(buffer + from, 0, (size_t)unit.length);
        }
        from += unit.length;
    }
    return extent->length;
}

// A range of one file that holds data of a batch.
struct stored_range {
    struct source *source; // NULL: nothing
    uint64_t start, end;
};

// Where the bytes of an extent are stored.
static struct stored_range stored_range(const struct chain *chain, const struct extent *extent)
{
    const struct layer *layer = &chain->layers[extent->depth];
    uint64_t start = extent->host_offset;
    if (extent_compressed(extent)) {
        return (struct stored_range){layer->image->source, start, start + extent->stored_size};
    }
    return extent->kind == CLUSTER_DATA
               ? (struct stored_range){layer_data(layer), start, start + extent->length}
               : (struct stored_range){0};
}

// Announces extents that are near each other as one range, so that one request fetches them.
void batch_announce(const struct batch *batch, const struct chain *chain)
{
    struct stored_range all = {0};
    for (size_t i = 0; i < batch->count; i++) {
        struct stored_range next = stored_range(chain, &batch->extents[i]);
        if (!next.source) {
            continue;
        }
        if (next.source == all.source && next.start >= all.start &&
            next.start <= all.end + ANNOUNCE_GAP) {
            all.end = max_u64(all.end, next.end);
            continue;
        }
        if (all.source) {
            source_will_need(all.source, all.start, all.end - all.start);
        }
        all = next;
    }
    if (all.source) {
        source_will_need(all.source, all.start, all.end - all.start);
    }
}

void batch_fill(struct batch *batch, const struct sink *sink, struct reader *reader, bool salvage)
{
    size_t used = 0;
    if (batch->planned > 0 && !batch->buffer) {
        batch->buffer = buffers_take(batch->buffers);
        if (!batch->buffer) {
            error_set(&batch->output, ERROR_MEMORY, "out of memory");
            return;
        }
    }
    for (size_t i = 0; i < batch->count; i++) {
        struct extent *extent = &batch->extents[i];
        struct error error;
        if (!batch_is_buffered(sink, extent)) {
            continue;
        }
        reader_fetch(reader, extent, batch->count - i);
        if (!reader_read(reader, extent, batch->buffer + used, &error)) {
            uint64_t good =
                read_around_faults(batch, reader, extent, batch->buffer + used, salvage);
            if (good < extent->length) {
                extent->length = good;
                batch->count = good > 0 ? i + 1 : i;
                return;
            }
        }
        used += (size_t)extent->length;
    }
}

// How many extents from `first` on are adjacent in the buffer, and their bytes.
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

// Replaces an unreadable unit of data by zeros, or ends the batch there.
static bool emit_fault(struct batch *batch, struct sink *sink, const struct extent *unit,
                       const struct chain *chain, bool salvage, struct error *error)
{
    error_prefix(error, "guest offset %" PRIu64, unit->start);
    if (unit->depth > 0) {
        error_prefix(error, "backing file %s", chain->layers[unit->depth].path);
    }
    batch_fault(batch, unit, error);
    return salvage && sink->ops->zeros(sink, unit->start, unit->length, &batch->output);
}

static bool emit_data(struct batch *batch, struct sink *sink, const struct extent *extent,
                      const struct chain *chain, bool salvage)
{
    struct source *source = layer_data(&chain->layers[extent->depth]);
    uint64_t put = 0;
    uint64_t careful_end = 0;
    while (put < extent->length) {
        struct extent unit = data_unit(extent, put);
        uint64_t asked = put < careful_end ? unit.length : extent->length - put;
        uint64_t done = 0;
        struct error error;
        bool copied =
            sink->ops->copy(sink, unit.start, source, unit.host_offset, asked, &done, &error);
        put += done;
        if (copied) {
            continue;
        }
        if (!error.has_offset) { // it is about the sink
            batch->output = error;
            return false;
        }
        if (asked > unit.length) {
            careful_end = put + CAREFUL;
            continue;
        }
        unit = data_unit(extent, put);
        if (!emit_fault(batch, sink, &unit, chain, salvage, &error)) {
            return false;
        }
        put += unit.length;
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
