// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "usage/use_map.h"

#include <stdlib.h>

_Static_assert((int)USES <= (int)USE_SHARING, "a use takes four bits");

bool use_map_make(struct use_map *map, uint64_t clusters)
{
    size_t count = (size_t)(clusters / USE_PIECE + 1);
    *map = (struct use_map){.pieces = calloc(count, sizeof *map->pieces),
                            .count = count,
                            .clusters = clusters,
                            .arena = {.piece = USE_PIECE}};
    return map->pieces != NULL;
}

void use_map_free(struct use_map *map)
{
    for (size_t i = 0; map->owners && i < map->count; i++) {
        free(map->owners[i].pairs);
        free(map->owners[i].longer);
    }
    free(map->owners);
    free(map->pieces);
    arena_free(&map->arena);
    *map = (struct use_map){0};
}

uint8_t *use_map_make_piece(struct use_map *map, uint64_t cluster)
{
    uint8_t *piece = arena_take(&map->arena);
    map->pieces[cluster / USE_PIECE] = piece;
    return piece;
}

// --- Values --------------------------------------------------------------------------------------

static struct cluster_use resolve_pair(uint32_t pair)
{
    return (struct cluster_use){
        .use = pair % USE_SHARING, .sharing = SHARED_OWNED, .owner = pair / USE_SHARING};
}

struct cluster_use use_map_resolve(const struct use_map *map, uint64_t cluster, uint8_t value)
{
    if (value == USE_LONG) {
        return resolve_pair(map->owners[cluster / USE_PIECE].longer[cluster % USE_PIECE]);
    }
    if (value >= USE_OWNED) {
        return resolve_pair(map->owners[cluster / USE_PIECE].pairs[value - USE_OWNED]);
    }
    unsigned plain = value % USE_CONFLICT;
    return (struct cluster_use){.use = plain % USE_SHARING,
                                .sharing = (enum sharing)(plain / USE_SHARING),
                                .conflict = value >= USE_CONFLICT};
}

struct cluster_use use_map_get(const struct use_map *map, uint64_t cluster)
{
    const uint8_t *piece = map->pieces[cluster / USE_PIECE];
    return use_map_resolve(map, cluster, piece ? piece[cluster % USE_PIECE] : 0);
}

// Disks are walked one after another, so the owner is among the last in the list.
static bool find_pair(const struct use_owners *owners, uint32_t pair, uint8_t *value)
{
    for (uint32_t i = owners->count; i > 0; i--) {
        uint32_t there = owners->pairs[i - 1];
        if (there == pair) {
            *value = (uint8_t)(USE_OWNED + i - 1);
            return true;
        }
        if (there / USE_SHARING != pair / USE_SHARING) {
            return false;
        }
    }
    return false;
}

static bool append_pair(struct use_owners *owners, uint32_t pair, uint8_t *value)
{
    // The array grows when the count reaches a power of two, from 4 on.
    if ((owners->count & (owners->count - 1)) == 0 && (owners->count == 0 || owners->count >= 4)) {
        size_t room = owners->count == 0 ? 4 : owners->count * 2;
        uint32_t *grown = realloc(owners->pairs, room * sizeof *grown);
        if (!grown) {
            return false;
        }
        owners->pairs = grown;
    }
    owners->pairs[owners->count] = pair;
    *value = (uint8_t)(USE_OWNED + owners->count++);
    return true;
}

static bool set_long(struct use_owners *owners, uint64_t cluster, uint32_t pair, uint8_t *value)
{
    if (!owners->longer) {
        owners->longer = calloc(USE_PIECE, sizeof *owners->longer);
    }
    if (!owners->longer) {
        return false;
    }
    owners->longer[cluster % USE_PIECE] = pair;
    *value = USE_LONG;
    return true;
}

static bool set_owned(struct use_map *map, uint64_t cluster, const struct cluster_use *is,
                      uint8_t *value)
{
    if (!map->owners) {
        map->owners = calloc(map->count, sizeof *map->owners);
    }
    if (!map->owners) {
        return false;
    }
    struct use_owners *owners = &map->owners[cluster / USE_PIECE];
    uint32_t pair = is->owner * USE_SHARING + is->use;
    if (find_pair(owners, pair, value)) {
        return true;
    }
    return owners->count < USE_OWNERS ? append_pair(owners, pair, value)
                                      : set_long(owners, cluster, pair, value);
}

// --- References ----------------------------------------------------------------------------------

static bool is_guest_use(unsigned use)
{
    return use == PURPOSE_DATA || use == USE_VM_STATE || use == USE_RESERVED;
}

static enum sharing share(const struct cluster_use *is, uint32_t owner)
{
    if (is->sharing == SHARED_OWNED) {
        return is->owner == owner    ? SHARED_OWNED
               : owner == OWNER_NONE ? SHARED_MIXED
                                     : SHARED_SNAPSHOTS;
    }
    bool active = is->sharing != SHARED_SNAPSHOTS;
    return active == (owner == OWNER_NONE) ? is->sharing : SHARED_MIXED;
}

// The state of a cluster after one more reference.
static struct cluster_use combine(struct cluster_use is, unsigned use, uint32_t owner)
{
    if (is.use == PURPOSE_NONE) {
        return (struct cluster_use){
            .use = use, .sharing = owner == OWNER_NONE ? SHARED_NOT : SHARED_OWNED, .owner = owner};
    }
    is.sharing = share(&is, owner);
    if (is.use == USE_RESERVED && is_guest_use(use)) {
        is.use = use;
    } else if (is.use != use && !(is_guest_use(is.use) && is_guest_use(use))) {
        is.conflict = true;
    }
    // The owner no longer matters: the cluster has more than one use.
    if (is.conflict && is.sharing == SHARED_OWNED) {
        is.sharing = SHARED_MIXED;
    }
    return is;
}

bool use_map_add(struct use_map *map, uint64_t cluster, unsigned use, uint32_t owner)
{
    uint8_t *cell = use_map_cell(map, cluster);
    if (!cell) {
        return false;
    }
    struct cluster_use is = combine(use_map_resolve(map, cluster, *cell), use, owner);
    if (is.sharing == SHARED_OWNED) {
        return set_owned(map, cluster, &is, cell);
    }
    *cell = (uint8_t)(is.use + USE_SHARING * is.sharing + (is.conflict ? USE_CONFLICT : 0));
    return true;
}
