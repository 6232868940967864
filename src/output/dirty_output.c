// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/dirty_output.h"

#include "output/json.h"
#include "output/text.h"

#include <inttypes.h>

void dirty_output_json(struct writer *writer, const struct dirty_extent *extent)
{
    writer_string(writer, "{\"start\":");
    writer_u64(writer, extent->start);
    writer_string(writer, ",\"length\":");
    writer_u64(writer, extent->length);
    writer_string(writer, extent->dirty ? ",\"dirty\":true}\n" : ",\"dirty\":false}\n");
}

void dirty_output_heading(struct writer *writer, int width)
{
    writer_format(writer, "%*s  %*s  status\n", width, "start", width, "length");
}

void dirty_output_text(struct writer *writer, int width, const struct dirty_extent *extent)
{
    writer_format(writer, "%*" PRIu64 "  %*" PRIu64 "  %s\n", width, extent->start, width,
                  extent->length, extent->dirty ? "dirty" : "clean");
}

void dirty_totals_json(struct writer *writer, const struct dirty_totals *totals)
{
    struct json json;
    json_init(&json, writer, JSON_PRETTY);
    json_object(&json);
    json_key_u64(&json, "dirty", totals->bytes[true]);
    json_key_u64(&json, "clean", totals->bytes[false]);
    json_key_u64(&json, "total", totals->bytes[true] + totals->bytes[false]);
    json_key_u64(&json, "extents", totals->extents);
    json_finish(&json);
}

void dirty_totals_text(struct writer *writer, const struct dirty_totals *totals)
{
    uint64_t size = totals->bytes[true] + totals->bytes[false];
    text_total(writer, "dirty", totals->bytes[true], size);
    text_total(writer, "clean", totals->bytes[false], size);
    text_total(writer, "total", size, size);
}
