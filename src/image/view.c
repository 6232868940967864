// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/view.h"

#include "base/checked.h"
#include "format/layout.h"

#include <inttypes.h>

struct view view_active(const struct chain *chain)
{
    const struct layer *layer = &chain->layers[0];
    return (struct view){.chain = chain,
                         .l1 = layer->image ? l1_table_active(&layer->image->header)
                                            : (struct l1_table){0},
                         .size = layer->size};
}

bool view_snapshot(const struct chain *chain, const struct snapshot *snapshot, const char *name,
                   struct view *view, struct error *error)
{
    const struct header *header = &chain->layers[0].image->header;
    struct l1_table l1 = {snapshot->l1_table_offset, snapshot->l1_size};
    if (!l1_table_is_sound(header, l1)) {
        return error_at(error, ERROR_CORRUPT, l1.offset,
                        "invalid location or size of the L1 table of snapshot \"%s\": %" PRIu32
                        " entries",
                        name, l1.size);
    }
    if (snapshot->disk_size / header_l2_coverage(header) >= CAP_L1_SIZE) {
        return error_at(error, ERROR_LIMIT, header->snapshots_offset,
                        "the disk of snapshot \"%s\" has %" PRIu64
                        " bytes, more than an L1 table can map",
                        name, snapshot->disk_size);
    }
    uint64_t size = snapshot->disk_size;
    *view = (struct view){.chain = chain,
                          .l1 = l1,
                          .size = chain->size_as_qemu ? align_down(size, SECTOR_SIZE) : size};
    return true;
}

bool view_vm_state(const struct chain *chain, const struct snapshot *snapshot, const char *name,
                   struct view *view, struct error *error)
{
    const struct header *header = &chain->layers[0].image->header;
    if (!view_snapshot(chain, snapshot, name, view, error)) {
        return false;
    }
    if (snapshot->vm_state_size == 0) {
        return error_set(error, ERROR_NOT_FOUND, "snapshot \"%s\" has no VM state", name);
    }
    if (!checked_align_up(snapshot->disk_size, header_l2_coverage(header), &view->start) ||
        snapshot->vm_state_size > UINT64_MAX - view->start) {
        return error_at(error, ERROR_CORRUPT, header->snapshots_offset,
                        "the snapshot's disk of %" PRIu64 " bytes and its VM state of %" PRIu64
                        " are too large",
                        snapshot->disk_size, snapshot->vm_state_size);
    }
    view->size = snapshot->vm_state_size;
    return true;
}
