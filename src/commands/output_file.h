// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Where cat writes to, which is never one of the files that it reads.

#ifndef COMMANDS_OUTPUT_FILE_H
#define COMMANDS_OUTPUT_FILE_H

#include "commands/passphrase.h"
#include "image/chain.h"

// What is read, and must not be written to.
struct inputs {
    const struct chain *chain;
    const struct key_options *keys;
};

// A descriptor for the file `output`, which is made when it is not there, or for standard output
// when that is NULL. -1 when it is one of the inputs or cannot be opened.
int output_open(const char *output, const struct inputs *inputs, struct error *error);

// True when what is written to one would be in the way of what is written to the other. A device
// like /dev/null can take both.
bool output_same(int fd, int other);

// Drops the bytes that the file `output` had before. Until then it is as it was.
bool output_empty(const char *output, int fd, struct error *error);

// False when the bytes written before could not be kept. Standard output stays open.
bool output_close(const char *output, int fd, struct error *error);

#endif
