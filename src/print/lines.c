// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "print/lines.h"

#include "print/text.h"

#include <string.h>

enum { LABEL_WIDTH = 22 };

void line_label(struct writer *writer, const char *label)
{
    size_t used = strlen(label) + 1;
    writer_string(writer, label);
    writer_string(writer, ":");
    text_blanks(writer, used < LABEL_WIDTH ? LABEL_WIDTH - used : 1);
}

void line_text(struct writer *writer, const char *label, const char *text)
{
    line_label(writer, label);
    text_safe(writer, text);
    writer_string(writer, "\n");
}

// Stands for no name.
static bool name_is_word(struct bytes name)
{
    static const char word[] = "none";
    return name.size == strlen(word) && memcmp(name.data, word, name.size) == 0;
}

void line_name(struct writer *writer, const char *label, struct bytes name)
{
    line_label(writer, label);
    if (name_is_word(name)) {
        writer_format(writer, "\\x%02x", name.data[0]);
        name = bytes_from(name, 1);
    }
    text_name(writer, name);
    writer_string(writer, "\n");
}

void line_number(struct writer *writer, const char *label, uint64_t number)
{
    line_label(writer, label);
    writer_u64(writer, number);
    writer_string(writer, "\n");
}

void line_colored(struct writer *writer, const char *label, enum color color, const char *text)
{
    line_label(writer, label);
    color_text(writer, color, text);
    writer_string(writer, "\n");
}

void line_size(struct writer *writer, const char *label, uint64_t size)
{
    char text[TEXT_SIZE_MAX];
    text_size(size, text);
    line_text(writer, label, text);
}
