// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "audit/audit.h"
#include "base/workers.h"
#include "cli/diagnostics.h"
#include "cli/open.h"
#include "cli/several.h"
#include "commands/commands.h"
#include "output/audit_output.h"

#include <string.h>
#include <unistd.h>

struct options {
    bool json, list_rules, drain;
    bool several; // JSON is one object a line
    uint32_t jobs;
    struct several_options images;
    bool given[AUDIT_RULES]; // with --allow or --deny
    struct audit_options audit;
};

// Takes one code of a list. False after printing a usage error.
static bool take_code(const struct command *command, struct bytes code,
                      enum audit_severity severity, struct options *options)
{
    enum audit_rule rule;
    if (!audit_rule_find(code, &rule)) {
        command_usage_error(command, "there is no rule \"%.*s\"; --list-rules lists all rules",
                            (int)code.size, (const char *)code.data);
        return false;
    }
    if (options->given[rule] && options->audit.severities[rule] != severity) {
        command_usage_error(command, "\"%s\" is both allowed and denied", audit_rules[rule].code);
        return false;
    }
    options->given[rule] = true;
    options->audit.severities[rule] = severity;
    return true;
}

// Takes "CODE,CODE": gives each of these rules a severity.
static bool take_codes(const struct command *command, const char *list,
                       enum audit_severity severity, struct options *options)
{
    for (;;) {
        size_t size = strcspn(list, ",");
        if (!take_code(command, (struct bytes){(const uint8_t *)list, size}, severity, options)) {
            return false;
        }
        if (list[size] == '\0') {
            return true;
        }
        list += size + 1;
    }
}

static bool take_allowed(const struct command *command, const struct option_row *row,
                         const char *text, void *place)
{
    (void)row;
    return take_codes(command, text, AUDIT_ALLOWED, place);
}

static bool take_denied(const struct command *command, const struct option_row *row,
                        const char *text, void *place)
{
    (void)row;
    return take_codes(command, text, AUDIT_UNSAFE, place);
}

static int finish(struct writer *writer, int status)
{
    struct error error;
    if (!writer_finish(writer, &error)) {
        print_error(NULL, &error);
        return EXIT_CANNOT;
    }
    return status;
}

static int list_rules(const struct options *options)
{
    struct writer writer;
    writer_init(&writer, STDOUT_FILENO);
    audit_print_rules(&options->audit, options->json, &writer);
    return finish(&writer, EXIT_DONE);
}

// `path`: a key of the JSON of several images.
static int print_audit(const char *path, const struct options *options, const struct audit *audit)
{
    struct writer writer;
    writer_init(&writer, STDOUT_FILENO);
    if (options->json) {
        audit_print_json(audit, &options->audit, options->several ? path : NULL, &writer);
    } else {
        audit_print_text(audit, &options->audit, &writer);
    }
    return finish(&writer, audit_is_safe(audit, &options->audit) ? EXIT_DONE : EXIT_FOUND);
}

static int audit_path(const char *path, const struct options *options)
{
    const struct open_policy policy = {.chain = {.no_backing = true, .inspect = true},
                                       .pipe_cap = PIPE_CAP_METADATA,
                                       .drain = options->drain};
    struct chain chain;
    struct audit audit;
    struct error error;
    int status = EXIT_CANNOT;
    if (open_image(path, &policy, &chain, &error) &&
        audit_image(chain.layers[0].image, &options->audit, &audit, &error)) {
        status = print_audit(chain.layers[0].path, options, &audit);
    } else {
        print_error(path, &error);
    }
    chain_close(&chain);
    return status;
}

static int run_one(void *context, const char *path, size_t number, unsigned jobs)
{
    (void)number, (void)jobs;
    return audit_path(path, context);
}

static int run_several(struct options *options, const struct image_names *names)
{
    const struct several several = {
        .json = options->json,
        .headings = true,
        .jobs = options->jobs,
        .context = options,
        .run = run_one,
    };
    options->several = true;
    return several_run(&several, names);
}

static int run_audit(const struct command *command, int argc, char **argv)
{
    struct options options = {.audit = audit_options_default(), .jobs = workers_default()};
    struct image_names names;
    int status;
    if (!options_parse(command, argc, argv, &options, &status)) {
        return status;
    }
    if (options.list_rules) {
        return command_no_image(command, argc, argv, "list-rules") ? list_rules(&options)
                                                                   : EXIT_USAGE;
    }
    if (!image_names_take(command, argc, argv, &options.images, 0, &names)) {
        return EXIT_USAGE;
    }
    return names.several ? run_several(&options, &names) : audit_path(names.words[0], &options);
}

static const struct option_row rows[] = {
    {"json", OPTION_FLAG, NULL, offsetof(struct options, json),
     .help = "print one JSON object; of several images one a line"},
    {"max-virtual-size", OPTION_SIZE, "SIZE", offsetof(struct options, audit.max_virtual_size),
     .help = "the largest virtual size that is safe (default 16T)"},
    {"allow", OPTION_CODES, "CODE,...", 0,
     .help = "list findings of these rules as allowed, not as unsafe", .repeatable = true,
     .take = take_allowed},
    {"deny", OPTION_CODES, "CODE,...", 0,
     .help = "treat findings of these rules as unsafe, also where the default is only a note",
     .repeatable = true, .take = take_denied},
    DRAIN_ROW(offsetof(struct options, drain)),
    {"list-rules", OPTION_FLAG, NULL, offsetof(struct options, list_rules),
     .help = "list all rules, their meaning, and what an attacker gains"},
    {.name = NULL},
};

static const struct option_group groups[] = {
    {"Options", .rows = rows},
    {"Several images", several_rows, .offset = offsetof(struct options, images)},
    {NULL, several_jobs_rows, .offset = offsetof(struct options, jobs)},
    COMMON_OPTIONS,
};

static const char notes[] =
    "No other file is opened, and no guest data is read. With IMAGE - or none, the\n"
    "image is standard input; of a pipe the first 32 MiB are read.\n"
    "Accept an image only if the audit is also complete: with --deny incomplete, one\n"
    "that was not inspected completely, as through a pipe, is unsafe.\n"
    "\n"
    "Exit status: 0 safe in what was inspected, 2 unsafe, 1 the image could not be\n"
    "inspected (treat it as unsafe), 64 usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info audit disk.qcow2\n"
    "  qcow2-info audit --json disk.qcow2 | jq -e '.safe and .complete'\n"
    "  qcow2-info audit --deny incomplete --max-virtual-size 100G disk.qcow2\n"
    "  qcow2-info audit --deny trailing-data --allow backing-file disk.qcow2\n"
    "  qcow2-info audit --list-rules\n";

const struct command command_audit = {
    .name = "audit",
    .summary = "Checks whether an untrusted image is safe to hand to a hypervisor.",
    .usage = "[IMAGE]... [OPTION]...",
    .groups = groups,
    .notes = notes,
    .run = run_audit,
};
