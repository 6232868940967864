// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Brings blocks into the cache: those that a read waits for, and those that will be needed. The
// caller holds the lock.

#ifndef REMOTE_SUPPLY_H
#define REMOTE_SUPPLY_H

#include "remote/remote_state.h"

// Takes what has come, without waiting, and asks for more.
void supply_pump(struct remote *remote);

// Waits for the next change: as the thread that receives, or until that one has.
void supply_wait(struct remote *remote);

// False with the reason when nothing more of an object can be had.
bool supply_alive(const struct remote *remote, uint32_t object, uint64_t index,
                  struct error *error);

// The block when it is here, to be given back by supply_release(). `last`: the block up to which
// the read goes. NULL with `error`.
struct block *supply_obtain(struct remote *remote, uint32_t object, uint64_t index, uint64_t last,
                            struct error *error);

void supply_release(struct remote *remote, struct block *block);

#endif
