// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A subcommand: one row of the table of commands.

#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/options.h"

struct command {
    const char *name;
    const char *summary;               // one line, for the list of commands
    const char *usage;                 // the text after the command's name
    const struct option_group *groups; // the last one has no rows
    const char *notes;                 // whole lines of help below the options
    // What the words without hyphens are, in their order; the last row is for all others. NULL: all
    // are images. Only for completion.
    const struct option_row *operands;
    // Set for the run: all commands, ended by NULL, and whether the command line names none, so
    // that a word on it may be a mistyped command.
    const struct command *const *all;
    bool by_default;
    // `argv` is without the command's name. Returns an exit status.
    int (*run)(const struct command *command, int argc, char **argv);
};

enum exit_status {
    EXIT_DONE = 0,
    EXIT_CANNOT = 1, // unreadable, unsupported or corrupt image, I/O error
    EXIT_FOUND = 2,  // check: corruption; audit: not safe
    EXIT_LEAKS = 3,
    EXIT_USAGE = 64,
};

#endif
