// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/suggest.h"

#include "base/checked.h"
#include "cli/diagnostics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORD_MAX = 31 }; // letters of a longer word are not compared

// Names that other tools use for these commands.
static const struct {
    const char *word, *command;
} elsewhere[] = {
    {"convert", "cat"},    {"dd", "cat"},       {"dump", "cat"},    {"export", "cat"},
    {"bitmap", "map"},     {"extents", "map"},  {"measure", "map"}, {"list", "info"},
    {"ls", "info"},        {"show", "info"},    {"stat", "info"},   {"snapshot", "info"},
    {"snapshots", "info"}, {"bitmaps", "info"}, {"fsck", "check"},  {"verify", "check"},
    {"repair", "check"},   {"scan", "audit"},
};

// Options of other tools, and those of other commands.
static const struct {
    const char *option, *instead;
} foreign_options[] = {
    {"--backing-chain", "use it with info or usage"},
    {"--backing-file", "use it with map, cat, check --data or info --backing-chain"},
    {"--confine", "use it with map, cat, check --data or info --backing-chain"},
    {"--data-file", "use it with map, cat or check --data"},
    {"--key-file", "use it with cat, digest, check --data or info --check-key"},
    {"--length", "use it with map, cat or digest"},
    {"--offset", "use it with map, cat or digest"},
    {"--salvage", "use it with cat"},
    {"--snapshot", "use it with map, cat, where or digest"},
    {"--output", "use --json to print JSON"},
    {"--ofmt", "use --json to print JSON"},
    {"--start-offset", "use --offset with map and cat"},
    {"--max-length", "use --length with map and cat"},
    {"-f", "images are always read as qcow2"},
    {"--format", "images are always read as qcow2"},
    {"-U", "the program never locks an image"},
    {"--force-share", "the program never locks an image"},
    {"-p", "use --progress"},
    {"-r", "the program never repairs an image: see qemu-img check -r"},
    {"--repair", "the program never repairs an image: see qemu-img check -r"},
    {"-l", "use --snapshot with map and cat"},
    {"-O", "cat writes raw bytes: use cat -o FILE"},
};

// --- The nearest word ----------------------------------------------------------------------------

static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

// The edit distance of two words: letters to add, drop, replace or swap with their neighbour.
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[WORD_MAX + 1][WORD_MAX + 1];
    size_t a_size = min_u64(strlen(a), WORD_MAX);
    size_t b_size = min_u64(strlen(b), WORD_MAX);
    for (size_t i = 0; i <= a_size; i++) {
        for (size_t j = 0; j <= b_size; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned same = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
            uint64_t least = min_u64(rows[i - 1][j] + 1, rows[i][j - 1] + 1);
            least = min_u64(least, rows[i - 1][j - 1] + same);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1])) {
                least = min_u64(least, rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = (unsigned)least;
        }
    }
    return rows[a_size][b_size];
}

void nearest_try(struct nearest *nearest, const char *candidate)
{
    size_t size = strlen(nearest->word);
    unsigned found = distance(nearest->word, candidate);
    size_t shorter = min_u64(size, strlen(candidate));
    bool is_start = shorter >= 2 && strncmp(nearest->word, candidate, shorter) == 0;
    bool is_like = found <= 1 + size / 3 && found < strlen(candidate);
    if ((is_like || is_start) && (!nearest->found || found < nearest->distance)) {
        nearest->found = candidate;
        nearest->distance = found;
    }
}

// --- Commands ------------------------------------------------------------------------------------

bool suggest_is_command(const char *word)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    return word[0] != '\0' && word[0] != '-' && word[strspn(word, letters)] == '\0' &&
           access(word, F_OK) != 0 && errno == ENOENT;
}

static const char *meant_command(const struct command *const *commands, const char *word)
{
    struct nearest nearest = {.word = word};
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        if (strcmp(elsewhere[i].word, word) == 0) {
            return elsewhere[i].command;
        }
    }
    for (; *commands; commands++) {
        nearest_try(&nearest, (*commands)->name);
    }
    return nearest.found;
}

const struct command *command_named(const struct command *const *commands, const char *name)
{
    while (commands && *commands && strcmp((*commands)->name, name) != 0) {
        commands++;
    }
    return commands ? *commands : NULL;
}

int suggest_command(const struct command *const *commands, const char *word)
{
    struct error error;
    const char *meant = meant_command(commands, word);
    error_set(&error, ERROR_USAGE, "\"%s\" is not a command%s%s%s%s", word,
              suggest_is_command(word) ? " or file" : "", meant ? "; did you mean " : "",
              meant ? meant : "", meant ? "?" : "");
    print_error(NULL, &error);
    fputs("Commands:", stderr);
    for (const struct command *const *i = commands; *i; i++) {
        fprintf(stderr, "%s %s", i == commands ? "" : ",", (*i)->name);
    }
    fputs("\nTry: qcow2-info --help\n", stderr);
    return EXIT_USAGE;
}

// --- Options -------------------------------------------------------------------------------------

const char *suggest_option(const char *option)
{
    size_t size = strcspn(option, "=");
    for (size_t i = 0; i < sizeof foreign_options / sizeof *foreign_options; i++) {
        if (strlen(foreign_options[i].option) == size &&
            strncmp(foreign_options[i].option, option, size) == 0) {
            return foreign_options[i].instead;
        }
    }
    return NULL;
}
