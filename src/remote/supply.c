// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/supply.h"

#include "base/checked.h"
#include "remote/request.h"

enum {
    WANTED_RUN = 16, // blocks of one request for what will be needed, at most
    SALVAGE_RUN = 4,
    AHEAD_SHARE = 12, // of what was read in sequence so much of one is read ahead
    AHEAD_RUN = 16,   // blocks, at most
};

// --- Asks ----------------------------------------------------------------------------------------

static bool is_missing(struct remote *remote, uint32_t object, uint64_t index)
{
    return index <= (remote->objects[object].size - 1) / REMOTE_BLOCK &&
           !cache_find(&remote->cache, object, index) && !lost_find(&remote->lost, object, index);
}

// Asks for up to `count` missing blocks from `index` on, as many as there are places for. Returns
// how many: 0 when there was no place.
static uint32_t ask_for(struct remote *remote, uint32_t object, uint64_t index, uint64_t count,
                        bool ahead)
{
    struct request *request = request_free(remote);
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
        request_send(remote, request, &ask);
    }
    return claimed;
}

// How many blocks one request has: all connections together have room in the cache. What a salvage
// loses at once is less.
static unsigned request_blocks(const struct remote *remote)
{
    unsigned most = remote->salvage ? SALVAGE_RUN : WANTED_RUN;
    return (unsigned)max_u64(min_u64(CACHE_AHEAD_MAX / remote->connections, most), 1);
}

// The part of a run of wanted blocks around `index` that is missing.
static struct wanted_run missing_run(struct remote *remote, uint32_t object, uint64_t index)
{
    struct wanted_run run = wanted_run(&remote->wanted, object, index, request_blocks(remote));
    uint64_t first = index;
    uint64_t end = index;
    while (first > run.first && is_missing(remote, object, first - 1)) {
        first--;
    }
    while (end < run.first + run.count && is_missing(remote, object, end)) {
        end++;
    }
    run.first = first;
    run.count = end - first;
    return run;
}

// Large requests cost less than many small ones: a run waits for room, and a short one that may
// grow waits while much else is here and not read yet, or on its way. A read that needs it does not
// wait.
static bool may_wait(const struct remote *remote, const struct wanted_run *run)
{
    unsigned room = cache_room_ahead(&remote->cache);
    bool grows = run->is_newest && run->count < request_blocks(remote);
    bool busy = remote->outstanding * 2 > remote->connections || room < CACHE_AHEAD_MAX / 2;
    return room < run->count || (grows && busy);
}

// Asks for what will be needed, as long as a connection is free.
static void ask_wanted(struct remote *remote)
{
    const struct wanted_block *next;
    while (!remote->broken && remote->outstanding < remote->connections &&
           (next = wanted_next(&remote->wanted)) != NULL) {
        uint32_t object = next->object;
        if (remote->objects[object].failed || !is_missing(remote, object, next->index)) {
            wanted_take(&remote->wanted);
            continue;
        }
        struct wanted_run run = missing_run(remote, object, next->index);
        if (may_wait(remote, &run)) {
            break;
        }
        uint32_t asked = ask_for(remote, object, run.first, run.count, true);
        wanted_drop(&remote->wanted, object, run.first, asked);
        if (asked < run.count) {
            break; // no place: the rest stays
        }
    }
}

// Asks for the missing blocks of [index, last], and some more when all is read in sequence or the
// next ones are wanted.
static bool ask_demanded(struct remote *remote, uint32_t object, uint64_t index, uint64_t last)
{
    struct remote_object *state = &remote->objects[object];
    uint64_t streak = index == state->next ? state->streak : 0;
    uint64_t count = last - index + 1 + min_u64(streak / AHEAD_SHARE, AHEAD_RUN);
    if (remote->wanted.count > 0) {
        struct wanted_run run = missing_run(remote, object, index);
        count = max_u64(count, run.first + run.count - index);
    }
    if (remote->salvage) {
        count = min_u64(count, request_blocks(remote));
    }
    uint32_t asked = ask_for(remote, object, index, count, false);
    wanted_drop(&remote->wanted, object, index, asked);
    if (asked > 0) {
        state->next = index + asked;
        state->streak = streak + asked;
    }
    return asked > 0;
}

// --- Waiting -------------------------------------------------------------------------------------

void supply_pump(struct remote *remote)
{
    struct reply reply;
    struct error error;
    while (!remote->broken && !remote->receiving && remote->outstanding > 0) {
        if (!channel_receive(&remote->channel, false, &reply, &error)) {
            if (error.code) {
                remote_break(remote, &error);
            }
            break;
        }
        request_take(remote, &reply);
        pthread_cond_broadcast(&remote->changed);
    }
    ask_wanted(remote);
}

void supply_wait(struct remote *remote)
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
        request_take(remote, &reply);
        ask_wanted(remote);
    } else {
        remote_break(remote, &error);
    }
    pthread_cond_broadcast(&remote->changed);
}

bool supply_alive(const struct remote *remote, uint32_t object, uint64_t index, struct error *error)
{
    const struct error *lost = lost_find(&remote->lost, object, index);
    if (lost) {
        *error = *lost;
    } else if (remote->objects[object].failed) {
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

struct block *supply_obtain(struct remote *remote, uint32_t object, uint64_t index, uint64_t last,
                            struct error *error)
{
    for (;;) {
        struct block *block = cache_find(&remote->cache, object, index);
        if (block && block->state == BLOCK_HERE) {
            cache_use(&remote->cache, block);
            block->readers++;
            return block;
        }
        if (!supply_alive(remote, object, index, error)) {
            return NULL;
        }
        if (block || !ask_demanded(remote, object, index, last)) {
            supply_wait(remote);
        }
    }
}

void supply_release(struct remote *remote, struct block *block)
{
    block->readers--;
    if (block->readers == 0 && remote->outstanding == 0) {
        pthread_cond_broadcast(&remote->changed); // a reader may wait for a place
    }
}
