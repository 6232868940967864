// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What lies where no program looks, or where the next write lands. Nothing of it is looked for in
// an image that is unsafe for another reason.

#ifndef AUDIT_AUDIT_HIDDEN_H
#define AUDIT_AUDIT_HIDDEN_H

#include "audit/audit_state.h"

// Tells of tables whose clusters have refcount 0. Before any data is in state->places.used.
void audit_free_tables(struct audit_state *state);

// Tells of clusters that have a refcount and data, and that nothing refers to, once all are known
// to which something does: those in state->places.used, and those of compressed data. As far as
// AUDIT_REFCOUNT_BYTES of refcounts and AUDIT_LEAKED_BYTES of such clusters go.
void audit_unused_clusters(struct audit_state *state, const struct cluster_bits *compressed);

#endif
