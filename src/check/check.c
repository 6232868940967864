// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "check/check.h"

#include "base/checked.h"
#include "check/check_parts.h"
#include "check/check_references.h"
#include "format/layout.h"
#include "image/encryption.h"
#include "tables/snapshot_reader.h"

#include <inttypes.h>

static void check_encryption_header(struct check_state *state)
{
    const struct extensions *extensions = &state->image->extensions;
    const struct finding none = {0};
    struct problems problems = {0};
    struct luks luks;
    if (extensions->has_encryption) {
        check_reference(state, extensions->encryption_offset, extensions->encryption_length,
                        PURPOSE_ENCRYPTION, &none, "the header extension");
    }
    encryption_load_luks(state->image, &luks, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        const struct error *error = &problems.items[i].error;
        const struct finding at = {
            .kind = FINDING_ENCRYPTION_HEADER, .has_host = true, .host_offset = error->offset};
        // A header that the file cuts short was reported with the reference to it.
        if (error->code != ERROR_TRUNCATED && error->code != ERROR_UNSEEN) {
            findings_add(&state->check->findings, &at, "%s", error->message);
        }
    }
    problems_free(&problems);
}

// Header extensions refer to bitmaps and to the encryption header. When one cannot be read, what it
// refers to cannot be counted.
static bool hides_references(const struct check_state *state, const struct problem *problem)
{
    switch (problem->kind) {
    case PROBLEM_EXTENSIONS_PLACE:
    case PROBLEM_EXTENSION_LENGTH:
    case PROBLEM_EXTENSION_CUT_SHORT:
    case PROBLEM_EXTENSION_SHORT:
        return true;
    default:
        return check_error_is_unseen(state, &problem->error);
    }
}

static enum finding_kind finding_of_header(const struct problem *problem)
{
    if (problem->refused) {
        return FINDING_REFUSED;
    }
    return problem->kind == PROBLEM_PARTIAL_SECTOR ? FINDING_PARTIAL_SECTOR : FINDING_HEADER;
}

static void check_header_problem(struct check_state *state, const struct problem *problem)
{
    const struct error *error = &problem->error;
    const struct finding at = {.kind = finding_of_header(problem),
                               .has_host = error->has_offset,
                               .host_offset = error->offset};
    state->uncounted = state->uncounted || hides_references(state, problem);
    if (check_error_is_unseen(state, error)) {
        check_unseen(state);
    } else {
        findings_add(&state->check->findings, &at, "%s", error->message);
    }
}

static void check_header(struct check_state *state)
{
    const struct image *image = state->image;
    struct findings *findings = &state->check->findings;
    uint64_t features = state->header->incompatible_features;
    struct finding at = {.has_host = true, .host_offset = HEADER_INCOMPATIBLE_FEATURES};
    if (features & INCOMPATIBLE_DIRTY) {
        at.kind = FINDING_DIRTY;
        findings_add(findings, &at, "incompatible feature bit 0");
    }
    if (features & INCOMPATIBLE_CORRUPT) {
        at.kind = FINDING_CORRUPT_BIT;
        findings_add(findings, &at, "incompatible feature bit 1");
    }
    for (size_t i = 0; i < image->problems.count; i++) {
        if (image->problems.items[i].kind != PROBLEM_TABLE_UNSEEN) { // the table's reference counts
            check_header_problem(state, &image->problems.items[i]);
        }
    }
}

static void check_trailing_bytes(struct check_state *state)
{
    const struct check *check = state->check;
    uint64_t size = state->image->source->size;
    // Clusters that were not counted, or whose refcount is unknown, may lie there.
    if (size > check->image_end_offset && !state->uncounted && check->check_errors == 0) {
        const struct finding at = {.kind = FINDING_TRAILING_BYTES,
                                   .has_host = true,
                                   .host_offset = check->image_end_offset};
        findings_add(&state->check->findings, &at, "%" PRIu64 " bytes",
                     size - check->image_end_offset);
    }
}

static void report_unseen(struct check_state *state)
{
    uint64_t references = state->check->unseen_references;
    if (references > 0) {
        struct error error;
        error_set(
            &error, ERROR_UNSEEN,
            "the image comes from a pipe: only its first %" PRIu64 " bytes were read, and %" PRIu64
            " %s to later ones not checked; check a file instead",
            state->image->source->size, references, references == 1 ? "reference" : "references");
        check_failed(state, &error);
    }
}

static void check_references(struct check_state *state)
{
    const struct finding none = {0};
    check_reference(state, 0, state->header->cluster_size, PURPOSE_HEADER, &none, "the format");
    state->disk_bytes = state->header->size;
    refcount_announce_blocks(state->image);
    check_l1_tree(state, l1_table_active(state->header), state->header->size, true,
                  "the active L1 table");
    check_end_disk(state);
    check_snapshots(state);
    check_shared_tables(state);
    check_encryption_header(state);
    check_bitmaps(state);
    check_refcount_tables(state);
    refcount_announce_blocks(state->image);
    check_compare_refcounts(state);
    report_unseen(state);
}

// Without these, no refcount can be compared.
static bool can_be_checked(const struct image *image, struct error *error)
{
    const struct header *header = &image->header;
    uint64_t table = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    if (header->refcount_bits == 0) {
        return error_at(error, ERROR_CORRUPT, HEADER_REFCOUNT_ORDER,
                        "refcount_order is %" PRIu32 ", above %d: refcounts cannot be compared",
                        header->refcount_order, REFCOUNT_ORDER_MAX);
    }
    if (table > CAP_REFCOUNT_TABLE_BYTES) {
        return error_at(error, ERROR_LIMIT, HEADER_REFCOUNT_TABLE_CLUSTERS,
                        "the refcount table has %" PRIu64 " bytes, above %" PRIu64, table,
                        CAP_REFCOUNT_TABLE_BYTES);
    }
    return true;
}

static struct check_state start(const struct chain *chain, const struct check_options *options,
                                struct check *check)
{
    const struct image *image = chain->layers[0].image;
    const struct header *header = &image->header;
    return (struct check_state){
        .chain = chain,
        .image = image,
        .header = header,
        .options = options,
        .check = check,
        .file_end = divide_up(image->source->size, header->cluster_size) << header->cluster_bits,
        .whole_clusters = image->source->size >> header->cluster_bits,
        .partial = !source_complete(image->source),
        .dirty = (header->incompatible_features & INCOMPATIBLE_DIRTY) != 0,
        .refcount_max = header->refcount_order == REFCOUNT_ORDER_MAX
                            ? UINT64_MAX >> 1
                            : (UINT64_C(1) << header->refcount_bits) - 1,
        .budget = {.left = CHECK_BUDGET},
        .suspicions = {.max = options->max_findings},
        .leaks_file = table_file_make(image->source),
        .leaks_left = CHECK_LEAKS_READ,
        .refcounts = refcount_walk_make(image, NULL),
    };
}

static bool check_metadata(const struct chain *chain, const struct check_options *options,
                           struct check *check, struct error *error)
{
    if (!image_countable(chain->layers[0].image, error)) {
        return false;
    }
    struct check_state state = start(chain, options, check);
    // One more cluster: an extent that begins in the last cluster may reach past the end of the
    // file.
    uint64_t clusters = (state.file_end >> state.header->cluster_bits) + 1;
    if (!reference_map_make(&state.references, clusters)) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    check_header(&state);
    check_references(&state);
    check_trailing_bytes(&state);
    check_report_leaks(&state);
    findings_free(&state.suspicions);
    table_file_free(&state.leaks_file);
    refcount_walk_free(&state.refcounts);
    reference_map_free(&state.references);
    shared_tables_free(&state.shared);
    return state.out_of_memory ? error_set(error, ERROR_MEMORY, "out of memory") : true;
}

uint64_t check_progress_total(const struct chain *chain)
{
    uint64_t total = chain->layers[0].size;
    struct snapshot snapshot;
    struct snapshot_reader reader = snapshot_reader_start(chain->layers[0].image);
    while (snapshot_reader_next(&reader, &snapshot, NULL)) {
        total = add_clipped(total, check_readable_bytes(chain, &snapshot));
    }
    snapshot_reader_free(&reader);
    return total;
}

bool check_image(const struct chain *chain, const struct check_options *options,
                 struct check *check, struct error *error)
{
    const struct image *image = chain->layers[0].image;
    *check = (struct check){
        .findings = {.max = options->max_findings},
        .total_clusters = divide_up(image->header.size, image->header.cluster_size),
    };
    return can_be_checked(image, error) && check_metadata(chain, options, check, error) &&
           (!options->data || check_data(chain, options, check, error));
}

void check_free(struct check *check)
{
    findings_free(&check->findings);
}
