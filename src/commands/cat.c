// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/workers.h"
#include "commands/disk.h"
#include "image/export.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct cat_options {
    struct disk_options disk;
    const char *output; // NULL: standard output
    unsigned jobs;
    enum sparse sparse;
};

enum { OPTION_JOBS = DISK_OPTION_LAST, OPTION_SPARSE };

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"jobs", required_argument, NULL, OPTION_JOBS},
    {"sparse", required_argument, NULL, OPTION_SPARSE},
    DISK_OPTIONS,
    OPTIONS_COMMON,
};

static unsigned default_jobs(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (unsigned)cores;
}

static bool parse_jobs(const struct command *command, const char *text, unsigned *jobs)
{
    uint64_t number;
    if (!parse_size(text, &number) || number < 1 || number > WORKERS_MAX) {
        command_usage_error(command, "--jobs takes a number from 1 to %d, not \"%s\"", WORKERS_MAX,
                            text);
        return false;
    }
    *jobs = (unsigned)number;
    return true;
}

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

// EXIT_DONE to go on, or the status to end with.
static int parse_options(const struct command *command, int argc, char **argv,
                         struct cat_options *options, bool *help)
{
    int option;
    while ((option = getopt_long(argc, argv, "o:", long_options, NULL)) != -1) {
        bool taken = true;
        switch (option) {
        case OPTION_HELP:
            *help = true;
            return command_help(command);
        case 'o':
            options->output = optarg;
            break;
        case OPTION_JOBS:
            taken = parse_jobs(command, optarg, &options->jobs);
            break;
        case OPTION_SPARSE:
            taken = parse_sparse(command, optarg, &options->sparse);
            break;
        default:
            taken = disk_option(command, option, &options->disk);
        }
        if (!taken) {
            return EXIT_USAGE;
        }
    }
    return EXIT_DONE;
}

static bool is_file(const struct source *source, const struct stat *status)
{
    return source && source->fd >= 0 && source->identity.device == status->st_dev &&
           source->identity.inode == status->st_ino;
}

// Writing to a file that is being read would destroy it.
static bool check_not_input(int fd, const struct chain *chain, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return error_set(error, ERROR_IO, "cannot read its status: %s", strerror(errno));
    }
    for (size_t i = 0; i < chain->count; i++) {
        const struct layer *layer = &chain->layers[i];
        if ((layer->image && is_file(layer->image->source, &status)) ||
            is_file(layer->raw, &status) || is_file(layer->data_file, &status)) {
            return error_set(error, ERROR_USAGE, "the output is one of the files to be read");
        }
    }
    return true;
}

// A descriptor for the output, which is emptied only when it is none of the inputs; -1 on failure.
static int open_output(const char *output, const struct chain *chain, struct error *error)
{
    struct stat status;
    int fd = output ? open(output, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : STDOUT_FILENO;
    if (fd < 0) {
        error_set(error, ERROR_IO, "cannot open: %s", strerror(errno));
        return -1;
    }
    if (!check_not_input(fd, chain, error)) {
        goto fail;
    }
    if (output && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && ftruncate(fd, 0) != 0) {
        error_set(error, ERROR_IO, "cannot empty it: %s", strerror(errno));
        goto fail;
    }
    return fd;
fail:
    if (output) {
        close(fd);
    }
    return -1;
}

static int export_to_output(const char *path, const struct cat_options *options,
                            const struct chain *chain)
{
    struct error error;
    struct export_options export = {.jobs = options->jobs, .sparse = options->sparse};
    if (!disk_range(path, &options->disk, chain, &export.offset, &export.length)) {
        return EXIT_CANNOT;
    }
    int fd = open_output(options->output, chain, &error);
    if (fd < 0) {
        print_error(options->output ? options->output : "standard output", &error);
        return EXIT_CANNOT;
    }
    bool done = export_disk(chain, &export, fd, &error);
    // Some file systems tell only now that the bytes could not be kept.
    if (options->output && close(fd) != 0 && done) {
        done = error_set(&error, ERROR_IO, "cannot write the output: %s", strerror(errno));
    }
    if (!done) {
        print_error(path, &error);
        return EXIT_CANNOT;
    }
    return EXIT_DONE;
}

static int run_cat(const struct command *command, int argc, char **argv)
{
    struct cat_options options = {.disk = disk_options_default(), .jobs = default_jobs()};
    struct chain chain;
    const char *path;
    bool help = false;
    int status = parse_options(command, argc, argv, &options, &help);
    if (help || status != EXIT_DONE) {
        return status;
    }
    if (!command_image_argument(command, argc, argv, &path)) {
        return EXIT_USAGE;
    }
    if (!disk_open(path, &options.disk, &chain)) {
        return EXIT_CANNOT;
    }
    status = export_to_output(path, &options, &chain);
    chain_close(&chain);
    return status;
}

const struct command command_cat = {
    .name = "cat",
    .summary = "Writes the bytes of the virtual disk to standard output or to a file.",
    .usage = "IMAGE [OPTION]...",
    .help =
        "Options:\n"
        "  -o, --output FILE to this file instead of standard output\n" DISK_OPTIONS_HELP
        "  --jobs N          threads that decode (default: the number of cores)\n"
        "  --sparse WHEN     holes in a file that is written: auto (where the disk has none of\n"
        "                    its own data), always (also for zeros in data), never\n"
        "\n"
        "Examples:\n"
        "  qcow2-info cat disk.qcow2 > disk.raw\n"
        "  qcow2-info cat --offset 1M --length 512 disk.qcow2 | hexdump -C\n",
    .run = run_cat,
};
