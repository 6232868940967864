// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// How much memory the program's own code has from malloc(), calloc() and realloc(). The linker puts
// our functions in their place (--wrap); what libraries have for themselves is not counted.

#ifndef TESTS_FUZZ_MEMORY_H
#define TESTS_FUZZ_MEMORY_H

#include <stddef.h>

// From here on the most that is there at once beyond what is there now.
void memory_watch(void);
size_t memory_most(void); // bytes

#endif
