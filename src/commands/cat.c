// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/workers.h"
#include "cli/diagnostics.h"
#include "cli/open.h"
#include "cli/web.h"
#include "commands/commands.h"
#include "commands/disk.h"
#include "commands/output_file.h"
#include "commands/passphrase.h"
#include "commands/salvage.h"
#include "image/export.h"
#include "print/progress.h"
#include "tables/preallocation.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct cat_options {
    struct disk_options disk;
    struct key_options keys;
    const char *output; // NULL: standard output
    struct work_options work;
    enum sparse sparse;
    bool salvage;
    const char *salvage_log; // NULL: none
};

// A salvage also reads an image with incomplete tables.
static const enum problem_kind cut_short[] = {PROBLEM_HEADER_CUT_SHORT, PROBLEM_L1_TABLE_CUT_SHORT,
                                              PROBLEM_BACKING_NAME_CUT_SHORT, PROBLEM_NONE};

// Reports progress and faults during the export.
struct watch {
    struct progress progress;
    struct salvage salvage;
};

static void on_progress(void *context, uint64_t done)
{
    struct watch *watch = context;
    progress_update(&watch->progress, done);
}

static void on_fault(void *context, const struct fault *fault)
{
    struct watch *watch = context;
    progress_clear(&watch->progress);
    salvage_fault(&watch->salvage, fault->start, fault->length, &fault->error);
}

static bool is_fault_of_image(const struct error *error)
{
    return error->code == ERROR_TRUNCATED || error->code == ERROR_CORRUPT ||
           error->code == ERROR_UNDECODABLE;
}

// Exports the disk; all files are open.
static bool export_salvaging(const char *path, const struct cat_options *options, struct disk *disk,
                             const struct export_options *range, int fd, struct error *error)
{
    const struct inputs inputs = {&disk->chain, &options->keys};
    struct export_options request = *range;
    struct watch watch = {.progress = progress_start(options->work.progress, request.length)};
    struct salvage *salvage = &watch.salvage;
    struct error log_error;
    // No output is emptied before all files are open.
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
    progress_end(&watch.progress);
    if (!done && !options->salvage && is_fault_of_image(error)) {
        error_suffix(error, "; --salvage writes zeros there and goes on");
    }
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
    struct export_options request = {.jobs = options->work.jobs, .sparse = options->sparse};
    if (!disk_range(path, &options->disk, disk, &request.offset, &request.length)) {
        return EXIT_CANNOT;
    }
    const struct inputs inputs = {&disk->chain, &options->keys};
    int fd = output_open(options->output, &inputs, &error);
    if (fd < 0) {
        print_error(options->output ? options->output : "standard output", &error);
        return EXIT_CANNOT;
    }
    bool done = output_fits(options->output, fd, request.length, &error) &&
                export_salvaging(path, options, disk, &request, fd, &error);
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
    struct cat_options options = {.disk = disk_options_default(),
                                  .keys = key_options_default(),
                                  .work.jobs = workers_default()};
    const char *path;
    int status;
    if (!options_parse(command, argc, argv, &options, &status)) {
        return status;
    }
    if (!command_image_argument(command, argc, argv, &path)) {
        return EXIT_USAGE;
    }
    if (options.output && strcmp(options.output, "-") == 0) {
        options.output = NULL;
    }
    if (options.salvage) {
        options.disk.chain.tolerated = cut_short;
        web_salvage();
    }
    // A VM state has no bytes in a backing file.
    options.disk.chain.no_backing |= options.disk.vm_state;
    if (!disk_options_check(command, &options.disk)) {
        return EXIT_USAGE;
    }
    options.disk.opens_more = options.output || options.salvage_log;
    return cat_image(command, path, &options);
}

static const char *const sparse_words[] = {
    [SPARSE_AUTO] = "auto", [SPARSE_ALWAYS] = "always", [SPARSE_NEVER] = "never", NULL};

static const struct option_row rows[] = {
    {"output", OPTION_FILE, "FILE", offsetof(struct cat_options, output),
     .help = "write to this file; - is standard output, the default", .letter = 'o'},
    {"sparse", OPTION_WORD, "WHEN", offsetof(struct cat_options, sparse),
     .help = "make holes in the output file or device: auto (where the disk has no data), always "
             "(also for zeros in data), never",
     .words = sparse_words},
    {"salvage", OPTION_FLAG, NULL, offsetof(struct cat_options, salvage),
     .help = "write zeros for unreadable data, report each range, exit 1"},
    {"salvage-log", OPTION_FILE, "FILE", offsetof(struct cat_options, salvage_log),
     .help =
         "with --salvage, also write each unreadable range to this file, one JSON object a line",
     .needs = "salvage"},
    {"vm-state", OPTION_FLAG, NULL, offsetof(struct cat_options, disk.vm_state),
     .help = "write the VM state of the snapshot instead of its disk", .needs = "snapshot"},
    {.name = NULL},
};

static const struct option_group groups[] = {
    {"Options", .rows = rows},
    {NULL, work_rows, .offset = offsetof(struct cat_options, work)},
    {"Encrypted images", key_rows, .offset = offsetof(struct cat_options, keys)},
    {"Disk", disk_rows, .offset = offsetof(struct cat_options, disk)},
    COMMON_OPTIONS,
};

static const char notes[] =
    "With IMAGE - or none, the image is standard input; of a pipe the first 64 MiB\n"
    "are read.\n"
    "\n"
    "Exit status: 0 done, 1 some data could not be read or written, 64 usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info cat -o disk.raw disk.qcow2\n"
    "  qcow2-info cat --offset 1M --length 512 disk.qcow2 | hexdump -C\n"
    "  qcow2-info cat --key-file passphrase encrypted.qcow2 > disk.raw\n"
    "  qcow2-info cat --salvage -o disk.raw broken.qcow2\n";

const struct command command_cat = {
    .name = "cat",
    .summary = "Writes the bytes of the virtual disk to standard output or to a file.",
    .usage = "[IMAGE] [OPTION]...",
    .groups = groups,
    .notes = notes,
    .run = run_cat,
};
