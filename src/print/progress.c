// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "print/progress.h"

#include "base/checked.h"
#include "print/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

// Seconds between two updates.
static const double intervals[] = {
    [PROGRESS_REDRAWN] = 0.2, [PROGRESS_LINES] = 1, [PROGRESS_OBJECTS] = 1};
static const double patience = 0.5; // seconds before the first update: short work shows no progress

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
    return (double)(to->tv_sec - from->tv_sec) + (double)(to->tv_nsec - from->tv_nsec) / 1e9;
}

static enum progress_style style_of(enum progress_when when, bool terminal)
{
    return when == PROGRESS_JSON ? PROGRESS_OBJECTS : terminal ? PROGRESS_REDRAWN : PROGRESS_LINES;
}

struct progress progress_start(enum progress_when when, uint64_t total)
{
    bool terminal = isatty(STDERR_FILENO);
    bool forced = when == PROGRESS_ALWAYS || when == PROGRESS_JSON;
    struct progress progress = {
        .on = forced || (when == PROGRESS_ON_TERMINAL && terminal),
        .forced = forced,
        .style = style_of(when, terminal),
        .total = total,
    };
    clock_gettime(CLOCK_MONOTONIC, &progress.start);
    progress.last = progress.start;
    return progress;
}

static void print_object(const struct progress *progress)
{
    fprintf(stderr, "{\"done\":%" PRIu64 ",\"total\":%" PRIu64 "}\n", progress->done,
            progress->total);
}

static void print_line(const struct progress *progress, const struct timespec *now)
{
    char done_text[TEXT_SIZE_MAX];
    char total_text[TEXT_SIZE_MAX];
    char rate_text[TEXT_SIZE_MAX];
    bool redrawn = progress->style == PROGRESS_REDRAWN;
    uint64_t done = progress->done;
    double elapsed = seconds_between(&progress->start, now);
    double rate = elapsed > 0 ? (double)done / elapsed : 0;
    double share = progress->total > 0 ? (double)done / (double)progress->total : 1;
    uint64_t left = rate > 0 ? (uint64_t)((double)(progress->total - done) / rate) : 0;
    text_short_size(done, done_text);
    text_short_size(progress->total, total_text);
    text_short_size((uint64_t)rate, rate_text);
    fprintf(stderr, "%s%3d%%  %s of %s  %s/s  %" PRIu64 ":%02u:%02u left%s", redrawn ? "\r" : "",
            (int)(share * 100), done_text, total_text, rate_text, left / 3600,
            (unsigned)(left / 60 % 60), (unsigned)(left % 60), redrawn ? "\033[K" : "\n");
}

static void print(struct progress *progress, const struct timespec *now)
{
    if (progress->style == PROGRESS_OBJECTS) {
        print_object(progress);
    } else {
        print_line(progress, now);
    }
    fflush(stderr);
    progress->last = *now;
    progress->shown = progress->style == PROGRESS_REDRAWN;
}

void progress_update_at(struct progress *progress, uint64_t done, const struct timespec *now)
{
    progress->done = min_u64(done, progress->total);
    // Progress in whole lines ends with a last line.
    bool last = progress->style == PROGRESS_REDRAWN && progress->done == progress->total;
    bool due = last || seconds_between(&progress->last, now) >= intervals[progress->style];
    if (due && (progress->forced || seconds_between(&progress->start, now) >= patience)) {
        print(progress, now);
    }
}

void progress_update(struct progress *progress, uint64_t done)
{
    struct timespec now;
    if (progress->on) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        progress_update_at(progress, done, &now);
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

void progress_end(struct progress *progress)
{
    struct timespec now;
    progress_clear(progress);
    if (progress->on && progress->style != PROGRESS_REDRAWN) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        print(progress, &now);
    }
}
