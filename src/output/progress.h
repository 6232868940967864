// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// One line on standard error that tells how far long work is, and is gone at the end.

#ifndef OUTPUT_PROGRESS_H
#define OUTPUT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum progress_when { PROGRESS_ON_TERMINAL, PROGRESS_ALWAYS, PROGRESS_NEVER };

struct progress {
    bool on;
    bool forced; // shown even for work that takes no time
    bool shown;  // a line is there now
    uint64_t total;
    struct timespec start, last; // the clock at the beginning and when the line was last written
};

// `total`: bytes of the whole work.
struct progress progress_start(enum progress_when when, uint64_t total);

// Tells that `done` bytes, at most all, are done; writes a few times a second at most.
void progress_update(struct progress *progress, uint64_t done);

// Takes the line away: before any other message, and at the end.
void progress_clear(struct progress *progress);

#endif
