// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/output_file.h"

#include "image/protocol.h"
#include "source/device.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_of_chain(const struct chain *chain, const struct source_identity *identity)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct layer *layer = &chain->layers[i];
        if (source_is(layer->image ? layer->image->source : layer->raw, identity) ||
            (layer->data_file && source_is(layer->data_file, identity))) {
            return true;
        }
    }
    return false;
}

// Writing to a file that is being read would destroy it.
static bool check_not_input(int fd, const struct inputs *inputs, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return error_set(error, ERROR_IO, "cannot read its status: %s", strerror(errno));
    }
    struct source_identity identity = source_identity_of(&status);
    if (is_of_chain(inputs->chain, &identity)) {
        return error_set(error, ERROR_USAGE, "the output is also an input file");
    }
    // A terminal or /dev/null may be both.
    if (S_ISREG(status.st_mode) && key_options_name_file(inputs->keys, &identity)) {
        return error_set(error, ERROR_USAGE, "the output is also the passphrase file");
    }
    return true;
}

int output_open(const char *output, const struct inputs *inputs, struct error *error)
{
    int fd = output ? open(output, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : STDOUT_FILENO;
    if (fd < 0) {
        error_set(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "cannot open: %s",
                  strerror(errno));
        protocol_explain(output, true, error);
        return -1;
    }
    if (!check_not_input(fd, inputs, error)) {
        if (output) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

bool output_same(int fd, int other)
{
    struct stat status;
    struct stat other_status;
    if (fstat(fd, &status) != 0 || fstat(other, &other_status) != 0 || S_ISCHR(status.st_mode)) {
        return false;
    }
    struct source_identity identity = source_identity_of(&status);
    struct source_identity other_identity = source_identity_of(&other_status);
    return source_identity_same(&identity, &other_identity);
}

bool output_fits(const char *output, int fd, uint64_t length, struct error *error)
{
    struct device device;
    if (!output || !device_open(fd, &device) || length <= device.size) {
        return true;
    }
    return error_set(error, ERROR_LIMIT,
                     "cannot write the output: %s has %" PRIu64 " bytes, and %" PRIu64
                     " are to be written; nothing was written",
                     output, device.size, length);
}

bool output_empty(const char *output, int fd, struct error *error)
{
    struct stat status;
    if (output && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
        ftruncate(fd, 0) != 0) {
        return error_set(error, ERROR_IO, "cannot empty %s: %s", output, strerror(errno));
    }
    return true;
}

bool output_close(const char *output, int fd, struct error *error)
{
    // Some file systems report only now that the bytes could not be stored.
    if (output && close(fd) != 0) {
        return error_set(error, ERROR_IO, "cannot write the output: %s", strerror(errno));
    }
    return true;
}
