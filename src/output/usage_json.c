// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/checked.h"
#include "output/usage_output.h"

void usage_sum_add(struct usage_sum *sum, const struct usage *usage)
{
    sum->layers++;
    sum->file_size = add_clipped(sum->file_size, usage->file_size);
    sum->allocated_size = add_clipped(sum->allocated_size, usage->allocated_size);
    for (size_t i = 0; i < PARTS; i++) {
        sum->parts[i].bytes = add_clipped(sum->parts[i].bytes, usage->parts[i].bytes);
        sum->parts[i].clusters = add_clipped(sum->parts[i].clusters, usage->parts[i].clusters);
    }
}

static void print_parts(const struct part *parts, struct json *json)
{
    json_key_array(json, "parts");
    for (size_t i = 0; i < PARTS; i++) {
        json_object(json);
        json_key_text(json, "code", part_rules[i].code);
        json_key_u64(json, "bytes", parts[i].bytes);
        json_key_u64(json, "clusters", parts[i].clusters);
        json_end(json);
    }
    json_end(json);
}

static void print_snapshots(const struct usage *usage, struct json *json)
{
    json_key_array(json, "snapshots");
    for (size_t i = 0; i < usage->snapshot_count; i++) {
        const struct usage_snapshot *snapshot = &usage->snapshots[i];
        json_object(json);
        json_key_string(json, "id", snapshot->id);
        json_key_string(json, "name", snapshot->name);
        json_key_u64(json, "referenced_bytes", snapshot->referenced_bytes);
        json_key_u64(json, "exclusive_bytes", snapshot->exclusive_bytes);
        json_key_u64(json, "vm_state_bytes", snapshot->vm_state_bytes);
        json_end(json);
    }
    json_end(json);
    json_key_u64(json, "all_snapshots_exclusive_bytes", usage->all_snapshots_exclusive_bytes);
}

static void print_sizes(struct json *json, const char *key, uint64_t required,
                        uint64_t fully_allocated)
{
    json_key_object(json, key);
    json_key_u64(json, "required", required);
    json_key_u64(json, "fully_allocated", fully_allocated);
}

static void print_measure(const struct measure_sizes *measure, struct json *json)
{
    if (!measure->raw_known) {
        json_key_null(json, "measure");
        return;
    }
    json_key_object(json, "measure");
    print_sizes(json, "raw", measure->raw, measure->raw);
    json_end(json);
    if (measure->qcow2_known) {
        print_sizes(json, "qcow2", measure->required, measure->fully_allocated);
        if (measure->has_bitmaps) {
            json_key_u64(json, "bitmaps", measure->bitmaps);
        }
        json_end(json);
    } else {
        json_key_null(json, "qcow2");
    }
    json_end(json);
}

void usage_print_json(const struct usage *usage, const char *filename, struct json *json)
{
    json_object(json);
    json_key_text(json, "filename", filename);
    json_key_u64(json, "file_size", usage->file_size);
    if (usage->allocated_known) {
        json_key_u64(json, "allocated_size", usage->allocated_size);
    } else {
        json_key_null(json, "allocated_size");
    }
    json_key_u64(json, "virtual_size", usage->virtual_size);
    print_parts(usage->parts, json);
    print_snapshots(usage, json);
    json_key_object(json, "compressed");
    json_key_u64(json, "host_bytes", usage->compressed_host_bytes);
    json_key_u64(json, "guest_bytes", usage->compressed_guest_bytes);
    json_end(json);
    print_measure(&usage->measure, json);
    json_key_u64(json, "errors", usage->error_count);
    json_end(json);
}

void usage_sum_print_json(const struct usage_sum *sum, struct json *json)
{
    json_object(json);
    json_key_u64(json, "layers", sum->layers);
    json_key_u64(json, "file_size", sum->file_size);
    json_key_u64(json, "allocated_size", sum->allocated_size);
    print_parts(sum->parts, json);
    json_end(json);
}
