// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Ranges that could not be had although they were asked for several times. A salvage goes on
// without them, as with bad sectors; they are not asked for again.

#ifndef REMOTE_LOST_H
#define REMOTE_LOST_H

#include "base/error.h"

enum {
    LOST_MAX = 256,   // ranges
    LOST_ROW_MAX = 8, // ranges in a row after which a server counts as gone
};

struct lost_range {
    uint32_t object;
    uint64_t first, count; // blocks
    struct error error;
};

// Empty when all is zero.
struct lost {
    struct lost_range ranges[LOST_MAX];
    unsigned count, row; // ranges; those since the last that was had
};

// Adds a range. False when there are too many, or too many in a row.
bool lost_add(struct lost *lost, const struct lost_range *range);

// A range was had.
static inline void lost_break_row(struct lost *lost)
{
    lost->row = 0;
}

// Why a block was lost; NULL when it was not.
const struct error *lost_find(const struct lost *lost, uint32_t object, uint64_t index);

#endif
