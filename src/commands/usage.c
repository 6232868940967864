// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "usage/usage.h"
#include "base/checked.h"
#include "base/workers.h"
#include "chart/chart_print.h"
#include "cli/diagnostics.h"
#include "cli/open.h"
#include "cli/several.h"
#include "cli/terminal.h"
#include "commands/chart_option.h"
#include "commands/commands.h"
#include "commands/disk.h"
#include "format/layout.h"
#include "output/usage_output.h"
#include "tables/preallocation.h"

#include <unistd.h>

struct usage_options {
    bool json, backing_chain;
    enum chart_format chart;
    bool several;     // JSON is one object a line
    unsigned columns; // width of the terminal
    uint32_t jobs;
    enum progress_when progress;
    struct several_options images;
    struct disk_options disk; // only the options for opening a disk
};

struct report {
    const struct usage_options *options;
    struct writer writer;
    struct json json;
    struct usage_sum sum;
    struct progress progress;
    uint64_t layers_done; // guest bytes of the layers before this one
};

static void on_progress(void *context, uint64_t done)
{
    struct report *report = context;
    progress_update(&report->progress, add_clipped(report->layers_done, done));
}

// The guest bytes of all layers that are reported.
static uint64_t progress_total(const struct usage_options *options, const struct chain *chain)
{
    uint64_t total = 0;
    for (size_t i = 0; i < chain->count && (i == 0 || options->backing_chain); i++) {
        total = add_clipped(total, usage_progress_total(&chain->layers[i]));
    }
    return total;
}

// The layers of `chain` from `depth` on; borrowed.
static struct chain chain_from(const struct chain *chain, size_t depth)
{
    return (struct chain){.layers = chain->layers + depth, .count = chain->count - depth};
}

static void print_usage(struct report *report, const char *path, const struct usage *usage)
{
    usage_sum_add(&report->sum, usage);
    if (report->options->json) {
        usage_print_json(usage, path, &report->json);
        return;
    }
    if (report->sum.layers > 1) {
        writer_string(&report->writer, "\n");
    }
    usage_print_text(usage, path, report->options->columns, &report->writer);
}

static struct chart_subject chart_subject_of(const struct report *report, const struct layer *layer)
{
    struct chart_subject subject = {.format = report->options->chart,
                                    .width = report->options->columns,
                                    .unit = SECTOR_SIZE,
                                    .kinds = usage_kinds,
                                    .kind_count = USAGE_KINDS,
                                    .file = layer->path,
                                    .what = "the file"};
    if (layer->raw) {
        subject.length = layer->raw->size;
        return subject;
    }
    subject.length = layer->image->source->size;
    if (layer->image->header.geometry_known) {
        subject.unit = layer->image->header.cluster_size;
    }
    return subject;
}

// Prints a chart of the file instead. False after printing an error.
static bool report_chart(struct report *report, const struct chain *chain)
{
    const struct chart_subject subject = chart_subject_of(report, &chain->layers[0]);
    struct chart chart;
    const struct usage_places places = {usage_chart_add, &chart};
    const struct usage_watch watch = {on_progress, report};
    struct usage usage = {0};
    struct error error;
    bool collected = chart_make(&chart, &subject, &error) &&
                     usage_collect(chain, false, &places, &watch, &usage, &error);
    bool complete = collected && usage.error_count == 0;
    if (collected) {
        chart_print(&chart, &report->writer);
    }
    progress_clear(&report->progress);
    if (!complete) {
        print_error(subject.file, collected ? &usage.first_error : &error);
    }
    usage_free(&usage);
    chart_free(&chart);
    return complete;
}

// `measured`: all lower layers are open. False after printing an error.
static bool report_layer(struct report *report, const struct chain *chain, size_t depth,
                         bool measured)
{
    struct chain from = chain_from(chain, depth);
    const char *path = from.layers[0].path;
    struct usage usage;
    struct error error;
    const struct usage_watch watch = {on_progress, report};
    bool collected = usage_collect(&from, measured, NULL, &watch, &usage, &error);
    progress_clear(&report->progress);
    report->layers_done = add_clipped(report->layers_done, usage_progress_total(&from.layers[0]));
    if (collected) {
        print_usage(report, path, &usage);
    }
    bool complete = collected && usage.error_count == 0;
    if (!complete) {
        print_error(path, collected ? &usage.first_error : &error);
    }
    usage_free(&usage);
    return complete;
}

static bool report_chain(struct report *report, const struct chain *chain, bool measured)
{
    bool complete = report_layer(report, chain, 0, measured);
    for (size_t i = 1; report->options->backing_chain && i < chain->count; i++) {
        complete = report_layer(report, chain, i, measured) && complete;
    }
    return complete;
}

static bool report_sum(struct report *report, const struct chain *chain, bool measured)
{
    struct json *json = &report->json;
    if (!report->options->json) {
        bool complete = report_chain(report, chain, measured);
        usage_sum_print_text(&report->sum, report->options->columns, &report->writer);
        return complete;
    }
    json_object(json);
    if (report->options->several) {
        json_key_text(json, "filename", chain->layers[0].path);
    }
    json_key_array(json, "layers");
    bool complete = report_chain(report, chain, measured);
    json_end(json);
    json_key(json, "sum");
    usage_sum_print_json(&report->sum, json);
    return complete;
}

// Prints the layers that could be opened. `fault` is the reason if not all could; code NULL: all
// could.
static int print_report(const struct usage_options *options, const char *path, struct chain *chain,
                        const struct error *fault)
{
    struct report report = {.options = options};
    bool measured = !fault->code;
    bool complete = false;
    struct error error;
    writer_init(&report.writer, STDOUT_FILENO);
    json_init(&report.json, &report.writer, options->several ? JSON_COMPACT : JSON_PRETTY);
    if (measured) {
        preallocation_find_holes(chain);
    }
    report.progress = progress_start(options->several ? PROGRESS_NEVER : options->progress,
                                     progress_total(options, chain));
    if (chain->count > 0) {
        complete = options->chart           ? report_chart(&report, chain)
                   : options->backing_chain ? report_sum(&report, chain, measured)
                                            : report_chain(&report, chain, measured);
    }
    progress_end(&report.progress);
    if (options->json && chain->count > 0) {
        json_finish(&report.json);
    }
    if (!writer_finish(&report.writer, &error)) {
        print_error(NULL, &error);
        complete = false;
    }
    if (fault->code) {
        print_error(path, fault);
    }
    return complete && !fault->code ? EXIT_DONE : EXIT_CANNOT;
}

static int usage_path(const char *path, const struct usage_options *options)
{
    const struct open_policy policy = {.chain = options->disk.chain,
                                       .pipe_cap = PIPE_CAP_METADATA,
                                       .drain = options->disk.drain,
                                       .warns_in_use = true};
    struct chain chain;
    struct error error;
    if (open_image(path, &policy, &chain, &error)) {
        error.code = NULL;
    }
    int status = print_report(options, path, &chain, &error);
    chain_close(&chain);
    return status;
}

static int run_one(void *context, const char *path, size_t number, unsigned jobs)
{
    (void)number, (void)jobs;
    return usage_path(path, context);
}

static int run_several(struct usage_options *options, const struct image_names *names)
{
    const struct several several = {
        .json = options->json,
        .headings = true,
        .alone = chain_options_name_files(&options->disk.chain),
        .jobs = options->jobs,
        .context = options,
        .run = run_one,
    };
    options->several = true;
    return several_run(&several, names);
}

static int run_usage(const struct command *command, int argc, char **argv)
{
    // The location of data is known without a key or a decoder.
    static const enum problem_kind tolerated[] = {
        PROBLEM_ENCRYPTION_UNKNOWN, PROBLEM_ENCRYPTION_UNSUPPORTED, PROBLEM_ENCRYPTION_NO_POINTER,
        PROBLEM_COMPRESSION_UNKNOWN, PROBLEM_NONE};
    struct usage_options options = {.disk = disk_options_default(), .jobs = workers_default()};
    struct image_names names;
    int status;
    if (!options_parse(command, argc, argv, &options, &status)) {
        return status;
    }
    options.disk.chain.tolerated = tolerated;
    options.disk.chain.suggests_no_backing = true;
    if (!disk_options_check(command, &options.disk)) {
        return EXIT_USAGE;
    }
    if (options.backing_chain && options.disk.chain.no_backing) {
        return command_usage_error(command, "--backing-chain and --no-backing exclude each other");
    }
    if (options.chart && (options.json || options.backing_chain)) {
        return command_usage_error(command, "--chart excludes --json and --backing-chain");
    }
    if (!image_names_take(command, argc, argv, &options.images, 0, &names)) {
        return EXIT_USAGE;
    }
    if (names.several && options.chart == CHART_SVG) {
        return command_usage_error(command, "--chart=svg takes one image");
    }
    options.columns = terminal_columns();
    return names.several ? run_several(&options, &names) : usage_path(names.words[0], &options);
}

static const struct option_row rows[] = {
    {"json", OPTION_FLAG, NULL, offsetof(struct usage_options, json),
     .help = "print one JSON object; of several images one a line"},
    {"backing-chain", OPTION_FLAG, NULL, offsetof(struct usage_options, backing_chain),
     .help = "report each layer of the backing chain, and the sum"},
    CHART_ROW(offsetof(struct usage_options, chart), "the file"),
    LAYER_ROWS("", offsetof(struct usage_options, disk.chain)),
    DRAIN_ROW(offsetof(struct usage_options, disk.drain)),
    {.name = NULL},
};

static const struct option_group groups[] = {
    {"Options", .rows = rows},
    {"Several images", several_rows, .offset = offsetof(struct usage_options, images)},
    {NULL, several_jobs_rows, .offset = offsetof(struct usage_options, jobs)},
    {NULL, progress_rows, .offset = offsetof(struct usage_options, progress)},
    COMMON_OPTIONS,
};

static const char notes[] =
    "With IMAGE - or none, the image is standard input; of a pipe the first 32 MiB\n"
    "are read.\n"
    "\n"
    "Every byte of the file is counted once, by the use of its host cluster. FREED IF\n"
    "DELETED is what deleting that snapshot alone frees for later writes; the file\n"
    "stays as long. qcow2-info(1) describes the parts.\n"
    "\n"
    "Exit status: 0 done, 1 a table or a layer cannot be read, 64 usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info usage disk.qcow2\n"
    "  qcow2-info usage --chart disk.qcow2\n"
    "  qcow2-info usage --json disk.qcow2 | jq '.snapshots[].exclusive_bytes'\n";

const struct command command_usage = {
    .name = "usage",
    .summary = "Shows what takes up space in an image file, and what would free it.",
    .usage = "[IMAGE]... [OPTION]...",
    .groups = groups,
    .notes = notes,
    .run = run_usage,
};
