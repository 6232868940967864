// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Unit tests that print TAP. Every tests/unit/test_*.c is a program of its own:
//
//     static void adds_two_numbers(void)
//     {
//         uint64_t sum;
//         CHECK(checked_add(1, 2, &sum));
//         CHECK_EQ_U64(sum, 3);
//     }
//
//     int main(void)
//     {
//         RUN(adds_two_numbers);
//         return unit_done();
//     }
//
// A test fails when any of its checks does; it goes on after a failed check, except after REQUIRE.
// Each CHECK is also an expression, true when it holds.

#ifndef QCOW2_INFO_TESTS_UNIT_H
#define QCOW2_INFO_TESTS_UNIT_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CHECK(condition)           unit_check((condition), #condition, __FILE__, __LINE__)
#define CHECK_EQ_U64(got, want)    unit_eq_u64((got), (want), #got, __FILE__, __LINE__)
#define CHECK_EQ_I64(got, want)    unit_eq_i64((got), (want), #got, __FILE__, __LINE__)
#define CHECK_STR(got, want)       unit_eq_str((got), (want), #got, __FILE__, __LINE__)
#define CHECK_MEM(got, want, size) unit_eq_mem((got), (want), (size), #got, __FILE__, __LINE__)

// Leaves the test when the condition does not hold: for what the rest of it stands on.
#define REQUIRE(condition)       \
    do {                         \
        if (!CHECK(condition)) { \
            return;              \
        }                        \
    } while (0)

#define RUN(test) unit_run((test), #test)

// If `possible` is false, the test is reported as skipped. CI accepts only reasons that begin
// with "machine:".
#define RUN_IF(possible, test, reason) \
    ((possible) ? unit_run((test), #test) : unit_skip(#test, (reason)))

static unsigned unit_tests_run;
static unsigned unit_tests_failed;
static bool unit_this_failed;

static inline bool unit_fail(const char *file, int line)
{
    unit_this_failed = true;
    printf("# %s:%d: ", file, line);
    return false;
}

static inline bool unit_check(bool holds, const char *condition, const char *file, int line)
{
    if (holds) {
        return true;
    }
    unit_fail(file, line);
    printf("not true: %s\n", condition);
    return false;
}

static inline bool unit_eq_u64(uint64_t got, uint64_t want, const char *what, const char *file,
                               int line)
{
    if (got == want) {
        return true;
    }
    unit_fail(file, line);
    printf("%s: got %" PRIu64 " (0x%" PRIx64 "), want %" PRIu64 " (0x%" PRIx64 ")\n", what, got,
           got, want, want);
    return false;
}

static inline bool unit_eq_i64(int64_t got, int64_t want, const char *what, const char *file,
                               int line)
{
    if (got == want) {
        return true;
    }
    unit_fail(file, line);
    printf("%s: got %" PRId64 ", want %" PRId64 "\n", what, got, want);
    return false;
}

static inline const char *unit_text(const char *text)
{
    return text ? text : "(null)";
}

static inline bool unit_eq_str(const char *got, const char *want, const char *what,
                               const char *file, int line)
{
    if (got == want || (got && want && strcmp(got, want) == 0)) {
        return true;
    }
    unit_fail(file, line);
    printf("%s: got \"%s\", want \"%s\"\n", what, unit_text(got), unit_text(want));
    return false;
}

static inline bool unit_eq_mem(const void *got, const void *want, size_t size, const char *what,
                               const char *file, int line)
{
    const unsigned char *a = got;
    const unsigned char *b = want;
    for (size_t i = 0; i < size; i++) {
        if (a[i] != b[i]) {
            unit_fail(file, line);
            printf("%s: byte %zu of %zu: got %02x, want %02x\n", what, i, size, a[i], b[i]);
            return false;
        }
    }
    return true;
}

static inline void unit_name(const char *name)
{
    for (const char *c = name; *c; c++) {
        putchar(*c == '_' ? ' ' : *c);
    }
}

static inline void unit_skip(const char *name, const char *reason)
{
    unit_tests_run++;
    printf("ok %u - ", unit_tests_run);
    unit_name(name);
    printf(" # skip %s\n", reason);
}

// What was printed is flushed first, so that a crash in the test leaves all that came before it.
static inline void unit_run(void (*test)(void), const char *name)
{
    unit_this_failed = false;
    fflush(stdout);
    test();
    unit_tests_run++;
    unit_tests_failed += unit_this_failed;
    printf("%s %u - ", unit_this_failed ? "not ok" : "ok", unit_tests_run);
    unit_name(name);
    putchar('\n');
}

// Prints the plan, and returns the exit status of the program.
static inline int unit_done(void)
{
    printf("1..%u\n", unit_tests_run);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    return unit_tests_run == 0 || unit_tests_failed > 0 || !written;
}

#endif
