// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What all commands share in reading their arguments and telling a person what is wrong.

#ifndef COMMANDS_OPTIONS_H
#define COMMANDS_OPTIONS_H

#include "commands/command.h"
#include "commands/diagnostics.h"

// Values of struct option.val that every command's table ends with; see OPTIONS_COMMON.
enum { OPTION_HELP = 0x1000, OPTION_VERSION, OPTION_NO_SANDBOX, OPTION_FIRST_OWN };

// clang-format off
#define OPTIONS_COMMON                                    \
    {"no-sandbox", no_argument, NULL, OPTION_NO_SANDBOX}, \
    {"help", no_argument, NULL, OPTION_HELP},             \
    {"version", no_argument, NULL, OPTION_VERSION},       \
    {NULL, 0, NULL, 0}
// clang-format on

#define OPTIONS_COMMON_HELP                                                                \
    "  --no-sandbox      keep the right to open files and start programs, for debugging\n" \
    "  --help            this help\n"                                                      \
    "  --version         the version and the libraries in use\n"

struct option;

// As getopt_long(), with the letters of `short_options`. Takes --no-sandbox itself, and has told
// what is wrong when it returns '?'.
int command_next_option(int argc, char **argv, const char *short_options,
                        const struct option *table);

// Those that ask about the program, not about an image.
static inline bool is_about_option(int option)
{
    return option == OPTION_HELP || option == OPTION_VERSION;
}

// Prints the command's usage, options and examples, or the version, on standard output. Returns the
// exit status.
int command_about(const struct command *command, int option);

// The IMAGE argument: argv[optind], "-" for standard input, also when it is missing and standard
// input is not a terminal. False after a usage error was printed.
bool command_image_argument(const struct command *command, int argc, char **argv,
                            const char **path);

// Accepts 4096, 64K, 1M, 2G, 1T (powers of 1024; an optional "iB" or "B" may follow the letter,
// either case). False when it is anything else or exceeds 2^64 - 1.
bool parse_size(const char *text, uint64_t *size);

#endif
