// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The work that L2 entries cause in a program that checks, maps or copies a disk: the refcount
// blocks it reads, and the extents it asks for one by one. A small file can cause a lot of it.

#ifndef AUDIT_AUDIT_COSTS_H
#define AUDIT_AUDIT_COSTS_H

#include "format/entry.h"
#include "format/header.h"

#include <stdbool.h>
#include <stdint.h>

// State after the previous entry. At first only `header` is set.
struct audit_costs {
    const struct header *header;
    uint64_t refcount_block; // index of the refcount block that counts its host cluster
    enum cluster_kind kind;
    uint64_t host_end; // bytes: where its data ends
};

// True when another refcount block than before counts the cluster at a host offset.
bool audit_costs_refcount(struct audit_costs *costs, uint64_t host_offset);

// A compressed cluster takes as much time as this many extents, because it is read alone.
enum { AUDIT_COMPRESSED_EXTENTS = 4 };

// Each returns the number of extents that begin:
unsigned audit_costs_empty(struct audit_costs *costs); // with any number of empty entries
// ... with `count` entries, `entry` and more, whose data is adjacent in the file
unsigned audit_costs_run(struct audit_costs *costs, struct l2_entry entry, uint64_t count);
unsigned audit_costs_entry(struct audit_costs *costs, struct l2_entry entry); // with any entry

#endif
