// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The references to each host cluster that have been counted so far, and its refcount on disk.

#ifndef CHECK_CHECK_REFERENCES_H
#define CHECK_CHECK_REFERENCES_H

#include "check/check_state.h"

// Counts one reference to each cluster of [offset, offset + size) of the file. `at` has the guest
// offset, if there is one; `place` says which entry or field refers to it.
void check_reference(struct check_state *state, uint64_t offset, uint64_t size,
                     enum purpose purpose, const struct finding *at, const char *place);

// Makes the chunk of a cluster below references.clusters, and marks the clusters whose refcount on
// disk is 1. False when there is no memory, which is noted.
bool check_make_chunk(struct check_state *state, uint64_t cluster);

// Makes the chunk of a cluster below references.clusters unless it exists.
static inline bool check_touch(struct check_state *state, uint64_t cluster)
{
    return reference_chunk(&state->references, cluster) || check_make_chunk(state, cluster);
}

// Sets the value of a cluster whose chunk exists. Notes when there is no memory.
static inline void check_set(struct check_state *state, uint64_t cluster, uint32_t value)
{
    state->out_of_memory =
        !reference_set(&state->references, cluster, value) || state->out_of_memory;
}

// True when a COPIED flag contradicts the refcount on disk: the flag means that the refcount is
// exactly 1. False when the refcount is unknown.
bool check_copied_is_wrong(struct check_state *state, uint64_t cluster, bool copied);

// The refcount on disk of any cluster. False when it is unknown.
bool check_find_refcount(struct check_state *state, uint64_t cluster, uint64_t *refcount);

// Returns the next refcounts of `walk`. Refcounts past the end of the file count as 0; for other
// unreadable refcounts `error` is set and the step is WALK_ERROR.
enum walk_step check_next_refcounts(struct check_state *state, struct refcount_walk *walk,
                                    struct refcounts *refcounts, struct error *error);

#endif
