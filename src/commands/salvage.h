// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Telling what a salvage had to give up: on stderr, and as JSON lines in a log.

#ifndef COMMANDS_SALVAGE_H
#define COMMANDS_SALVAGE_H

#include "commands/output_file.h"
#include "output/writer.h"

struct salvage {
    const char *path;   // the image, for messages
    int log_fd;         // -1: no log
    struct writer *log; // NULL without one
    uint64_t ranges, bytes;

    // The last range, which the next one may go on.
    uint64_t start, length;
    struct error error;
};

// `log_path` may be NULL. False when the log cannot be made or emptied, or is the output or one of
// the inputs; `error` then names it.
bool salvage_start(struct salvage *salvage, const char *path, const char *log_path, int output,
                   const struct inputs *inputs, struct error *error);

// Notes a guest range that reads as zeros because of `error`.
void salvage_fault(struct salvage *salvage, uint64_t start, uint64_t length,
                   const struct error *error);

// Tells the rest and closes the log. False when it could not be written.
bool salvage_end(struct salvage *salvage, struct error *error);

#endif
