// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/reference_map.h"

#include <stdlib.h>

bool reference_map_make(struct reference_map *map, uint64_t clusters)
{
    size_t count = (size_t)(clusters / REFERENCE_CHUNK + 1);
    *map = (struct reference_map){.chunks = calloc(count, sizeof *map->chunks),
                                  .arena = {.piece = REFERENCE_CHUNK * sizeof **map->chunks},
                                  .chunk_count = count,
                                  .clusters = clusters};
    return map->chunks != NULL;
}

void reference_map_free(struct reference_map *map)
{
    arena_free(&map->arena);
    free(map->chunks);
    *map = (struct reference_map){0};
}

uint32_t *reference_make_chunk(struct reference_map *map, uint64_t cluster)
{
    uint32_t *chunk = arena_take(&map->arena);
    map->chunks[cluster / REFERENCE_CHUNK] = chunk;
    return chunk;
}
