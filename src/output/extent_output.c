// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/extent_output.h"

#include "chart/chart_print.h"
#include "print/json.h"
#include "print/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Names, marks and colours.
static const struct chart_kind kinds[STATUSES] = {
    [STATUS_DATA] = {"data", '#', COLOR_BLUE, false},
    [STATUS_COMPRESSED] = {"compressed", 'c', COLOR_CYAN, false},
    [STATUS_ZERO] = {"zero", '0', COLOR_GRAY, false},
    [STATUS_HOLE] = {"hole", '.', COLOR_GRAY, true},
    [STATUS_DIRTY] = {"dirty", '#', COLOR_YELLOW, false},
    [STATUS_CLEAN] = {"clean", '.', COLOR_GRAY, true},
    [STATUS_CHANGED] = {"changed", '#', COLOR_YELLOW, false},
    [STATUS_UNCHANGED] = {"unchanged", '.', COLOR_GRAY, true},
};

// The keys between the length and the end of the line or the keys of --host-offsets.
struct status_keys {
    const char *json;
    size_t size;
};

#define STATUS_KEYS(json)      \
    {                          \
        json, sizeof(json) - 1 \
    }

static const struct status_keys keys[STATUSES] = {
    [STATUS_DATA] = STATUS_KEYS(",\"allocated\":true,\"zero\":false,\"compressed\":false"),
    [STATUS_COMPRESSED] = STATUS_KEYS(",\"allocated\":true,\"zero\":false,\"compressed\":true"),
    [STATUS_ZERO] = STATUS_KEYS(",\"allocated\":true,\"zero\":true,\"compressed\":false"),
    [STATUS_HOLE] = STATUS_KEYS(",\"allocated\":false,\"zero\":true,\"compressed\":false"),
    [STATUS_DIRTY] = STATUS_KEYS(",\"dirty\":true"),
    [STATUS_CLEAN] = STATUS_KEYS(",\"dirty\":false"),
    [STATUS_CHANGED] = STATUS_KEYS(",\"changed\":true"),
    [STATUS_UNCHANGED] = STATUS_KEYS(",\"changed\":false"),
};

enum {
    JSON_LINE_MAX = 256, // without the file's name
    STATUS_WIDTH = 10,   // of the longest name
};

enum extent_status extent_status(const struct extent *extent)
{
    static const enum extent_status of_kinds[] = {
        [CLUSTER_DATA] = STATUS_DATA,
        [CLUSTER_COMPRESSED] = STATUS_COMPRESSED,
        [CLUSTER_ZERO] = STATUS_ZERO,
        [CLUSTER_UNALLOCATED] = STATUS_HOLE,
    };
    return of_kinds[extent->kind];
}

// --- JSON lines ----------------------------------------------------------------------------------

// The file of the host offset; if there is none, the image of the layer that decides.
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

// Appends a literal, whose size the compiler knows.
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

// The name of a file is the same on many lines: its JSON is kept, unless it is too long for the
// buffer.
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

// A map can have millions of lines: each is written directly into the buffer.
static void print_json(struct extent_output *output, const struct extent *extent,
                       enum extent_status status)
{
    char *to = writer_room(output->writer, JSON_LINE_MAX);
    to = put_u64(PUT(to, "{\"start\":"), extent->start);
    to = put_u64(PUT(to, ",\"length\":"), extent->length);
    if (output->subject == EXTENTS_OF_CHANGES) {
        const struct status_keys *now = &keys[extent_status(extent)];
        to = put_bytes(to, now->json, now->size);
    }
    to = put_bytes(to, keys[status].json, keys[status].size);
    if (!output->places) {
        writer_used(output->writer, PUT(to, "}\n"));
        return;
    }
    writer_used(output->writer, put_places(to, extent));
    put_file(output, extent_file(output->view->chain, extent));
}

void extent_output_free(struct extent_output *output)
{
    free(output->file_json);
    output->file_json = NULL;
}

// --- Text ----------------------------------------------------------------------------------------

static void begin_text(struct extent_output *output)
{
    int width = snprintf(NULL, 0, "%" PRIu64, view_end(output->view));
    int heading = (int)strlen("length");
    output->width = width > heading ? width : heading;
    writer_format(output->writer, "%*s  %*s  ", output->width, "start", output->width, "length");
    writer_string(output->writer,
                  output->places ? "status      depth  host offset       file\n" : "status\n");
}

static void print_text(struct extent_output *output, const struct extent *extent,
                       enum extent_status status)
{
    writer_format(output->writer, "%*" PRIu64 "  %*" PRIu64 "  ", output->width, extent->start,
                  output->width, extent->length);
    if (!output->places) {
        color_text(output->writer, kinds[status].color, kinds[status].name);
        writer_string(output->writer, "\n");
        return;
    }
    char offset[24] = "-";
    if (extent->has_host) {
        snprintf(offset, sizeof offset, "%" PRIu64, extent->host_offset);
    }
    color_text(output->writer, kinds[status].color, kinds[status].name);
    writer_format(output->writer, "%*s  %5zu  %-16s  ",
                  STATUS_WIDTH - (int)strlen(kinds[status].name), "", extent->depth, offset);
    text_safe(output->writer, extent_file(output->view->chain, extent));
    writer_string(output->writer, "\n");
}

// --- Totals --------------------------------------------------------------------------------------

static void add(struct extent_output *output, const struct extent *extent,
                enum extent_status status)
{
    output->bytes[status] += extent->length;
    output->extents++;
}

// The range of possible statuses.
static void statuses_of(enum extent_subject subject, size_t *first, size_t *end)
{
    static const enum extent_status firsts[] = {[EXTENTS_OF_DISK] = STATUS_DATA,
                                                [EXTENTS_OF_BITMAP] = STATUS_DIRTY,
                                                [EXTENTS_OF_CHANGES] = STATUS_CHANGED};
    *first = firsts[subject];
    *end = subject == EXTENTS_OF_CHANGES ? STATUSES : firsts[subject + 1];
}

// The same, and their total in bytes.
static uint64_t totals_size(const struct extent_output *output, size_t *first, size_t *end)
{
    uint64_t size = 0;
    statuses_of(output->subject, first, end);
    for (size_t i = *first; i < *end; i++) {
        size += output->bytes[i];
    }
    return size;
}

static void end_totals_json(const struct extent_output *output)
{
    struct json json;
    size_t i;
    size_t end;
    uint64_t size = totals_size(output, &i, &end);
    json_init(&json, output->writer, JSON_PRETTY);
    json_object(&json);
    for (; i < end; i++) {
        json_key_u64(&json, kinds[i].name, output->bytes[i]);
    }
    json_key_u64(&json, "total", size);
    json_key_u64(&json, "extents", output->extents);
    json_finish(&json);
}

static void end_totals_text(const struct extent_output *output)
{
    size_t i;
    size_t end;
    uint64_t size = totals_size(output, &i, &end);
    for (; i < end; i++) {
        text_total(output->writer, kinds[i].name, output->bytes[i], size);
    }
    text_total(output->writer, "total", size, size);
}

// --- Charts --------------------------------------------------------------------------------------

const struct chart_kind *extent_kinds(enum extent_subject subject, size_t *count)
{
    size_t first;
    size_t end;
    statuses_of(subject, &first, &end);
    *count = end - first;
    return kinds + first;
}

static void add_to_chart(struct extent_output *output, const struct extent *extent,
                         enum extent_status status)
{
    const struct chart_kind *first = output->chart->subject.kinds;
    chart_add(output->chart, extent->start, extent->length, (size_t)(&kinds[status] - first));
}

static void end_chart(const struct extent_output *output)
{
    chart_print(output->chart, output->writer);
}

const struct extent_printer extent_printers[EXTENT_FORMATS] = {
    [EXTENT_TEXT] = {begin_text, print_text, NULL},
    [EXTENT_JSON] = {NULL, print_json, NULL},
    [EXTENT_TOTALS_TEXT] = {NULL, add, end_totals_text},
    [EXTENT_TOTALS_JSON] = {NULL, add, end_totals_json},
    [EXTENT_CHART] = {NULL, add_to_chart, end_chart},
};
