// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A subcommand: one row of the table in main.c.

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
    // NULL, unless the command line names no command and this one runs by default: then all
    // commands, ended by NULL, because a word on the command line may be a mistyped command.
    const struct command *const *others;
    // `argv` is without the command's name. Returns an exit status.
    int (*run)(const struct command *command, int argc, char **argv);
};

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

enum exit_status {
    EXIT_DONE = 0,
    EXIT_CANNOT = 1, // unreadable, unsupported or corrupt image, I/O error
    EXIT_FOUND = 2,  // check: corruption; audit: not safe
    EXIT_LEAKS = 3,
    EXIT_USAGE = 64,
};

#endif
