// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/disk.h"

#include "base/checked.h"
#include "commands/open.h"
#include "tables/snapshot_find.h"

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
    case DISK_OPTION_CONFINE:
        options->chain.confine = optarg;
        return true;
    case DISK_OPTION_SNAPSHOT:
        options->snapshot = optarg;
        return true;
    default:
        command_usage_error(command, NULL);
        return false;
    }
}

static bool select_view(const struct disk_options *options, struct disk *disk, struct error *error)
{
    struct snapshot snapshot;
    if (!options->snapshot) {
        disk->view = view_active(&disk->chain);
        return true;
    }
    return snapshot_find(disk->chain.layers[0].image, options->snapshot, &snapshot, error) &&
           (options->vm_state ? view_vm_state : view_snapshot)(
               &disk->chain, &snapshot, options->snapshot, &disk->view, error);
}

bool disk_open(const char *path, const struct disk_options *options, struct disk *disk)
{
    struct error error;
    const struct open_policy policy = {.chain = options->chain,
                                       .pipe_cap = PIPE_CAP,
                                       .opens_more = options->opens_more,
                                       .warns_in_use = true};
    if (!open_image(path, &policy, &disk->chain, &error) || !select_view(options, disk, &error)) {
        print_error(path, &error);
        disk_close(disk);
        return false;
    }
    return true;
}

void disk_close(struct disk *disk)
{
    chain_close(&disk->chain);
}

bool disk_range(const char *path, const struct disk_options *options, const struct disk *disk,
                uint64_t *offset, uint64_t *length)
{
    if (options->offset > disk->view.size) {
        struct error error;
        error_set(&error, ERROR_USAGE, "--offset %" PRIu64 " is past the end at %" PRIu64,
                  options->offset, disk->view.size);
        print_error(path, &error);
        return false;
    }
    *offset = disk->view.start + options->offset;
    *length = min_u64(options->length, disk->view.size - options->offset);
    return true;
}
