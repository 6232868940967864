// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "inspect/check.h"

#include "base/checked.h"
#include "format/layout.h"
#include "format/refcount.h"
#include "image/encryption.h"
#include "image/export.h"
#include "inspect/bitmap_reader.h"
#include "inspect/check_state.h"
#include "inspect/snapshot_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 96 };

void check_failed(struct check_state *state, const struct error *error)
{
    if (state->check->check_errors++ == 0) {
        state->check->first_error = *error;
    }
}

void check_unreadable(struct check_state *state, const struct error *error)
{
    if (error->code != ERROR_TRUNCATED || error->offset < state->image->source->size) {
        check_failed(state, error);
    }
}

// Ours: half a minute of work. Without faults, 1000 snapshots of a 64 TiB disk have 8 GiB of L1
// tables, and 65536 of a disk of 4 GiB have 32 GiB of L2 tables to go through.
#define CAP_CHECK_SPENT (UINT64_C(64) << 30)

// So many bytes of zeros are gone through in the time that something of a table takes.
static const uint64_t costs[] = {
    [CHECK_BYTE] = 1,
    [CHECK_L1_ENTRY] = 256,
    [CHECK_ENTRY] = 16,
    [CHECK_FINDING] = 512,
};

uint64_t check_told(const struct check_state *state)
{
    uint64_t told = 0;
    for (size_t severity = 0; severity < SEVERITY_COUNT; severity++) {
        told += state->check->findings.totals[severity];
    }
    return told;
}

bool check_spend(struct check_state *state, enum check_cost what, uint64_t count)
{
    bool before = state->spent > CAP_CHECK_SPENT;
    state->spent = before ? state->spent : state->spent + count * costs[what];
    if (state->spent <= CAP_CHECK_SPENT) {
        return true;
    }
    if (!before) {
        struct error error;
        error_set(&error, ERROR_LIMIT,
                  "tables that refer to each other again and again make as much work as %" PRIu64
                  " bytes of tables; the rest is left out",
                  CAP_CHECK_SPENT);
        check_failed(state, &error);
    }
    return false;
}

uint64_t check_hole(struct check_state *state, uint64_t offset)
{
    return source_hole_again(state->image->source, offset, &state->hole);
}

static uint64_t add_clipped(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return checked_add(a, b, &sum) ? sum : UINT64_MAX;
}

void check_progress(const struct check_state *state, uint64_t guest_bytes)
{
    const struct check_options *options = state->options;
    // One measure for the whole work: with the data, only they count.
    if (options->on_progress && !options->data) {
        options->on_progress(
            options->context,
            add_clipped(state->disks_done, min_u64(guest_bytes, state->disk_bytes)));
    }
}

static void count_reference(struct check_state *state, uint64_t cluster, enum purpose purpose,
                            const struct finding *at, const char *place)
{
    struct findings *findings = &state->check->findings;
    uint32_t *cell = check_cell(state, cluster);
    struct finding finding = *at;
    if (!cell) {
        return;
    }
    finding.has_host = true;
    finding.host_offset = cluster << state->header->cluster_bits;
    enum purpose before = reference_purpose(*cell);
    if (before == PURPOSE_NONE) {
        *cell |= (uint32_t)purpose << REFERENCE_PURPOSE_SHIFT;
        state->refcount_blocks += purpose == PURPOSE_REFCOUNT_BLOCK;
    } else if (before != purpose && !(*cell & REFERENCE_SHARED)) {
        *cell |= REFERENCE_SHARED;
        finding.kind = FINDING_OVERLAP;
        findings_add(findings, &finding, "%s uses for %s what is also used for %s", place,
                     purpose_name(purpose), purpose_name(before));
    }
    if (reference_count(*cell) == state->refcount_max) {
        finding.kind = FINDING_REFCOUNT_OVERFLOW;
        findings_add(findings, &finding, "%s", place);
    } else if (reference_count(*cell) < REFERENCE_COUNT_MAX) {
        ++*cell;
    }
}

static void tell_range(struct check_state *state, enum finding_kind kind, uint64_t offset,
                       uint64_t size, enum purpose purpose, const struct finding *at,
                       const char *place)
{
    struct finding finding = *at;
    finding.kind = kind;
    finding.has_host = true;
    finding.host_offset = offset;
    findings_add(&state->check->findings, &finding, "%s refers to %" PRIu64 " bytes of %s", place,
                 size, purpose_name(purpose));
}

// The header is as long as it says; how much of a data cluster has to be there depends on the disk.
static bool may_end_early(enum purpose purpose)
{
    return purpose == PURPOSE_HEADER || purpose == PURPOSE_DATA || purpose == PURPOSE_COMPRESSED;
}

void check_reference(struct check_state *state, uint64_t offset, uint64_t size,
                     enum purpose purpose, const struct finding *at, const char *place)
{
    const struct header *header = state->header;
    uint64_t file_size = state->image->source->size;
    uint64_t end;
    if (size == 0) {
        return;
    }
    // The last cluster of a file need not be whole.
    if (!checked_add(offset, size, &end) || end > file_size + (header->cluster_size - 1)) {
        tell_range(state, FINDING_OUT_OF_FILE, offset, size, purpose, at, place);
        return;
    }
    if (end > file_size && !may_end_early(purpose)) {
        tell_range(state, FINDING_CUT_SHORT, offset, size, purpose, at, place);
    }
    uint64_t last = (end - 1) >> header->cluster_bits;
    for (uint64_t cluster = offset >> header->cluster_bits; cluster <= last; cluster++) {
        count_reference(state, cluster, purpose, at, place);
    }
}

static bool sound_l1(const struct header *header, const struct snapshot *snapshot)
{
    return is_aligned(snapshot->l1_table_offset, header->cluster_size) &&
           snapshot->l1_table_offset < HOST_OFFSET_LIMIT && snapshot->l1_size <= CAP_L1_SIZE;
}

// Bytes of the disk of a snapshot, 0 when its data cannot be read.
static uint64_t readable_bytes(const struct header *header, const struct snapshot *snapshot)
{
    return sound_l1(header, snapshot) &&
                   snapshot->disk_size / header_l2_coverage(header) < CAP_L1_SIZE
               ? snapshot->disk_size
               : 0;
}

uint64_t check_progress_total(const struct chain *chain)
{
    const struct image *image = chain->layers[0].image;
    uint64_t total = chain_size(chain);
    struct snapshot snapshot;
    struct snapshot_reader reader = snapshot_reader_start(image);
    while (snapshot_reader_next(&reader, &snapshot, NULL)) {
        total = add_clipped(total, readable_bytes(&image->header, &snapshot));
    }
    snapshot_reader_free(&reader);
    return total;
}

static void end_disk(struct check_state *state)
{
    check_progress(state, state->disk_bytes);
    state->disks_done = add_clipped(state->disks_done, state->disk_bytes);
}

static void check_snapshot(struct check_state *state, const struct snapshot *snapshot, uint64_t at)
{
    struct findings *findings = &state->check->findings;
    struct finding finding = {.has_host = true, .host_offset = at};
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "the L1 table of snapshot %.*s",
             (int)min_u64(snapshot->id.size, 40), (const char *)snapshot->id.data);
    if (state->header->version >= 3 && snapshot->extra_size < SNAPSHOT_EXTRA_MIN_V3) {
        finding.kind = FINDING_SNAPSHOT_INCOMPLETE;
        findings_add(findings, &finding, "the table entry at %" PRIu64, at);
    }
    if (sound_l1(state->header, snapshot)) {
        struct l1_table l1 = {snapshot->l1_table_offset, snapshot->l1_size};
        state->disk_bytes = readable_bytes(state->header, snapshot);
        check_l1_tree(state, l1, snapshot->disk_size, false, name);
        end_disk(state);
    } else {
        finding.kind = FINDING_SNAPSHOT_L1;
        findings_add(findings, &finding, "%" PRIu32 " entries at %" PRIu64, snapshot->l1_size,
                     snapshot->l1_table_offset);
    }
}

// What is wrong with an entry of the snapshot table and has no code of its own. Takes it off the
// list.
static void tell_snapshot_problems(struct check_state *state, const struct snapshot *snapshot,
                                   struct problems *problems)
{
    bool has_code = (state->header->version >= 3 && snapshot->extra_size < SNAPSHOT_EXTRA_MIN_V3) ||
                    !sound_l1(state->header, snapshot);
    for (size_t i = 0; !has_code && i < problems->count; i++) {
        const struct error *error = &problems->items[i].error;
        const struct finding finding = {
            .kind = FINDING_SNAPSHOT, .has_host = true, .host_offset = error->offset};
        findings_add(&state->check->findings, &finding, "%s", error->message);
    }
    problems_free(problems);
}

static void check_snapshots(struct check_state *state)
{
    const struct finding at = {0};
    struct problems problems = {0};
    struct snapshot snapshot;
    struct snapshot_reader reader = snapshot_reader_start(state->image);
    uint64_t start = reader.at;
    uint64_t entry = reader.at;
    uint64_t end = reader.at;
    while (snapshot_reader_next(&reader, &snapshot, &problems)) {
        tell_snapshot_problems(state, &snapshot, &problems);
        if (state->header->incompatible_features & INCOMPATIBLE_DATA_FILE) {
            struct finding finding = {
                .kind = FINDING_SNAPSHOTS_DATA_FILE, .has_host = true, .host_offset = entry};
            findings_add(&state->check->findings, &finding, "the table entry at %" PRIu64, entry);
        }
        end = entry + snapshot.end;
        check_snapshot(state, &snapshot, entry);
        entry = reader.at;
    }
    if (reader.ended.code == ERROR_TRUNCATED) {
        struct finding finding = {
            .kind = FINDING_OUT_OF_FILE, .has_host = true, .host_offset = entry};
        findings_add(&state->check->findings, &finding, "%s", reader.ended.message);
    } else if (reader.ended.code) {
        check_failed(state, &reader.ended);
    } else if (reader.next < state->header->nb_snapshots) {
        struct error error;
        error_at(&error, ERROR_CORRUPT, start, "the snapshot table cannot be there");
        check_failed(state, &error);
    }
    snapshot_reader_free(&reader);
    check_reference(state, start, end - start, PURPOSE_SNAPSHOT_TABLE, &at, "the header");
}

static void check_encryption_header(struct check_state *state)
{
    const struct extensions *extensions = &state->image->extensions;
    const struct finding none = {0};
    struct problems problems = {0};
    struct luks luks;
    if (extensions->has_encryption) {
        check_reference(state, extensions->encryption_offset, extensions->encryption_length,
                        PURPOSE_ENCRYPTION, &none, "the header extension");
    }
    encryption_load_luks(state->image, &luks, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        const struct error *error = &problems.items[i].error;
        const struct finding at = {
            .kind = FINDING_ENCRYPTION_HEADER, .has_host = true, .host_offset = error->offset};
        // What the file is too short for was told with the reference to it.
        if (error->code != ERROR_TRUNCATED && error->code != ERROR_UNSEEN) {
            findings_add(&state->check->findings, &at, "%s", error->message);
        }
    }
    problems_free(&problems);
}

static void tell_bitmap(struct check_state *state, uint64_t offset, const char *message)
{
    const struct finding finding = {
        .kind = FINDING_BITMAP, .has_host = true, .host_offset = offset};
    findings_add(&state->check->findings, &finding, "%s", message);
}

// What ended the reading of a table or of the directory.
static void tell_bitmap_end(struct check_state *state, uint64_t offset, const struct error *error)
{
    if (error->code == ERROR_MEMORY) {
        state->out_of_memory = true;
    } else {
        tell_bitmap(state, offset, error->message);
    }
}

// Also takes them off the list.
static void tell_bitmap_problems(struct check_state *state, struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct error *error = &problems->items[i].error;
        tell_bitmap(state, error->offset, error->message);
    }
    problems_free(problems);
}

static void check_bitmap_table(struct check_state *state, const struct bitmap *bitmap)
{
    const struct finding none = {0};
    uint64_t bits = (uint64_t)bitmap->table_size << state->header->cluster_bits;
    if (bitmap->table_size > CAP_BITMAP_TABLE_ENTRIES || bits > CAP_BITMAP_BYTES) {
        return; // no table has so many entries; that was told
    }
    struct table_window window = table_window_make(TABLE_WINDOW_MAX);
    check_reference(state, bitmap->table_offset,
                    (uint64_t)bitmap->table_size * BITMAP_TABLE_ENTRY_SIZE, PURPOSE_BITMAP_TABLE,
                    &none, "the bitmap directory");
    for (uint64_t i = 0; i < bitmap->table_size; i++) {
        uint64_t at = bitmap->table_offset + i * BITMAP_TABLE_ENTRY_SIZE;
        struct bytes view;
        struct error error;
        uint64_t told = check_told(state);
        if (!check_spend(state, CHECK_BYTE, BITMAP_TABLE_ENTRY_SIZE)) {
            break;
        }
        if (!table_window_view(&window, state->image->source, at, BITMAP_TABLE_ENTRY_SIZE,
                               (bitmap->table_size - i) * BITMAP_TABLE_ENTRY_SIZE, &view, &error)) {
            tell_bitmap_end(state, at, &error);
            break;
        }
        uint64_t entry = bytes_be64(view, 0);
        uint64_t offset = entry & ENTRY_OFFSET_MASK;
        if (!bitmap_entry_valid(entry, state->header)) {
            tell_bitmap(state, at, "an entry of the bitmap table is not valid");
        } else if (offset != 0) {
            check_reference(state, offset, state->header->cluster_size, PURPOSE_BITMAP_DATA, &none,
                            "a bitmap table");
        }
        check_spend(state, CHECK_ENTRY, entry != 0);
        check_spend(state, CHECK_FINDING, check_told(state) - told);
    }
    table_window_free(&window);
}

void check_bitmaps(struct check_state *state)
{
    const struct extensions *extensions = &state->image->extensions;
    const struct finding none = {0};
    struct problems problems = {0};
    struct bitmap bitmap;
    // Without the autoclear bit the bitmaps are no longer there, and their clusters are lost.
    if (!extensions->has_bitmaps || !(state->header->autoclear_features & AUTOCLEAR_BITMAPS)) {
        return;
    }
    check_reference(state, extensions->bitmaps_directory_offset, extensions->bitmaps_directory_size,
                    PURPOSE_BITMAP_DIRECTORY, &none, "the header extension");
    struct bitmap_reader reader = bitmap_reader_start(state->image);
    while (bitmap_reader_next(&reader, &bitmap, &problems)) {
        tell_bitmap_problems(state, &problems);
        check_bitmap_table(state, &bitmap);
    }
    if (reader.ended.code) {
        tell_bitmap_end(state, extensions->bitmaps_directory_offset, &reader.ended);
    }
    bitmap_reader_free(&reader);
}

static void check_header(struct check_state *state)
{
    const struct image *image = state->image;
    struct findings *findings = &state->check->findings;
    uint64_t features = state->header->incompatible_features;
    struct finding at = {.has_host = true, .host_offset = HEADER_INCOMPATIBLE_FEATURES};
    if (features & INCOMPATIBLE_DIRTY) {
        at.kind = FINDING_DIRTY;
        findings_add(findings, &at, "incompatible feature bit 0");
    }
    if (features & INCOMPATIBLE_CORRUPT) {
        at.kind = FINDING_CORRUPT_BIT;
        findings_add(findings, &at, "incompatible feature bit 1");
    }
    for (size_t i = 0; i < image->problems.count; i++) {
        const struct error *error = &image->problems.items[i].error;
        struct finding problem = {
            .kind = FINDING_HEADER, .has_host = error->has_offset, .host_offset = error->offset};
        findings_add(findings, &problem, "%s", error->message);
    }
}

static void check_trailing_bytes(struct check_state *state)
{
    const struct check *check = state->check;
    uint64_t size = state->image->source->size;
    if (size > check->image_end_offset) {
        const struct finding at = {.kind = FINDING_TRAILING_BYTES,
                                   .has_host = true,
                                   .host_offset = check->image_end_offset};
        findings_add(&state->check->findings, &at, "%" PRIu64 " bytes",
                     size - check->image_end_offset);
    }
}

// Of a pipe we have seen the first bytes: what they refer to behind those may well be there.
static void check_unseen(struct check_state *state)
{
    const uint64_t *by_kind = state->check->findings.by_kind;
    const struct source *source = state->image->source;
    if (!source->complete && by_kind[FINDING_OUT_OF_FILE] + by_kind[FINDING_CUT_SHORT] +
                                     by_kind[FINDING_REFCOUNT_BLOCK_OUT_OF_FILE] >
                                 0) {
        struct error error;
        error_set(&error, ERROR_UNSEEN, "only the first %" PRIu64 " bytes were given",
                  source->size);
        check_failed(state, &error);
    }
}

static void check_references(struct check_state *state)
{
    const struct finding none = {0};
    struct l1_table active = {state->header->l1_table_offset, state->header->l1_size};
    check_reference(state, 0, state->header->cluster_size, PURPOSE_HEADER, &none, "the format");
    state->disk_bytes = state->header->size;
    check_l1_tree(state, active, state->header->size, true, "the active L1 table");
    end_disk(state);
    check_snapshots(state);
    check_encryption_header(state);
    check_bitmaps(state);
    check_refcount_tables(state);
    check_compare_refcounts(state);
    check_unseen(state);
}

// --- Data ---------------------------------------------------------------------------------------

struct data_check {
    struct check *check;
    const struct check_options *options;
    uint64_t disks_done; // guest bytes of the disks read before
    bool out_of_memory;
};

static void on_fault(void *context, uint64_t start, uint64_t length, const struct error *error)
{
    struct data_check *data = context;
    struct finding at = {.kind = FINDING_UNDECODABLE,
                         .has_host = error->has_offset,
                         .host_offset = error->offset,
                         .has_guest = true,
                         .guest_offset = start};
    if (error->code == ERROR_MEMORY) {
        data->out_of_memory = true;
        return;
    }
    if (error->code == ERROR_IO || error->code == ERROR_TRUNCATED) {
        at.kind = FINDING_UNREADABLE_DATA;
    } else if (error->code != ERROR_UNDECODABLE) {
        return; // the tables have been checked before
    }
    findings_add(&data->check->findings, &at, "%" PRIu64 " bytes: %s", length, error->message);
}

static void on_progress(void *context, uint64_t done)
{
    const struct data_check *data = context;
    if (data->options->on_progress) {
        data->options->on_progress(data->options->context, add_clipped(data->disks_done, done));
    }
}

static bool read_disk(const struct chain *chain, struct data_check *data, struct error *error)
{
    struct export_options request = {
        .length = chain_size(chain),
        .jobs = data->options->jobs,
        .as_stored = true,
        .salvage = true,
        .on_fault = on_fault,
        .on_progress = on_progress,
        .context = data,
    };
    if (!export_disk(chain, &request, EXPORT_NOWHERE, error)) {
        return false;
    }
    data->disks_done = add_clipped(data->disks_done, request.length);
    return data->out_of_memory ? error_set(error, ERROR_MEMORY, "out of memory") : true;
}

static bool read_snapshots(struct chain *chain, struct data_check *data, struct error *error)
{
    const struct image *image = chain->layers[0].image;
    const struct layer active = chain->layers[0];
    struct snapshot snapshot;
    bool done = true;
    struct snapshot_reader reader = snapshot_reader_start(image);
    while (done && snapshot_reader_next(&reader, &snapshot, NULL)) {
        if (readable_bytes(&image->header, &snapshot) > 0) {
            struct l1_table l1 = {snapshot.l1_table_offset, snapshot.l1_size};
            chain_use_l1(chain, l1, snapshot.disk_size);
            done = read_disk(chain, data, error);
        }
    }
    snapshot_reader_free(&reader);
    chain_use_l1(chain, active.l1, active.size);
    return done;
}

static bool check_data(struct chain *chain, const struct check_options *options,
                       struct check *check, struct error *error)
{
    struct data_check data = {.check = check, .options = options};
    return read_disk(chain, &data, error) && read_snapshots(chain, &data, error);
}

// Without these nothing can be compared.
static bool can_be_checked(const struct image *image, struct error *error)
{
    const struct header *header = &image->header;
    uint64_t table = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    if (header->refcount_bits == 0) {
        return error_at(error, ERROR_CORRUPT, HEADER_REFCOUNT_ORDER,
                        "refcount_order is %" PRIu32 ", above %d: nothing can be compared",
                        header->refcount_order, REFCOUNT_ORDER_MAX);
    }
    if (table > CAP_REFCOUNT_TABLE_BYTES) {
        return error_at(error, ERROR_LIMIT, HEADER_REFCOUNT_TABLE_CLUSTERS,
                        "the refcount table has %" PRIu64 " bytes, above %" PRIu64, table,
                        CAP_REFCOUNT_TABLE_BYTES);
    }
    return true;
}

bool check_image(struct chain *chain, const struct check_options *options, struct check *check,
                 struct error *error)
{
    const struct image *image = chain->layers[0].image;
    const struct header *header = &image->header;
    uint64_t clusters = divide_up(image->source->size, header->cluster_size);
    *check = (struct check){
        .findings = {.max = options->max_findings},
        .total_clusters = divide_up(header->size, header->cluster_size),
    };
    if (!can_be_checked(image, error)) {
        return false;
    }
    struct check_state state = {
        .image = image,
        .header = header,
        .options = options,
        .check = check,
        .file_end = clusters << header->cluster_bits,
        .whole_clusters = image->source->size >> header->cluster_bits,
        .dirty = (header->incompatible_features & INCOMPATIBLE_DIRTY) != 0,
        .refcount_max = header->refcount_order == REFCOUNT_ORDER_MAX
                            ? UINT64_MAX >> 1
                            : (UINT64_C(1) << header->refcount_bits) - 1,
        .refcount_table = table_window_make(TABLE_WINDOW_MAX),
        .refcount_block = table_window_make(TABLE_WINDOW_MAX),
    };
    // One more: what begins in the last cluster may reach past the end of the file.
    if (!reference_map_make(&state.references, clusters + 1)) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    check_header(&state);
    check_references(&state);
    check_trailing_bytes(&state);
    table_window_free(&state.refcount_table);
    table_window_free(&state.refcount_block);
    reference_map_free(&state.references);
    if (state.out_of_memory) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    return !options->data || check_data(chain, options, check, error);
}

void check_free(struct check *check)
{
    findings_free(&check->findings);
}
