// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/object.h"

#include <stdlib.h>
#include <string.h>

char *object_redirect(const char *from, const char *location, struct error *error)
{
    struct address before;
    struct address after;
    struct bytes name = {(const uint8_t *)location, strlen(location)};
    char *target = address_resolve(from, name, error);
    if (!target) {
        error_prefix(error, "the server redirects to no web address");
        return NULL;
    }
    bool valid = address_parse(from, &before, error) && address_parse(target, &after, error);
    if (valid && before.secure && !after.secure) {
        valid = error_set(error, ERROR_IO, "the server redirects from https to http");
    } else if (valid && after.has_user) {
        valid = error_set(error, ERROR_IO, "the server redirects to an address with a user");
    }
    if (!valid) {
        free(target);
        return NULL;
    }
    return target;
}

void object_remember_target(struct object *object, const char *target)
{
    free(object->target);
    object->target = target && strcmp(target, object->address) != 0 ? strdup(target) : NULL;
}
