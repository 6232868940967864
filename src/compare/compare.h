// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Whether two disks have the same contents, and where they differ. One thread walks the metadata of
// both; only what has to be read is, by workers.

#ifndef COMPARE_COMPARE_H
#define COMPARE_COMPARE_H

#include "compare/pair.h"

struct compare_options {
    unsigned jobs; // 1..WORKERS_MAX
    bool all;      // every range, not only the first sector that differs
    bool strict;   // other sizes and other allocation make the disks differ, too

    // Called from the caller's thread, in guest order. Each may be NULL.
    void (*on_range)(void *context, uint64_t start, uint64_t length); // one that differs
    void (*on_progress)(void *context, uint64_t done); // guest bytes of the longer disk
    void *context;
};

// The answer. A disk that has ended reads as zeros.
struct comparison {
    bool identical;
    uint64_t sizes[SIDES];
    uint64_t compared; // guest bytes: those of the longer disk or, when the work ends early, those
                       // up to where it does
    bool differs;      // some byte does, first in the sector
    uint64_t first_difference;  // at this guest offset
    uint64_t differing;         // bytes of all ranges that were found
    bool allocation_differs;    // only asked for with `strict`, first
    uint64_t allocation_offset; // at this guest offset
    enum side faulty; // after a failure: the disk that the error is about; SIDES: neither of them
};

// Compares the disks. False with an error that has its place; what was found before it is correct.
bool compare_disks(const struct view views[static SIDES], const struct compare_options *options,
                   struct comparison *comparison, struct error *error);

#endif
