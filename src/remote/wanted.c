// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/wanted.h"

enum { BITS = 64 };

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

// How many of the lowest bits are set, at most `max`.
static unsigned count_ones(uint64_t bits, unsigned max)
{
    unsigned count = 0;
    while (count < max && (bits >> count & 1) != 0) {
        count++;
    }
    return count;
}

struct wanted_run wanted_run(struct wanted *wanted, uint32_t object, uint64_t index, unsigned max)
{
    uint64_t after = 1;  // bit i: block index + i
    uint64_t before = 0; // bit i: block index - 1 - i
    for (size_t i = 0; i < wanted->count && i < WANTED_NEAR; i++) {
        const struct wanted_block *block = at(wanted, i);
        if (block->dropped || block->object != object) {
            continue;
        }
        if (block->index >= index) {
            after |= block->index - index < BITS ? UINT64_C(1) << (block->index - index) : 0;
        } else {
            uint64_t distance = index - 1 - block->index;
            before |= distance < BITS ? UINT64_C(1) << distance : 0;
        }
    }
    unsigned count = count_ones(after, max);
    unsigned down = count_ones(before, max - count);
    struct wanted_run run = {.first = index - down, .count = count + down};
    const struct wanted_block *newest = wanted->count > 0 ? at(wanted, wanted->count - 1) : NULL;
    run.is_newest = newest && newest->object == object && newest->index - run.first < run.count;
    return run;
}

void wanted_drop(struct wanted *wanted, uint32_t object, uint64_t index, uint64_t count)
{
    for (size_t i = 0; i < wanted->count; i++) {
        struct wanted_block *block = at(wanted, i);
        block->dropped |= block->object == object && block->index - index < count;
    }
}
