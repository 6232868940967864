// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/buffers.h"

#include <stdlib.h>
#include <string.h>

void buffers_init(struct buffers *buffers, size_t size)
{
    *buffers = (struct buffers){.size = size};
    pthread_mutex_init(&buffers->lock, NULL);
}

static void *next_of(const void *buffer)
{
    void *next;
    memcpy(&next, buffer, sizeof next);
    return next;
}

void buffers_free(struct buffers *buffers)
{
    if (buffers->size == 0) {
        return;
    }
    while (buffers->unused) {
        void *next = next_of(buffers->unused);
        free(buffers->unused);
        buffers->unused = next;
    }
    pthread_mutex_destroy(&buffers->lock);
    buffers->size = 0;
}

uint8_t *buffers_take(struct buffers *buffers)
{
    pthread_mutex_lock(&buffers->lock);
    void *buffer = buffers->unused;
    if (buffer) {
        buffers->unused = next_of(buffer);
    }
    pthread_mutex_unlock(&buffers->lock);
    return buffer ? buffer : malloc(buffers->size);
}

void buffers_give(struct buffers *buffers, uint8_t *buffer)
{
    if (buffer) {
        pthread_mutex_lock(&buffers->lock);
        memcpy(buffer, &buffers->unused, sizeof buffers->unused);
        buffers->unused = buffer;
        pthread_mutex_unlock(&buffers->lock);
    }
}
