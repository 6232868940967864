// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#ifndef IMAGE_PREALLOCATION_H
#define IMAGE_PREALLOCATION_H

#include "image/image.h"

// True when clusters of the image that are in use have no place on disk yet: when at least a tenth
// more of them have a refcount than the file has on disk. Then it is worth asking the file system
// for holes below data clusters. This is QEMU's rule too, so that both tell the same of an image.
// Reads no more refcount blocks than it takes to know, and not more than a bounded number.
bool image_is_preallocated(const struct image *image);

#endif
