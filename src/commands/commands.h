// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// All commands.

#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include "cli/command.h"

extern const struct command command_info;
extern const struct command command_map;
extern const struct command command_cat;
extern const struct command command_check;
extern const struct command command_audit;
extern const struct command command_usage;
extern const struct command command_where;
extern const struct command command_compare;
extern const struct command command_digest;
extern const struct command command_completion;

// All of these, ended by NULL. The first one runs when the command line names none.
extern const struct command *const all_commands[];

#endif
