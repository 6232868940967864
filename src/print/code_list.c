// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "print/code_list.h"

#include "print/json.h"

#include <ctype.h>

static void print_text(const struct code_list *list, struct writer *writer)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct code_row *row = &list->rows[i];
        writer_format(writer, "%s (", row->code);
        color_text(writer, row->color, row->severity);
        writer_format(writer, "): %s.\n", row->meaning);
        if (row->more) {
            writer_format(writer, "    %c%s: %s.\n", toupper((unsigned char)list->more_name[0]),
                          list->more_name + 1, row->more);
        }
    }
}

static void print_json(const struct code_list *list, struct writer *writer)
{
    struct json json;
    json_init(&json, writer, JSON_PRETTY);
    json_array(&json);
    for (size_t i = 0; i < list->count; i++) {
        const struct code_row *row = &list->rows[i];
        json_object(&json);
        json_key_text(&json, "code", row->code);
        json_key_text(&json, "severity", row->severity);
        json_key_text(&json, "meaning", row->meaning);
        if (row->more) {
            json_key_text(&json, list->more_name, row->more);
        }
        json_end(&json);
    }
    json_finish(&json);
}

void code_list_print(const struct code_list *list, bool as_json, struct writer *writer)
{
    if (as_json) {
        print_json(list, writer);
    } else {
        print_text(list, writer);
    }
}
