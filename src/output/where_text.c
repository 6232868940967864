// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/where_output.h"
#include "print/color.h"
#include "print/text.h"

#include <inttypes.h>

// --- A guest offset ------------------------------------------------------------------------------

static void print_entry(const char *name, const struct where_entry *entry, struct writer *writer)
{
    writer_format(writer, "    %s entry %" PRIu64 " ", name, entry->index);
    text_place(writer, entry->at);
    writer_format(writer, ": 0x%016" PRIx64 ", ", entry->value);
}

static void print_l1(const struct where_layer *where, struct writer *writer)
{
    uint64_t table = l1_entry_l2_offset(where->l1.value);
    print_entry("L1", &where->l1, writer);
    if (table == 0) {
        writer_string(writer, "no L2 table\n");
        return;
    }
    writer_string(writer, "L2 table ");
    text_place(writer, table);
    writer_string(writer, "\n");
}

static void print_stretch(const struct stretch *stretch, struct writer *writer)
{
    switch (stretch->kind) {
    case CLUSTER_ZERO:
        writer_string(writer,
                      stretch->has_host ? "reads as zeros, keeps its cluster " : "reads as zeros");
        break;
    case CLUSTER_DATA:
        writer_string(writer, "data ");
        break;
    case CLUSTER_COMPRESSED:
        writer_string(writer, "compressed ");
        break;
    default:
        writer_string(writer,
                      stretch->has_host ? "unallocated, keeps its cluster " : "unallocated");
        break;
    }
    if (stretch->has_host) {
        text_place(writer, stretch->host_offset);
    }
    if (stretch->kind == CLUSTER_COMPRESSED) {
        writer_format(writer, ", %" PRIu32 " bytes stored", stretch->stored_size);
    }
}

static void print_l2(const struct where_layer *where, bool broken, struct writer *writer)
{
    print_entry("L2", &where->l2, writer);
    if (where->extended) {
        writer_format(writer, "bitmap 0x%016" PRIx64 ", subcluster %u ", where->subclusters,
                      where->subcluster);
    }
    if (broken) {
        color_text(writer, COLOR_RED, "broken");
    } else {
        print_stretch(&where->stretch, writer);
    }
    writer_string(writer, "\n");
}

static void print_layer(const struct where_layer *where, size_t depth, bool broken,
                        struct writer *writer)
{
    writer_format(writer, "  layer %zu: ", depth);
    text_safe(writer, where->layer->path);
    writer_string(writer, where->layer->raw ? " (raw)\n" : "\n");
    if (where->past_end) {
        writer_string(writer, "    past the end of this layer\n");
    } else if (!where->layer->raw && !where->l1.there && !broken) {
        writer_format(writer, "    L1 entry %" PRIu64 " is past the end of the L1 table\n",
                      where->l1.index);
    }
    if (where->l1.there) {
        print_l1(where, writer);
    }
    if (where->l2.there) {
        print_l2(where, broken, writer);
    }
    if (where->has_refcount) {
        writer_format(writer, "    refcount %" PRIu64 "\n", where->refcount);
    }
}

static void print_place(const struct where_layer *last, struct writer *writer)
{
    const struct stretch *stretch = &last->stretch;
    bool compressed = stretch->kind == CLUSTER_COMPRESSED;
    writer_string(writer, "  the byte: ");
    if (stretch->kind == CLUSTER_UNALLOCATED) {
        writer_string(writer, "in a hole, reads as zero\n");
        return;
    }
    if (stretch->kind == CLUSTER_ZERO) {
        writer_string(writer, "zero\n");
        return;
    }
    writer_string(writer, compressed ? "compressed, in " : "data, in ");
    text_safe(writer, compressed ? last->layer->path : layer_data_path(last->layer));
    writer_string(writer, " ");
    text_place(writer, stretch->host_offset);
    if (compressed) {
        writer_format(writer, ", %" PRIu32 " bytes stored", stretch->stored_size);
    }
    writer_string(writer, "\n");
}

void where_print_guest_text(const struct where_guest *where, struct writer *writer)
{
    bool broken = where->fault.code != NULL;
    writer_string(writer, "guest offset ");
    writer_format(writer, "%" PRIu64 " (0x%" PRIx64 ")\n", where->offset, where->offset);
    for (size_t i = 0; i < where->count; i++) {
        print_layer(&where->layers[i], i, broken && i + 1 == where->count, writer);
    }
    if (broken) {
        writer_string(writer, "  ");
        color_text(writer, COLOR_RED, "broken");
        writer_string(writer, ": ");
        text_safe(writer, where->fault.message);
        writer_string(writer, "\n");
    } else {
        print_place(&where->layers[where->count - 1], writer);
    }
}

// --- A host offset -------------------------------------------------------------------------------

static void print_reference(const struct where_reference *reference, struct writer *writer)
{
    writer_format(writer, "  %s", where_table_words(reference->table));
    if (reference->table == WHERE_FORMAT) {
        writer_string(writer, ": the header is in the first cluster\n");
        return;
    }
    if (reference->has_guest || reference->table == WHERE_REFCOUNT_TABLE) {
        writer_format(writer, " %" PRIu64, reference->index);
    }
    writer_string(writer, " ");
    text_place(writer, reference->at);
    writer_format(writer, ": 0x%016" PRIx64 ", %s", reference->value,
                  where_purpose_code(reference->purpose));
    if (reference->stored_size > 0) {
        writer_string(writer, " ");
        text_place(writer, reference->stored_at);
        writer_format(writer, ", %" PRIu32 " bytes stored", reference->stored_size);
    }
    if (reference->has_guest) {
        writer_format(writer, ", guest offset %" PRIu64, reference->guest_offset);
    }
    if (reference->snapshot) {
        writer_string(writer, " in snapshot ");
        text_safe(writer, reference->snapshot);
    } else if (reference->has_guest) {
        writer_string(writer, " in the active disk");
    }
    writer_string(writer, "\n");
}

void where_print_host_text(const struct where_host *where, struct writer *writer)
{
    writer_format(writer,
                  "host offset %" PRIu64 " (0x%" PRIx64 "), cluster %" PRIu64 ", byte %" PRIu64
                  ": %s",
                  where->offset, where->offset, where->cluster, where->byte, where_purpose(where));
    if (where->has_refcount) {
        writer_format(writer, ", refcount %" PRIu64, where->refcount);
    }
    writer_string(writer, "\n");
    for (size_t i = 0; i < where->count; i++) {
        print_reference(&where->references[i], writer);
    }
    if (where->total == 0 && where->unsure && !where->past_end) {
        writer_string(writer, "  a table that cannot be read may refer to it\n");
    }
    if (where->total > where->count) {
        writer_format(writer, "  ... and %" PRIu64 " more\n", where->total - where->count);
    }
}
