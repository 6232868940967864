// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What the commands that read a disk share: their options for opening it, and a range of it.

#ifndef COMMANDS_DISK_H
#define COMMANDS_DISK_H

#include "commands/options.h"
#include "image/view.h"

struct disk_options {
    struct chain_options chain;
    uint64_t offset, length; // guest bytes, as asked for
    const char *snapshot;    // id or name; NULL: the active disk
    bool vm_state;           // the snapshot's saved VM state instead of its disk
    bool opens_more;         // the caller opens further files, and then enters the sandbox
};

// What is read. The view is of this chain, so a struct disk stays where it is.
struct disk {
    struct chain chain;
    struct view view;
};

// Values of struct option.val, and rows of a table for getopt_long.
enum {
    DISK_OPTION_OFFSET = OPTION_FIRST_OWN,
    DISK_OPTION_LENGTH,
    DISK_OPTION_NO_BACKING,
    DISK_OPTION_DATA_FILE,
    DISK_OPTION_SNAPSHOT,
    DISK_OPTION_CONFINE,
    DISK_OPTION_LAST,
};

// clang-format off
#define DISK_OPTIONS                                            \
    {"offset", required_argument, NULL, DISK_OPTION_OFFSET},    \
    {"length", required_argument, NULL, DISK_OPTION_LENGTH},    \
    {"no-backing", no_argument, NULL, DISK_OPTION_NO_BACKING},  \
    {"data-file", required_argument, NULL, DISK_OPTION_DATA_FILE}, \
    {"confine", required_argument, NULL, DISK_OPTION_CONFINE}, \
    {"snapshot", required_argument, NULL, DISK_OPTION_SNAPSHOT}

#define DISK_OPTIONS_HELP                                                                   \
    "  --snapshot X      the internal snapshot with this id or name, not the active disk\n" \
    "  --offset N        begin at this guest offset; 64K, 1M, 2G are understood\n"          \
    "  --length N        at most so many bytes\n"                                           \
    "  --no-backing      this image alone, without its backing files\n"                     \
    "  --data-file FILE  the external data file, instead of the one the image names\n"      \
    "  --confine DIR     refuse backing and data files outside of this folder\n"            \
    OPTIONS_COMMON_HELP
// clang-format on

struct disk_options disk_options_default(void);

// Takes an option of the table above with optarg. False after a usage error was printed.
bool disk_option(const struct command *command, int option, struct disk_options *options);

// Opens the image and its layers, and enters the sandbox as soon as nothing else is to be opened;
// warns when the image is in use. False after the error was printed; there is then nothing to
// close.
bool disk_open(const char *path, const struct disk_options *options, struct disk *disk);
void disk_close(struct disk *disk);

// The range that the options ask for, clipped to the disk. False, after the error was printed,
// when it begins past the end.
bool disk_range(const char *path, const struct disk_options *options, const struct disk *disk,
                uint64_t *offset, uint64_t *length);

#endif
