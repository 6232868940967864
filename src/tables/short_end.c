// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/short_end.h"

#include "base/checked.h"
#include "format/layout.h"
#include "tables/refcount_walk.h"

// Finds the first cluster at or after `first` whose refcount is not 0.
static bool find_used(const struct refcounts *refcounts, uint64_t first, uint64_t *cluster)
{
    for (uint64_t i = 0; i < refcounts->count; i++) {
        if (refcounts->first + i >= first && refcounts_load(refcounts, i) != 0) {
            *cluster = refcounts->first + i;
            return true;
        }
    }
    return false;
}

// WALK_FOUND with a cluster in use, WALK_ERROR, or WALK_END when there is none.
static enum walk_step walk_behind(const struct image *image, uint64_t first, uint64_t *cluster,
                                  struct error *error)
{
    struct refcount_walk walk = refcount_walk_make(image, NULL);
    struct refcounts refcounts;
    enum walk_step step;
    refcount_walk_start(&walk, align_down(first, 8),
                        HOST_OFFSET_LIMIT >> image->header.cluster_bits);
    do {
        step = refcount_walk_next(&walk, &refcounts, error);
    } while (step == WALK_FOUND && !find_used(&refcounts, first, cluster));
    refcount_walk_free(&walk);
    return step;
}

bool short_end_is_last(const struct image *image, const char *suffix, struct error *error)
{
    const struct header *header = &image->header;
    uint64_t size = image->source->size;
    uint64_t cluster = 0;
    suffix = suffix ? suffix : "";
    if (is_aligned(size, header->cluster_size)) {
        return true;
    }
    if (header->refcount_bits == 0 ||
        header->refcount_table_clusters > CAP_REFCOUNT_TABLE_BYTES >> header->cluster_bits) {
        return error_set(error, ERROR_LIMIT,
                         "--short-end%s needs refcounts, but the refcount table is invalid",
                         suffix);
    }
    switch (walk_behind(image, divide_up(size, header->cluster_size), &cluster, error)) {
    case WALK_FOUND:
        return error_at(
            error, ERROR_TRUNCATED, cluster << header->cluster_bits,
            "--short-end%s is for the last cluster in use, but a cluster beyond the end "
            "of the file is in use: the file was cut short",
            suffix);
    case WALK_ERROR:
        return error_prefix(error, "--short-end%s needs refcounts", suffix);
    default:
        return true;
    }
}
