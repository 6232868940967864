// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Buffers of one size that are lent and given back, from any thread. The one that was given back
// last is lent first: it is still in the processor's cache. There are never more than were lent at
// once.

#ifndef BASE_BUFFERS_H
#define BASE_BUFFERS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct buffers {
    size_t size; // bytes of each
    pthread_mutex_t lock;
    void *unused; // each begins with the address of the next; NULL: none
};

// `size`: at least that of a pointer.
void buffers_init(struct buffers *buffers, size_t size);

// All buffers have to be given back before. Fine when all is zero.
void buffers_free(struct buffers *buffers);

// Lends a buffer with any contents; NULL without memory.
uint8_t *buffers_take(struct buffers *buffers);

void buffers_give(struct buffers *buffers, uint8_t *buffer); // NULL is fine

#endif
