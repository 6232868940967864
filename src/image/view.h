// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Which disk of a chain is read: the active one, a snapshot's, or the VM state saved with a
// snapshot. A view is a value that borrows its chain; views of one chain can be walked side by
// side.

#ifndef IMAGE_VIEW_H
#define IMAGE_VIEW_H

#include "format/snapshot.h"
#include "image/chain.h"
#include "image/run.h"

struct view {
    const struct chain *chain;
    struct l1_table l1; // of the first layer; without meaning when that is raw
    uint64_t start;     // guest offset of the first byte: 0, or where a VM state begins
    uint64_t size;      // bytes from `start` on
};

struct view view_active(const struct chain *chain);

// The disk of a snapshot of the first layer. False when its L1 table has an impossible place or
// size, or its disk is larger than an L1 table can map; `error` calls the snapshot `name`.
bool view_snapshot(const struct chain *chain, const struct snapshot *snapshot, const char *name,
                   struct view *view, struct error *error);

// The VM state of a snapshot, which lies behind its disk: at the first guest offset that no L2
// table of the disk maps. False as above, or when the end of the VM state is beyond 64 bits.
bool view_vm_state(const struct chain *chain, const struct snapshot *snapshot, const char *name,
                   struct view *view, struct error *error);

// The guest offset at which the view ends.
static inline uint64_t view_end(const struct view *view)
{
    return view->start + view->size;
}

#endif
