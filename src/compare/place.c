// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "compare/place.h"

static bool same_file(const struct source *a, const struct source *b)
{
    return a == b || (source_has_descriptor(a) && source_is(b, &a->identity));
}

// One LUKS header has one master key; two layers with one data file have a header each. Method AES
// accepts any passphrase as the key, so a wrong one is not noticed.
static bool same_cipher(const struct layer *a, const struct layer *b)
{
    if (!a->cipher && !b->cipher) {
        return true;
    }
    return a == b || (a->cipher && b->cipher && a->image && b->image &&
                      a->image->header.crypt_method == CRYPT_LUKS &&
                      same_file(a->image->source, b->image->source));
}

bool place_same_layer(const struct layer *a, const struct layer *b)
{
    if (a == b) {
        return true;
    }
    return !a->raw == !b->raw && same_file(layer_data(a), layer_data(b)) &&
           (a->raw || same_file(a->image->source, b->image->source)) && a->size == b->size &&
           a->short_end == b->short_end && same_cipher(a, b);
}

static bool same_compressed(const struct layer *a, const struct extent *in_a, const struct layer *b,
                            const struct extent *in_b)
{
    const struct header *header_a = &a->image->header;
    const struct header *header_b = &b->image->header;
    return in_a->stored_size == in_b->stored_size && in_a->cluster == in_b->cluster &&
           header_a->cluster_size == header_b->cluster_size &&
           header_a->compression_type == header_b->compression_type &&
           same_file(a->image->source, b->image->source);
}

bool place_same(const struct chain *chain_a, const struct extent *a, const struct chain *chain_b,
                const struct extent *b)
{
    const struct layer *layer_a = &chain_a->layers[a->depth];
    const struct layer *layer_b = &chain_b->layers[b->depth];
    if (a->kind != b->kind || extent_zero(a) || a->host_offset != b->host_offset) {
        return false;
    }
    if (extent_compressed(a)) {
        return same_compressed(layer_a, a, layer_b, b);
    }
    return same_file(layer_data(layer_a), layer_data(layer_b)) && a->encrypted == b->encrypted &&
           (!a->encrypted || same_cipher(layer_a, layer_b));
}
