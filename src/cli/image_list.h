// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The names of several images: those of the command line, then those of a list, which is read bit
// by bit, however long it is.

#ifndef CLI_IMAGE_LIST_H
#define CLI_IMAGE_LIST_H

#include "base/error.h"

enum {
    IMAGE_NAME_MAX = 4095,        // bytes: no system opens a longer path
    IMAGE_LIST_BUFFER = 16 << 10, // more than a name
};

struct image_list {
    char *const *words; // borrowed: names of the command line
    size_t word_count;
    const char *path; // of the list, "-" for standard input; NULL: none
    int fd;           // of the list; -1: none, or all of it was read
    char separator;   // that ends a name
    uint64_t number;  // of the name that was read last
    bool skipping;    // the rest of a name that is too long
    size_t start, used;
    char buffer[IMAGE_LIST_BUFFER];
};

enum image_list_step {
    IMAGE_LIST_NAME,
    IMAGE_LIST_WAIT, // the rest of the list has to be read
    IMAGE_LIST_BAD,  // a name that no image can have, or the list cannot be read
    IMAGE_LIST_END,
};

// `path`: of the list; NULL: none. False when it cannot be opened.
bool image_list_open(struct image_list *list, char *const *words, size_t word_count,
                     const char *path, char separator, struct error *error);

// Returns the next name, owned by the caller. Empty names in the list are skipped.
enum image_list_step image_list_next(struct image_list *list, char **name, struct error *error);

// After IMAGE_LIST_WAIT: reads more from `fd`, which waits if there is nothing yet. False when it
// cannot; the list then ends.
bool image_list_read(struct image_list *list, struct error *error);

void image_list_close(struct image_list *list);

#endif
