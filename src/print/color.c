// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "print/color.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The parameters of the control sequence "Select Graphic Rendition".
struct rendition {
    const char *text, *cell;
};

// The 16 colours of every terminal. A mark contrasts with its cell.
static const struct rendition renditions[COLORS] = {
    [COLOR_BLUE] = {"94", "97;44"},   [COLOR_CYAN] = {"96", "30;46"},
    [COLOR_GREEN] = {"92", "30;42"},  [COLOR_YELLOW] = {"93", "30;43"},
    [COLOR_RED] = {"91", "97;41"},    [COLOR_MAGENTA] = {"95", "97;45"},
    [COLOR_NAVY] = {"34", "30;104"},  [COLOR_TEAL] = {"36", "30;106"},
    [COLOR_OLIVE] = {"32", "30;102"}, [COLOR_ORANGE] = {"33", "30;103"},
    [COLOR_BROWN] = {"33", "30;103"}, [COLOR_PURPLE] = {"35", "30;105"},
    [COLOR_GRAY] = {"90", "97;100"},
};

static bool color_on;

static bool terminal_has_colors(void)
{
    const char *terminal = getenv("TERM");
    const char *unwanted = getenv("NO_COLOR");
    bool capable = terminal && *terminal && strcmp(terminal, "dumb") != 0;
    return capable && !(unwanted && *unwanted) && isatty(STDOUT_FILENO);
}

void color_decide(enum color_when when)
{
    color_on = when == COLOR_ALWAYS || (when == COLOR_AUTO && terminal_has_colors());
}

static void print_rendered(struct writer *writer, const char *rendition, const char *text)
{
    bool rendered = color_on && rendition && *text;
    if (rendered) {
        writer_string(writer, "\033[");
        writer_string(writer, rendition);
        writer_string(writer, "m");
    }
    writer_string(writer, text);
    writer_string(writer, rendered ? "\033[0m" : "");
}

void color_text(struct writer *writer, enum color color, const char *text)
{
    print_rendered(writer, renditions[color].text, text);
}

void color_cells(struct writer *writer, enum color color, const char *marks)
{
    print_rendered(writer, renditions[color].cell, marks);
}
