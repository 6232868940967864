// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Reports the ranges that a salvage could not read: on stderr, and as JSON lines in a log.

#ifndef COMMANDS_SALVAGE_H
#define COMMANDS_SALVAGE_H

#include "commands/output_file.h"
#include "print/writer.h"

struct salvage {
    const char *path;   // the image, for messages
    int log_fd;         // -1: no log
    struct writer *log; // NULL without one
    uint64_t ranges, bytes;

    // The last range, which the next one may extend.
    uint64_t start, length;
    struct error error;
};

// `log_path` may be NULL. False when the log cannot be created or emptied, or is the output or one
// of the inputs; `error` then contains its name.
bool salvage_start(struct salvage *salvage, const char *path, const char *log_path, int output,
                   const struct inputs *inputs, struct error *error);

// Records a guest range that reads as zeros because of `error`.
void salvage_fault(struct salvage *salvage, uint64_t start, uint64_t length,
                   const struct error *error);

// Reports the last range and closes the log. False when the log could not be written.
bool salvage_end(struct salvage *salvage, struct error *error);

#endif
