// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The output of cat, which must not be one of the files that it reads.

#ifndef COMMANDS_OUTPUT_FILE_H
#define COMMANDS_OUTPUT_FILE_H

#include "commands/passphrase.h"
#include "image/chain.h"

// The files that are read and must not be written to.
struct inputs {
    const struct chain *chain;
    const struct key_options *keys;
};

// Opens the file `output`, which is created if needed, or standard output when `output` is NULL.
// Returns a descriptor; -1 when the file is one of the inputs or cannot be opened.
int output_open(const char *output, const struct inputs *inputs, struct error *error);

// True when both descriptors are the same file or device, so that writes to one destroy writes to
// the other. A device like /dev/null can take both.
bool output_same(int fd, int other);

// False when `output` is a block device with less than `length` bytes.
bool output_fits(const char *output, int fd, uint64_t length, struct error *error);

// Empties the file `output`. Before this call it is unchanged.
bool output_empty(const char *output, int fd, struct error *error);

// False when the written bytes could not be stored. Standard output stays open.
bool output_close(const char *output, int fd, struct error *error);

#endif
