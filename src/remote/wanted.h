// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Blocks that will be read soon, in the order in which they will be, and are not asked for yet.

#ifndef REMOTE_WANTED_H
#define REMOTE_WANTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WANTED_MAX = 8192, // blocks: 512 MiB
    WANTED_NEAR = 256, // blocks of the queue that are searched for neighbours
};

struct wanted_block {
    bool dropped;
    uint32_t object;
    uint64_t index;
};

// A queue; empty when all is zero.
struct wanted {
    struct wanted_block blocks[WANTED_MAX]; // a ring
    size_t first, count;
};

// Appends a block, unless the queue is full or ends with it.
void wanted_add(struct wanted *wanted, uint32_t object, uint64_t index);

// The next block; NULL when there is none.
const struct wanted_block *wanted_next(struct wanted *wanted);

// Takes the next block off, which has to be there.
void wanted_take(struct wanted *wanted);

// Neighbours in the object, whatever their order in the queue.
struct wanted_run {
    uint64_t first, count; // blocks
    bool is_newest;        // the block that was appended last is one of them: more may follow
};

// The blocks around `index` that are near the front of the queue: itself and up to `max` in all, of
// at most 64, those after it first.
struct wanted_run wanted_run(struct wanted *wanted, uint32_t object, uint64_t index, unsigned max);

// Takes blocks off wherever they are: they have been asked for.
void wanted_drop(struct wanted *wanted, uint32_t object, uint64_t index, uint64_t count);

#endif
