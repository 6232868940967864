// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What each host cluster is used for, and by which disks: the active one, one snapshot, or several.
// One byte a cluster, in pieces that are made when the first cluster of them is touched. A snapshot
// that alone uses a cluster is a number in the byte, which a list of each piece resolves; the list
// of a piece takes at most 1 KiB more, and 4 bytes a cluster where more snapshots own clusters of a
// piece than it can list.

#ifndef USAGE_USE_MAP_H
#define USAGE_USE_MAP_H

#include "base/arena.h"
#include "tables/purpose.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// An enum purpose, or one of these.
enum use {
    USE_VM_STATE = PURPOSES, // guest data behind the end of the disk
    USE_RESERVED,            // a cluster that is kept and that nothing is read from
    USE_LEAKED,              // it has a refcount, but nothing refers to it
    USES,
};

enum sharing {
    SHARED_NOT,       // the active disk, or no disk at all
    SHARED_MIXED,     // the active disk and snapshots
    SHARED_SNAPSHOTS, // several snapshots
    SHARED_OWNED,     // one snapshot
};

// Values of a byte: use + USE_SHARING * sharing; the same with USE_CONFLICT added; then numbers of
// owners; then "look it up in the long list".
enum {
    USE_SHARING = 16,
    USE_CONFLICT = 3 * USE_SHARING,
    USE_OWNED = 2 * USE_CONFLICT,
    USE_LONG = 255,
    USE_OWNERS = USE_LONG - USE_OWNED, // in the list of a piece
    USE_PIECE = 4096,                  // clusters
};

// The active disk, and metadata of no disk. Snapshots are numbered from 1.
#define OWNER_NONE 0

// A cluster, spelled out.
struct cluster_use {
    unsigned use;
    enum sharing sharing;
    uint32_t owner; // of SHARED_OWNED
    bool conflict;  // something else also uses it for another purpose
};

struct use_owners {
    uint32_t *pairs;  // owned: owner * USE_SHARING + use
    uint32_t count;   // at most USE_OWNERS
    uint32_t *longer; // owned: one a cluster, where they are more; else NULL
};

struct use_map {
    uint8_t **pieces;          // owned, not what they point to; NULL where nothing is known
    struct use_owners *owners; // owned; of each piece; NULL while no snapshot owns anything
    size_t count;              // of pieces
    uint64_t clusters;
    struct arena arena; // of the pieces
};

bool use_map_make(struct use_map *map, uint64_t clusters);
void use_map_free(struct use_map *map);

// The piece that `cluster` below map->clusters is in. NULL when there is no memory.
uint8_t *use_map_make_piece(struct use_map *map, uint64_t cluster);

static inline uint8_t *use_map_cell(struct use_map *map, uint64_t cluster)
{
    uint8_t *piece = map->pieces[cluster / USE_PIECE];
    piece = piece ? piece : use_map_make_piece(map, cluster);
    return piece ? piece + cluster % USE_PIECE : NULL;
}

// What is known of `cluster` below map->clusters; PURPOSE_NONE: nothing.
struct cluster_use use_map_get(const struct use_map *map, uint64_t cluster);

// Resolves the byte of a cluster.
struct cluster_use use_map_resolve(const struct use_map *map, uint64_t cluster, uint8_t value);

// `owner` refers to `cluster`, which is below map->clusters, and uses it for `use`. The first use
// stays, but that data takes the place of USE_RESERVED. False when there is no memory.
bool use_map_add(struct use_map *map, uint64_t cluster, unsigned use, uint32_t owner);

#endif
