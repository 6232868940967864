// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/request.h"

#include "base/checked.h"

#include <string.h>

// --- Replies -------------------------------------------------------------------------------------

static const char *fault_code(uint32_t fault)
{
    return fault == FAULT_NOT_FOUND ? ERROR_NOT_FOUND
           : fault == FAULT_USAGE   ? ERROR_USAGE
           : fault == FAULT_OUTSIDE ? ERROR_OUTSIDE
                                    : ERROR_IO;
}

void remote_break(struct remote *remote, const struct error *error)
{
    if (!remote->broken) {
        remote->broken = true;
        remote->fault = *error;
    }
}

// True when a salvage goes on without the range. An object that was never opened has none.
static bool is_lost(struct remote *remote, const struct request *request, const struct reply *reply)
{
    if (!remote->salvage || reply->fault != FAULT_TRIED ||
        !remote->objects[request->object].answered) {
        return false;
    }
    struct lost_range range = {
        .object = request->object,
        .first = remote->cache.blocks[request->places[0]].index,
        .count = request->count,
    };
    error_set(&range.error, ERROR_IO, "%s", reply->text);
    return lost_add(&remote->lost, &range);
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
        remote_break(remote, &error);
        return;
    }
    struct request *request = &remote->requests[reply->number];
    struct remote_object *object = &remote->objects[request->object];
    bool done = reply->kind == REPLY_DONE;
    if (done) {
        lost_break_row(&remote->lost);
        object->size = object->answered ? object->size : reply->size;
        object->answered = true;
    } else if (!is_lost(remote, request, reply)) {
        fail_object(remote, request, reply);
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

void request_take(struct remote *remote, const struct reply *reply)
{
    remote->request_count = max_u64(remote->request_count, reply->requests);
    remote->byte_count = max_u64(remote->byte_count, reply->bytes);
    if (reply->kind == REPLY_DONE || reply->kind == REPLY_FAILED) {
        take_end(remote, reply);
    }
}

// --- Asks ----------------------------------------------------------------------------------------

struct request *request_free(struct remote *remote)
{
    for (size_t i = 0; i < REMOTE_ASKED_MAX; i++) {
        if (!remote->requests[i].used) {
            return &remote->requests[i];
        }
    }
    return NULL;
}

void request_send(struct remote *remote, struct request *request, struct ask *ask)
{
    struct error error;
    request->used = true;
    request->object = ask->object;
    memcpy(request->places, ask->places, sizeof request->places);
    ask->number = (uint32_t)(request - remote->requests);
    remote->outstanding++;
    if (!channel_ask(&remote->channel, ask, &error)) {
        remote_break(remote, &error);
    }
}
