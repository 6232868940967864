// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "chart/chart.h"

#include "base/checked.h"
#include "print/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SVG_COLUMNS = 64,
    SVG_CELLS = 1024,
    TEXT_COLUMNS_STEP = 8, // the cells of a row of text are a multiple of this
    LABEL_GAP = 2,         // blanks between the scale and the cells
    UNITS = 7,
};

// --- The shape -----------------------------------------------------------------------------------

static uint64_t range_end(const struct chart *chart)
{
    return chart->subject.start + chart->subject.length;
}

// Cells of 2^bits bytes, in line with multiples of their size, that it takes to cover the range.
static uint64_t cells_needed(const struct chart *chart, unsigned bits)
{
    const struct chart_subject *subject = &chart->subject;
    return subject->length == 0 ? 0
                                : ((range_end(chart) - 1) >> bits) - (subject->start >> bits) + 1;
}

// Chooses the smallest cells of which there are at most `most`.
static void choose_cells(struct chart *chart, size_t most)
{
    unsigned bits = (unsigned)__builtin_ctzll(chart->subject.unit);
    while (cells_needed(chart, bits) > most) {
        bits++;
    }
    chart->cell_bits = bits;
    chart->count = (size_t)cells_needed(chart, bits);
    chart->origin = align_down(chart->subject.start, UINT64_C(1) << bits);
}

// The longest rows that fit into the width, beside the scale.
static void shape_text(struct chart *chart)
{
    unsigned width = chart->subject.width;
    width = width < CHART_COLUMNS_MIN   ? CHART_COLUMNS_MIN
            : width > CHART_COLUMNS_MAX ? CHART_COLUMNS_MAX
                                        : width;
    chart->columns = align_down(width, TEXT_COLUMNS_STEP);
    do {
        chart->columns -= TEXT_COLUMNS_STEP;
        choose_cells(chart, chart->columns * CHART_ROWS);
    } while (chart->columns > TEXT_COLUMNS_STEP &&
             chart_labels_width(chart) + LABEL_GAP + chart->columns > width);
}

// Four times as wide as high.
static void shape_svg(struct chart *chart)
{
    choose_cells(chart, SVG_CELLS);
    chart->columns = SVG_COLUMNS;
    while (chart->count <= chart->columns * chart->columns / 16) {
        chart->columns /= 2;
        if (chart->columns == TEXT_COLUMNS_STEP) {
            break;
        }
    }
}

bool chart_make(struct chart *chart, const struct chart_subject *subject, struct error *error)
{
    *chart = (struct chart){.subject = *subject};
    (subject->format == CHART_SVG ? shape_svg : shape_text)(chart);
    chart->bytes = calloc(chart->count * subject->kind_count + 1, sizeof *chart->bytes);
    return chart->bytes ? true : error_set(error, ERROR_MEMORY, "out of memory");
}

void chart_free(struct chart *chart)
{
    free(chart->bytes);
    chart->bytes = NULL;
}

// --- Cells ---------------------------------------------------------------------------------------

static uint64_t cell_size(const struct chart *chart)
{
    return UINT64_C(1) << chart->cell_bits;
}

void chart_add(struct chart *chart, uint64_t offset, uint64_t length, size_t kind)
{
    uint64_t at = max_u64(offset, chart->subject.start);
    uint64_t end = min_u64(add_clipped(offset, length), range_end(chart));
    while (at < end) {
        uint64_t into = at - chart->origin;
        size_t cell = (size_t)(into >> chart->cell_bits);
        uint64_t part = min_u64(end - at, cell_size(chart) - (into & (cell_size(chart) - 1)));
        chart->bytes[cell * chart->subject.kind_count + kind] += part;
        chart->totals[kind] += part;
        at += part;
    }
}

// The kind with most bytes, among all or among those that are no background.
static size_t prevailing(const struct chart *chart, const uint64_t *bytes, bool all)
{
    const struct chart_kind *kinds = chart->subject.kinds;
    size_t found = chart->subject.kind_count;
    for (size_t i = 0; i < chart->subject.kind_count; i++) {
        bool counts = bytes[i] > 0 && (all || !kinds[i].background);
        if (counts && (found == chart->subject.kind_count || bytes[i] > bytes[found])) {
            found = i;
        }
    }
    return found;
}

struct chart_cell chart_cell(const struct chart *chart, size_t cell)
{
    size_t kinds = chart->subject.kind_count;
    uint64_t begin = chart->origin + ((uint64_t)cell << chart->cell_bits);
    uint64_t start = max_u64(begin, chart->subject.start);
    uint64_t last = min_u64(begin + (cell_size(chart) - 1), range_end(chart) - 1);
    struct chart_cell shown = {
        .start = start, .length = last - start + 1, .bytes = chart->bytes + cell * kinds};
    shown.kind = prevailing(chart, shown.bytes, true);
    shown.other = prevailing(chart, shown.bytes, false);
    // Bytes that nothing was said about are shown as the last kind.
    shown.kind = shown.kind < kinds ? shown.kind : kinds - 1;
    shown.mixed = chart->subject.kinds[shown.kind].background && shown.other < kinds;
    return shown;
}

bool chart_mixed_cell(const struct chart *chart, struct chart_cell *cell)
{
    for (size_t i = 0; i < chart->count; i++) {
        *cell = chart_cell(chart, i);
        if (cell->mixed) {
            return true;
        }
    }
    return false;
}

void chart_mixed_words(const struct chart *chart, struct writer *writer)
{
    const char *before = "mostly ";
    for (size_t i = 0; i < chart->subject.kind_count; i++) {
        if (chart->subject.kinds[i].background && chart->totals[i] > 0) {
            writer_string(writer, before);
            writer_string(writer, chart->subject.kinds[i].name);
            before = " or ";
        }
    }
    writer_string(writer, ", but not only");
}

// --- The scale -----------------------------------------------------------------------------------

size_t chart_rows(const struct chart *chart)
{
    return chart->count == 0 ? 0 : (chart->count - 1) / chart->columns + 1;
}

void chart_label(const struct chart *chart, size_t row, char label[static CHART_LABEL_MAX])
{
    static const char *const units[UNITS] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    uint64_t step = (uint64_t)chart->columns << chart->cell_bits;
    uint64_t offset = chart->origin + row * step;
    uint64_t common = chart->origin | (chart_rows(chart) > 1 ? step : 0);
    unsigned unit = common == 0 ? 0 : (unsigned)__builtin_ctzll(common) / 10;
    snprintf(label, CHART_LABEL_MAX, "%" PRIu64 " %s", offset >> (10 * unit), units[unit]);
}

size_t chart_labels_width(const struct chart *chart)
{
    char label[CHART_LABEL_MAX];
    size_t width = 0;
    for (size_t row = 0; row < chart_rows(chart); row++) {
        chart_label(chart, row, label);
        width = max_u64(width, strlen(label));
    }
    return width;
}

void chart_sizes(const struct chart *chart, struct writer *writer)
{
    char all[TEXT_SIZE_MAX];
    char one[TEXT_SIZE_MAX];
    text_short_size(chart->subject.length, all);
    text_short_size(cell_size(chart), one);
    writer_format(writer, "%s, a cell is %s", all, one);
}
