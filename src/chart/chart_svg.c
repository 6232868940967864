// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A chart as one SVG picture that needs nothing else. Its colours follow the reader's preference
// for light or dark; each cell has a tooltip. Lengths are in pixels.

#include "chart/chart_print.h"

#include "base/checked.h"
#include "print/text.h"
#include "print/xml.h"

#include <inttypes.h>
#include <string.h>

enum {
    GRID_WIDTH = 832, // with the gap after the last cell
    MARGIN = 24,
    LETTER = 8, // no letter is much wider
    LINE = 22,
    GRID_TOP = 76,
    PITCH_MAX = 52,
    GAP = 2,
    BAR_HEIGHT = 10,
    LEGEND_COLUMNS = 2,
    // A line of the legend, from its left end.
    SWATCH = 12,
    NAME_AT = 20,
    PERCENT_END = 210,
    SIZE_AT = 224,
    BASELINE = 11,     // below the top of the swatch
    FILE_COLUMNS = 50, // characters of the heading
    NAME_COLUMNS = 30,
};

struct palette {
    const char *light, *dark;
};

static const struct palette palettes[COLORS] = {
    [COLOR_NONE] = {"#e4e8ec", "#272d36"},    [COLOR_BLUE] = {"#0969da", "#58a6ff"},
    [COLOR_CYAN] = {"#2aa5c4", "#39c5cf"},    [COLOR_GREEN] = {"#2da44e", "#3fb950"},
    [COLOR_YELLOW] = {"#d4a72c", "#e3b341"},  [COLOR_RED] = {"#cf222e", "#f85149"},
    [COLOR_MAGENTA] = {"#bf3989", "#f778ba"}, [COLOR_NAVY] = {"#0a3069", "#b6d4fe"},
    [COLOR_TEAL] = {"#0e7c86", "#2dd4bf"},    [COLOR_OLIVE] = {"#77821b", "#a8b545"},
    [COLOR_ORANGE] = {"#e16f24", "#f0883e"},  [COLOR_PURPLE] = {"#8250df", "#a371f7"},
    [COLOR_BROWN] = {"#7d4e00", "#b08747"},   [COLOR_GRAY] = {"#8c959f", "#6e7681"},
};

struct picture {
    const struct chart *chart;
    struct writer *writer;
    unsigned left;    // of the grid
    unsigned width;   // of the page
    unsigned pitch;   // from one cell to the next
    unsigned bar_top; // of the bar of totals
    size_t shown;     // kinds in the legend, and one more line when cells are mixed
    bool has_mixed;
    struct chart_cell mixed; // an example for the legend
};

// --- The parts -----------------------------------------------------------------------------------

static void print_heading(const struct picture *picture, size_t file_columns, size_t name_columns)
{
    const struct chart_subject *subject = &picture->chart->subject;
    xml_safe(picture->writer, subject->file, file_columns);
    writer_format(picture->writer, ": %s", subject->what);
    if (subject->name) {
        writer_string(picture->writer, " ");
        xml_safe(picture->writer, subject->name, name_columns);
    }
}

static const char *color_of(const struct chart_kind *kind, bool dark)
{
    const struct palette *palette = &palettes[kind->background ? COLOR_NONE : kind->color];
    return dark ? palette->dark : palette->light;
}

// One rule for each kind that is there.
static void print_colors(const struct picture *picture, bool dark)
{
    const struct chart *chart = picture->chart;
    for (size_t i = 0; i < chart->subject.kind_count; i++) {
        if (chart->totals[i] > 0) {
            writer_format(picture->writer, ".k%zu{fill:%s}\n", i,
                          color_of(&chart->subject.kinds[i], dark));
        }
    }
}

static void print_style(const struct picture *picture)
{
    struct writer *writer = picture->writer;
    writer_string(writer, "<style>\n"
                          "text{font:13px system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\","
                          "sans-serif;fill:#1f2328}\n"
                          ".heading{font-size:16px;font-weight:600}\n"
                          ".quiet{fill:#59636e}\n"
                          ".end{text-anchor:end}\n"
                          ".page{fill:#fff;stroke:#d1d9e0}\n"
                          ".dot{pointer-events:none}\n"
                          ".cell:hover{stroke:#1f2328;stroke-width:2}\n");
    print_colors(picture, false);
    writer_string(writer, "@media (prefers-color-scheme:dark){\n"
                          "text{fill:#e6edf3}\n"
                          ".quiet{fill:#9198a1}\n"
                          ".page{fill:#0d1117;stroke:#3d444d}\n"
                          ".cell:hover{stroke:#e6edf3}\n");
    print_colors(picture, true);
    writer_string(writer, "}\n</style>\n");
}

static void print_rectangle(struct writer *writer, const char *class, size_t kind, unsigned x,
                            unsigned y, unsigned width, unsigned height)
{
    writer_format(writer, "<rect class=\"%sk%zu\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"",
                  class, kind, x, y, width, height);
}

// --- Cells ---------------------------------------------------------------------------------------

// What is where: the range, then a line for each kind in it.
static void print_tooltip(const struct picture *picture, const struct chart_cell *cell)
{
    const struct chart_subject *subject = &picture->chart->subject;
    struct writer *writer = picture->writer;
    char size[TEXT_SIZE_MAX];
    text_size(cell->length, size);
    writer_format(writer, "<title>%s ", size);
    text_place(writer, cell->start);
    for (size_t i = 0; i < subject->kind_count; i++) {
        if (cell->bytes[i] > 0) {
            text_size(cell->bytes[i], size);
            writer_format(writer, "\n%s: %s", subject->kinds[i].name, size);
        }
    }
    writer_string(writer, "</title>");
}

static void print_cell(const struct picture *picture, size_t at)
{
    const struct chart *chart = picture->chart;
    struct writer *writer = picture->writer;
    struct chart_cell cell = chart_cell(chart, at);
    unsigned x = picture->left + (unsigned)(at % chart->columns) * picture->pitch;
    unsigned y = GRID_TOP + (unsigned)(at / chart->columns) * picture->pitch;
    unsigned side = picture->pitch - GAP;
    unsigned inset = side / 3;
    print_rectangle(writer, "cell ", cell.kind, x, y, side, side);
    writer_string(writer, " rx=\"2\">");
    print_tooltip(picture, &cell);
    writer_string(writer, "</rect>\n");
    if (cell.mixed) {
        print_rectangle(writer, "dot ", cell.other, x + inset, y + inset, side - 2 * inset,
                        side - 2 * inset);
        writer_string(writer, "/>\n");
    }
}

static void print_grid(const struct picture *picture)
{
    const struct chart *chart = picture->chart;
    char label[CHART_LABEL_MAX];
    for (size_t row = 0; row < chart_rows(chart); row++) {
        unsigned y = GRID_TOP + (unsigned)row * picture->pitch + picture->pitch / 2 + 4;
        chart_label(chart, row, label);
        // With small cells, the numbers of neighbours would touch.
        if (picture->pitch >= 2 * (unsigned)LETTER || row % 2 == 0) {
            writer_format(picture->writer,
                          "<text class=\"quiet end\" x=\"%u\" y=\"%u\">%s</text>\n",
                          picture->left - 10, y, label);
        }
    }
    for (size_t i = 0; i < chart->count; i++) {
        print_cell(picture, i);
    }
}

// --- The legend ----------------------------------------------------------------------------------

// A bar that the kinds share by their bytes.
static void print_bar(const struct picture *picture)
{
    const struct chart *chart = picture->chart;
    double all = (double)max_u64(chart->subject.length, 1);
    double width = picture->width - 2 * MARGIN;
    double x = MARGIN;
    for (size_t i = 0; i < chart->subject.kind_count; i++) {
        double share = (double)chart->totals[i] / all * width;
        if (chart->totals[i] > 0) {
            writer_format(picture->writer,
                          "<rect class=\"k%zu\" x=\"%.2f\" y=\"%u\" width=\"%.2f\" "
                          "height=\"%d\"/>\n",
                          i, x, picture->bar_top, share, BAR_HEIGHT);
            x += share;
        }
    }
}

static size_t legend_rows(const struct picture *picture)
{
    return divide_up(picture->shown, LEGEND_COLUMNS);
}

// Where the line of the legend with this number begins.
static void place_line(const struct picture *picture, size_t number, unsigned *x, unsigned *y)
{
    size_t rows = max_u64(legend_rows(picture), 1);
    *x = MARGIN + (unsigned)(number / rows) * ((picture->width - 2 * MARGIN) / LEGEND_COLUMNS);
    *y = picture->bar_top + BAR_HEIGHT + LINE / 2 + (unsigned)(number % rows) * LINE;
}

static void print_kind(const struct picture *picture, size_t kind, size_t number)
{
    const struct chart *chart = picture->chart;
    char size[TEXT_SIZE_MAX];
    double percent = 100.0 * (double)chart->totals[kind] / (double)chart->subject.length;
    unsigned x;
    unsigned y;
    place_line(picture, number, &x, &y);
    print_rectangle(picture->writer, "", kind, x, y, SWATCH, SWATCH);
    text_size(chart->totals[kind], size);
    writer_format(picture->writer,
                  " rx=\"2\"/><text x=\"%u\" y=\"%u\">%s</text>"
                  "<text class=\"end\" x=\"%u\" y=\"%u\">%.2f%%</text>"
                  "<text class=\"quiet\" x=\"%u\" y=\"%u\">%s</text>\n",
                  x + NAME_AT, y + BASELINE, chart->subject.kinds[kind].name, x + PERCENT_END,
                  y + BASELINE, percent, x + SIZE_AT, y + BASELINE, size);
}

static void print_mixed(const struct picture *picture, size_t number)
{
    struct writer *writer = picture->writer;
    unsigned third = SWATCH / 3;
    unsigned x;
    unsigned y;
    place_line(picture, number, &x, &y);
    print_rectangle(writer, "", picture->mixed.kind, x, y, SWATCH, SWATCH);
    writer_string(writer, " rx=\"2\"/>");
    print_rectangle(writer, "", picture->mixed.other, x + third, y + third, third, third);
    writer_format(writer, "/><text class=\"quiet\" x=\"%u\" y=\"%u\">", x + NAME_AT, y + BASELINE);
    chart_mixed_words(picture->chart, writer);
    writer_string(writer, "</text>\n");
}

static void print_legend(const struct picture *picture)
{
    const struct chart *chart = picture->chart;
    size_t number = 0;
    for (size_t i = 0; i < chart->subject.kind_count; i++) {
        if (chart->totals[i] > 0) {
            print_kind(picture, i, number++);
        }
    }
    if (picture->has_mixed) {
        print_mixed(picture, number);
    }
}

// --- The picture ---------------------------------------------------------------------------------

static struct picture picture_make(const struct chart *chart, struct writer *writer)
{
    struct picture picture = {.chart = chart, .writer = writer};
    picture.has_mixed = chart_mixed_cell(chart, &picture.mixed);
    picture.left = MARGIN + (unsigned)chart_labels_width(chart) * LETTER + 10;
    picture.width = picture.left + GRID_WIDTH - GAP + MARGIN;
    picture.pitch = (unsigned)min_u64(GRID_WIDTH / chart->columns, PITCH_MAX);
    picture.bar_top = GRID_TOP + (unsigned)chart_rows(chart) * picture.pitch + MARGIN;
    picture.shown = picture.has_mixed ? 1 : 0;
    for (size_t i = 0; i < chart->subject.kind_count; i++) {
        picture.shown += chart->totals[i] > 0;
    }
    return picture;
}

void chart_svg(const struct chart *chart, struct writer *writer)
{
    struct picture picture = picture_make(chart, writer);
    unsigned height =
        picture.bar_top + BAR_HEIGHT + LINE / 2 + (unsigned)legend_rows(&picture) * LINE + MARGIN;
    writer_format(writer,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%u\" "
                  "height=\"%u\" viewBox=\"0 0 %u %u\">\n<title>",
                  picture.width, height, picture.width, height);
    print_heading(&picture, SIZE_MAX, SIZE_MAX);
    writer_string(writer, "</title>\n");
    print_style(&picture);
    writer_format(writer,
                  "<rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"%u\" height=\"%u\" rx=\"8\"/>\n"
                  "<text class=\"heading\" x=\"%d\" y=\"36\">",
                  picture.width - 1, height - 1, MARGIN);
    print_heading(&picture, FILE_COLUMNS, NAME_COLUMNS);
    writer_format(writer, "</text>\n<text class=\"quiet\" x=\"%d\" y=\"58\">", MARGIN);
    chart_sizes(chart, writer);
    writer_string(writer, "</text>\n");
    print_grid(&picture);
    print_bar(&picture);
    print_legend(&picture);
    writer_string(writer, "</svg>\n");
}
