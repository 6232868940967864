// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "check/check.h"

#include "base/checked.h"
#include "capture.h"
#include "format/layout.h"
#include "harness.h"
#include "image/extent.h"
#include "layers.h"
#include "memory.h"
#include "output/check_output.h"

#include <stdlib.h>

enum {
    FINDINGS_MAX = 40,
    READ_MAX = 4 << 20,    // data are only read of a disk up to this size: bytes
    MEMORY_MAX = 32 << 20, // what check.h promises, and
    CELL = 4,              // so many bytes a host cluster
    EXTENTS_MAX = 2000,
};

static void must_add_up(const struct check *check)
{
    const struct findings *findings = &check->findings;
    uint64_t totals[SEVERITY_COUNT] = {0};
    uint64_t all = 0;
    for (size_t kind = 0; kind < FINDING_KINDS; kind++) {
        totals[finding_rules[kind].severity] += findings->by_kind[kind];
        all += findings->by_kind[kind];
    }
    for (size_t severity = 0; severity < SEVERITY_COUNT; severity++) {
        MUST(totals[severity] == findings->totals[severity]);
    }
    MUST(findings->count == min_u64(all, FINDINGS_MAX));
    MUST(check->compressed_clusters <= check->allocated_clusters);
    MUST(check->fragmented_clusters <= check->allocated_clusters);
    MUST((check->check_errors > 0) == (check->first_error.code != NULL));
}

static void print(const struct check *check)
{
    struct writer *json = capture_start();
    struct writer *text = capture_start();
    size_t documents;
    check_print_json(check, "folder/image.qcow2", JSON_PRETTY, json);
    check_print_text(check, text);
    struct bytes json_printed = capture_end(json);
    struct bytes text_printed = capture_end(text);
    cJSON *document = must_be_json(json_printed, &documents);
    MUST(documents == 1 && json_items(document, "findings") == check->findings.count);
    must_be_text(text_printed);
    cJSON_Delete(document);
    free((void *)(uintptr_t)json_printed.data);
    free((void *)(uintptr_t)text_printed.data);
}

// Where a check finds nothing wrong, every place of the disk can be found.
static void must_be_mapped(const struct chain *chain)
{
    struct extent_walk walk;
    struct error error;
    const struct view view = view_active(chain);
    uint64_t size = view.size;
    MUST(extent_walk_start(&walk, &view, &error));
    uint64_t at = 0;
    for (unsigned i = 0; at < size && i < EXTENTS_MAX; i++) {
        struct extent extent;
        MUST(extent_at(&walk, at, size - at, &extent, &error));
        at += extent.length;
    }
    extent_walk_end(&walk);
}

// The tables are sound, and the file that they speak of is open.
static bool can_be_mapped(const struct check *check, const struct layer *layer)
{
    return check->check_errors == 0 && check->findings.totals[SEVERITY_CORRUPTION] == 0 &&
           !layer->image->problems.unreadable &&
           (layer->data_file || !image_has_feature(layer->image, INCOMPATIBLE_DATA_FILE));
}

static void check_it(struct chain *chain, const struct choices *choices)
{
    const struct image *image = chain->layers[0].image;
    const struct check_options options = {
        .max_findings = FINDINGS_MAX,
        .data = choices->data && chain->layers[0].size <= READ_MAX,
        .jobs = choices->jobs,
    };
    struct check check;
    struct error error;
    uint64_t clusters = divide_up(image->source->size, image->header.cluster_size);
    memory_watch();
    if (check_image(chain, &options, &check, &error)) {
        MUST(memory_most() <= MEMORY_MAX + CELL * clusters);
        must_add_up(&check);
        print(&check);
        if (can_be_mapped(&check, &chain->layers[0])) {
            must_be_mapped(chain);
        }
    } else {
        MUST(error.code && error.message[0]);
    }
    check_free(&check);
}

void run_check(struct bytes input)
{
    static const enum problem_kind tolerated[] = {
        PROBLEM_ENCRYPTION_UNKNOWN, PROBLEM_HEADER_CUT_SHORT, PROBLEM_L1_TABLE_CUT_SHORT,
        PROBLEM_BACKING_NAME_CUT_SHORT, PROBLEM_NONE};
    struct choices choices = choices_of(input);
    struct chain_options options = {
        .no_backing = true, .no_data_file = !choices.data, .tolerated = tolerated};
    struct memory_files files;
    struct chain chain;
    struct error error;
    if (layers_open(input, &choices, options, &files, &chain, &error)) {
        check_it(&chain, &choices);
    } else {
        MUST(error.code && error.message[0]);
    }
    chain_close(&chain);
}
