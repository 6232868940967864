// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Objects on servers as sources of bytes. A process of its own fetches them in blocks, which are
// kept in a bounded cache; reads may come from many threads.

#ifndef REMOTE_REMOTE_H
#define REMOTE_REMOTE_H

#include "base/sandbox.h"
#include "remote/fetcher.h"
#include "source/source.h"

enum { REMOTE_TIMEOUT_DEFAULT = 30, REMOTE_CONNECTIONS_DEFAULT = 8 };

struct remote;
struct channel;

// Starts the process that fetches: the caller must have one thread. NULL with `error`. `options`
// need not live longer.
struct remote *remote_start(const struct fetcher_options *options, struct error *error);

// The same on a channel that is open, which it takes over, also on failure: for tests.
struct remote *remote_adopt(const struct channel *channel, unsigned connections,
                            struct error *error);

// Ends it. All sources have to be closed before. NULL is fine.
void remote_close(struct remote *remote);

// Opens the object at the address `text`, and fetches its first block. The source lives no longer
// than `remote`. The same address is the same object.
struct source *remote_open(struct remote *remote, const char *text, struct error *error);

// No object is opened from here on: the fetcher refuses it.
void remote_seal(struct remote *remote);

// From here on a range that cannot be had in several tries is an unreadable place of its object,
// which other ranges do not share, until many in a row are: then the whole object has failed.
void remote_salvage(struct remote *remote);

// Whether bytes of an object could not be had, and why. Its address for people in `address`, which
// is valid as long as `remote` is; NULL when it was not about one object.
bool remote_failed(struct remote *remote, const char **address, struct error *error);

struct remote_statistics {
    uint64_t requests, bytes;
    double seconds; // since the start
};

struct remote_statistics remote_statistics(struct remote *remote);

// How the fetcher is confined, and the version of its library as a text of at most `size` bytes.
struct sandbox remote_confinement(const struct remote *remote, char *version, size_t size);

#endif
