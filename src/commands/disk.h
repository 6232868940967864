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
    uint64_t max_bytes;      // guest bytes: a longer range is refused
    const char *snapshot;    // id or name; NULL: the active disk
    bool vm_state;           // the snapshot's saved VM state instead of its disk
    bool checks_data;        // for check: backing files are read when they are given, and only then
    bool drain;              // as in struct open_policy
    bool opens_more;         // the caller opens further files, and then enters the sandbox
    const char *side;        // what errors call the image, of two: "image A"; NULL: it is the only
};

// What is read. The view is of this chain, so a struct disk stays where it is.
struct disk {
    struct chain chain;
    struct view view;
};

extern const struct option_row disk_rows[]; // of struct disk_options

// Takes "[LAYER:]FILE" into the struct layer_files at `place`; layer 0 when it is left out.
bool take_backing_file(const struct command *command, const struct option_row *row,
                       const char *text, void *place);

// The row of that option, for a struct layer_files at `place`. `suffix` ends the names of options
// that are about one image of two, here and below.
#define BACKING_FILE_ROW(suffix, place, required)                                                  \
    {                                                                                              \
        "backing-file" suffix, OPTION_FILE, "[LAYER:]FILE", place,                                 \
            .help = "use this file for the layer below LAYER (default 0, the image), not the one " \
                    "that LAYER names",                                                            \
            .repeatable = true, .needs = (required), .take = take_backing_file                     \
    }

// The rows of which files the layers are read from, for a struct chain_options at `place`.
// clang-format off
#define LAYER_ROWS(suffix, place)                                                                  \
    {"no-backing" suffix, OPTION_FLAG, NULL,                                                       \
     (place) + offsetof(struct chain_options, no_backing),                                         \
     .help = "read this image alone, without its backing files"},                                  \
    {"data-file" suffix, OPTION_FILE, "FILE",                                                      \
     (place) + offsetof(struct chain_options, data_file),                                          \
     .help = "use this external data file, not the one that the image names"},                     \
    BACKING_FILE_ROW(suffix, (place) + offsetof(struct chain_options, backing_files), NULL),       \
    {"confine" suffix, OPTION_FOLDER, "DIR", (place) + offsetof(struct chain_options, confine),    \
     .help = "refuse backing and data files outside this folder"}
// clang-format on

// The row of the flag short_end of struct chain_options.
#define SHORT_END_ROW(suffix, place)                                                           \
    {                                                                                          \
        "short-end" suffix, OPTION_FLAG, NULL, place,                                          \
            .help = "when the file ends inside its last cluster, read what is missing of its " \
                    "data as zeros"                                                            \
    }

// The row of the flag size_as_qemu of struct chain_options.
#define SIZE_AS_QEMU_ROW(suffix, place)                                                        \
    {                                                                                          \
        "size-as-qemu" suffix, OPTION_FLAG, NULL, place,                                       \
            .help = "end a disk whose size is no multiple of 512 where QEMU does: before the " \
                    "last, partial sector"                                                     \
    }

// False, after the error was printed, when so many guest bytes are more than --max-bytes.
bool disk_within_limit(const char *path, const struct disk_options *options, uint64_t bytes);

// False, after a usage error, when two of the options contradict each other.
bool disk_options_check(const struct command *command, const struct disk_options *options);

struct disk_options disk_options_default(void);

// Opens the image and its layers, and enters the sandbox as soon as nothing else is to be opened;
// warns when the image is in use. False after the error was printed; there is then nothing to
// close.
bool disk_open(const char *path, const struct disk_options *options, struct disk *disk);
void disk_close(struct disk *disk);

// The range that the options ask for, clipped to the disk. False, after the error was printed,
// when it begins past the end, or is longer than allowed.
bool disk_range(const char *path, const struct disk_options *options, const struct disk *disk,
                uint64_t *offset, uint64_t *length);

#endif
