// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "info/info.h"

#include "capture.h"
#include "harness.h"
#include "image/probe.h"
#include "layers.h"
#include "memory.h"
#include "output/info_output.h"

#include <stdlib.h>

// Whatever the image says: windows over two tables, the problems and two buffers of output.
enum { MEMORY_MAX = 2 << 20 };

static void print_json(const struct info *info)
{
    struct json json;
    size_t documents;
    struct writer *writer = capture_start();
    json_init(&json, writer, JSON_PRETTY);
    info_print_json(info, true, &json);
    json_finish(&json);
    struct bytes printed = capture_end(writer);
    cJSON *document = must_be_json(printed, &documents);
    MUST(documents == 1);
    MUST(json_items(document, "problems") >= info->problems.count);
    MUST(json_items(document, "snapshots") == info->snapshot_count);
    MUST(json_items(document, "bitmaps") == info->bitmap_count);
    cJSON_Delete(document);
    free((void *)(uintptr_t)printed.data);
}

static void print_text(const struct info *info)
{
    struct writer *writer = capture_start();
    info_print_text(info, writer);
    struct bytes printed = capture_end(writer);
    must_be_text(printed);
    MUST(printed.size > 0);
    free((void *)(uintptr_t)printed.data);
}

static void look_at(const struct image *image, const char *path)
{
    struct info info;
    struct error error;
    MUST(info_collect(image, path, &info, &error));
    MUST(info.snapshot_count <= image->header.nb_snapshots);
    MUST(!image->problems.unreadable || info.problems.unreadable);
    print_json(&info);
    print_text(&info);
    info_free(&info);
}

static void inspect_file(struct bytes input)
{
    struct error error;
    struct source *source = source_open_memory(input, true, &error);
    MUST(source);
    probe_qcow2(source, &error);
    MUST(probe_describe(source));
    probe_other_format(source, "image");
    source_close(source);
}

void run_info(struct bytes input)
{
    struct choices choices = choices_of(input);
    struct chain_options options = {.inspect = true};
    struct memory_files files;
    struct chain chain;
    struct error error;
    inspect_file(input);
    memory_watch();
    layers_open(input, &choices, options, &files, &chain, &error);
    for (size_t i = 0; i < chain.count; i++) {
        if (chain.layers[i].image) {
            look_at(chain.layers[i].image, chain.layers[i].path);
        }
    }
    chain_close(&chain);
    MUST(memory_most() < MEMORY_MAX + 32 * input.size);
}
