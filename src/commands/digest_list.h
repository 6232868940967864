// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A list of disks with their digests, as digest prints it.

#ifndef COMMANDS_DIGEST_LIST_H
#define COMMANDS_DIGEST_LIST_H

#include "output/digest_output.h"

enum {
    DIGEST_LIST_MAX = 16 << 20, // bytes of a list
    DIGEST_DISKS_MAX = 100000,
};

struct digest_list {
    struct digest_line *lines; // owned
    size_t count;
};

// Reads the list in the file `path`, "-" for standard input. False with an error that has the
// number of the line.
bool digest_list_read(const char *path, struct digest_list *list, struct error *error);
void digest_list_free(struct digest_list *list);

#endif
