// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The options of a command: rows of tables, from which the parser and --help are made.

#ifndef COMMANDS_OPTIONS_H
#define COMMANDS_OPTIONS_H

#include "output/progress.h"

#include <stddef.h>

struct command;

// What follows an option on the command line, and what it is stored as.
enum option_kind {
    OPTION_FLAG,   // nothing; true in a bool
    OPTION_CHOICE, // nothing; `least` in an enum
    OPTION_SIZE,   // bytes; uint64_t
    OPTION_NUMBER, // from `least` to `most`; uint32_t
    OPTION_WORD,   // one of `words`; its index in an enum
    // A text; const char *.
    OPTION_FILE,
    OPTION_FOLDER,
    OPTION_SNAPSHOT, // id or name
    OPTION_BITMAP,   // name
    OPTION_CODES,    // "CODE,CODE"
    // Nothing: they ask about the program, not about an image, and end the parsing.
    OPTION_HELP,
    OPTION_VERSION,
};

struct option_row {
    const char *name; // without "--"; NULL ends a table
    enum option_kind kind;
    const char *value; // its name in the help; NULL: the option takes none
    size_t offset;     // where it is stored: in the struct that the table is about
    const char *help;  // one line, however long
    char letter;       // a short form; 0: none
    bool optional;     // the value may be left out, and follows a "=": text is then NULL
    bool repeatable;   // otherwise an option with a value is refused the second time
    const char *needs; // the option without which this one is refused; NULL: none
    uint32_t least, most;
    const char *const *words; // ends with NULL

    // Takes the value in place of what the kind does; NULL: the kind does. `place` is where
    // `offset` leads. False after a usage error was printed.
    bool (*take)(const struct command *command, const struct option_row *row, const char *text,
                 void *place);
};

// A table as a part of a command's options.
struct option_group {
    const char *title; // above the rows in the help; NULL: they continue those before
    const struct option_row *rows;
    size_t offset;     // of the struct that the rows are about, in the command's own
    const char *needs; // as in struct option_row, of all rows
};

// The last groups of every command.
#define COMMON_OPTIONS                       \
    {"Common options", .rows = common_rows}, \
    {                                        \
        .rows = NULL                         \
    }
extern const struct option_row common_rows[];

// The row of a flag that fills open_policy.drain, stored as a bool at `place`.
#define DRAIN_ROW(place)                                                                     \
    {                                                                                        \
        "drain", OPTION_FLAG, NULL, place,                                                   \
            .help = "read a pipe to its end, so that what writes to it can write everything" \
    }

// For work that takes long.
struct work_options {
    uint32_t jobs; // 1..WORKERS_MAX
    enum progress_when progress;
};
extern const struct option_row work_rows[];

// Fills `options`, the command's own struct, which has the defaults. False when the command is
// done, with its exit status: after --help, --version and usage errors.
bool options_parse(const struct command *command, int argc, char **argv, void *options,
                   int *status);

// Parses a number in the range of the row. False after a usage error was printed.
bool option_number(const struct command *command, const struct option_row *row, const char *text,
                   uint32_t *number);

// Takes "LAYER:", a number, off the start of `*text`. Without it `*layer` is 0. False after a usage
// error was printed.
bool option_layer(const struct command *command, const char **text, bool *has_layer,
                  uint64_t *layer);

// Accepts 4096, 64K, 1M, 2G, 1T (powers of 1024; an optional "iB" or "B" may follow the letter,
// either case). False when it is anything else or exceeds 2^64 - 1.
bool parse_size(const char *text, uint64_t *size);

// The IMAGE argument: what options_parse() left, "-" for standard input, also when it is missing
// and standard input is not a terminal. False after a usage error was printed.
bool command_image_argument(const struct command *command, int argc, char **argv,
                            const char **path);

// False, after the error was printed, when there is an IMAGE beside an option that takes none.
bool command_no_image(const struct command *command, int argc, char **argv, const char *option);

#endif
