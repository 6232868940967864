// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "digest/digest.h"
#include "base/workers.h"
#include "cli/command.h"
#include "cli/diagnostics.h"
#include "cli/open.h"
#include "commands/digest_list.h"
#include "commands/passphrase.h"
#include "print/progress.h"
#include "tables/preallocation.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct digest_command {
    struct disk_options disk;
    struct key_options keys;
    struct work_options work;
    bool json, flat;
    const char *check; // a list to verify; NULL: print digests
};

// One of the disks.
struct target {
    const char *path;
    const struct digest_line *expected; // NULL: none
    bool open;
    struct disk disk;
};

// All disks, and the output.
struct report {
    const struct digest_command *options;
    struct target *targets; // owned
    size_t count;
    struct writer writer;
    bool unreadable; // a disk could not be read
    size_t differing;
};

static void on_progress(void *context, uint64_t done)
{
    progress_update(context, done);
}

// Computes the digest of an open disk; `*size`: bytes of the requested range.
static bool digest_target(const struct digest_command *options, struct target *target,
                          uint8_t digest[static DIGEST_SIZE], uint64_t *size)
{
    struct error error;
    struct digest_options request = {.kind = options->flat ? DIGEST_FLAT : DIGEST_BLOCKS,
                                     .jobs = options->work.jobs};
    if (!target->open || !disk_range(target->path, &options->disk, &target->disk, &request.offset,
                                     &request.length)) {
        return false;
    }
    struct progress progress = progress_start(options->work.progress, request.length);
    request.on_progress = on_progress;
    request.context = &progress;
    *size = request.length;
    preallocation_find_holes(&target->disk.chain);
    bool done = digest_disk(&target->disk.view, &request, digest, &error);
    progress_end(&progress);
    if (!done) {
        print_error(target->path, &error);
    }
    return done;
}

static void report_digest(struct report *report, struct target *target)
{
    const struct digest_command *options = report->options;
    enum digest_kind kind = options->flat ? DIGEST_FLAT : DIGEST_BLOCKS;
    // The layer has the name of a web address without what may be a secret.
    struct digest_line line = {.path = target->open ? target->disk.chain.layers[0].path
                                                    : (char *)(uintptr_t)target->path};
    uint64_t size;
    bool done = digest_target(options, target, line.digest, &size);
    if (done && options->json) {
        digest_print_json(&report->writer, &line, kind, size);
    } else if (done) {
        done = digest_print_text(&report->writer, &line);
    }
    report->unreadable |= !done;
}

static void report_verdict(struct report *report, struct target *target)
{
    uint8_t digest[DIGEST_SIZE];
    uint64_t size;
    enum digest_verdict verdict = DIGEST_UNREADABLE;
    if (digest_target(report->options, target, digest, &size)) {
        bool matches = memcmp(digest, target->expected->digest, DIGEST_SIZE) == 0;
        verdict = matches ? DIGEST_MATCHES : DIGEST_DIFFERS;
    }
    report->unreadable |= verdict == DIGEST_UNREADABLE;
    report->differing += verdict == DIGEST_DIFFERS;
    digest_print_verdict(&report->writer, target->path, verdict, report->options->json);
}

// Opens every disk. The others are read even if one cannot be opened.
static void open_targets(struct report *report, struct passphrases *passphrases)
{
    for (size_t i = 0; i < report->count; i++) {
        struct target *target = &report->targets[i];
        if (!disk_open(target->path, &report->options->disk, &target->disk)) {
            continue;
        }
        target->open = passphrases_unlock(passphrases, &target->disk.chain, NULL);
        if (!target->open) {
            disk_close(&target->disk);
        }
    }
    open_done();
}

static int report_targets(struct report *report)
{
    struct error error;
    writer_init(&report->writer, STDOUT_FILENO);
    for (size_t i = 0; i < report->count && !report->writer.failed; i++) {
        struct target *target = &report->targets[i];
        (report->options->check ? report_verdict : report_digest)(report, target);
        if (target->open) {
            disk_close(&target->disk);
            target->open = false;
        }
    }
    if (report->differing > 0) {
        error_set(&error, ERROR_CORRUPT, "%zu of %zu digests do not match", report->differing,
                  report->count);
        print_error(report->options->check, &error);
    }
    if (!writer_finish(&report->writer, &error)) {
        print_error(NULL, &error);
        return EXIT_CANNOT;
    }
    return report->unreadable ? EXIT_CANNOT : report->differing > 0 ? EXIT_FOUND : EXIT_DONE;
}

static int digest_targets(const struct command *command, struct report *report)
{
    struct passphrases passphrases;
    struct error error;
    const char *path = report->count > 0 ? report->targets[0].path : "";
    for (size_t i = 0; i < report->count; i++) {
        path = strcmp(report->targets[i].path, "-") == 0 ? "-" : path;
    }
    if (!digest_start(&error)) {
        print_error(NULL, &error);
        return EXIT_CANNOT;
    }
    int status = passphrases_read(command, &report->options->keys, path, &passphrases);
    if (status != EXIT_DONE) {
        return status;
    }
    open_targets(report, &passphrases);
    passphrases_free(&passphrases);
    return report_targets(report);
}

// Takes the images of the command line. False after printing a usage error.
static bool take_images(const struct command *command, int argc, char **argv, struct report *report)
{
    size_t count = (size_t)(argc - optind);
    unsigned standard = 0;
    if (count == 0 && isatty(STDIN_FILENO)) {
        command_usage_error(command, "no image is given");
        return false;
    }
    if (count > DIGEST_DISKS_MAX) {
        command_usage_error(command, "%zu images are given, above %d", count, DIGEST_DISKS_MAX);
        return false;
    }
    report->count = count > 0 ? count : 1;
    for (size_t i = 0; i < report->count; i++) {
        report->targets[i].path = count > 0 ? argv[(size_t)optind + i] : "-";
        standard += strcmp(report->targets[i].path, "-") == 0;
    }
    if (standard > 1) {
        command_usage_error(command, "standard input cannot be read for two purposes");
        return false;
    }
    return true;
}

static int digest_images(const struct command *command, int argc, char **argv,
                         struct report *report)
{
    return take_images(command, argc, argv, report) ? digest_targets(command, report) : EXIT_USAGE;
}

static int check_list(const struct command *command, int argc, char **argv, struct report *report)
{
    const char *path = report->options->check;
    struct digest_list list;
    struct error error;
    if (optind < argc) {
        return command_usage_error(command,
                                   "--check reads the names of images from its list, and "
                                   "\"%s\" is one too many",
                                   argv[optind]);
    }
    if (strcmp(path, "-") == 0 && key_options_standard_input(&report->options->keys) > 0) {
        return command_usage_error(command, "standard input cannot be read for two purposes");
    }
    if (!digest_list_read(path, &list, &error)) {
        print_error(path, &error);
        return EXIT_CANNOT;
    }
    report->count = list.count;
    for (size_t i = 0; i < list.count; i++) {
        report->targets[i] =
            (struct target){.path = list.lines[i].path, .expected = &list.lines[i]};
    }
    int status = digest_targets(command, report);
    digest_list_free(&list);
    return status;
}

static int run_digest(const struct command *command, int argc, char **argv)
{
    struct digest_command options = {.disk = disk_options_default(),
                                     .keys = key_options_default(),
                                     .work.jobs = workers_default()};
    int status;
    if (!options_parse(command, argc, argv, &options, &status)) {
        return status;
    }
    options.disk.chain.no_backing |= options.disk.vm_state;
    options.disk.opens_more = true;
    if (!disk_options_check(command, &options.disk)) {
        return EXIT_USAGE;
    }
    struct report *report = calloc(1, sizeof *report);
    struct target *targets = calloc(DIGEST_DISKS_MAX, sizeof *targets);
    status = EXIT_CANNOT;
    if (report && targets) {
        report->options = &options;
        report->targets = targets;
        status = (options.check ? check_list : digest_images)(command, argc, argv, report);
    }
    free(report);
    free(targets);
    return status;
}

static const struct option_row rows[] = {
    {"json", OPTION_FLAG, NULL, offsetof(struct digest_command, json),
     .help = "print one JSON object a line, one for each disk"},
    {"flat", OPTION_FLAG, NULL, offsetof(struct digest_command, flat),
     .help = "print the SHA-256 of all bytes in order, as sha256sum of the raw disk does; slower"},
    {"check", OPTION_FILE, "FILE", offsetof(struct digest_command, check),
     .help = "verify the digests in this list; - is standard input"},
    {"vm-state", OPTION_FLAG, NULL, offsetof(struct digest_command, disk.vm_state),
     .help = "read the VM state of the snapshot instead of its disk", .needs = "snapshot"},
    DRAIN_ROW(offsetof(struct digest_command, disk.drain)),
    {.name = NULL},
};

static const struct option_group groups[] = {
    {"Options", .rows = rows},
    {NULL, work_rows, .offset = offsetof(struct digest_command, work)},
    {"Encrypted images", key_rows, .offset = offsetof(struct digest_command, keys)},
    {"Disk", disk_rows, .offset = offsetof(struct digest_command, disk)},
    COMMON_OPTIONS,
};

static const char notes[] =
    "The digest is that of the blkhash project: SHA-256 of the SHA-256 of each 64 KiB\n"
    "of the disk, and of its size. It does not depend on format, layers and holes.\n"
    "\n"
    "With IMAGE - or none, the image is standard input; of a pipe the first 64 MiB\n"
    "are read.\n"
    "\n"
    "Exit status: 0 done, 1 a disk could not be read, 2 --check found another digest,\n"
    "64 usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info digest disk.qcow2\n"
    "  qcow2-info digest --flat --snapshot before-the-flood disk.qcow2\n";

const struct command command_digest = {
    .name = "digest",
    .summary = "Prints a checksum of the contents of the disk as a guest reads them.",
    .usage = "[IMAGE]... [OPTION]...",
    .groups = groups,
    .notes = notes,
    .run = run_digest,
};
