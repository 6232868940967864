// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "digest/digest.h"
#include "base/workers.h"
#include "cli/diagnostics.h"
#include "cli/open.h"
#include "cli/several.h"
#include "commands/commands.h"
#include "commands/digest_list.h"
#include "commands/passphrase.h"
#include "print/progress.h"
#include "tables/preallocation.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct digest_command {
    struct disk_options disk;
    struct key_options keys;
    struct work_options work;
    struct several_options images;
    bool json, flat;
    bool several;
    const char *check; // a list to verify; NULL: print digests
};

// The work on all images.
struct digest_work {
    const struct digest_command *options;
    struct passphrases passphrases;
    const struct digest_list *list; // to verify; NULL: none
    size_t differing;
};

static void on_progress(void *context, uint64_t done)
{
    progress_update(context, done);
}

// Computes the digest of an open disk; `*size`: bytes of the requested range.
static bool digest_opened(const struct digest_command *options, const char *path, struct disk *disk,
                          unsigned jobs, uint8_t digest[static DIGEST_SIZE], uint64_t *size)
{
    struct error error;
    struct digest_options request = {.kind = options->flat ? DIGEST_FLAT : DIGEST_BLOCKS,
                                     .jobs = jobs};
    if (!disk_range(path, &options->disk, disk, &request.offset, &request.length)) {
        return false;
    }
    struct progress progress =
        progress_start(options->several ? PROGRESS_NEVER : options->work.progress, request.length);
    request.on_progress = on_progress;
    request.context = &progress;
    *size = request.length;
    preallocation_find_holes(&disk->chain);
    bool done = digest_disk(&disk->view, &request, digest, &error);
    progress_end(&progress);
    if (!done) {
        print_error(path, &error);
    }
    return done;
}

static bool open_disk(struct digest_work *work, const char *path, struct disk *disk)
{
    if (!disk_open(path, &work->options->disk, disk)) {
        return false;
    }
    bool unlocked = passphrases_unlock(&work->passphrases, &disk->chain, NULL);
    if (!work->options->several) {
        passphrases_free(&work->passphrases);
    }
    open_done();
    if (!unlocked) {
        disk_close(disk);
    }
    return unlocked;
}

static bool print_digest(const struct digest_command *options, const struct digest_line *line,
                         uint64_t size, struct writer *writer)
{
    if (options->json) {
        digest_print_json(writer, line, options->flat ? DIGEST_FLAT : DIGEST_BLOCKS, size);
        return true;
    }
    return digest_print_text(writer, line);
}

// `expected`: the line to verify; NULL: the digest is printed.
static int report_disk(struct digest_work *work, const char *path,
                       const struct digest_line *expected, unsigned jobs, struct writer *writer)
{
    struct disk disk;
    struct digest_line line;
    uint64_t size;
    bool opened = open_disk(work, path, &disk);
    bool done = opened && digest_opened(work->options, path, &disk, jobs, line.digest, &size);
    bool matches = done && expected && memcmp(line.digest, expected->digest, DIGEST_SIZE) == 0;
    if (expected) {
        digest_print_verdict(writer, path,
                             matches ? DIGEST_MATCHES
                             : done  ? DIGEST_DIFFERS
                                     : DIGEST_UNREADABLE,
                             work->options->json);
    } else if (done) {
        // The layer has the name of a web address without what may be a secret.
        line.path = disk.chain.layers[0].path;
        done = print_digest(work->options, &line, size, writer);
    }
    if (opened) {
        disk_close(&disk);
    }
    return !done ? EXIT_CANNOT : expected && !matches ? EXIT_FOUND : EXIT_DONE;
}

static int run_one(void *context, const char *path, size_t number, unsigned jobs)
{
    struct digest_work *work = context;
    struct writer writer;
    struct error error;
    writer_init(&writer, STDOUT_FILENO);
    int status =
        report_disk(work, path, work->list ? &work->list->lines[number] : NULL, jobs, &writer);
    if (!writer_finish(&writer, &error)) {
        print_error(NULL, &error);
        return EXIT_CANNOT;
    }
    return status;
}

// --- All images ----------------------------------------------------------------------------------

static void count_differing(void *context, int status)
{
    struct digest_work *work = context;
    work->differing += status == EXIT_FOUND;
}

static void report_differing(const struct digest_work *work)
{
    struct error error;
    if (work->differing > 0) {
        error_set(&error, ERROR_CORRUPT, "%zu of %zu digests do not match%s", work->differing,
                  work->list->count,
                  work->differing == work->list->count
                      ? "; --flat and disk options must be those that the list was made with"
                      : "");
        print_error(work->options->check, &error);
    }
}

static int digest_names(const struct command *command, struct digest_work *work,
                        const struct image_names *names)
{
    const struct digest_command *options = work->options;
    const struct several several = {
        .json = options->json,
        .alone = chain_options_name_files(&options->disk.chain),
        .jobs = options->work.jobs,
        .context = work,
        .run = run_one,
        .on_status = count_differing,
    };
    struct error error;
    int status = EXIT_CANNOT;
    if (!digest_start(&error)) {
        print_error(NULL, &error);
        return status;
    }
    status = passphrases_read(command, &options->keys, names->standard_input ? "-" : "",
                              &work->passphrases);
    if (status != EXIT_DONE) {
        return status;
    }
    if (options->several) {
        status = passphrases_run_several(several, names, &work->passphrases);
    } else {
        status = run_one(work, names->words[0], 0, options->work.jobs);
        count_differing(work, status);
    }
    passphrases_free(&work->passphrases);
    report_differing(work);
    return status;
}

static int digest_images(const struct command *command, int argc, char **argv,
                         struct digest_command *options)
{
    struct digest_work work = {.options = options};
    struct image_names names;
    if (!image_names_take(command, argc, argv, &options->images,
                          key_options_standard_input(&options->keys), &names)) {
        return EXIT_USAGE;
    }
    options->several = names.several;
    return digest_names(command, &work, &names);
}

static int verify_names(const struct command *command, struct digest_command *options,
                        const struct digest_list *list)
{
    struct digest_work work = {.options = options, .list = list};
    char **words = calloc(list->count, sizeof *words);
    struct error error;
    struct image_names names = {.words = words, .count = list->count};
    if (!words) {
        error_set(&error, ERROR_MEMORY, "out of memory");
        print_error(NULL, &error);
        return EXIT_CANNOT;
    }
    for (size_t i = 0; i < list->count; i++) {
        words[i] = list->lines[i].path;
        names.standard_input = names.standard_input || strcmp(words[i], "-") == 0;
    }
    options->several = list->count > 1;
    int status = digest_names(command, &work, &names);
    free(words);
    return status;
}

static int check_list(const struct command *command, int argc, char **argv,
                      struct digest_command *options)
{
    const char *path = options->check;
    struct digest_list list;
    struct error error;
    if (optind < argc || options->images.list) {
        return command_usage_error(command,
                                   "--check reads the names of images from its list, and "
                                   "\"%s\" is one too many",
                                   optind < argc ? argv[optind] : options->images.list);
    }
    if (strcmp(path, "-") == 0 && key_options_standard_input(&options->keys) > 0) {
        return command_usage_error(command, "standard input cannot be read for two purposes");
    }
    if (!digest_list_read(path, &list, &error)) {
        print_error(path, &error);
        return EXIT_CANNOT;
    }
    int status = verify_names(command, options, &list);
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
    return (options.check ? check_list : digest_images)(command, argc, argv, &options);
}

static const struct option_row rows[] = {
    {"json", OPTION_FLAG, NULL, offsetof(struct digest_command, json),
     .help = "print one JSON object a line, one for each disk"},
    {"flat", OPTION_FLAG, NULL, offsetof(struct digest_command, flat),
     .help = "print the SHA-256 of all bytes in order, as sha256sum of the raw disk does; slower"},
    {"check", OPTION_FILE, "FILE", offsetof(struct digest_command, check),
     .help = "verify the digests in this list, with the options that it was made with; - is "
             "standard input"},
    {"vm-state", OPTION_FLAG, NULL, offsetof(struct digest_command, disk.vm_state),
     .help = "read the VM state of the snapshot instead of its disk", .needs = "snapshot"},
    DRAIN_ROW(offsetof(struct digest_command, disk.drain)),
    {.name = NULL},
};

static const struct option_group groups[] = {
    {"Options", .rows = rows},
    {NULL, work_rows, .offset = offsetof(struct digest_command, work)},
    {"Several images", several_rows, .offset = offsetof(struct digest_command, images)},
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
