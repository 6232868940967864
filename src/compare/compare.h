// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Compares the contents of two disks. One thread walks the metadata of both; workers read only the
// data that must be read.

#ifndef COMPARE_COMPARE_H
#define COMPARE_COMPARE_H

#include "compare/pair.h"

struct compare_options {
    unsigned jobs; // 1..WORKERS_MAX
    bool all;      // find all ranges, not only the first sector that differs
    bool strict;   // different sizes or allocation count as a difference too

    // Both are called on the caller's thread, in guest order. Each may be NULL.
    void (*on_range)(void *context, uint64_t start, uint64_t length); // one that differs
    void (*on_progress)(void *context, uint64_t done); // guest bytes of the longer disk
    void *context;
};

// The result. A disk reads as zeros beyond its end.
struct comparison {
    bool identical;
    uint64_t sizes[SIDES];
    uint64_t compared;          // guest bytes: of the longer disk or, when the work ends early,
                                // up to that point
    bool differs;               // some byte differs; the first one is in the sector
    uint64_t first_difference;  // at this guest offset
    uint64_t differing;         // bytes of all ranges that were found
    bool allocation_differs;    // checked only with `strict`; the first difference is
    uint64_t allocation_offset; // at this guest offset
    enum side faulty;           // after a failure: the disk of the error; SIDES: neither
};

// Compares the disks. False with an error that has an offset; the results up to there are correct.
bool compare_disks(const struct view views[static SIDES], const struct compare_options *options,
                   struct comparison *comparison, struct error *error);

#endif
