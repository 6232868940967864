// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The extents and the refcount blocks of entries in a row.

#include "audit/audit_costs.h"
#include "format/layout.h"

#include "unit.h"

static struct header header;
static struct audit_costs costs;

// Clusters of 64 KiB whose refcounts have 2^order bits.
static void start(uint32_t order, uint64_t features)
{
    header = (struct header){
        .version = 3,
        .cluster_bits = 16,
        .cluster_size = 65536,
        .refcount_order = order,
        .refcount_bits = order <= 6 ? 1U << order : 0,
        .incompatible_features = features,
        .l2_entry_size = features ? 16 : 8,
    };
    costs = (struct audit_costs){.header = &header};
}

static struct l2_entry entry(uint64_t cluster)
{
    return (struct l2_entry){cluster << 16, 0};
}

static void adjacent_data_is_one_extent(void)
{
    start(4, 0);
    CHECK_EQ_U64(audit_costs_run(&costs, entry(5), 10), 1);
    CHECK_EQ_U64(audit_costs_entry(&costs, entry(15)), 0);
    CHECK_EQ_U64(audit_costs_run(&costs, entry(16), 3), 0);
    CHECK_EQ_U64(audit_costs_entry(&costs, entry(15)), 1);
    CHECK_EQ_U64(audit_costs_entry(&costs, entry(16)), 0);
}

static void neighbours_of_another_kind_are_one_extent(void)
{
    start(4, 0);
    CHECK_EQ_U64(audit_costs_empty(&costs), 0); // as if there were one before
    CHECK_EQ_U64(audit_costs_entry(&costs, (struct l2_entry){1, 0}), 1);
    CHECK_EQ_U64(audit_costs_entry(&costs, (struct l2_entry){5 << 16 | 1, 0}), 0);
    CHECK_EQ_U64(audit_costs_empty(&costs), 1);
    CHECK_EQ_U64(audit_costs_empty(&costs), 0);
    CHECK_EQ_U64(audit_costs_entry(&costs, (struct l2_entry){0, 0}), 0);
    CHECK_EQ_U64(audit_costs_entry(&costs, (struct l2_entry){0, 0}), 0);
}

static void each_compressed_cluster_is_four_extents(void)
{
    start(4, 0);
    CHECK_EQ_U64(audit_costs_entry(&costs, (struct l2_entry){UINT64_C(1) << 62, 0}), 4);
    CHECK_EQ_U64(audit_costs_entry(&costs, (struct l2_entry){UINT64_C(1) << 62 | 999, 0}), 4);
    CHECK_EQ_U64(audit_costs_empty(&costs), 1);
}

static void subclusters_are_extents(void)
{
    start(4, INCOMPATIBLE_EXTENDED_L2);
    struct l2_entry mixed = entry(5);
    mixed.subclusters = 0xffff0000; // nothing, then data
    CHECK_EQ_U64(audit_costs_entry(&costs, mixed), 2);
    mixed.subclusters = UINT64_C(0x55555555) << 32; // zeros and nothing, in turn
    CHECK_EQ_U64(audit_costs_entry(&costs, mixed), 32);
    mixed.subclusters = UINT64_C(0xffffffff) << 32;
    CHECK_EQ_U64(audit_costs_entry(&costs, mixed), 0);
}

static void a_block_counts_as_many_clusters_as_refcounts_fit(void)
{
    for (uint32_t order = 0; order <= 6; order++) {
        uint64_t bytes = (uint64_t)65536 * (65536 * 8 >> order); // of the file, for a block
        start(order, 0);
        CHECK(!audit_costs_refcount(&costs, bytes - 1));
        CHECK(audit_costs_refcount(&costs, bytes));
        CHECK(!audit_costs_refcount(&costs, 2 * bytes - 1));
        CHECK(audit_costs_refcount(&costs, 0));
    }
    start(7, 0);
    CHECK(!audit_costs_refcount(&costs, UINT64_C(1) << 55));
}

int main(void)
{
    RUN(adjacent_data_is_one_extent);
    RUN(neighbours_of_another_kind_are_one_extent);
    RUN(each_compressed_cluster_is_four_extents);
    RUN(subclusters_are_extents);
    RUN(a_block_counts_as_many_clusters_as_refcounts_fit);
    return unit_done();
}
