// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Suggestions for a command or an option that does not exist.

#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include "cli/command.h"

// Finds the word that is most similar to `word`: with a letter more, less or replaced, or with two
// letters swapped, ignoring case; or one word begins with the other.
struct nearest {
    const char *word;
    const char *found; // NULL: none is similar
    unsigned distance; // of the word that was found
};

void nearest_try(struct nearest *nearest, const char *candidate);

// Whether a word on the command line can only be a mistyped command: it looks like one, and there
// is no file of this name.
bool suggest_is_command(const char *word);

// The command with this name, in a list that ends with NULL. NULL when there is none, or no list.
const struct command *command_named(const struct command *const *commands, const char *name);

// Prints that `word` is not a command, the most similar one, and the list `commands`, which ends
// with NULL. Returns EXIT_USAGE.
int suggest_command(const struct command *const *commands, const char *word);

// Advice for an option of other tools or of other commands, such as "--output=json"; NULL: none.
// `option` begins with its hyphens; a value after "=" is ignored.
const char *suggest_option(const char *option);

#endif
