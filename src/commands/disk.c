// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/disk.h"

#include "base/checked.h"

#include <getopt.h>
#include <inttypes.h>

struct disk_options disk_options_default(void)
{
    return (struct disk_options){.length = UINT64_MAX};
}

bool disk_option(const struct command *command, int option, struct disk_options *options)
{
    switch (option) {
    case DISK_OPTION_OFFSET:
    case DISK_OPTION_LENGTH:
        if (!parse_size(optarg,
                        option == DISK_OPTION_OFFSET ? &options->offset : &options->length)) {
            command_usage_error(command, "\"%s\" is not a number of bytes", optarg);
            return false;
        }
        return true;
    case DISK_OPTION_NO_BACKING:
        options->chain.no_backing = true;
        return true;
    case DISK_OPTION_DATA_FILE:
        options->chain.data_file = optarg;
        return true;
    default:
        command_usage_error(command, NULL);
        return false;
    }
}

bool disk_open(const char *path, const struct disk_options *options, struct chain *chain)
{
    struct error error;
    struct source *source = command_open_source(path);
    if (!source) {
        return false;
    }
    if (source->in_use) {
        error_set(&error, ERROR_IO, "another process has the image open for writing");
        print_warning(path, &error);
    }
    if (!chain_open(source, path, &options->chain, chain, &error)) {
        print_error(path, &error);
        chain_close(chain);
        return false;
    }
    return true;
}

bool disk_range(const char *path, const struct disk_options *options, const struct chain *chain,
                uint64_t *offset, uint64_t *length)
{
    uint64_t size = chain_size(chain);
    if (options->offset > size) {
        struct error error;
        error_set(&error, ERROR_USAGE,
                  "--offset %" PRIu64 " is past the end of the disk at %" PRIu64, options->offset,
                  size);
        print_error(path, &error);
        return false;
    }
    *offset = options->offset;
    *length = min_u64(options->length, size - options->offset);
    return true;
}
