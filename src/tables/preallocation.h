// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TABLES_PREALLOCATION_H
#define TABLES_PREALLOCATION_H

#include "image/chain.h"

// True when many clusters in use are not allocated on disk yet: when the clusters with a refcount
// exceed the allocated size of the file by at least a tenth. Then it is worth asking the file
// system for holes below data clusters. QEMU has the same rule, so both report the same extents.
// Reads only as many refcount blocks as needed, and a limited number at most.
bool image_is_preallocated(const struct image *image);

// Gives each preallocated layer the holes of its data file: there the disk reads as zeros, and a
// walk over its extents reports zeros instead of data.
void preallocation_find_holes(struct chain *chain);

#endif
