// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Walks all tables once and keeps the references to the wanted clusters.

#include "base/checked.h"
#include "format/entry.h"
#include "format/refcount.h"
#include "tables/bitmap_reader.h"
#include "tables/cluster_bits.h"
#include "tables/snapshot_reader.h"
#include "tables/table_walk.h"
#include "where/where.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// Ours, like the budget of a check: half a minute of work.
#define WHERE_BUDGET (UINT64_C(64) << 30)

// Bytes for the set of L2 tables that need not be walked again. Tables that do not fit are walked
// again.
enum { OTHERS_MEMORY = 16 << 20 };

struct search {
    const struct image *image;
    const struct header *header;
    struct where_hosts *where;
    uint64_t first, last;       // the smallest and the largest wanted cluster
    struct cluster_bits others; // L2 tables without a reference to a wanted cluster
    struct memory_limit limit;  // of that set
    struct budget budget;
    struct bytes snapshot; // id of the snapshot that is being walked; data NULL: none
    bool out_of_memory;
};

static void failed(struct search *search, const struct error *error)
{
    search->out_of_memory = search->out_of_memory || error->code == ERROR_MEMORY;
    if (search->where->error_count++ == 0) {
        search->where->first_error = *error;
    }
}

// --- Keeping references --------------------------------------------------------------------------

static char *copy_text(struct bytes bytes)
{
    char *text = malloc(bytes.size + 1);
    if (text) {
        memcpy(text, bytes.data, bytes.size);
        text[bytes.size] = '\0';
    }
    return text;
}

static bool append(const struct search *search, struct where_host *host,
                   const struct where_reference *found)
{
    if (host->total++ >= WHERE_REFERENCES_MAX) {
        return true;
    }
    // The array grows when the count reaches a power of two.
    if ((host->count & (host->count - 1)) == 0) {
        size_t room = max_u64(1, host->count * 2);
        struct where_reference *grown = realloc(host->references, room * sizeof *grown);
        if (!grown) {
            return false;
        }
        host->references = grown;
    }
    struct where_reference *reference = &host->references[host->count++];
    *reference = *found;
    reference->snapshot = search->snapshot.data ? copy_text(search->snapshot) : NULL;
    return reference->snapshot || !search->snapshot.data;
}

// Keeps a reference to [offset, offset + size) for each wanted cluster in this range. Returns
// whether there is one.
static bool keep(struct search *search, uint64_t offset, uint64_t size,
                 const struct where_reference *found)
{
    unsigned bits = search->header->cluster_bits;
    uint64_t end;
    bool any = false;
    if (size == 0 || !checked_add(offset, size - 1, &end)) {
        return false;
    }
    uint64_t first = offset >> bits;
    uint64_t last = end >> bits;
    for (size_t i = 0; first <= search->last && last >= search->first && i < search->where->count;
         i++) {
        struct where_host *host = &search->where->items[i];
        if (host->cluster >= first && host->cluster <= last) {
            any = true;
            search->out_of_memory = !append(search, host, found) || search->out_of_memory;
        }
    }
    return any;
}

static void keep_field(struct search *search, enum where_table table, uint64_t at, uint64_t value,
                       uint64_t size, enum purpose purpose)
{
    const struct where_reference found = {
        .table = table, .purpose = purpose, .at = at, .value = value};
    keep(search, value, size, &found);
}

// --- Disks ---------------------------------------------------------------------------------------

struct l2_place {
    uint64_t offset; // of the table
    uint64_t guest_offset;
};

// Returns whether the entry refers to a wanted cluster.
static bool search_l2_entry(struct search *search, const struct l2_place *table, uint64_t index,
                            struct l2_entry entry)
{
    const struct header *header = search->header;
    struct where_reference found = {
        .table = WHERE_L2_TABLE,
        .purpose = PURPOSE_DATA,
        .at = table->offset + index * header->l2_entry_size,
        .value = entry.entry,
        .index = index,
        .has_guest = true,
        .guest_offset = table->guest_offset + (index << header->cluster_bits),
    };
    struct stretch stretch;
    if (!l2_entry_is_compressed(entry)) {
        return l2_entry_host_offset(entry) != 0 && !header_has_data_file(header) &&
               keep(search, l2_entry_host_offset(entry), header->cluster_size, &found);
    }
    found.purpose = PURPOSE_COMPRESSED;
    if (l2_entry_stretch(header, entry, found.guest_offset, &stretch) != 0) {
        return false;
    }
    found.stored_at = stretch.host_offset;
    found.stored_size = stretch.stored_size;
    return keep(search, stretch.host_offset, stretch.stored_size, &found);
}

// Whether none of the clusters in a range is wanted.
static bool are_others(const struct search *search, uint64_t cluster, uint64_t count)
{
    return cluster + count <= search->first || cluster > search->last;
}

static bool search_l2_view(struct search *search, const struct l2_place *table, struct bytes view,
                           uint64_t first)
{
    const struct header *header = search->header;
    size_t count = view.size / header->l2_entry_size;
    bool any = false;
    for (size_t i = 0; i < count;) {
        struct bytes rest = bytes_from(view, i * header->l2_entry_size);
        struct l2_entry entry = l2_entry_load(header, rest, 0);
        size_t run = l2_entries_plain(header, rest);
        uint64_t cluster = l2_entry_host_offset(entry) >> header->cluster_bits;
        bool plain = l2_entry_is_plain_data(header, entry);
        if (entry.entry == 0 || (plain && are_others(search, cluster, run))) {
            i += run;
            continue;
        }
        any = search_l2_entry(search, table, first + i, entry) || any;
        i++;
    }
    return any;
}

static void search_l2(struct search *search, struct table_file *file, const struct l2_place *table)
{
    const struct header *header = search->header;
    uint64_t cluster = table->offset >> header->cluster_bits;
    struct table_walk walk = l2_walk(file, header, table->offset, &search->budget);
    struct error error;
    enum walk_step step;
    bool any = false;
    bool in_file = cluster < search->others.clusters;
    if (in_file && cluster_bits_has(&search->others, cluster)) {
        return;
    }
    while ((step = table_walk_view(&walk, &error)) == WALK_FOUND) {
        any = search_l2_view(search, table, walk.view, walk.first) || any;
    }
    if (step == WALK_ERROR) {
        error_prefix(&error, "L2 table at %" PRIu64, table->offset);
        failed(search, &error);
    } else if (!any && in_file && search->header->nb_snapshots > 0) {
        cluster_bits_add(&search->others, cluster, 1);
    }
}

static void search_l1_entry(struct search *search, struct table_file *file,
                            const struct table_entry *entry)
{
    const struct header *header = search->header;
    const struct l2_place table = {
        .offset = l1_entry_l2_offset(entry->value),
        .guest_offset = entry->index * header_l2_coverage(header),
    };
    const struct where_reference found = {.table = WHERE_L1_TABLE,
                                          .purpose = PURPOSE_L2_TABLE,
                                          .at = entry->at,
                                          .value = entry->value,
                                          .index = entry->index,
                                          .has_guest = true,
                                          .guest_offset = table.guest_offset};
    struct error error;
    uint32_t faults = faults_unreadable(l1_entry_faults(header, entry->value));
    if (table.offset == 0) {
        return;
    }
    keep(search, table.offset, header->cluster_size, &found);
    if (faults == 0) {
        search_l2(search, file, &table);
        return;
    }
    error_at(&error, ERROR_CORRUPT, entry->at, "L1 entry %" PRIu64 " has %s", entry->index,
             fault_rules[fault_first(faults)].words);
    failed(search, &error);
}

// Walks an L1 table, which a field at `at` of `table` refers to, and everything below it.
static void search_disk(struct search *search, struct l1_table l1, enum where_table table,
                        uint64_t at)
{
    struct table_file l1_file = table_file_make(search->image->source);
    struct table_file l2_file = table_file_make(search->image->source);
    struct table_walk walk = l1_walk(&l1_file, l1, &search->budget);
    struct table_entry entry;
    struct error error;
    enum walk_step step = WALK_END;
    if (!l1_table_is_sound(search->header, l1)) {
        error_at(&error, ERROR_CORRUPT, at,
                 "invalid location or size of an L1 table: %" PRIu32 " entries at %" PRIu64,
                 l1.size, l1.offset);
        failed(search, &error);
        return;
    }
    keep_field(search, table, at, l1.offset, (uint64_t)l1.size * L1_ENTRY_SIZE, PURPOSE_L1_TABLE);
    while (!search->out_of_memory &&
           (step = table_walk_entry(&walk, &entry, &error)) == WALK_FOUND) {
        search_l1_entry(search, &l2_file, &entry);
    }
    if (step == WALK_ERROR) {
        error_prefix(&error, "L1 table at %" PRIu64, l1.offset);
        failed(search, &error);
    }
    table_file_free(&l1_file);
    table_file_free(&l2_file);
}

static void search_snapshots(struct search *search)
{
    struct snapshot snapshot;
    struct snapshot_reader reader = snapshot_reader_start(search->image);
    uint64_t start = reader.at;
    uint64_t at = reader.at;
    while (!search->out_of_memory && snapshot_reader_next(&reader, &snapshot, NULL)) {
        // The id is valid only until the reader returns its next entry.
        search->snapshot = snapshot.id.data ? snapshot.id : (struct bytes){(const uint8_t *)"", 0};
        search_disk(search, (struct l1_table){snapshot.l1_table_offset, snapshot.l1_size},
                    WHERE_SNAPSHOT_TABLE, at);
        at = reader.at;
    }
    search->snapshot = (struct bytes){0};
    if (reader.ended.code) {
        failed(search, &reader.ended);
    }
    snapshot_reader_free(&reader);
    keep_field(search, WHERE_HEADER, HEADER_SNAPSHOTS_OFFSET, start, at - start,
               PURPOSE_SNAPSHOT_TABLE);
}

// --- Other tables --------------------------------------------------------------------------------

// Walks a table with entries of 8 bytes that all refer to whole clusters.
static void search_entries(struct search *search, struct table_walk *walk, uint64_t mask,
                           enum where_table table, enum purpose purpose)
{
    struct table_entry entry;
    struct error error;
    enum walk_step step;
    while ((step = table_walk_entry(walk, &entry, &error)) == WALK_FOUND) {
        const struct where_reference found = {.table = table,
                                              .purpose = purpose,
                                              .at = entry.at,
                                              .value = entry.value,
                                              .index = entry.index};
        if ((entry.value & mask) != 0) {
            keep(search, entry.value & mask, search->header->cluster_size, &found);
        }
        budget_spend(&search->budget, 16);
    }
    if (step == WALK_ERROR) {
        error_prefix(&error, "table at %" PRIu64, walk->offset);
        failed(search, &error);
    }
}

static void search_bitmap(struct search *search, const struct bitmap *bitmap, uint64_t at)
{
    struct table_file file = table_file_make(search->image->source);
    struct table_walk walk =
        bitmap_walk(&file, bitmap->table_offset, bitmap->table_size, &search->budget);
    if (bitmap_table_limited(bitmap, &search->image->header)) {
        keep_field(search, WHERE_BITMAP_DIRECTORY, at, bitmap->table_offset,
                   walk.size * BITMAP_TABLE_ENTRY_SIZE, PURPOSE_BITMAP_TABLE);
        search_entries(search, &walk, ENTRY_OFFSET_MASK, WHERE_BITMAP_TABLE, PURPOSE_BITMAP_DATA);
    }
    table_file_free(&file);
}

static void search_extensions(struct search *search)
{
    const struct extensions *extensions = &search->image->extensions;
    struct bitmap bitmap;
    if (extensions->has_encryption) {
        keep_field(search, WHERE_EXTENSION, search->header->header_length,
                   extensions->encryption_offset, extensions->encryption_length,
                   PURPOSE_ENCRYPTION);
    }
    if (!extensions->has_bitmaps || !(search->header->autoclear_features & AUTOCLEAR_BITMAPS)) {
        return;
    }
    keep_field(search, WHERE_EXTENSION, search->header->header_length,
               extensions->bitmaps_directory_offset, extensions->bitmaps_directory_size,
               PURPOSE_BITMAP_DIRECTORY);
    struct bitmap_reader reader = bitmap_reader_start(search->image);
    uint64_t at = reader.at;
    while (bitmap_reader_next(&reader, &bitmap, NULL)) {
        search_bitmap(search, &bitmap, at);
        at = reader.at;
    }
    if (reader.ended.code) {
        failed(search, &reader.ended);
    }
    bitmap_reader_free(&reader);
}

static void search_refcounts(struct search *search)
{
    struct table_file file = table_file_make(search->image->source);
    struct table_walk walk = refcount_table_walk(&file, search->header);
    uint64_t bytes = walk.size * REFCOUNT_TABLE_ENTRY_SIZE;
    if (bytes <= CAP_REFCOUNT_TABLE_BYTES) {
        keep_field(search, WHERE_HEADER, HEADER_REFCOUNT_TABLE_OFFSET, walk.offset, bytes,
                   PURPOSE_REFCOUNT_TABLE);
        search_entries(search, &walk, REFTABLE_OFFSET_MASK, WHERE_REFCOUNT_TABLE,
                       PURPOSE_REFCOUNT_BLOCK);
    }
    table_file_free(&file);
}

// --- The walk ------------------------------------------------------------------------------------

static bool start(struct search *search, const uint64_t *offsets, size_t count)
{
    struct where_hosts *where = search->where;
    where->items = calloc(count, sizeof *where->items);
    if (!where->items) {
        return false;
    }
    where->count = count;
    search->first = UINT64_MAX;
    search->limit = (struct memory_limit){.most = OTHERS_MEMORY};
    search->others = cluster_bits_make(
        divide_up(search->image->source->size, search->header->cluster_size), &search->limit);
    for (size_t i = 0; i < count; i++) {
        struct where_host *host = &where->items[i];
        host->offset = offsets[i];
        host->cluster = offsets[i] >> search->header->cluster_bits;
        host->byte = offsets[i] & (search->header->cluster_size - 1);
        host->past_end = offsets[i] >= search->image->source->size;
        host->has_refcount = where_refcount(search->image, host->cluster, &host->refcount);
        search->first = min_u64(search->first, host->cluster);
        search->last = max_u64(search->last, host->cluster);
    }
    return true;
}

static void search_all(struct search *search)
{
    struct error error;
    keep_field(search, WHERE_FORMAT, 0, 0, search->header->cluster_size, PURPOSE_HEADER);
    search_disk(search, l1_table_active(search->header), WHERE_HEADER, HEADER_L1_TABLE_OFFSET);
    search_snapshots(search);
    search_extensions(search);
    search_refcounts(search);
    if (search->budget.ended) {
        error_set(&error, ERROR_LIMIT,
                  "the tables refer to each other too often: gave up after work for %" PRIu64
                  " bytes of tables",
                  WHERE_BUDGET);
        failed(search, &error);
    }
}

bool where_hosts(const struct chain *chain, const uint64_t *offsets, size_t count,
                 struct where_hosts *where, struct error *error)
{
    const struct image *image = chain->layers[0].image;
    struct search search = {
        .image = image, .header = &image->header, .where = where, .budget = {.left = WHERE_BUDGET}};
    *where = (struct where_hosts){0};
    if (!image->header.geometry_known) {
        return error_at(error, ERROR_CORRUPT, HEADER_CLUSTER_BITS,
                        "the version or the cluster size is unknown");
    }
    search.out_of_memory = !start(&search, offsets, count);
    if (!search.out_of_memory) {
        search_all(&search);
    }
    for (size_t i = 0; i < where->count; i++) {
        where->items[i].unsure = where->error_count > 0;
    }
    cluster_bits_free(&search.others);
    return search.out_of_memory ? error_set(error, ERROR_MEMORY, "out of memory") : true;
}

void where_hosts_free(struct where_hosts *where)
{
    for (size_t i = 0; i < where->count; i++) {
        struct where_host *host = &where->items[i];
        for (size_t j = 0; j < host->count; j++) {
            free(host->references[j].snapshot);
        }
        free(host->references);
    }
    free(where->items);
    *where = (struct where_hosts){0};
}
