// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Exports the disk or a range of it to a descriptor: one thread walks the metadata, workers turn
// extents into bytes.

#ifndef IMAGE_EXPORT_H
#define IMAGE_EXPORT_H

#include "image/extent.h"
#include "image/sink.h"

struct export_options {
    uint64_t offset, length; // guest bytes, inside the view
    unsigned jobs;           // 1..WORKERS_MAX
    enum sparse sparse;
    bool as_stored; // write encrypted data of layers without a cipher as it is
    bool salvage;   // write zeros for unreadable data, and call on_fault for each range

    // Both are called on the caller's thread, in guest order. Each may be NULL.
    void (*on_fault)(void *context, const struct fault *fault);
    void (*on_progress)(void *context, uint64_t done); // guest bytes, of `length`

    // What need not be read counts as zeros. How many bytes from a guest offset on need not, before
    // their tables are walked; and how many bytes of an extent are alike in this. May be
    // NULL.
    uint64_t (*pass_range)(void *context, uint64_t guest_offset);
    uint64_t (*pass_extent)(void *context, const struct extent *extent, bool *is_passed);
    void *context;
};

// Instead of a descriptor: everything is read, nothing is written.
enum { EXPORT_NOWHERE = -1 };

// Writes the guest bytes to `fd`. On failure the bytes written so far are correct, and a regular
// file ends at the first fault; `error` has the guest and host offset.
bool export_disk(const struct view *view, const struct export_options *options, int fd,
                 struct error *error);

#endif
