// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/export.h"

#include "base/checked.h"
#include "base/workers.h"
#include "image/batch.h"

#include <stdlib.h>

// A run of data or of a hole in the file that holds a layer's data.
struct host_run {
    size_t depth;
    uint64_t start, end; // host offsets; empty at first
    bool hole;
};

struct export
{
    const struct chain *chain;
    const struct export_options *options;
    struct sink sink;
    struct extent_walk walk;
    struct host_run host_run;
    struct workers *workers;
    struct batch *batches;
    size_t batch_count;
    struct reader *readers; // one a job
    struct batch *filling;  // the batch that is being planned
    uint64_t finished;      // guest offset up to which everything was put
    struct error error;
};

static void export_run(void *context, unsigned worker, void *item)
{
    struct export *export = context;
    struct batch *batch = item;
    batch_fill(batch, &export->sink, &export->readers[worker], export->options->salvage);
    if (!export->sink.ops->ordered) {
        batch_emit(batch, &export->sink, export->chain, export->options->salvage);
    }
}

static bool export_finish(void *context, void *item)
{
    struct export *export = context;
    struct batch *batch = item;
    const struct export_options *options = export->options;
    if (export->sink.ops->ordered) {
        batch_emit(batch, &export->sink, export->chain, options->salvage);
    }
    if (batch->fault_count > 0 && !options->salvage) {
        export->finished = batch->faults[0].start;
        export->error = batch->faults[0].error;
        return false;
    }
    for (size_t i = 0; i < batch->fault_count; i++) {
        const struct fault *fault = &batch->faults[i];
        options->on_fault(options->context, fault->start, fault->length, &fault->error);
    }
    if (batch->output.code) {
        export->error = batch->output;
        return false;
    }
    export->finished = batch->end;
    if (options->on_progress) {
        options->on_progress(options->context, batch->end - options->offset);
    }
    return true;
}

static const struct work export_work = {export_run, export_finish};

static bool next_batch(struct export *export, uint64_t start)
{
    if (export->filling) {
        export->filling = NULL;
        workers_submit(export->workers);
    }
    export->filling = workers_item(export->workers);
    if (export->filling) {
        batch_reset(export->filling, start);
    }
    return export->filling != NULL;
}

static bool plan_piece(struct export *export, const struct extent *piece)
{
    if (export->filling && batch_append(export->filling, &export->sink, piece)) {
        return true;
    }
    return next_batch(export, piece->start) && batch_append(export->filling, &export->sink, piece);
}

// Holes of the file itself read as zeros: an image that was only preallocated is mostly that.
static void apply_host_holes(struct export *export, struct extent *piece)
{
    struct source *source = layer_data(&export->chain->layers[piece->depth]);
    struct host_run *run = &export->host_run;
    if (piece->kind != CLUSTER_DATA || source->fd < 0 || source->allocated_size >= source->size) {
        return;
    }
    if (run->depth != piece->depth || piece->host_offset < run->start ||
        piece->host_offset >= run->end) {
        run->depth = piece->depth;
        run->start = piece->host_offset;
        run->end = run->start + source_run(source, run->start, &run->hole);
    }
    piece->length = min_u64(piece->length, run->end - piece->host_offset);
    if (run->hole) {
        piece->kind = CLUSTER_ZERO;
    }
}

// Splits an extent into pieces that fit a batch.
static bool plan_extent(struct export *export, struct extent extent)
{
    uint64_t most = export->sink.data_buffered_max == SIZE_MAX ? BATCH_BUFFER : BATCH_DIRECT;
    while (extent.length > 0) {
        struct extent piece = extent;
        apply_host_holes(export, &piece);
        if (piece.kind == CLUSTER_DATA) {
            piece.length = min_u64(piece.length, most);
        }
        if (!plan_piece(export, &piece)) {
            return false;
        }
        extent.start += piece.length;
        extent.host_offset += piece.length;
        extent.length -= piece.length;
    }
    return true;
}

// A range that the tables say nothing sound about: in a batch of its own, so that its error is
// told in its turn.
static bool plan_fault(struct export *export, struct extent extent, const struct error *error)
{
    if (!next_batch(export, extent.start)) {
        return false;
    }
    batch_fault(export->filling, extent.start, extent.length, error);
    if (!export->options->salvage) {
        return false;
    }
    extent.kind = CLUSTER_ZERO;
    extent.has_host = false;
    return plan_piece(export, &extent);
}

static void plan_disk(struct export *export)
{
    uint64_t at = export->options->offset;
    uint64_t end = at + export->options->length;
    bool going = true;
    while (going && at < end) {
        struct extent extent;
        struct error error;
        bool found = extent_at(&export->walk, at, end - at, &extent, &error);
        going = found ? plan_extent(export, extent) : plan_fault(export, extent, &error);
        at += extent.length;
    }
    if (export->filling) {
        workers_submit(export->workers);
    }
}

static size_t largest_cluster(const struct chain *chain)
{
    size_t largest = 0;
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->layers[i].image) {
            largest = (size_t)max_u64(largest, chain->layers[i].image->header.cluster_size);
        }
    }
    return largest;
}

static bool export_start(struct export *export, struct error *error)
{
    unsigned jobs = export->options->jobs;
    size_t buffer_size = batch_buffer_size(largest_cluster(export->chain));
    export->batch_count = (size_t)jobs * 2 + 2;
    export->batches = calloc(export->batch_count, sizeof *export->batches);
    export->readers = calloc(jobs, sizeof *export->readers);
    if (!export->batches || !export->readers) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < export->batch_count; i++) {
        export->batches[i].buffer_size = buffer_size;
    }
    for (unsigned i = 0; i < jobs; i++) {
        export->readers[i] = reader_make(export->chain);
    }
    if (!extent_walk_start(&export->walk, export->chain, error)) {
        return false;
    }
    export->workers = workers_start(&export_work, export, jobs, export->batches,
                                    sizeof *export->batches, export->batch_count, error);
    return export->workers != NULL;
}

static void export_stop(struct export *export)
{
    workers_stop(export->workers);
    extent_walk_end(&export->walk);
    for (size_t i = 0; export->batches && i < export->batch_count; i++) {
        batch_free(&export->batches[i]);
    }
    for (unsigned i = 0; export->readers && i < export->options->jobs; i++) {
        reader_free(&export->readers[i]);
    }
    free(export->batches);
    free(export->readers);
}

bool export_disk(const struct chain *chain, const struct export_options *options, int fd,
                 struct error *error)
{
    struct export export = {
        .chain = chain,
        .options = options,
        .sink = sink_make(fd, options->offset, options->sparse),
        .finished = options->offset,
    };
    bool done = false;
    if (export_start(&export, error)) {
        struct error ignored;
        plan_disk(&export);
        done = workers_drain(export.workers);
        workers_stop(export.workers);
        export.workers = NULL;
        if (done) {
            done = sink_end(&export.sink, export.finished, error);
        } else {
            *error = export.error;
            sink_end(&export.sink, export.finished, &ignored);
        }
    }
    export_stop(&export);
    return done;
}
