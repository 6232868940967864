// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The table of commands, in the order of the help.

#include "commands/commands.h"

#include <stddef.h>

const struct command *const all_commands[] = {&command_info,
                                              &command_map,
                                              &command_cat,
                                              &command_check,
                                              &command_audit,
                                              &command_usage,
                                              &command_where,
                                              &command_compare,
                                              &command_digest,
                                              &command_completion,
                                              NULL};
