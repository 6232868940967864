// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// When progress is due, at times that the test chooses. Standard error is no terminal here.

#include "print/progress.h"

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
    RUN(nothing_is_shown_unless_it_is_asked_for);
    return unit_done();
}
