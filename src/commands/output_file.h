// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Where cat writes to, which is never one of the files that it reads.

#ifndef COMMANDS_OUTPUT_FILE_H
#define COMMANDS_OUTPUT_FILE_H

#include "image/chain.h"

// A descriptor for the file `output`, made or emptied, or for standard output when that is NULL.
// -1, and the file as it was, when it is one of the chain's own or cannot be opened.
int output_open(const char *output, const struct chain *chain, struct error *error);

// False when the bytes written before could not be kept. Standard output stays open.
bool output_close(const char *output, int fd, struct error *error);

#endif
