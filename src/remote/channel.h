// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The parser's end of what it shares with the process that fetches: it starts that process, asks,
// and waits for replies. What comes from there is as hostile as what comes from a server.

#ifndef REMOTE_CHANNEL_H
#define REMOTE_CHANNEL_H

#include "remote/fetcher.h"

struct channel {
    int socket;            // -1: closed
    const uint8_t *memory; // REMOTE_PLACES blocks, for reading
    unsigned silence;      // seconds without a reply after which the fetcher counts as broken
};

// Starts the fetcher and waits until it has given up its rights; `ready` is its first reply. The
// process must have one thread. `options` need not live longer. ERROR_UNSUPPORTED without libcurl.
bool channel_open(struct channel *channel, const struct fetcher_options *options,
                  struct reply *ready, struct error *error);

// Ends the fetcher.
void channel_close(struct channel *channel);

bool channel_ask(const struct channel *channel, const struct ask *ask, struct error *error);

// Waits for the next reply, whose text then ends with a NUL. With `wait` false it is false at once
// when there is none, with error->code NULL.
bool channel_receive(const struct channel *channel, bool wait, struct reply *reply,
                     struct error *error);

#endif
