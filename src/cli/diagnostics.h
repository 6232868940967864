// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints errors and warnings, one line each, on standard error.

#ifndef CLI_DIAGNOSTICS_H
#define CLI_DIAGNOSTICS_H

#include "base/error.h"
#include "cli/command.h"

// Prints "qcow2-info: FILE: message (at offset N)", escaped for a terminal. `path` may be NULL.
void print_error(const char *path, const struct error *error);
void print_warning(const char *path, const struct error *error);

// Prints "qcow2-info: MESSAGE" and how to get help. Returns EXIT_USAGE. With a NULL format it
// prints no message, because one was printed before.
int command_usage_error(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
