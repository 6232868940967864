// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "chart/chart_print.h"
#include "printed.h"
#include "unit.h"

static const struct chart_kind kinds[] = {
    {"full", '#', COLOR_BLUE, false},
    {"half", '+', COLOR_CYAN, false},
    {"none", '.', COLOR_GRAY, true},
};

enum { FULL, HALF, NONE, KINDS };

static struct printed printed;
static struct error error;

static struct chart make(enum chart_format format, unsigned width, uint64_t start, uint64_t length)
{
    const struct chart_subject subject = {.format = format,
                                          .width = width,
                                          .start = start,
                                          .length = length,
                                          .unit = 512,
                                          .kinds = kinds,
                                          .kind_count = KINDS,
                                          .file = "disk",
                                          .what = "everything"};
    struct chart chart;
    CHECK(chart_make(&chart, &subject, &error));
    return chart;
}

// The cells cover the range without a gap.
static void check_cells(const struct chart *chart)
{
    uint64_t at = chart->subject.start;
    for (size_t i = 0; i < chart->count; i++) {
        struct chart_cell cell = chart_cell(chart, i);
        CHECK_EQ_U64(cell.start, at);
        CHECK(cell.length > 0);
        at += cell.length;
    }
    CHECK_EQ_U64(at, chart->subject.start + chart->subject.length);
}

static void cells_cover_every_range(void)
{
    static const uint64_t starts[] = {0, 1, 511, 512, 1000000007, UINT64_C(1) << 62};
    static const uint64_t lengths[] = {
        1, 511, 513, 65536, 123456789, UINT64_C(1) << 50, UINT64_C(3) << 61};
    static const unsigned widths[] = {0, 40, 79, 80, 200, 1024, 99999};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
            for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
                struct chart chart = make(CHART_TEXT, widths[k], starts[i], lengths[j]);
                check_cells(&chart);
                CHECK(chart_rows(&chart) <= CHART_ROWS);
                CHECK(chart.columns <= CHART_COLUMNS_MAX && chart.columns % 8 == 0);
                chart_free(&chart);
            }
            struct chart chart = make(CHART_SVG, 80, starts[i], lengths[j]);
            check_cells(&chart);
            CHECK(chart.count <= 1024);
            chart_free(&chart);
        }
    }
}

static void bytes_go_to_their_cells(void)
{
    struct chart chart = make(CHART_TEXT, 80, 100, 2000);
    chart_add(&chart, 0, 600, FULL);
    chart_add(&chart, 600, 500, HALF);
    chart_add(&chart, 1100, UINT64_MAX, NONE);
    CHECK_EQ_U64(chart.count, 5);
    CHECK_EQ_U64(chart.totals[FULL], 500);
    CHECK_EQ_U64(chart.totals[HALF], 500);
    CHECK_EQ_U64(chart.totals[NONE], 1000);
    struct chart_cell cell = chart_cell(&chart, 1);
    CHECK_EQ_U64(cell.start, 512);
    CHECK_EQ_U64(cell.length, 512);
    CHECK_EQ_U64(cell.bytes[FULL], 88);
    CHECK_EQ_U64(cell.bytes[HALF], 424);
    CHECK_EQ_U64(cell.kind, HALF);
    CHECK(!cell.mixed);
    cell = chart_cell(&chart, 2);
    CHECK_EQ_U64(cell.bytes[HALF], 76);
    CHECK_EQ_U64(cell.kind, NONE);
    CHECK(cell.mixed && cell.other == HALF);
    cell = chart_cell(&chart, 4);
    CHECK_EQ_U64(cell.length, 52);
    chart_free(&chart);
}

static void of_equal_kinds_the_first_prevails(void)
{
    struct chart chart = make(CHART_TEXT, 80, 0, 512);
    chart_add(&chart, 0, 256, NONE);
    chart_add(&chart, 256, 256, HALF);
    CHECK_EQ_U64(chart_cell(&chart, 0).kind, HALF);
    chart_free(&chart);
}

static void labels_are_exact(void)
{
    char label[CHART_LABEL_MAX];
    struct chart chart = make(CHART_TEXT, 80, 0, UINT64_C(1) << 40);
    chart_label(&chart, 0, label);
    CHECK_STR(label, "0 GiB");
    chart_label(&chart, 3, label);
    CHECK_STR(label, "192 GiB");
    chart_free(&chart);
    chart = make(CHART_TEXT, 80, 12345, 100000);
    chart_label(&chart, 1, label);
    CHECK_STR(label, "48 KiB"); // cells are in line with multiples of their size
    chart_free(&chart);
}

static void text_has_scale_and_legend(void)
{
    struct chart chart = make(CHART_TEXT, 40, 0, 4000);
    chart_add(&chart, 0, 1500, FULL);
    chart_add(&chart, 1500, 2450, NONE);
    chart_add(&chart, 3950, 50, HALF);
    printed_start(&printed);
    chart_print(&chart, &printed.writer);
    CHECK_STR(printed_end(&printed), "disk: everything, 3.91 KiB, a cell is 512 bytes\n"
                                     "\n"
                                     "0 bytes  ###....:\n"
                                     "\n"
                                     "#  full    37.50%  1.46 KiB (1500 bytes)\n"
                                     "+  half     1.25%  50 bytes\n"
                                     ".  none    61.25%  2.39 KiB (2450 bytes)\n"
                                     "   total  100.00%  3.91 KiB (4000 bytes)\n"
                                     ":  mostly none, but not only\n");
    chart_free(&chart);
}

int main(void)
{
    RUN(cells_cover_every_range);
    RUN(bytes_go_to_their_cells);
    RUN(of_equal_kinds_the_first_prevails);
    RUN(labels_are_exact);
    RUN(text_has_scale_and_legend);
    return unit_done();
}
