// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Finds data in places that no program reads, and tables and data in places that a later write may
// use. Does nothing in an image that is unsafe for another reason.

#ifndef AUDIT_AUDIT_HIDDEN_H
#define AUDIT_AUDIT_HIDDEN_H

#include "audit/audit_state.h"

// Reports refcounts of tables that are lower than the number of references. Call it before any data
// is in state->places.used.
void audit_table_refcounts(struct audit_state *state);

// Reports the same of guest data. Call it when all data is in state->places.used. Both read at most
// AUDIT_REFCOUNT_BYTES of refcounts.
void audit_data_refcounts(struct audit_state *state);

// Reports refcounts of clusters behind the end of the file: a program that writes allocates the
// next cluster behind them. Call it when all data is in state->places.used. Reads at most
// AUDIT_REFCOUNT_BYTES of refcounts.
void audit_refcounts_behind(struct audit_state *state);

// Reports clusters that have a refcount but no reference: those with data, and more than
// AUDIT_LEAKED_CLUSTERS that take no space. Call it when all clusters with references are known:
// those in state->places.used, and those of compressed data. Reads at most AUDIT_REFCOUNT_BYTES of
// refcounts and AUDIT_LEAKED_BYTES of such clusters.
void audit_unused_clusters(struct audit_state *state, const struct cluster_bits *compressed);

#endif
