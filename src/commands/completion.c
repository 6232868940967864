// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Completion in shells. The scripts pass the words of the command line to this command, which
// prints what the word at the cursor can become; so they need not know any option.

#include "audit/audit_rules.h"
#include "base/utf8.h"
#include "cli/diagnostics.h"
#include "cli/line.h"
#include "cli/open.h"
#include "commands/commands.h"
#include "info/info.h"
#include "print/text.h"
#include "print/writer.h"
#include "source/address.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WORDS_MAX = 1000000,  // of a command line
    NAMES_MAX = 1000,     // snapshots or bitmaps that are printed
    NAME_SIZE_MAX = 1024, // bytes of a name that is printed
    NO_WORD = UINT32_MAX,
};

struct completion_options {
    uint32_t word; // NO_WORD: print a script
};

// --- Scripts -------------------------------------------------------------------------------------

// Defines script_NAME[], the text of completion.NAME, and where it ends.
#define SCRIPT(name)                                                            \
    __asm__(".section .rodata\n"                                                \
            ".global script_" #name ", script_" #name "_end\n"                  \
            ".hidden script_" #name ", script_" #name "_end\n"                  \
            "script_" #name ": .incbin \"src/commands/completion." #name "\"\n" \
            "script_" #name "_end:\n"                                           \
            ".previous\n");                                                     \
    extern const char script_##name[], script_##name##_end[]

SCRIPT(bash);
SCRIPT(zsh);
SCRIPT(fish);

static const struct {
    const char *start, *end;
} scripts[] = {
    {script_bash, script_bash_end}, {script_zsh, script_zsh_end}, {script_fish, script_fish_end}};
static const char *const shells[] = {"bash", "zsh", "fish", NULL};

// --- The answer to a script ----------------------------------------------------------------------

// What a word can become, and how a script adds names of files.
struct reply {
    struct writer writer;
    const struct command *const *commands; // that a word can name, ended by NULL
    const char *typed;                     // the word at the cursor
    size_t skip;                           // bytes of it before what is completed
};

// True for a name that every shell can show and quote.
static bool is_printable(struct bytes name)
{
    bool printable = name.size > 0 && name.size <= NAME_SIZE_MAX;
    while (printable && name.size > 0) {
        uint32_t code_point;
        size_t size = utf8_decode(name, &code_point);
        printable = size > 0 && !utf8_is_unsafe(code_point);
        name = bytes_from(name, size);
    }
    return printable;
}

static bool begins_as_typed(const struct reply *reply, struct bytes name)
{
    const char *typed = reply->typed + reply->skip;
    size_t size = strlen(typed);
    return size <= name.size && memcmp(name.data, typed, size) == 0;
}

// A line of the answer: the whole word, a tab, and what it means.
static void reply_bytes(struct reply *reply, struct bytes name, const char *meaning)
{
    if (begins_as_typed(reply, name)) {
        writer_bytes(&reply->writer, reply->typed, reply->skip);
        writer_bytes(&reply->writer, name.data, name.size);
        writer_format(&reply->writer, "\t%s\n", meaning);
    }
}

static struct bytes bytes_of(const char *string)
{
    return (struct bytes){(const uint8_t *)string, strlen(string)};
}

static void reply_word(struct reply *reply, const char *word, const char *meaning)
{
    reply_bytes(reply, bytes_of(word), meaning);
}

// The first line of the answer: whether names of files ("files") or folders are possible too, and
// the bytes of the word before such a name.
static void reply_begin(struct reply *reply, const char *kind)
{
    writer_format(&reply->writer, "%s %zu\n", kind, reply->skip);
}

// --- Snapshots and bitmaps of an image -----------------------------------------------------------

// "~" is left to the program by shells that complete.
static char *expand_home(const char *path)
{
    const char *home = getenv("HOME");
    char *expanded = NULL;
    if (strncmp(path, "~/", 2) != 0 || !home) {
        return strdup(path);
    }
    return asprintf(&expanded, "%s%s", home, path + 1) < 0 ? NULL : expanded;
}

// A completion must not wait for a server, or for a program that writes to a pipe.
static bool is_local_image(const char *path)
{
    struct stat status;
    return strcmp(path, "-") != 0 && !address_is(path) && stat(path, &status) == 0 &&
           (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

static bool is_same(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

// Whether the program, given this text, takes the snapshot `i`: an id wins over a name.
static bool means_snapshot(const struct info *info, struct bytes text, size_t i)
{
    size_t ids = 0;
    size_t names = 0;
    for (size_t j = 0; j < info->snapshot_count; j++) {
        ids += is_same(info->snapshots[j].id, text);
        names += is_same(info->snapshots[j].name, text);
    }
    return ids > 0 ? ids == 1 && is_same(info->snapshots[i].id, text)
                   : names == 1 && is_same(info->snapshots[i].name, text);
}

// The name of a snapshot, or its id where the name is none that can be typed.
static void reply_snapshots(struct reply *reply, const struct info *info)
{
    size_t printed = 0;
    for (size_t i = 0; i < info->snapshot_count && printed < NAMES_MAX; i++) {
        const struct snapshot *snapshot = &info->snapshots[i];
        const struct bytes texts[] = {snapshot->name, snapshot->id};
        for (size_t t = 0; t < 2; t++) {
            if (begins_as_typed(reply, texts[t]) && is_printable(texts[t]) &&
                means_snapshot(info, texts[t], i)) {
                char date[TEXT_DATE_MAX];
                text_date(snapshot->date_sec, date);
                reply_bytes(reply, texts[t], date);
                printed++;
                break;
            }
        }
    }
}

static void reply_bitmaps(struct reply *reply, const struct info *info)
{
    size_t printed = 0;
    for (size_t i = 0; i < info->bitmap_count && printed < NAMES_MAX; i++) {
        const struct bitmap *bitmap = &info->bitmaps[i];
        if (begins_as_typed(reply, bitmap->name) && is_printable(bitmap->name)) {
            const char *type = bitmap_type_name(bitmap->type);
            reply_bytes(reply, bitmap->name, type ? type : "");
            printed++;
        }
    }
}

typedef void reply_function(struct reply *reply, const struct info *info);

// Opens no other file, and reports no fault.
static void reply_names(struct reply *reply, const char *image, reply_function *print)
{
    const struct open_policy policy = {.chain = {.no_backing = true, .inspect = true},
                                       .pipe_cap = PIPE_CAP_METADATA};
    struct chain chain;
    struct info info;
    struct error error;
    char *path = image ? expand_home(image) : NULL;
    if (path && is_local_image(path)) {
        if (open_image(path, &policy, &chain, &error) && chain.count > 0 && chain.layers[0].image &&
            info_collect(chain.layers[0].image, path, &info, &error)) {
            print(reply, &info);
            info_free(&info);
        }
        chain_close(&chain);
    }
    free(path);
}

// --- Values --------------------------------------------------------------------------------------

static void reply_commands(struct reply *reply)
{
    for (const struct command *const *i = reply->commands; *i; i++) {
        reply_word(reply, (*i)->name, (*i)->summary);
    }
}

static void reply_options(struct reply *reply, const struct line *line)
{
    char name[NAME_MAX];
    for (struct line_rows i = line_rows(line->command); i.row; line_rows_next(&i)) {
        if (!line->given[i.index] || i.row->repeatable) {
            snprintf(name, sizeof name, "--%s", i.row->name);
            reply_word(reply, name, i.row->help);
        }
    }
}

static bool is_in_list(struct bytes list, struct bytes item)
{
    while (list.size > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.size);
        size_t size = comma ? (size_t)(comma - list.data) : list.size;
        if (is_same((struct bytes){list.data, size}, item)) {
            return true;
        }
        list = bytes_from(list, size + (comma ? 1 : 0));
    }
    return false;
}

// The last one of "CODE,CODE"; those before it are not offered again.
static void reply_codes(struct reply *reply)
{
    const char *list = reply->typed + reply->skip;
    const char *comma = strrchr(list, ',');
    struct bytes before = {(const uint8_t *)list, comma ? (size_t)(comma - list) : 0};
    reply_begin(reply, "none");
    reply->skip += comma ? before.size + 1 : 0;
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        if (!is_in_list(before, bytes_of(audit_rules[i].code))) {
            reply_word(reply, audit_rules[i].code, audit_rules[i].meaning);
        }
    }
}

static void reply_files(struct reply *reply, const struct option_row *row)
{
    const char *typed = reply->typed + reply->skip;
    size_t digits = strspn(typed, "0123456789");
    if (strncmp(row->value, "[LAYER:]", 8) == 0 && digits > 0 && typed[digits] == ':') {
        reply->skip += digits + 1;
    }
    reply_begin(reply, row->kind == OPTION_FILE ? "files" : "folders");
}

static void reply_value(struct reply *reply, const struct line *line)
{
    const struct option_row *row = line->row;
    reply->skip = line->skip;
    if (row->kind == OPTION_FILE || row->kind == OPTION_FOLDER) {
        reply_files(reply, row);
        return;
    }
    if (row->kind == OPTION_CODES) {
        reply_codes(reply);
        return;
    }
    reply_begin(reply, "none");
    for (size_t i = 0; row->words && row->words[i]; i++) {
        reply_word(reply, row->words[i], "");
    }
    if (row->kind == OPTION_SNAPSHOT) {
        reply_names(reply, line->images[line->image], reply_snapshots);
    } else if (row->kind == OPTION_BITMAP) {
        reply_names(reply, line->images[line->image], reply_bitmaps);
    }
}

static void reply_line(struct reply *reply, const struct line *line)
{
    switch (line->expects) {
    case EXPECTS_VALUE:
        reply_value(reply, line);
        return;
    case EXPECTS_COMMAND:
        reply_begin(reply, "files");
        reply_commands(reply);
        reply_word(reply, "help", "Prints the help of a command.");
        return;
    case EXPECTS_HELP:
        reply_begin(reply, "none");
        reply_commands(reply);
        return;
    case EXPECTS_OPTION:
        reply_begin(reply, "none");
        reply_options(reply, line);
        return;
    default:
        reply_begin(reply, "none");
    }
}

// --- The command ---------------------------------------------------------------------------------

static int finish(struct writer *writer)
{
    struct error error;
    if (!writer_finish(writer, &error)) {
        print_error(NULL, &error);
        return EXIT_CANNOT;
    }
    return EXIT_DONE;
}

// A shell may leave out an empty word at the cursor.
static int complete(const struct command *const *commands, const char *const *words, size_t count,
                    size_t at)
{
    struct reply reply = {.commands = commands, .typed = ""};
    const char **given = calloc(count + 1, sizeof *given);
    if (!given) {
        return EXIT_CANNOT;
    }
    for (size_t i = 0; i <= count; i++) {
        given[i] = i < count ? words[i] : "";
    }
    writer_init(&reply.writer, STDOUT_FILENO);
    if (at <= count) {
        struct line line = line_parse(commands, given, at == count ? count + 1 : count, at);
        reply.typed = given[at];
        reply_line(&reply, &line);
    }
    free(given);
    return finish(&reply.writer);
}

static int print_script(const struct command *command, int argc, char **argv)
{
    struct writer writer;
    for (size_t i = 0; optind + 1 == argc && shells[i]; i++) {
        if (strcmp(argv[optind], shells[i]) == 0) {
            writer_init(&writer, STDOUT_FILENO);
            writer_bytes(&writer, scripts[i].start, (size_t)(scripts[i].end - scripts[i].start));
            return finish(&writer);
        }
    }
    return command_usage_error(command, "expected the name of a shell: bash, zsh or fish");
}

static int run_completion(const struct command *command, int argc, char **argv)
{
    struct completion_options options = {.word = NO_WORD};
    int status;
    if (!options_parse(command, argc, argv, &options, &status)) {
        return status;
    }
    return options.word == NO_WORD ? print_script(command, argc, argv)
                                   : complete(command->all, (const char *const *)&argv[optind],
                                              (size_t)(argc - optind), options.word);
}

static const struct option_row rows[] = {
    {"word", OPTION_NUMBER, "N", offsetof(struct completion_options, word),
     .help = "for the scripts: print what word N of the command line that follows, counted from 0 "
             "and cut off at the cursor, can become",
     .most = WORDS_MAX},
    {.name = NULL},
};

static const struct option_group groups[] = {
    {"Options", .rows = rows},
    {"Common options", .rows = common_rows},
    {.rows = NULL},
};

static const struct option_row operands[] = {
    {"SHELL", OPTION_WORD, "SHELL", .help = NULL, .words = shells},
    {.name = NULL},
};

static const char notes[] =
    "The script completes commands, options, their values, file names, and the\n"
    "snapshots and bitmaps of the image on the command line. It needs qcow2-info in\n"
    "the search path. make install installs the scripts of all shells.\n"
    "\n"
    "Exit status: 0 done, 1 the output could not be written, 64 usage.\n"
    "\n"
    "Examples:\n"
    "  qcow2-info completion bash > qcow2-info.bash\n"
    "  qcow2-info completion --word 2 -- map --snapshot '' disk.qcow2\n";

const struct command command_completion = {
    .name = "completion",
    .summary = "Prints the script that completes commands in bash, zsh or fish.",
    .usage = "SHELL [OPTION]...",
    .groups = groups,
    .notes = notes,
    .operands = operands,
    .run = run_completion,
};
