// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Whether two places are the same, so that they contain the same bytes.

#ifndef COMPARE_PLACE_H
#define COMPARE_PLACE_H

#include "image/extent.h"

// True when both layers are read from the same files in the same way: at each guest offset both
// have the same content.
bool place_same_layer(const struct layer *a, const struct layer *b);

// True when two extents of the same guest range read the same bytes of the same file in the same
// way. False for zeros, which have no place.
bool place_same(const struct chain *chain_a, const struct extent *a, const struct chain *chain_b,
                const struct extent *b);

#endif
