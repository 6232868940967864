// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Whether the cluster inside which a file ends is the last one in use.

#ifndef TABLES_SHORT_END_H
#define TABLES_SHORT_END_H

#include "image/image.h"

// False when the refcounts of the image have a cluster in use behind the one in which its file
// ends, or cannot be read: more is missing than the end of one cluster. True when the file ends
// with a cluster. The offset of `error` is that of the cluster.
bool short_end_is_last(const struct image *image, struct error *error);

#endif
