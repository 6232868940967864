// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Checks the metadata of an image: counts all references to each host cluster and compares them
// with the refcounts on disk. Reads only.

#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "check/finding.h"
#include "image/view.h"

// Checks the first layer of `chain`, which is open without its backing files. Uses 1.25 bytes of
// memory for each host cluster of the file, and 32 MiB; 5.25 bytes for clusters of a chunk with
// very many different refcounts. False only when there is no memory or the check cannot start; true
// for a damaged image.
bool check_image(const struct chain *chain, const struct check_options *options,
                 struct check *check, struct error *error);
void check_free(struct check *check);

// Guest bytes of the active disk and of all snapshots whose disks can be read.
uint64_t check_progress_total(const struct chain *chain);

#endif
