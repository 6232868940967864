// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Colours of text on standard output. JSON and everything else that is not text for people is
// printed without the functions below, so it never has colours.

#ifndef PRINT_COLOR_H
#define PRINT_COLOR_H

#include "print/writer.h"

#include <stdbool.h>

// The user's terminal decides how they look.
enum color {
    COLOR_NONE,
    COLOR_BLUE,
    COLOR_CYAN,
    COLOR_GREEN,
    COLOR_YELLOW,
    COLOR_RED,
    COLOR_MAGENTA,
    COLOR_NAVY,
    COLOR_TEAL,
    COLOR_OLIVE,
    COLOR_ORANGE,
    COLOR_PURPLE,
    COLOR_BROWN,
    COLOR_GRAY,
    COLORS,
};

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

// Decides whether the functions below print colours. COLOR_AUTO: only if standard output is a
// terminal, the environment variable NO_COLOR is unset or empty, and TERM is neither unset, empty
// nor "dumb". Before the first call there are none.
void color_decide(enum color_when when);

// Prints `text`, which never comes from outside, in this colour.
void color_text(struct writer *writer, enum color color, const char *text);

// Prints marks of cells of a picture; the cells are filled with the colour.
void color_cells(struct writer *writer, enum color color, const char *marks);

#endif
