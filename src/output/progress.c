// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/progress.h"

#include "base/checked.h"
#include "output/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static const double interval = 0.2; // seconds between two lines
static const double patience = 0.5; // seconds before the first one: short work shows none

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
    return (double)(to->tv_sec - from->tv_sec) + (double)(to->tv_nsec - from->tv_nsec) / 1e9;
}

struct progress progress_start(enum progress_when when, uint64_t total)
{
    struct progress progress = {
        .on = when == PROGRESS_ALWAYS || (when == PROGRESS_ON_TERMINAL && isatty(STDERR_FILENO)),
        .forced = when == PROGRESS_ALWAYS,
        .total = total,
    };
    clock_gettime(CLOCK_MONOTONIC, &progress.start);
    progress.last = progress.start;
    return progress;
}

static void print_line(const struct progress *progress, uint64_t done, double elapsed)
{
    char done_text[TEXT_SIZE_MAX];
    char total_text[TEXT_SIZE_MAX];
    char rate_text[TEXT_SIZE_MAX];
    double rate = elapsed > 0 ? (double)done / elapsed : 0;
    double share = progress->total > 0 ? (double)done / (double)progress->total : 1;
    uint64_t left = rate > 0 ? (uint64_t)((double)(progress->total - done) / rate) : 0;
    text_short_size(done, done_text);
    text_short_size(progress->total, total_text);
    text_short_size((uint64_t)rate, rate_text);
    fprintf(stderr, "\r%3d%%  %s of %s  %s/s  %" PRIu64 ":%02u:%02u left\033[K", (int)(share * 100),
            done_text, total_text, rate_text, left / 3600, (unsigned)(left / 60 % 60),
            (unsigned)(left % 60));
    fflush(stderr);
}

void progress_update(struct progress *progress, uint64_t done)
{
    struct timespec now;
    if (!progress->on) {
        return;
    }
    done = min_u64(done, progress->total);
    clock_gettime(CLOCK_MONOTONIC, &now);
    double elapsed = seconds_between(&progress->start, &now);
    bool due = seconds_between(&progress->last, &now) >= interval || done == progress->total;
    if (due && (progress->forced || elapsed >= patience)) {
        print_line(progress, done, elapsed);
        progress->last = now;
        progress->shown = true;
    }
}

void progress_clear(struct progress *progress)
{
    if (progress->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->shown = false;
    }
}
