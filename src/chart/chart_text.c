// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// A chart for a terminal. Every kind has a mark, so that it can be read without colours.

#include "chart/chart_print.h"

#include "base/checked.h"
#include "print/text.h"

#include <string.h>

static const char mixed_mark = ':';

static char mark_of(const struct chart *chart, const struct chart_cell *cell)
{
    return cell->mixed ? mixed_mark : chart->subject.kinds[cell->kind].mark;
}

// Cells of a kind are filled with its colour; on a background only the mark has a colour.
static void print_marks(const struct chart *chart, const struct chart_cell *cell, const char *marks,
                        struct writer *writer)
{
    const struct chart_kind *kinds = chart->subject.kinds;
    if (kinds[cell->kind].background) {
        color_text(writer, kinds[cell->mixed ? cell->other : cell->kind].color, marks);
    } else {
        color_cells(writer, kinds[cell->kind].color, marks);
    }
}

static bool looks_same(const struct chart_cell *a, const struct chart_cell *b)
{
    return a->kind == b->kind && a->mixed == b->mixed && (!a->mixed || a->other == b->other);
}

static void print_row(const struct chart *chart, size_t row, struct writer *writer)
{
    size_t end = min_u64((row + 1) * chart->columns, chart->count);
    for (size_t at = row * chart->columns; at < end;) {
        char marks[CHART_COLUMNS_MAX + 1];
        size_t used = 0;
        struct chart_cell first = chart_cell(chart, at);
        struct chart_cell next = first;
        while (at < end && looks_same(&first, &next)) {
            marks[used++] = mark_of(chart, &first);
            at++;
            next = at < end ? chart_cell(chart, at) : next;
        }
        marks[used] = '\0';
        print_marks(chart, &first, marks, writer);
    }
}

static void print_grid(const struct chart *chart, struct writer *writer)
{
    char label[CHART_LABEL_MAX];
    size_t width = chart_labels_width(chart);
    for (size_t row = 0; row < chart_rows(chart); row++) {
        chart_label(chart, row, label);
        writer_format(writer, "%*s  ", (int)width, label);
        print_row(chart, row, writer);
        writer_string(writer, "\n");
    }
}

static void print_line(const char *name, size_t width, uint64_t bytes, uint64_t size,
                       struct writer *writer)
{
    char text[TEXT_SIZE_MAX];
    double percent = size > 0 ? 100.0 * (double)bytes / (double)size : 0.0;
    text_size(bytes, text);
    writer_format(writer, "  %-*s  %6.2f%%  %s\n", (int)width, name, percent, text);
}

static void print_legend(const struct chart *chart, struct writer *writer)
{
    const struct chart_subject *subject = &chart->subject;
    size_t width = strlen("total");
    for (size_t i = 0; i < subject->kind_count; i++) {
        width = chart->totals[i] > 0 ? max_u64(width, strlen(subject->kinds[i].name)) : width;
    }
    for (size_t i = 0; i < subject->kind_count; i++) {
        const char mark[] = {subject->kinds[i].mark, '\0'};
        if (chart->totals[i] > 0) {
            print_marks(chart, &(struct chart_cell){.kind = i}, mark, writer);
            print_line(subject->kinds[i].name, width, chart->totals[i], subject->length, writer);
        }
    }
    writer_string(writer, " ");
    print_line("total", width, subject->length, subject->length, writer);
}

void chart_text(const struct chart *chart, struct writer *writer)
{
    const struct chart_subject *subject = &chart->subject;
    struct chart_cell mixed;
    text_safe(writer, subject->file);
    writer_format(writer, ": %s", subject->what);
    if (subject->name) {
        writer_string(writer, " ");
        text_safe(writer, subject->name);
    }
    writer_string(writer, ", ");
    chart_sizes(chart, writer);
    writer_string(writer, "\n\n");
    print_grid(chart, writer);
    writer_string(writer, chart->count > 0 ? "\n" : "");
    print_legend(chart, writer);
    if (chart_mixed_cell(chart, &mixed)) {
        writer_format(writer, "%c  ", mixed_mark);
        chart_mixed_words(chart, writer);
        writer_string(writer, "\n");
    }
}
