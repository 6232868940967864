// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "compare/compare.h"

#include "base/checked.h"
#include "base/workers.h"
#include "compare/ranges.h"
#include "format/layout.h"
#include "image/batch.h"

#include <stdlib.h>

enum {
    BUFFER = 256 * 1024,    // bytes of each disk: few, so that they are in a cache when they are
                            // compared; or one cluster, if that is larger
    PIECE_ALIGNMENT = 4096, // bytes: a long pair is cut at a multiple
};

// Pairs that must be read: extent i of both batches has the same guest range.
struct piece {
    struct batch batches[SIDES];
    struct ranges ranges; // that differ
    bool no_memory;
};

struct comparer {
    const struct view *views;
    const struct compare_options *options;
    struct comparison *comparison;
    struct sink nowhere;
    struct pair_walk walk;
    struct workers *workers;
    struct piece *pieces;
    size_t piece_count;
    struct buffers buffers;          // of the pieces
    struct reader (*readers)[SIDES]; // a pair for each job
    struct piece *filling;           // NULL: none
    struct range pending;            // the last range, which the next one may extend; end 0: none
    bool stopped;                    // a difference was found, and one is enough
    bool failed;
    struct error error;
};

// --- Ranges --------------------------------------------------------------------------------------

static void flush_range(struct comparer *comparer)
{
    struct range *range = &comparer->pending;
    if (range->end > 0) {
        range->end = min_u64(range->end, comparer->walk.end);
        comparer->comparison->differing += range->end - range->start;
        if (comparer->options->on_range) {
            comparer->options->on_range(comparer->options->context, range->start,
                                        range->end - range->start);
        }
    }
    *range = (struct range){0};
}

static void take_range(struct comparer *comparer, const struct range *range)
{
    struct comparison *comparison = comparer->comparison;
    if (!comparison->differs) {
        comparison->differs = true;
        comparison->first_difference = range->start;
    }
    if (comparer->pending.end > 0 && range->start <= comparer->pending.end) {
        comparer->pending.end = max_u64(comparer->pending.end, range->end);
        return;
    }
    flush_range(comparer);
    comparer->pending = *range;
}

// --- Workers -------------------------------------------------------------------------------------

// The bytes of an extent; NULL for zeros. Moves `*used` past them.
static const uint8_t *bytes_of(const struct batch *batch, const struct extent *extent, size_t *used)
{
    const uint8_t *bytes = extent_zero(extent) ? NULL : batch->buffer + *used;
    *used += bytes ? (size_t)extent->length : 0;
    return bytes;
}

// Compares the part that could be read of both.
static bool compare_piece(struct piece *piece, bool all)
{
    const struct batch *a = &piece->batches[SIDE_A];
    const struct batch *b = &piece->batches[SIDE_B];
    size_t count = a->count < b->count ? a->count : b->count;
    size_t used[SIDES] = {0};
    piece->ranges.count = 0;
    for (size_t i = 0; i < count && (all || piece->ranges.count == 0); i++) {
        const struct extent *in_a = &a->extents[i];
        uint64_t length = min_u64(in_a->length, b->extents[i].length);
        const uint8_t *bytes_a = bytes_of(a, in_a, &used[SIDE_A]);
        const uint8_t *bytes_b = bytes_of(b, &b->extents[i], &used[SIDE_B]);
        if (!ranges_compare(&piece->ranges, in_a->start, bytes_a ? bytes_a : bytes_b,
                            bytes_a ? bytes_b : NULL, (size_t)length, all)) {
            return false;
        }
    }
    return true;
}

static void compare_run(void *context, unsigned worker, void *item)
{
    struct comparer *comparer = context;
    struct piece *piece = item;
    bool memory = true;
    for (size_t i = 0; i < SIDES; i++) {
        batch_fill(&piece->batches[i], &comparer->nowhere, &comparer->readers[worker][i], false);
        memory = memory && !piece->batches[i].output.code;
    }
    piece->no_memory = !memory || !compare_piece(piece, comparer->options->all);
    batch_release(&piece->batches[SIDE_A]);
    batch_release(&piece->batches[SIDE_B]);
}

static bool fail(struct comparer *comparer, enum side side, const struct error *error)
{
    comparer->failed = true;
    comparer->comparison->faulty = side;
    comparer->error = *error;
    return false;
}

// The side with the first fault on the disk; SIDES: none.
static enum side faulty_side(const struct piece *piece)
{
    const struct batch *a = &piece->batches[SIDE_A];
    const struct batch *b = &piece->batches[SIDE_B];
    if (a->fault_count == 0) {
        return b->fault_count == 0 ? SIDES : SIDE_B;
    }
    return b->fault_count > 0 && b->faults[0].start < a->faults[0].start ? SIDE_B : SIDE_A;
}

static bool compare_finish(void *context, void *item)
{
    struct comparer *comparer = context;
    struct piece *piece = item;
    enum side faulty = faulty_side(piece);
    if (piece->no_memory) {
        struct error error;
        error_set(&error, ERROR_MEMORY, "out of memory");
        return fail(comparer, SIDES, &error);
    }
    for (size_t i = 0; i < piece->ranges.count; i++) {
        take_range(comparer, &piece->ranges.items[i]);
    }
    if (comparer->comparison->differs && !comparer->options->all) {
        comparer->stopped = true;
        comparer->comparison->compared = min_u64(comparer->pending.end, comparer->walk.end);
        return false;
    }
    if (faulty != SIDES) {
        comparer->comparison->compared = piece->batches[faulty].faults[0].start;
        return fail(comparer, faulty, &piece->batches[faulty].faults[0].error);
    }
    comparer->comparison->compared = piece->batches[SIDE_A].end;
    if (comparer->options->on_progress) {
        comparer->options->on_progress(comparer->options->context, comparer->comparison->compared);
    }
    return true;
}

static const struct work compare_work = {compare_run, compare_finish};

// --- Planning ------------------------------------------------------------------------------------

static void submit_piece(struct comparer *comparer)
{
    if (comparer->filling) {
        for (size_t i = 0; i < SIDES; i++) {
            batch_announce(&comparer->filling->batches[i], comparer->views[i].chain);
        }
        comparer->filling = NULL;
        workers_submit(comparer->workers);
    }
}

static bool next_piece(struct comparer *comparer, uint64_t start)
{
    submit_piece(comparer);
    comparer->filling = workers_item(comparer->workers);
    if (comparer->filling) {
        batch_reset(&comparer->filling->batches[SIDE_A], start);
        batch_reset(&comparer->filling->batches[SIDE_B], start);
    }
    return comparer->filling != NULL;
}

// The bytes of the buffers that must be free for a pair at `at`: up to the end of the compressed
// cluster, so that it is decoded once.
static uint64_t wanted(const struct comparer *comparer, const struct pair *pair)
{
    uint64_t most = PIECE_ALIGNMENT;
    for (size_t i = 0; i < SIDES; i++) {
        const struct extent *extent = &pair->extents[i];
        if (extent_compressed(extent)) {
            const struct layer *layer = &comparer->views[i].chain->layers[extent->depth];
            uint64_t end = extent->cluster + layer->image->header.cluster_size;
            most = max_u64(most, end - pair->start);
        }
    }
    return min_u64(most, comparer->buffers.size);
}

static uint64_t room(const struct comparer *comparer)
{
    const struct batch *batches = comparer->filling->batches;
    size_t planned = batches[SIDE_A].planned > batches[SIDE_B].planned ? batches[SIDE_A].planned
                                                                       : batches[SIDE_B].planned;
    return align_down(comparer->buffers.size - planned, PIECE_ALIGNMENT);
}

static bool append(struct comparer *comparer, const struct pair *pair, uint64_t length)
{
    for (size_t i = 0; i < SIDES; i++) {
        const struct extent part = extent_part(&pair->extents[i], pair->start, length);
        if (!batch_append(&comparer->filling->batches[i], &comparer->nowhere, &part)) {
            return false;
        }
    }
    return true;
}

// Plans the start of a pair; `*length` is the planned length.
static bool plan_part(struct comparer *comparer, const struct pair *pair, uint64_t *length)
{
    bool fits = comparer->filling && comparer->filling->batches[SIDE_A].count < BATCH_EXTENTS &&
                room(comparer) >= min_u64(wanted(comparer, pair), pair->length);
    if (!fits && !next_piece(comparer, pair->start)) {
        return false;
    }
    *length = min_u64(pair->length, room(comparer));
    return append(comparer, pair, *length);
}

static bool plan_pair(struct comparer *comparer, struct pair pair)
{
    while (pair.length > 0) {
        uint64_t length;
        if (!plan_part(comparer, &pair, &length)) {
            return false;
        }
        for (size_t i = 0; length < pair.length && i < SIDES; i++) {
            pair.extents[i] =
                extent_part(&pair.extents[i], pair.start + length, pair.length - length);
        }
        pair.start += length;
        pair.length -= length;
    }
    return true;
}

static bool same_allocation(const struct pair *pair)
{
    const struct extent *a = &pair->extents[SIDE_A];
    const struct extent *b = &pair->extents[SIDE_B];
    return extent_allocated(a) == extent_allocated(b) && extent_zero(a) == extent_zero(b);
}

// Notes a difference in allocation. False when one is enough.
static bool check_allocation(struct comparer *comparer, const struct pair *pair)
{
    struct comparison *comparison = comparer->comparison;
    if (!comparer->options->strict || comparison->allocation_differs || same_allocation(pair)) {
        return true;
    }
    comparison->allocation_differs = true;
    comparison->allocation_offset = pair->start;
    return comparer->options->all;
}

// False, with `error`, at a pair for which the tables of one disk have faults.
static bool plan_disks(struct comparer *comparer, uint64_t *at, enum side *faulty,
                       struct error *error)
{
    bool going = true;
    while (going && *at < comparer->walk.end) {
        struct pair pair;
        if (!pair_at(&comparer->walk, *at, &pair, error)) {
            *faulty = pair.faulty;
            return false;
        }
        going = check_allocation(comparer, &pair) && (pair.same || plan_pair(comparer, pair));
        *at += going ? pair.length : 0;
    }
    return true;
}

static void compare_all(struct comparer *comparer)
{
    struct error error;
    enum side faulty = SIDES;
    uint64_t at = 0;
    bool sound = plan_disks(comparer, &at, &faulty, &error);
    submit_piece(comparer);
    bool drained = workers_drain(comparer->workers);
    if (drained) {
        comparer->comparison->compared = at;
    }
    // How far the tables were walked at this point depends on the threads.
    if (comparer->stopped) {
        comparer->comparison->allocation_differs = false;
    }
    if (drained && !sound) {
        fail(comparer, faulty, &error);
    }
}

// --- Start and end -------------------------------------------------------------------------------

static size_t largest_cluster(const struct view *views)
{
    size_t largest = 0;
    for (size_t i = 0; i < SIDES; i++) {
        for (size_t j = 0; j < views[i].chain->count; j++) {
            const struct image *image = views[i].chain->layers[j].image;
            largest = (size_t)max_u64(largest, image ? image->header.cluster_size : 0);
        }
    }
    return largest;
}

static bool compare_start(struct comparer *comparer, struct error *error)
{
    unsigned jobs = comparer->options->jobs;
    comparer->piece_count = (size_t)max_u64(batch_count(comparer->views[SIDE_A].chain, jobs),
                                            batch_count(comparer->views[SIDE_B].chain, jobs));
    buffers_init(&comparer->buffers, (size_t)max_u64(BUFFER, largest_cluster(comparer->views)));
    comparer->pieces = calloc(comparer->piece_count, sizeof *comparer->pieces);
    comparer->readers = calloc(jobs, sizeof *comparer->readers);
    if (!comparer->pieces || !comparer->readers) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < SIDES; i++) {
        for (size_t j = 0; j < comparer->piece_count; j++) {
            comparer->pieces[j].batches[i].buffers = &comparer->buffers;
        }
        for (size_t j = 0; j < jobs; j++) {
            comparer->readers[j][i] = reader_make(comparer->views[i].chain);
        }
    }
    comparer->workers = workers_start(&compare_work, comparer, jobs, comparer->pieces,
                                      sizeof *comparer->pieces, comparer->piece_count, error);
    return comparer->workers != NULL;
}

static void compare_stop(struct comparer *comparer)
{
    workers_stop(comparer->workers);
    for (size_t i = 0; comparer->pieces && i < comparer->piece_count; i++) {
        batch_free(&comparer->pieces[i].batches[SIDE_A]);
        batch_free(&comparer->pieces[i].batches[SIDE_B]);
        ranges_free(&comparer->pieces[i].ranges);
    }
    buffers_free(&comparer->buffers);
    for (size_t i = 0; comparer->readers && i < comparer->options->jobs; i++) {
        reader_free(&comparer->readers[i][SIDE_A]);
        reader_free(&comparer->readers[i][SIDE_B]);
    }
    free(comparer->pieces);
    free(comparer->readers);
}

static bool check_keys(const struct view *views, enum side *faulty, struct error *error)
{
    for (enum side i = SIDE_A; i < SIDES; i++) {
        if (!chain_check_keys(views[i].chain, error)) {
            *faulty = i;
            return false;
        }
    }
    return true;
}

static void conclude(struct comparer *comparer)
{
    struct comparison *comparison = comparer->comparison;
    bool other_sizes = comparison->sizes[SIDE_A] != comparison->sizes[SIDE_B];
    comparison->identical =
        !comparison->differs &&
        !(comparer->options->strict && (other_sizes || comparison->allocation_differs));
    if (comparer->options->on_progress && comparison->compared == comparer->walk.end) {
        comparer->options->on_progress(comparer->options->context, comparison->compared);
    }
}

bool compare_disks(const struct view views[static SIDES], const struct compare_options *options,
                   struct comparison *comparison, struct error *error)
{
    struct comparer comparer = {
        .views = views, .options = options, .comparison = comparison, .nowhere = sink_nowhere()};
    *comparison =
        (struct comparison){.sizes = {views[SIDE_A].size, views[SIDE_B].size}, .faulty = SIDES};
    bool sizes_settle = options->strict && !options->all && views[0].size != views[1].size;
    bool started = check_keys(views, &comparison->faulty, error) &&
                   pair_walk_start(&comparer.walk, views, false, error) &&
                   compare_start(&comparer, error);
    if (started && !sizes_settle) {
        compare_all(&comparer);
        flush_range(&comparer);
    }
    conclude(&comparer);
    compare_stop(&comparer);
    pair_walk_end(&comparer.walk);
    if (started && comparer.failed) {
        *error = comparer.error;
    }
    return started && !comparer.failed;
}
