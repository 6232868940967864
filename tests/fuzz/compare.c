// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "compare/compare.h"

#include "base/checked.h"
#include "capture.h"
#include "format/layout.h"
#include "harness.h"
#include "image/export.h"
#include "layers.h"
#include "memory.h"
#include "output/compare_output.h"
#include "tables/snapshot_reader.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RANGE = 300000, // bytes at the start of each disk
    SECTORS = RANGE / SECTOR_SIZE + 1,
    SNAPSHOTS_MAX = 3, // that are compared with the active disk
    MEMORY_MAX =
        64 << 20, // batches of 1 MiB and a cluster for each disk and of two jobs, and tables
};

// What cat reads of a disk, up to its first fault; zeros behind the end.
struct contents {
    uint8_t bytes[SECTORS * SECTOR_SIZE];
    uint64_t known; // bytes that could be read
};

static struct contents *contents_of(const struct view *view)
{
    struct contents *contents = calloc(1, sizeof *contents);
    struct export_options options = {.offset = view->start, .length = view->size, .jobs = 1};
    struct error error;
    int fd = capture_open();
    MUST(contents && write(fd, "-", 1) == 1); // not a file that is made sparse
    bool done = export_disk(view, &options, fd, &error);
    struct bytes exported = capture_read(fd);
    close(fd);
    MUST(exported.size >= 1 && exported.size - 1 <= view->size);
    memcpy(contents->bytes, exported.data + 1, exported.size - 1);
    contents->known = done ? sizeof contents->bytes : exported.size - 1;
    free((void *)(uintptr_t)exported.data);
    return contents;
}

// What a comparison reports while it goes on.
struct reported {
    bool sectors[SECTORS];
    uint64_t end, done, ranges, bytes;
    struct compare_output json, text;
};

static void on_range(void *context, uint64_t start, uint64_t length)
{
    struct reported *reported = context;
    MUST(length > 0 && start % SECTOR_SIZE == 0 && range_inside(start, length, RANGE));
    MUST(reported->ranges == 0 || start > reported->end); // merged with the one before
    for (uint64_t at = start; at < start + length; at += SECTOR_SIZE) {
        reported->sectors[at / SECTOR_SIZE] = true;
    }
    reported->end = start + length;
    reported->bytes += length;
    reported->ranges++;
    compare_print_range(&reported->json, start, length);
    compare_print_range(&reported->text, start, length);
}

static void on_progress(void *context, uint64_t done)
{
    struct reported *reported = context;
    MUST(done >= reported->done && done <= RANGE);
    reported->done = done;
}

static void must_print(struct reported *reported, const struct comparison *comparison, bool done)
{
    size_t documents;
    if (done) {
        compare_print_end(&reported->json, comparison);
        compare_print_end(&reported->text, comparison);
    }
    struct bytes json = capture_end(reported->json.writer);
    struct bytes text = capture_end(reported->text.writer);
    must_be_text(text);
    cJSON_Delete(must_be_json(json, &documents));
    MUST(documents == reported->ranges + done);
    free((void *)(uintptr_t)json.data);
    free((void *)(uintptr_t)text.data);
}

static bool compare(const struct view views[static SIDES], struct compare_options options,
                    struct reported *reported, struct comparison *comparison)
{
    struct error error = {0};
    *reported = (struct reported){.end = 0};
    reported->json = (struct compare_output){
        .writer = capture_start(), .json = true, .all = options.all, .strict = options.strict};
    reported->text = (struct compare_output){
        .writer = capture_start(), .all = options.all, .strict = options.strict};
    options.on_range = on_range;
    options.on_progress = on_progress;
    options.context = reported;
    bool done = compare_disks(views, &options, comparison, &error);
    MUST(done || (error.code && error.message[0]));
    MUST(comparison->differing == reported->bytes && comparison->compared <= RANGE);
    must_print(reported, comparison, done);
    return done;
}

// Sectors differ where the bytes do that cat reads.
static void must_agree(const struct contents *a, const struct contents *b,
                       const struct reported *reported)
{
    uint64_t known = min_u64(min_u64(a->known, b->known), RANGE);
    for (uint64_t at = 0; at + SECTOR_SIZE <= known; at += SECTOR_SIZE) {
        bool differ = memcmp(a->bytes + at, b->bytes + at, SECTOR_SIZE) != 0;
        MUST(reported->sectors[at / SECTOR_SIZE] == differ);
    }
}

static void compare_views(struct view a, struct view b, const struct choices *choices)
{
    struct compare_options options = {
        .jobs = choices->jobs, .all = true, .strict = choices->salvage};
    struct reported *reported = malloc(sizeof *reported);
    struct comparison all;
    struct comparison first;
    a.size = min_u64(a.size, RANGE);
    b.size = min_u64(b.size, RANGE);
    const struct view views[SIDES] = {a, b};
    MUST(reported);
    bool first_done =
        compare(views, (struct compare_options){.jobs = choices->jobs}, reported, &first);
    bool done = compare(views, options, reported, &all);
    MUST(first.differs == all.differs && (first_done || !done));
    MUST(!first.differs || first.first_difference == all.first_difference);
    if (!layer_encrypted(&a.chain->layers[0])) {
        struct contents *in_a = contents_of(&a);
        struct contents *in_b = contents_of(&b);
        must_agree(in_a, in_b, reported);
        // What can be read whole can be compared, and the other way round not.
        MUST(done || in_a->known < sizeof in_a->bytes || in_b->known < sizeof in_b->bytes);
        free(in_a);
        free(in_b);
    }
    free(reported);
}

static void compare_snapshots(const struct chain *chain, const struct choices *choices)
{
    struct snapshot_reader reader = snapshot_reader_start(chain->layers[0].image);
    struct snapshot snapshot;
    for (unsigned i = 0; i < SNAPSHOTS_MAX && snapshot_reader_next(&reader, &snapshot, NULL); i++) {
        struct view view;
        struct error error;
        if (view_snapshot(chain, &snapshot, "", &view, &error)) {
            compare_views(view_active(chain), view, choices);
        }
    }
    snapshot_reader_free(&reader);
}

// The disk with and without its backing files.
static void compare_alone(struct bytes input, const struct chain *chain,
                          const struct choices *choices)
{
    struct chain_options options = {.no_backing = true};
    struct memory_files files;
    struct chain alone;
    struct error error;
    if (layers_open(input, choices, options, &files, &alone, &error)) {
        compare_views(view_active(chain), view_active(&alone), choices);
    }
    chain_close(&alone);
}

void run_compare(struct bytes input)
{
    struct choices choices = choices_of(input);
    struct chain_options options = {.inspect = false};
    struct memory_files files;
    struct chain chain;
    struct error error;
    memory_watch();
    if (layers_open(input, &choices, options, &files, &chain, &error)) {
        compare_snapshots(&chain, &choices);
        compare_alone(input, &chain, &choices);
    } else {
        MUST(error.code && error.message[0]);
    }
    chain_close(&chain);
    MUST(memory_most() <= MEMORY_MAX);
}
