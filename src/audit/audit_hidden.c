// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Finds contradictions between refcounts and tables: refcounts that are lower than the number of
// references, data that nothing refers to, and refcounts of clusters behind the end of the file.

#include "audit/audit_hidden.h"

#include "audit/audit_parts.h"
#include "audit/audit_places.h"
#include "audit/audit_walks.h"
#include "base/checked.h"
#include "format/layout.h"
#include "tables/refcount_walk.h"

#include <inttypes.h>

enum { WORD = 64, PIECE = 64 * 1024 };

// Skip this for an image that is unsafe already, or whose tables are invalid.
static bool is_unsafe(const struct audit_state *state)
{
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        if (state->report.audit->findings[i].count > 0 &&
            state->options->severities[i] == AUDIT_UNSAFE) {
            return true;
        }
    }
    return false;
}

// Unreadable refcounts have their own findings.
static bool has_refcounts(const struct audit_state *state)
{
    uint64_t size = (uint64_t)state->header->refcount_table_clusters << state->header->cluster_bits;
    return !is_unsafe(state) && source_complete(state->source) &&
           audit_refcounts_obstacle(state, size) == AUDIT_RULES;
}

// Whether QEMU makes the refcounts of the clusters of the file anew before it writes.
static bool is_dirty(const struct audit_state *state)
{
    return state->header->incompatible_features & INCOMPATIBLE_DIRTY;
}

// --- Refcounts that are too low ------------------------------------------------------------------

// A search for clusters in use whose refcount is less than their references.
struct low_search {
    struct audit_state *state;
    enum audit_rule rule; // for the refcount 0
    const char *what;     // the clusters contain
    struct budget budget;
};

// Reports a cluster whose refcount is too low, if it is in use.
static void report_low(struct low_search *search, uint64_t cluster, uint64_t refcount)
{
    struct audit_state *state = search->state;
    uint64_t offset = cluster << state->header->cluster_bits;
    if (!cluster_bits_has(&state->places.used, cluster) ||
        (search->rule == AUDIT_DATA_FREE &&
         (audit_is_table(state, cluster) || state->places.tables.full))) {
        return;
    }
    if (refcount == 0) {
        audit_report_at(&state->report, search->rule, offset,
                        "the cluster at %" PRIu64 " has %s, but the refcount 0", offset,
                        search->what);
    } else {
        audit_report_at(&state->report, AUDIT_REFCOUNT_TOO_LOW, offset,
                        "the cluster at %" PRIu64 " has %s with %" PRIu64
                        " references, but the refcount %" PRIu64,
                        offset, search->what, audit_counts_get(&state->counts, cluster), refcount);
    }
}

// Reports the clusters in use in [first, end).
static void report_low_run(struct low_search *search, uint64_t first, uint64_t end,
                           uint64_t refcount)
{
    for (uint64_t cluster = first; cluster < end; cluster++) {
        report_low(search, cluster, refcount);
    }
}

// Compares in runs of one refcount and one count: most clusters are in long ones.
static void compare_refcounts(struct low_search *search, const struct refcounts *refcounts)
{
    const struct audit_counts *counts = &search->state->counts;
    uint64_t equal = 0; // the refcounts up to this index are the same
    for (uint64_t i = 0; i < refcounts->count;) {
        uint64_t cluster = refcounts->first + i;
        uint64_t refcount = refcounts_load(refcounts, i);
        equal = i < equal ? equal : i + refcounts_run(refcounts, i);
        uint64_t run = audit_counts_run(counts, cluster, equal - i);
        if (refcount < audit_counts_get(counts, cluster)) {
            report_low_run(search, cluster, cluster + run, refcount);
        }
        i += run;
    }
}

// Inspects the refcounts of [first, end), which contains clusters in use.
static void inspect_refcounts(struct low_search *search, struct refcount_walk *walk, uint64_t first,
                              uint64_t end)
{
    struct refcounts refcounts;
    struct error error;
    enum walk_step step;
    refcount_walk_start(walk, first, end);
    while ((step = refcount_walk_next(walk, &refcounts, &error)) == WALK_FOUND) {
        report_low_run(search, first, refcounts.first, 0); // in no block, or a hole
        compare_refcounts(search, &refcounts);
        first = refcounts.first + refcounts.count;
    }
    if (step == WALK_END && !search->budget.ended) {
        report_low_run(search, first, end, 0);
    }
}

// Reports the clusters of [first, end) with more references than a refcount can say.
static void inspect_counts(struct low_search *search, uint64_t first, uint64_t end)
{
    const struct audit_counts *counts = &search->state->counts;
    uint64_t most = UINT64_MAX >> (64 - search->state->header->refcount_bits);
    while (first < end) {
        uint64_t run = audit_counts_run(counts, first, end - first);
        if (audit_counts_get(counts, first) > most) {
            report_low_run(search, first, first + run, most);
        }
        first += run;
    }
}

// The first word of the set at or after `cluster` that is not 0, or the first that is 0: the number
// of its first cluster, or `clusters`. `cluster` is a multiple of WORD.
static uint64_t find_word(const struct cluster_bits *bits, uint64_t cluster, uint64_t clusters,
                          bool empty)
{
    while (cluster < clusters) {
        const uint64_t *leaf = cluster_bits_leaf(bits, cluster);
        if (!leaf && !empty) {
            unsigned power = CLUSTER_LEAF_BITS + CLUSTER_NODE_BITS;
            power = bits->nodes && bits->nodes[cluster >> power] ? CLUSTER_LEAF_BITS : power;
            cluster = ((cluster >> power) + 1) << power;
            continue;
        }
        if (!leaf || (leaf[cluster / WORD % CLUSTER_LEAF_WORDS] == 0) == empty) {
            return cluster;
        }
        cluster += WORD;
    }
    return clusters;
}

static void find_low(struct low_search *search)
{
    struct audit_state *state = search->state;
    const struct cluster_bits *used = &state->places.used;
    uint64_t clusters = audit_clusters(state);
    if (!has_refcounts(state)) {
        return;
    }
    struct refcount_walk walk = refcount_walk_make(state->image, &search->budget);
    uint64_t first = find_word(used, 0, clusters, false);
    while (first < clusters && !search->budget.ended) {
        uint64_t end = find_word(used, first, clusters, true);
        if (is_dirty(state)) {
            inspect_counts(search, first, end);
        } else {
            inspect_refcounts(search, &walk, first, end);
        }
        first = find_word(used, end, clusters, false);
    }
    refcount_walk_free(&walk);
    if (search->budget.ended) {
        audit_unseen(&state->report, AUDIT_UNSEEN_TABLES);
    }
}

// state->places.used has only tables so far.
void audit_table_refcounts(struct audit_state *state)
{
    struct low_search search = {state, AUDIT_TABLE_FREE, "a table", {.left = AUDIT_REFCOUNT_BYTES}};
    find_low(&search);
}

void audit_data_refcounts(struct audit_state *state)
{
    struct low_search search = {
        state, AUDIT_DATA_FREE, "guest data", {.left = AUDIT_REFCOUNT_BYTES}};
    find_low(&search);
}

// --- Clusters behind the end of the file ---------------------------------------------------------

// The first cluster from `first` on that is not in use and has a refcount. False when there is
// none.
static bool find_counted(struct audit_state *state, struct refcount_walk *walk, uint64_t first,
                         uint64_t *cluster)
{
    uint64_t end = HOST_OFFSET_LIMIT >> state->header->cluster_bits;
    struct refcounts refcounts;
    struct error error;
    enum walk_step step;
    refcount_walk_start(walk, align_down(first, 8), end);
    while ((step = refcount_walk_next(walk, &refcounts, &error)) == WALK_FOUND) {
        for (uint64_t i = 0; i < refcounts.count; i++) {
            *cluster = refcounts.first + i;
            if (*cluster >= first && refcounts_load(&refcounts, i) != 0 &&
                !cluster_bits_has(&state->places.used, *cluster)) {
                return true;
            }
        }
    }
    if (step == WALK_ERROR) {
        audit_unreadable(&state->report, &error, "the refcounts");
    }
    return false;
}

void audit_refcounts_behind(struct audit_state *state)
{
    uint32_t bits = state->header->cluster_bits;
    struct budget budget = {.left = AUDIT_REFCOUNT_BYTES};
    uint64_t cluster;
    if (!has_refcounts(state) || state->source->kind == SOURCE_DEVICE) {
        return;
    }
    struct refcount_walk walk = refcount_walk_make(state->image, &budget);
    if (find_counted(state, &walk, divide_up(state->source->size, state->header->cluster_size),
                     &cluster)) {
        audit_report_file(&state->report, AUDIT_DATA_OUTSIDE_FILE,
                          "the cluster at %" PRIu64
                          " has a refcount, and the file ends at %" PRIu64,
                          cluster << bits, state->source->size);
    }
    refcount_walk_free(&walk);
    if (budget.ended) {
        audit_unseen(&state->report, AUDIT_UNSEEN_TABLES);
    }
}

// --- Clusters that nothing refers to -------------------------------------------------------------

// Whether the readable part of a cluster has anything but zeros.
static bool has_data(struct audit_state *state, uint64_t offset, uint64_t size)
{
    uint8_t piece[PIECE];
    struct error ignored;
    size = min_u64(size, state->source->size - offset);
    while (size > 0) {
        uint64_t part = min_u64(size, sizeof piece);
        uint64_t hole = source_hole(state->source, offset);
        if (hole > 0) {
            part = min_u64(hole, size);
        } else if (!source_read(state->source, offset, piece, (size_t)part, &ignored)) {
            return false;
        }
        for (uint64_t i = 0; hole == 0 && i < part; i++) {
            if (piece[i] != 0) {
                return true;
            }
        }
        offset += part;
        size -= part;
    }
    return false;
}

// Clusters that have a refcount, and nothing refers to them.
struct leaked {
    struct audit_state *state;
    const struct cluster_bits *compressed; // clusters with compressed data
    uint64_t all;                          // of them, in holes too
    uint64_t with_data, first; // how many have data, and the host offset of the first such one
    uint64_t left;             // bytes that may still be read
};

static void inspect_leaked(struct leaked *leaked, uint64_t cluster)
{
    const struct header *header = leaked->state->header;
    uint64_t offset = cluster << header->cluster_bits;
    leaked->all++;
    if (leaked->left < header->cluster_size || offset >= leaked->state->source->size) {
        return;
    }
    leaked->left -= header->cluster_size;
    if (has_data(leaked->state, offset, header->cluster_size)) {
        leaked->first = leaked->with_data == 0 ? offset : leaked->first;
        leaked->with_data++;
    }
}

static uint64_t word_of(const struct cluster_bits *bits, uint64_t cluster)
{
    const uint64_t *leaf = cluster_bits_leaf(bits, cluster);
    return leaf ? leaf[cluster / WORD % CLUSTER_LEAF_WORDS] : 0;
}

// Inspects the clusters in words: nearly all are full of references.
static void inspect_unused(struct leaked *leaked, const struct refcounts *refcounts)
{
    const struct cluster_bits *used = &leaked->state->places.used;
    for (uint64_t i = 0; i < refcounts->count; i += WORD) {
        uint64_t cluster = refcounts->first + i;
        uint64_t unused = ~(word_of(used, cluster) | word_of(leaked->compressed, cluster));
        uint64_t end = unused ? min_u64(refcounts->count, i + WORD) : 0;
        for (uint64_t at = i; at < end; at++) {
            if (unused >> (at - i) & 1 && refcounts_load(refcounts, at) != 0) {
                inspect_leaked(leaked, refcounts->first + at);
            }
        }
    }
}

// Whether they are too many for a program that prints each.
static bool is_flood(const struct leaked *leaked)
{
    return leaked->all > AUDIT_LEAKED_CLUSTERS &&
           leaked->all << leaked->state->header->cluster_bits > audit_stored(leaked->state);
}

static void report_leaked(const struct leaked *leaked)
{
    struct audit_state *state = leaked->state;
    if (is_flood(leaked)) {
        audit_report_file(&state->report, AUDIT_REFCOUNT_BOMB,
                          "nothing refers to more than %" PRIu64
                          " clusters with a refcount, and the file without its holes has %" PRIu64
                          " bytes",
                          leaked->all - 1, audit_stored(state));
    }
    if (leaked->with_data > 0) {
        audit_report_at(&state->report, AUDIT_HIDDEN_DATA, leaked->first,
                        "nothing refers to %" PRIu64 " %s with a refcount and data",
                        leaked->with_data, leaked->with_data == 1 ? "cluster" : "clusters");
    }
}

void audit_unused_clusters(struct audit_state *state, const struct cluster_bits *compressed)
{
    struct budget budget = {.left = AUDIT_REFCOUNT_BYTES};
    struct leaked leaked = {state, compressed, .left = AUDIT_LEAKED_BYTES};
    struct refcounts refcounts;
    struct error ignored;
    if (!has_refcounts(state) || is_dirty(state) || state->places.used.full || compressed->full ||
        !state->report.audit->complete) {
        return;
    }
    struct refcount_walk walk = refcount_walk_make(state->image, &budget);
    refcount_walk_start(&walk, 0, audit_clusters(state));
    while (!is_flood(&leaked) && refcount_walk_next(&walk, &refcounts, &ignored) == WALK_FOUND) {
        inspect_unused(&leaked, &refcounts);
    }
    refcount_walk_free(&walk);
    report_leaked(&leaked);
}
