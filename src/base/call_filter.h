// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A filter of system calls, which a library makes from lists: it knows the numbers of each
// architecture. Only where the library is built in.

#ifndef BASE_CALL_FILTER_H
#define BASE_CALL_FILTER_H

#if WITH_SECCOMP

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call_rule {
    int call; // negative where the architecture has no such call
    bool conditional;
    struct scmp_arg_cmp only; // when conditional: what must hold of one argument
};

#define IS(number, value)                                                    \
    true,                                                                    \
    {                                                                        \
        .arg = (number), .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)(value) \
    }
#define BITS(number, mask, value)                                                   \
    true,                                                                           \
    {                                                                               \
        .arg = (number), .op = SCMP_CMP_MASKED_EQ, .datum_a = (scmp_datum_t)(mask), \
        .datum_b = (scmp_datum_t)(value)                                            \
    }

// Which argument of clone has the flags.
#ifdef __s390x__
enum { CLONE_FLAGS = 1 };
#else
enum { CLONE_FLAGS = 0 };
#endif

struct call_rules {
    const struct call_rule *rules;
    size_t count;
};

struct calls {
    const int *calls;
    size_t count;
};

// Any other call is answered as by a kernel that lacks it: a newer libc, which tries it first, then
// goes on with an older one.
struct call_filter {
    struct call_rules allowed[2];
    struct calls refused; // with EACCES, which is the answer of landlock
    struct calls deadly;  // end the process
};

// Enters it for good. The process can also send a signal to itself: abort() does. False when the
// kernel refuses it.
bool call_filter_enter(const struct call_filter *filter);

#endif

#endif
