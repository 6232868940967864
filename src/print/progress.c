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

// Seconds: between two samples, of which the rate is made; over which the time left is averaged; in
// which it follows a change of that average.
static const double sample_interval = 0.25;
static const double average_period = 20;
static const double damping_period = 5;

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
    progress.samples[0].at = progress.start;
    progress.sample_count = 1;
    return progress;
}

// --- Rate and time left --------------------------------------------------------------------------

static const struct progress_sample *sample_before(const struct progress *progress, size_t back)
{
    return &progress->samples[(progress->sample_count - 1 - back) % PROGRESS_SAMPLES];
}

// Bytes a second over the last seconds: since the oldest sample that is kept, or since the last one
// when that is as old.
static double rate_at(const struct progress *progress, const struct timespec *now)
{
    const struct progress_sample *sample = sample_before(progress, 0);
    double period = (PROGRESS_SAMPLES - 1) * sample_interval;
    for (size_t i = 1; i < progress->sample_count && i < PROGRESS_SAMPLES &&
                       seconds_between(&sample->at, now) < period;
         i++) {
        sample = sample_before(progress, i);
    }
    double seconds = seconds_between(&sample->at, now);
    return seconds > 0 ? (double)(progress->done - sample->done) / seconds : 0;
}

// The average of the last seconds, of all seconds in the beginning; older ones fade.
static void update_average(struct progress *progress, double seconds, double elapsed)
{
    double rate = (double)(progress->done - sample_before(progress, 0)->done) / seconds;
    double weight = seconds / (elapsed < average_period ? elapsed : average_period);
    progress->average += (rate - progress->average) * (weight < 1 ? weight : 1);
}

// Counts down, and moves slowly to the time that the average rate asks for, which work that stalls
// or skips a hole changes at once.
static void update_left(struct progress *progress, double seconds)
{
    double before = progress->left > seconds ? progress->left - seconds : 0;
    double most = 2 * before + damping_period;
    double wanted = progress->average > 0
                        ? (double)(progress->total - progress->done) / progress->average
                        : most;
    if (!progress->left_known) {
        progress->left = wanted;
        progress->left_known = progress->average > 0;
        return;
    }
    wanted = wanted < most ? wanted : most;
    progress->left = before + (wanted - before) * seconds / (seconds + damping_period);
}

static void take_sample(struct progress *progress, const struct timespec *now)
{
    double seconds = seconds_between(&sample_before(progress, 0)->at, now);
    if (seconds < sample_interval) {
        return;
    }
    update_average(progress, seconds, seconds_between(&progress->start, now));
    update_left(progress, seconds);
    progress->samples[progress->sample_count++ % PROGRESS_SAMPLES] =
        (struct progress_sample){.at = *now, .done = progress->done};
}

// Whole seconds, rounded.
static uint64_t seconds_left(const struct progress *progress, const struct timespec *now)
{
    static const double longest = 100.0 * 365 * 24 * 3600;
    double left = progress->left - seconds_between(&sample_before(progress, 0)->at, now);
    if (progress->done == progress->total || left < 0) {
        return 0;
    }
    return (uint64_t)((left < longest ? left : longest) + 0.5);
}

// --- Output --------------------------------------------------------------------------------------

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
    double share = progress->total > 0 ? (double)done / (double)progress->total : 1;
    uint64_t left = seconds_left(progress, now);
    text_short_size(done, done_text);
    text_short_size(progress->total, total_text);
    text_short_size((uint64_t)rate_at(progress, now), rate_text);
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
    take_sample(progress, now);
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
