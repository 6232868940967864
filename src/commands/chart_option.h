// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The option --chart[=svg].

#ifndef COMMANDS_CHART_OPTION_H
#define COMMANDS_CHART_OPTION_H

#include "chart/chart.h"
#include "cli/options.h"

// Takes no value or "svg" into the enum chart_format at `place`.
bool take_chart(const struct command *command, const struct option_row *row, const char *text,
                void *place);

extern const char *const chart_words[];

// The row of the option; `subject` is what the picture shows: "the disk".
#define CHART_ROW(place, subject)                                                              \
    {                                                                                          \
        "chart", OPTION_WORD, "svg", place,                                                    \
            .help = "draw " subject " as a grid of cells, as wide as the terminal, with =svg " \
                    "as an SVG picture",                                                       \
            .optional = true, .words = chart_words, .take = take_chart                         \
    }

#endif
