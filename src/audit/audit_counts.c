// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit_counts.h"

#include "base/checked.h"
#include "format/layout.h"

#include <stdlib.h>

struct audit_counts audit_counts_make(uint64_t clusters, struct memory_limit *limit)
{
    return (struct audit_counts){
        .clusters = clusters,
        .limit = limit,
        .arena.piece = AUDIT_COUNTS_CHUNK * sizeof(uint16_t),
    };
}

void audit_counts_free(struct audit_counts *counts)
{
    arena_free(&counts->arena);
    free(counts->chunks);
    counts->chunks = NULL;
}

static bool make_chunks(struct audit_counts *counts)
{
    size_t size = (size_t)(counts->clusters / AUDIT_COUNTS_CHUNK + 1);
    if (counts->clusters <= CAP_HOST_CLUSTERS &&
        memory_limit_take(counts->limit, size * sizeof(uint16_t *))) {
        counts->chunks = calloc(size, sizeof(uint16_t *));
    }
    return counts->chunks != NULL;
}

// The chunk of `cluster`, which is made if needed. NULL when there is no memory.
static uint16_t *make_chunk(struct audit_counts *counts, uint64_t cluster)
{
    if (!counts->chunks && !make_chunks(counts)) {
        return NULL;
    }
    uint16_t **chunk = &counts->chunks[cluster / AUDIT_COUNTS_CHUNK];
    if (!*chunk && memory_limit_take(counts->limit, counts->arena.piece)) {
        *chunk = arena_take(&counts->arena);
    }
    return *chunk;
}

static const uint16_t *find_chunk(const struct audit_counts *counts, uint64_t cluster)
{
    bool possible = counts->chunks && cluster < counts->clusters;
    return possible ? counts->chunks[cluster / AUDIT_COUNTS_CHUNK] : NULL;
}

// Adds to `count` clusters of a chunk. Returns the largest sum, which is UINT16_MAX at most.
static uint32_t add(uint16_t *values, size_t count, uint32_t references)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t sum = values[i] + references;
        sum = sum < UINT16_MAX ? sum : UINT16_MAX;
        values[i] = (uint16_t)sum;
        largest = sum > largest ? sum : largest;
    }
    return largest;
}

static uint64_t rest_of_chunk(uint64_t cluster, uint64_t most)
{
    return min_u64(most, AUDIT_COUNTS_CHUNK - cluster % AUDIT_COUNTS_CHUNK);
}

bool audit_counts_add(struct audit_counts *counts, uint64_t first, uint64_t end,
                      uint32_t references)
{
    bool several = false;
    end = min_u64(end, counts->clusters);
    while (first < end) {
        uint64_t count = rest_of_chunk(first, end - first);
        uint16_t *chunk = make_chunk(counts, first);
        if (!chunk) {
            counts->full = true;
            return several;
        }
        uint32_t largest = add(chunk + first % AUDIT_COUNTS_CHUNK, (size_t)count, references);
        several = several || largest > 1;
        counts->full = counts->full || largest > AUDIT_COUNT_MAX;
        first += count;
    }
    return several;
}

uint64_t audit_counts_get(const struct audit_counts *counts, uint64_t cluster)
{
    const uint16_t *chunk = find_chunk(counts, cluster);
    return chunk ? max_u64(chunk[cluster % AUDIT_COUNTS_CHUNK], 1) : 1;
}

uint64_t audit_counts_run(const struct audit_counts *counts, uint64_t cluster, uint64_t most)
{
    const uint16_t *chunk = find_chunk(counts, cluster);
    if (!counts->chunks || cluster >= counts->clusters) {
        return most;
    }
    most = rest_of_chunk(cluster, most);
    if (!chunk) {
        return most;
    }
    const uint16_t *values = chunk + cluster % AUDIT_COUNTS_CHUNK;
    uint64_t run = 1;
    while (run < most && values[run] == values[0]) {
        run++;
    }
    return run;
}
