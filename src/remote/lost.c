// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/lost.h"

bool lost_add(struct lost *lost, const struct lost_range *range)
{
    if (lost->count == LOST_MAX || lost->row + 1 >= LOST_ROW_MAX) {
        return false;
    }
    lost->ranges[lost->count++] = *range;
    lost->row++;
    return true;
}

const struct error *lost_find(const struct lost *lost, uint32_t object, uint64_t index)
{
    for (unsigned i = 0; i < lost->count; i++) {
        const struct lost_range *range = &lost->ranges[i];
        if (range->object == object && index - range->first < range->count) {
            return &range->error;
        }
    }
    return NULL;
}
