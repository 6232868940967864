// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Adds up the use map. The table has one row for each use, with the part that it belongs to.

#include "base/checked.h"
#include "usage/usage_state.h"

// clang-format off
static const struct {
    enum usage_part not, mixed, snapshots; // by sharing; SHARED_OWNED as snapshots
} parts[USES] = {
    [PURPOSE_HEADER] = {PART_HEADER, PART_HEADER, PART_HEADER},
    [PURPOSE_L1_TABLE] = {PART_L1_TABLES, PART_L1_TABLES, PART_L1_TABLES},
    [PURPOSE_L2_TABLE] = {PART_L2_TABLES, PART_L2_TABLES, PART_L2_TABLES},
    [PURPOSE_DATA] = {PART_ACTIVE_DATA, PART_SHARED_DATA, PART_SNAPSHOT_DATA},
    [PURPOSE_COMPRESSED] = {PART_ACTIVE_DATA, PART_SHARED_DATA, PART_SNAPSHOT_DATA},
    [PURPOSE_SNAPSHOT_TABLE] = {PART_SNAPSHOT_TABLE, PART_SNAPSHOT_TABLE, PART_SNAPSHOT_TABLE},
    [PURPOSE_REFCOUNT_TABLE] = {PART_REFCOUNTS, PART_REFCOUNTS, PART_REFCOUNTS},
    [PURPOSE_REFCOUNT_BLOCK] = {PART_REFCOUNTS, PART_REFCOUNTS, PART_REFCOUNTS},
    [PURPOSE_ENCRYPTION] = {PART_ENCRYPTION_HEADER, PART_ENCRYPTION_HEADER, PART_ENCRYPTION_HEADER},
    [PURPOSE_BITMAP_DIRECTORY] = {PART_BITMAPS, PART_BITMAPS, PART_BITMAPS},
    [PURPOSE_BITMAP_TABLE] = {PART_BITMAPS, PART_BITMAPS, PART_BITMAPS},
    [PURPOSE_BITMAP_DATA] = {PART_BITMAPS, PART_BITMAPS, PART_BITMAPS},
    [USE_VM_STATE] = {PART_VM_STATE, PART_VM_STATE, PART_VM_STATE},
    [USE_RESERVED] = {PART_ZERO_RESERVED, PART_ZERO_RESERVED, PART_ZERO_RESERVED},
    [USE_LEAKED] = {PART_LEAKED, PART_LEAKED, PART_LEAKED},
};
// clang-format on

static enum usage_part part_of(const struct cluster_use *is)
{
    return is->sharing == SHARED_NOT     ? parts[is->use].not
           : is->sharing == SHARED_MIXED ? parts[is->use].mixed
                                         : parts[is->use].snapshots;
}

// Adds `clusters` clusters, `bytes` of the file, with this use.
static void add(struct usage *usage, const struct cluster_use *is, uint64_t clusters,
                uint64_t bytes)
{
    enum usage_part part = part_of(is);
    usage->parts[part].clusters += clusters;
    usage->parts[part].bytes += bytes;
    usage->parts[PART_CONFLICTING].clusters += is->conflict ? clusters : 0;
    if (is->sharing == SHARED_OWNED) {
        usage->snapshots[is->owner - 1].exclusive_bytes += bytes;
    }
    if (is->sharing >= SHARED_SNAPSHOTS || is->use == PURPOSE_SNAPSHOT_TABLE) {
        usage->all_snapshots_exclusive_bytes += is->conflict ? 0 : bytes;
    }
}

// Bytes of the file in the `count` clusters from `first` on.
static uint64_t bytes_of(const struct usage_state *state, uint64_t first, uint64_t clusters)
{
    unsigned bits = state->header->cluster_bits;
    uint64_t size = state->image->source->size;
    return min_u64((first + clusters) << bits, size) - min_u64(first << bits, size);
}

static void add_one(struct usage_state *state, uint64_t cluster, uint8_t value)
{
    struct cluster_use is = use_map_resolve(&state->map, cluster, value);
    add(state->usage, &is, 1, bytes_of(state, cluster, 1));
}

// Adds clusters [first, first + count) of one piece, without the last cluster of the file.
static void add_piece(struct usage_state *state, const uint8_t *piece, uint64_t first, size_t count)
{
    uint64_t counts[USE_LONG + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        counts[piece[i]]++;
        if (piece[i] == USE_LONG) {
            add_one(state, first + i, piece[i]);
        }
    }
    for (unsigned value = 1; value < USE_LONG; value++) {
        if (counts[value] > 0) {
            struct cluster_use is = use_map_resolve(&state->map, first, (uint8_t)value);
            add(state->usage, &is, counts[value], counts[value] << state->header->cluster_bits);
        }
    }
}

// The end of the last cluster that is used or leaked.
static uint64_t end_of_use(const struct use_map *map)
{
    for (size_t i = map->count; i > 0; i--) {
        const uint8_t *piece = map->pieces[i - 1];
        for (size_t j = USE_PIECE; piece && j > 0; j--) {
            if (piece[j - 1] != PURPOSE_NONE) {
                return (i - 1) * USE_PIECE + j;
            }
        }
    }
    return 0;
}

static void add_unused(struct usage_state *state)
{
    struct part *in = state->usage->parts;
    uint64_t end = end_of_use(&state->map);
    uint64_t used = 0;
    for (size_t i = 0; i < PART_FREE; i++) {
        used += in[i].clusters;
    }
    in[PART_FREE].clusters = end - used;
    in[PART_FREE].bytes = (end - used) << state->header->cluster_bits;
    in[PART_TRAILING].clusters = state->map.clusters - end;
    in[PART_TRAILING].bytes = bytes_of(state, end, state->map.clusters - end);
}

void usage_totals(struct usage_state *state)
{
    const struct use_map *map = &state->map;
    // The last cluster may be incomplete: it is added separately.
    uint64_t whole = map->clusters - 1;
    for (size_t i = 0; i < map->count; i++) {
        uint64_t first = (uint64_t)i * USE_PIECE;
        if (map->pieces[i] && first < whole) {
            add_piece(state, map->pieces[i], first, min_u64(USE_PIECE, whole - first));
        }
    }
    const uint8_t *last = map->pieces[whole / USE_PIECE];
    if (last && last[whole % USE_PIECE] != PURPOSE_NONE) {
        add_one(state, whole, last[whole % USE_PIECE]);
    }
    add_unused(state);
}

// --- Places --------------------------------------------------------------------------------------

// Clusters of one part that follow each other.
struct part_range {
    const struct usage_state *state;
    const struct usage_places *places;
    uint64_t first, count;
    enum usage_part part;
};

static void hand_over(const struct part_range *range)
{
    if (range->count > 0) {
        range->places->take(range->places->context,
                            range->first << range->state->header->cluster_bits,
                            bytes_of(range->state, range->first, range->count), range->part);
    }
}

static void extend(struct part_range *range, uint64_t cluster, uint64_t count, enum usage_part part)
{
    if (range->part == part) {
        range->count += count;
        return;
    }
    hand_over(range);
    *range = (struct part_range){range->state, range->places, cluster, count, part};
}

// Clusters [first, end) of one piece, before the last cluster in use.
static void extend_by_piece(struct part_range *range, uint64_t first, uint64_t end)
{
    const struct use_map *map = &range->state->map;
    const uint8_t *piece = map->pieces[first / USE_PIECE];
    if (!piece) {
        extend(range, first, end - first, PART_FREE);
        return;
    }
    for (uint64_t cluster = first; cluster < end;) {
        uint8_t value = piece[cluster % USE_PIECE];
        uint64_t next = cluster + 1;
        while (next < end && piece[next % USE_PIECE] == value && value != USE_LONG) {
            next++;
        }
        struct cluster_use is = use_map_resolve(map, cluster, value);
        extend(range, cluster, next - cluster, is.use == PURPOSE_NONE ? PART_FREE : part_of(&is));
        cluster = next;
    }
}

void usage_place(const struct usage_state *state, const struct usage_places *places)
{
    struct part_range range = {.state = state, .places = places, .part = PART_FREE};
    uint64_t end = end_of_use(&state->map);
    for (uint64_t at = 0; at < end;) {
        uint64_t next = min_u64((at / USE_PIECE + 1) * USE_PIECE, end);
        extend_by_piece(&range, at, next);
        at = next;
    }
    extend(&range, end, state->map.clusters - end, PART_TRAILING);
    hand_over(&range);
}
