// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "where/where.h"
#include "cli/diagnostics.h"
#include "cli/option_values.h"
#include "commands/commands.h"
#include "commands/disk.h"
#include "output/where_output.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct where_options {
    struct disk_options disk;
    bool json, host;
};

// Offsets from the command line.
struct offsets {
    uint64_t *items; // owned
    size_t count;
};

struct report {
    const struct where_options *options;
    const char *path;
    struct writer writer;
    struct json json;
    bool failed; // something was reported on standard error
};

// Parses a size as in other options, or a hexadecimal number.
static bool parse_offset(const char *text, uint64_t *offset)
{
    char *end;
    if (strncmp(text, "0x", 2) != 0) {
        return parse_size(text, offset);
    }
    errno = 0;
    *offset = strtoull(text + 2, &end, 16);
    return errno == 0 && *end == '\0' && strspn(text + 2, "0123456789abcdefABCDEF") > 0 &&
           text[2] != '-';
}

// Takes the image and the offsets, which options_parse() left. False after printing a usage error.
static bool take_arguments(const struct command *command, int argc, char **argv, const char **path,
                           struct offsets *offsets)
{
    if (argc - optind < 2) {
        command_usage_error(command, "expected an image and at least one offset");
        return false;
    }
    *path = argv[optind];
    offsets->items = calloc((size_t)(argc - optind), sizeof *offsets->items);
    if (!offsets->items) {
        command_usage_error(command, "out of memory");
        return false;
    }
    for (int i = optind + 1; i < argc; i++) {
        uint64_t first;
        if (!parse_offset(argv[i], &offsets->items[offsets->count++])) {
            command_usage_error(
                command,
                "an offset is a number of bytes, such as 4096, 64K or 0x1000, not \"%s\"%s",
                argv[i], parse_offset(*path, &first) ? "; write the image before it" : "");
            return false;
        }
    }
    return true;
}

static void report_error(struct report *report, const struct error *error)
{
    print_error(report->path, error);
    report->failed = true;
}

static void report_guest(struct report *report, const struct disk *disk, uint64_t offset)
{
    struct where_guest where;
    struct error error;
    uint64_t end = view_end(&disk->view);
    if (offset >= end) {
        error_set(&error, ERROR_USAGE, "offset %" PRIu64 " is past the end of the disk at %" PRIu64,
                  offset, end);
        report_error(report, &error);
        return;
    }
    if (!where_guest(&disk->view, offset, &where, &error)) {
        report_error(report, &error);
        return;
    }
    if (report->options->json) {
        where_print_guest_json(&where, &report->json);
    } else {
        where_print_guest_text(&where, &report->writer);
    }
    if (where.fault.code) {
        report_error(report, &where.fault);
    }
    where_guest_free(&where);
}

static void report_hosts(struct report *report, const struct disk *disk,
                         const struct offsets *offsets)
{
    struct where_hosts where;
    struct error error;
    bool found = where_hosts(&disk->chain, offsets->items, offsets->count, &where, &error);
    for (size_t i = 0; found && i < where.count; i++) {
        if (report->options->json) {
            where_print_host_json(&where.items[i], &report->json);
        } else {
            where_print_host_text(&where.items[i], &report->writer);
        }
    }
    if (!found || where.error_count > 0) {
        report_error(report, found ? &where.first_error : &error);
    }
    where_hosts_free(&where);
}

static int report_offsets(const char *path, const struct where_options *options,
                          const struct disk *disk, const struct offsets *offsets)
{
    struct report report = {.options = options, .path = path};
    struct error error;
    writer_init(&report.writer, STDOUT_FILENO);
    json_init(&report.json, &report.writer, JSON_COMPACT);
    if (options->host) {
        report_hosts(&report, disk, offsets);
    }
    for (size_t i = 0; !options->host && i < offsets->count; i++) {
        report_guest(&report, disk, offsets->items[i]);
    }
    if (!writer_finish(&report.writer, &error)) {
        print_error(NULL, &error);
        report.failed = true;
    }
    return report.failed ? EXIT_CANNOT : EXIT_DONE;
}

static int where_path(const char *path, struct where_options *options,
                      const struct offsets *offsets)
{
    // In a damaged image, follow the tables as far as possible.
    static const enum problem_kind tolerated[] = {
        PROBLEM_ENCRYPTION_UNKNOWN,     PROBLEM_ENCRYPTION_UNSUPPORTED,
        PROBLEM_ENCRYPTION_NO_POINTER,  PROBLEM_COMPRESSION_UNKNOWN,
        PROBLEM_HEADER_CUT_SHORT,       PROBLEM_L1_TABLE_CUT_SHORT,
        PROBLEM_BACKING_NAME_CUT_SHORT, PROBLEM_NONE};
    struct disk disk;
    options->disk.chain.tolerated = tolerated;
    if (options->host) {
        options->disk.chain.no_backing = true;
        options->disk.chain.no_data_file = true;
    }
    if (!disk_open(path, &options->disk, &disk)) {
        return EXIT_CANNOT;
    }
    int status = report_offsets(path, options, &disk, offsets);
    disk_close(&disk);
    return status;
}

static int run_where(const struct command *command, int argc, char **argv)
{
    struct where_options options = {.disk = disk_options_default()};
    struct offsets offsets = {0};
    const char *path;
    int status;
    if (!options_parse(command, argc, argv, &options, &status)) {
        return status;
    }
    if (!disk_options_check(command, &options.disk)) {
        return EXIT_USAGE;
    }
    if (options.host && options.disk.snapshot) {
        return command_usage_error(command,
                                   "--host searches all snapshots and excludes --snapshot");
    }
    status = take_arguments(command, argc, argv, &path, &offsets)
                 ? where_path(path, &options, &offsets)
                 : EXIT_USAGE;
    free(offsets.items);
    return status;
}

static const struct option_row rows[] = {
    {"json", OPTION_FLAG, NULL, offsetof(struct where_options, json),
     .help = "print one JSON object a line, one for each offset"},
    {"host", OPTION_FLAG, NULL, offsetof(struct where_options, host),
     .help = "take the offsets as host offsets and report all references to them"},
    {"snapshot", OPTION_SNAPSHOT, "X", offsetof(struct where_options, disk.snapshot),
     .help = "read the internal snapshot with this id or name instead of the active disk"},
    LAYER_ROWS("", offsetof(struct where_options, disk.chain)),
    SIZE_AS_QEMU_ROW("", offsetof(struct where_options, disk.chain.size_as_qemu)),
    DRAIN_ROW(offsetof(struct where_options, disk.drain)),
    {.name = NULL},
};

static const struct option_group groups[] = {
    {"Options", .rows = rows},
    COMMON_OPTIONS,
};

static const char notes[] =
    "An OFFSET is a number of bytes: 4096, 64K, 1M, 0x10000. With IMAGE -, the image\n"
    "is standard input; of a pipe the first 64 MiB are read.\n"
    "\n"
    "Exit status: 0 done, 1 a table entry is broken, or an offset is past the end of\n"
    "the disk, 64 usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info where disk.qcow2 1M\n"
    "  qcow2-info where --host disk.qcow2 0x50000\n";

static const struct option_row operands[] = {
    {"IMAGE", OPTION_FILE, "IMAGE", .help = NULL},
    {"OFFSET", OPTION_SIZE, "OFFSET", .help = NULL},
    {.name = NULL},
};

const struct command command_where = {
    .name = "where",
    .summary = "Shows the tables that lead to one byte, or what refers to a cluster.",
    .usage = "IMAGE OFFSET... [OPTION]...",
    .groups = groups,
    .notes = notes,
    .operands = operands,
    .run = run_where,
};
