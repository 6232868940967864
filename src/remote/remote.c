// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/remote.h"

#include "base/checked.h"
#include "remote/request.h"
#include "remote/supply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NANOS = 1000000000 };

struct remote_source {
    struct source base;
    struct remote *remote;
    uint32_t object;
};

// --- The source ----------------------------------------------------------------------------------

static bool source_read_blocks(struct source *source, uint64_t offset, void *buffer, size_t size,
                               struct error *error)
{
    const struct remote_source *self = (const struct remote_source *)source;
    struct remote *remote = self->remote;
    uint8_t *to = buffer;
    bool done = true;
    pthread_mutex_lock(&remote->lock);
    if (remote->wanted.count > 0) {
        supply_pump(remote);
    }
    while (done && size > 0) {
        uint64_t index = offset / REMOTE_BLOCK;
        size_t into = offset % REMOTE_BLOCK;
        size_t part = (size_t)min_u64(size, REMOTE_BLOCK - into);
        uint64_t last = (offset + size - 1) / REMOTE_BLOCK;
        struct block *block = supply_obtain(remote, self->object, index, last, error);
        done = block != NULL;
        if (done) {
            size_t place = cache_place(&remote->cache, block);
            pthread_mutex_unlock(&remote->lock);
            memcpy(to, remote->channel.memory + place * REMOTE_BLOCK + into, part);
            pthread_mutex_lock(&remote->lock);
            supply_release(remote, block);
            to += part;
            offset += part;
            size -= part;
        }
    }
    pthread_mutex_unlock(&remote->lock);
    return done;
}

static void source_want(struct source *source, uint64_t offset, uint64_t length)
{
    const struct remote_source *self = (const struct remote_source *)source;
    struct remote *remote = self->remote;
    pthread_mutex_lock(&remote->lock);
    for (uint64_t at = offset / REMOTE_BLOCK; at <= (offset + length - 1) / REMOTE_BLOCK; at++) {
        if (!cache_find(&remote->cache, self->object, at)) {
            wanted_add(&remote->wanted, self->object, at);
        }
    }
    supply_pump(remote);
    pthread_mutex_unlock(&remote->lock);
}

static void source_free(struct source *source)
{
    free(source);
}

static const struct source_ops remote_ops = {
    .read = source_read_blocks, .will_need = source_want, .close = source_free};

// --- Objects -------------------------------------------------------------------------------------

static bool find_object(const struct remote *remote, const char *address, uint32_t *number)
{
    for (uint32_t i = 0; i < remote->object_count; i++) {
        if (strcmp(remote->objects[i].address, address) == 0) {
            *number = i;
            return true;
        }
    }
    return false;
}

// Asks for the first block of a new object.
static bool ask_open(struct remote *remote, const char *address, uint32_t *number,
                     struct error *error)
{
    struct ask *ask = calloc(1, sizeof *ask);
    struct request *request = request_free(remote);
    struct remote_object *object = &remote->objects[remote->object_count];
    struct block *block = cache_claim(&remote->cache, remote->object_count, 0, false);
    *number = remote->object_count;
    object->address = strdup(address);
    object->shown = address_shown(address);
    if (!ask || !request || !block || !object->address || !object->shown) {
        free(ask);
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    remote->object_count++;
    *ask = (struct ask){.kind = ASK_OPEN, .object = *number, .length = REMOTE_BLOCK};
    ask->places[0] = cache_place(&remote->cache, block);
    memcpy(ask->address, address, strlen(address) + 1);
    request->count = 1;
    request_send(remote, request, ask);
    free(ask);
    return true;
}

// Waits for the first answer about an object.
static bool wait_open(struct remote *remote, uint32_t number, struct error *error)
{
    while (!remote->objects[number].answered) {
        if (!supply_alive(remote, number, 0, error)) {
            return false;
        }
        supply_wait(remote);
    }
    return true;
}

static struct source *make_source(struct remote *remote, uint32_t number, struct error *error)
{
    struct remote_source *self = malloc(sizeof *self);
    if (!self) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    *self = (struct remote_source){
        .base = {.ops = &remote_ops,
                 .kind = SOURCE_REMOTE,
                 .size = remote->objects[number].size,
                 .parallel = remote->connections,
                 .fd = -1,
                 .identity = {.device = UINT64_MAX, .inode = number}},
        .remote = remote,
        .object = number,
    };
    return &self->base;
}

struct source *remote_open(struct remote *remote, const char *text, struct error *error)
{
    struct address address;
    struct source *source = NULL;
    uint32_t number;
    if (!address_parse(text, &address, error)) {
        return NULL;
    }
    if (address.has_user) {
        error_set(error, ERROR_USAGE,
                  "the address has a user: credentials are given by --netrc-file or --header-file");
        return NULL;
    }
    pthread_mutex_lock(&remote->lock);
    bool known = find_object(remote, text, &number);
    if (!known && remote->object_count == REMOTE_OBJECTS_MAX) {
        error_set(error, ERROR_LIMIT, "more than %d addresses are opened", REMOTE_OBJECTS_MAX);
    } else if ((known || ask_open(remote, text, &number, error)) &&
               wait_open(remote, number, error)) {
        source = make_source(remote, number, error);
    }
    pthread_mutex_unlock(&remote->lock);
    return source;
}

void remote_seal(struct remote *remote)
{
    const struct ask ask = {.kind = ASK_SEAL};
    struct error error;
    pthread_mutex_lock(&remote->lock);
    if (!channel_ask(&remote->channel, &ask, &error)) {
        remote_break(remote, &error);
    }
    pthread_mutex_unlock(&remote->lock);
}

void remote_salvage(struct remote *remote)
{
    pthread_mutex_lock(&remote->lock);
    remote->salvage = true;
    pthread_mutex_unlock(&remote->lock);
}

// --- The whole -----------------------------------------------------------------------------------

struct remote *remote_adopt(const struct channel *channel, unsigned connections,
                            struct error *error)
{
    struct remote *remote = calloc(1, sizeof *remote);
    if (!remote) {
        struct channel unused = *channel;
        channel_close(&unused);
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    clock_gettime(CLOCK_MONOTONIC, &remote->started);
    remote->channel = *channel;
    remote->connections = connections;
    pthread_mutex_init(&remote->lock, NULL);
    pthread_cond_init(&remote->changed, NULL);
    cache_init(&remote->cache);
    return remote;
}

struct remote *remote_start(const struct fetcher_options *options, struct error *error)
{
    struct channel channel;
    struct reply ready;
    struct timespec started;
    clock_gettime(CLOCK_MONOTONIC, &started);
    if (!channel_open(&channel, options, &ready, error)) {
        return NULL;
    }
    struct remote *remote = remote_adopt(&channel, options->connections, error);
    if (remote) {
        remote->started = started;
        remote->ready = ready;
    }
    return remote;
}

void remote_close(struct remote *remote)
{
    if (!remote) {
        return;
    }
    channel_close(&remote->channel);
    for (uint32_t i = 0; i < remote->object_count; i++) {
        free(remote->objects[i].address);
        free(remote->objects[i].shown);
    }
    pthread_cond_destroy(&remote->changed);
    pthread_mutex_destroy(&remote->lock);
    free(remote);
}

bool remote_failed(struct remote *remote, const char **address, struct error *error)
{
    *address = NULL;
    if (remote->broken) {
        *error = remote->fault;
        return true;
    }
    for (uint32_t i = 0; i < remote->object_count; i++) {
        if (remote->objects[i].failed) {
            *address = remote->objects[i].shown;
            *error = remote->objects[i].fault;
            return true;
        }
    }
    return false;
}

struct remote_statistics remote_statistics(struct remote *remote)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (struct remote_statistics){
        .requests = remote->request_count,
        .bytes = remote->byte_count,
        .seconds = (double)(now.tv_sec - remote->started.tv_sec) +
                   (double)(now.tv_nsec - remote->started.tv_nsec) / NANOS,
    };
}

struct sandbox remote_confinement(const struct remote *remote, char *version, size_t size)
{
    snprintf(version, size, "%s", remote->ready.text);
    return (struct sandbox){.no_new_privileges = remote->ready.no_new_privileges != 0,
                            .landlock_abi = remote->ready.landlock_abi,
                            .seccomp = remote->ready.seccomp != 0};
}
