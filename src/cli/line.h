// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What can stand at the cursor of an unfinished command line: for completion in shells. It follows
// the rules of options_parse(), and prints nothing.

#ifndef CLI_LINE_H
#define CLI_LINE_H

#include "cli/command.h"

enum line_expects {
    EXPECTS_NOTHING,
    EXPECTS_COMMAND, // or an image, because a command may be left out
    EXPECTS_HELP,    // a command, after "help"
    EXPECTS_OPTION,
    EXPECTS_VALUE, // of `row`: of an option, or a word without hyphens
};

enum { LINE_ROWS_MAX = 64 }; // options of a command

struct line {
    const char *const *words; // without the program's name
    size_t count, at;         // at < count: the word at the cursor, cut off there

    const struct command *command; // NULL: only "help" takes none
    enum line_expects expects;
    const struct option_row *row;
    size_t skip;               // bytes of the word before the value: "--name="
    size_t operand;            // words without hyphens before the cursor
    const char *images[2];     // the first ones, not at the cursor; NULL: none
    size_t image;              // index in images: which one `row` is about
    bool given[LINE_ROWS_MAX]; // options elsewhere on the line, in the order of line_rows()
};

// All options of a command, one after the other.
struct line_rows {
    const struct option_group *group;
    const struct option_row *row; // NULL: behind the last one
    size_t index;
};
struct line_rows line_rows(const struct command *command);
void line_rows_next(struct line_rows *rows);

// `commands` ends with NULL; the first one is the default. The words are borrowed.
struct line line_parse(const struct command *const *commands, const char *const *words,
                       size_t count, size_t at);

#endif
