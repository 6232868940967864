// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/disk.h"
#include "output/extent_output.h"

#include <getopt.h>
#include <unistd.h>

struct map_options {
    struct disk_options disk;
    bool json, places, totals;
};

enum { OPTION_JSON = DISK_OPTION_LAST, OPTION_HOST_OFFSETS, OPTION_TOTALS };

static const struct option long_options[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"host-offsets", no_argument, NULL, OPTION_HOST_OFFSETS},
    {"totals", no_argument, NULL, OPTION_TOTALS},
    DISK_OPTIONS,
    OPTIONS_COMMON,
};

// What becomes of the extents that the walk finds.
struct map {
    const struct map_options *options;
    struct writer writer;
    struct extent_output output;
    struct extent_totals totals;
};

static void map_extent(struct map *map, const struct extent *extent)
{
    if (map->options->totals) {
        map->totals.bytes[extent->kind] += extent->length;
        map->totals.extents++;
    } else if (map->options->json) {
        extent_output_json(&map->output, extent);
    } else {
        extent_output_text(&map->output, extent);
    }
}

// Tells the extents of [at, end), each as long as its answers stay the same.
static bool map_walk(struct map *map, struct extent_walk *walk, uint64_t at, uint64_t end,
                     struct error *error)
{
    struct extent current = {0};
    bool found = true;
    while (at < end) {
        struct extent next;
        found = extent_at(walk, at, end - at, &next, error);
        if (!found) {
            break;
        }
        if (current.length > 0 && extent_continues(&current, &next, map->options->places)) {
            current.length += next.length;
        } else {
            if (current.length > 0) {
                map_extent(map, &current);
            }
            current = next;
        }
        at += next.length;
    }
    if (current.length > 0) {
        map_extent(map, &current);
    }
    return found;
}

static void map_end(struct map *map)
{
    if (map->options->totals && map->options->json) {
        extent_totals_json(&map->writer, &map->totals);
    } else if (map->options->totals) {
        extent_totals_text(&map->writer, &map->totals);
    }
}

static int map_disk(const char *path, const struct map_options *options, const struct disk *disk)
{
    struct error error;
    struct error write_error;
    struct extent_walk walk;
    struct map map = {.options = options};
    uint64_t offset;
    uint64_t length;
    if (!disk_range(path, &options->disk, disk, &offset, &length)) {
        return EXIT_CANNOT;
    }
    writer_init(&map.writer, STDOUT_FILENO);
    map.output = extent_output_make(&map.writer, &disk->chain, options->places);
    if (!options->json && !options->totals) {
        extent_output_heading(&map.output);
    }
    bool done = extent_walk_start(&walk, &disk->chain, &error) &&
                map_walk(&map, &walk, offset, offset + length, &error);
    extent_walk_end(&walk);
    if (done) {
        map_end(&map);
    }
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
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (option) {
        case OPTION_HELP:
            return command_help(command);
        case OPTION_JSON:
            options.json = true;
            break;
        case OPTION_HOST_OFFSETS:
            options.places = true;
            break;
        case OPTION_TOTALS:
            options.totals = true;
            break;
        default:
            if (!disk_option(command, option, &options.disk)) {
                return EXIT_USAGE;
            }
        }
    }
    if (!command_image_argument(command, argc, argv, &path)) {
        return EXIT_USAGE;
    }
    if (!disk_open(path, &options.disk, &disk)) {
        return EXIT_CANNOT;
    }
    int status = map_disk(path, &options, &disk);
    disk_close(&disk);
    return status;
}

const struct command command_map = {
    .name = "map",
    .summary = "Lists the extents of the virtual disk: data, compressed, zero, hole.",
    .usage = "IMAGE [OPTION]...",
    .help = "Options:\n"
            "  --json            one JSON object a line\n"
            "  --host-offsets    with the layer, the host offset and the file of each extent\n"
            "  --totals          only bytes and percent of each status\n" DISK_OPTIONS_HELP "\n"
            "Examples:\n"
            "  qcow2-info map disk.qcow2\n"
            "  qcow2-info map disk.qcow2 --json | jq -s 'map(select(.zero | not).length) | add'\n",
    .run = run_map,
};
