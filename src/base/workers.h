// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// An ordered work queue over threads: items are run on any thread and finished on the caller's, in
// the order in which they were submitted. With one job everything runs inline.

#ifndef BASE_WORKERS_H
#define BASE_WORKERS_H

#include "base/error.h"

enum { WORKERS_MAX = 256 };

// The number of cores, 1..WORKERS_MAX.
unsigned workers_default(void);

struct workers;

struct work {
    // Does the work of `item`. `worker`, below the number of jobs, tells the threads apart.
    void (*run)(void *context, unsigned worker, void *item);
    // Takes the result. False ends everything: no further item is run or finished.
    bool (*finish)(void *context, void *item);
};

// `items`: `count` items of `size` bytes each, which the caller keeps; count > jobs keeps all
// threads busy. 1 ≤ jobs ≤ WORKERS_MAX. NULL when threads cannot be had.
struct workers *workers_start(const struct work *work, void *context, unsigned jobs, void *items,
                              size_t size, size_t count, struct error *error);

// An item to fill; first finishes older ones when all are taken. NULL after a finish that failed.
void *workers_item(struct workers *workers);

// Hands over the item that workers_item() returned last.
void workers_submit(struct workers *workers);

// Finishes all that was submitted. False when a finish failed, now or before.
bool workers_drain(struct workers *workers);

// Ends the threads without running what still waits. NULL is fine.
void workers_stop(struct workers *workers);

#endif
