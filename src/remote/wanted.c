// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/wanted.h"

static struct wanted_block *at(struct wanted *wanted, size_t i)
{
    return &wanted->blocks[(wanted->first + i) % WANTED_MAX];
}

void wanted_add(struct wanted *wanted, uint32_t object, uint64_t index)
{
    const struct wanted_block *last = wanted->count > 0 ? at(wanted, wanted->count - 1) : NULL;
    if (last && !last->dropped && last->object == object && last->index == index) {
        return; // two parts of it
    }
    if (wanted->count < WANTED_MAX) {
        *at(wanted, wanted->count++) = (struct wanted_block){.object = object, .index = index};
    }
}

void wanted_take(struct wanted *wanted)
{
    wanted->first = (wanted->first + 1) % WANTED_MAX;
    wanted->count--;
}

const struct wanted_block *wanted_next(struct wanted *wanted)
{
    while (wanted->count > 0 && at(wanted, 0)->dropped) {
        wanted_take(wanted);
    }
    return wanted->count > 0 ? at(wanted, 0) : NULL;
}

void wanted_drop(struct wanted *wanted, uint32_t object, uint64_t index)
{
    for (size_t i = 0; i < wanted->count; i++) {
        struct wanted_block *block = at(wanted, i);
        block->dropped |= block->object == object && block->index == index;
    }
}
