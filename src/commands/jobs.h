// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#ifndef COMMANDS_JOBS_H
#define COMMANDS_JOBS_H

#include "commands/options.h"

// The number of cores, 1..WORKERS_MAX.
unsigned jobs_default(void);

// Parses the value of --jobs. False after a usage error was printed.
bool jobs_parse(const struct command *command, const char *text, unsigned *jobs);

#endif
