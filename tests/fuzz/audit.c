// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit.h"

#include "capture.h"
#include "harness.h"
#include "layers.h"
#include "memory.h"
#include "output/audit_output.h"

#include <stdlib.h>
#include <string.h>

enum {
    // With many snapshots 4 MiB of L1 entries and 4 MiB of L2 entries that are compared; then the
    // sets of clusters and windows.
    MEMORY_MAX = 12 << 20,
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
    audit_print_json(audit, options, NULL, json);
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

static void audit_it(struct chain *chain)
{
    const struct image *image = chain->layers[0].image;
    struct audit_options options = audit_options_default();
    struct audit audit;
    struct error error;
    memory_watch();
    MUST(audit_image(image, &options, &audit, &error));
    MUST(memory_most() < MEMORY_MAX);
    MUST(!audit.complete || source_complete(image->source));
    MUST(!audit.actual_size_known);
    print(&audit, &options);
    // What allows everything finds the same.
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        options.severities[i] = AUDIT_ALLOWED;
    }
    MUST(audit_is_safe(&audit, &options));
    print(&audit, &options);
}

void run_audit(struct bytes input)
{
    layers_inspect(input, audit_it);
}
