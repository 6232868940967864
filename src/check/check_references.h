// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The references to each host cluster that were counted so far, and its refcount on disk.

#ifndef CHECK_CHECK_REFERENCES_H
#define CHECK_CHECK_REFERENCES_H

#include "check/check_state.h"

// Counts the references to [offset, offset + size) of the file. `at` has the guest offset, when
// there is one, and `place` says who refers to it.
void check_reference(struct check_state *state, uint64_t offset, uint64_t size,
                     enum purpose purpose, const struct finding *at, const char *place);

// Makes the chunk that a cluster below references.clusters is in, and marks what its refcounts on
// disk say. False when there is no memory, which is noted.
bool check_make_chunk(struct check_state *state, uint64_t cluster);

// Makes sure that the chunk of a cluster below references.clusters is there.
static inline bool check_touch(struct check_state *state, uint64_t cluster)
{
    return reference_chunk(&state->references, cluster) || check_make_chunk(state, cluster);
}

// Sets the value of a cluster whose chunk is there. When there is no memory, that is noted.
static inline void check_set(struct check_state *state, uint64_t cluster, uint32_t value)
{
    state->out_of_memory =
        !reference_set(&state->references, cluster, value) || state->out_of_memory;
}

// True when a COPIED flag contradicts the refcount on disk: it says that the refcount is exactly 1.
// A refcount that cannot be known contradicts nothing.
bool check_copied_is_wrong(struct check_state *state, uint64_t cluster, bool copied);

// The refcount on disk of any cluster. False when it cannot be known.
bool check_find_refcount(struct check_state *state, uint64_t cluster, uint64_t *refcount);

// Hands over the next refcounts of `walk`. What the file does not have of a block counts as 0; for
// anything else that cannot be read, `error` is set and the step is WALK_ERROR.
enum walk_step check_next_refcounts(struct check_state *state, struct refcount_walk *walk,
                                    struct refcounts *refcounts, struct error *error);

#endif
