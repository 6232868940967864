// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "compare/pair.h"

#include "base/checked.h"
#include "compare/place.h"

// The L1 table of a layer: for the first layer, the table of the view.
static struct l1_table l1_of(const struct view *view, size_t depth)
{
    const struct image *image = view->chain->layers[depth].image;
    return depth == 0 || !image ? view->l1 : l1_table_active(&image->header);
}

static bool same_layers(const struct view *a, size_t depth_a, const struct view *b, size_t depth_b)
{
    struct l1_table l1_a = l1_of(a, depth_a);
    struct l1_table l1_b = l1_of(b, depth_b);
    const struct layer *layer_a = &a->chain->layers[depth_a];
    const struct layer *layer_b = &b->chain->layers[depth_b];
    return place_same_layer(layer_a, layer_b) &&
           (layer_a->raw || (l1_a.offset == l1_b.offset && l1_a.size == l1_b.size));
}

size_t pair_shared_layers(const struct view views[static SIDES])
{
    const struct chain *a = views[SIDE_A].chain;
    const struct chain *b = views[SIDE_B].chain;
    size_t shared = 0;
    while (shared < a->count && shared < b->count) {
        if (!same_layers(&views[SIDE_A], a->count - 1 - shared, &views[SIDE_B],
                         b->count - 1 - shared)) {
            break;
        }
        shared++;
    }
    return shared;
}

static bool side_start(struct pair_side *side, const struct view *view, size_t shared,
                       struct error *error)
{
    struct view own_view = *view;
    *side = (struct pair_side){.view = *view, .own = *view->chain};
    side->own.count -= shared;
    own_view.chain = &side->own;
    return (side->own.count == 0 || extent_walk_start(&side->own_walk, &own_view, error)) &&
           (shared == 0 || extent_walk_start(&side->whole_walk, view, error));
}

bool pair_walk_start(struct pair_walk *walk, const struct view views[static SIDES], bool whole,
                     struct error *error)
{
    *walk = (struct pair_walk){.shared = whole ? 0 : pair_shared_layers(views)};
    for (size_t i = 0; i < SIDES; i++) {
        walk->end = max_u64(walk->end, view_end(&views[i]));
    }
    return side_start(&walk->sides[SIDE_A], &views[SIDE_A], walk->shared, error) &&
           side_start(&walk->sides[SIDE_B], &views[SIDE_B], walk->shared, error);
}

void pair_walk_end(struct pair_walk *walk)
{
    for (size_t i = 0; i < SIDES; i++) {
        struct pair_side *side = &walk->sides[i];
        if (side->own_walk.layers) {
            extent_walk_end(&side->own_walk);
        }
        if (side->whole_walk.layers) {
            extent_walk_end(&side->whole_walk);
        }
    }
    *walk = (struct pair_walk){0};
}

// The rest of the last extent, or the next extent.
static bool find(struct extent_walk *walk, struct extent *found, uint64_t offset, uint64_t end,
                 struct extent *extent, struct error *error)
{
    if (found->length == 0 || offset < found->start || offset - found->start >= found->length) {
        if (!extent_at(walk, offset, end - offset, found, error)) {
            *extent = *found;
            found->length = 0;
            return false;
        }
    }
    *extent = extent_part(found, offset, UINT64_MAX);
    return true;
}

// `*leads`: the content comes from the shared layers, whatever it is.
static bool find_own(struct pair_walk *walk, struct pair_side *side, uint64_t offset,
                     struct extent *extent, bool *leads, struct error *error)
{
    uint64_t end = view_end(&side->view);
    *extent = (struct extent){.start = offset, .length = walk->end - offset};
    *leads = false;
    if (offset >= end) {
        return true;
    }
    if (side->own.count == 0) {
        extent->length = end - offset;
        *leads = true;
        return true;
    }
    if (!find(&side->own_walk, &side->own_found, offset, end, extent, error)) {
        return false;
    }
    *leads = walk->shared > 0 && !extent_allocated(extent) && extent->depth + 1 == side->own.count;
    return true;
}

// Looks up the extent in the whole chain, instead of one that leads to the shared layers.
static bool find_shared(struct pair_side *side, struct extent *extent, struct error *error)
{
    uint64_t end = extent->start + extent->length;
    return find(&side->whole_walk, &side->whole_found, extent->start, end, extent, error);
}

static bool fail(struct pair *pair, enum side side)
{
    pair->faulty = side;
    pair->length = pair->extents[side].length;
    return false;
}

bool pair_at(struct pair_walk *walk, uint64_t offset, struct pair *pair, struct error *error)
{
    bool leads[SIDES];
    *pair = (struct pair){.start = offset};
    struct extent *a = &pair->extents[SIDE_A];
    struct extent *b = &pair->extents[SIDE_B];
    for (enum side i = SIDE_A; i < SIDES; i++) {
        if (!find_own(walk, &walk->sides[i], offset, &pair->extents[i], &leads[i], error)) {
            return fail(pair, i);
        }
    }
    bool both = leads[SIDE_A] && leads[SIDE_B];
    for (enum side i = SIDE_A; i < SIDES; i++) {
        if (leads[i] && !both && !find_shared(&walk->sides[i], &pair->extents[i], error)) {
            return fail(pair, i);
        }
    }
    pair->length = min_u64(a->length, b->length);
    a->length = pair->length;
    b->length = pair->length;
    pair->same = both || (extent_zero(a) && extent_zero(b)) ||
                 place_same(walk->sides[SIDE_A].view.chain, a, walk->sides[SIDE_B].view.chain, b);
    return true;
}
