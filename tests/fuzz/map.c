// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/checked.h"
#include "capture.h"
#include "format/layout.h"
#include "harness.h"
#include "image/extent.h"
#include "layers.h"
#include "memory.h"
#include "output/dirty_output.h"
#include "output/extent_output.h"
#include "tables/bitmap_reader.h"
#include "tables/dirty.h"
#include "tables/snapshot_reader.h"

#include <stdlib.h>

enum {
    EXTENTS_MAX = 600,    // of one disk, then it is enough
    FAULTS_MAX = 64,      // the same of places that cannot be read
    OTHERS_MAX = 3,       // snapshots and bitmaps that are looked at
    MEMORY_MAX = 4 << 20, // windows over the tables of a few layers, and output
};

static void must_be_extent(const struct chain *chain, const struct extent *extent, uint64_t at,
                           uint64_t limit)
{
    MUST(extent->start == at && extent->length >= 1 && extent->length <= limit);
    MUST(extent->depth < chain->count);
    const struct layer *layer = &chain->layers[extent->depth];
    if (extent->kind == CLUSTER_DATA) {
        MUST(extent->has_host);
        MUST(range_inside(extent->host_offset, extent->length, layer_data(layer)->size));
    } else if (extent->kind == CLUSTER_COMPRESSED) {
        uint64_t size = layer->image->header.cluster_size;
        MUST(extent->has_host && extent->host_offset < layer->image->source->size);
        MUST(extent->cluster % size == 0 && extent->start >= extent->cluster);
        MUST(extent->start + extent->length <= extent->cluster + size);
    }
}

// A walk that begins in the middle of an extent finds the same there.
static void must_be_the_same(const struct view *view, const struct extent *extent)
{
    struct extent_walk walk;
    struct extent found;
    struct error error;
    uint64_t into = extent->length / 2;
    MUST(extent_walk_start(&walk, view, &error));
    MUST(extent_at(&walk, extent->start + into, extent->length - into, &found, &error));
    MUST(found.length >= 1 && found.length <= extent->length - into);
    MUST(found.kind == extent->kind && found.depth == extent->depth);
    MUST(found.has_host == extent->has_host);
    MUST(!found.has_host || extent_compressed(&found) ||
         found.host_offset == extent->host_offset + into);
    extent_walk_end(&walk);
}

struct printers {
    struct writer *json, *text;
    struct extent_output json_output, text_output;
    struct extent_totals totals;
};

static void print_extent(struct printers *printers, const struct extent *extent)
{
    extent_output_json(&printers->json_output, extent);
    extent_output_text(&printers->text_output, extent);
    printers->totals.bytes[extent->kind] += extent->length;
    printers->totals.extents++;
}

static struct printers printers_start(const struct view *view)
{
    struct printers printers = {.json = capture_start(), .text = capture_start()};
    printers.json_output = extent_output_make(printers.json, view, true);
    printers.text_output = extent_output_make(printers.text, view, true);
    extent_output_heading(&printers.text_output);
    return printers;
}

static void printers_end(struct printers *printers)
{
    size_t lines;
    size_t extents = printers->totals.extents;
    extent_output_free(&printers->json_output);
    extent_output_free(&printers->text_output);
    extent_totals_text(printers->text, &printers->totals);
    extent_totals_json(printers->json, &printers->totals);
    struct bytes json = capture_end(printers->json);
    struct bytes text = capture_end(printers->text);
    cJSON *document = must_be_json(json, &lines);
    MUST(lines == extents + 1);
    MUST(json_number(document, "extents") == (double)extents);
    must_be_text(text);
    cJSON_Delete(document);
    free((void *)(uintptr_t)json.data);
    free((void *)(uintptr_t)text.data);
}

// The extents of [at, end), without holes and overlaps between them, as far as they are looked at.
static void walk_disk(const struct view *view, uint64_t at, uint64_t end)
{
    struct extent_walk walk;
    struct error error;
    unsigned faults = 0;
    struct printers printers = printers_start(view);
    MUST(extent_walk_start(&walk, view, &error));
    while (at < end && printers.totals.extents < EXTENTS_MAX && faults < FAULTS_MAX) {
        struct extent extent = {0};
        if (extent_at(&walk, at, end - at, &extent, &error)) {
            must_be_extent(view->chain, &extent, at, end - at);
            if (printers.totals.extents % 8 == 0) {
                must_be_the_same(view, &extent);
            }
            print_extent(&printers, &extent);
        } else {
            MUST(error.code && error.message[0] && extent.start == at);
            MUST(extent.length >= 1 && extent.length <= end - at);
            faults++;
        }
        at += extent.length;
    }
    extent_walk_end(&walk);
    printers_end(&printers);
}

// From the start, and again close to the end: a disk may be long.
static void walk_whole_disk(const struct view *view)
{
    uint64_t size = view->size;
    walk_disk(view, 0, size);
    walk_disk(view, size - min_u64(size, 100000), size);
}

static void walk_snapshots(const struct chain *chain)
{
    struct snapshot_reader reader = snapshot_reader_start(chain->layers[0].image);
    struct snapshot snapshot;
    for (unsigned i = 0; i < OTHERS_MAX && snapshot_reader_next(&reader, &snapshot, NULL); i++) {
        struct view view;
        struct error error;
        if (view_snapshot(chain, &snapshot, "", &view, &error)) {
            walk_whole_disk(&view);
        } else {
            MUST(error.code && error.message[0]);
        }
    }
    snapshot_reader_free(&reader);
}

// What a walk says that begins in the middle of an extent.
static void must_be_as_dirty(const struct image *image, const struct bitmap *bitmap,
                             const struct dirty_extent *extent)
{
    struct dirty_walk walk;
    struct dirty_extent found;
    struct error error;
    uint64_t into = extent->length / 2;
    MUST(dirty_walk_start(&walk, image, bitmap, &error));
    MUST(dirty_at(&walk, extent->start + into, extent->length - into, &found, &error));
    MUST(found.dirty == extent->dirty && found.length <= extent->length - into);
    dirty_walk_end(&walk);
}

static void walk_bits(const struct image *image, const struct bitmap *bitmap)
{
    struct dirty_walk walk;
    struct error error;
    struct dirty_totals totals = {.extents = 0};
    uint64_t size = image->header.size;
    if (!dirty_walk_start(&walk, image, bitmap, &error)) {
        return;
    }
    struct writer *writer = capture_start();
    dirty_output_heading(writer, extent_width(size));
    for (uint64_t at = 0; at < size && totals.extents < EXTENTS_MAX;) {
        struct dirty_extent extent;
        if (!dirty_at(&walk, at, size - at, &extent, &error)) {
            MUST(error.code && error.message[0]);
            break;
        }
        MUST(extent.start == at && extent.length >= 1 && extent.length <= size - at);
        if (totals.extents % 8 == 0) {
            must_be_as_dirty(image, bitmap, &extent);
        }
        dirty_output_text(writer, extent_width(size), &extent);
        totals.bytes[extent.dirty] += extent.length;
        totals.extents++;
        at += extent.length;
    }
    dirty_totals_text(writer, &totals);
    dirty_walk_end(&walk);
    struct bytes printed = capture_end(writer);
    must_be_text(printed);
    free((void *)(uintptr_t)printed.data);
}

static void walk_bitmaps(const struct image *image)
{
    struct bitmap_reader reader = bitmap_reader_start(image);
    struct bitmap bitmap;
    for (unsigned i = 0; i < OTHERS_MAX && bitmap_reader_next(&reader, &bitmap, NULL); i++) {
        walk_bits(image, &bitmap);
    }
    bitmap_reader_free(&reader);
}

void run_map(struct bytes input)
{
    struct choices choices = choices_of(input);
    struct chain_options options = {.inspect = false};
    struct memory_files files;
    struct chain chain;
    struct error error;
    memory_watch();
    if (layers_open(input, &choices, options, &files, &chain, &error)) {
        const struct view view = view_active(&chain);
        walk_whole_disk(&view);
        walk_bitmaps(chain.layers[0].image);
        walk_snapshots(&chain);
    } else {
        MUST(error.code && error.message[0]);
    }
    chain_close(&chain);
    MUST(memory_most() < MEMORY_MAX);
}
