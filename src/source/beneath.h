// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Opens files only inside one folder, wherever names and links lead.

#ifndef SOURCE_BENEATH_H
#define SOURCE_BENEATH_H

#include "base/error.h"
#include "source/source.h"

struct folder;

// Opens the folder at `path`, following links. NULL and `error` on failure.
struct folder *folder_open(const char *path, struct error *error);
void folder_close(struct folder *folder); // NULL is allowed

// Opens the regular file or block device at `path`, which is relative to the current directory and
// may contain links and "..", like source_open_named(). ERROR_OUTSIDE, without opening it, when it
// does not lie in `folder` or in a folder below. A name that does not exist is outside when its
// existing part is outside. Other processes may rename folders and exchange links meanwhile: each
// step down starts from an open folder and never follows a link.
struct source *folder_open_source(const struct folder *folder, const char *path,
                                  struct error *error);

#endif
