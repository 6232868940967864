// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/extent_output.h"

#include "output/json.h"
#include "output/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const statuses[EXTENT_STATUSES] = {
    [CLUSTER_DATA] = "data",
    [CLUSTER_COMPRESSED] = "compressed",
    [CLUSTER_ZERO] = "zero",
    [CLUSTER_UNALLOCATED] = "hole",
};

// In the order in which totals are told.
static const enum cluster_kind kinds[EXTENT_STATUSES] = {CLUSTER_DATA, CLUSTER_COMPRESSED,
                                                         CLUSTER_ZERO, CLUSTER_UNALLOCATED};

// What the status means in JSON, up to the end of the line or what --host-offsets adds: the same
// for every extent of a kind.
struct flags_json {
    const char *text;
    size_t size;
};

#define FLAGS_JSON(text)       \
    {                          \
        text, sizeof(text) - 1 \
    }

static const struct flags_json flags_json[EXTENT_STATUSES] = {
    [CLUSTER_DATA] = FLAGS_JSON(",\"allocated\":true,\"zero\":false,\"compressed\":false"),
    [CLUSTER_COMPRESSED] = FLAGS_JSON(",\"allocated\":true,\"zero\":false,\"compressed\":true"),
    [CLUSTER_ZERO] = FLAGS_JSON(",\"allocated\":true,\"zero\":true,\"compressed\":false"),
    [CLUSTER_UNALLOCATED] = FLAGS_JSON(",\"allocated\":false,\"zero\":true,\"compressed\":false"),
};

enum { JSON_LINE_MAX = 256 }; // without the file's name

const char *extent_status(enum cluster_kind kind)
{
    return statuses[kind];
}

int extent_width(uint64_t size)
{
    int width = snprintf(NULL, 0, "%" PRIu64, size);
    int heading = (int)strlen("length");
    return width > heading ? width : heading;
}

struct extent_output extent_output_make(struct writer *writer, const struct view *view, bool places)
{
    return (struct extent_output){
        .writer = writer,
        .chain = view->chain,
        .places = places,
        .width = extent_width(view_end(view)),
    };
}

// The file that the host offset is in; where there is none, the layer that decides.
static const char *extent_file(const struct chain *chain, const struct extent *extent)
{
    const struct layer *layer = &chain->layers[extent->depth];
    return extent_compressed(extent) || !extent->has_host ? layer->path : layer_data_path(layer);
}

static char *put_bytes(char *to, const char *bytes, size_t size)
{
    memcpy(to, bytes, size);
    return to + size;
}

// A literal, whose size the compiler knows.
#define PUT(to, literal) put_bytes(to, literal, sizeof(literal) - 1)

static char *put_places(char *to, const struct extent *extent)
{
    to = put_u64(PUT(to, ",\"depth\":"), extent->depth);
    to = PUT(to, ",\"offset\":");
    return extent->has_host ? put_u64(to, extent->host_offset) : PUT(to, "null");
}

static void file_json(struct writer *writer, const char *file)
{
    struct json json;
    writer_string(writer, ",\"file\":");
    json_init(&json, writer, JSON_COMPACT);
    json_text(&json, file);
    writer_string(writer, "}\n");
}

// The name of a file is the same on many lines: what it is in JSON is kept, unless it is so long
// that it does not fit a buffer.
static void put_file(struct extent_output *output, const char *file)
{
    if (!output->file_json) {
        output->file_json = calloc(1, sizeof *output->file_json);
    }
    struct writer *kept = output->file_json;
    if (!kept) {
        file_json(output->writer, file);
        return;
    }
    if (output->file != file) {
        writer_init(kept, -1);
        file_json(kept, file);
        output->file = file;
    }
    if (kept->failed) {
        file_json(output->writer, file);
    } else {
        writer_bytes(output->writer, kept->buffer, kept->used);
    }
}

void extent_output_free(struct extent_output *output)
{
    free(output->file_json);
    output->file_json = NULL;
}

// A map can have millions of lines: each is put together in place.
void extent_output_json(struct extent_output *output, const struct extent *extent)
{
    const struct flags_json *flags = &flags_json[extent->kind];
    char *to = writer_room(output->writer, JSON_LINE_MAX);
    to = put_u64(PUT(to, "{\"start\":"), extent->start);
    to = put_u64(PUT(to, ",\"length\":"), extent->length);
    to = put_bytes(to, flags->text, flags->size);
    if (!output->places) {
        writer_used(output->writer, PUT(to, "}\n"));
        return;
    }
    writer_used(output->writer, put_places(to, extent));
    put_file(output, extent_file(output->chain, extent));
}

void extent_output_heading(const struct extent_output *output)
{
    writer_format(output->writer, "%*s  %*s  ", output->width, "start", output->width, "length");
    writer_string(output->writer,
                  output->places ? "status      depth  host offset       file\n" : "status\n");
}

void extent_output_text(const struct extent_output *output, const struct extent *extent)
{
    writer_format(output->writer, "%*" PRIu64 "  %*" PRIu64 "  ", output->width, extent->start,
                  output->width, extent->length);
    if (!output->places) {
        writer_string(output->writer, statuses[extent->kind]);
        writer_string(output->writer, "\n");
        return;
    }
    char offset[24] = "-";
    if (extent->has_host) {
        snprintf(offset, sizeof offset, "%" PRIu64, extent->host_offset);
    }
    writer_format(output->writer, "%-10s  %5zu  %-16s  ", statuses[extent->kind], extent->depth,
                  offset);
    text_safe(output->writer, extent_file(output->chain, extent));
    writer_string(output->writer, "\n");
}

static uint64_t totals_size(const struct extent_totals *totals)
{
    uint64_t size = 0;
    for (size_t i = 0; i < EXTENT_STATUSES; i++) {
        size += totals->bytes[i];
    }
    return size;
}

void extent_totals_json(struct writer *writer, const struct extent_totals *totals)
{
    struct json json;
    json_init(&json, writer, JSON_PRETTY);
    json_object(&json);
    for (size_t i = 0; i < EXTENT_STATUSES; i++) {
        json_key_u64(&json, statuses[kinds[i]], totals->bytes[kinds[i]]);
    }
    json_key_u64(&json, "total", totals_size(totals));
    json_key_u64(&json, "extents", totals->extents);
    json_finish(&json);
}

void extent_totals_text(struct writer *writer, const struct extent_totals *totals)
{
    uint64_t size = totals_size(totals);
    for (size_t i = 0; i < EXTENT_STATUSES; i++) {
        text_total(writer, statuses[kinds[i]], totals->bytes[kinds[i]], size);
    }
    text_total(writer, "total", size, size);
}
