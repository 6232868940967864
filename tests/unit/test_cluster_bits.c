// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A set of clusters, held against an array with a byte for each.

#include "tables/cluster_bits.h"

#include "unit.h"

#include <string.h>

enum { CLUSTERS = 200000, STEPS = 20000 };

static bool model[CLUSTERS];
static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t random_below(uint64_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 20) % bound;
}

static uint64_t add_to_model(uint64_t first, uint64_t count)
{
    uint64_t added = 0;
    while (added < count && !model[first + added]) {
        model[first + added++] = true;
    }
    return added;
}

static bool same_as_model(const struct cluster_bits *bits)
{
    for (uint64_t i = 0; i < CLUSTERS; i++) {
        if (cluster_bits_has(bits, i) != model[i]) {
            return false;
        }
    }
    return true;
}

static void ranges_are_added_up_to_what_is_there(void)
{
    struct memory_limit limit = {.most = 1 << 20};
    struct cluster_bits bits = cluster_bits_make(CLUSTERS, &limit);
    memset(model, 0, sizeof model);
    CHECK(same_as_model(&bits));
    for (size_t i = 0; i < STEPS; i++) {
        // Single ones, some within a word, some over several leaves.
        uint64_t most = i % 100 == 0 ? 70000 : i % 10 == 0 ? 300 : 3;
        uint64_t first = random_below(CLUSTERS - most);
        uint64_t count = 1 + random_below(most);
        REQUIRE(cluster_bits_add(&bits, first, count) == add_to_model(first, count));
    }
    CHECK(same_as_model(&bits));
    CHECK(!bits.full);
    cluster_bits_free(&bits);
}

static void filling_goes_over_what_is_there(void)
{
    struct memory_limit limit = {.most = 1 << 20};
    struct cluster_bits bits = cluster_bits_make(CLUSTERS, &limit);
    memset(model, 0, sizeof model);
    for (size_t i = 0; i < 100; i++) {
        uint64_t first = random_below(CLUSTERS - 1000);
        uint64_t count = random_below(1000);
        cluster_bits_fill(&bits, first, count);
        memset(model + first, true, count);
    }
    cluster_bits_fill(&bits, 30000, 70000);
    memset(model + 30000, true, 70000);
    CHECK(same_as_model(&bits));
    cluster_bits_free(&bits);
}

static void clusters_far_from_each_other_are_kept(void)
{
    struct memory_limit limit = {.most = 64 << 20};
    uint64_t clusters = UINT64_C(1) << 47;
    struct cluster_bits bits = cluster_bits_make(clusters, &limit);
    for (uint64_t i = 0; i < 47; i++) {
        REQUIRE(cluster_bits_add(&bits, UINT64_C(1) << i, 1) == 1);
    }
    CHECK(cluster_bits_add(&bits, clusters - 1, 1) == 1);
    for (uint64_t i = 0; i < 47; i++) {
        REQUIRE(cluster_bits_add(&bits, UINT64_C(1) << i, 1) == 0);
        REQUIRE(!cluster_bits_has(&bits, (UINT64_C(1) << i) + 5));
    }
    CHECK(!bits.full);
    cluster_bits_free(&bits);
}

static void two_sets_keep_within_one_limit(void)
{
    struct memory_limit limit = {.most = 1 << 20};
    struct cluster_bits a = cluster_bits_make(UINT64_C(1) << 40, &limit);
    struct cluster_bits b = cluster_bits_make(UINT64_C(1) << 40, &limit);
    uint64_t added = 0;
    for (uint64_t i = 0; i < 1000 && !a.full && !b.full; i++) {
        added += cluster_bits_add(&a, i << CLUSTER_LEAF_BITS, 1);
        added += cluster_bits_add(&b, i << CLUSTER_LEAF_BITS, 1);
    }
    CHECK(a.full || b.full);
    CHECK(limit.used <= limit.most);
    // 4097 pointers and a node of 64 KiB for each, the rest for leaves of 4 KiB.
    CHECK_EQ_U64(added, ((1 << 20) - 2 * (4097 * 8 + (64 << 10))) / 4096);
    CHECK_EQ_U64(cluster_bits_add(&a, 1, 1), 1);
    cluster_bits_free(&a);
    cluster_bits_free(&b);
}

static void clusters_at_or_beyond_the_end_are_never_in_the_set(void)
{
    struct memory_limit limit = {.most = 1 << 20};
    struct cluster_bits bits = cluster_bits_make(100, &limit);
    CHECK_EQ_U64(cluster_bits_add(&bits, 99, 1), 1);
    CHECK(cluster_bits_has(&bits, 99));
    for (unsigned power = 15; power < 48; power++) {
        uint64_t beyond = UINT64_C(1) << power;
        CHECK(!cluster_bits_has(&bits, beyond));
        CHECK_EQ_U64(cluster_bits_add(&bits, beyond, 2), 0);
        cluster_bits_fill(&bits, beyond, 2);
        CHECK(!cluster_bits_has(&bits, beyond));
    }
    CHECK(!bits.full);
    cluster_bits_free(&bits);
}

int main(void)
{
    RUN(ranges_are_added_up_to_what_is_there);
    RUN(filling_goes_over_what_is_there);
    RUN(clusters_far_from_each_other_are_kept);
    RUN(two_sets_keep_within_one_limit);
    RUN(clusters_at_or_beyond_the_end_are_never_in_the_set);
    return unit_done();
}
