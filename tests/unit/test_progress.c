// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// When progress is due, at times that the test chooses. Standard error is no terminal here.

#include "print/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

static int shown = -1;
static struct progress progress;

// From here on standard error is an empty file, and the work begins.
static void start(enum progress_when when, uint64_t total)
{
    shown = memfd_create("shown", MFD_CLOEXEC);
    dup2(shown, STDERR_FILENO);
    progress = progress_start(when, total);
}

static void at(long milliseconds, uint64_t done)
{
    struct timespec now = progress.start;
    now.tv_sec += milliseconds / 1000;
    now.tv_nsec += milliseconds % 1000 * 1000000;
    if (now.tv_nsec >= 1000000000) {
        now.tv_sec++;
        now.tv_nsec -= 1000000000;
    }
    progress_update_at(&progress, done, &now);
}

static void shows(const char *want)
{
    char text[4096];
    ssize_t size = pread(shown, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    CHECK_STR(text, want);
    close(shown);
}

static void objects_are_a_second_apart(void)
{
    start(PROGRESS_JSON, 1000);
    for (long ms = 0; ms <= 3500; ms += 100) {
        at(ms, (uint64_t)ms / 4);
    }
    progress_end(&progress);
    shows("{\"done\":250,\"total\":1000}\n{\"done\":500,\"total\":1000}\n"
          "{\"done\":750,\"total\":1000}\n{\"done\":875,\"total\":1000}\n");
}

static void a_late_line_puts_the_next_ones_off(void)
{
    start(PROGRESS_JSON, 1000);
    at(1900, 1);
    at(2000, 2);
    at(2899, 3);
    at(2900, 4);
    at(9000, 5);
    progress_end(&progress);
    shows("{\"done\":1,\"total\":1000}\n{\"done\":4,\"total\":1000}\n{\"done\":5,\"total\":1000}\n"
          "{\"done\":5,\"total\":1000}\n");
}

static void short_work_has_the_last_line_alone(void)
{
    start(PROGRESS_JSON, 1000);
    at(0, 0);
    at(500, 1000);
    at(600, 1000);
    progress_end(&progress);
    shows("{\"done\":1000,\"total\":1000}\n");
}

static void work_without_steps_has_a_line(void)
{
    start(PROGRESS_JSON, 0);
    progress_end(&progress);
    shows("{\"done\":0,\"total\":0}\n");
}

static void sizes_are_exact(void)
{
    start(PROGRESS_JSON, UINT64_MAX);
    at(10, UINT64_MAX - 1);
    progress_end(&progress);
    shows("{\"done\":18446744073709551614,\"total\":18446744073709551615}\n");
}

static void lines_are_whole_and_a_second_apart(void)
{
    start(PROGRESS_ALWAYS, 4096);
    at(999, 1000);
    at(1000, 1024);
    at(1500, 2048);
    at(2000, 2048);
    shows(" 25%  1 KiB of 4 KiB  1 KiB/s  0:00:03 left\n"
          " 50%  2 KiB of 4 KiB  1 KiB/s  0:00:02 left\n");
}

static void a_message_between_leaves_lines_as_they_are(void)
{
    start(PROGRESS_ALWAYS, 4096);
    at(1000, 1024);
    progress_clear(&progress);
    shows(" 25%  1 KiB of 4 KiB  1 KiB/s  0:00:03 left\n");
}

// The lines of progress that is updated ten times a second.
struct shown_line {
    double rate; // bytes a second
    long left;   // seconds
};

static double bytes_of(const char *text, const char *unit)
{
    return strtod(text, NULL) * (strncmp(unit, "KiB", 3) == 0   ? 1 << 10
                                 : strncmp(unit, "MiB", 3) == 0 ? 1 << 20
                                 : strncmp(unit, "GiB", 3) == 0 ? 1 << 30
                                                                : 1);
}

// Of a text such as 0:01:30.
static long seconds_of(const char *text)
{
    long seconds = 0;
    char *rest = NULL;
    for (const char *at = text; *at && rest != at; at = *rest == ':' ? rest + 1 : rest) {
        seconds = seconds * 60 + strtol(at, &rest, 10);
    }
    return seconds;
}

// Reads back what was shown; returns the number of lines.
static size_t read_lines(struct shown_line *lines, size_t room)
{
    static char text[1 << 16];
    char *rest;
    size_t count = 0;
    ssize_t size = pread(shown, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    close(shown);
    for (char *line = strtok_r(text, "\n", &rest); line && count < room;
         line = strtok_r(NULL, "\n", &rest)) {
        char rate[16];
        char unit[16];
        char left[16];
        CHECK_EQ_I64(sscanf(line, "%*[^f]f %*s %*s %15s %15s %15[0-9:] left", rate, unit, left), 3);
        lines[count++] = (struct shown_line){bytes_of(rate, unit), seconds_of(left)};
    }
    return count;
}

enum { LINES = 400, MIB = 1 << 20 };

static struct shown_line lines[LINES];

static void the_rate_is_that_of_the_last_seconds(void)
{
    start(PROGRESS_ALWAYS, UINT64_C(1000) * MIB);
    // A minute of 1 MiB/s, then 10 MiB/s.
    for (long tenth = 1; tenth <= 700; tenth++) {
        uint64_t slow = (uint64_t)(tenth < 600 ? tenth : 600);
        uint64_t fast = (uint64_t)tenth - slow;
        at(tenth * 100, (slow + 10 * fast) * MIB / 10);
    }
    CHECK_EQ_I64((int64_t)read_lines(lines, LINES), 70);
    CHECK(lines[59].rate > 0.99 * MIB && lines[59].rate < 1.01 * MIB);
    CHECK(lines[69].rate > 9.9 * MIB && lines[69].rate < 10.1 * MIB);
}

static void a_stall_shows_in_the_rate(void)
{
    start(PROGRESS_ALWAYS, UINT64_C(1000) * MIB);
    for (long tenth = 1; tenth <= 200; tenth++) {
        at(tenth * 100, (uint64_t)(tenth < 100 ? tenth : 100) * MIB);
    }
    CHECK_EQ_I64((int64_t)read_lines(lines, LINES), 20);
    CHECK(lines[19].rate == 0);
}

static void steady_work_counts_down(void)
{
    start(PROGRESS_ALWAYS, UINT64_C(300) * MIB);
    for (long tenth = 1; tenth <= 3000; tenth++) {
        at(tenth * 100, (uint64_t)tenth * MIB / 10);
    }
    CHECK_EQ_I64((int64_t)read_lines(lines, LINES), 300);
    for (long i = 0; i < 300; i++) {
        CHECK(labs(lines[i].left - (299 - i)) <= 1);
    }
}

// Work that does nothing in every other two seconds, and that skips a large hole: from a second to
// the next, the time left moves by less than a quarter of itself and of a damping period, and it is
// right in the end.
static void the_time_left_does_not_jump(void)
{
    start(PROGRESS_ALWAYS, UINT64_C(1000) * MIB);
    uint64_t done = 0;
    for (long tenth = 1; tenth <= 2000; tenth++) {
        done += tenth / 20 % 2 == 0 ? MIB / 2 : 0;
        done += tenth == 600 ? 400 * MIB : 0;
        at(tenth * 100, done);
    }
    size_t count = read_lines(lines, LINES);
    CHECK_EQ_I64((int64_t)count, 200);
    for (size_t i = 6; i < count; i++) {
        long moved = lines[i].left - lines[i - 1].left;
        CHECK(moved < lines[i - 1].left / 4 + 2);
        CHECK(moved > -(lines[i - 1].left / 4 + 3));
    }
    // 100 MiB are left, at 2.5 MiB a second.
    CHECK(lines[count - 1].left > 25 && lines[count - 1].left < 60);
}

static void the_time_left_does_not_grow_without_end(void)
{
    start(PROGRESS_ALWAYS, UINT64_C(1) << 60);
    at(500, 1);
    at(100000000, 1);
    CHECK_EQ_I64((int64_t)read_lines(lines, LINES), 1);
    CHECK(lines[0].left > 0);
}

static void nothing_is_shown_unless_it_is_asked_for(void)
{
    static const enum progress_when silent[] = {PROGRESS_ON_TERMINAL, PROGRESS_NEVER};
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        start(silent[i], 4096);
        progress_update(&progress, 4096);
        progress_end(&progress);
        shows("");
    }
}

int main(void)
{
    RUN(objects_are_a_second_apart);
    RUN(a_late_line_puts_the_next_ones_off);
    RUN(short_work_has_the_last_line_alone);
    RUN(work_without_steps_has_a_line);
    RUN(sizes_are_exact);
    RUN(lines_are_whole_and_a_second_apart);
    RUN(a_message_between_leaves_lines_as_they_are);
    RUN(the_rate_is_that_of_the_last_seconds);
    RUN(a_stall_shows_in_the_rate);
    RUN(steady_work_counts_down);
    RUN(the_time_left_does_not_jump);
    RUN(the_time_left_does_not_grow_without_end);
    RUN(nothing_is_shown_unless_it_is_asked_for);
    return unit_done();
}
