// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What is wrong, in one line on standard error.

#ifndef COMMANDS_DIAGNOSTICS_H
#define COMMANDS_DIAGNOSTICS_H

#include "base/error.h"
#include "commands/command.h"

// stderr: "qcow2-info: FILE: message (at offset N)", made safe for a terminal. `path` may be NULL.
void print_error(const char *path, const struct error *error);
void print_warning(const char *path, const struct error *error);

// Prints "qcow2-info: MESSAGE" and where to find help on stderr. Returns EXIT_USAGE. A NULL format
// is for what command_next_option() has already told.
int command_usage_error(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
