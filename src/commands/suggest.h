// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What somebody probably meant who typed a command or an option that does not exist.

#ifndef COMMANDS_SUGGEST_H
#define COMMANDS_SUGGEST_H

#include "commands/command.h"

// Looks for the word that is most like `word`: a letter too many, too few, another one, or two that
// changed places, in either case; or one word begins with the other.
struct nearest {
    const char *word;
    const char *found; // NULL: none is like it
    unsigned distance; // of the one found
};

void nearest_try(struct nearest *nearest, const char *candidate);

// Whether a word on the command line can only have been meant as a command: it has the form of one,
// and there is no file of that name.
bool suggest_is_command(const char *word);

// The command with this name, in a list that ends with NULL. NULL when there is none, or no list.
const struct command *command_named(const struct command *const *commands, const char *name);

// Prints that `word` is no command, which one was probably meant, and the list `commands`, which
// ends with NULL. Returns EXIT_USAGE.
int suggest_command(const struct command *const *commands, const char *word);

// What helps in place of an option of other tools: "--output=json". NULL when that is not known.
// `option` begins with its hyphens; a value after "=" does not matter.
const char *suggest_option(const char *option);

#endif
