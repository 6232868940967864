// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// How far long work is, on standard error: on a terminal one line that is gone at the end;
// elsewhere whole lines, for programs that follow the work.

#ifndef OUTPUT_PROGRESS_H
#define OUTPUT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum progress_when { PROGRESS_ON_TERMINAL, PROGRESS_ALWAYS, PROGRESS_NEVER, PROGRESS_JSON };

enum progress_style {
    PROGRESS_REDRAWN, // one line, a few times a second
    PROGRESS_LINES,   // at most one a second, and one at the end
    PROGRESS_OBJECTS, // the same as JSON: {"done":BYTES,"total":BYTES}
};

struct progress {
    bool on;
    bool forced; // shown even for work that takes no time
    bool shown;  // a line that is redrawn is there now
    enum progress_style style;
    uint64_t done, total;        // bytes
    struct timespec start, last; // the clock at the beginning and when the line was last written
};

// `total`: bytes of the whole work.
struct progress progress_start(enum progress_when when, uint64_t total);

// `done` bytes, at most all, are done; writes what is due.
void progress_update(struct progress *progress, uint64_t done);

// The same at the time `now` of CLOCK_MONOTONIC.
void progress_update_at(struct progress *progress, uint64_t done, const struct timespec *now);

// Removes a line that is redrawn: before any other message.
void progress_clear(struct progress *progress);

// At the end of the work, whether it was done or not: the last line, or none where it is redrawn.
void progress_end(struct progress *progress);

#endif
