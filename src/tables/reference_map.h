// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The number of references to each host cluster, and its purpose. A byte for each cluster selects
// one of the 256 values of its chunk: 1.25 bytes a cluster. A chunk that needs more values, because
// its clusters have as many different refcounts, uses four more bytes a cluster. A chunk is made
// when its first cluster is used, so a large file with little content costs little.

#ifndef TABLES_REFERENCE_MAP_H
#define TABLES_REFERENCE_MAP_H

#include "base/arena.h"
#include "tables/purpose.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The value of a cluster: the number of references in the REFERENCE_COUNT bits, its first purpose
// above them, then flags. 0: nothing is known.
#define REFERENCE_COUNT_MAX     UINT32_C(0xffffff) // counts no further
#define REFERENCE_PURPOSE_SHIFT 24
#define REFERENCE_PURPOSE_MASK  UINT32_C(0xf)
#define REFERENCE_ONE           (UINT32_C(1) << 28) // the refcount on disk is exactly 1
#define REFERENCE_SHARED        (UINT32_C(1) << 29) // two purposes; this was reported
#define REFERENCE_CLEAN         (UINT32_C(1) << 30) // an L2 table that was walked: no findings

enum {
    REFERENCE_CHUNK = 4096, // clusters
    REFERENCE_VALUES = 256,
};

// Not the value of a cluster: in values[0] it marks a wide chunk, whose cells are all 0.
#define REFERENCE_WIDE UINT32_MAX

struct reference_chunk {
    uint8_t cells[REFERENCE_CHUNK]; // indexes into `values`
    uint32_t
        values[REFERENCE_VALUES]; // values[0] is 0; after it, those from the first 0 on are unused
};

struct reference_map {
    struct reference_chunk **chunks; // owned (the array only); NULL where nothing is known
    uint32_t **wide;                 // owned (the array only); NULL, or the values of wide chunks
    uint64_t clusters;
    struct arena chunk_arena, wide_arena;
};

bool reference_map_make(struct reference_map *map, uint64_t clusters);
void reference_map_free(struct reference_map *map);

// Makes the chunk of a cluster below map->clusters, which does not exist yet. NULL when there is no
// memory.
struct reference_chunk *reference_make_chunk(struct reference_map *map, uint64_t cluster);

// Sets the value of a cluster whose chunk exists. False when there is no memory.
bool reference_set(struct reference_map *map, uint64_t cluster, uint32_t value);

// How many clusters from `cluster` on have the same value: at most `count`, within one chunk, which
// exists.
size_t reference_run(const struct reference_map *map, uint64_t cluster, size_t count);

// Replaces the value `from` in the clusters from `cluster` on, up to the first with another value:
// at most `count`, within one chunk, which exists. Returns how many; 0 also when there is no
// memory.
size_t reference_replace(struct reference_map *map, uint64_t cluster, size_t count, uint32_t from,
                         uint32_t to);

static inline const struct reference_chunk *reference_chunk(const struct reference_map *map,
                                                            uint64_t cluster)
{
    return map->chunks[cluster / REFERENCE_CHUNK];
}

// The value of a cluster; 0 when there is no chunk or no such cluster.
static inline uint32_t reference_peek(const struct reference_map *map, uint64_t cluster)
{
    const struct reference_chunk *chunk =
        cluster < map->clusters ? reference_chunk(map, cluster) : NULL;
    uint32_t value = chunk ? chunk->values[chunk->cells[cluster % REFERENCE_CHUNK]] : 0;
    return value != REFERENCE_WIDE
               ? value
               : map->wide[cluster / REFERENCE_CHUNK][cluster % REFERENCE_CHUNK];
}

static inline uint32_t reference_count(uint32_t value)
{
    return value & REFERENCE_COUNT_MAX;
}

static inline enum purpose reference_purpose(uint32_t value)
{
    return (enum purpose)(value >> REFERENCE_PURPOSE_SHIFT & REFERENCE_PURPOSE_MASK);
}

#endif
