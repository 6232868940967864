// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A view: one disk of a chain, which is the active one, a snapshot's, or the VM state of a
// snapshot. A view is a value that borrows its chain; several views of one chain can be walked at
// the same time.

#ifndef IMAGE_VIEW_H
#define IMAGE_VIEW_H

#include "format/snapshot.h"
#include "image/chain.h"
#include "image/run.h"

struct view {
    const struct chain *chain;
    struct l1_table l1; // of the first layer; unused when that is raw
    uint64_t start;     // guest offset of the first byte: 0, or of the VM state
    uint64_t size;      // bytes from `start` on
};

struct view view_active(const struct chain *chain);

// The disk of a snapshot of the first layer. False when the location or size of its L1 table is
// invalid, or its disk is larger than an L1 table can map; `name` is the snapshot's name for
// `error`.
bool view_snapshot(const struct chain *chain, const struct snapshot *snapshot, const char *name,
                   struct view *view, struct error *error);

// The VM state of a snapshot. It lies after the disk, at the first guest offset that no L2 table of
// the disk maps. False as above, or when the end of the VM state exceeds 64 bits.
bool view_vm_state(const struct chain *chain, const struct snapshot *snapshot, const char *name,
                   struct view *view, struct error *error);

// The guest offset at which the view ends.
static inline uint64_t view_end(const struct view *view)
{
    return view->start + view->size;
}

#endif
