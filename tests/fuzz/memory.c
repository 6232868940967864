// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

// Strings that the C library allocates are freed here without having been counted, so that the sum
// may even be negative: by a few paths.
static atomic_long in_use;
static atomic_long most;
static long before;

void memory_watch(void)
{
    before = atomic_load(&in_use);
    atomic_store(&most, before);
}

size_t memory_most(void)
{
    long more = atomic_load(&most) - before;
    return more > 0 ? (size_t)more : 0;
}

static void *count(void *memory)
{
    long now = memory ? (long)malloc_usable_size(memory) : 0;
    now += atomic_fetch_add(&in_use, now);
    long seen = atomic_load(&most);
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now)) {
    }
    return memory;
}

static void discount(void *memory)
{
    atomic_fetch_sub(&in_use, memory ? (long)malloc_usable_size(memory) : 0);
}

// The linker's names: what it puts in the place of NAME, and the function that it replaced.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c)
void *__real_malloc(size_t size);
void *__real_calloc(size_t number, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t number, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

void *__wrap_malloc(size_t size)
{
    return count(__real_malloc(size));
}

void *__wrap_calloc(size_t number, size_t size)
{
    return count(__real_calloc(number, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    discount(memory);
    return count(__real_realloc(memory, size));
}

void __wrap_free(void *memory)
{
    discount(memory);
    __real_free(memory);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c)
