// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "check/check.h"
#include "base/workers.h"
#include "cli/diagnostics.h"
#include "cli/several.h"
#include "commands/commands.h"
#include "commands/disk.h"
#include "commands/passphrase.h"
#include "format/layout.h"
#include "output/check_output.h"
#include "print/progress.h"
#include "tables/preallocation.h"

#include <string.h>
#include <unistd.h>

struct options {
    struct disk_options disk;
    struct key_options keys;
    struct work_options work;
    struct several_options images;
    bool several; // JSON is one object a line
    bool json, data, list_findings;
    uint32_t max_findings;
};

enum { MAX_FINDINGS_DEFAULT = 1000, MAX_FINDINGS_LIMIT = 1000000 };

static int print_check(const char *path, const struct options *options, const struct check *check)
{
    struct writer writer;
    struct error error;
    writer_init(&writer, STDOUT_FILENO);
    if (options->json) {
        check_print_json(check, path, options->several ? JSON_COMPACT : JSON_PRETTY, &writer);
    } else {
        check_print_text(check, &writer);
    }
    if (!writer_finish(&writer, &error)) {
        print_error(NULL, &error);
        return EXIT_CANNOT;
    }
    if (check->check_errors > 0) {
        print_error(path, &check->first_error);
        return EXIT_CANNOT;
    }
    const uint64_t *totals = check->findings.totals;
    return totals[SEVERITY_CORRUPTION] > 0 ? EXIT_FOUND
           : totals[SEVERITY_LEAK] > 0     ? EXIT_LEAKS
                                           : EXIT_DONE;
}

static void on_progress(void *context, uint64_t done)
{
    progress_update(context, done);
}

static int check_disk(const char *path, const struct options *options, struct disk *disk)
{
    struct progress progress =
        progress_start(options->work.progress, check_progress_total(&disk->chain));
    const struct check_options check_options = {
        .max_findings = options->max_findings,
        .data = options->data,
        .jobs = options->work.jobs,
        .on_progress = on_progress,
        .context = &progress,
    };
    struct check check;
    struct error error;
    int status = EXIT_CANNOT;
    if (options->data) {
        preallocation_find_holes(&disk->chain);
    }
    bool checked = check_image(&disk->chain, &check_options, &check, &error);
    progress_end(&progress);
    if (checked) {
        status = print_check(disk->chain.layers[0].path, options, &check);
    } else {
        print_error(path, &error);
    }
    check_free(&check);
    return status;
}

// `passphrases`: NULL without keys. Encrypted data is read without a key too: the program does not
// prompt for one.
static int check_path(const char *path, const struct options *options,
                      struct passphrases *passphrases)
{
    struct disk disk;
    if (!disk_open(path, &options->disk, &disk)) {
        return EXIT_CANNOT;
    }
    bool unlocked = !passphrases || passphrases_unlock(passphrases, &disk.chain, NULL);
    if (passphrases && !options->several) {
        passphrases_free(passphrases);
    }
    bool allowed =
        unlocked && (!options->data ||
                     disk_within_limit(path, &options->disk, check_progress_total(&disk.chain)));
    int status = allowed ? check_disk(path, options, &disk) : EXIT_CANNOT;
    disk_close(&disk);
    return status;
}

// --- Several images ------------------------------------------------------------------------------

struct check_work {
    const struct options *options;
    struct passphrases *passphrases;
};

static int run_one(void *context, const char *path, size_t number, unsigned jobs)
{
    const struct check_work *work = context;
    (void)number;
    struct options options = *work->options;
    options.work = (struct work_options){jobs, PROGRESS_NEVER};
    return check_path(path, &options, work->passphrases);
}

static int run_several(struct options *options, const struct image_names *names,
                       struct passphrases *passphrases)
{
    struct check_work work = {options, passphrases};
    const struct several several = {
        .json = options->json,
        .headings = true,
        .alone = chain_options_name_files(&options->disk.chain),
        .jobs = options->work.jobs,
        .context = &work,
        .run = run_one,
    };
    options->several = true;
    return passphrases_run_several(several, names, passphrases);
}

static int check_images(const struct command *command, struct options *options,
                        const struct image_names *names)
{
    struct passphrases passphrases = {.terminal = -1};
    struct passphrases *given = options->keys.count > 0 ? &passphrases : NULL;
    const char *standard_input = names->standard_input ? "-" : "";
    int status =
        given ? passphrases_read(command, &options->keys, standard_input, given) : EXIT_DONE;
    if (status != EXIT_DONE) {
        return status;
    }
    status = names->several ? run_several(options, names, given)
                            : check_path(names->words[0], options, given);
    if (given) {
        passphrases_free(given);
    }
    return status;
}

static int list_findings(const struct options *options)
{
    struct writer writer;
    struct error error;
    writer_init(&writer, STDOUT_FILENO);
    check_print_findings(options->json, &writer);
    if (!writer_finish(&writer, &error)) {
        print_error(NULL, &error);
        return EXIT_CANNOT;
    }
    return EXIT_DONE;
}

static int run_check(const struct command *command, int argc, char **argv)
{
    // Only data is encrypted, and a check must also accept tables that are cut short.
    static const enum problem_kind tolerated[] = {
        PROBLEM_ENCRYPTION_UNKNOWN, PROBLEM_HEADER_CUT_SHORT, PROBLEM_L1_TABLE_CUT_SHORT,
        PROBLEM_BACKING_NAME_CUT_SHORT, PROBLEM_NONE};
    struct options options = {.disk = disk_options_default(),
                              .keys = key_options_default(),
                              .work.jobs = workers_default(),
                              .max_findings = MAX_FINDINGS_DEFAULT};
    struct image_names names;
    int status;
    if (!options_parse(command, argc, argv, &options, &status)) {
        return status;
    }
    if (options.list_findings) {
        return command_no_image(command, argc, argv, "list-findings") ? list_findings(&options)
                                                                      : EXIT_USAGE;
    }
    if (!image_names_take(command, argc, argv, &options.images,
                          key_options_standard_input(&options.keys), &names)) {
        return EXIT_USAGE;
    }
    options.disk.chain.no_backing = options.disk.chain.backing_files.count == 0;
    options.disk.chain.no_data_file = !options.data;
    options.disk.checks_data = true;
    options.disk.chain.tolerated = tolerated;
    return check_images(command, &options, &names);
}

static const struct option_row rows[] = {
    {"json", OPTION_FLAG, NULL, offsetof(struct options, json),
     .help = "print one JSON object; of several images one a line"},
    {"data", OPTION_FLAG, NULL, offsetof(struct options, data),
     .help = "also read all data and decode every compressed cluster"},
    {"max-findings", OPTION_NUMBER, "N", offsetof(struct options, max_findings),
     .help = "list at most this many findings (default 1000); all are counted",
     .most = MAX_FINDINGS_LIMIT},
    {"confine", OPTION_FOLDER, "DIR", offsetof(struct options, disk.chain.confine),
     .help = "with --data, refuse a data file outside this folder"},
    {"data-file", OPTION_FILE, "FILE", offsetof(struct options, disk.chain.data_file),
     .help = "with --data, use this file instead of the external data file that the image names",
     .needs = "data"},
    {"backing-file", OPTION_FILE, "[LAYER:]FILE",
     offsetof(struct options, disk.chain.backing_files),
     .help = "with --data, also read the data of the layers below, with this file as the layer "
             "below LAYER (default 0, the image)",
     .repeatable = true, .needs = "data", .take = take_backing_file},
    SHORT_END_ROW("", offsetof(struct options, disk.chain.short_end)),
    {"max-bytes", OPTION_SIZE, "N", offsetof(struct options, disk.max_bytes),
     .help = "with --data, refuse to go through more than this many bytes of virtual disks",
     .needs = "data"},
    SIZE_AS_QEMU_ROW("", offsetof(struct options, disk.chain.size_as_qemu)),
    DRAIN_ROW(offsetof(struct options, disk.drain)),
    {"list-findings", OPTION_FLAG, NULL, offsetof(struct options, list_findings),
     .help = "list all findings, their meaning, and what to do about them"},
    {.name = NULL},
};

static const struct option_group groups[] = {
    {"Options", .rows = rows},
    {NULL, work_rows, .offset = offsetof(struct options, work)},
    {"Several images", several_rows, .offset = offsetof(struct options, images)},
    {"Encrypted images", key_rows, .offset = offsetof(struct options, keys), .needs = "data"},
    COMMON_OPTIONS,
};

static const char notes[] =
    "With IMAGE - or none, the image is standard input; of a pipe the first 64 MiB\n"
    "are read.\n"
    "\n"
    "Backing files are not checked: check each layer. Before a repair, read the\n"
    "verdict: leaked clusters may hold guest data, and a repair frees them.\n"
    "\n"
    "Exit status: 0 sound (there may be warnings), 2 corruption, 3 only leaked\n"
    "clusters, 1 a part could not be checked, 64 usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info check disk.qcow2\n"
    "  qcow2-info check --data --json disk.qcow2 | jq .corruptions\n"
    "  qcow2-info check --list-findings\n";

const struct command command_check = {
    .name = "check",
    .summary = "Checks the metadata and, with --data, that all data can be read.",
    .usage = "[IMAGE]... [OPTION]...",
    .groups = groups,
    .notes = notes,
    .run = run_check,
};
