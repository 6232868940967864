// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit.h"

#include "capture.h"
#include "check/check.h"
#include "harness.h"
#include "image/extent.h"
#include "layers.h"
#include "memory.h"
#include "output/audit_output.h"

#include <stdlib.h>
#include <string.h>

enum {
    // The places of tables with those that they had before they grew, windows, places seen lately.
    MEMORY_MAX = 6 << 20,
    EXTENTS_MAX = 2000,
    FINDINGS_MAX = 1000,
};

static void must_agree(const cJSON *document, const struct audit *audit,
                       const struct audit_options *options)
{
    const cJSON *finding;
    bool safe = true;
    size_t found = 0;
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        found += audit->findings[i].count > 0;
    }
    MUST(json_items(document, "findings") == found);
    cJSON_ArrayForEach(finding, cJSON_GetObjectItemCaseSensitive(document, "findings"))
    {
        const char *code = cJSON_GetStringValue(cJSON_GetObjectItem(finding, "code"));
        const char *severity = cJSON_GetStringValue(cJSON_GetObjectItem(finding, "severity"));
        const char *message = cJSON_GetStringValue(cJSON_GetObjectItem(finding, "message"));
        enum audit_rule rule;
        MUST(code && severity && message && message[0]);
        MUST(audit_rule_find((struct bytes){(const uint8_t *)code, strlen(code)}, &rule));
        MUST(strcmp(severity, audit_severity_name(options->severities[rule])) == 0);
        safe = safe && strcmp(severity, "unsafe") != 0;
    }
    MUST(safe == audit_is_safe(audit, options));
    MUST(safe == cJSON_IsTrue(cJSON_GetObjectItem(document, "safe")));
}

static void print(const struct audit *audit, const struct audit_options *options)
{
    struct writer *json = capture_start();
    struct writer *text = capture_start();
    size_t documents;
    audit_print_json(audit, options, json);
    audit_print_text(audit, options, text);
    struct bytes json_printed = capture_end(json);
    struct bytes text_printed = capture_end(text);
    cJSON *document = must_be_json(json_printed, &documents);
    MUST(documents == 1);
    must_agree(document, audit, options);
    must_be_text(text_printed);
    cJSON_Delete(document);
    free((void *)(uintptr_t)json_printed.data);
    free((void *)(uintptr_t)text_printed.data);
}

// Whatever is safe and was seen whole has nothing that begins past the end of the file. The last
// cluster of a file need not be whole: it ends at just this offset.
static void must_be_there(const struct chain *chain)
{
    struct extent_walk walk;
    struct error error;
    const struct source *source = chain->layers[0].image->source;
    const struct view view = view_active(chain);
    uint64_t size = view.size;
    MUST(extent_walk_start(&walk, &view, &error));
    uint64_t at = 0;
    for (unsigned i = 0; at < size && i < EXTENTS_MAX; i++) {
        struct extent extent;
        if (!extent_at(&walk, at, size - at, &extent, &error)) {
            MUST(error.code != ERROR_TRUNCATED || error.offset == source->size);
        }
        at += extent.length;
    }
    extent_walk_end(&walk);
}

// Data and compressed data in one cluster, and compressed data that seem to reach past the end of
// the file, are wrong but harmless. In a message that was cut they cannot be recognized.
static bool is_harmless(const struct finding *finding)
{
    static const char *const harmless[] = {
        "used as compressed guest data and as guest data",
        "used as guest data and as compressed guest data",
        "bytes of compressed guest data",
    };
    bool found = strlen(finding->place) == FINDING_PLACE_SIZE - 1;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        found = found || strstr(finding->place, harmless[i]);
    }
    return found;
}

// Of the same image a check, which goes by a map of all clusters, finds nothing over a table and
// nothing past the end of the file.
static void must_be_checked(struct chain *chain)
{
    const struct check_options options = {.max_findings = FINDINGS_MAX, .jobs = 1};
    struct check check;
    struct error error;
    if (check_image(chain, &options, &check, &error)) {
        for (size_t i = 0; i < check.findings.count; i++) {
            const struct finding *finding = &check.findings.items[i];
            MUST(is_harmless(finding) ||
                 (finding->kind != FINDING_OVERLAP && finding->kind != FINDING_OUT_OF_FILE &&
                  finding->kind != FINDING_REFCOUNT_BLOCK_OUT_OF_FILE));
        }
    }
    check_free(&check);
}

static void audit_it(struct chain *chain, const struct image *image)
{
    struct audit_options options = audit_options_default();
    struct audit audit;
    struct error error;
    memory_watch();
    MUST(audit_image(image, &options, &audit, &error));
    MUST(memory_most() < MEMORY_MAX);
    MUST(!audit.complete || source_complete(image->source));
    MUST(!audit.actual_size_known);
    print(&audit, &options);
    if (audit.complete && audit_is_safe(&audit, &options) && !image->problems.unreadable) {
        must_be_there(chain);
        must_be_checked(chain);
    }
    // What allows everything finds the same.
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        options.severities[i] = AUDIT_ALLOWED;
    }
    MUST(audit_is_safe(&audit, &options));
    print(&audit, &options);
}

void run_audit(struct bytes input)
{
    struct choices choices = choices_of(input);
    struct chain_options options = {.no_backing = true, .no_data_file = true, .inspect = true};
    struct memory_files files;
    struct chain chain;
    struct error error;
    layers_open(input, &choices, options, &files, &chain, &error);
    if (chain.count > 0 && chain.layers[0].image) {
        audit_it(&chain, chain.layers[0].image);
    }
    chain_close(&chain);
}
