// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Short end: a file that ends inside its last cluster in use.

#ifndef TABLES_SHORT_END_H
#define TABLES_SHORT_END_H

#include "image/image.h"

// False when the refcounts show a cluster in use beyond the one in which the file ends, or cannot
// be read: more than the end of one cluster is missing. True when the file ends at the end of a
// cluster. `error` has the offset of the cluster and names --short-end with
// `suffix`, which may be NULL.
bool short_end_is_last(const struct image *image, const char *suffix, struct error *error);

#endif
