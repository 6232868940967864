// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/checked.h"
#include "cli/diagnostics.h"
#include "cli/terminal.h"
#include "commands/chart_option.h"
#include "commands/commands.h"
#include "commands/disk.h"
#include "compare/changes.h"
#include "format/layout.h"
#include "output/extent_output.h"
#include "tables/dirty_union.h"
#include "tables/preallocation.h"
#include "tables/snapshot_find.h"

#include <unistd.h>

struct map_options {
    struct disk_options disk;
    bool json, places, totals;
    enum chart_format chart;
    const char *bitmaps[DIRTY_UNION_MAX]; // names; their extents instead of the disk's
    size_t bitmap_count;
    bool force;        // accept a bitmap that cannot be trusted
    const char *since; // id or name of a snapshot; NULL: do not print changes
};

struct map {
    const struct map_options *options;
    struct writer writer;
    struct chart chart; // for EXTENT_CHART only
    struct extent_output output;
    const struct extent_printer *printer;
};

// For a bitmap, only the range of an extent is set.
struct map_extent {
    struct extent extent;
    enum extent_status status;
};

// Finds the extent of the disk or of a bitmap at a guest offset, of at most `limit` bytes.
typedef bool find_function(void *walk, uint64_t at, uint64_t limit, struct map_extent *found,
                           struct error *error);

static bool find_extent(void *walk, uint64_t at, uint64_t limit, struct map_extent *found,
                        struct error *error)
{
    if (!extent_at(walk, at, limit, &found->extent, error)) {
        return false;
    }
    found->status = extent_status(&found->extent);
    return true;
}

static bool find_dirty(void *walk, uint64_t at, uint64_t limit, struct map_extent *found,
                       struct error *error)
{
    struct dirty_extent dirty;
    if (!dirty_union_at(walk, at, limit, &dirty, error)) {
        return false;
    }
    found->extent = (struct extent){.start = dirty.start, .length = dirty.length};
    found->status = dirty.dirty ? STATUS_DIRTY : STATUS_CLEAN;
    return true;
}

// The walk over changes since a snapshot, and the name of the snapshot for errors.
struct since_walk {
    struct change_walk changes;
    const char *name;
};

static bool find_change(void *walk, uint64_t at, uint64_t limit, struct map_extent *found,
                        struct error *error)
{
    struct since_walk *since = walk;
    struct change change;
    bool then;
    if (!change_at(&since->changes, at, limit, &change, &then, error)) {
        return then ? error_prefix(error, "snapshot \"%s\"", since->name) : false;
    }
    found->extent = change.extent;
    found->status = change.changed ? STATUS_CHANGED : STATUS_UNCHANGED;
    return true;
}

static void print_found(struct map *map, const struct map_extent *found)
{
    if (found->extent.length > 0) {
        map->printer->extent(&map->output, &found->extent, found->status);
    }
}

// True when `next`, which is the neighbour of `current`, belongs to the same line.
static bool goes_on(const struct map_options *options, const struct map_extent *current,
                    const struct map_extent *next)
{
    bool only_status = options->since && !options->places && (options->totals || !options->json);
    return next->status == current->status &&
           (only_status || extent_continues(&current->extent, &next->extent, options->places));
}

// Prints the extents of [at, end), joining neighbours that differ in nothing that is printed. Stops
// early, without its own error, when the output has failed.
static bool map_walk(struct map *map, find_function *find, void *walk, uint64_t at, uint64_t end,
                     struct error *error)
{
    struct map_extent current = {.status = STATUSES};
    bool found = true;
    while (at < end && !map->writer.failed) {
        struct map_extent next;
        found = find(walk, at, end - at, &next, error);
        if (!found) {
            break;
        }
        at += next.extent.length;
        if (goes_on(map->options, &current, &next)) {
            current.extent.length += next.extent.length;
        } else {
            print_found(map, &current);
            current = next;
        }
    }
    print_found(map, &current);
    return found;
}

static bool map_extents(struct map *map, find_function *find, void *walk, uint64_t offset,
                        uint64_t length, struct error *error)
{
    if (map->printer->begin) {
        map->printer->begin(&map->output);
    }
    bool done = map_walk(map, find, walk, offset, offset + length, error);
    if (done && map->printer->end) {
        map->printer->end(&map->output);
    }
    return done;
}

static bool map_disk(struct map *map, const struct disk *disk, uint64_t offset, uint64_t length,
                     struct error *error)
{
    struct extent_walk walk;
    bool done = extent_walk_start(&walk, &disk->view, error) &&
                map_extents(map, find_extent, &walk, offset, length, error);
    extent_walk_end(&walk);
    return done;
}

static bool map_changes(struct map *map, const struct disk *disk, uint64_t offset, uint64_t length,
                        struct error *error)
{
    struct since_walk walk = {.name = map->options->since};
    struct snapshot snapshot;
    struct view then;
    bool done = snapshot_find(disk->chain.layers[0].image, walk.name, &snapshot, error) &&
                view_snapshot(&disk->chain, &snapshot, walk.name, &then, error) &&
                change_walk_start(&walk.changes, &then, &disk->view, error) &&
                map_extents(map, find_change, &walk, offset, length, error);
    change_walk_end(&walk.changes);
    return done;
}

// Bitmaps are metadata of this image alone.
static const enum problem_kind harmless_to_bitmaps[] = {PROBLEM_ENCRYPTION_UNKNOWN,
                                                        PROBLEM_COMPRESSION_UNKNOWN, PROBLEM_NONE};

static bool map_bitmaps(struct map *map, const struct disk *disk, uint64_t offset, uint64_t length,
                        struct error *error)
{
    const struct map_options *options = map->options;
    const struct image *image = disk->chain.layers[0].image;
    struct dirty_union together = {0};
    bool done = image_readable(image, harmless_to_bitmaps, error) &&
                dirty_union_start(&together, image, options->bitmaps, options->bitmap_count,
                                  options->force, error) &&
                map_extents(map, find_dirty, &together, offset, length, error);
    dirty_union_end(&together);
    return done;
}

static enum extent_format format_of(const struct map_options *options)
{
    return options->chart    ? EXTENT_CHART
           : options->totals ? (options->json ? EXTENT_TOTALS_JSON : EXTENT_TOTALS_TEXT)
                             : (options->json ? EXTENT_JSON : EXTENT_TEXT);
}

static enum extent_subject subject_of(const struct map_options *options)
{
    return options->bitmap_count > 0 ? EXTENTS_OF_BITMAP
           : options->since          ? EXTENTS_OF_CHANGES
                                     : EXTENTS_OF_DISK;
}

// No cell of a chart is smaller than the smallest clusters of the chain.
static uint64_t smallest_cluster(const struct chain *chain)
{
    uint64_t smallest = UINT64_MAX;
    for (size_t i = 0; i < chain->count; i++) {
        const struct layer *layer = &chain->layers[i];
        smallest = min_u64(smallest, layer->raw ? SECTOR_SIZE : layer->image->header.cluster_size);
    }
    return smallest;
}

static struct chart_subject chart_subject_of(const struct map_options *options,
                                             const struct view *view)
{
    struct chart_subject subject = {.format = options->chart,
                                    .width = terminal_columns(),
                                    .unit = smallest_cluster(view->chain),
                                    .file = view->chain->layers[0].path,
                                    .what = "the disk"};
    if (options->bitmap_count > 0) {
        bool one = options->bitmap_count == 1;
        subject.what = one ? "dirty bitmap" : "the union of dirty bitmaps";
        subject.name = one ? options->bitmaps[0] : NULL;
    } else if (options->since) {
        subject.what = "changes since snapshot";
        subject.name = options->since;
    } else if (options->disk.snapshot) {
        subject.what = options->disk.vm_state ? "the VM state of snapshot" : "the disk of snapshot";
        subject.name = options->disk.snapshot;
    }
    return subject;
}

// Prepares the output of the extents of [offset, offset + length).
static bool start_output(struct map *map, const struct view *view, uint64_t offset, uint64_t length,
                         struct error *error)
{
    const struct map_options *options = map->options;
    enum extent_subject subject = subject_of(options);
    writer_init(&map->writer, STDOUT_FILENO);
    map->output = (struct extent_output){.writer = &map->writer,
                                         .view = view,
                                         .subject = subject,
                                         .places = options->places,
                                         .chart = &map->chart};
    struct chart_subject shown = chart_subject_of(options, view);
    shown.start = offset;
    shown.length = length;
    shown.kinds = extent_kinds(subject, &shown.kind_count);
    return options->chart == CHART_NONE || chart_make(&map->chart, &shown, error);
}

static int map_range(const char *path, const struct map_options *options, struct disk *disk)
{
    static bool (*const mappers[])(struct map *, const struct disk *, uint64_t, uint64_t,
                                   struct error *) = {[EXTENTS_OF_DISK] = map_disk,
                                                      [EXTENTS_OF_BITMAP] = map_bitmaps,
                                                      [EXTENTS_OF_CHANGES] = map_changes};
    struct error error = {0};
    struct error write_error;
    struct map map = {.options = options, .printer = &extent_printers[format_of(options)]};
    uint64_t offset;
    uint64_t length;
    if (!disk_range(path, &options->disk, disk, &offset, &length)) {
        return EXIT_CANNOT;
    }
    if (options->bitmap_count == 0) {
        preallocation_find_holes(&disk->chain);
    }
    bool done = start_output(&map, &disk->view, offset, length, &error) &&
                mappers[subject_of(options)](&map, disk, offset, length, &error);
    extent_output_free(&map.output);
    chart_free(&map.chart);
    bool written = writer_finish(&map.writer, &write_error);
    if (!written) {
        print_error(NULL, &write_error);
    }
    if (!done) {
        print_error(path, &error);
    }
    return done && written ? EXIT_DONE : EXIT_CANNOT;
}

static int run_map(const struct command *command, int argc, char **argv)
{
    struct map_options options = {.disk = disk_options_default()};
    struct disk disk;
    const char *path;
    int status;
    if (!options_parse(command, argc, argv, &options, &status)) {
        return status;
    }
    if (options.bitmap_count > 0 && (options.places || options.disk.snapshot || options.since)) {
        return command_usage_error(command,
                                   "--bitmap excludes --host-offsets, --snapshot and --since");
    }
    if (options.chart && (options.json || options.totals || options.places)) {
        return command_usage_error(command, "--chart excludes --json, --totals and --host-offsets");
    }
    if (!command_image_argument(command, argc, argv, &path)) {
        return EXIT_USAGE;
    }
    if (options.bitmap_count > 0) {
        options.disk.chain.inspect = true;
        options.disk.chain.no_backing = true;
    }
    if (!disk_options_check(command, &options.disk)) {
        return EXIT_USAGE;
    }
    if (!disk_open(path, &options.disk, &disk)) {
        return EXIT_CANNOT;
    }
    status = map_range(path, &options, &disk);
    disk_close(&disk);
    return status;
}

static bool take_bitmap(const struct command *command, const struct option_row *row,
                        const char *text, void *place)
{
    struct map_options *options = place;
    if (options->bitmap_count == DIRTY_UNION_MAX) {
        command_usage_error(command, "--%s is given more than %d times", row->name,
                            DIRTY_UNION_MAX);
        return false;
    }
    options->bitmaps[options->bitmap_count++] = text;
    return true;
}

static const struct option_row rows[] = {
    {"json", OPTION_FLAG, NULL, offsetof(struct map_options, json),
     .help = "print one JSON object a line"},
    {"host-offsets", OPTION_FLAG, NULL, offsetof(struct map_options, places),
     .help = "also print the layer, the host offset and the file of each extent"},
    {"totals", OPTION_FLAG, NULL, offsetof(struct map_options, totals),
     .help = "print only the bytes and the percentage of each status"},
    CHART_ROW(offsetof(struct map_options, chart), "the disk"),
    {"bitmap", OPTION_BITMAP, "NAME", 0,
     .help =
         "print the extents of this dirty bitmap, or of the union of several, instead of the disk",
     .repeatable = true, .take = take_bitmap},
    {"since", OPTION_SNAPSHOT, "X", offsetof(struct map_options, since),
     .help = "print the extents that changed since the internal snapshot with this id or name, and "
             "those that did not"},
    {"force", OPTION_FLAG, NULL, offsetof(struct map_options, force),
     .help = "with --bitmap, accept a bitmap whose bits cannot be trusted", .needs = "bitmap"},
    {.name = NULL},
};

static const struct option_group groups[] = {
    {"Options", .rows = rows},
    {"Disk", disk_rows, .offset = offsetof(struct map_options, disk)},
    COMMON_OPTIONS,
};

static const char notes[] =
    "With IMAGE - or none, the image is standard input; of a pipe the first 64 MiB\n"
    "are read.\n"
    "\n"
    "Exit status: 0 done, 1 a part of the range cannot be read, 64 usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info map disk.qcow2\n"
    "  qcow2-info map --chart disk.qcow2\n"
    "  qcow2-info map --json disk.qcow2 | jq -s 'map(select(.zero|not).length) | add'\n"
    "  qcow2-info map disk.qcow2 --bitmap since-backup\n"
    "  qcow2-info map disk.qcow2 --since before-the-flood\n";

const struct command command_map = {
    .name = "map",
    .summary = "Lists the extents of the virtual disk: data, compressed, zero, hole.",
    .usage = "[IMAGE] [OPTION]...",
    .groups = groups,
    .notes = notes,
    .run = run_map,
};
