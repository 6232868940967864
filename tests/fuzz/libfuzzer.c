// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The harnesses under libFuzzer: the program is linked to once a harness, and what it is called by
// is the harness that runs.

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGES_MAX = 4 }; // of an input at once

// libFuzzer's interface.
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static const struct harness *running;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    const char *slash = strrchr((*argv)[0], '/');
    const char *name = slash ? slash + 1 : (*argv)[0];
    running = harness_find(name);
    if (!running) {
        fprintf(stderr, "%s: no harness has this name\n", name);
        exit(64);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    running->run((struct bytes){data, size});
    return 0;
}

// As often as not the bytes are changed as libFuzzer does it.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct random random = random_make(seed);
    struct subject subject = {data, size, max_size};
    if (random_below(&random, 2) == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    for (uint64_t left = random_below(&random, CHANGES_MAX) + 1; left > 0; left--) {
        running->mutate(&subject, &random);
    }
    return subject.size;
}
