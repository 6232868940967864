// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Bytes by which a format is known.

#ifndef IMAGE_PROBE_MARK_H
#define IMAGE_PROBE_MARK_H

#include <stddef.h>
#include <stdint.h>

struct probe_mark {
    const char *name; // of the format: "a VMDK disk"
    uint64_t offset;  // bytes
    size_t size;
};

#endif
