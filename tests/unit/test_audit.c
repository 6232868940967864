// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What an audit does when the image cannot be read.

#include "audit/audit.h"

#include "base/checked.h"
#include "format/layout.h"

#include <stdlib.h>

#include "unit.h"

// Marks of other formats are searched for in the first 8 MiB and at the end: DATA is in neither.
enum { CLUSTER = 65536, CLUSTERS = 256, DATA = 140 };

static uint8_t file[CLUSTERS * CLUSTER];

static void put(size_t offset, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++) {
        file[offset + i] = (uint8_t)(value >> 8 * (width - 1 - i));
    }
}

// Header, refcount table, refcount block, L1 table, L2 table; two clusters of data far behind them.
static void make_image(void)
{
    memset(file, 0, sizeof file);
    put(HEADER_MAGIC, 4, QCOW2_MAGIC);
    put(HEADER_VERSION, 4, 3);
    put(HEADER_CLUSTER_BITS, 4, 16);
    put(HEADER_SIZE, 8, 1 << 20);
    put(HEADER_L1_SIZE, 4, 1);
    put(HEADER_L1_TABLE_OFFSET, 8, 3 * CLUSTER);
    put(HEADER_REFCOUNT_TABLE_OFFSET, 8, CLUSTER);
    put(HEADER_REFCOUNT_TABLE_CLUSTERS, 4, 1);
    put(HEADER_REFCOUNT_ORDER, 4, 4);
    put(HEADER_HEADER_LENGTH, 4, HEADER_LENGTH_V3);
    put(CLUSTER, 8, 2 * CLUSTER);
    for (size_t i = 0; i < 5; i++) {
        put(2 * CLUSTER + i * 2, 2, 1);
    }
    put(2 * CLUSTER + DATA * 2, 4, 0x00010001);
    put(3 * CLUSTER, 8, ENTRY_COPIED | 4 * CLUSTER);
    put(4 * CLUSTER, 8, ENTRY_COPIED | DATA * CLUSTER);
    put(4 * CLUSTER + 8, 8, ENTRY_COPIED | (DATA + 1) * CLUSTER);
}

// The same in clusters of 512 bytes and with nothing on the disk. The refcount table has room for
// 256 entries.
static void make_image_of_small_clusters(void)
{
    enum { REFCOUNT_TABLE = 8 * 512, L1_TABLE = 16 * 512 };
    make_image();
    memset(file + CLUSTER, 0, sizeof file - CLUSTER);
    put(HEADER_CLUSTER_BITS, 4, 9);
    put(HEADER_L1_SIZE, 4, 32);
    put(HEADER_L1_TABLE_OFFSET, 8, L1_TABLE);
    put(HEADER_REFCOUNT_TABLE_OFFSET, 8, REFCOUNT_TABLE);
    put(HEADER_REFCOUNT_TABLE_CLUSTERS, 4, 4);
}

static void put_refcount_block(size_t index, uint64_t offset)
{
    put(8 * 512 + index * 8, 8, offset);
}

// A source of these bytes, and zeros behind them, that fails where it touches the cluster `bad`.
static uint64_t bad;

static bool read_but_bad(struct source *source, uint64_t offset, void *buffer, size_t size,
                         struct error *error)
{
    (void)source;
    if (size > 0 && offset / CLUSTER <= bad && bad <= (offset + size - 1) / CLUSTER) {
        return error_at(error, ERROR_IO, bad * CLUSTER, "cannot read: broken");
    }
    size_t there = offset < sizeof file ? min_u64(size, sizeof file - offset) : 0;
    memset(buffer, 0, size);
    memcpy(buffer, file + (there > 0 ? offset : 0), there);
    return true;
}

static void close_nothing(struct source *source)
{
    (void)source;
}

static const struct source_ops bad_ops = {.read = read_but_bad, .close = close_nothing};

static bool audit_file(uint64_t size, uint64_t bad_cluster, struct audit *audit,
                       struct error *error)
{
    static struct source source;
    struct audit_options options = audit_options_default();
    source = (struct source){.ops = &bad_ops, .size = size, .kind = SOURCE_MEMORY, .fd = -1};
    bad = UINT64_MAX;
    struct image *image = image_open(&source, "image", error);
    if (!CHECK(image != NULL)) {
        return false;
    }
    bad = bad_cluster;
    bool audited = audit_image(image, &options, audit, error);
    image_close(image);
    return audited;
}

static bool audit_with(uint64_t bad_cluster, struct audit *audit, struct error *error)
{
    return audit_file(sizeof file, bad_cluster, audit, error);
}

static void a_sound_image_is_safe(void)
{
    struct audit audit;
    struct error error;
    struct audit_options options = audit_options_default();
    make_image();
    REQUIRE(audit_with(UINT64_MAX, &audit, &error));
    CHECK(audit.complete);
    CHECK(audit_is_safe(&audit, &options));
    CHECK_EQ_U64(audit.virtual_size, 1 << 20);
    CHECK(!audit.actual_size_known);
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        CHECK_EQ_U64(audit.findings[i].count, 0);
    }
}

static void a_table_that_cannot_be_read_ends_the_audit(void)
{
    static const uint64_t clusters[] = {0, 1, 2, 3, 4, DATA, CLUSTERS - 1};
    for (size_t i = 0; i < sizeof clusters / sizeof clusters[0]; i++) {
        uint64_t cluster = clusters[i];
        struct audit audit;
        struct error error = {0};
        make_image();
        bool audited = audit_with(cluster, &audit, &error);
        CHECK(audited == (cluster == DATA));
        if (!audited) {
            CHECK(error.code == ERROR_IO);
            CHECK(strstr(error.message, "cannot read: broken") != NULL);
            CHECK_EQ_U64(error.offset, cluster * CLUSTER);
        }
    }
}

// A refcount table has 64 bits for a place, of which only 56 can be meant.
static void a_file_longer_than_an_entry_can_say_has_no_tables_there(void)
{
    struct audit audit;
    struct error error;
    make_image_of_small_clusters();
    put_refcount_block(1, UINT64_C(7) << 57 | 0x400 << 9);
    for (size_t i = 2; i <= 100; i++) {
        put_refcount_block(i, (1 << 20) + i * 512);
    }
    put_refcount_block(101, 0x400 << 9);
    REQUIRE(audit_file(UINT64_C(1) << 62, UINT64_MAX, &audit, &error));
    CHECK_EQ_U64(audit.findings[AUDIT_TABLE_OUTSIDE_FILE].count, 1);
    CHECK_EQ_U64(audit.findings[AUDIT_TABLE_OVERLAP].count, 0);
}

static void every_rule_has_its_row(void)
{
    for (size_t i = 0; i < AUDIT_RULES; i++) {
        enum audit_rule found;
        REQUIRE(audit_rules[i].code != NULL);
        const struct bytes code = {(const uint8_t *)audit_rules[i].code,
                                   strlen(audit_rules[i].code)};
        REQUIRE(audit_rule_find(code, &found));
        CHECK_EQ_U64(found, i);
        CHECK(audit_rules[i].severity != AUDIT_ALLOWED);
    }
}

int main(void)
{
    RUN(a_sound_image_is_safe);
    RUN(a_table_that_cannot_be_read_ends_the_audit);
    RUN(a_file_longer_than_an_entry_can_say_has_no_tables_there);
    RUN(every_rule_has_its_row);
    return unit_done();
}
