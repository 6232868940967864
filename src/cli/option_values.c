// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/option_values.h"

#include "base/checked.h"
#include "cli/diagnostics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool parse_unit(const char *text, unsigned *shift)
{
    static const char letters[] = "KMGTPE";
    char upper = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
    const char *letter = upper ? strchr(letters, upper) : NULL;
    *shift = 0;
    if (letter) {
        *shift = 10 * (unsigned)(letter - letters + 1);
        text++;
        if (strcasecmp(text, "iB") == 0) {
            return true;
        }
    }
    return *text == '\0' || strcasecmp(text, "B") == 0;
}

bool parse_size(const char *text, uint64_t *size)
{
    uint64_t number = 0;
    unsigned shift;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (!checked_multiply(number, 10, &number) ||
            !checked_add(number, (uint64_t)(*digit - '0'), &number)) {
            return false;
        }
    }
    return digit != text && parse_unit(digit, &shift) &&
           checked_multiply(number, UINT64_C(1) << shift, size);
}

bool option_number(const struct command *command, const struct option_row *row, const char *text,
                   uint32_t *number)
{
    uint64_t size;
    if (!parse_size(text, &size) || size < row->least || size > row->most) {
        command_usage_error(command,
                            "--%s takes a number from %" PRIu32 " to %" PRIu32 ", not \"%s\"",
                            row->name, row->least, row->most, text);
        return false;
    }
    *number = (uint32_t)size;
    return true;
}

bool option_layer(const struct command *command, const char **text, bool *has_layer,
                  uint64_t *layer)
{
    size_t digits = strspn(*text, "0123456789");
    *has_layer = digits > 0 && (*text)[digits] == ':';
    *layer = 0;
    for (size_t i = 0; *has_layer && i < digits; i++) {
        if (!checked_multiply(*layer, 10, layer) ||
            !checked_add(*layer, (uint64_t)((*text)[i] - '0'), layer)) {
            command_usage_error(command, "\"%s\" does not begin with the number of a layer", *text);
            return false;
        }
    }
    *text += *has_layer ? digits + 1 : 0;
    return true;
}

static bool take_size(const struct command *command, const struct option_row *row, const char *text,
                      uint64_t *size)
{
    if (!parse_size(text, size)) {
        command_usage_error(command,
                            "--%s takes a number of bytes, such as 4096 or 64K, not \"%s\"",
                            row->name, text);
        return false;
    }
    return true;
}

bool option_word(const struct command *command, const struct option_row *row, const char *text,
                 unsigned *word)
{
    char expected[80] = ""; // more than the words of any row
    size_t used = 0;
    for (unsigned i = 0; row->words[i]; i++) {
        if (strcmp(text, row->words[i]) == 0) {
            *word = i;
            return true;
        }
        const char *before = i == 0 ? "" : row->words[i + 1] ? ", " : " or ";
        used += (size_t)snprintf(expected + used, sizeof expected - used, "%s%s", before,
                                 row->words[i]);
    }
    command_usage_error(command, "--%s takes %s, not \"%s\"", row->name, expected, text);
    return false;
}

bool option_store(const struct command *command, const struct option_row *row, const char *text,
                  void *place)
{
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)place = true;
        return true;
    case OPTION_CHOICE:
        *(unsigned *)place = row->least;
        return true;
    case OPTION_SIZE:
        return take_size(command, row, text, place);
    case OPTION_NUMBER:
        return option_number(command, row, text, place);
    case OPTION_WORD:
        return option_word(command, row, text, place);
    default:
        *(const char **)place = text;
        return true;
    }
}
