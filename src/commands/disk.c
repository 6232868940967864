// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/disk.h"

#include "base/checked.h"
#include "format/layout.h"
#include "image/probe.h"
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

// The VM state lies behind the disk: at the first guest offset that no L2 table of the disk maps.
static bool find_vm_state(const struct snapshot *snapshot, const struct header *header,
                          struct disk *disk, struct error *error)
{
    uint64_t coverage = header_l2_coverage(header);
    if (!checked_align_up(snapshot->disk_size, coverage, &disk->start) ||
        snapshot->vm_state_size > UINT64_MAX - disk->start) {
        return error_at(error, ERROR_CORRUPT, header->snapshots_offset,
                        "the snapshot's disk of %" PRIu64 " bytes and its VM state of %" PRIu64
                        " are too large",
                        snapshot->disk_size, snapshot->vm_state_size);
    }
    disk->size = snapshot->vm_state_size;
    return true;
}

static bool select_snapshot(const struct disk_options *options, struct disk *disk,
                            struct error *error)
{
    const struct image *image = disk->chain.layers[0].image;
    struct snapshot snapshot;
    if (!snapshot_find(image, options->snapshot, &snapshot, error)) {
        return false;
    }
    struct l1_table l1 = {snapshot.l1_table_offset, snapshot.l1_size};
    if (!is_aligned(l1.offset, image->header.cluster_size) || l1.offset >= HOST_OFFSET_LIMIT ||
        l1.size > CAP_L1_SIZE) {
        return error_at(error, ERROR_CORRUPT, l1.offset,
                        "the L1 table of snapshot \"%s\" is not sound: %" PRIu32 " entries",
                        options->snapshot, l1.size);
    }
    if (snapshot.disk_size / header_l2_coverage(&image->header) >= CAP_L1_SIZE) {
        return error_at(error, ERROR_LIMIT, image->header.snapshots_offset,
                        "the disk of snapshot \"%s\" has %" PRIu64
                        " bytes, more than an L1 table can map",
                        options->snapshot, snapshot.disk_size);
    }
    disk->size = snapshot.disk_size;
    if (options->vm_state && !find_vm_state(&snapshot, &image->header, disk, error)) {
        return false;
    }
    chain_use_l1(&disk->chain, l1, disk->start + disk->size);
    return true;
}

static bool open_layers(struct source *source, const char *path, const struct disk_options *options,
                        struct disk *disk, struct error *error)
{
    if (!chain_open(source, path, &options->chain, &disk->chain, error)) {
        return false;
    }
    if (!options->opens_more) {
        command_enter_sandbox();
    }
    disk->size = chain_size(&disk->chain);
    return !options->snapshot || select_snapshot(options, disk, error);
}

bool disk_open(const char *path, const struct disk_options *options, struct disk *disk)
{
    struct error error;
    bool more = options->opens_more || chain_follows(&options->chain);
    struct source *source =
        more ? command_open_first(path, PIPE_CAP) : command_open_source(path, PIPE_CAP);
    *disk = (struct disk){0};
    if (!source) {
        return false;
    }
    if (source->in_use) {
        error_set(&error, ERROR_IO, "another process has the image open for writing");
        print_warning(path, &error);
    }
    if (!probe_qcow2(source, &error)) {
        print_error(path, &error);
        source_close(source);
        return false;
    }
    if (!open_layers(source, path, options, disk, &error)) {
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
    if (options->offset > disk->size) {
        struct error error;
        error_set(&error, ERROR_USAGE, "--offset %" PRIu64 " is past the end at %" PRIu64,
                  options->offset, disk->size);
        print_error(path, &error);
        return false;
    }
    *offset = disk->start + options->offset;
    *length = min_u64(options->length, disk->size - options->offset);
    return true;
}
