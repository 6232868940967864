// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/reference_map.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

// A chunk becomes wide when more values than these are in use. Otherwise this leaves room for as
// many new values before the next search for unused ones.
enum { VALUES_KEPT = REFERENCE_VALUES / 2 };

static size_t chunk_count(uint64_t clusters)
{
    return (size_t)(clusters / REFERENCE_CHUNK + 1);
}

bool reference_map_make(struct reference_map *map, uint64_t clusters)
{
    *map = (struct reference_map){
        .chunks = calloc(chunk_count(clusters), sizeof(struct reference_chunk *)),
        .clusters = clusters,
        .chunk_arena = {.piece = sizeof(struct reference_chunk)},
        .wide_arena = {.piece = REFERENCE_CHUNK * sizeof(uint32_t)},
    };
    return map->chunks != NULL;
}

void reference_map_free(struct reference_map *map)
{
    arena_free(&map->chunk_arena);
    arena_free(&map->wide_arena);
    free(map->chunks);
    free(map->wide);
    *map = (struct reference_map){0};
}

struct reference_chunk *reference_make_chunk(struct reference_map *map, uint64_t cluster)
{
    struct reference_chunk *chunk = arena_take(&map->chunk_arena);
    map->chunks[cluster / REFERENCE_CHUNK] = chunk;
    return chunk;
}

static bool is_wide(const struct reference_chunk *chunk)
{
    return chunk->values[0] == REFERENCE_WIDE;
}

enum { BLOCK = 16 }; // values that are compared at once

// True when one of a block of values is `value`, or unused.
static bool block_has(const uint32_t *values, uint32_t value)
{
    uint32_t found = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        found |= (uint32_t)(values[i] == value) | (uint32_t)(values[i] == 0);
    }
    return found != 0;
}

// The index of a value, which is appended if it is new; REFERENCE_VALUES when there is no room.
static size_t find_value(struct reference_chunk *chunk, uint32_t value)
{
    size_t i = 0;
    while (i < REFERENCE_VALUES && chunk->values[i] != value) {
        if (i > 0 && chunk->values[i] == 0) {
            chunk->values[i] = value;
            break;
        }
        i++;
        while (i % BLOCK == 0 && i < REFERENCE_VALUES && !block_has(chunk->values + i, value)) {
            i += BLOCK;
        }
    }
    return i;
}

// Removes the values that no cell selects. Returns how many are left.
static size_t drop_unused(struct reference_chunk *chunk)
{
    uint8_t index[REFERENCE_VALUES] = {0};
    bool used[REFERENCE_VALUES] = {true};
    size_t count = 0;
    for (size_t i = 0; i < REFERENCE_CHUNK; i++) {
        used[chunk->cells[i]] = true;
    }
    for (size_t i = 0; i < REFERENCE_VALUES; i++) {
        if (used[i]) {
            chunk->values[count] = chunk->values[i];
            index[i] = (uint8_t)count++;
        }
    }
    memset(chunk->values + count, 0, (REFERENCE_VALUES - count) * sizeof *chunk->values);
    for (size_t i = 0; i < REFERENCE_CHUNK; i++) {
        chunk->cells[i] = index[chunk->cells[i]];
    }
    return count;
}

static bool make_wide(struct reference_map *map, uint64_t cluster)
{
    struct reference_chunk *chunk = map->chunks[cluster / REFERENCE_CHUNK];
    if (!map->wide && !(map->wide = calloc(chunk_count(map->clusters), sizeof *map->wide))) {
        return false;
    }
    uint32_t *values = arena_take(&map->wide_arena);
    map->wide[cluster / REFERENCE_CHUNK] = values;
    if (!values) {
        return false;
    }
    for (size_t i = 0; i < REFERENCE_CHUNK; i++) {
        values[i] = chunk->values[chunk->cells[i]];
    }
    memset(chunk->cells, 0, sizeof chunk->cells);
    chunk->values[0] = REFERENCE_WIDE;
    return true;
}

bool reference_set(struct reference_map *map, uint64_t cluster, uint32_t value)
{
    struct reference_chunk *chunk = map->chunks[cluster / REFERENCE_CHUNK];
    if (!is_wide(chunk)) {
        size_t index = find_value(chunk, value);
        if (index == REFERENCE_VALUES && drop_unused(chunk) <= VALUES_KEPT) {
            index = find_value(chunk, value);
        }
        if (index < REFERENCE_VALUES) {
            chunk->cells[cluster % REFERENCE_CHUNK] = (uint8_t)index;
            return true;
        }
        if (!make_wide(map, cluster)) {
            return false;
        }
    }
    map->wide[cluster / REFERENCE_CHUNK][cluster % REFERENCE_CHUNK] = value;
    return true;
}

// How many bytes at the start of `cells` are equal.
static size_t same_cells(const uint8_t *cells, size_t count)
{
    const uint64_t eight = cells[0] * UINT64_C(0x0101010101010101);
    size_t run = 0;
    while (count - run >= sizeof eight && memcmp(&eight, cells + run, sizeof eight) == 0) {
        run += sizeof eight;
    }
    while (run < count && cells[run] == cells[0]) {
        run++;
    }
    return run;
}

size_t reference_run(const struct reference_map *map, uint64_t cluster, size_t count)
{
    const struct reference_chunk *chunk = reference_chunk(map, cluster);
    size_t first = cluster % REFERENCE_CHUNK;
    return is_wide(chunk)
               ? 1
               : same_cells(chunk->cells + first, (size_t)min_u64(count, REFERENCE_CHUNK - first));
}

size_t reference_replace(struct reference_map *map, uint64_t cluster, size_t count, uint32_t from,
                         uint32_t to)
{
    if (reference_peek(map, cluster) != from) {
        return 0;
    }
    size_t run = reference_run(map, cluster, count);
    if (!reference_set(map, cluster, to)) {
        return 0;
    }
    uint8_t *cells = map->chunks[cluster / REFERENCE_CHUNK]->cells + cluster % REFERENCE_CHUNK;
    if (is_wide(reference_chunk(map, cluster))) {
        return 1;
    }
    memset(cells, cells[0], run);
    return run;
}
