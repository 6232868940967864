// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// An input that is one or more images: each begins at a multiple of LAYER_ALIGNMENT with the magic
// of qcow2, and ends where the next one begins. The first is the image; those after it are what it
// and they name as backing and data files, in the order in which these are opened.

#ifndef TESTS_FUZZ_LAYERS_H
#define TESTS_FUZZ_LAYERS_H

#include "image/chain.h"

enum { LAYER_ALIGNMENT = 512 };

// Where the first image of `input` ends: its size when there is but one.
size_t layer_end(struct bytes input);

// What a harness does besides what the format says: bits of a hash of the header. So an input does
// the same each time, and a change of the header changes them.
struct choices {
    bool complete;   // a file, not the first bytes of a pipe
    bool salvage;    // reads on after a fault
    bool data;       // check reads the data, too
    unsigned jobs;   // 1 or 2
    unsigned sparse; // enum sparse
};

struct choices choices_of(struct bytes input);

// Files in memory. Those that are opened by name are the images that follow, and then raw ones.
struct memory_files {
    struct bytes rest; // of the input
    unsigned opened;
};

// Opens the first image, and below it what the options ask for. On failure `chain` has to be
// closed, too.
bool layers_open(struct bytes input, const struct choices *choices, struct chain_options options,
                 struct memory_files *files, struct chain *chain, struct error *error);

// Calls `inspect` with the first image alone, unless its header cannot be read.
void layers_inspect(struct bytes input, void (*inspect)(struct chain *chain));

#endif
