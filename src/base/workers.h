// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// An ordered work queue: items run on any thread and are finished on the caller's thread, in the
// order of submission. With one job everything runs on the caller's thread.

#ifndef BASE_WORKERS_H
#define BASE_WORKERS_H

#include "base/error.h"

enum { WORKERS_MAX = 256 };

// The number of cores, 1..WORKERS_MAX.
unsigned workers_default(void);

struct workers;

struct work {
    // Does the work of `item`. `worker` is the number of the thread, below the number of jobs.
    void (*run)(void *context, unsigned worker, void *item);
    // Uses the result. False stops the queue: no further item is run or finished.
    bool (*finish)(void *context, void *item);
};

// `items`: `count` items of `size` bytes each, borrowed; count > jobs keeps all threads busy. 1 ≤
// jobs ≤ WORKERS_MAX. NULL when threads cannot be started.
struct workers *workers_start(const struct work *work, void *context, unsigned jobs, void *items,
                              size_t size, size_t count, struct error *error);

// Returns an item to fill; first finishes an older one if all are in use. NULL after a finish
// function failed.
void *workers_item(struct workers *workers);

// Submits the item that workers_item() returned last.
void workers_submit(struct workers *workers);

// Finishes all submitted items. False when a finish function failed, now or before.
bool workers_drain(struct workers *workers);

// Ends the threads without running waiting items. NULL is allowed.
void workers_stop(struct workers *workers);

#endif
