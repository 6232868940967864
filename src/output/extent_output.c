// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/extent_output.h"

#include "output/json.h"
#include "output/text.h"

#include <inttypes.h>
#include <stdio.h>
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

// What the status means in JSON: the same for every extent of a kind, so it is one string.
static const char *const flags_json[EXTENT_STATUSES] = {
    [CLUSTER_DATA] = ",\"allocated\":true,\"zero\":false,\"compressed\":false",
    [CLUSTER_COMPRESSED] = ",\"allocated\":true,\"zero\":false,\"compressed\":true",
    [CLUSTER_ZERO] = ",\"allocated\":true,\"zero\":true,\"compressed\":false",
    [CLUSTER_UNALLOCATED] = ",\"allocated\":false,\"zero\":true,\"compressed\":false",
};

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

struct extent_output extent_output_make(struct writer *writer, const struct chain *chain,
                                        bool places)
{
    return (struct extent_output){
        .writer = writer,
        .chain = chain,
        .places = places,
        .width = extent_width(chain_size(chain)),
    };
}

// The file that the host offset is in; where there is none, the layer that decides.
static const char *extent_file(const struct chain *chain, const struct extent *extent)
{
    const struct layer *layer = &chain->layers[extent->depth];
    return extent_compressed(extent) || !extent->has_host ? layer->path : layer_data_path(layer);
}

static void places_json(const struct extent_output *output, const struct extent *extent)
{
    struct json json;
    writer_string(output->writer, ",\"depth\":");
    writer_u64(output->writer, extent->depth);
    writer_string(output->writer, ",\"offset\":");
    if (extent->has_host) {
        writer_u64(output->writer, extent->host_offset);
    } else {
        writer_string(output->writer, "null");
    }
    writer_string(output->writer, ",\"file\":");
    json_init(&json, output->writer, JSON_COMPACT);
    json_text(&json, extent_file(output->chain, extent));
}

void extent_output_json(const struct extent_output *output, const struct extent *extent)
{
    writer_string(output->writer, "{\"start\":");
    writer_u64(output->writer, extent->start);
    writer_string(output->writer, ",\"length\":");
    writer_u64(output->writer, extent->length);
    writer_string(output->writer, flags_json[extent->kind]);
    if (output->places) {
        places_json(output, extent);
    }
    writer_string(output->writer, "}\n");
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
