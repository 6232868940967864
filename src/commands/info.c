// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "info/info.h"
#include "base/workers.h"
#include "cli/diagnostics.h"
#include "cli/open.h"
#include "cli/several.h"
#include "commands/commands.h"
#include "commands/passphrase.h"
#include "output/info_output.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct info_options {
    bool json;
    bool backing_chain;
    bool check_key;
    bool list_problems;
    bool drain;
    bool several; // JSON is one object a line
    uint32_t jobs;
    struct several_options images;
    struct key_options keys;
    struct layer_files backing_files;
    const char *confine; // NULL: backing files may lie anywhere
};

struct printer {
    const struct info_options *options;
    struct writer writer;
    struct json json;
    const int *slots; // the key slot that was opened in each layer; NULL: none was tried
};

static void warn_of_problems(const struct info *info)
{
    struct problem problem;
    for (size_t i = 0; problems_get(&info->problems, i, &problem); i++) {
        print_warning(info->file.name, &problem.error);
    }
}

static bool print_image(struct printer *printer, const struct layer *layer, const int *slot)
{
    const char *filename = layer->path;
    struct info info;
    struct error error;
    if (!info_collect(layer->image, filename, &info, &error)) {
        print_error(filename, &error);
        return false;
    }
    if (slot && *slot != ENCRYPTION_NO_SLOT) {
        info.key_checked = true;
        info.key_slot = *slot;
    }
    if (printer->options->json) {
        info_print_json(&info, printer->options->backing_chain, &printer->json);
    } else {
        info_print_text(&info, &printer->writer);
    }
    warn_of_problems(&info);
    info_free(&info);
    return true;
}

static bool print_layer(struct printer *printer, const struct layer *layer, const int *slot)
{
    if (layer->image) {
        return print_image(printer, layer, slot);
    }
    const struct info_file file = info_file(layer->raw, layer->path);
    if (printer->options->json) {
        info_print_raw_json(&file, &printer->json);
    } else {
        info_print_raw_text(&file, &printer->writer);
    }
    return true;
}

// Several layers are an array, of several images the object of each.
static void begin_json(struct printer *printer, const struct chain *chain)
{
    const struct info_options *options = printer->options;
    if (options->json && options->backing_chain && options->several) {
        json_object(&printer->json);
        json_key_text(&printer->json, "filename", chain->layers[0].path);
        json_key_array(&printer->json, "layers");
    } else if (options->json && options->backing_chain) {
        json_array(&printer->json);
    }
}

static bool print_layers(struct printer *printer, const struct chain *chain)
{
    bool printed = true;
    begin_json(printer, chain);
    for (size_t i = 0; i < chain->count; i++) {
        if (!printer->options->json && i > 0) {
            writer_string(&printer->writer, "\n");
        }
        const int *slot = printer->slots ? &printer->slots[i] : NULL;
        printed = print_layer(printer, &chain->layers[i], slot) && printed;
    }
    if (printer->options->json) {
        json_finish(&printer->json);
    }
    return printed;
}

// False after reporting the fault.
static bool print_chain(const struct info_options *options, const struct chain *chain,
                        const int *slots)
{
    struct printer printer = {.options = options, .slots = slots};
    struct error error;
    writer_init(&printer.writer, STDOUT_FILENO);
    json_init(&printer.json, &printer.writer, options->several ? JSON_COMPACT : JSON_PRETTY);
    bool printed = print_layers(&printer, chain);
    if (!writer_finish(&printer.writer, &error)) {
        print_error(NULL, &error);
        return false;
    }
    return printed;
}

// Prints the layers that could be opened, even if not all could.
static int print_opened(const struct info_options *options, const char *path,
                        const struct chain *chain, const int *slots, const struct error *fault)
{
    bool printed = chain->count == 0 || print_chain(options, chain, slots);
    if (fault->code) {
        print_error(path, fault);
    }
    return printed && !fault->code ? EXIT_DONE : EXIT_CANNOT;
}

// With AES, any passphrase is accepted as the key.
static bool can_check_keys(const struct chain *chain, struct error *error)
{
    bool has_aes = false;
    for (size_t i = 0; i < chain->count; i++) {
        const struct layer *layer = &chain->layers[i];
        if (layer_encrypted(layer) && layer->image->header.crypt_method != CRYPT_AES) {
            return true;
        }
        has_aes = has_aes || layer_encrypted(layer);
    }
    return has_aes
               ? error_set(error, ERROR_USAGE,
                           "cannot check a key: the image is encrypted with AES, which accepts any "
                           "passphrase")
               : error_set(error, ERROR_USAGE, "cannot check a key: the image is not encrypted");
}

// Prints nothing about an image that the passphrase does not open.
static int print_with_keys(const struct info_options *options, const char *path,
                           struct passphrases *passphrases, struct chain *chain,
                           const struct error *fault)
{
    struct error error = *fault;
    int *slots = calloc(chain->count + 1, sizeof *slots);
    int status = EXIT_CANNOT;
    if (!slots) {
        error_set(&error, ERROR_MEMORY, "out of memory");
    }
    if (error.code || !can_check_keys(chain, &error)) {
        print_error(path, &error);
    } else if (passphrases_unlock(passphrases, chain, slots)) {
        status = print_opened(options, path, chain, slots, fault);
    }
    free(slots);
    return status;
}

// `passphrases`: NULL unless keys are checked.
static int run_info(const struct info_options *options, const char *path,
                    struct passphrases *passphrases)
{
    const struct open_policy policy = {.chain = {.no_backing = !options->backing_chain,
                                                 .inspect = true,
                                                 .backing_files = options->backing_files,
                                                 .confine = options->confine},
                                       .pipe_cap = PIPE_CAP_METADATA,
                                       .drain = options->drain};
    struct chain chain;
    struct error error;
    if (open_image(path, &policy, &chain, &error)) {
        error.code = NULL;
    }
    int status = passphrases ? print_with_keys(options, path, passphrases, &chain, &error)
                             : print_opened(options, path, &chain, NULL, &error);
    chain_close(&chain);
    return status;
}

static int list_problems(const struct info_options *options)
{
    struct writer writer;
    struct error error;
    writer_init(&writer, STDOUT_FILENO);
    info_print_problems(options->json, &writer);
    if (!writer_finish(&writer, &error)) {
        print_error(NULL, &error);
        return EXIT_CANNOT;
    }
    return EXIT_DONE;
}

// What the work on several images has in common.
struct info_work {
    const struct info_options *options;
    struct passphrases *passphrases;
};

static int run_one(void *context, const char *path, size_t number, unsigned jobs)
{
    const struct info_work *work = context;
    (void)number, (void)jobs;
    return run_info(work->options, path, work->passphrases);
}

static int run_several(struct info_options *options, const struct image_names *names,
                       struct passphrases *passphrases)
{
    struct info_work work = {options, passphrases};
    const struct several several = {
        .json = options->json,
        .headings = true,
        .alone = options->confine || options->backing_files.count > 0,
        .jobs = options->jobs,
        .context = &work,
        .run = run_one,
    };
    options->several = true;
    return passphrases_run_several(several, names, passphrases);
}

static int info_images(const struct command *command, struct info_options *options,
                       const struct image_names *names)
{
    struct passphrases passphrases = {.terminal = -1};
    struct passphrases *given = options->check_key ? &passphrases : NULL;
    const char *standard_input = names->standard_input ? "-" : "";
    int status =
        given ? passphrases_read(command, &options->keys, standard_input, given) : EXIT_DONE;
    if (status != EXIT_DONE) {
        return status;
    }
    status = names->several ? run_several(options, names, given)
                            : run_info(options, names->words[0], given);
    if (given) {
        passphrases_free(given);
    }
    return status;
}

static int info_run(const struct command *command, int argc, char **argv)
{
    struct info_options options = {.keys = key_options_default(), .jobs = workers_default()};
    struct image_names names;
    int status;
    if (!options_parse(command, argc, argv, &options, &status)) {
        return status;
    }
    if (options.list_problems) {
        return command_no_image(command, argc, argv, "list-problems") ? list_problems(&options)
                                                                      : EXIT_USAGE;
    }
    if (!image_names_take(command, argc, argv, &options.images,
                          key_options_standard_input(&options.keys), &names)) {
        return EXIT_USAGE;
    }
    return info_images(command, &options, &names);
}

static const struct option_row rows[] = {
    {"json", OPTION_FLAG, NULL, offsetof(struct info_options, json),
     .help = "print one JSON object; of several images one a line"},
    {"backing-chain", OPTION_FLAG, NULL, offsetof(struct info_options, backing_chain),
     .help = "follow the backing files: one block for each layer, with --json an array of objects; "
             "without this option no other file is opened"},
    {"confine", OPTION_FOLDER, "DIR", offsetof(struct info_options, confine),
     .help = "with --backing-chain, refuse backing files outside this folder"},
    BACKING_FILE_ROW("", offsetof(struct info_options, backing_files), "backing-chain"),
    {"check-key", OPTION_FLAG, NULL, offsetof(struct info_options, check_key),
     .help = "also report which key slot of an encrypted image the passphrase opens"},
    DRAIN_ROW(offsetof(struct info_options, drain)),
    {"list-problems", OPTION_FLAG, NULL, offsetof(struct info_options, list_problems),
     .help = "list all problems that info can report"},
    {.name = NULL},
};

static const struct option_group groups[] = {
    {"Options", .rows = rows},
    {"Several images", several_rows, .offset = offsetof(struct info_options, images)},
    {NULL, several_jobs_rows, .offset = offsetof(struct info_options, jobs)},
    {"Encrypted images", key_rows, .offset = offsetof(struct info_options, keys),
     .needs = "check-key"},
    COMMON_OPTIONS,
};

static const char notes[] =
    "With IMAGE - or none, the image is standard input; of a pipe the first 32 MiB\n"
    "are read. Problems of the image are reported on standard error too.\n"
    "Of a web address, such as https://example.org/disk.qcow2, only the metadata is\n"
    "fetched. The tables and data of the disk are not read: check finds what is\n"
    "missing.\n"
    "\n"
    "Exit status: 0 the header could be read, 1 not a qcow2 image, a layer is\n"
    "missing, or the passphrase is wrong, 64 usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info disk.qcow2\n"
    "  qcow2-info --check-key --key-file passphrase encrypted.qcow2\n"
    "  qcow2-info --json disk.qcow2 | jq .header.size\n"
    "  qcow2-info --json disk.qcow2 | jq '.encryption != null'\n"
    "  qcow2-info --list-problems\n";

const struct command command_info = {
    .name = "info",
    .summary = "Prints sizes, features, snapshots, bitmaps and problems of an image.",
    .usage = "[IMAGE]... [OPTION]...",
    .groups = groups,
    .notes = notes,
    .run = info_run,
};
