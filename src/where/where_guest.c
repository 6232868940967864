// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/checked.h"
#include "format/entry.h"
#include "tables/refcount_walk.h"
#include "where/where.h"

#include <inttypes.h>
#include <stdlib.h>

// --- Refcounts -----------------------------------------------------------------------------------

bool where_refcount(const struct image *image, uint64_t cluster, uint64_t *refcount)
{
    const struct header *header = &image->header;
    uint64_t table = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    *refcount = 0;
    if (header->refcount_bits == 0 || table > CAP_REFCOUNT_TABLE_BYTES) {
        return false;
    }
    struct refcount_walk walk = refcount_walk_make(image, NULL);
    struct refcounts refcounts;
    struct error ignored;
    enum walk_step step;
    refcount_walk_start(&walk, align_down(cluster, 8), cluster + 1);
    while ((step = refcount_walk_next(&walk, &refcounts, &ignored)) == WALK_FOUND) {
        if (cluster - refcounts.first < refcounts.count) {
            *refcount = refcounts_load(&refcounts, cluster - refcounts.first);
        }
    }
    refcount_walk_free(&walk);
    return step == WALK_END;
}

// --- One layer -----------------------------------------------------------------------------------

static bool read_entry(const struct image *image, struct where_entry *entry, struct error *error)
{
    uint8_t bytes[L1_ENTRY_SIZE];
    if (!source_read(image->source, entry->at, bytes, sizeof bytes, error)) {
        return false;
    }
    entry->value = load_be64(bytes);
    entry->there = true;
    return true;
}

// Reads the L1 entry. False, with `fault`, when the byte cannot be found.
static bool read_l1(struct where_layer *where, struct l1_table l1, uint64_t offset,
                    struct error *fault)
{
    const struct image *image = where->layer->image;
    struct where_entry *entry = &where->l1;
    entry->index = offset / header_l2_coverage(&image->header);
    entry->at = l1.offset + entry->index * L1_ENTRY_SIZE;
    if (entry->index >= l1.size) {
        return true;
    }
    if (!read_entry(image, entry, fault)) {
        return error_prefix(fault, "L1 entry %" PRIu64, entry->index);
    }
    uint32_t faults = faults_unreadable(l1_entry_faults(&image->header, entry->value));
    return faults == 0 || error_at(fault, ERROR_CORRUPT, entry->at, "L1 entry %" PRIu64 " has %s",
                                   entry->index, fault_rules[fault_first(faults)].words);
}

// Reads the L2 entry in the table at `table`, and finds the stretch with the byte.
static bool read_l2(struct where_layer *where, uint64_t table, uint64_t offset, struct error *fault)
{
    const struct image *image = where->layer->image;
    const struct header *header = &image->header;
    struct where_entry *entry = &where->l2;
    struct where_entry bitmap = {0};
    entry->index = (offset >> header->cluster_bits) & (header->l2_entries - 1);
    entry->at = table + entry->index * header->l2_entry_size;
    bitmap.at = entry->at + L2_ENTRY_SIZE;
    where->extended = header_extended_l2(header);
    if (!read_entry(image, entry, fault) ||
        (where->extended && !read_entry(image, &bitmap, fault))) {
        return error_prefix(fault, "L2 table at %" PRIu64, table);
    }
    where->subclusters = bitmap.value;
    where->subcluster =
        (unsigned)((offset & (header->cluster_size - 1)) / (header->cluster_size / SUBCLUSTERS));
    struct l2_entry l2 = {entry->value, bitmap.value};
    uint32_t faults = l2_entry_stretch(header, l2, offset, &where->stretch);
    return faults == 0 || error_at(fault, ERROR_CORRUPT, entry->at,
                                   "L2 entry %" PRIu64 " of the table at %" PRIu64 " has %s",
                                   entry->index, table, fault_rules[fault_first(faults)].words);
}

static bool decides(const struct where_layer *where)
{
    return where->stretch.kind != CLUSTER_UNALLOCATED;
}

// Sets the fault for data past the end of the file.
static bool check_end(const struct where_layer *where, struct error *fault)
{
    bool compressed = where->stretch.kind == CLUSTER_COMPRESSED;
    const struct source *file = compressed ? where->layer->image->source : layer_data(where->layer);
    if ((where->stretch.kind != CLUSTER_DATA && !compressed) ||
        where->stretch.host_offset < file->size) {
        return true;
    }
    return error_at(fault, source_complete(file) ? ERROR_TRUNCATED : ERROR_UNSEEN,
                    where->stretch.host_offset,
                    "the data lies past the end of the file at %" PRIu64, file->size);
}

static bool follow_image(struct where_layer *where, struct l1_table l1, uint64_t offset,
                         struct error *fault)
{
    const struct image *image = where->layer->image;
    if (!read_l1(where, l1, offset, fault)) {
        return false;
    }
    uint64_t table = where->l1.there ? l1_entry_l2_offset(where->l1.value) : 0;
    if (table == 0) {
        return true;
    }
    if (!read_l2(where, table, offset, fault)) {
        return false;
    }
    if (where->stretch.has_host &&
        (!header_has_data_file(&image->header) || where->stretch.kind == CLUSTER_COMPRESSED)) {
        where->has_refcount = where_refcount(
            image, where->stretch.host_offset >> image->header.cluster_bits, &where->refcount);
    }
    return check_end(where, fault);
}

static void follow_raw(struct where_layer *where, uint64_t offset)
{
    bool hole;
    source_run(where->layer->raw, offset, &hole);
    where->stretch = (struct stretch){.kind = hole ? CLUSTER_ZERO : CLUSTER_DATA,
                                      .has_host = true,
                                      .length = 1,
                                      .host_offset = offset};
}

// --- The chain -----------------------------------------------------------------------------------

bool where_guest(const struct view *view, uint64_t offset, struct where_guest *answer,
                 struct error *error)
{
    const struct chain *chain = view->chain;
    bool going = true;
    *answer = (struct where_guest){.offset = offset,
                                   .layers = calloc(chain->count, sizeof *answer->layers)};
    if (!answer->layers) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    while (going && answer->count < chain->count) {
        size_t depth = answer->count++;
        struct where_layer *where = &answer->layers[depth];
        where->layer = &chain->layers[depth];
        uint64_t size = depth == 0 ? view_end(view) : where->layer->size;
        where->past_end = offset >= size;
        if (where->past_end) {
            break; // zeros
        }
        if (where->layer->raw) {
            follow_raw(where, offset);
            break;
        }
        struct l1_table l1 = depth == 0 ? view->l1 : l1_table_active(&where->layer->image->header);
        going = follow_image(where, l1, offset, &answer->fault) && !decides(where);
    }
    return true;
}

void where_guest_free(struct where_guest *where)
{
    free(where->layers);
    *where = (struct where_guest){0};
}
