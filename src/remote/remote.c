// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/remote.h"

#include "base/checked.h"
#include "remote/cache.h"
#include "remote/channel.h"
#include "remote/wanted.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    WANTED_RUN = 8,   // blocks of one request for what will be needed
    AHEAD_SHARE = 12, // of what was read in sequence so much of one is read ahead
    AHEAD_RUN = 16,   // blocks, at most
    NANOS = 1000000000,
};

struct request {
    bool used;
    uint32_t object;
    uint32_t count; // blocks
    uint16_t places[REMOTE_RUN_MAX];
};

struct remote_object {
    char *address; // owned
    char *shown;   // owned: the address for people
    bool answered, failed;
    uint64_t size;
    struct error fault; // why it failed
    uint64_t next;      // block behind the last that was asked for on demand
    uint64_t streak;    // blocks that were asked for on demand in sequence
};

struct remote {
    struct channel channel;
    struct reply ready;
    unsigned connections;
    struct timespec started;

    // One thread at a time receives replies, for all; the others wait for a change.
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool receiving, broken;
    struct error fault; // of the channel, when it is broken
    struct remote_object objects[REMOTE_OBJECTS_MAX];
    uint32_t object_count;
    struct request requests[REMOTE_ASKED_MAX];
    unsigned outstanding;
    uint64_t request_count, byte_count;
    struct cache cache;
    struct wanted wanted;
};

struct remote_source {
    struct source base;
    struct remote *remote;
    uint32_t object;
};

// --- Replies; the lock is held -------------------------------------------------------------------

static const char *fault_code(uint32_t fault)
{
    return fault == FAULT_NOT_FOUND ? ERROR_NOT_FOUND
           : fault == FAULT_USAGE   ? ERROR_USAGE
           : fault == FAULT_OUTSIDE ? ERROR_OUTSIDE
                                    : ERROR_IO;
}

// No reply can be had, or none that makes sense: everything fails.
static void break_channel(struct remote *remote, const struct error *error)
{
    if (!remote->broken) {
        remote->broken = true;
        remote->fault = *error;
    }
}

static void fail_object(struct remote *remote, const struct request *request,
                        const struct reply *reply)
{
    struct remote_object *object = &remote->objects[request->object];
    if (object->failed) {
        return;
    }
    object->failed = true;
    uint64_t offset = remote->cache.blocks[request->places[0]].index * REMOTE_BLOCK;
    error_set(&object->fault, fault_code(reply->fault), "%s", reply->text);
    object->fault.has_offset = object->answered; // of an object that could not be opened: none
    object->fault.offset = offset;
}

static void take_end(struct remote *remote, const struct reply *reply)
{
    struct error error;
    if (reply->number >= REMOTE_ASKED_MAX || !remote->requests[reply->number].used ||
        reply->size > INT64_MAX) {
        error_set(&error, ERROR_IO, "the process that fetches gives an answer without sense");
        break_channel(remote, &error);
        return;
    }
    struct request *request = &remote->requests[reply->number];
    struct remote_object *object = &remote->objects[request->object];
    bool done = reply->kind == REPLY_DONE;
    if (!done) {
        fail_object(remote, request, reply);
    } else if (!object->answered) {
        object->size = reply->size;
        object->answered = true;
    }
    for (uint32_t i = 0; i < request->count; i++) {
        struct block *block = &remote->cache.blocks[request->places[i]];
        if (done) {
            block->state = BLOCK_HERE;
        } else {
            cache_drop(&remote->cache, block);
        }
    }
    request->used = false;
    remote->outstanding--;
}

static void take_reply(struct remote *remote, const struct reply *reply)
{
    remote->request_count = max_u64(remote->request_count, reply->requests);
    remote->byte_count = max_u64(remote->byte_count, reply->bytes);
    if (reply->kind == REPLY_DONE || reply->kind == REPLY_FAILED) {
        take_end(remote, reply);
    }
}

// --- Asks; the lock is held ----------------------------------------------------------------------

static struct request *free_request(struct remote *remote)
{
    for (size_t i = 0; i < REMOTE_ASKED_MAX; i++) {
        if (!remote->requests[i].used) {
            return &remote->requests[i];
        }
    }
    return NULL;
}

static bool is_missing(struct remote *remote, uint32_t object, uint64_t index)
{
    return index <= (remote->objects[object].size - 1) / REMOTE_BLOCK &&
           !cache_find(&remote->cache, object, index);
}

static void send_ask(struct remote *remote, struct request *request, struct ask *ask)
{
    struct error error;
    request->used = true;
    request->object = ask->object;
    memcpy(request->places, ask->places, sizeof request->places);
    ask->number = (uint32_t)(request - remote->requests);
    remote->outstanding++;
    if (!channel_ask(&remote->channel, ask, &error)) {
        break_channel(remote, &error);
    }
}

// Asks for up to `count` missing blocks from `index` on, as many as there are places for. Returns
// how many: 0 when there was no place.
static uint32_t ask_for(struct remote *remote, uint32_t object, uint64_t index, uint64_t count,
                        bool ahead)
{
    struct request *request = free_request(remote);
    struct ask ask = {.kind = ASK_FETCH, .object = object, .offset = index * REMOTE_BLOCK};
    uint32_t claimed = 0;
    while (request && claimed < min_u64(count, REMOTE_RUN_MAX) &&
           is_missing(remote, object, index + claimed)) {
        struct block *block = cache_claim(&remote->cache, object, index + claimed, ahead);
        if (!block) {
            break;
        }
        ask.places[claimed++] = cache_place(&remote->cache, block);
    }
    if (claimed > 0) {
        uint64_t rest = remote->objects[object].size - ask.offset;
        ask.length = (uint32_t)min_u64((uint64_t)claimed * REMOTE_BLOCK, rest);
        request->count = claimed;
        send_ask(remote, request, &ask);
    }
    return claimed;
}

// The blocks from the next wanted one on that follow each other in the queue.
static uint64_t take_run(struct remote *remote, uint32_t object, uint64_t index)
{
    uint64_t count = 0;
    const struct wanted_block *next = wanted_next(&remote->wanted);
    while (count < WANTED_RUN && next && next->object == object && next->index == index + count &&
           is_missing(remote, object, next->index)) {
        count++;
        wanted_take(&remote->wanted);
        next = wanted_next(&remote->wanted);
    }
    return count;
}

// Asks for what will be needed, as long as a connection is free.
static void ask_wanted(struct remote *remote)
{
    const struct wanted_block *next;
    while (!remote->broken && remote->outstanding < remote->connections &&
           (next = wanted_next(&remote->wanted)) != NULL) {
        uint32_t object = next->object;
        uint64_t index = next->index;
        if (remote->objects[object].failed || !is_missing(remote, object, index)) {
            wanted_take(&remote->wanted);
            continue;
        }
        size_t first = remote->wanted.first;
        size_t waiting = remote->wanted.count;
        uint64_t count = take_run(remote, object, index);
        uint32_t asked = ask_for(remote, object, index, count, true);
        if (asked < count) { // no place: the rest stays, up to where dropped ones were skipped
            remote->wanted.first = first;
            remote->wanted.count = waiting;
            for (uint32_t i = 0; i < asked; i++) {
                wanted_drop(&remote->wanted, object, index + i);
            }
            break;
        }
    }
}

// Asks for the missing blocks of [index, last], and some more when all is read in sequence.
static bool ask_demanded(struct remote *remote, uint32_t object, uint64_t index, uint64_t last)
{
    struct remote_object *state = &remote->objects[object];
    uint64_t streak = index == state->next ? state->streak : 0;
    uint64_t count = last - index + 1 + min_u64(streak / AHEAD_SHARE, AHEAD_RUN);
    uint32_t asked = ask_for(remote, object, index, count, false);
    for (uint32_t i = 0; i < asked && remote->wanted.count > 0; i++) {
        wanted_drop(&remote->wanted, object, index + i);
    }
    if (asked > 0) {
        state->next = index + asked;
        state->streak = streak + asked;
    }
    return asked > 0;
}

// --- Waiting; the lock is held -------------------------------------------------------------------

// Takes what has come, without waiting, and asks for more.
static void pump(struct remote *remote)
{
    struct reply reply;
    struct error error;
    while (!remote->broken && !remote->receiving && remote->outstanding > 0) {
        if (!channel_receive(&remote->channel, false, &reply, &error)) {
            if (error.code) {
                break_channel(remote, &error);
            }
            break;
        }
        take_reply(remote, &reply);
        pthread_cond_broadcast(&remote->changed);
    }
    ask_wanted(remote);
}

// Waits for the next change: as the thread that receives, or until that one has.
static void wait_change(struct remote *remote)
{
    struct reply reply;
    struct error error;
    if (remote->receiving || remote->outstanding == 0) {
        pthread_cond_wait(&remote->changed, &remote->lock);
        return;
    }
    remote->receiving = true;
    pthread_mutex_unlock(&remote->lock);
    bool received = channel_receive(&remote->channel, true, &reply, &error);
    pthread_mutex_lock(&remote->lock);
    remote->receiving = false;
    if (received) {
        take_reply(remote, &reply);
        ask_wanted(remote);
    } else {
        break_channel(remote, &error);
    }
    pthread_cond_broadcast(&remote->changed);
}

// False with the reason when nothing more of an object can be had.
static bool is_alive(const struct remote *remote, uint32_t object, uint64_t index,
                     struct error *error)
{
    if (remote->objects[object].failed) {
        *error = remote->objects[object].fault;
    } else if (remote->broken) {
        *error = remote->fault;
    } else {
        return true;
    }
    error->has_offset = remote->objects[object].answered;
    error->offset = index * REMOTE_BLOCK;
    return false;
}

// The block when it is here, to be given back by release(). NULL with `error`.
static struct block *obtain(struct remote *remote, uint32_t object, uint64_t index, uint64_t last,
                            struct error *error)
{
    for (;;) {
        struct block *block = cache_find(&remote->cache, object, index);
        if (block && block->state == BLOCK_HERE) {
            cache_use(&remote->cache, block);
            block->readers++;
            return block;
        }
        if (!is_alive(remote, object, index, error)) {
            return NULL;
        }
        if (block || !ask_demanded(remote, object, index, last)) {
            wait_change(remote);
        }
    }
}

static void release(struct remote *remote, struct block *block)
{
    block->readers--;
    if (block->readers == 0 && remote->outstanding == 0) {
        pthread_cond_broadcast(&remote->changed); // somebody may wait for a place
    }
}

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
        pump(remote);
    }
    while (done && size > 0) {
        uint64_t index = offset / REMOTE_BLOCK;
        size_t into = offset % REMOTE_BLOCK;
        size_t part = (size_t)min_u64(size, REMOTE_BLOCK - into);
        uint64_t last = (offset + size - 1) / REMOTE_BLOCK;
        struct block *block = obtain(remote, self->object, index, last, error);
        done = block != NULL;
        if (done) {
            size_t place = cache_place(&remote->cache, block);
            pthread_mutex_unlock(&remote->lock);
            memcpy(to, remote->channel.memory + place * REMOTE_BLOCK + into, part);
            pthread_mutex_lock(&remote->lock);
            release(remote, block);
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
    pump(remote);
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
    struct request *request = free_request(remote);
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
    send_ask(remote, request, ask);
    free(ask);
    return true;
}

// Waits for the first answer about an object.
static bool wait_open(struct remote *remote, uint32_t number, struct error *error)
{
    while (!remote->objects[number].answered) {
        if (!is_alive(remote, number, 0, error)) {
            return false;
        }
        wait_change(remote);
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
        break_channel(remote, &error);
    }
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
