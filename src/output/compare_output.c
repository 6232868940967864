// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/compare_output.h"

#include "print/json.h"
#include "print/lines.h"
#include "print/text.h"

#include <inttypes.h>

enum { WIDTH = 20 }; // of 64 bits in decimal

void compare_print_range(struct compare_output *output, uint64_t start, uint64_t length)
{
    struct writer *writer = output->writer;
    if (output->json) {
        struct json json;
        json_init(&json, writer, JSON_COMPACT);
        json_object(&json);
        json_key_u64(&json, "start", start);
        json_key_u64(&json, "length", length);
        json_finish(&json);
    } else if (output->all) {
        if (output->width == 0) {
            output->width = WIDTH;
            writer_format(writer, "%*s  %*s\n", WIDTH, "start", WIDTH, "length");
        }
        writer_format(writer, "%*" PRIu64 "  %*" PRIu64 "\n", WIDTH, start, WIDTH, length);
    }
}

// --- JSON ----------------------------------------------------------------------------------------

static void print_end_json(const struct compare_output *output, const struct comparison *comparison)
{
    struct json json;
    json_init(&json, output->writer, JSON_COMPACT);
    json_object(&json);
    json_key_bool(&json, "identical", comparison->identical);
    json_key_u64(&json, "differing_bytes", comparison->differing);
    json_key_u64(&json, "compared_bytes", comparison->compared);
    json_key_u64(&json, "size_a", comparison->sizes[SIDE_A]);
    json_key_u64(&json, "size_b", comparison->sizes[SIDE_B]);
    if (output->strict && comparison->allocation_differs) {
        json_key_u64(&json, "allocation_difference", comparison->allocation_offset);
    } else if (output->strict) {
        json_key_null(&json, "allocation_difference");
    }
    json_finish(&json);
}

// --- Text ----------------------------------------------------------------------------------------

static void print_place(struct writer *writer, const char *label, uint64_t offset)
{
    line_label(writer, label);
    text_place(writer, offset);
    writer_string(writer, "\n");
}

// The bytes of the longer disk beyond the end of the other.
static void print_rest(struct writer *writer, const struct comparison *comparison)
{
    char size[TEXT_SIZE_MAX];
    enum side longer = comparison->sizes[SIDE_A] > comparison->sizes[SIDE_B] ? SIDE_A : SIDE_B;
    enum side shorter = longer == SIDE_A ? SIDE_B : SIDE_A;
    text_size(comparison->sizes[longer] - comparison->sizes[shorter], size);
    line_label(writer, "longer disk");
    writer_format(writer, "%c, by %s%s\n", longer == SIDE_A ? 'A' : 'B', size,
                  comparison->identical ? " that read as zeros" : "");
}

static const char *verdict_of(const struct comparison *comparison)
{
    if (comparison->identical) {
        return "the disks have the same contents";
    }
    return comparison->differs              ? "the disks differ"
           : comparison->allocation_differs ? "the disks differ in allocation"
                                            : "the disks differ in size";
}

static void print_end_text(const struct compare_output *output, const struct comparison *comparison)
{
    struct writer *writer = output->writer;
    line_colored(writer, "verdict", comparison->identical ? COLOR_GREEN : COLOR_RED,
                 verdict_of(comparison));
    if (comparison->differs) {
        print_place(writer, "first difference", comparison->first_difference);
    }
    if (comparison->allocation_differs) {
        print_place(writer, "allocation differs", comparison->allocation_offset);
    }
    if (output->all) {
        line_size(writer, "differing", comparison->differing);
    }
    if (output->all || comparison->identical) {
        line_size(writer, "compared", comparison->compared);
    }
    if (comparison->sizes[SIDE_A] != comparison->sizes[SIDE_B]) {
        line_size(writer, "size of A", comparison->sizes[SIDE_A]);
        line_size(writer, "size of B", comparison->sizes[SIDE_B]);
        print_rest(writer, comparison);
    }
}

void compare_print_end(struct compare_output *output, const struct comparison *comparison)
{
    (output->json ? print_end_json : print_end_text)(output, comparison);
}
