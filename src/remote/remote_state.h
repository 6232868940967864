// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What the parts of a remote share: its objects, its requests and its cache. All but what never
// changes is for the thread that holds the lock.

#ifndef REMOTE_REMOTE_STATE_H
#define REMOTE_REMOTE_STATE_H

#include "remote/cache.h"
#include "remote/channel.h"
#include "remote/lost.h"
#include "remote/wanted.h"

#include <pthread.h>
#include <time.h>

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
    bool salvage; // go on without ranges that cannot be had: they are lost
    struct lost lost;
};

#endif
