// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Shows the progress of long work on standard error: on a terminal as one line that is removed at
// the end, elsewhere as whole lines for programs that read them.

#ifndef PRINT_PROGRESS_H
#define PRINT_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum progress_when { PROGRESS_ON_TERMINAL, PROGRESS_ALWAYS, PROGRESS_NEVER, PROGRESS_JSON };

enum progress_style {
    PROGRESS_REDRAWN, // one line, a few times a second
    PROGRESS_LINES,   // at most one a second, and one at the end
    PROGRESS_OBJECTS, // the same in JSON: {"done":BYTES,"total":BYTES}
};

// What was done at a time. The rate that is shown is that of the seconds that the samples span.
struct progress_sample {
    struct timespec at;
    uint64_t done;
};

enum { PROGRESS_SAMPLES = 17 }; // at least a quarter of a second apart: four seconds

struct progress {
    bool on;
    bool forced; // show progress even for very short work
    bool shown;  // a line that can be redrawn is on the terminal
    enum progress_style style;
    uint64_t done, total;                             // bytes
    struct timespec start, last;                      // the time at the start and of the last line
    struct progress_sample samples[PROGRESS_SAMPLES]; // a ring
    size_t sample_count;                              // of all that were taken
    double average;                                   // bytes a second, of more seconds
    bool left_known;
    double left; // seconds, at the last sample
};

// `total`: the bytes of all work.
struct progress progress_start(enum progress_when when, uint64_t total);

// Records that `done` bytes, at most all, are done; writes a line if one is due.
void progress_update(struct progress *progress, uint64_t done);

// The same at the given time `now` of CLOCK_MONOTONIC.
void progress_update_at(struct progress *progress, uint64_t done, const struct timespec *now);

// Removes a line that can be redrawn; call it before printing any other message.
void progress_clear(struct progress *progress);

// Ends the progress, whether all work was done or not: writes the last line, or removes the line
// that can be redrawn.
void progress_end(struct progress *progress);

#endif
