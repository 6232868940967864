// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Holds audit against check and map: what is safe, and was inspected completely, is not corrupt,
// apart from what a table below explains.

#include "audit/audit.h"
#include "check/check.h"
#include "harness.h"
#include "image/extent.h"
#include "layers.h"

#include <string.h>

enum { EXTENTS_MAX = 2000, FINDINGS_MAX = 1000 };

// Nothing begins past the end of the file. The last cluster of a file may be a part of one: it ends
// at just this offset.
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

// Corruption that check finds in images that are safe, and why it is safe there. `words`: a part of
// the place; NULL: any.
static const struct {
    enum finding_kind kind;
    const char *words;
    const char *why;
} safe_corruption[] = {
    {FINDING_REFCOUNT_BLOCK_SHARED, NULL, "one reference, and a refcount above 1: a leak"},
    {FINDING_COPIED_FLAG, NULL,
     "a write copies a cluster that it need not copy, or the refcount is above 1 for one "
     "reference"},
    {FINDING_OUT_OF_FILE, "bytes of compressed guest data",
     "a stream ends somewhere in its last sector, which need not be in the file"},
    {FINDING_CUT_SHORT, NULL, "a file need not contain all of its last cluster"},
};

// A phrase above is at the end of a place: those that were cut may have lost it.
static bool was_cut(const struct finding *finding)
{
    return strlen(finding->place) == FINDING_PLACE_SIZE - 1;
}

static bool is_safe(const struct finding *finding)
{
    for (size_t i = 0; i < sizeof safe_corruption / sizeof *safe_corruption; i++) {
        const char *words = safe_corruption[i].words;
        if (finding->kind == safe_corruption[i].kind &&
            (!words || was_cut(finding) || strstr(finding->place, words))) {
            return true;
        }
    }
    return false;
}

static void must_not_be_corrupt(struct chain *chain)
{
    const struct check_options options = {.max_findings = FINDINGS_MAX, .jobs = 1};
    struct check check;
    struct error error;
    if (check_image(chain, &options, &check, &error)) {
        for (size_t i = 0; i < check.findings.count; i++) {
            const struct finding *finding = &check.findings.items[i];
            MUST(finding_rules[finding->kind].severity != SEVERITY_CORRUPTION || is_safe(finding));
        }
    }
    check_free(&check);
}

static bool is_safe_and_complete(const struct image *image)
{
    struct audit_options options = audit_options_default();
    struct audit audit;
    struct error error;
    MUST(audit_image(image, &options, &audit, &error));
    return audit.complete && audit_is_safe(&audit, &options);
}

static void hold_verdicts(struct chain *chain)
{
    const struct image *image = chain->layers[0].image;
    if (is_safe_and_complete(image)) {
        MUST(!image->problems.unreadable);
        must_be_there(chain);
        must_not_be_corrupt(chain);
    }
}

void run_verdicts(struct bytes input)
{
    layers_inspect(input, hold_verdicts);
}
