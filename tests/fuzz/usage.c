// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "usage/usage.h"

#include "base/checked.h"
#include "capture.h"
#include "harness.h"
#include "layers.h"
#include "memory.h"
#include "output/usage_output.h"

#include <stdlib.h>

enum {
    MEMORY_MAX = 24 << 20, // what usage.h promises, and
    CELL = 6,              // so many bytes a host cluster, where many snapshots own clusters
};

static void must_add_up(const struct usage *usage)
{
    uint64_t bytes = 0;
    uint64_t exclusive = 0;
    for (size_t i = 0; i < PARTS; i++) {
        MUST(usage->parts[i].bytes <= usage->file_size - bytes);
        MUST(usage->parts[i].clusters > 0 || usage->parts[i].bytes == 0);
        bytes += usage->parts[i].bytes;
    }
    MUST(bytes == usage->file_size);
    for (size_t i = 0; i < usage->snapshot_count; i++) {
        exclusive += usage->snapshots[i].exclusive_bytes;
    }
    MUST(exclusive <= usage->all_snapshots_exclusive_bytes);
    MUST(usage->all_snapshots_exclusive_bytes <= usage->file_size);
    MUST((usage->error_count > 0) == (usage->first_error.code != NULL));
    MUST(!usage->measure.qcow2_known || usage->measure.required <= usage->measure.fully_allocated);
}

// What was handed over of the file, in order.
struct places {
    uint64_t end; // of it
    uint64_t bytes[PARTS];
};

static void take_place(void *context, uint64_t offset, uint64_t length, enum usage_part part)
{
    struct places *places = context;
    MUST(offset == places->end && length > 0 && part < PART_CONFLICTING);
    places->end += length;
    places->bytes[part] += length;
}

static void must_be_the_parts(const struct places *places, const struct usage *usage)
{
    MUST(places->end == usage->file_size);
    for (size_t i = 0; i < PARTS; i++) {
        MUST(places->bytes[i] == usage->parts[i].bytes);
    }
}

static void print(const struct usage *usage)
{
    struct writer *text = capture_start();
    struct writer *writer = capture_start();
    struct json json;
    size_t documents;
    usage_print_text(usage, "folder/image.qcow2", 80, text);
    json_init(&json, writer, JSON_PRETTY);
    usage_print_json(usage, "folder/image.qcow2", &json);
    json_finish(&json);
    struct bytes text_printed = capture_end(text);
    struct bytes json_printed = capture_end(writer);
    must_be_text(text_printed);
    cJSON *document = must_be_json(json_printed, &documents);
    MUST(documents == 1 && json_items(document, "parts") == PARTS);
    MUST(json_items(document, "snapshots") == usage->snapshot_count);
    cJSON_Delete(document);
    free((void *)(uintptr_t)text_printed.data);
    free((void *)(uintptr_t)json_printed.data);
}

void run_usage(struct bytes input)
{
    struct choices choices = choices_of(input);
    struct chain_options options = {.no_data_file = true};
    struct memory_files files;
    struct chain chain;
    struct usage usage;
    struct error error;
    struct places seen = {0};
    const struct usage_places places = {take_place, &seen};
    bool opened = layers_open(input, &choices, options, &files, &chain, &error);
    memory_watch();
    if (chain.count > 0 && usage_collect(&chain, opened, &places, NULL, &usage, &error)) {
        uint64_t clusters = divide_up(usage.file_size, chain.layers[0].image->header.cluster_size);
        MUST(memory_most() <= MEMORY_MAX + CELL * clusters);
        must_add_up(&usage);
        must_be_the_parts(&seen, &usage);
        print(&usage);
        usage_free(&usage);
    }
    chain_close(&chain);
}
