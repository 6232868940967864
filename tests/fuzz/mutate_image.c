// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Finds the tables of an image through its own header, and changes what is in them.

#include "base/checked.h"
#include "format/layout.h"
#include "layers.h"
#include "number.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// An image as far as the bytes are there. What the header says is taken as it stands.
struct image_map {
    struct subject *subject;
    unsigned cluster_bits;
    uint64_t cluster; // bytes
    bool extended;    // L2 entries
};

static struct image_map map_of(struct subject *subject)
{
    struct image_map map = {.subject = subject};
    uint64_t bits = get_number(subject, HEADER_CLUSTER_BITS, 4);
    bool known = bits >= CLUSTER_BITS_MIN && bits <= CLUSTER_BITS_MAX;
    map.cluster_bits = known ? (unsigned)bits : CLUSTER_BITS_MIN;
    map.cluster = UINT64_C(1) << map.cluster_bits;
    map.extended =
        get_number(subject, HEADER_VERSION, 4) >= 3 &&
        (get_number(subject, HEADER_INCOMPATIBLE_FEATURES, 8) & INCOMPATIBLE_EXTENDED_L2) != 0;
    return map;
}

static uint64_t header_number(const struct image_map *map, uint64_t field, unsigned width)
{
    return get_number(map->subject, field, width);
}

static uint64_t place(const struct image_map *map, struct random *random)
{
    return cluster_place(map->subject, map->cluster, random);
}

// One of `count` entries of a table, most often one that is in use: most of a table is empty.
static uint64_t pick_entry(const struct image_map *map, uint64_t table, uint64_t count,
                           unsigned width, struct random *random)
{
    uint64_t at = table;
    for (unsigned tries = 0; tries < 16 && count > 0; tries++) {
        at = table + random_below(random, count) * width;
        if (get_number(map->subject, at, width) != 0 || random_below(random, 8) == 0) {
            break;
        }
    }
    return at;
}

static uint64_t l1_entry(const struct image_map *map, struct random *random)
{
    uint64_t count = min_u64(header_number(map, HEADER_L1_SIZE, 4), map->subject->size);
    return pick_entry(map, header_number(map, HEADER_L1_TABLE_OFFSET, 8), count, L1_ENTRY_SIZE,
                      random);
}

static uint64_t l2_entry(const struct image_map *map, struct random *random)
{
    uint64_t table = get_number(map->subject, l1_entry(map, random), 8) & ENTRY_OFFSET_MASK;
    unsigned size = map->extended ? L2_ENTRY_SIZE_EXTENDED : L2_ENTRY_SIZE;
    return pick_entry(map, table, map->cluster / size, size, random);
}

// ---- Header and extensions --------------------------------------------------------------------

static void change_header(const struct image_map *map, struct random *random)
{
    change_field(map->subject, 0, header_fields, header_field_count, map->cluster, random);
}

// Bits that turn a part of the format on or off, without anything else of it.
static void change_feature(const struct image_map *map, struct random *random)
{
    static const struct {
        uint64_t field, bits;
    } features[] = {
        {HEADER_INCOMPATIBLE_FEATURES, INCOMPATIBLE_KNOWN},
        {HEADER_INCOMPATIBLE_FEATURES, UINT64_MAX},
        {HEADER_AUTOCLEAR_FEATURES, AUTOCLEAR_BITMAPS | AUTOCLEAR_RAW_DATA_FILE},
    };
    size_t pick = (size_t)random_below(random, COUNT(features));
    uint64_t value = header_number(map, features[pick].field, 8);
    uint64_t bits = features[pick].bits;
    unsigned bit = (unsigned)random_below(random, bits == UINT64_MAX ? 64 : 5);
    put_number(map->subject, features[pick].field, 8, value ^ (UINT64_C(1) << bit & bits));
    if (features[pick].field == HEADER_INCOMPATIBLE_FEATURES && bit == 3) {
        put_number(map->subject, HEADER_COMPRESSION_TYPE, 1, random_below(random, 3));
    }
}

static uint64_t extensions_start(const struct image_map *map)
{
    return header_number(map, HEADER_VERSION, 4) >= 3 ? header_number(map, HEADER_HEADER_LENGTH, 4)
                                                      : HEADER_LENGTH_V2;
}

static uint64_t next_extension(const struct image_map *map, uint64_t at)
{
    return at + EXTENSION_HEADER_SIZE +
           align_down(get_number(map->subject, at + EXTENSION_LENGTH, 4) + 7, 8);
}

// The end marker is as good as any other.
static uint64_t pick_extension(const struct image_map *map, struct random *random)
{
    uint64_t at = extensions_start(map);
    while (get_number(map->subject, at, 4) != EXTENSION_END && random_below(random, 3) > 0) {
        at = next_extension(map, at);
    }
    return at;
}

// Where the data of the first extension of `type` is; 0 when there is none.
static uint64_t find_extension(const struct image_map *map, uint32_t type)
{
    uint64_t at = extensions_start(map);
    while (get_number(map->subject, at, 4) != EXTENSION_END) {
        if (get_number(map->subject, at, 4) == type) {
            return at + EXTENSION_DATA;
        }
        at = next_extension(map, at);
    }
    return 0;
}

static void change_extension(const struct image_map *map, struct random *random)
{
    static const uint32_t types[] = {
        EXTENSION_END,       EXTENSION_BACKING_FORMAT, EXTENSION_BITMAPS, EXTENSION_FEATURE_NAMES,
        EXTENSION_DATA_FILE, EXTENSION_ENCRYPTION,     0x12345678};
    struct subject *subject = map->subject;
    uint64_t at = pick_extension(map, random);
    uint64_t length = get_number(subject, at + EXTENSION_LENGTH, 4);
    switch (random_below(random, 4)) {
    case 0:
        put_number(subject, at + EXTENSION_TYPE, 4, types[random_below(random, COUNT(types))]);
        break;
    case 1:
        change_number(subject, at + EXTENSION_LENGTH, 4, map->cluster, random);
        break;
    case 2: // a type and a length where there was neither
        put_number(subject, at + EXTENSION_TYPE, 4, types[random_below(random, COUNT(types))]);
        put_number(subject, at + EXTENSION_LENGTH, 4, 8 * random_below(random, 8));
        break;
    default:
        change_number(subject, at + EXTENSION_DATA + random_below(random, length / 4 + 1) * 4,
                      random_below(random, 2) == 0 ? 4 : 8, map->cluster, random);
    }
}

// A byte of a name: of the backing file, or in an extension.
static void change_name(const struct image_map *map, struct random *random)
{
    static const uint8_t bytes[] = {0, '\n', 0x1b, '"', '\\', '/', ':', 0x7f, 0x80, 0xc3, 0xff};
    uint64_t at = header_number(map, HEADER_BACKING_FILE_OFFSET, 8);
    uint64_t size = header_number(map, HEADER_BACKING_FILE_SIZE, 4);
    if (at == 0 || random_below(random, 2) == 0) {
        at = pick_extension(map, random);
        size = get_number(map->subject, at + EXTENSION_LENGTH, 4);
        at += EXTENSION_DATA;
    }
    put_number(map->subject, at + random_below(random, size + 1), 1,
               bytes[random_below(random, COUNT(bytes))]);
}

// ---- L1 and L2 --------------------------------------------------------------------------------

// Another place in an entry of which the other bits stay.
static uint64_t moved(const struct image_map *map, uint64_t entry, struct random *random)
{
    return (entry & ~ENTRY_OFFSET_MASK) | (place(map, random) & ENTRY_OFFSET_MASK);
}

static void change_l1(const struct image_map *map, struct random *random)
{
    uint64_t at = l1_entry(map, random);
    uint64_t entry = get_number(map->subject, at, 8);
    switch (random_below(random, 5)) {
    case 0: // no table, with and without the flag of one
        entry = random_below(random, 2) == 0 ? 0 : ENTRY_COPIED;
        break;
    case 1:
        entry ^= ENTRY_COPIED;
        break;
    case 2:
        entry = new_number(map->subject, entry, map->cluster, random);
        break;
    default:
        entry = moved(map, entry, random);
    }
    put_number(map->subject, at, 8, entry);
}

// A compressed descriptor: another place, or another number of sectors.
static uint64_t descriptor(const struct image_map *map, uint64_t entry, struct random *random)
{
    unsigned x = 62 - (map->cluster_bits - 8);
    uint64_t offset = entry & ((UINT64_C(1) << x) - 1);
    uint64_t sectors = (entry & (ENTRY_COMPRESSED - 1)) >> x;
    if (random_below(random, 2) == 0) {
        offset = random_below(random, map->subject->size + 16);
    } else {
        sectors = random_below(random, 4) == 0 ? boundary(random) : random_below(random, 4);
    }
    return ENTRY_COMPRESSED | (sectors << x & (ENTRY_COMPRESSED - 1)) | offset;
}

static void change_l2(const struct image_map *map, struct random *random)
{
    uint64_t at = l2_entry(map, random);
    uint64_t entry = get_number(map->subject, at, 8);
    switch (random_below(random, 9)) {
    case 0:
        entry = 0;
        break;
    case 1:
        entry ^= ENTRY_COPIED;
        break;
    case 2:
        entry ^= ENTRY_ZERO;
        break;
    case 3:
        entry ^= ENTRY_COMPRESSED;
        break;
    case 4:
    case 5:
        entry = descriptor(map, entry, random);
        break;
    case 6:
        entry = new_number(map->subject, entry, map->cluster, random);
        break;
    default:
        entry = moved(map, entry, random);
    }
    put_number(map->subject, at, 8, entry);
}

// Bits 0..31 say allocated, 32..63 zero; of one subcluster never both.
static void change_subclusters(const struct image_map *map, struct random *random)
{
    uint64_t at = l2_entry(map, random) + 8;
    uint64_t bitmap = get_number(map->subject, at, 8);
    unsigned subcluster = (unsigned)random_below(random, SUBCLUSTERS);
    switch (random_below(random, 4)) {
    case 0:
        bitmap ^= UINT64_C(1) << subcluster;
        break;
    case 1:
        bitmap ^= UINT64_C(1) << (subcluster + SUBCLUSTERS);
        break;
    case 2: // from one kind to the next at this subcluster
        bitmap = (bitmap ^ UINT64_C(0x100000001) << subcluster) & ~(bitmap & UINT32_MAX) << 32;
        break;
    default:
        bitmap = boundary(random);
    }
    if (map->extended) {
        put_number(map->subject, at, 8, bitmap);
    }
}

// Compressed bytes, where a descriptor says that they are.
static void change_stream(const struct image_map *map, struct random *random)
{
    for (unsigned tries = 0; tries < 8; tries++) {
        uint64_t entry = get_number(map->subject, l2_entry(map, random), 8);
        uint64_t offset = entry & ((UINT64_C(1) << (62 - (map->cluster_bits - 8))) - 1);
        if ((entry & ENTRY_COMPRESSED) && offset < map->subject->size) {
            size_t size = (size_t)min_u64(map->subject->size - offset, 64);
            struct subject stream = {map->subject->data + offset, size, size};
            mutate_stream(&stream, random);
            return;
        }
    }
}

// ---- Refcounts --------------------------------------------------------------------------------

static uint64_t refcount_table_entry(const struct image_map *map, struct random *random)
{
    uint64_t clusters = header_number(map, HEADER_REFCOUNT_TABLE_CLUSTERS, 4);
    uint64_t count = (clusters << map->cluster_bits) / REFCOUNT_TABLE_ENTRY_SIZE;
    return pick_entry(map, header_number(map, HEADER_REFCOUNT_TABLE_OFFSET, 8),
                      min_u64(count, map->subject->size), REFCOUNT_TABLE_ENTRY_SIZE, random);
}

static void change_refcount_table(const struct image_map *map, struct random *random)
{
    uint64_t at = refcount_table_entry(map, random);
    uint64_t entry = get_number(map->subject, at, 8);
    uint64_t changed = random_below(random, 2) == 0
                           ? place(map, random)
                           : new_number(map->subject, entry, map->cluster, random);
    put_number(map->subject, at, 8, changed);
}

static void change_refcount(const struct image_map *map, struct random *random)
{
    uint64_t order = header_number(map, HEADER_VERSION, 4) < 3
                         ? REFCOUNT_ORDER_V2
                         : header_number(map, HEADER_REFCOUNT_ORDER, 4);
    uint64_t block = get_number(map->subject, refcount_table_entry(map, random), 8);
    unsigned width = order <= 3 || order > REFCOUNT_ORDER_MAX ? 1 : 1U << (order - 3);
    uint64_t clusters = divide_up(map->subject->size, map->cluster);
    uint64_t at = pick_entry(map, block & REFTABLE_OFFSET_MASK, clusters, width, random);
    if (random_below(random, 2) == 0) {
        put_number(map->subject, at, width, random_below(random, 3));
    } else {
        change_number(map->subject, at, width, map->cluster, random);
    }
}

// ---- Snapshots, bitmaps, encryption -----------------------------------------------------------

// A record of a table of records, one after the other.
static uint64_t pick_record(const struct image_map *map, uint64_t table, uint64_t count,
                            uint64_t (*size)(const struct image_map *map, uint64_t at),
                            struct random *random)
{
    uint64_t at = table;
    for (uint64_t left = random_below(random, min_u64(count, 8) + 1); left > 1; left--) {
        at += align_down(size(map, at) + RECORD_ALIGNMENT - 1, RECORD_ALIGNMENT);
    }
    return at;
}

static uint64_t snapshot_size(const struct image_map *map, uint64_t at)
{
    return SNAPSHOT_FIXED_SIZE + get_number(map->subject, at + SNAPSHOT_EXTRA_SIZE, 4) +
           get_number(map->subject, at + SNAPSHOT_ID_SIZE, 2) +
           get_number(map->subject, at + SNAPSHOT_NAME_SIZE, 2);
}

static void change_snapshot(const struct image_map *map, struct random *random)
{
    static const struct field fields[] = {
        {SNAPSHOT_L1_TABLE_OFFSET, 8},
        {SNAPSHOT_L1_SIZE, 4},
        {SNAPSHOT_ID_SIZE, 2},
        {SNAPSHOT_NAME_SIZE, 2},
        {SNAPSHOT_DATE_SEC, 4},
        {SNAPSHOT_DATE_NSEC, 4},
        {SNAPSHOT_VM_CLOCK_NSEC, 8},
        {SNAPSHOT_VM_STATE_SIZE, 4},
        {SNAPSHOT_EXTRA_SIZE, 4},
        {SNAPSHOT_FIXED_SIZE + SNAPSHOT_EXTRA_VM_STATE_SIZE, 8},
        {SNAPSHOT_FIXED_SIZE + SNAPSHOT_EXTRA_DISK_SIZE, 8},
        {SNAPSHOT_FIXED_SIZE + SNAPSHOT_EXTRA_ICOUNT, 8},
        {SNAPSHOT_FIXED_SIZE + SNAPSHOT_EXTRA_KNOWN, 1}, // the id
        {SNAPSHOT_FIXED_SIZE + SNAPSHOT_EXTRA_KNOWN + 1, 1},
    };
    uint64_t at = pick_record(map, header_number(map, HEADER_SNAPSHOTS_OFFSET, 8),
                              header_number(map, HEADER_NB_SNAPSHOTS, 4), snapshot_size, random);
    change_field(map->subject, at, fields, COUNT(fields), map->cluster, random);
}

static uint64_t bitmap_size(const struct image_map *map, uint64_t at)
{
    return BITMAP_FIXED_SIZE + get_number(map->subject, at + BITMAP_EXTRA_SIZE, 4) +
           get_number(map->subject, at + BITMAP_NAME_SIZE, 2);
}

static void change_bitmap(const struct image_map *map, struct random *random)
{
    static const struct field fields[] = {
        {BITMAP_TABLE_OFFSET, 8}, {BITMAP_TABLE_SIZE, 4},       {BITMAP_FLAGS, 4},
        {BITMAP_TYPE, 1},         {BITMAP_GRANULARITY_BITS, 1}, {BITMAP_NAME_SIZE, 2},
        {BITMAP_EXTRA_SIZE, 4},   {BITMAP_FIXED_SIZE, 1},
    };
    uint64_t extension = find_extension(map, EXTENSION_BITMAPS);
    uint64_t directory =
        get_number(map->subject, extension + BITMAPS_EXTENSION_DIRECTORY_OFFSET, 8);
    uint64_t count = get_number(map->subject, extension + BITMAPS_EXTENSION_COUNT, 4);
    uint64_t at = pick_record(map, directory, count, bitmap_size, random);
    if (extension == 0) {
        return;
    }
    if (random_below(random, 8) == 0) {
        uint64_t size = extension + BITMAPS_EXTENSION_DIRECTORY_SIZE;
        put_number(map->subject, size, 8,
                   get_number(map->subject, size, 8) + random_below(random, 17) - 8);
        return;
    }
    if (random_below(random, 3) > 0) {
        change_field(map->subject, at, fields, COUNT(fields), map->cluster, random);
        return;
    }
    uint64_t entry =
        pick_entry(map, get_number(map->subject, at + BITMAP_TABLE_OFFSET, 8),
                   get_number(map->subject, at + BITMAP_TABLE_SIZE, 4) % 64, 8, random);
    put_number(map->subject, entry, 8, random_below(random, 3) == 0 ? 1 : place(map, random));
}

static void change_encryption(const struct image_map *map, struct random *random)
{
    uint64_t extension = find_extension(map, EXTENSION_ENCRYPTION);
    uint64_t at = get_number(map->subject, extension + ENCRYPTION_EXTENSION_OFFSET, 8);
    if (extension != 0) {
        change_field(map->subject, at, luks_fields, luks_field_count, map->cluster, random);
    }
}

// ---- Clusters and the file --------------------------------------------------------------------

// A cluster becomes the same as another one: a table of another kind, data as a table.
static void copy_cluster(const struct image_map *map, struct random *random)
{
    uint64_t clusters = map->subject->size / map->cluster;
    if (clusters > 1) {
        uint64_t from = random_below(random, clusters);
        uint64_t to = random_below(random, clusters - 1) + 1; // the header is not replaced
        memmove(map->subject->data + to * map->cluster, map->subject->data + from * map->cluster,
                (size_t)map->cluster);
    }
}

static void change_number_anywhere(const struct image_map *map, struct random *random)
{
    if (map->subject->size >= 8) {
        uint64_t at = random_below(random, map->subject->size / 8) * 8;
        change_number(map->subject, at, 8, map->cluster, random);
    }
}

// One row a kind of change; the weight is how often it is made, compared with the others.
static const struct {
    unsigned weight;
    void (*change)(const struct image_map *map, struct random *random);
} changes[] = {
    {8, change_header},      {2, change_feature},  {4, change_extension},
    {2, change_name},        {5, change_l1},       {12, change_l2},
    {3, change_subclusters}, {4, change_stream},   {2, change_refcount_table},
    {3, change_refcount},    {4, change_snapshot}, {4, change_bitmap},
    {1, change_encryption},  {3, copy_cluster},    {2, change_number_anywhere},
};

static void change_image(struct subject *subject, struct random *random)
{
    struct image_map map = map_of(subject);
    uint64_t sum = 0;
    for (size_t i = 0; i < COUNT(changes); i++) {
        sum += changes[i].weight;
    }
    uint64_t drawn = random_below(random, sum);
    size_t pick = 0;
    while (drawn >= changes[pick].weight) {
        drawn -= changes[pick++].weight;
    }
    changes[pick].change(&map, random);
}

// Cuts the file off, at a cluster or anywhere, or makes it longer.
static void change_end(struct subject *subject, struct random *random)
{
    uint64_t size = random_below(random, subject->size + 1);
    switch (random_below(random, 3)) {
    case 0:
        size = align_down(size, LAYER_ALIGNMENT);
        break;
    case 1:
        size = subject->size + random_below(random, 4) * LAYER_ALIGNMENT + random_below(random, 2);
        break;
    default:
        break;
    }
    size = min_u64(size, subject->capacity);
    if (size > subject->size) {
        memset(subject->data + subject->size, 0, (size_t)size - subject->size);
    }
    subject->size = (size_t)size;
}

void mutate_image(struct subject *subject, struct random *random)
{
    struct subject image = *subject;
    if (random_below(random, 24) == 0) {
        change_end(subject, random);
        return;
    }
    for (;;) {
        size_t end = layer_end((struct bytes){image.data, image.size});
        if (end == image.size || random_below(random, 2) == 0) {
            image.size = end;
            break;
        }
        image.data += end;
        image.size -= end;
    }
    change_image(&image, random);
}
