// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/checked.h"
#include "capture.h"
#include "format/layout.h"
#include "harness.h"
#include "image/encryption.h"
#include "image/export.h"
#include "layers.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RANGE = 300000,        // bytes at the start and at the end of a disk
    EXTENTS_MAX = 2000,    // that are compared with the bytes
    MEMORY_MAX = 32 << 20, // batches of 1 MiB and a cluster for each of two jobs, and tables
};

// Guest bytes as they come out of one export, and what was said of those that did not.
struct exported {
    bool done;
    struct error error;
    struct bytes bytes; // owned
    uint64_t lost, lost_end;
    uint64_t start, end;
};

static void on_fault(void *context, const struct fault *fault)
{
    struct exported *exported = context;
    uint64_t start = fault->start;
    uint64_t length = fault->length;
    MUST(fault->error.code && fault->error.message[0]);
    MUST(length >= 1 && start >= exported->lost_end);
    MUST(range_inside(start - exported->start, length, exported->end - exported->start));
    exported->lost += length;
    exported->lost_end = start + length;
}

// To a file, or to what is none because something is in it already.
static struct exported export(const struct chain *chain, struct export_options options, bool stream)
{
    struct exported exported = {.start = options.offset, .end = options.offset + options.length};
    int fd = capture_open();
    MUST(!stream || write(fd, "-", 1) == 1);
    options.on_fault = on_fault;
    options.context = &exported;
    const struct view view = view_active(chain);
    exported.done = export_disk(&view, &options, fd, &exported.error);
    exported.bytes = capture_read(fd);
    close(fd);
    if (stream) {
        exported.bytes.size--;
        memmove((void *)(uintptr_t)exported.bytes.data, exported.bytes.data + 1,
                exported.bytes.size);
    }
    MUST(exported.bytes.size <= options.length);
    MUST(!exported.done || exported.bytes.size == options.length);
    MUST(exported.done || (exported.error.code && exported.error.message[0]));
    return exported;
}

static bool all_zeros(const uint8_t *bytes, uint64_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, (size_t)size - 1) == 0);
}

// An extent against the bytes that were exported of it.
static void must_hold(const struct chain *chain, const struct extent *extent, const uint8_t *bytes)
{
    struct error error;
    if (extent_zero(extent)) {
        MUST(all_zeros(bytes, extent->length));
    } else if (extent->kind == CLUSTER_DATA && !extent->encrypted) {
        uint8_t *data = malloc((size_t)extent->length);
        MUST(data && source_read(layer_data(&chain->layers[extent->depth]), extent->host_offset,
                                 data, (size_t)extent->length, &error));
        MUST(memcmp(data, bytes, (size_t)extent->length) == 0);
        free(data);
    }
}

// What cat wrote is what map says.
static void must_agree(const struct chain *chain, const struct exported *exported)
{
    struct extent_walk walk;
    struct error error;
    uint64_t end = exported->start + exported->bytes.size;
    uint64_t at = exported->start;
    const struct view view = view_active(chain);
    MUST(extent_walk_start(&walk, &view, &error));
    for (unsigned i = 0; at < end && i < EXTENTS_MAX; i++) {
        struct extent extent;
        const uint8_t *bytes = exported->bytes.data + (at - exported->start);
        if (extent_at(&walk, at, end - at, &extent, &error)) {
            must_hold(chain, &extent, bytes);
        } else {
            MUST(exported->lost > 0 && all_zeros(bytes, extent.length));
        }
        at += extent.length;
    }
    extent_walk_end(&walk);
}

static void export_range(const struct chain *chain, const struct choices *choices, uint64_t offset,
                         uint64_t length)
{
    struct export_options options = {
        .offset = offset,
        .length = length,
        .jobs = choices->jobs,
        .sparse = (enum sparse)choices->sparse,
        .salvage = choices->salvage,
    };
    struct exported filed = export(chain, options, false);
    options.jobs = 1;
    struct exported streamed = export(chain, options, true);
    MUST(filed.done == streamed.done && filed.lost == streamed.lost);
    MUST(filed.bytes.size == streamed.bytes.size);
    MUST(memcmp(filed.bytes.data, streamed.bytes.data, filed.bytes.size) == 0);
    must_agree(chain, &filed);
    free((void *)(uintptr_t)filed.bytes.data);
    free((void *)(uintptr_t)streamed.bytes.data);
}

// Method AES takes anything for a key.
static void unlock(const struct chain *chain)
{
    static const uint8_t passphrase[] = {'k', 'e', 'y'};
    for (size_t i = 0; i < chain->count; i++) {
        struct layer *layer = &chain->layers[i];
        struct error error;
        int slot;
        if (layer_encrypted(layer) && layer->image->header.crypt_method == CRYPT_AES) {
            layer->cipher = encryption_open(
                layer->image, (struct bytes){passphrase, sizeof passphrase}, 1, &slot, &error);
        }
    }
}

void run_cat(struct bytes input)
{
    static const enum problem_kind cut_short[] = {PROBLEM_HEADER_CUT_SHORT,
                                                  PROBLEM_L1_TABLE_CUT_SHORT,
                                                  PROBLEM_BACKING_NAME_CUT_SHORT, PROBLEM_NONE};
    struct choices choices = choices_of(input);
    struct chain_options options = {.tolerated = choices.salvage ? cut_short : NULL};
    struct memory_files files;
    struct chain chain;
    struct error error;
    memory_watch();
    if (layers_open(input, &choices, options, &files, &chain, &error)) {
        uint64_t size = chain.layers[0].size;
        uint64_t length = min_u64(size, RANGE);
        unlock(&chain);
        export_range(&chain, &choices, 0, length);
        if (size > length) {
            export_range(&chain, &choices, size - length, length);
        }
    } else {
        MUST(error.code && error.message[0]);
    }
    chain_close(&chain);
    MUST(memory_most() <= MEMORY_MAX);
}
