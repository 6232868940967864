// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Shared by the commands that read a disk: options for opening it and for a range of it.

#ifndef COMMANDS_DISK_H
#define COMMANDS_DISK_H

#include "cli/options.h"
#include "image/view.h"

struct disk_options {
    struct chain_options chain;
    uint64_t offset, length; // guest bytes, from the options
    uint64_t max_bytes;      // guest bytes: a longer range is refused
    const char *snapshot;    // id or name; NULL: the active disk
    bool vm_state;           // the snapshot's saved VM state instead of its disk
    bool checks_data;        // for check: backing files are read only when they are given
    bool drain;              // as in struct open_policy
    bool opens_more;         // the caller opens more files and then enters the sandbox
    const char *side; // the name in errors of one image of two: "image A"; NULL: it is the only
};

// An open disk. The view points to the chain, so do not copy this struct.
struct disk {
    struct chain chain;
    struct view view;
};

extern const struct option_row disk_rows[]; // of struct disk_options

// Takes "[LAYER:]FILE" into the struct layer_files at `place`; layer 0 when it is left out.
bool take_backing_file(const struct command *command, const struct option_row *row,
                       const char *text, void *place);

// The row of this option, for a struct layer_files at `place`. `suffix`, here and below, is the end
// of the option's name when it is about one image of two.
#define BACKING_FILE_ROW(suffix, place, required)                                             \
    {                                                                                         \
        "backing-file" suffix, OPTION_FILE, "[LAYER:]FILE", place,                            \
            .help = "use this file for the layer below LAYER (default 0, the image) instead " \
                    "of the one that LAYER names",                                            \
            .repeatable = true, .needs = (required), .take = take_backing_file                \
    }

// The rows of the options about the files of layers, for a struct chain_options at `place`.
// clang-format off
#define LAYER_ROWS(suffix, place)                                                                  \
    {"no-backing" suffix, OPTION_FLAG, NULL,                                                       \
     (place) + offsetof(struct chain_options, no_backing),                                         \
     .help = "read only this image, without its backing files"},                                  \
    {"data-file" suffix, OPTION_FILE, "FILE",                                                      \
     (place) + offsetof(struct chain_options, data_file),                                          \
     .help = "use this file instead of the external data file that the image names"},                     \
    BACKING_FILE_ROW(suffix, (place) + offsetof(struct chain_options, backing_files), NULL),       \
    {"confine" suffix, OPTION_FOLDER, "DIR", (place) + offsetof(struct chain_options, confine),    \
     .help = "refuse backing and data files outside this folder"}
// clang-format on

// The row of the flag short_end of struct chain_options.
#define SHORT_END_ROW(suffix, place)                                                     \
    {                                                                                    \
        "short-end" suffix, OPTION_FLAG, NULL, place,                                    \
            .help = "when the file ends inside its last cluster, read the missing data " \
                    "as zeros"                                                           \
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

// False, after printing a usage error, when two of the options exclude each other.
bool disk_options_check(const struct command *command, const struct disk_options *options);

struct disk_options disk_options_default(void);

// Opens the image and its layers, and enters the sandbox as soon as all files are open; warns when
// the image is in use. False after printing the error; nothing is left to close then.
bool disk_open(const char *path, const struct disk_options *options, struct disk *disk);
void disk_close(struct disk *disk);

// The range that the options ask for, clipped to the disk. False, after the error was printed,
// when it begins past the end, or is longer than allowed.
bool disk_range(const char *path, const struct disk_options *options, const struct disk *disk,
                uint64_t *offset, uint64_t *length);

#endif
