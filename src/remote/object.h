// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A file on a server, as the process that fetches knows it.

#ifndef REMOTE_OBJECT_H
#define REMOTE_OBJECT_H

#include "remote/answer.h"

struct object {
    char *address; // owned
    char *target;  // owned: where redirects led to; NULL: nowhere else
    struct validators validators;
};

enum { REDIRECTS_MAX = 5 };

// The address to ask first. It stays the object's.
static inline const char *object_target(const struct object *object)
{
    return object->target ? object->target : object->address;
}

// The address that an answer from `from` redirects to, owned by the caller. NULL with the reason
// for one that is not followed: from https to http, or with a user.
char *object_redirect(const char *from, const char *location, struct error *error);

// Remembers where the bytes came from; NULL: requests begin at the address itself again.
void object_remember_target(struct object *object, const char *target);

#endif
