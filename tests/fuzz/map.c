// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/checked.h"
#include "capture.h"
#include "compare/changes.h"
#include "format/layout.h"
#include "harness.h"
#include "image/extent.h"
#include "layers.h"
#include "memory.h"
#include "output/extent_output.h"
#include "tables/bitmap_reader.h"
#include "tables/dirty.h"
#include "tables/snapshot_reader.h"

#include <stdlib.h>

enum {
    EXTENTS_MAX = 600,    // of one disk, then it is enough
    FAULTS_MAX = 64,      // the same of places that cannot be read
    OTHERS_MAX = 3,       // snapshots and bitmaps to read
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

// Every way to print what is found.
struct printers {
    struct extent_output outputs[EXTENT_FORMATS];
    struct chart *chart; // owned
    uint64_t extents;
};

static struct chart *chart_start(const struct view *view, enum extent_subject subject)
{
    struct chart_subject shown = {.format = view->size % 2 ? CHART_SVG : CHART_TEXT,
                                  .width = (unsigned)(view->size / 512 % 200),
                                  .length = view->size,
                                  .unit = 512,
                                  .file = "folder/image.qcow2",
                                  .what = "the disk"};
    struct chart *chart = calloc(1, sizeof *chart);
    struct error error;
    shown.kinds = extent_kinds(subject, &shown.kind_count);
    MUST(chart && chart_make(chart, &shown, &error));
    return chart;
}

// The bytes of each kind in all cells are the totals, and no cell has more than its size.
static void must_add_up(const struct chart *chart)
{
    uint64_t sums[CHART_KINDS_MAX] = {0};
    for (size_t i = 0; i < chart->count; i++) {
        struct chart_cell cell = chart_cell(chart, i);
        uint64_t left = cell.length;
        for (size_t kind = 0; kind < chart->subject.kind_count; kind++) {
            MUST(cell.bytes[kind] <= left);
            left -= cell.bytes[kind];
            sums[kind] += cell.bytes[kind];
        }
    }
    for (size_t kind = 0; kind < chart->subject.kind_count; kind++) {
        MUST(sums[kind] == chart->totals[kind]);
    }
}

static struct printers printers_start(const struct view *view, enum extent_subject subject)
{
    struct printers printers = {.chart = chart_start(view, subject)};
    for (size_t i = 0; i < EXTENT_FORMATS; i++) {
        printers.outputs[i] = (struct extent_output){.writer = capture_start(),
                                                     .view = view,
                                                     .subject = subject,
                                                     .places = subject != EXTENTS_OF_BITMAP,
                                                     .chart = printers.chart};
        if (extent_printers[i].begin) {
            extent_printers[i].begin(&printers.outputs[i]);
        }
    }
    return printers;
}

static void print_extent(struct printers *printers, const struct extent *extent,
                         enum extent_status status)
{
    for (size_t i = 0; i < EXTENT_FORMATS; i++) {
        extent_printers[i].extent(&printers->outputs[i], extent, status);
    }
    printers->extents++;
}

static struct bytes printer_end(struct printers *printers, enum extent_format format)
{
    struct extent_output *output = &printers->outputs[format];
    if (extent_printers[format].end) {
        extent_printers[format].end(output);
    }
    extent_output_free(output);
    return capture_end(output->writer);
}

static void printers_end(struct printers *printers)
{
    size_t lines;
    struct bytes printed[EXTENT_FORMATS];
    for (size_t i = 0; i < EXTENT_FORMATS; i++) {
        printed[i] = printer_end(printers, (enum extent_format)i);
    }
    must_be_text(printed[EXTENT_TEXT]);
    must_be_text(printed[EXTENT_CHART]);
    must_add_up(printers->chart);
    chart_free(printers->chart);
    free(printers->chart);
    must_be_text(printed[EXTENT_TOTALS_TEXT]);
    cJSON_Delete(must_be_json(printed[EXTENT_JSON], &lines));
    MUST(lines == printers->extents);
    cJSON *totals = must_be_json(printed[EXTENT_TOTALS_JSON], &lines);
    MUST(json_number(totals, "extents") == (double)printers->extents);
    cJSON_Delete(totals);
    for (size_t i = 0; i < EXTENT_FORMATS; i++) {
        free((void *)(uintptr_t)printed[i].data);
    }
}

// The extents of [at, end), without holes and overlaps between them, as far as they are read.
static void walk_disk(const struct view *view, uint64_t at, uint64_t end)
{
    struct extent_walk walk;
    struct error error;
    unsigned faults = 0;
    struct printers printers = printers_start(view, EXTENTS_OF_DISK);
    MUST(extent_walk_start(&walk, view, &error));
    while (at < end && printers.extents < EXTENTS_MAX && faults < FAULTS_MAX) {
        struct extent extent = {0};
        if (extent_at(&walk, at, end - at, &extent, &error)) {
            must_be_extent(view->chain, &extent, at, end - at);
            if (printers.extents % 8 == 0) {
                must_be_the_same(view, &extent);
            }
            print_extent(&printers, &extent, extent_status(&extent));
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

// What changed covers the disk with the extents that it has, and between a disk and itself there is
// nothing.
static void walk_changes(const struct view *since, const struct view *now)
{
    struct change_walk walk;
    struct error error;
    unsigned faults = 0;
    struct printers printers = printers_start(now, EXTENTS_OF_CHANGES);
    MUST(change_walk_start(&walk, since, now, &error));
    for (uint64_t at = 0;
         at < now->size && printers.extents < EXTENTS_MAX && faults < FAULTS_MAX;) {
        struct change change;
        bool then;
        if (change_at(&walk, at, now->size - at, &change, &then, &error)) {
            must_be_extent(now->chain, &change.extent, at, now->size - at);
            if (printers.extents % 8 == 0) {
                must_be_the_same(now, &change.extent);
            }
            MUST(since != now || !change.changed);
            print_extent(&printers, &change.extent,
                         change.changed ? STATUS_CHANGED : STATUS_UNCHANGED);
        } else {
            MUST(error.code && error.message[0] && change.extent.length >= 1);
            MUST(change.extent.length <= now->size - at);
            faults++;
        }
        at += change.extent.length;
    }
    change_walk_end(&walk);
    printers_end(&printers);
}

static void walk_snapshots(const struct chain *chain)
{
    const struct view active = view_active(chain);
    struct snapshot_reader reader = snapshot_reader_start(chain->layers[0].image);
    struct snapshot snapshot;
    for (unsigned i = 0; i < OTHERS_MAX && snapshot_reader_next(&reader, &snapshot, NULL); i++) {
        struct view view;
        struct error error;
        if (view_snapshot(chain, &snapshot, "", &view, &error)) {
            walk_whole_disk(&view);
            walk_changes(&view, &active);
            walk_changes(&view, &view);
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
    MUST(dirty_walk_start(&walk, image, bitmap, TABLE_WINDOW_MAX, &error));
    MUST(dirty_at(&walk, extent->start + into, extent->length - into, &found, &error));
    MUST(found.dirty == extent->dirty && found.length <= extent->length - into);
    dirty_walk_end(&walk);
}

static void walk_bits(const struct chain *chain, const struct bitmap *bitmap)
{
    const struct image *image = chain->layers[0].image;
    const struct view view = view_active(chain);
    struct dirty_walk walk;
    struct error error;
    uint64_t size = image->header.size;
    if (!dirty_walk_start(&walk, image, bitmap, TABLE_WINDOW_MAX, &error)) {
        return;
    }
    struct printers printers = printers_start(&view, EXTENTS_OF_BITMAP);
    for (uint64_t at = 0; at < size && printers.extents < EXTENTS_MAX;) {
        struct dirty_extent extent;
        if (!dirty_at(&walk, at, size - at, &extent, &error)) {
            MUST(error.code && error.message[0]);
            break;
        }
        MUST(extent.start == at && extent.length >= 1 && extent.length <= size - at);
        if (printers.extents % 8 == 0) {
            must_be_as_dirty(image, bitmap, &extent);
        }
        const struct extent range = {.start = extent.start, .length = extent.length};
        print_extent(&printers, &range, extent.dirty ? STATUS_DIRTY : STATUS_CLEAN);
        at += extent.length;
    }
    dirty_walk_end(&walk);
    printers_end(&printers);
}

static void walk_bitmaps(const struct chain *chain)
{
    struct bitmap_reader reader = bitmap_reader_start(chain->layers[0].image);
    struct bitmap bitmap;
    for (unsigned i = 0; i < OTHERS_MAX && bitmap_reader_next(&reader, &bitmap, NULL); i++) {
        walk_bits(chain, &bitmap);
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
        walk_bitmaps(&chain);
        walk_snapshots(&chain);
    } else {
        MUST(error.code && error.message[0]);
    }
    chain_close(&chain);
    MUST(memory_most() < MEMORY_MAX);
}
