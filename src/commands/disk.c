// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/disk.h"

#include "base/checked.h"
#include "cli/diagnostics.h"
#include "cli/open.h"
#include "cli/option_values.h"
#include "format/layout.h"
#include "tables/short_end.h"
#include "tables/snapshot_find.h"

#include <inttypes.h>

const struct option_row disk_rows[] = {
    {"snapshot", OPTION_SNAPSHOT, "X", offsetof(struct disk_options, snapshot),
     .help = "read the internal snapshot with this id or name instead of the active disk"},
    {"offset", OPTION_SIZE, "N", offsetof(struct disk_options, offset),
     .help = "start at this guest offset, such as 4096, 64K, 1M or 2G"},
    {"length", OPTION_SIZE, "N", offsetof(struct disk_options, length),
     .help = "read at most this many bytes"},
    LAYER_ROWS("", offsetof(struct disk_options, chain)),
    SHORT_END_ROW("", offsetof(struct disk_options, chain.short_end)),
    {"max-bytes", OPTION_SIZE, "N", offsetof(struct disk_options, max_bytes),
     .help = "refuse a disk, or a range of it, of more than this many bytes"},
    SIZE_AS_QEMU_ROW("", offsetof(struct disk_options, chain.size_as_qemu)),
    {.name = NULL},
};

struct disk_options disk_options_default(void)
{
    return (struct disk_options){.length = UINT64_MAX, .max_bytes = UINT64_MAX};
}

bool take_backing_file(const struct command *command, const struct option_row *row,
                       const char *text, void *place)
{
    struct layer_files *files = place;
    struct layer_file file = {.path = text};
    bool has_layer;
    if (!option_layer(command, &file.path, &has_layer, &file.layer)) {
        return false;
    }
    for (size_t i = 0; i < files->count; i++) {
        if (files->files[i].layer == file.layer) {
            command_usage_error(command, "--%s is given twice for layer %" PRIu64, row->name,
                                file.layer);
            return false;
        }
    }
    if (files->count == LAYER_FILES_MAX) {
        command_usage_error(command, "--%s is given more than %d times", row->name,
                            LAYER_FILES_MAX);
        return false;
    }
    files->files[files->count++] = file;
    return true;
}

bool disk_options_check(const struct command *command, const struct disk_options *options)
{
    if (options->chain.no_backing && options->chain.backing_files.count > 0) {
        command_usage_error(command, "--backing-file is given, but no backing file is read");
        return false;
    }
    return true;
}

static bool select_view(const struct disk_options *options, struct disk *disk, struct error *error)
{
    struct snapshot snapshot;
    if (!options->snapshot) {
        disk->view = view_active(&disk->chain);
        return true;
    }
    if (!disk->chain.layers[0].image) {
        return error_set(error, ERROR_NOT_FOUND, "a raw file has no snapshots");
    }
    return snapshot_find(disk->chain.layers[0].image, options->snapshot, &snapshot, error) &&
           (options->vm_state ? view_vm_state : view_snapshot)(
               &disk->chain, &snapshot, options->snapshot, &disk->view, error);
}

// A check reports other missing parts itself.
static bool check_short_ends(const struct disk_options *options, const struct chain *chain,
                             struct error *error)
{
    if (!options->chain.short_end || options->checks_data) {
        return true;
    }
    for (size_t i = 0; i < chain->count; i++) {
        const struct layer *layer = &chain->layers[i];
        if (layer->image && !short_end_is_last(layer->image, layer->suffix, error)) {
            return i == 0 ? false : error_prefix(error, "backing file %s", layer->path);
        }
    }
    return true;
}

// Warns where QEMU sees a shorter disk than we.
static void warn_partial_sector(const char *path, const struct disk_options *options,
                                const struct layer *below, uint64_t size)
{
    const char *suffix = options->chain.suffix ? options->chain.suffix : "";
    uint64_t partial = size % SECTOR_SIZE;
    struct error error;
    if (partial == 0) {
        return;
    }
    if (below) {
        error_set(&error, ERROR_LIMIT,
                  "backing file %s: the disk has %" PRIu64 " bytes, no multiple of %d: QEMU reads "
                  "the last %" PRIu64 " as zeros, and so does --size-as-qemu%s",
                  below->path, size, SECTOR_SIZE, partial, suffix);
    } else {
        error_set(&error, ERROR_LIMIT,
                  "the disk has %" PRIu64 " bytes, no multiple of %d: QEMU leaves out the last "
                  "%" PRIu64 ", and so does --size-as-qemu%s",
                  size, SECTOR_SIZE, partial, suffix);
    }
    print_warning(path, &error);
}

static void warn_partial_sectors(const char *path, const struct disk_options *options,
                                 const struct disk *disk)
{
    if (options->chain.size_as_qemu) {
        return;
    }
    // A check has a finding for it; of a raw file QEMU adds zeros instead.
    if (!options->checks_data && !options->vm_state && disk->chain.layers[0].image) {
        warn_partial_sector(path, options, NULL, disk->view.size);
    }
    for (size_t i = 1; i < disk->chain.count; i++) {
        const struct layer *layer = &disk->chain.layers[i];
        warn_partial_sector(path, options, layer, layer->image ? layer->size : 0);
    }
}

bool disk_open(const char *path, const struct disk_options *options, struct disk *disk)
{
    struct error error;
    struct open_policy policy = {.chain = options->chain,
                                 .pipe_cap = PIPE_CAP,
                                 .drain = options->drain,
                                 .opens_more = options->opens_more,
                                 .warns_in_use = true};
    policy.chain.suggests_no_backing = !options->checks_data;
    if (!open_image(path, &policy, &disk->chain, &error) ||
        !check_short_ends(options, &disk->chain, &error) || !select_view(options, disk, &error)) {
        if (options->side) {
            error_prefix(&error, "%s", options->side);
        }
        print_error(path, &error);
        disk_close(disk);
        return false;
    }
    warn_partial_sectors(path, options, disk);
    return true;
}

void disk_close(struct disk *disk)
{
    chain_close(&disk->chain);
}

bool disk_within_limit(const char *path, const struct disk_options *options, uint64_t bytes)
{
    if (bytes > options->max_bytes) {
        struct error error;
        error_set(&error, ERROR_LIMIT,
                  "the work covers %" PRIu64 " bytes of virtual disk, above --max-bytes %" PRIu64,
                  bytes, options->max_bytes);
        print_error(path, &error);
        return false;
    }
    return true;
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
    return disk_within_limit(path, options, *length);
}
