// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/chart_option.h"

#include "cli/diagnostics.h"

#include <string.h>

const char *const chart_words[] = {"svg", NULL};

bool take_chart(const struct command *command, const struct option_row *row, const char *text,
                void *place)
{
    if (text && strcmp(text, row->value) != 0) {
        command_usage_error(command, "--%s takes %s or no value, not \"%s\"", row->name, row->value,
                            text);
        return false;
    }
    *(enum chart_format *)place = text ? CHART_SVG : CHART_TEXT;
    return true;
}
