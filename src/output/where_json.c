// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "output/where_output.h"

#include <inttypes.h>
#include <string.h>

static void print_hex(struct json *json, const char *key, uint64_t value)
{
    json_key(json, key);
    json_format(json, "0x%016" PRIx64, value);
}

static const char *kind_code(enum cluster_kind kind)
{
    switch (kind) {
    case CLUSTER_ZERO:
        return "zero";
    case CLUSTER_DATA:
        return "data";
    case CLUSTER_COMPRESSED:
        return "compressed";
    default:
        return "unallocated";
    }
}

// The object of an entry stays open for more keys.
static void begin_entry(struct json *json, const char *key, const struct where_entry *entry)
{
    json_key_object(json, key);
    json_key_u64(json, "index", entry->index);
    json_key_u64(json, "offset", entry->at);
    print_hex(json, "value", entry->value);
}

static void print_tables(const struct where_layer *where, struct json *json)
{
    if (where->l1.there) {
        begin_entry(json, "l1", &where->l1);
        json_key_u64(json, "l2_offset", l1_entry_l2_offset(where->l1.value));
        json_end(json);
    }
    if (where->l2.there) {
        begin_entry(json, "l2", &where->l2);
        if (where->extended) {
            print_hex(json, "subclusters", where->subclusters);
            json_key_u64(json, "subcluster", where->subcluster);
        }
        json_end(json);
    }
    if (where->has_refcount) {
        json_key_u64(json, "refcount", where->refcount);
    }
}

static void print_layer(const struct where_layer *where, size_t depth, bool broken,
                        struct json *json)
{
    json_object(json);
    json_key_u64(json, "depth", depth);
    json_key_text(json, "filename", where->layer->path);
    json_key_text(json, "format", where->layer->raw ? "raw" : "qcow2");
    print_tables(where, json);
    json_key_text(json, "says",
                  broken            ? "broken"
                  : where->past_end ? "past-end"
                                    : kind_code(where->stretch.kind));
    json_end(json);
}

static void print_fault(const struct error *fault, struct json *json)
{
    json_key_object(json, "fault");
    json_key_text(json, "code", fault->code);
    json_key_text(json, "message", fault->message);
    if (fault->has_offset) {
        json_key_u64(json, "offset", fault->offset);
    }
    json_end(json);
}

// The location of the byte, from the layer that decides.
static void print_place(const struct where_layer *last, struct json *json)
{
    enum cluster_kind kind = last->stretch.kind;
    bool compressed = kind == CLUSTER_COMPRESSED;
    json_key_text(json, "kind", kind == CLUSTER_UNALLOCATED ? "hole" : kind_code(kind));
    if (last->stretch.has_host && kind != CLUSTER_UNALLOCATED) {
        json_key_text(json, "filename",
                      compressed ? last->layer->path : layer_data_path(last->layer));
        json_key_u64(json, "host_offset", last->stretch.host_offset);
    }
    if (compressed) {
        json_key_u64(json, "stored_size", last->stretch.stored_size);
    }
}

void where_print_guest_json(const struct where_guest *where, struct json *json)
{
    bool broken = where->fault.code != NULL;
    json_object(json);
    json_key_u64(json, "guest_offset", where->offset);
    json_key_array(json, "layers");
    for (size_t i = 0; i < where->count; i++) {
        print_layer(&where->layers[i], i, broken && i + 1 == where->count, json);
    }
    json_end(json);
    if (broken) {
        print_fault(&where->fault, json);
    } else {
        print_place(&where->layers[where->count - 1], json);
    }
    json_finish(json);
}

static void print_reference(const struct where_reference *reference, struct json *json)
{
    json_object(json);
    json_key_text(json, "table", where_table_code(reference->table));
    json_key_text(json, "purpose", where_purpose_code(reference->purpose));
    json_key_u64(json, "offset", reference->at);
    json_key_u64(json, "index", reference->index);
    print_hex(json, "value", reference->value);
    if (reference->snapshot) {
        json_key_string(
            json, "snapshot",
            (struct bytes){(const uint8_t *)reference->snapshot, strlen(reference->snapshot)});
    } else {
        json_key_null(json, "snapshot");
    }
    if (reference->has_guest) {
        json_key_u64(json, "guest_offset", reference->guest_offset);
    }
    json_end(json);
}

void where_print_host_json(const struct where_host *where, struct json *json)
{
    json_object(json);
    json_key_u64(json, "host_offset", where->offset);
    json_key_u64(json, "cluster", where->cluster);
    json_key_text(json, "purpose", where_purpose(where));
    if (where->has_refcount) {
        json_key_u64(json, "refcount", where->refcount);
    } else {
        json_key_null(json, "refcount");
    }
    json_key_u64(json, "reference_count", where->total);
    json_key_array(json, "references");
    for (size_t i = 0; i < where->count; i++) {
        print_reference(&where->references[i], json);
    }
    json_finish(json);
}
