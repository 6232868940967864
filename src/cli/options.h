// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The options of a command: rows of tables. The parser and --help use the same rows.

#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "print/progress.h"

#include <stddef.h>

struct command;

// The value that follows an option on the command line, and the type of its field.
enum option_kind {
    OPTION_FLAG,   // no value; stores true in a bool
    OPTION_CHOICE, // no value; stores `least` in an enum
    OPTION_SIZE,   // bytes; uint64_t
    OPTION_NUMBER, // from `least` to `most`; uint32_t
    OPTION_WORD,   // one of `words`; its index in an enum
    // A text; const char *.
    OPTION_FILE,
    OPTION_FOLDER,
    OPTION_SNAPSHOT, // id or name
    OPTION_BITMAP,   // name
    OPTION_CODES,    // "CODE,CODE"
    // No value: they are about the program, not about an image, and end the parsing.
    OPTION_HELP,
    OPTION_VERSION,
};

struct option_row {
    const char *name; // without "--"; NULL ends a table
    enum option_kind kind;
    const char *value; // the name of the value in the help; NULL: no value
    size_t offset;     // of its field, in the struct of the table
    const char *help;  // one line, however long
    char letter;       // a short form; 0: none
    bool optional;     // the value follows a "=" and may be omitted: text is then NULL
    bool repeatable;   // if false, an option with a value is refused the second time
    const char *needs; // this option is refused without the named one; NULL: none
    uint32_t least, most;
    const char *const *words; // ends with NULL

    // Stores the value; NULL: it is stored according to the kind. `place` is the field at `offset`.
    // False after printing a usage error.
    bool (*take)(const struct command *command, const struct option_row *row, const char *text,
                 void *place);
};

// A table of rows, as one part of a command's options.
struct option_group {
    const char *title; // above the rows in the help; NULL: they continue the group before
    const struct option_row *rows;
    size_t offset;     // of the struct of the rows, in the command's own struct
    const char *needs; // as in struct option_row, for all rows
    size_t image;      // which image of the command line the rows are about; 0: the first
};

// The last groups of every command.
#define COMMON_OPTIONS                                                            \
    {"Remote images", .rows = web_rows}, {"Common options", .rows = common_rows}, \
    {                                                                             \
        .rows = NULL                                                              \
    }
extern const struct option_row common_rows[];
extern const struct option_row web_rows[]; // kept in web.c, not in the command's struct

// The row of a flag that fills open_policy.drain, stored as a bool at `place`.
#define DRAIN_ROW(place)                                                                       \
    {                                                                                          \
        "drain", OPTION_FLAG, NULL, place,                                                     \
            .help = "read a pipe to its end, so that the program that writes to it can finish" \
    }

// Options of commands that may run for a long time.
struct work_options {
    uint32_t jobs; // 1..WORKERS_MAX
    enum progress_when progress;
};
extern const struct option_row work_rows[];
extern const struct option_row progress_rows[]; // of enum progress_when alone

// Fills `options`, the command's own struct, which contains the defaults. False, with the exit
// status, when the command is done: after --help, --version and usage errors.
bool options_parse(const struct command *command, int argc, char **argv, void *options,
                   int *status);

// The IMAGE argument that options_parse() left; "-" for standard input, also when it is missing and
// standard input is not a terminal. False after printing a usage error.
bool command_image_argument(const struct command *command, int argc, char **argv,
                            const char **path);

// False, after printing a usage error, when one of the images can only be a mistyped or misplaced
// command.
bool command_image_words(const struct command *command, int argc, char **argv);

// False, after printing a usage error, when an IMAGE is given with an option that takes none.
bool command_no_image(const struct command *command, int argc, char **argv, const char *option);

#endif
