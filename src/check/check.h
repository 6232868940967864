// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Is the metadata of an image sound: every reference to every host cluster is counted and compared
// with the refcounts on disk. Reads only.

#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "check/finding.h"
#include "image/view.h"

// Checks the first layer of `chain`, which is open without its backing files. 1.25 bytes of
// memory a host cluster of the file, and 32 MiB; 5.25 bytes where very many different refcounts lie
// side by side. False only when there is no memory or no check
// can begin; the image may well be damaged.
bool check_image(const struct chain *chain, const struct check_options *options,
                 struct check *check, struct error *error);
void check_free(struct check *check);

// Guest bytes of the active disk and of all snapshots whose disks are read.
uint64_t check_progress_total(const struct chain *chain);

#endif
