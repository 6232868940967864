// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/command.h"
#include "commands/diagnostics.h"
#include "commands/disk.h"
#include "format/layout.h"
#include "output/dirty_output.h"
#include "output/extent_output.h"
#include "tables/bitmap_find.h"
#include "tables/preallocation.h"

#include <unistd.h>

struct map_options {
    struct disk_options disk;
    bool json, places, totals;
    const char *bitmap; // its dirty extents instead of the disk's; NULL: none
    bool force;         // a bitmap that cannot be trusted, too
};

// What becomes of the extents that the walk finds.
struct map {
    const struct map_options *options;
    struct writer writer;
    struct extent_output output;
    struct extent_totals totals;
    struct dirty_totals dirty_totals;
    int dirty_width;
};

// An extent of the disk or of a bitmap; each begins with its range.
union span {
    struct {
        uint64_t start, length;
    } range;
    struct extent extent;
    struct dirty_extent dirty;
};

// What tells the two walks apart.
struct span_ops {
    bool (*find)(void *walk, uint64_t at, uint64_t limit, union span *span, struct error *error);
    bool (*continues)(const struct map *map, const union span *span, const union span *next);
    void (*tell)(struct map *map, const union span *span);
};

// Tells the spans of [at, end), each as long as its answers stay the same. Ends early, without an
// error of its own, when nobody can be told any more.
static bool map_walk(struct map *map, const struct span_ops *ops, void *walk, uint64_t at,
                     uint64_t end, struct error *error)
{
    union span current = {.range = {0, 0}};
    bool found = true;
    while (at < end && !map->writer.failed) {
        union span next;
        found = ops->find(walk, at, end - at, &next, error);
        if (!found) {
            break;
        }
        if (current.range.length > 0 && ops->continues(map, &current, &next)) {
            current.range.length += next.range.length;
        } else {
            if (current.range.length > 0) {
                ops->tell(map, &current);
            }
            current = next;
        }
        at += next.range.length;
    }
    if (current.range.length > 0) {
        ops->tell(map, &current);
    }
    return found;
}

static bool find_extent(void *walk, uint64_t at, uint64_t limit, union span *span,
                        struct error *error)
{
    return extent_at(walk, at, limit, &span->extent, error);
}

static bool continues_extent(const struct map *map, const union span *span, const union span *next)
{
    return extent_continues(&span->extent, &next->extent, map->options->places);
}

static void tell_extent(struct map *map, const union span *span)
{
    const struct extent *extent = &span->extent;
    if (map->options->totals) {
        map->totals.bytes[extent->kind] += extent->length;
        map->totals.extents++;
    } else if (map->options->json) {
        extent_output_json(&map->output, extent);
    } else {
        extent_output_text(&map->output, extent);
    }
}

static const struct span_ops extent_ops = {find_extent, continues_extent, tell_extent};

static void map_end(struct map *map)
{
    if (map->options->totals && map->options->json) {
        extent_totals_json(&map->writer, &map->totals);
    } else if (map->options->totals) {
        extent_totals_text(&map->writer, &map->totals);
    }
}

static bool map_disk(struct map *map, const struct disk *disk, uint64_t offset, uint64_t length,
                     struct error *error)
{
    struct extent_walk walk;
    map->output = extent_output_make(&map->writer, &disk->view, map->options->places);
    if (!map->options->json && !map->options->totals) {
        extent_output_heading(&map->output);
    }
    bool done = extent_walk_start(&walk, &disk->view, error) &&
                map_walk(map, &extent_ops, &walk, offset, offset + length, error);
    extent_walk_end(&walk);
    extent_output_free(&map->output);
    if (done) {
        map_end(map);
    }
    return done;
}

static bool find_dirty(void *walk, uint64_t at, uint64_t limit, union span *span,
                       struct error *error)
{
    return dirty_at(walk, at, limit, &span->dirty, error);
}

static bool continues_dirty(const struct map *map, const union span *span, const union span *next)
{
    (void)map;
    return span->dirty.dirty == next->dirty.dirty;
}

static void tell_dirty(struct map *map, const union span *span)
{
    const struct dirty_extent *extent = &span->dirty;
    if (map->options->totals) {
        map->dirty_totals.bytes[extent->dirty] += extent->length;
        map->dirty_totals.extents++;
    } else if (map->options->json) {
        dirty_output_json(&map->writer, extent);
    } else {
        dirty_output_text(&map->writer, map->dirty_width, extent);
    }
}

static const struct span_ops dirty_ops = {find_dirty, continues_dirty, tell_dirty};

// Bitmaps are metadata of this image alone.
static const char *const harmless_to_bitmaps[] = {PROBLEM_UNSUPPORTED_ENCRYPTION,
                                                  PROBLEM_UNSUPPORTED_BACKING_FILE,
                                                  PROBLEM_UNSUPPORTED_COMPRESSION, NULL};

static bool map_bitmap(struct map *map, const struct disk *disk, uint64_t offset, uint64_t length,
                       struct error *error)
{
    const struct map_options *options = map->options;
    const struct image *image = disk->chain.layers[0].image;
    struct dirty_walk walk;
    struct bitmap bitmap;
    if (!image_readable(image, harmless_to_bitmaps, error) ||
        !bitmap_find(image, options->bitmap, &bitmap, error) ||
        (!options->force && !bitmap_trusted(image, &bitmap, error)) ||
        !dirty_walk_start(&walk, image, &bitmap, error)) {
        return false;
    }
    map->dirty_width = extent_width(disk->view.size);
    if (!options->json && !options->totals) {
        dirty_output_heading(&map->writer, map->dirty_width);
    }
    bool done = map_walk(map, &dirty_ops, &walk, offset, offset + length, error);
    dirty_walk_end(&walk);
    if (done && options->totals) {
        (options->json ? dirty_totals_json : dirty_totals_text)(&map->writer, &map->dirty_totals);
    }
    return done;
}

static int map_range(const char *path, const struct map_options *options, struct disk *disk)
{
    struct error error = {0};
    struct error write_error;
    struct map map = {.options = options};
    uint64_t offset;
    uint64_t length;
    if (!disk_range(path, &options->disk, disk, &offset, &length)) {
        return EXIT_CANNOT;
    }
    if (!options->bitmap) {
        preallocation_find_holes(&disk->chain);
    }
    writer_init(&map.writer, STDOUT_FILENO);
    bool done = (options->bitmap ? map_bitmap : map_disk)(&map, disk, offset, length, &error);
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
    if (options.bitmap && (options.places || options.disk.snapshot)) {
        return command_usage_error(command,
                                   "--bitmap goes with neither --host-offsets nor --snapshot");
    }
    if (!command_image_argument(command, argc, argv, &path)) {
        return EXIT_USAGE;
    }
    if (options.bitmap) {
        options.disk.chain.inspect = true;
        options.disk.chain.no_backing = true;
    }
    if (!disk_open(path, &options.disk, &disk)) {
        return EXIT_CANNOT;
    }
    status = map_range(path, &options, &disk);
    disk_close(&disk);
    return status;
}

static const struct option_row rows[] = {
    {"json", OPTION_FLAG, NULL, offsetof(struct map_options, json),
     .help = "print one JSON object a line"},
    {"host-offsets", OPTION_FLAG, NULL, offsetof(struct map_options, places),
     .help = "also print the layer, the host offset and the file of each extent"},
    {"totals", OPTION_FLAG, NULL, offsetof(struct map_options, totals),
     .help = "print only the bytes and the percentage of each status"},
    {"bitmap", OPTION_BITMAP, "NAME", offsetof(struct map_options, bitmap),
     .help = "print the extents of this dirty bitmap, not of the disk"},
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
    "Exit status: 0 done, 1 the image cannot be read to the end of the range, 64\n"
    "usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info map disk.qcow2\n"
    "  qcow2-info map disk.qcow2 --json | jq -s 'map(select(.zero | not).length) | add'\n"
    "  qcow2-info map disk.qcow2 --bitmap since-backup\n";

const struct command command_map = {
    .name = "map",
    .summary = "Lists the extents of the virtual disk: data, compressed, zero, hole.",
    .usage = "[IMAGE] [OPTION]...",
    .groups = groups,
    .notes = notes,
    .run = run_map,
};
