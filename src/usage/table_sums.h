// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The bytes that each L2 table refers to and the disks that have walked it, so that a table which
// disks share is not walked for each of them.

#ifndef USAGE_TABLE_SUMS_H
#define USAGE_TABLE_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// This many tables are remembered, in 16 MiB: the tables of 256 TiB in clusters of 64 KiB. Others
// are walked again.
enum { TABLE_SUMS_MAX = 1 << 19 };

// Stands for several owners. All other owners are at most CAP_SNAPSHOTS.
enum { TABLE_OWNERS_SEVERAL = (1 << 17) - 1 };

struct table_sum {
    uint64_t cluster : 47; // of the table; 0: none
    uint64_t owner : 17;   // as in use_map.h: the disk that has walked it
    uint64_t bytes;        // of the file that it and its entries refer to
};

struct table_sums {
    struct table_sum *slots; // owned; NULL while empty
    unsigned bits;           // there are 2^bits of them
    size_t count;
};

// Remembers a sum if there is room. Its cluster is not 0.
void table_sums_put(struct table_sums *sums, struct table_sum sum);

// NULL when it is unknown.
const struct table_sum *table_sums_get(const struct table_sums *sums, uint64_t cluster);
void table_sums_free(struct table_sums *sums);

#endif
