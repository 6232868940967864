// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TABLES_PREALLOCATION_H
#define TABLES_PREALLOCATION_H

#include "image/chain.h"

// True when clusters of the image that are in use have no place on disk yet: when at least a tenth
// more of them have a refcount than the file has on disk. Then it is worth asking the file system
// for holes below data clusters. This is QEMU's rule too, so that both tell the same of an image.
// Reads no more refcount blocks than it takes to know, and not more than a bounded number.
bool image_is_preallocated(const struct image *image);

// Gives each layer that is preallocated the holes of the file that has its data: there the disk
// reads as zeros, and a walk over its extents reports that instead of data.
void preallocation_find_holes(struct chain *chain);

#endif
