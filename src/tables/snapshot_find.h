// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TABLES_SNAPSHOT_FIND_H
#define TABLES_SNAPSHOT_FIND_H

#include "format/snapshot.h"
#include "image/image.h"

// Finds the snapshot with this id or name. ERROR_NOT_FOUND, with a list of all snapshots, when none
// or more than one has it: programs differ in which one they take. The names in `found` are not
// valid.
bool snapshot_find(const struct image *image, const char *id_or_name, struct snapshot *found,
                   struct error *error);

#endif
