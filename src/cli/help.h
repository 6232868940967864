// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/command.h"

// Prints the usage, options and examples of a command, or the version, on standard output. Returns
// the exit status.
int help_print(const struct command *command, bool version);

#endif
