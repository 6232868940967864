// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/disk.h"
#include "commands/jobs.h"
#include "commands/open.h"
#include "commands/output_file.h"
#include "commands/passphrase.h"
#include "commands/salvage.h"
#include "image/export.h"
#include "output/progress.h"
#include "tables/preallocation.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct cat_options {
    struct disk_options disk;
    struct key_options keys;
    const char *output; // NULL: standard output
    unsigned jobs;
    enum sparse sparse;
    bool salvage;
    const char *salvage_log; // NULL: none
    enum progress_when progress;
};

enum {
    OPTION_JOBS = DISK_OPTION_LAST,
    OPTION_SPARSE,
    OPTION_SALVAGE,
    OPTION_SALVAGE_LOG,
    OPTION_VM_STATE,
    OPTION_PROGRESS,
    OPTION_NO_PROGRESS,
};

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"jobs", required_argument, NULL, OPTION_JOBS},
    {"sparse", required_argument, NULL, OPTION_SPARSE},
    {"salvage", no_argument, NULL, OPTION_SALVAGE},
    {"salvage-log", required_argument, NULL, OPTION_SALVAGE_LOG},
    {"vm-state", no_argument, NULL, OPTION_VM_STATE},
    {"progress", no_argument, NULL, OPTION_PROGRESS},
    {"no-progress", no_argument, NULL, OPTION_NO_PROGRESS},
    KEY_OPTIONS,
    DISK_OPTIONS,
    OPTIONS_COMMON,
};

// A salvage reads what is left of an image whose tables are not all there.
static const char *const cut_short[] = {ERROR_TRUNCATED, NULL};

static bool parse_sparse(const struct command *command, const char *text, enum sparse *sparse)
{
    static const char *const words[] = {
        [SPARSE_AUTO] = "auto", [SPARSE_ALWAYS] = "always", [SPARSE_NEVER] = "never"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *sparse = (enum sparse)i;
            return true;
        }
    }
    command_usage_error(command, "--sparse takes auto, always or never, not \"%s\"", text);
    return false;
}

static bool take_option(const struct command *command, int option, struct cat_options *options)
{
    switch (option) {
    case 'o':
        options->output = strcmp(optarg, "-") == 0 ? NULL : optarg;
        return true;
    case OPTION_JOBS:
        return jobs_parse(command, optarg, &options->jobs);
    case OPTION_SPARSE:
        return parse_sparse(command, optarg, &options->sparse);
    case OPTION_SALVAGE_LOG:
        options->salvage_log = optarg;
        return true;
    case OPTION_SALVAGE:
        options->salvage = true;
        options->disk.chain.tolerated = cut_short;
        return true;
    case OPTION_VM_STATE:
        // Behind the disk there are no bytes of a backing file.
        options->disk.vm_state = true;
        options->disk.chain.no_backing = true;
        return true;
    case OPTION_PROGRESS:
        options->progress = PROGRESS_ALWAYS;
        return true;
    case OPTION_NO_PROGRESS:
        options->progress = PROGRESS_NEVER;
        return true;
    default:
        return is_key_option(option) ? key_option(command, option, &options->keys)
                                     : disk_option(command, option, &options->disk);
    }
}

// What is told while the export goes on.
struct watch {
    struct progress progress;
    struct salvage salvage;
};

static void on_progress(void *context, uint64_t done)
{
    struct watch *watch = context;
    progress_update(&watch->progress, done);
}

static void on_fault(void *context, uint64_t start, uint64_t length, const struct error *error)
{
    struct watch *watch = context;
    progress_clear(&watch->progress);
    salvage_fault(&watch->salvage, start, length, error);
}

// The export itself, between the files that it reads and those that it writes.
static bool export_salvaging(const char *path, const struct cat_options *options, struct disk *disk,
                             const struct export_options *range, int fd, struct error *error)
{
    const struct inputs inputs = {&disk->chain, &options->keys};
    struct export_options request = *range;
    struct watch watch = {.progress = progress_start(options->progress, request.length)};
    struct salvage *salvage = &watch.salvage;
    struct error log_error;
    // Nothing is emptied before all is open.
    if (!salvage_start(salvage, path, options->salvage_log, fd, &inputs, error) ||
        !output_empty(options->output, fd, error)) {
        salvage_end(salvage, &log_error);
        return false;
    }
    open_done();
    preallocation_find_holes(&disk->chain);
    request.salvage = options->salvage;
    request.on_fault = on_fault;
    request.on_progress = on_progress;
    request.context = &watch;
    bool done = export_disk(&disk->view, &request, fd, error);
    progress_clear(&watch.progress);
    if (!salvage_end(salvage, &log_error) && done) {
        *error = log_error;
        done = false;
    }
    if (done && salvage->ranges > 0) {
        done =
            error_set(error, ERROR_CORRUPT,
                      "%" PRIu64 " bytes, in %" PRIu64 " %s, could not be read and are zeros",
                      salvage->bytes, salvage->ranges, salvage->ranges == 1 ? "range" : "ranges");
    }
    return done;
}

static int export_to_output(const char *path, const struct cat_options *options, struct disk *disk)
{
    struct error error;
    struct error close_error;
    struct export_options request = {.jobs = options->jobs, .sparse = options->sparse};
    if (!disk_range(path, &options->disk, disk, &request.offset, &request.length)) {
        return EXIT_CANNOT;
    }
    const struct inputs inputs = {&disk->chain, &options->keys};
    int fd = output_open(options->output, &inputs, &error);
    if (fd < 0) {
        print_error(options->output ? options->output : "standard output", &error);
        return EXIT_CANNOT;
    }
    bool done = export_salvaging(path, options, disk, &request, fd, &error);
    if (!output_close(options->output, fd, &close_error) && done) {
        error = close_error;
        done = false;
    }
    if (!done) {
        print_error(path, &error);
    }
    return done ? EXIT_DONE : EXIT_CANNOT;
}

static int cat_image(const struct command *command, const char *path,
                     const struct cat_options *options)
{
    struct passphrases passphrases;
    struct disk disk;
    int status = passphrases_read(command, &options->keys, path, &passphrases);
    if (status != EXIT_DONE) {
        return status;
    }
    if (!disk_open(path, &options->disk, &disk)) {
        passphrases_free(&passphrases);
        return EXIT_CANNOT;
    }
    bool unlocked = passphrases_unlock(&passphrases, &disk.chain, NULL);
    passphrases_free(&passphrases);
    status = unlocked ? export_to_output(path, options, &disk) : EXIT_CANNOT;
    disk_close(&disk);
    return status;
}

static int run_cat(const struct command *command, int argc, char **argv)
{
    struct cat_options options = {
        .disk = disk_options_default(), .keys = key_options_default(), .jobs = jobs_default()};
    const char *path;
    int option;
    while ((option = command_next_option(argc, argv, "o:", long_options)) != -1) {
        if (is_about_option(option)) {
            return command_about(command, option);
        }
        if (!take_option(command, option, &options)) {
            return EXIT_USAGE;
        }
    }
    if (options.disk.vm_state && !options.disk.snapshot) {
        return command_usage_error(command, "--vm-state needs --snapshot");
    }
    if (options.salvage_log && !options.salvage) {
        return command_usage_error(command, "--salvage-log needs --salvage");
    }
    if (!command_image_argument(command, argc, argv, &path)) {
        return EXIT_USAGE;
    }
    options.disk.opens_more = options.output || options.salvage_log;
    return cat_image(command, path, &options);
}

// clang-format off
static const char help[] =
    "Options:\n"
    "  -o, --output FILE\n"
    "                    to this file; - is standard output, as without this option\n"
    "  --jobs N          threads that decode (default: the number of cores)\n"
    "  --sparse WHEN     holes in a file that is written: auto (where the disk has no data),\n"
    "                    always (also for zeros in data), never\n"
    "  --salvage         what cannot be read becomes zeros, is told, and makes the exit\n"
    "                    status 1 at the end\n"
    "  --salvage-log FILE\n"
    "                    with --salvage, also write each lost range there, a JSON object a line\n"
    "  --progress        show on standard error how far it is; --no-progress: do not\n"
    "                    (default: when that is a terminal)\n"
    "  --vm-state        the VM state that was saved with --snapshot X, instead of a disk\n"
    KEY_OPTIONS_HELP
    DISK_OPTIONS_HELP
    "\n"
    "With IMAGE - or none, the image is standard input; of a pipe the first 64 MiB are read.\n"
    "\n"
    "Exit status: 0 done, 1 not all of it could be read or written, 64 usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info cat disk.qcow2 > disk.raw\n"
    "  qcow2-info cat --offset 1M --length 512 disk.qcow2 | hexdump -C\n"
    "  qcow2-info cat --key-file passphrase encrypted.qcow2 > disk.raw\n"
    "  qcow2-info cat --salvage -o disk.raw broken.qcow2\n";
// clang-format on

const struct command command_cat = {
    .name = "cat",
    .summary = "Writes the bytes of the virtual disk to standard output or to a file.",
    .usage = "[IMAGE] [OPTION]...",
    .help = help,
    .run = run_cat,
};
