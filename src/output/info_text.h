// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The parts of the text that `info` prints.

#ifndef OUTPUT_INFO_TEXT_H
#define OUTPUT_INFO_TEXT_H

#include "info/info.h"
#include "print/writer.h"

void info_text_features(const struct info *info, struct writer *writer);
void info_text_tables(const struct info *info, struct writer *writer);
void info_text_extensions(const struct info *info, struct writer *writer);
void info_text_snapshots(const struct info *info, struct writer *writer);
void info_text_bitmaps(const struct info *info, struct writer *writer);

#endif
