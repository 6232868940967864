// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Web addresses: http://host[:port]/path?query. Nothing is contacted here.

#ifndef SOURCE_ADDRESS_H
#define SOURCE_ADDRESS_H

#include "base/bytes.h"
#include "base/error.h"

enum { ADDRESS_MAX = 8000 }; // bytes: presigned addresses have long queries

// Parts of a text that stays the caller's. The fragment belongs to no part.
struct address {
    bool secure; // https
    uint16_t port;
    bool has_user;      // a user name, with or without a password
    struct bytes host;  // with its brackets when it is an IPv6 address
    struct bytes path;  // "" or begins with a slash
    struct bytes query; // "" or begins with a question mark
};

// Whether a word on the command line, or a name in an image, begins as a web address does.
bool address_is(const char *text);

// ERROR_USAGE when it is none: it has bytes that no address has, or no host, or is too long.
bool address_parse(const char *text, struct address *address, struct error *error);

// Scheme, host and port are those of the other. False also when one of them is no address.
bool address_same_origin(const char *a, const char *b);

// The address for people: without user, password, query and fragment. Owned by the caller; NULL
// when there is no memory. What is no address is copied as it stands.
char *address_shown(const char *text);

// What `name` means in a document at `base`, as RFC 3986 says, with what no address may contain
// written as %XX, without a fragment and without dot segments. Owned by the caller. NULL with
// `error` when that is no web address.
char *address_resolve(const char *base, struct bytes name, struct error *error);

// Whether `text` has the origin of `prefix`, and its path is that of `prefix` or lies below. A path
// that a server might read in another way than this function is not below.
bool address_below(const char *prefix, const char *text);

#endif
