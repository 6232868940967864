// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Counts the references to clusters that may have more than one: tables and data that disks share,
// and clusters with compressed data. All other clusters have one reference, or a finding.

#ifndef AUDIT_AUDIT_COUNTS_H
#define AUDIT_AUDIT_COUNTS_H

#include "tables/reference_map.h"

struct audit_counts {
    uint64_t clusters; // all clusters are below this number
    struct memory_limit *limit;
    struct reference_map map; // made with the first count
    bool full;                // some references were not counted: no memory, or too many
};

// Starts without counts. `limit` outlives it.
struct audit_counts audit_counts_make(uint64_t clusters, struct memory_limit *limit);
void audit_counts_free(struct audit_counts *counts);

// Counts `references` more to each cluster from `first` to `end`; clusters at or beyond
// counts->clusters are left out. True when one of them has several references now.
bool audit_counts_add(struct audit_counts *counts, uint64_t first, uint64_t end,
                      uint32_t references);

// The references to a cluster that has at least one.
static inline uint64_t audit_counts_get(const struct audit_counts *counts, uint64_t cluster)
{
    uint32_t count =
        counts->map.chunks ? reference_count(reference_peek(&counts->map, cluster)) : 0;
    return count > 1 ? count : 1;
}

#endif
