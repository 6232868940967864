// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/options.h"

#include "base/workers.h"
#include "cli/command.h"
#include "cli/diagnostics.h"
#include "cli/help.h"
#include "cli/open.h"
#include "cli/option_values.h"
#include "cli/suggest.h"
#include "print/color.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool take_no_sandbox(const struct command *command, const struct option_row *row,
                            const char *text, void *place)
{
    (void)command, (void)row, (void)text, (void)place;
    open_without_sandbox();
    return true;
}

static bool take_color(const struct command *command, const struct option_row *row,
                       const char *text, void *place)
{
    unsigned when;
    (void)place;
    if (!option_word(command, row, text, &when)) {
        return false;
    }
    color_decide((enum color_when)when);
    return true;
}

static const char *const color_words[] = {
    [COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never", NULL};

const struct option_row common_rows[] = {
    {"color", OPTION_WORD, "WHEN", 0,
     .help = "colour text: auto (on a terminal; the default), always or never; JSON has no colours",
     .words = color_words, .take = take_color},
    {"no-sandbox", OPTION_FLAG, NULL, 0,
     .help = "keep the right to open files and start programs, for debugging",
     .take = take_no_sandbox},
    {"help", OPTION_HELP, NULL, 0, .help = "print this help", .letter = 'h'},
    {"version", OPTION_VERSION, NULL, 0, .help = "print the version and the libraries in use",
     .letter = 'V'},
    {.name = NULL},
};

static bool take_progress(const struct command *command, const struct option_row *row,
                          const char *text, void *place)
{
    if (text && strcmp(text, row->value) != 0) {
        command_usage_error(command, "--%s takes %s or no value, not \"%s\"", row->name, row->value,
                            text);
        return false;
    }
    *(enum progress_when *)place = text ? PROGRESS_JSON : PROGRESS_ALWAYS;
    return true;
}

static const char *const progress_words[] = {"json", NULL};

// clang-format off
#define PROGRESS_ROWS(place)                                                                       \
    {"progress", OPTION_WORD, "json", place,                                                       \
     .help = "show progress on standard error (default: only on a terminal); not on a terminal: a " \
             "line each second and one at the end, with =json as JSON objects",                    \
     .optional = true, .words = progress_words, .take = take_progress},                            \
    {"no-progress", OPTION_CHOICE, NULL, place,                                                    \
     .help = "do not show progress", .least = PROGRESS_NEVER}
// clang-format on

const struct option_row work_rows[] = {
    {"jobs", OPTION_NUMBER, "N", offsetof(struct work_options, jobs),
     .help = "threads that decode data (default: the number of cores)", .least = 1,
     .most = WORKERS_MAX},
    PROGRESS_ROWS(offsetof(struct work_options, progress)),
    {.name = NULL},
};

const struct option_row progress_rows[] = {PROGRESS_ROWS(0), {.name = NULL}};

// --- Parsing -------------------------------------------------------------------------------------

enum { OPTIONS_MAX = 64 }; // of one command: more than any has

// Values of struct option.val of options without a letter.
enum { VALUE_FIRST = 0x100 };

// The option rows of a command, in the order of their groups.
struct parser {
    const struct command *command;
    const struct option_group *groups[OPTIONS_MAX]; // of each row
    const struct option_row *rows[OPTIONS_MAX];
    bool given[OPTIONS_MAX];
    size_t count;
    struct option table[OPTIONS_MAX + 1];
    char letters[2 * OPTIONS_MAX + 1]; // as getopt_long() takes them
};

static void add_row(struct parser *parser, const struct option_group *group,
                    const struct option_row *row)
{
    size_t i = parser->count++;
    parser->groups[i] = group;
    parser->rows[i] = row;
    parser->table[i].name = row->name;
    parser->table[i].has_arg = !row->value     ? no_argument
                               : row->optional ? optional_argument
                                               : required_argument;
    parser->table[i].val = row->letter ? row->letter : VALUE_FIRST + (int)i;
    if (row->letter) {
        size_t used = strlen(parser->letters);
        parser->letters[used] = row->letter;
        parser->letters[used + 1] = row->value ? ':' : '\0';
    }
}

static struct parser parser_make(const struct command *command)
{
    struct parser parser = {.command = command};
    for (const struct option_group *group = command->groups; group->rows; group++) {
        for (const struct option_row *row = group->rows; row->name; row++) {
            add_row(&parser, group, row);
        }
    }
    return parser;
}

// Lists the options that begin with the `size` letters at `start`, as "--a, --b". False when there
// are fewer than two.
static bool list_ambiguous(const struct parser *parser, const char *start, size_t size,
                           struct error *list)
{
    size_t count = 0;
    size_t used = 0;
    for (size_t i = 0; i < parser->count && used < sizeof list->message; i++) {
        if (strncmp(parser->rows[i]->name, start, size) == 0) {
            used += (size_t)snprintf(list->message + used, sizeof list->message - used, "%s--%s",
                                     count > 0 ? ", " : "", parser->rows[i]->name);
            count++;
        }
    }
    return count > 1;
}

static const char *nearest_option(const struct parser *parser, const char *name)
{
    struct nearest nearest = {.word = name};
    for (size_t i = 0; i < parser->count; i++) {
        nearest_try(&nearest, parser->rows[i]->name);
    }
    return nearest.found;
}

// The commands that a word on the command line may be meant for; NULL: none.
static const struct command *const *mistakable(const struct command *command)
{
    return command->by_default ? command->all : NULL;
}

// Reports a long option that is not in the table, or the start of several options.
static void report_unknown_option(const struct parser *parser, const char *given)
{
    const char *name = given + strspn(given, "-");
    char letters[32];
    struct error list;
    snprintf(letters, sizeof letters, "%.*s", (int)strcspn(name, "="), name);
    const char *instead = suggest_option(given);
    const char *nearest = nearest_option(parser, letters);
    if (list_ambiguous(parser, name, strcspn(name, "="), &list)) {
        command_usage_error(parser->command, "option \"%s\" is ambiguous: %s", given, list.message);
    } else if (command_named(mistakable(parser->command), letters)) {
        command_usage_error(parser->command,
                            "unknown option \"%s\"; write the command without hyphens", given);
    } else {
        bool similar = !instead && nearest;
        command_usage_error(parser->command, "unknown option \"%s\"%s%s%s", given,
                            similar   ? "; did you mean --"
                            : instead ? "; "
                                      : "",
                            similar   ? nearest
                            : instead ? instead
                                      : "",
                            similar ? "?" : "");
    }
}

// "--color always map --totals": "always" was taken for the first word, and `map` for an image.
// Returns whether there is such a command.
static bool report_late_command(const struct command *command, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (command_named(mistakable(command), argv[i])) {
            command_usage_error(command, "write the command \"%s\" before its options", argv[i]);
            return true;
        }
    }
    return false;
}

static void report_unknown_letter(const struct parser *parser)
{
    const char option[] = {'-', (char)optopt, '\0'};
    const char *instead = suggest_option(option);
    command_usage_error(parser->command, "unknown option %s%s%s", option, instead ? "; " : "",
                        instead ? instead : "");
}

// Reports an argument that getopt_long() rejected. `optopt` is the letter, the value in the table,
// or 0 for a word that is not in the table.
static void report_bad_option(const struct parser *parser, const char *given)
{
    if (optopt == 0) {
        report_unknown_option(parser, given);
    } else if (optopt >= VALUE_FIRST || strncmp(given, "--", 2) == 0) {
        command_usage_error(parser->command, "option \"%s\" %s", given,
                            strchr(given, '=') ? "takes no value" : "needs a value");
    } else if (strchr(parser->letters, optopt)) {
        command_usage_error(parser->command, "option -%c needs a value", optopt);
    } else {
        report_unknown_letter(parser);
    }
}

static bool take_row(struct parser *parser, size_t i, void *options)
{
    const struct option_row *row = parser->rows[i];
    char *place = (char *)options + parser->groups[i]->offset + row->offset;
    if (parser->given[i] && row->value && !row->repeatable) {
        command_usage_error(parser->command, "--%s is given twice", row->name);
        return false;
    }
    parser->given[i] = true;
    return (row->take ? row->take : option_store)(parser->command, row, optarg, place);
}

static bool is_given(const struct parser *parser, const char *name)
{
    for (size_t i = 0; i < parser->count; i++) {
        if (parser->given[i] && strcmp(parser->rows[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_needs(const struct parser *parser)
{
    for (size_t i = 0; i < parser->count; i++) {
        const struct option_row *row = parser->rows[i];
        const char *needs = row->needs ? row->needs : parser->groups[i]->needs;
        if (parser->given[i] && needs && !is_given(parser, needs)) {
            command_usage_error(parser->command, "--%s needs --%s", row->name, needs);
            return false;
        }
    }
    return true;
}

bool options_parse(const struct command *command, int argc, char **argv, void *options, int *status)
{
    struct parser parser = parser_make(command);
    int value;
    *status = EXIT_USAGE;
    // Check this first, because the options may be meant for the mistyped command.
    if (command->by_default && argc > 1 && suggest_is_command(argv[1])) {
        suggest_command(command->all, argv[1]);
        return false;
    }
    color_decide(COLOR_AUTO);
    opterr = 0; // its messages do not escape the arguments for a terminal
    while ((value = getopt_long(argc, argv, parser.letters, parser.table, NULL)) != -1) {
        size_t i = 0;
        while (i < parser.count && parser.table[i].val != value) {
            i++;
        }
        if (i == parser.count) {
            if (optopt != 0 || !report_late_command(command, argc, argv)) {
                report_bad_option(&parser, argv[optind - 1]);
            }
            return false;
        }
        if (parser.rows[i]->kind >= OPTION_HELP) {
            *status = help_print(command, parser.rows[i]->kind == OPTION_VERSION);
            return false;
        }
        if (!take_row(&parser, i, options)) {
            return false;
        }
    }
    return check_needs(&parser);
}

// --- The image -----------------------------------------------------------------------------------

bool command_image_words(const struct command *command, int argc, char **argv)
{
    if (command->by_default && optind < argc && suggest_is_command(argv[optind])) {
        suggest_command(command->all, argv[optind]);
        return false;
    }
    for (int i = optind + 1; i < argc; i++) {
        if (command_named(mistakable(command), argv[i])) {
            command_usage_error(command, "write the command before the image: %s %s", argv[i],
                                argv[optind]);
            return false;
        }
    }
    return true;
}

// Advice when a second word follows the image.
static const char *output_advice(const struct command *command)
{
    const struct parser parser = parser_make(command);
    for (size_t i = 0; i < parser.count; i++) {
        if (parser.rows[i]->letter == 'o') {
            return "; an output file is given with -o FILE";
        }
    }
    return "";
}

bool command_image_argument(const struct command *command, int argc, char **argv, const char **path)
{
    if (!command_image_words(command, argc, argv)) {
        return false;
    }
    if (optind + 1 < argc) {
        command_usage_error(command, "more than one image is given: \"%s\"%s and \"%s\"%s",
                            argv[optind],
                            access(argv[optind], F_OK) == 0 ? "" : ", which is not a file,",
                            argv[optind + 1], output_advice(command));
        return false;
    }
    if (optind == argc && isatty(STDIN_FILENO)) {
        command_usage_error(command, "no image is given");
        return false;
    }
    *path = optind == argc ? "-" : argv[optind];
    return true;
}

bool command_no_image(const struct command *command, int argc, char **argv, const char *option)
{
    if (optind < argc) {
        command_usage_error(command, "--%s takes no image, but \"%s\" is given", option,
                            argv[optind]);
    }
    return optind == argc;
}
