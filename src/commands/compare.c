// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "compare/compare.h"
#include "base/workers.h"
#include "cli/diagnostics.h"
#include "cli/open.h"
#include "commands/commands.h"
#include "commands/passphrase.h"
#include "output/compare_output.h"
#include "print/progress.h"
#include "tables/preallocation.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

static const char *const side_names[SIDES] = {[SIDE_A] = "image A", [SIDE_B] = "image B"};
static const char *const side_suffixes[SIDES] = {[SIDE_A] = "-a", [SIDE_B] = "-b"};

// One of the images.
struct image_options {
    struct disk_options disk;
    struct key_options keys;
    bool raw;
};

struct compare_command {
    struct image_options images[SIDES];
    bool json, all, strict;
    struct work_options work;
};

// Prints ranges and progress during the comparison.
struct report {
    struct writer writer;
    struct compare_output output;
    struct progress progress;
};

static void on_range(void *context, uint64_t start, uint64_t length)
{
    struct report *report = context;
    compare_print_range(&report->output, start, length);
}

static void on_progress(void *context, uint64_t done)
{
    struct report *report = context;
    progress_update(&report->progress, done);
}

static uint64_t longer(const struct view views[static SIDES])
{
    return views[SIDE_A].size > views[SIDE_B].size ? views[SIDE_A].size : views[SIDE_B].size;
}

// Compares the open disks and prints the result.
static int report_comparison(char *const *paths, const struct compare_command *options,
                             const struct view views[static SIDES])
{
    struct comparison comparison;
    struct error error;
    struct error write_error;
    struct report report = {.progress = progress_start(options->work.progress, longer(views))};
    const struct compare_options request = {.jobs = options->work.jobs,
                                            .all = options->all,
                                            .strict = options->strict,
                                            .on_range = on_range,
                                            .on_progress = on_progress,
                                            .context = &report};
    writer_init(&report.writer, STDOUT_FILENO);
    report.output = (struct compare_output){.writer = &report.writer,
                                            .json = options->json,
                                            .all = options->all,
                                            .strict = options->strict};
    bool done = compare_disks(views, &request, &comparison, &error);
    progress_end(&report.progress);
    if (done) {
        compare_print_end(&report.output, &comparison);
    }
    bool written = writer_finish(&report.writer, &write_error);
    if (!written) {
        print_error(NULL, &write_error);
    }
    if (!done && comparison.faulty != SIDES) {
        error_prefix(&error, "%s", side_names[comparison.faulty]);
    }
    if (!done) {
        print_error(comparison.faulty == SIDES ? NULL : paths[comparison.faulty], &error);
    }
    return !done || !written ? EXIT_CANNOT : comparison.identical ? EXIT_DONE : EXIT_FOUND;
}

// Opens one of the disks. The passphrases of both have been read.
static bool open_side(const char *path, const struct image_options *options,
                      struct passphrases *passphrases, struct disk *disk)
{
    if (!disk_open(path, &options->disk, disk)) {
        return false;
    }
    if (!passphrases_unlock(passphrases, &disk->chain, NULL)) {
        disk_close(disk);
        return false;
    }
    return true;
}

// Bytes of the layers that are not shared: shared layers are hardly read, however large they are.
static void find_holes(const struct view views[static SIDES])
{
    size_t shared = pair_shared_layers(views);
    for (size_t i = 0; i < SIDES; i++) {
        struct chain own = *views[i].chain;
        own.count -= shared;
        preallocation_find_holes(&own);
    }
}

static int compare_opened(char *const *paths, const struct compare_command *options,
                          struct passphrases passphrases[static SIDES])
{
    struct disk disks[SIDES];
    int status = EXIT_CANNOT;
    if (!open_side(paths[SIDE_A], &options->images[SIDE_A], &passphrases[SIDE_A], &disks[SIDE_A])) {
        return status;
    }
    if (open_side(paths[SIDE_B], &options->images[SIDE_B], &passphrases[SIDE_B], &disks[SIDE_B])) {
        const struct view views[SIDES] = {disks[SIDE_A].view, disks[SIDE_B].view};
        open_done();
        find_holes(views);
        status = report_comparison(paths, options, views);
        disk_close(&disks[SIDE_B]);
    }
    disk_close(&disks[SIDE_A]);
    return status;
}

static int compare_images(const struct command *command, char *const *paths,
                          const struct compare_command *options)
{
    struct passphrases passphrases[SIDES];
    int status = passphrases_read(command, &options->images[SIDE_A].keys, paths[SIDE_A],
                                  &passphrases[SIDE_A]);
    if (status != EXIT_DONE) {
        return status;
    }
    status = passphrases_read(command, &options->images[SIDE_B].keys, paths[SIDE_B],
                              &passphrases[SIDE_B]);
    if (status == EXIT_DONE) {
        status = compare_opened(paths, options, passphrases);
        passphrases_free(&passphrases[SIDE_B]);
    }
    passphrases_free(&passphrases[SIDE_A]);
    return status;
}

// Takes the images, which options_parse() left. False after printing a usage error.
static bool take_images(const struct command *command, int argc, char **argv,
                        const struct compare_command *options)
{
    if (argc - optind != SIDES) {
        command_usage_error(command,
                            argc - optind > SIDES ? "expected two images, and \"%s\" is a third"
                                                  : "expected two images",
                            argc - optind > SIDES ? argv[optind + SIDES] : "");
        return false;
    }
    unsigned readers = 0;
    for (int i = 0; i < SIDES; i++) {
        readers += strcmp(argv[optind + i], "-") == 0;
        readers += key_options_standard_input(&options->images[i].keys);
    }
    if (readers > 1) {
        command_usage_error(command, "standard input cannot be read for two purposes");
        return false;
    }
    return true;
}

// Checks the options of an image and what they imply. False after printing a usage error.
static bool complete_options(const struct command *command, struct compare_command *options,
                             enum side side)
{
    struct image_options *image = &options->images[side];
    if (image->raw && image->disk.snapshot) {
        command_usage_error(command, "--raw%s excludes --snapshot%s: a raw disk has no snapshots",
                            side_suffixes[side], side_suffixes[side]);
        return false;
    }
    image->disk.opens_more = true;
    image->disk.drain = true; // a raw disk ends at the end of the pipe
    image->disk.side = side_names[side];
    image->disk.chain.suffix = side_suffixes[side];
    image->disk.chain.first = image->raw ? FIRST_RAW : FIRST_PROBED;
    image->keys.side = side_names[side];
    image->keys.suffix = side_suffixes[side];
    image->keys.strip_newline = options->images[SIDE_A].keys.strip_newline;
    image->keys.max_iterations = options->images[SIDE_A].keys.max_iterations;
    return disk_options_check(command, &image->disk);
}

static int run_compare(const struct command *command, int argc, char **argv)
{
    struct compare_command options = {.work.jobs = workers_default()};
    int status;
    for (size_t i = 0; i < SIDES; i++) {
        options.images[i] =
            (struct image_options){.disk = disk_options_default(), .keys = key_options_default()};
    }
    if (!options_parse(command, argc, argv, &options, &status)) {
        return status;
    }
    if (!take_images(command, argc, argv, &options) ||
        !complete_options(command, &options, SIDE_A) ||
        !complete_options(command, &options, SIDE_B)) {
        return EXIT_USAGE;
    }
    return compare_images(command, argv + optind, &options);
}

static const struct option_row rows[] = {
    {"json", OPTION_FLAG, NULL, offsetof(struct compare_command, json),
     .help = "print one JSON object a line: each range that differs, and the result at the end"},
    {"all", OPTION_FLAG, NULL, offsetof(struct compare_command, all),
     .help = "continue after the first difference, and print all ranges that differ"},
    {"strict", OPTION_FLAG, NULL, offsetof(struct compare_command, strict),
     .help = "a different size or allocation counts as a difference too"},
    {.name = NULL},
};

// clang-format off
#define IMAGE_ROWS(suffix)                                                                         \
    {"raw" suffix, OPTION_FLAG, NULL, offsetof(struct image_options, raw),                         \
     .help = "read the file as raw bytes, even if it begins like an image"},                       \
    {"snapshot" suffix, OPTION_SNAPSHOT, "X", offsetof(struct image_options, disk.snapshot),       \
     .help = "read the internal snapshot with this id or name instead of the active disk"},        \
    LAYER_ROWS(suffix, offsetof(struct image_options, disk.chain)),                                \
    SHORT_END_ROW(suffix, offsetof(struct image_options, disk.chain.short_end)),                   \
    SIZE_AS_QEMU_ROW(suffix, offsetof(struct image_options, disk.chain.size_as_qemu)),             \
    KEY_SOURCE_ROWS(suffix, offsetof(struct image_options, keys)),                                 \
    {.name = NULL}
// clang-format on

static const struct option_row a_rows[] = {IMAGE_ROWS("-a")};
static const struct option_row b_rows[] = {IMAGE_ROWS("-b")};
static const struct option_row key_use_rows[] = {KEY_USE_ROWS(0), {.name = NULL}};

static const struct option_group groups[] = {
    {"Options", .rows = rows},
    {NULL, work_rows, .offset = offsetof(struct compare_command, work)},
    {"Image A", a_rows, .offset = offsetof(struct compare_command, images[SIDE_A])},
    {"Image B", b_rows, .offset = offsetof(struct compare_command, images[SIDE_B]), .image = 1},
    {"Encrypted images", key_use_rows,
     .offset = offsetof(struct compare_command, images[SIDE_A].keys)},
    COMMON_OPTIONS,
};

static const char notes[] =
    "A and B are images or raw disks, and may be the same file. One of them may be -,\n"
    "standard input; of a pipe the first 64 MiB are read, which is all of a raw disk\n"
    "or an error.\n"
    "\n"
    "Exit status: 0 the disks have the same contents, 1 they could not be compared, 2\n"
    "they differ, 64 usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info compare disk.qcow2 copy.qcow2\n"
    "  qcow2-info compare --snapshot-a before-the-flood disk.qcow2 disk.qcow2 --all\n";

const struct command command_compare = {
    .name = "compare",
    .summary = "Compares the contents of two disks and reports the first difference.",
    .usage = "A B [OPTION]...",
    .groups = groups,
    .notes = notes,
    .run = run_compare,
};
