// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/extent.h"

#include "base/checked.h"

#include <stdlib.h>

// Bytes of all windows of a chain together.
enum { WINDOWS_BUDGET = 8 << 20 };

struct layer_walk {
    struct run_walk tables; // for a qcow2 layer
    // Up to this guest offset all layers from the first to this one are holes: a later lookup below
    // the offset starts at the next layer.
    uint64_t hole_end;
};

static size_t window_capacity(size_t layers)
{
    size_t capacity = TABLE_WINDOW_MAX;
    while (capacity > TABLE_WINDOW_MIN && capacity * layers * 2 > WINDOWS_BUDGET) {
        capacity /= 2;
    }
    return capacity;
}

static struct l1_table layer_l1(const struct view *view, size_t depth)
{
    const struct image *image = view->chain->layers[depth].image;
    return depth == 0 || !image ? view->l1 : l1_table_active(&image->header);
}

bool extent_walk_start(struct extent_walk *walk, const struct view *view, struct error *error)
{
    const struct chain *chain = view->chain;
    size_t capacity = window_capacity(chain->count);
    *walk = (struct extent_walk){.view = *view};
    walk->layers = calloc(chain->count, sizeof *walk->layers);
    if (!walk->layers) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < chain->count; i++) {
        const struct layer *layer = &chain->layers[i];
        walk->layers[i].tables = (struct run_walk){
            .image = layer->image,
            .data = layer_data(layer),
            .short_end = layer->short_end,
            .suffix = layer->suffix,
            .l1 = layer_l1(view, i),
            .l1_window = table_window_make(capacity),
            .l2_window = table_window_make(capacity),
        };
    }
    return true;
}

void extent_walk_end(struct extent_walk *walk)
{
    for (size_t i = 0; walk->layers && i < walk->view.chain->count; i++) {
        run_walk_free(&walk->layers[i].tables);
    }
    free(walk->layers);
    *walk = (struct extent_walk){0};
}

static struct run raw_run(struct source *raw, uint64_t offset, uint64_t limit)
{
    bool hole;
    uint64_t length = source_run(raw, offset, &hole);
    return (struct run){
        .kind = hole ? CLUSTER_ZERO : CLUSTER_DATA,
        .has_host = true,
        .length = min_u64(length, limit),
        .host_offset = offset,
    };
}

// Holes of the file read as zeros.
static void apply_host_holes(const struct layer *layer, struct run *run)
{
    bool hole;
    if (!layer->holes || run->kind != CLUSTER_DATA) {
        return;
    }
    uint64_t length = host_holes_run(layer->holes, run->host_offset, &hole);
    run->length = min_u64(run->length, length);
    if (hole) {
        run->kind = CLUSTER_ZERO;
    }
}

static bool layer_run(struct extent_walk *walk, size_t depth, uint64_t offset, uint64_t limit,
                      struct run *run, struct error *error)
{
    const struct layer *layer = &walk->view.chain->layers[depth];
    if (layer->raw) {
        *run = raw_run(layer->raw, offset, limit);
        return true;
    }
    if (run_at(&walk->layers[depth].tables, offset, limit, run, error)) {
        apply_host_holes(layer, run);
        return true;
    }
    return depth == 0 ? false : error_prefix(error, "backing file %s", layer->path);
}

// The first layer that is not known to be a hole at `offset`.
static size_t first_depth(struct extent_walk *walk, uint64_t offset)
{
    size_t depth = offset < walk->last ? 0 : walk->depth;
    while (depth > 0 && offset >= walk->layers[depth - 1].hole_end) {
        depth--;
    }
    walk->last = offset;
    return depth;
}

// True when the layer below `depth` can have the data at `offset`; clips `end` to that layer.
static bool goes_deeper(const struct chain *chain, size_t depth, uint64_t offset, uint64_t *end)
{
    if (depth + 1 == chain->count || offset >= chain->layers[depth + 1].size) {
        return false;
    }
    *end = min_u64(*end, chain->layers[depth + 1].size);
    return true;
}

bool extent_at(struct extent_walk *walk, uint64_t offset, uint64_t limit, struct extent *extent,
               struct error *error)
{
    size_t depth = first_depth(walk, offset);
    uint64_t end = depth > 0 ? walk->layers[depth - 1].hole_end : view_end(&walk->view);
    struct run run = {0};
    bool found;
    while ((found = layer_run(walk, depth, offset, end - offset, &run, error)) &&
           run.kind == CLUSTER_UNALLOCATED) {
        end = offset + run.length;
        if (!goes_deeper(walk->view.chain, depth, offset, &end)) {
            break;
        }
        walk->layers[depth++].hole_end = end;
    }
    walk->depth = depth;
    *extent = (struct extent){
        .start = offset,
        .length = min_u64(run.length, limit),
        .kind = run.kind,
        .depth = depth,
        .encrypted = run.kind == CLUSTER_DATA && walk->view.chain->layers[depth].cipher,
        .has_host = run.has_host,
        .host_offset = run.host_offset,
        .stored_size = run.stored_size,
        .cluster = run.cluster,
    };
    return found;
}

bool extent_continues(const struct extent *extent, const struct extent *next, bool places)
{
    if (next->start != extent->start + extent->length || next->kind != extent->kind) {
        return false;
    }
    if (!places) {
        return true;
    }
    return next->depth == extent->depth && next->has_host == extent->has_host &&
           (!next->has_host || next->host_offset == extent->host_offset + extent->length) &&
           !extent_compressed(next);
}
