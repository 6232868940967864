// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "chart/chart_print.h"

void chart_print(const struct chart *chart, struct writer *writer)
{
    (chart->subject.format == CHART_SVG ? chart_svg : chart_text)(chart, writer);
}
