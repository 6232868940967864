// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/protocol.h"

#include <stddef.h>
#include <string.h>

// Those that are known by name, also without "//", and what helps in their place.
static const struct protocol {
    const char *name;
    const char *instead;
} protocols[] = {
    {"file", "give the path alone"},
    {"json", "give the path alone"},
    {"http", "curl can write it to a pipe or a file"},
    {"https", "curl can write it to a pipe or a file"},
    {"ftp", "curl can write it to a pipe or a file"},
    {"nbd", "nbd-client makes it a block device"},
    {"nbds", "nbd-client makes it a block device"},
    {"nbd+unix", "nbd-client makes it a block device"},
    {"ssh", "ssh can write it to a pipe"},
};

static const struct protocol *find_protocol(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        if (strlen(protocols[i].name) == size && strncmp(protocols[i].name, name, size) == 0) {
            return &protocols[i];
        }
    }
    return NULL;
}

bool protocol_explain(const char *name, bool to_write, struct error *error)
{
    size_t size =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._");
    if (error->code != ERROR_NOT_FOUND || size == 0 || name[size] != ':') {
        return false;
    }
    const struct protocol *protocol = find_protocol(name, size);
    if (!protocol && strncmp(name + size, "://", 3) != 0) {
        return false;
    }
    const char *instead = to_write   ? "the output is a file or a block device"
                          : protocol ? protocol->instead
                                     : "an image is a file or a block device";
    return error_set(error, ERROR_NOT_FOUND,
                     "there is no such file, and the protocol \"%.*s\" is not supported: %s",
                     (int)size, name, instead);
}
