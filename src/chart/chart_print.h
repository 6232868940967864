// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Prints charts.

#ifndef CHART_CHART_PRINT_H
#define CHART_CHART_PRINT_H

#include "chart/chart.h"

// Prints the picture, its scale and its legend, in the format of the subject.
void chart_print(const struct chart *chart, struct writer *writer);

// The same in one format.
void chart_text(const struct chart *chart, struct writer *writer);
void chart_svg(const struct chart *chart, struct writer *writer);

#endif
