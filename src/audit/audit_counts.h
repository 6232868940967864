// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Counts the references to clusters that may have more than one: tables and data that disks share,
// and clusters with compressed data. All other clusters have one reference, or a finding. No order
// of references makes it slow.

#ifndef AUDIT_AUDIT_COUNTS_H
#define AUDIT_AUDIT_COUNTS_H

#include "base/arena.h"
#include "tables/memory_limit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AUDIT_COUNTS_CHUNK = 4096, // clusters
    AUDIT_COUNT_MAX = UINT16_MAX - 1,
};

struct audit_counts {
    uint64_t clusters; // all clusters are below this number
    struct memory_limit *limit;
    uint16_t **chunks; // owned (the array only), or NULL; NULL in it where nothing was counted
    struct arena arena;
    bool full; // some references were not counted: no memory, or above AUDIT_COUNT_MAX
};

// Starts without counts. `limit` outlives it.
struct audit_counts audit_counts_make(uint64_t clusters, struct memory_limit *limit);
void audit_counts_free(struct audit_counts *counts);

// Counts `references` more to each cluster from `first` to `end`; clusters at or beyond
// counts->clusters are left out. True when one of them has several references now.
bool audit_counts_add(struct audit_counts *counts, uint64_t first, uint64_t end,
                      uint32_t references);

// The references to a cluster that has at least one.
uint64_t audit_counts_get(const struct audit_counts *counts, uint64_t cluster);

// How many clusters from `cluster` on have the same count: at least 1, at most `most`.
uint64_t audit_counts_run(const struct audit_counts *counts, uint64_t cluster, uint64_t most);

#endif
