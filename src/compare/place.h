// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Whether two places hold the same bytes because they are the same place.

#ifndef COMPARE_PLACE_H
#define COMPARE_PLACE_H

#include "image/extent.h"

// True when both layers are read from the same files in the same way: what one of them has at a
// guest offset, the other one has there, too.
bool place_same_layer(const struct layer *a, const struct layer *b);

// True when two extents of the same guest range read the same bytes of the same file in the same
// way. Zeros are no place.
bool place_same(const struct chain *chain_a, const struct extent *a, const struct chain *chain_b,
                const struct extent *b);

#endif
