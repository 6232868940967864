// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/protocol.h"

#include "source/address.h"

#include <stddef.h>
#include <string.h>

// Protocols that are recognized even without "//", and what to use instead.
static const struct protocol {
    const char *name;
    const char *instead;
} protocols[] = {
    {"file", "write only the path"},
    {"json", "write only the path"},
    {"http", "use curl to write it to a pipe or a file"},
    {"https", "use curl to write it to a pipe or a file"},
    {"ftp", "use curl to write it to a pipe or a file"},
    {"nbd", "use nbd-client to make it a block device"},
    {"nbds", "use nbd-client to make it a block device"},
    {"nbd+unix", "use nbd-client to make it a block device"},
    {"ssh", "use ssh to write it to a pipe"},
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
    if (error->code != ERROR_NOT_FOUND || size == 0 || name[size] != ':' ||
        (address_is(name) && !to_write)) { // an address that leads nowhere
        return false;
    }
    const struct protocol *protocol = find_protocol(name, size);
    if (!protocol && strncmp(name + size, "://", 3) != 0) {
        return false;
    }
    const char *instead = to_write   ? "the output must be a file or a block device"
                          : protocol ? protocol->instead
                                     : "an image is a file, a block device or an address that "
                                       "begins with http:// or https://";
    return error_set(error, ERROR_NOT_FOUND,
                     "there is no such file, and the protocol \"%.*s\" is not supported: %s",
                     (int)size, name, instead);
}
