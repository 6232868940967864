// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "check/check.h"
#include "commands/disk.h"
#include "commands/jobs.h"
#include "commands/passphrase.h"
#include "format/layout.h"
#include "output/check_output.h"
#include "output/progress.h"
#include "tables/preallocation.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

struct options {
    struct key_options keys;
    bool json, data;
    uint64_t max_findings;
    const char *confine; // NULL: data files may lie anywhere
    unsigned jobs;
    enum progress_when progress;
};

enum {
    OPTION_JSON = OPTION_FIRST_OWN,
    OPTION_DATA,
    OPTION_MAX_FINDINGS,
    OPTION_JOBS,
    OPTION_CONFINE,
    OPTION_PROGRESS,
    OPTION_NO_PROGRESS,
};

static const struct option long_options[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"data", no_argument, NULL, OPTION_DATA},
    {"max-findings", required_argument, NULL, OPTION_MAX_FINDINGS},
    {"jobs", required_argument, NULL, OPTION_JOBS},
    {"confine", required_argument, NULL, OPTION_CONFINE},
    {"progress", no_argument, NULL, OPTION_PROGRESS},
    {"no-progress", no_argument, NULL, OPTION_NO_PROGRESS},
    KEY_OPTIONS,
    OPTIONS_COMMON,
};

enum { MAX_FINDINGS_DEFAULT = 1000, MAX_FINDINGS_LIMIT = 1000000 };

static bool take_option(const struct command *command, int option, struct options *options)
{
    switch (option) {
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_DATA:
        options->data = true;
        return true;
    case OPTION_MAX_FINDINGS:
        if (!parse_size(optarg, &options->max_findings) ||
            options->max_findings > MAX_FINDINGS_LIMIT) {
            command_usage_error(command, "--max-findings takes a number up to %d, not \"%s\"",
                                MAX_FINDINGS_LIMIT, optarg);
            return false;
        }
        return true;
    case OPTION_JOBS:
        return jobs_parse(command, optarg, &options->jobs);
    case OPTION_CONFINE:
        options->confine = optarg;
        return true;
    case OPTION_PROGRESS:
        options->progress = PROGRESS_ALWAYS;
        return true;
    case OPTION_NO_PROGRESS:
        options->progress = PROGRESS_NEVER;
        return true;
    default:
        if (is_key_option(option)) {
            return key_option(command, option, &options->keys);
        }
        command_usage_error(command, NULL);
        return false;
    }
}

static int print_check(const char *path, const struct options *options, const struct check *check)
{
    struct writer writer;
    struct error error;
    writer_init(&writer, STDOUT_FILENO);
    if (options->json) {
        check_print_json(check, path, &writer);
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
        progress_start(options->progress, check_progress_total(&disk->chain));
    const struct check_options check_options = {
        .max_findings = (size_t)options->max_findings,
        .data = options->data,
        .jobs = options->jobs,
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
    progress_clear(&progress);
    if (checked) {
        status = print_check(path, options, &check);
    } else {
        print_error(path, &error);
    }
    check_free(&check);
    return status;
}

// Without a key encrypted data are read all the same: nobody is asked for one.
static int check_path(const struct command *command, const char *path,
                      const struct options *options, const struct disk_options *disk_options)
{
    struct passphrases passphrases;
    struct disk disk;
    bool has_key = options->keys.count > 0;
    int status =
        has_key ? passphrases_read(command, &options->keys, path, &passphrases) : EXIT_DONE;
    if (status != EXIT_DONE) {
        return status;
    }
    bool opened = disk_open(path, disk_options, &disk);
    bool unlocked = opened;
    if (has_key) {
        unlocked = opened && passphrases_unlock(&passphrases, &disk.chain, NULL);
        passphrases_free(&passphrases);
    }
    status = unlocked ? check_disk(path, options, &disk) : EXIT_CANNOT;
    if (opened) {
        disk_close(&disk);
    }
    return status;
}

static int run_check(const struct command *command, int argc, char **argv)
{
    // Encryption hides the data only, and tables that are cut short are what a check is for.
    static const char *const tolerated[] = {
        PROBLEM_UNSUPPORTED_ENCRYPTION, PROBLEM_UNSUPPORTED_BACKING_FILE, ERROR_TRUNCATED, NULL};
    struct options options = {.keys = key_options_default(),
                              .max_findings = MAX_FINDINGS_DEFAULT,
                              .jobs = jobs_default()};
    struct disk_options disk_options = disk_options_default();
    const char *path;
    int option;
    while ((option = command_next_option(argc, argv, "", long_options)) != -1) {
        if (is_about_option(option)) {
            return command_about(command, option);
        }
        if (!take_option(command, option, &options)) {
            return EXIT_USAGE;
        }
    }
    if (key_options_given(&options.keys) && !options.data) {
        return command_usage_error(command, "options of keys need --data");
    }
    if (!command_image_argument(command, argc, argv, &path)) {
        return EXIT_USAGE;
    }
    disk_options.chain.no_backing = true;
    disk_options.chain.no_data_file = !options.data;
    disk_options.chain.confine = options.confine;
    disk_options.chain.tolerated = tolerated;
    return check_path(command, path, &options, &disk_options);
}

// clang-format off
static const char help[] =
    "Options:\n"
    "  --json            one JSON object\n"
    "  --data            also read all data and decode every compressed cluster\n"
    "  --max-findings N  list so many findings (default 1000); all are counted\n"
    "  --jobs N          threads that decode, with --data (default: the number of cores)\n"
    "  --progress        show on standard error how far it is; --no-progress: do not\n"
    "                    (default: when that is a terminal)\n"
    "  --confine DIR     with --data, refuse a data file outside of this folder\n"
    KEY_OPTIONS_HELP
    OPTIONS_COMMON_HELP
    "\n"
    "With IMAGE - or none, the image is standard input; of a pipe the first 64 MiB are read.\n"
    "\n"
    "Exit status: 0 sound (there may be warnings), 2 corruption, 3 only leaked clusters,\n"
    "1 not all could be checked, 64 usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info check disk.qcow2\n"
    "  qcow2-info check --data --json disk.qcow2 | jq .corruptions\n";
// clang-format on

const struct command command_check = {
    .name = "check",
    .summary = "Tells whether the metadata is sound and, with --data, every cluster readable.",
    .usage = "[IMAGE] [OPTION]...",
    .help = help,
    .run = run_check,
};
