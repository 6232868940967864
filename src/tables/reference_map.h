// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// How often each host cluster is referenced, and what for. Four bytes a cluster, in pieces that
// are made when the first cluster of them is touched: a large file with little in it costs little.

#ifndef TABLES_REFERENCE_MAP_H
#define TABLES_REFERENCE_MAP_H

#include "base/arena.h"
#include "tables/purpose.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One cluster: REFERENCE_COUNT bits of references, the first purpose above them, then flags.
#define REFERENCE_COUNT_MAX     UINT32_C(0xffffff) // counts no further
#define REFERENCE_PURPOSE_SHIFT 24
#define REFERENCE_PURPOSE_MASK  UINT32_C(0xf)
#define REFERENCE_ONE           (UINT32_C(1) << 28) // the refcount on disk is exactly 1
#define REFERENCE_SHARED        (UINT32_C(1) << 29) // two purposes, and that was told
#define REFERENCE_COMPARED      (UINT32_C(1) << 30) // with the refcount on disk

enum { REFERENCE_CHUNK = 4096 }; // clusters

struct reference_map {
    uint32_t **chunks; // owned, not what they point to; NULL where nothing is known
    size_t chunk_count;
    struct arena arena; // of the chunks
    uint64_t clusters;
};

bool reference_map_make(struct reference_map *map, uint64_t clusters);
void reference_map_free(struct reference_map *map);

// Makes the piece that a cluster below map->clusters is in, which is not there yet. NULL when there
// is no memory.
uint32_t *reference_make_chunk(struct reference_map *map, uint64_t cluster);

// Its value, 0 when there is no cell.
static inline uint32_t reference_peek(const struct reference_map *map, uint64_t cluster)
{
    const uint32_t *chunk = cluster < map->clusters ? map->chunks[cluster / REFERENCE_CHUNK] : NULL;
    return chunk ? chunk[cluster % REFERENCE_CHUNK] : 0;
}

static inline uint32_t reference_count(uint32_t cell)
{
    return cell & REFERENCE_COUNT_MAX;
}

static inline enum purpose reference_purpose(uint32_t cell)
{
    return (enum purpose)(cell >> REFERENCE_PURPOSE_SHIFT & REFERENCE_PURPOSE_MASK);
}

#endif
