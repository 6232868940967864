// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/export.h"

#include "base/checked.h"
#include "base/workers.h"
#include "image/batch.h"

#include <inttypes.h>
#include <stdlib.h>

struct exporter {
    const struct view *view;
    const struct export_options *options;
    struct sink sink;
    struct extent_walk walk;
    struct workers *workers;
    struct batch *batches;
    size_t batch_count;
    struct buffers buffers; // of the batches
    struct reader *readers; // one a job
    struct batch *filling;  // the batch that is being planned
    uint64_t finished;      // guest offset up to which everything was written
    struct error error;
};

static void export_run(void *context, unsigned worker, void *item)
{
    struct exporter *exporter = context;
    struct batch *batch = item;
    batch_fill(batch, &exporter->sink, &exporter->readers[worker], exporter->options->salvage);
    if (!exporter->sink.ops->ordered) {
        batch_emit(batch, &exporter->sink, exporter->view->chain, exporter->options->salvage);
    }
}

static bool export_finish(void *context, void *item)
{
    struct exporter *exporter = context;
    struct batch *batch = item;
    const struct export_options *options = exporter->options;
    if (exporter->sink.ops->ordered) {
        batch_emit(batch, &exporter->sink, exporter->view->chain, options->salvage);
    }
    batch_release(batch);
    if (batch->fault_count > 0 && !options->salvage) {
        exporter->finished = batch->faults[0].start;
        exporter->error = batch->faults[0].error;
        return false;
    }
    for (size_t i = 0; i < batch->fault_count; i++) {
        const struct fault *fault = &batch->faults[i];
        options->on_fault(options->context, fault);
    }
    if (batch->output.code) {
        exporter->error = batch->output;
        return false;
    }
    exporter->finished = batch->end;
    if (options->on_progress) {
        options->on_progress(options->context, batch->end - options->offset);
    }
    return true;
}

static const struct work export_work = {export_run, export_finish};

static void submit_batch(struct exporter *exporter)
{
    if (exporter->filling) {
        batch_announce(exporter->filling, exporter->view->chain);
        exporter->filling = NULL;
        workers_submit(exporter->workers);
    }
}

static bool next_batch(struct exporter *exporter, uint64_t start)
{
    submit_batch(exporter);
    exporter->filling = workers_item(exporter->workers);
    if (exporter->filling) {
        batch_reset(exporter->filling, start);
    }
    return exporter->filling != NULL;
}

static bool plan_piece(struct exporter *exporter, const struct extent *piece)
{
    if (exporter->filling && batch_append(exporter->filling, &exporter->sink, piece)) {
        return true;
    }
    return next_batch(exporter, piece->start) &&
           batch_append(exporter->filling, &exporter->sink, piece);
}

// Splits an extent into pieces that fit a batch.
static bool plan_extent(struct exporter *exporter, struct extent extent)
{
    while (extent.length > 0) {
        struct extent piece = extent;
        piece.length = batch_piece_max(&exporter->sink, &extent);
        if (!plan_piece(exporter, &piece)) {
            return false;
        }
        extent.start += piece.length;
        extent.host_offset += piece.length;
        extent.length -= piece.length;
    }
    return true;
}

static struct extent zeros_instead(struct extent extent)
{
    extent.kind = CLUSTER_ZERO;
    extent.has_host = false;
    extent.encrypted = false;
    return extent;
}

// A range with faulty table entries gets its own batch, so that its error is reported in order.
static bool plan_fault(struct exporter *exporter, struct extent extent, const struct error *error)
{
    if (!next_batch(exporter, extent.start)) {
        return false;
    }
    batch_fault(exporter->filling, &extent, error);
    if (!exporter->options->salvage) {
        return false;
    }
    return plan_extent(exporter, zeros_instead(extent));
}

// Plans an extent but for what need not be read.
static bool plan_unless_passed(struct exporter *exporter, struct extent extent)
{
    const struct export_options *options = exporter->options;
    if (!options->pass_extent) {
        return plan_extent(exporter, extent);
    }
    bool going = true;
    while (going && extent.length > 0) {
        struct extent part = extent;
        bool is_passed;
        part.length = options->pass_extent(options->context, &extent, &is_passed);
        going = plan_extent(exporter, is_passed ? zeros_instead(part) : part);
        extent.start += part.length;
        extent.host_offset += part.length;
        extent.length -= part.length;
    }
    return going;
}

// The range that need not be read from `at` on.
static uint64_t passed_range(const struct exporter *exporter, uint64_t at, uint64_t end)
{
    const struct export_options *options = exporter->options;
    return options->pass_range ? min_u64(options->pass_range(options->context, at), end - at) : 0;
}

static void plan_disk(struct exporter *exporter)
{
    uint64_t at = exporter->options->offset;
    uint64_t end = at + exporter->options->length;
    bool going = true;
    while (going && at < end) {
        struct extent extent = {.start = at, .kind = CLUSTER_ZERO};
        struct error error;
        extent.length = passed_range(exporter, at, end);
        bool found = extent.length > 0 || extent_at(&exporter->walk, at, end - at, &extent, &error);
        going = found ? plan_unless_passed(exporter, extent) : plan_fault(exporter, extent, &error);
        at += extent.length;
    }
    submit_batch(exporter);
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

static bool export_start(struct exporter *exporter, struct error *error)
{
    if (!exporter->options->as_stored && !chain_check_keys(exporter->view->chain, error)) {
        return false;
    }
    unsigned jobs = exporter->options->jobs;
    buffers_init(&exporter->buffers, batch_buffer_size(largest_cluster(exporter->view->chain)));
    exporter->batch_count = batch_count(exporter->view->chain, jobs);
    exporter->batches = calloc(exporter->batch_count, sizeof *exporter->batches);
    exporter->readers = calloc(jobs, sizeof *exporter->readers);
    if (!exporter->batches || !exporter->readers) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < exporter->batch_count; i++) {
        exporter->batches[i].buffers = &exporter->buffers;
    }
    for (unsigned i = 0; i < jobs; i++) {
        exporter->readers[i] = reader_make(exporter->view->chain);
    }
    if (!extent_walk_start(&exporter->walk, exporter->view, error)) {
        return false;
    }
    exporter->workers = workers_start(&export_work, exporter, jobs, exporter->batches,
                                      sizeof *exporter->batches, exporter->batch_count, error);
    return exporter->workers != NULL;
}

static void export_stop(struct exporter *exporter)
{
    workers_stop(exporter->workers);
    extent_walk_end(&exporter->walk);
    for (size_t i = 0; exporter->batches && i < exporter->batch_count; i++) {
        batch_free(&exporter->batches[i]);
    }
    buffers_free(&exporter->buffers);
    for (unsigned i = 0; exporter->readers && i < exporter->options->jobs; i++) {
        reader_free(&exporter->readers[i]);
    }
    free(exporter->batches);
    free(exporter->readers);
}

// Ends the sink after the last byte that was written. This is a success only when the whole range
// was written.
static bool export_end(struct exporter *exporter, bool done, struct error *error)
{
    uint64_t end = exporter->options->offset + exporter->options->length;
    if (done && exporter->finished == end) {
        return sink_end(&exporter->sink, end, error);
    }
    if (done) {
        error_set(&exporter->error, ERROR_LIMIT, "guest offset %" PRIu64 ": too much for one batch",
                  exporter->finished);
    }
    *error = exporter->error;
    struct error ignored;
    sink_end(&exporter->sink, exporter->finished, &ignored);
    return false;
}

bool export_disk(const struct view *view, const struct export_options *options, int fd,
                 struct error *error)
{
    struct exporter exporter = {
        .view = view,
        .options = options,
        .sink =
            fd == EXPORT_NOWHERE ? sink_nowhere() : sink_make(fd, options->offset, options->sparse),
        .finished = options->offset,
    };
    bool done = false;
    if (export_start(&exporter, error)) {
        plan_disk(&exporter);
        done = workers_drain(exporter.workers);
        workers_stop(exporter.workers);
        exporter.workers = NULL;
        done = export_end(&exporter, done, error);
    }
    export_stop(&exporter);
    return done;
}
