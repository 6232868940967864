// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Requests in flight: what was asked of the process that fetches and is not answered yet. The
// caller holds the lock.

#ifndef REMOTE_REQUEST_H
#define REMOTE_REQUEST_H

#include "remote/remote_state.h"

// No reply can be had, or none that makes sense: everything fails.
void remote_break(struct remote *remote, const struct error *error);

// A request to be sent; NULL when too many are in flight.
struct request *request_free(struct remote *remote);

// Sends the request, whose count of blocks is set.
void request_send(struct remote *remote, struct request *request, struct ask *ask);

// Takes a reply: the blocks of its request are here, or are dropped.
void request_take(struct remote *remote, const struct reply *reply);

#endif
