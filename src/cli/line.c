// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/line.h"

#include "cli/suggest.h"

#include <string.h>

// --- The options of a command --------------------------------------------------------------------

static void skip_ends(struct line_rows *rows)
{
    while (rows->row && !rows->row->name) {
        rows->group++;
        rows->row = rows->group->rows;
    }
}

struct line_rows line_rows(const struct command *command)
{
    struct line_rows rows = {.group = command->groups, .row = command->groups->rows};
    skip_ends(&rows);
    return rows;
}

void line_rows_next(struct line_rows *rows)
{
    rows->row++;
    rows->index++;
    skip_ends(rows);
}

// Finds "--name" or "--name=value"; the start of only one name is enough. Without it, `row` is
// NULL.
static struct line_rows find_long(const struct command *command, const char *word)
{
    struct line_rows found = {.row = NULL};
    size_t size = strcspn(word + 2, "=");
    size_t starts = 0;
    for (struct line_rows i = line_rows(command); i.row; line_rows_next(&i)) {
        if (strncmp(i.row->name, word + 2, size) == 0) {
            found = i;
            starts++;
            if (i.row->name[size] == '\0') {
                return i;
            }
        }
    }
    return starts == 1 ? found : (struct line_rows){.row = NULL};
}

static struct line_rows find_letter(const struct command *command, char letter)
{
    struct line_rows i = line_rows(command);
    while (i.row && i.row->letter != letter) {
        line_rows_next(&i);
    }
    return i;
}

// --- The words -----------------------------------------------------------------------------------

// The words up to the one that is parsed.
struct parsed {
    struct line *line;
    bool operands_only; // after "--"
    bool has_value;     // the next word is the value of `value`
    struct line_rows value;
    size_t operands, images;
};

static void take_given(struct parsed *parsed, const struct line_rows *found)
{
    if (found->row && found->index < LINE_ROWS_MAX) {
        parsed->line->given[found->index] = true;
    }
}

// Notes that the next word is a value, if the option takes one that follows.
static void wait_for_value(struct parsed *parsed, const struct line_rows *found)
{
    if (found->row && found->row->value && !found->row->optional) {
        parsed->has_value = true;
        parsed->value = *found;
    }
}

// "-ab": the last letter, or the first one that takes a value, decides.
static void pass_letters(struct parsed *parsed, const char *letters)
{
    for (; *letters; letters++) {
        struct line_rows found = find_letter(parsed->line->command, *letters);
        take_given(parsed, &found);
        if (found.row && found.row->value) {
            if (letters[1] == '\0') {
                wait_for_value(parsed, &found);
            }
            return;
        }
    }
}

static void pass_operand(struct parsed *parsed, const char *word)
{
    struct line *line = parsed->line;
    if (parsed->images < sizeof line->images / sizeof *line->images) {
        line->images[parsed->images++] = word;
    }
    parsed->operands++;
}

// A word that is not at the cursor.
static void pass_word(struct parsed *parsed, const char *word)
{
    if (parsed->has_value) {
        parsed->has_value = false;
    } else if (parsed->operands_only || word[0] != '-' || word[1] == '\0') {
        pass_operand(parsed, word);
    } else if (strcmp(word, "--") == 0) {
        parsed->operands_only = true;
    } else if (!parsed->line->command) {
        return;
    } else if (word[1] != '-') {
        pass_letters(parsed, word + 1);
    } else {
        struct line_rows found = find_long(parsed->line->command, word);
        take_given(parsed, &found);
        if (!strchr(word, '=')) {
            wait_for_value(parsed, &found);
        }
    }
}

// --- The cursor ----------------------------------------------------------------------------------

static void expect_value(struct line *line, const struct line_rows *found, size_t skip)
{
    line->expects = EXPECTS_VALUE;
    line->row = found->row;
    line->image = found->group->image;
    line->skip = skip;
}

// A word without hyphens, of the command.
static void expect_operand(struct line *line)
{
    static const struct option_row image = {"IMAGE", OPTION_FILE, "IMAGE", .help = NULL};
    const struct option_row *row = line->command->operands;
    for (size_t i = 0; row && i < line->operand && row[1].name; i++) {
        row++;
    }
    line->expects = EXPECTS_VALUE;
    line->row = row ? row : &image;
}

static void expect_option(struct line *line, const char *word)
{
    const char *equal = strchr(word, '=');
    line->expects = line->command ? EXPECTS_OPTION : EXPECTS_NOTHING;
    if (equal && line->command && word[1] == '-') {
        struct line_rows found = find_long(line->command, word);
        line->expects = EXPECTS_NOTHING;
        if (found.row && found.row->value) {
            expect_value(line, &found, (size_t)(equal + 1 - word));
        }
    }
}

// `names_command`: a word without hyphens would be the command.
static void expect(struct parsed *parsed, const char *word, bool names_command)
{
    struct line *line = parsed->line;
    line->operand = parsed->operands;
    if (parsed->has_value) {
        parsed->has_value = false;
        expect_value(line, &parsed->value, 0);
    } else if (!parsed->operands_only && word[0] == '-') {
        expect_option(line, word);
    } else if (names_command) {
        line->expects = EXPECTS_COMMAND;
    } else if (line->command) {
        expect_operand(line);
    } else {
        line->expects = parsed->operands == 0 ? EXPECTS_HELP : EXPECTS_NOTHING;
    }
}

// The first word without hyphens, before "--": it may name the command.
static size_t first_word(const struct line *line)
{
    size_t i = 0;
    while (i < line->count && strcmp(line->words[i], "--") != 0) {
        if (line->words[i][0] != '-' || line->words[i][1] == '\0') {
            return i;
        }
        i++;
    }
    return line->count;
}

struct line line_parse(const struct command *const *commands, const char *const *words,
                       size_t count, size_t at)
{
    struct line line = {.words = words, .count = count, .at = at};
    struct parsed parsed = {.line = &line};
    size_t first = first_word(&line);
    bool is_before = first < count && first != at;
    const struct command *named = is_before ? command_named(commands, words[first]) : NULL;
    bool is_help = is_before && strcmp(words[first], "help") == 0;
    line.command = named ? named : is_help ? NULL : commands[0];
    for (size_t i = 0; i < count; i++) {
        if (i == at) {
            expect(&parsed, words[i], i == first);
        } else if (i != first || (!named && !is_help)) {
            pass_word(&parsed, words[i]);
        }
    }
    return line;
}
