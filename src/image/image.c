// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/image.h"

#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// Bytes to read as the first cluster when the header does not give the cluster size.
enum { USUAL_CLUSTER_SIZE = 65536 };

// Reads [0, size) of the file, or as much as there is, into a new buffer.
static bool read_start(struct source *source, uint64_t size, struct bytes *start,
                       struct error *error)
{
    size = min_u64(size, source->size);
    uint8_t *buffer = malloc(size > 0 ? size : 1);
    if (!buffer) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    if (!source_read(source, 0, buffer, size, error)) {
        free(buffer);
        return false;
    }
    *start = (struct bytes){buffer, size};
    return true;
}

// A file that ends inside a table is truncated, whatever entries the table has.
static void check_table(struct image *image, enum problem_kind cut_short, const char *name,
                        uint64_t offset, uint64_t size, uint64_t field)
{
    const struct source *source = image->source;
    if (size == 0 || range_inside(offset, size, source->size)) {
        return;
    }
    if (source_complete(source)) {
        problems_note(&image->problems, cut_short, field,
                      "%s at %" PRIu64 " reaches past the end of the file at %" PRIu64, name,
                      offset, source->size);
    } else {
        problems_note(&image->problems, PROBLEM_TABLE_UNSEEN, field,
                      "%s at %" PRIu64 " lies beyond the first %" PRIu64 " bytes that were read",
                      name, offset, source->size);
    }
}

static void check_tables(struct image *image)
{
    const struct header *header = &image->header;
    check_table(image, PROBLEM_L1_TABLE_CUT_SHORT, "the L1 table", header->l1_table_offset,
                (uint64_t)header->l1_size * L1_ENTRY_SIZE, HEADER_L1_TABLE_OFFSET);
    check_table(image, PROBLEM_REFCOUNT_TABLE_CUT_SHORT, "the refcount table",
                header->refcount_table_offset,
                (uint64_t)header->refcount_table_clusters << header->cluster_bits,
                HEADER_REFCOUNT_TABLE_OFFSET);
}

static void find_backing_file(struct image *image)
{
    const struct header *header = &image->header;
    if (header->backing_file_offset == 0 || header->backing_file_size == 0 ||
        header->backing_file_size > CAP_BACKING_NAME) {
        return;
    }
    if (!bytes_view(image->first_cluster, header->backing_file_offset, header->backing_file_size,
                    &image->backing_file) &&
        range_inside(header->backing_file_offset, header->backing_file_size,
                     header->cluster_size)) {
        problems_note(&image->problems, PROBLEM_BACKING_NAME_CUT_SHORT, image->first_cluster.size,
                      "the file ends before the backing file name at %" PRIu64,
                      header->backing_file_offset);
    }
}

// Keeps the first cluster without the zeros at its end: a chain has many images.
static void shrink_first_cluster(struct image *image)
{
    const struct header *header = &image->header;
    struct extension_walk walk = extension_walk_start(image->first_cluster, header);
    struct extension extension;
    while (extension_next(&walk, &extension, NULL)) {
    }
    uint64_t used = max_u64(walk.next + EXTENSION_HEADER_SIZE, header->header_length);
    uint64_t name_end;
    if (checked_add(header->backing_file_offset, header->backing_file_size, &name_end) &&
        name_end <= header->cluster_size) {
        used = max_u64(used, name_end);
    }
    uint8_t *kept = used < image->first_cluster.size ? malloc(used) : NULL;
    if (kept) {
        memcpy(kept, image->first_cluster.data, used);
        free((void *)(uintptr_t)image->first_cluster.data);
        image->first_cluster = (struct bytes){kept, used};
    }
}

static bool image_load(struct image *image, struct error *error)
{
    struct bytes start = {0};
    if (!read_start(image->source, HEADER_PARSED, &start, error)) {
        return false;
    }
    bool parsed = header_parse(start, &image->header, &image->problems, error);
    free((void *)(uintptr_t)start.data);
    if (!parsed) {
        return false;
    }
    bool geometry_known = image->header.geometry_known;
    uint64_t size = geometry_known ? image->header.cluster_size : USUAL_CLUSTER_SIZE;
    if (!read_start(image->source, size, &image->first_cluster, error)) {
        return false;
    }
    if (geometry_known) {
        shrink_first_cluster(image);
    }
    extensions_parse(image->first_cluster, &image->header, &image->extensions, &image->problems);
    find_backing_file(image);
    if (geometry_known) {
        check_tables(image);
    }
    return true;
}

struct image *image_open(struct source *source, const char *path, struct error *error)
{
    struct image *image = calloc(1, sizeof *image);
    if (!image) {
        source_close(source);
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    image->source = source;
    image->path = strdup(path);
    if (!image->path) {
        error_set(error, ERROR_MEMORY, "out of memory");
    } else if (image_load(image, error)) {
        return image;
    }
    image_close(image);
    return NULL;
}

void image_close(struct image *image)
{
    if (image) {
        source_close(image->source);
        free(image->path);
        free((void *)(uintptr_t)image->first_cluster.data);
        problems_free(&image->problems);
        free(image);
    }
}

static bool is_tolerated(enum problem_kind kind, const enum problem_kind *tolerated)
{
    while (tolerated && *tolerated != PROBLEM_NONE && *tolerated != kind) {
        tolerated++;
    }
    return tolerated && *tolerated == kind;
}

bool image_readable(const struct image *image, const enum problem_kind *tolerated,
                    struct error *error)
{
    const struct problems *problems = &image->problems;
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];
        if (problem->unreadable && !is_tolerated(problem->kind, tolerated)) {
            *error = problem->error;
            return false;
        }
    }
    // A problem that was dropped from the list may be of any kind.
    if (problems->unreadable && problems->dropped > 0) {
        *error = problems->first_unreadable;
        return false;
    }
    return true;
}

bool image_countable(const struct image *image, struct error *error)
{
    uint64_t clusters = divide_up(image->source->size, image->header.cluster_size);
    return clusters <= CAP_HOST_CLUSTERS ||
           error_set(error, ERROR_LIMIT,
                     "the file has %" PRIu64 " host clusters, more than the %" PRIu64
                     " that can be counted",
                     clusters, CAP_HOST_CLUSTERS);
}
