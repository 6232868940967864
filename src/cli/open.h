// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Opens the image of the command line and enters the sandbox. All commands open images here.

#ifndef CLI_OPEN_H
#define CLI_OPEN_H

#include "image/chain.h"

// A pipe is read up to this many bytes, as the first bytes of an image. Commands that read only
// metadata read fewer, to stay within 64 MiB of memory.
enum { PIPE_CAP = 64 << 20, PIPE_CAP_METADATA = 32 << 20 };

// How a command opens an image.
struct open_policy {
    struct chain_options chain; // which files that the image names are opened
    size_t pipe_cap;            // bytes, one of the two above
    bool drain;                 // read a pipe to its end, and drop the bytes beyond the cap
    bool opens_more;            // the caller opens more files and then calls open_done()
    bool warns_in_use;          // warn when another process has the image open for writing
};

// Opens the image at `path` ("-": standard input) and the layers that the policy allows. Enters the
// sandbox as soon as all files are open: before parsing the first byte of the image if only the
// image is opened. On failure `chain` keeps the layers that could be opened; close it in any case.
bool open_image(const char *path, const struct open_policy *policy, struct chain *chain,
                struct error *error);

// Opens several small files and enters the sandbox, before open_image() is called for each of them
// in this order. Their layers cannot be opened then: `on_more` is called for an image that asks for
// one, which is an error. A file that cannot be opened is an error of open_image().
void open_ahead(const char *const *paths, size_t count, void (*on_more)(void));

// All files are open: gives up the file system, the network and other programs. Does nothing the
// second time, or after open_without_sandbox().
void open_done(void);

// For debugging: the process keeps its rights.
void open_without_sandbox(void);

#endif
