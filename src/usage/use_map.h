// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The use of each host cluster, and the disks that use it: the active one, one snapshot, or
// several. One byte a cluster, in pieces that are made when their first cluster is used. If only
// one snapshot uses a cluster, the byte is an index into a list of owners that each piece has. The
// list takes at most 1 KiB more for each piece, and 4 bytes a cluster where more snapshots own
// clusters of a piece than the list has room for.

#ifndef USAGE_USE_MAP_H
#define USAGE_USE_MAP_H

#include "base/arena.h"
#include "tables/purpose.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A use is an enum purpose or one of these.
enum use {
    USE_VM_STATE = PURPOSES, // guest data beyond the end of the disk
    USE_RESERVED,            // a cluster that an entry keeps but nothing reads
    USE_LEAKED,              // a refcount above 0, but no reference
    USES,
};

enum sharing {
    SHARED_NOT,       // the active disk, or no disk at all
    SHARED_MIXED,     // the active disk and snapshots
    SHARED_SNAPSHOTS, // several snapshots
    SHARED_OWNED,     // one snapshot
};

// Values of a byte: use + USE_SHARING * sharing; the same with USE_CONFLICT added; then indexes of
// owners; then "see the long list".
enum {
    USE_SHARING = 16,
    USE_CONFLICT = 3 * USE_SHARING,
    USE_OWNED = 2 * USE_CONFLICT,
    USE_LONG = 255,
    USE_OWNERS = USE_LONG - USE_OWNED, // in the list of a piece
    USE_PIECE = 4096,                  // clusters
};

// The owner of the active disk and of metadata. Snapshots are numbered from 1.
#define OWNER_NONE 0

// The state of a cluster, decoded from its byte.
struct cluster_use {
    unsigned use;
    enum sharing sharing;
    uint32_t owner; // of SHARED_OWNED
    bool conflict;  // it is also used for another purpose
};

struct use_owners {
    uint32_t *pairs;  // owned: owner * USE_SHARING + use
    uint32_t count;   // at most USE_OWNERS
    uint32_t *longer; // owned: one a cluster, when there are more owners; else NULL
};

struct use_map {
    uint8_t **pieces;          // owned (the array only); NULL where nothing is known
    struct use_owners *owners; // owned; of each piece; NULL while no snapshot owns anything
    size_t count;              // of pieces
    uint64_t clusters;
    struct arena arena; // of the pieces
};

bool use_map_make(struct use_map *map, uint64_t clusters);
void use_map_free(struct use_map *map);

// Makes the piece that contains `cluster`, which is below map->clusters. NULL when there is no
// memory.
uint8_t *use_map_make_piece(struct use_map *map, uint64_t cluster);

static inline uint8_t *use_map_cell(struct use_map *map, uint64_t cluster)
{
    uint8_t *piece = map->pieces[cluster / USE_PIECE];
    piece = piece ? piece : use_map_make_piece(map, cluster);
    return piece ? piece + cluster % USE_PIECE : NULL;
}

// The state of `cluster`, which is below map->clusters; PURPOSE_NONE: unknown.
struct cluster_use use_map_get(const struct use_map *map, uint64_t cluster);

// Decodes the byte of a cluster.
struct cluster_use use_map_resolve(const struct use_map *map, uint64_t cluster, uint8_t value);

// Records that `owner` refers to `cluster`, which is below map->clusters, and uses it for `use`.
// The first use stays, except that data replaces USE_RESERVED. False when there is no memory.
bool use_map_add(struct use_map *map, uint64_t cluster, unsigned use, uint32_t owner);

#endif
