// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The values of clusters, held against an array with a value for each.

#include "tables/reference_map.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { CLUSTERS = 3 * REFERENCE_CHUNK + 5, STEPS = 300000 };

static uint32_t model[CLUSTERS];
static struct reference_map map;
static uint64_t random_state;

static uint64_t random_below(uint64_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 20) % bound;
}

static void start(void)
{
    random_state = UINT64_C(0x9e3779b97f4a7c15);
    memset(model, 0, sizeof model);
    REQUIRE(reference_map_make(&map, CLUSTERS));
}

static void touch(uint64_t cluster)
{
    REQUIRE(reference_chunk(&map, cluster) || reference_make_chunk(&map, cluster));
}

static void set(uint64_t cluster, uint32_t value)
{
    touch(cluster);
    REQUIRE(reference_set(&map, cluster, value));
    model[cluster] = value;
}

static uint64_t differences(void)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < CLUSTERS; i++) {
        count += reference_peek(&map, i) != model[i];
    }
    return count;
}

static void nothing_is_known_at_first(void)
{
    start();
    CHECK_EQ_U64(reference_peek(&map, 0), 0);
    CHECK_EQ_U64(reference_peek(&map, CLUSTERS), 0);
    CHECK_EQ_U64(reference_peek(&map, UINT64_MAX), 0);
    CHECK_EQ_U64(differences(), 0);
    reference_map_free(&map);
}

// Few values at a time, but many in all: unused ones make room for others.
static void values_come_and_go(void)
{
    start();
    for (uint64_t i = 0; i < CLUSTERS; i++) {
        set(i, REFERENCE_ONE | (uint32_t)(i % 60));
    }
    for (uint32_t step = 0; step < STEPS; step++) {
        set(REFERENCE_CHUNK - 30 + random_below(60), step);
    }
    CHECK_EQ_U64(differences(), 0);
    for (uint32_t value = 1; value < 2000; value++) {
        set(REFERENCE_CHUNK + 7, value);
    }
    CHECK_EQ_U64(differences(), 0);
    CHECK(!map.wide);
    reference_map_free(&map);
}

// More values at a time than a byte selects: only that chunk becomes wide.
static void a_chunk_with_many_values_is_wide(void)
{
    start();
    for (uint64_t i = 0; i < REFERENCE_CHUNK; i++) {
        set(REFERENCE_CHUNK + i, (uint32_t)i);
        set(i, (uint32_t)(i % 3));
    }
    CHECK_EQ_U64(differences(), 0);
    REQUIRE(map.wide);
    CHECK(map.wide[1] != NULL);
    CHECK(map.wide[0] == NULL);
    set(REFERENCE_CHUNK, UINT32_MAX >> 1);
    CHECK_EQ_U64(differences(), 0);
    reference_map_free(&map);
}

// replace() does what it says, in the model and in the map.
static void replace(uint64_t first, size_t most, uint32_t from, uint32_t to)
{
    uint64_t end = first;
    uint64_t chunk_end = (first / REFERENCE_CHUNK + 1) * REFERENCE_CHUNK;
    touch(first);
    while (end < first + most && end < chunk_end && end < CLUSTERS && model[end] == from) {
        end++;
    }
    size_t taken = reference_replace(&map, first, (size_t)(end - first), from, to);
    CHECK(taken <= end - first);
    CHECK_EQ_U64(taken == 0, end == first);
    for (uint64_t i = first; i < first + taken; i++) {
        model[i] = to;
    }
}

static void runs_are_replaced(void)
{
    start();
    for (unsigned step = 0; step < 20000; step++) {
        uint64_t cluster = random_below(CLUSTERS);
        // Most values are few; in the last chunk they become many.
        uint32_t to = (uint32_t)random_below(cluster > (uint64_t)2 * REFERENCE_CHUNK ? 2000 : 3);
        replace(cluster, (size_t)random_below(900) + 1, model[cluster], to);
    }
    CHECK_EQ_U64(differences(), 0);
    CHECK_EQ_U64(reference_replace(&map, 0, 1, model[0] + 1, 9), 0);
    reference_map_free(&map);
}

static void a_run_has_one_value(void)
{
    start();
    for (uint64_t i = 0; i < 100; i++) {
        set(i, i < 37 ? 5 : 6);
    }
    CHECK_EQ_U64(reference_run(&map, 0, 1000), 37);
    CHECK_EQ_U64(reference_run(&map, 30, 1000), 7);
    CHECK_EQ_U64(reference_run(&map, 37, 10), 10);
    CHECK_EQ_U64(reference_run(&map, 37, 1000), 63);
    CHECK_EQ_U64(reference_run(&map, REFERENCE_CHUNK - 1, 1000), 1);
    reference_map_free(&map);
}

int main(void)
{
    RUN(nothing_is_known_at_first);
    RUN(values_come_and_go);
    RUN(a_chunk_with_many_values_is_wide);
    RUN(runs_are_replaced);
    RUN(a_run_has_one_value);
    return unit_done();
}
