// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_counts.h"

#include "base/checked.h"
#include "format/layout.h"

struct audit_counts audit_counts_make(uint64_t clusters, struct memory_limit *limit)
{
    return (struct audit_counts){.clusters = clusters, .limit = limit};
}

void audit_counts_free(struct audit_counts *counts)
{
    reference_map_free(&counts->map);
}

// Makes the chunk of a cluster unless it exists.
static bool touch(struct audit_counts *counts, uint64_t cluster)
{
    struct reference_map *map = &counts->map;
    if (!map->chunks && (counts->clusters > CAP_HOST_CLUSTERS ||
                         !reference_map_make(map, counts->clusters, counts->limit))) {
        return false;
    }
    return reference_chunk(map, cluster) || reference_make_chunk(map, cluster);
}

// Adds to the clusters from `cluster` on that have the same count. Returns how many; 0 when they
// cannot be counted.
static size_t add_to_run(struct audit_counts *counts, uint64_t cluster, size_t most,
                         uint32_t references, bool *several)
{
    if (!touch(counts, cluster)) {
        return 0;
    }
    uint32_t before = reference_peek(&counts->map, cluster);
    if (references > REFERENCE_COUNT_MAX - 1 - before) {
        return 0;
    }
    *several = *several || before + references > 1;
    return reference_replace(&counts->map, cluster, most, before, before + references);
}

bool audit_counts_add(struct audit_counts *counts, uint64_t first, uint64_t end,
                      uint32_t references)
{
    bool several = false;
    end = min_u64(end, counts->clusters);
    while (first < end && !counts->full) {
        size_t most = (size_t)min_u64(end - first, REFERENCE_CHUNK);
        size_t run = add_to_run(counts, first, most, references, &several);
        counts->full = run == 0;
        first += run;
    }
    return several;
}
