// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/help.h"

#include "cli/diagnostics.h"
#include "cli/version.h"
#include "print/writer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    HELP_WIDTH = 80,
    HELP_COLUMN = 20, // of the text of an option
    LABEL_SIZE = 64,
};

// Prints words with one blank between them, in lines that begin at HELP_COLUMN. `*column` is the
// end of the last word, HELP_COLUMN before the first one.
static void print_filled(struct writer *out, const char *text, size_t *column)
{
    while (*text) {
        size_t size = strcspn(text, " ");
        if (*column > HELP_COLUMN && *column + 1 + size > HELP_WIDTH) {
            writer_format(out, "\n%*s", HELP_COLUMN, "");
            *column = HELP_COLUMN;
        } else if (*column > HELP_COLUMN) {
            writer_string(out, " ");
            (*column)++;
        }
        writer_bytes(out, text, size);
        *column += size;
        text += size + strspn(text + size, " ");
    }
}

static void print_row(struct writer *out, const struct option_row *row)
{
    char label[LABEL_SIZE];
    const char letter[] = {'-', row->letter, ',', ' ', '\0'};
    const char *before = !row->value ? "" : row->optional ? "[=" : " ";
    int size =
        snprintf(label, sizeof label, "  %s--%s%s%s%s", row->letter ? letter : "", row->name,
                 before, row->value ? row->value : "", row->value && row->optional ? "]" : "");
    bool fits = size + 2 <= HELP_COLUMN;
    writer_format(out, "%s%s%*s", label, fits ? "" : "\n", fits ? HELP_COLUMN - size : HELP_COLUMN,
                  "");
    size_t column = HELP_COLUMN;
    print_filled(out, row->help, &column);
    if (row->repeatable) {
        print_filled(out, "(may be repeated)", &column);
    }
    writer_string(out, "\n");
}

static void print_help(struct writer *out, const struct command *command)
{
    writer_format(out, "usage: qcow2-info %s %s\n\n%s\n", command->name, command->usage,
                  command->summary);
    for (const struct option_group *group = command->groups; group->rows; group++) {
        if (group->title) {
            writer_format(out, "\n%s:\n", group->title);
        }
        for (const struct option_row *row = group->rows; row->name; row++) {
            print_row(out, row);
        }
    }
    writer_format(out, "\n%s", command->notes);
}

int help_print(const struct command *command, bool version)
{
    struct writer out;
    struct error error;
    writer_init(&out, STDOUT_FILENO);
    if (version) {
        print_version(&out);
    } else {
        print_help(&out, command);
    }
    if (!writer_finish(&out, &error)) {
        print_error(NULL, &error);
        return EXIT_CANNOT;
    }
    return EXIT_DONE;
}
