// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "compare/changes.h"

static const enum side THEN = SIDE_A, NOW = SIDE_B;

bool change_walk_start(struct change_walk *walk, const struct view *since, const struct view *now,
                       struct error *error)
{
    const struct view views[SIDES] = {*since, *now};
    return pair_walk_start(&walk->pairs, views, true, error);
}

bool change_at(struct change_walk *walk, uint64_t offset, uint64_t limit, struct change *change,
               bool *then, struct error *error)
{
    struct pair pair;
    bool found = pair_at(&walk->pairs, offset, &pair, error);
    *then = !found && pair.faulty == THEN;
    change->extent = pair.extents[NOW];
    change->extent.start = offset;
    change->extent.length = min_u64(pair.length, limit);
    change->changed = !pair.same;
    return found;
}

void change_walk_end(struct change_walk *walk)
{
    pair_walk_end(&walk->pairs);
}
