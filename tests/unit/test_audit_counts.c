// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Counts of references, held against an array, and their limits.

#include "audit/audit_counts.h"

#include "unit.h"

enum { CLUSTERS = 3 * AUDIT_COUNTS_CHUNK, STEPS = 20000, RUN_MAX = 5 };

static uint64_t model[CLUSTERS];
static struct memory_limit limit;
static struct audit_counts counts;

static void start(uint64_t clusters, uint64_t memory)
{
    limit = (struct memory_limit){.most = memory};
    counts = audit_counts_make(clusters, &limit);
}

static void without_a_count_a_cluster_has_one_reference(void)
{
    start(CLUSTERS, 0);
    CHECK_EQ_U64(audit_counts_get(&counts, 5), 1);
    CHECK_EQ_U64(audit_counts_get(&counts, UINT64_MAX), 1);
    audit_counts_free(&counts);
}

// A run ends with its chunk.
static uint64_t run_of_model(uint64_t cluster)
{
    uint64_t run = 1;
    while (run < RUN_MAX && (cluster + run) % AUDIT_COUNTS_CHUNK != 0 &&
           model[cluster + run] == model[cluster]) {
        run++;
    }
    return run;
}

static void references_add_up(void)
{
    uint64_t random = 1;
    start(CLUSTERS, 1 << 20);
    for (size_t i = 0; i < STEPS; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t first = (random >> 33) % CLUSTERS;
        uint64_t end = first + (random >> 20) % 50;
        uint32_t more = (uint32_t)(random >> 50) % 3 + 1;
        bool several = false;
        for (uint64_t at = first; at < end && at < CLUSTERS; at++) {
            model[at] += more;
            several = several || model[at] > 1;
        }
        CHECK_EQ_U64(audit_counts_add(&counts, first, end, more), several);
    }
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < CLUSTERS; i++) {
        wrong += audit_counts_get(&counts, i) != (model[i] > 0 ? model[i] : 1);
        wrong += audit_counts_run(&counts, i, RUN_MAX) != run_of_model(i);
    }
    CHECK_EQ_U64(wrong, 0);
    CHECK(!counts.full);
    audit_counts_free(&counts);
}

static void clusters_past_the_last_one_are_left_out(void)
{
    start(10, 1 << 20);
    CHECK(audit_counts_add(&counts, 9, 12, 2));
    CHECK_EQ_U64(audit_counts_get(&counts, 9), 2);
    CHECK_EQ_U64(audit_counts_get(&counts, 10), 1);
    CHECK(!audit_counts_add(&counts, 10, 12, 2));
    CHECK(!counts.full);
    audit_counts_free(&counts);
}

// What does not fit is never taken for counted.
static void what_cannot_be_counted_is_told(void)
{
    start(CLUSTERS, AUDIT_COUNTS_CHUNK * 2 + 100);
    CHECK(audit_counts_add(&counts, 0, 1, 2));
    CHECK(!counts.full);
    audit_counts_add(&counts, AUDIT_COUNTS_CHUNK, AUDIT_COUNTS_CHUNK + 1, 2);
    CHECK(counts.full);
    audit_counts_free(&counts);
    start(CLUSTERS, 1 << 20);
    audit_counts_add(&counts, 7, 8, AUDIT_COUNT_MAX);
    CHECK(!counts.full);
    CHECK_EQ_U64(audit_counts_get(&counts, 7), AUDIT_COUNT_MAX);
    audit_counts_add(&counts, 7, 8, 1);
    CHECK(counts.full);
    audit_counts_free(&counts);
    start(UINT64_C(1) << 37, UINT64_MAX); // more clusters than any program counts
    audit_counts_add(&counts, 7, 8, 2);
    CHECK(counts.full);
    audit_counts_free(&counts);
}

int main(void)
{
    RUN(without_a_count_a_cluster_has_one_reference);
    RUN(references_add_up);
    RUN(clusters_past_the_last_one_are_left_out);
    RUN(what_cannot_be_counted_is_told);
    return unit_done();
}
