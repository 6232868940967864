// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A folder outside of which no file is opened, wherever names and links lead.

#ifndef SOURCE_BENEATH_H
#define SOURCE_BENEATH_H

#include "base/error.h"
#include "source/source.h"

struct folder;

// Opens the folder at `path`, following links. NULL and `error` when there is none.
struct folder *folder_open(const char *path, struct error *error);
void folder_close(struct folder *folder); // NULL is fine

// Opens the regular file or block device at `path`, which is relative to the current directory and
// may contain links and "..", as source_open_named() does. ERROR_OUTSIDE, without having opened
// it, when it does not lie in `folder` or in a folder below. A name that leads to nothing is
// outside when what is there of it is. Other processes may rename folders and exchange links
// meanwhile: each step down from the folder is taken from an open folder, and never over a link.
struct source *folder_open_source(const struct folder *folder, const char *path,
                                  struct error *error);

#endif
