// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// From the word on the command line to an open image, and into the sandbox: the one way in.

#ifndef COMMANDS_OPEN_H
#define COMMANDS_OPEN_H

#include "image/chain.h"

// A pipe is read up to this many bytes, as the first bytes of an image; by the commands that read
// only metadata up to so many as leave them within 64 MiB of memory.
enum { PIPE_CAP = 64 << 20, PIPE_CAP_METADATA = 32 << 20 };

// How a command opens an image.
struct open_policy {
    struct chain_options chain; // which of the files that the image names are opened
    size_t pipe_cap;            // bytes, one of the two above
    bool drain;                 // read a pipe to its end, and drop what is beyond the cap
    bool opens_more;            // the caller opens further files and then calls open_done()
    bool warns_in_use;          // warn when another process has the image open for writing
};

// Opens the image that `path` names ("-": standard input) and the layers that the policy asks for.
// Enters the sandbox as soon as nothing else is to be opened: before the first byte of the image is
// parsed, where it is opened alone. On failure `chain` keeps the layers that could be opened; it
// has to be closed in any case.
bool open_image(const char *path, const struct open_policy *policy, struct chain *chain,
                struct error *error);

// Nothing else is opened: gives up the file system, the network and other programs. Nothing happens
// the second time, or after open_without_sandbox().
void open_done(void);

// For debugging: the process keeps its rights.
void open_without_sandbox(void);

#endif
