// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "check/data_seen.h"

#include "base/checked.h"
#include "format/entry.h"
#include "format/layout.h"
#include "tables/cluster_bits.h"

#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif

enum {
    UNIT_RAW = 64 * 1024,           // bytes of a raw layer that a bit stands for
    BITS_MOST = 64 << 20,           // bytes of all bits
    STREAMS_FIRST = 4096,           // slots
    STREAMS_MOST = (64 << 20) / 16, // ... of 16 bytes
    STREAM_TRIES = 64,              // slots to try for one cluster
    SUBCLUSTERS_OF_CLUSTER = 32,
};

// A compressed cluster. Size 0: the slot is free.
struct stream {
    uint64_t host_offset;
    uint32_t size;
    uint32_t depth;
};

struct data_seen {
    const struct chain *chain;
    struct memory_limit limit;
    struct layer_seen {
        struct cluster_bits units;
        uint64_t unit;          // bytes
    } * layers;                 // owned; one a layer
    struct cluster_bits tables; // L2 tables of the image, if no other layer matters

    // Slots for compressed clusters: a key is in the first free slot from its hash on. The hash has
    // a secret, so that an image cannot be made to collide.
    struct stream *streams; // owned
    size_t stream_room, stream_count;
    uint64_t secret;

    struct view view;
    struct table_window l1_window;
};

static uint64_t unit_of_layer(const struct layer *layer)
{
    if (!layer->image) {
        return UNIT_RAW;
    }
    const struct header *header = &layer->image->header;
    return header_extended_l2(header) ? header->cluster_size / SUBCLUSTERS_OF_CLUSTER
                                      : header->cluster_size;
}

// What the kernel draws for each process, or at least where it has put this one.
static uint64_t make_secret(const void *place)
{
    uint64_t secret = (uint64_t)(uintptr_t)place;
#ifdef __linux__
    const void *drawn = (const void *)(uintptr_t)getauxval(AT_RANDOM); // NOLINT: an address
    if (drawn) {
        memcpy(&secret, drawn, sizeof secret);
    }
#endif
    return secret | 1;
}

struct data_seen *data_seen_make(const struct chain *chain)
{
    struct data_seen *seen = calloc(1, sizeof *seen);
    if (!seen) {
        return NULL;
    }
    seen->chain = chain;
    seen->limit.most = BITS_MOST;
    seen->secret = make_secret(seen);
    seen->l1_window = table_window_make(TABLE_WINDOW_MAX);
    seen->layers = calloc(chain->count, sizeof *seen->layers);
    seen->streams = calloc(STREAMS_FIRST, sizeof *seen->streams);
    if (!seen->layers || !seen->streams) {
        data_seen_free(seen);
        return NULL;
    }
    seen->stream_room = STREAMS_FIRST;
    for (size_t i = 0; i < chain->count; i++) {
        struct layer_seen *layer = &seen->layers[i];
        layer->unit = unit_of_layer(&chain->layers[i]);
        layer->units =
            cluster_bits_make(layer_data(&chain->layers[i])->size / layer->unit, &seen->limit);
    }
    const struct image *image = chain->layers[0].image;
    seen->tables =
        cluster_bits_make(divide_up(image->source->size, image->header.cluster_size), &seen->limit);
    return seen;
}

void data_seen_free(struct data_seen *seen)
{
    if (!seen) {
        return;
    }
    for (size_t i = 0; seen->layers && i < seen->chain->count; i++) {
        cluster_bits_free(&seen->layers[i].units);
    }
    cluster_bits_free(&seen->tables);
    table_window_free(&seen->l1_window);
    free(seen->layers);
    free(seen->streams);
    free(seen);
}

void data_seen_view(struct data_seen *seen, const struct view *view)
{
    seen->view = *view;
}

// --- Tables --------------------------------------------------------------------------------------

// The cluster of the L2 table at an index of the view's L1 table. False when there is none that can
// be passed over.
static bool find_table(struct data_seen *seen, uint64_t index, uint64_t *cluster)
{
    const struct image *image = seen->chain->layers[0].image;
    const struct l1_table l1 = seen->view.l1;
    struct bytes view;
    struct error ignored;
    if (index >= l1.size ||
        !table_window_view(&seen->l1_window, image->source, l1.offset + index * L1_ENTRY_SIZE,
                           L1_ENTRY_SIZE, (l1.size - index) * L1_ENTRY_SIZE, &view, &ignored)) {
        return false;
    }
    uint64_t entry = bytes_be64(view, 0);
    *cluster = l1_entry_l2_offset(entry) >> image->header.cluster_bits;
    return faults_unreadable(l1_entry_faults(&image->header, entry)) == 0 && *cluster != 0 &&
           *cluster < seen->tables.clusters;
}

uint64_t data_seen_range(struct data_seen *seen, uint64_t guest_offset)
{
    // What a table does not map lies in other layers, at the guest offset.
    if (seen->chain->count > 1) {
        return 0;
    }
    uint64_t coverage = header_l2_coverage(&seen->chain->layers[0].image->header);
    uint64_t first = guest_offset / coverage;
    uint64_t whole = view_end(&seen->view) / coverage; // tables all of which the disk has
    uint64_t index = first;
    uint64_t cluster;
    while (is_aligned(guest_offset, coverage) && index < whole &&
           find_table(seen, index, &cluster)) {
        if (!cluster_bits_has(&seen->tables, cluster)) {
            if (index == first) {
                cluster_bits_fill(&seen->tables, cluster, 1);
            }
            break;
        }
        index++;
    }
    return (index - first) * coverage;
}

// --- Streams -------------------------------------------------------------------------------------

static size_t slot_of(const struct data_seen *seen, const struct stream *stream)
{
    uint64_t hash = (stream->host_offset ^ seen->secret) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
    hash = (hash + stream->size + ((uint64_t)stream->depth << 32)) * seen->secret;
    return (size_t)(hash >> 20) & (seen->stream_room - 1);
}

// The slot of a stream, or the free one where it belongs; NULL when none is near.
static struct stream *find_slot(const struct data_seen *seen, const struct stream *stream)
{
    size_t slot = slot_of(seen, stream);
    for (unsigned i = 0; i < STREAM_TRIES; i++) {
        struct stream *at = &seen->streams[(slot + i) & (seen->stream_room - 1)];
        if (at->size == 0 || (at->host_offset == stream->host_offset && at->size == stream->size &&
                              at->depth == stream->depth)) {
            return at;
        }
    }
    return NULL;
}

static void make_room(struct data_seen *seen)
{
    size_t room = seen->stream_room;
    if (seen->stream_count < room / 2 || room * 2 > STREAMS_MOST) {
        return;
    }
    struct stream *old = seen->streams;
    struct stream *grown = calloc(room * 2, sizeof *grown);
    if (!grown) {
        return;
    }
    seen->streams = grown;
    seen->stream_room = room * 2;
    for (size_t i = 0; i < room; i++) {
        struct stream *slot = old[i].size > 0 ? find_slot(seen, &old[i]) : NULL;
        if (slot) {
            *slot = old[i];
        }
    }
    free(old);
}

static bool see_stream(struct data_seen *seen, const struct extent *extent)
{
    const struct stream stream = {extent->host_offset, extent->stored_size,
                                  (uint32_t)extent->depth};
    make_room(seen);
    struct stream *slot = find_slot(seen, &stream);
    if (!slot) {
        return false;
    }
    if (slot->size > 0) {
        return true;
    }
    *slot = stream;
    seen->stream_count++;
    return false;
}

// --- Data ----------------------------------------------------------------------------------------

// Of the units from `first` on, at most `count`: how many are alike.
static uint64_t see_units(struct cluster_bits *units, uint64_t first, uint64_t count, bool *is_seen)
{
    uint64_t alike = 0;
    while (alike < count && cluster_bits_has(units, first + alike)) {
        alike++;
    }
    *is_seen = alike > 0;
    if (alike == 0) {
        alike = cluster_bits_add(units, first, count);
    }
    return alike > 0 ? alike : count; // without memory all of them are read, and not noted
}

static uint64_t see_data(struct layer_seen *layer, const struct extent *extent, bool *is_seen)
{
    uint64_t into = extent->host_offset % layer->unit;
    uint64_t first = extent->host_offset / layer->unit;
    uint64_t count = extent->length / layer->unit;
    if (into != 0) {
        return min_u64(extent->length, layer->unit - into); // a part of a unit, which is read
    }
    if (count == 0 || first >= layer->units.clusters) {
        return extent->length;
    }
    count = min_u64(count, layer->units.clusters - first);
    return see_units(&layer->units, first, count, is_seen) * layer->unit;
}

uint64_t data_seen_extent(struct data_seen *seen, const struct extent *extent, bool *is_seen)
{
    *is_seen = false;
    if (extent_compressed(extent)) {
        *is_seen = see_stream(seen, extent);
        return extent->length;
    }
    return extent->kind == CLUSTER_DATA ? see_data(&seen->layers[extent->depth], extent, is_seen)
                                        : extent->length;
}
