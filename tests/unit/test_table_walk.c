// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "tables/table_walk.h"

#include "unit.h"

enum { CLUSTER = 512, SIZE = 64 * CLUSTER, HOLE_START = 16 * CLUSTER, HOLE_END = 32 * CLUSTER };

static uint8_t bytes[SIZE];
static unsigned reads, questions; // about holes
static uint64_t bad_from;         // reads of what comes from here on fail

static bool file_read(struct source *source, uint64_t offset, void *buffer, size_t size,
                      struct error *error)
{
    (void)source;
    reads++;
    if (offset >= bad_from) {
        return error_at(error, ERROR_IO, offset, "bad sector");
    }
    memcpy(buffer, bytes + offset, size);
    return true;
}

// What lies in the hole is not zero: a walk that read there would be found out.
static uint64_t file_hole(struct source *source, uint64_t offset)
{
    (void)source;
    questions++;
    return offset >= HOLE_START && offset < HOLE_END ? HOLE_END - offset : 0;
}

static const struct source_ops file_ops = {.read = file_read, .hole = file_hole};
static struct source file = {.ops = &file_ops, .size = SIZE, .kind = SOURCE_MEMORY, .fd = -1};

static void put_be64(size_t at, uint64_t value)
{
    for (size_t i = 0; i < 8; i++) {
        bytes[at + i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

static struct table_file start(void)
{
    memset(bytes, 0, sizeof bytes);
    memset(bytes + HOLE_START, 0xee, HOLE_END - HOLE_START);
    reads = questions = 0;
    bad_from = UINT64_MAX;
    return table_file_make(&file);
}

static void check_entry(struct table_walk *walk, uint64_t index, uint64_t value)
{
    struct table_entry entry = {0};
    struct error error;
    CHECK(table_walk_entry(walk, &entry, &error) == WALK_FOUND);
    CHECK_EQ_U64(entry.index, index);
    CHECK_EQ_U64(entry.at, walk->offset + index * 8);
    CHECK_EQ_U64(entry.value, value);
}

static void check_end(struct table_walk *walk)
{
    struct table_entry entry;
    struct error error;
    CHECK(table_walk_entry(walk, &entry, &error) == WALK_END);
    CHECK(table_walk_entry(walk, &entry, &error) == WALK_END);
}

static void entries_that_are_not_zero_are_handed_over_in_order(void)
{
    struct table_file tables = start();
    put_be64(CLUSTER, 7);
    put_be64(CLUSTER + 8 * 9, UINT64_C(0x8000000000000200));
    put_be64(CLUSTER + 8 * 99, 3);
    put_be64(CLUSTER + 8 * 100, 5); // behind the table
    struct table_walk walk = l1_walk(&tables, (struct l1_table){CLUSTER, 100}, NULL);
    check_entry(&walk, 0, 7);
    check_entry(&walk, 9, UINT64_C(0x8000000000000200));
    check_entry(&walk, 99, 3);
    check_end(&walk);
    CHECK_EQ_U64(reads, 1);
    table_file_free(&tables);
}

static void a_table_without_entries_is_at_its_end(void)
{
    struct table_file tables = start();
    struct table_walk walk = bitmap_walk(&tables, CLUSTER, 0, NULL);
    check_end(&walk);
    CHECK_EQ_U64(reads, 0);
    table_file_free(&tables);
}

static void a_hole_within_a_table_is_skipped(void)
{
    const uint64_t in_hole = (HOLE_END - HOLE_START) / 8;
    struct table_file tables = start();
    put_be64(HOLE_END + 8, 2);
    struct table_walk walk = bitmap_walk(&tables, HOLE_START, (uint32_t)in_hole + 4, NULL);
    check_entry(&walk, in_hole + 1, 2);
    check_end(&walk);
    CHECK_EQ_U64(reads, 1);
    table_file_free(&tables);
}

static void a_table_in_a_hole_is_not_read(void)
{
    struct table_file tables = start();
    struct table_walk walk = l1_walk(&tables, (struct l1_table){HOLE_START, 128}, NULL);
    check_end(&walk);
    walk = l1_walk(&tables, (struct l1_table){HOLE_START + CLUSTER, 64}, NULL);
    check_end(&walk);
    CHECK_EQ_U64(reads, 0);
    CHECK_EQ_U64(questions, 1); // the hole is known
    table_file_free(&tables);
}

static void the_refcount_table_is_as_long_as_its_clusters(void)
{
    const struct header header = {
        .cluster_bits = 9, .refcount_table_offset = CLUSTER, .refcount_table_clusters = 2};
    struct table_file tables = start();
    put_be64(3 * CLUSTER - 8, 1);
    put_be64(3 * CLUSTER, 2);
    struct table_walk walk = refcount_table_walk(&tables, &header);
    check_entry(&walk, 2 * CLUSTER / 8 - 1, 1);
    check_end(&walk);
    table_file_free(&tables);
}

static void l2_tables_are_handed_over_as_they_are(void)
{
    const struct header header = {.version = 3, .cluster_size = CLUSTER, .l2_entry_size = 16};
    struct table_file tables = start();
    struct error error;
    put_be64(CLUSTER + 16, 5);
    struct table_walk walk = l2_walk(&tables, &header, CLUSTER, NULL);
    REQUIRE(table_walk_view(&walk, &error) == WALK_FOUND);
    CHECK_EQ_U64(walk.first, 0);
    CHECK_EQ_U64(walk.view.size, CLUSTER);
    CHECK_MEM(walk.view.data, bytes + CLUSTER, CLUSTER);
    CHECK(table_walk_view(&walk, &error) == WALK_END);
    table_file_free(&tables);
}

// A file that ends within a table still has its first entries.
static void what_the_file_has_of_a_table_is_handed_over(void)
{
    struct table_file tables = start();
    struct table_entry entry;
    struct error error;
    put_be64(SIZE - 8, 4);
    struct table_walk walk = l1_walk(&tables, (struct l1_table){SIZE - 16, 5}, NULL);
    check_entry(&walk, 1, 4);
    CHECK(table_walk_entry(&walk, &entry, &error) == WALK_ERROR);
    CHECK_STR(error.code, ERROR_TRUNCATED);
    CHECK_EQ_U64(entry.index, 2);
    CHECK_EQ_U64(entry.at, SIZE);
    table_file_free(&tables);
}

static void a_walk_can_go_on_behind_a_bad_entry(void)
{
    struct table_file tables = start();
    struct table_entry entry;
    struct error error;
    put_be64(CLUSTER + 8, 6);
    bad_from = CLUSTER;
    struct table_walk walk = l1_walk(&tables, (struct l1_table){CLUSTER, 2}, NULL);
    CHECK(table_walk_entry(&walk, &entry, &error) == WALK_ERROR);
    CHECK_STR(error.code, ERROR_IO);
    CHECK_EQ_U64(entry.index, 0);
    bad_from = UINT64_MAX;
    check_entry(&walk, 1, 6);
    check_end(&walk);
    table_file_free(&tables);
}

static void any_entry_can_be_loaded(void)
{
    struct table_file tables = start();
    struct error error;
    uint64_t value = 1;
    put_be64(CLUSTER + 8 * 70, 6);
    struct table_walk walk = bitmap_walk(&tables, CLUSTER, SIZE / 8, NULL);
    CHECK(table_walk_load(&walk, 70, &value, &error));
    CHECK_EQ_U64(value, 6);
    CHECK(table_walk_load(&walk, 3, &value, &error));
    CHECK_EQ_U64(value, 0);
    table_file_free(&tables);
    tables = start(); // nothing of it has been read
    CHECK(table_walk_load(&walk, (HOLE_START - CLUSTER) / 8, &value, &error));
    CHECK_EQ_U64(value, 0);
    CHECK(!table_walk_load(&walk, SIZE / 8 - 1, &value, &error));
    CHECK_STR(error.code, ERROR_TRUNCATED);
    table_file_free(&tables);
}

static void reads_and_seeks_are_taken_off_the_budget(void)
{
    struct table_file tables = start();
    struct budget budget = {.left = 1000, .seek = 100};
    memset(bytes + CLUSTER, 1, CLUSTER);
    struct table_walk walk = l1_walk(&tables, (struct l1_table){CLUSTER, 1}, &budget);
    check_entry(&walk, 0, UINT64_C(0x0101010101010101));
    CHECK_EQ_U64(budget.left, 900); // of 8 bytes
    walk = l1_walk(&tables, (struct l1_table){HOLE_START, 8}, &budget);
    check_end(&walk);
    CHECK_EQ_U64(budget.left, 800); // of the question
    walk = l1_walk(&tables, (struct l1_table){CLUSTER, 64}, &budget);
    check_entry(&walk, 0, UINT64_C(0x0101010101010101));
    check_entry(&walk, 1, UINT64_C(0x0101010101010101));
    CHECK(!budget.ended);
    walk = l1_walk(&tables, (struct l1_table){4 * CLUSTER, 128}, &budget);
    bytes[4 * CLUSTER] = 1;
    check_end(&walk); // 1024 bytes are more than is left
    CHECK(budget.ended);
    CHECK_EQ_U64(budget.left, 0);
    table_file_free(&tables);
}

static void what_is_left_may_be_spent_to_the_last_byte(void)
{
    struct budget budget = {.left = 10};
    CHECK(budget_spend(&budget, 10));
    CHECK(!budget.ended);
    CHECK(budget_spend(&budget, 0));
    CHECK(budget_spent(&budget));
    CHECK(budget.ended);
    budget = (struct budget){.left = 10};
    CHECK(!budget_spend(&budget, 11));
    CHECK(!budget_spend(&budget, 1)); // it stays so
    CHECK(!budget_spend(&budget, 0));
}

int main(void)
{
    RUN(entries_that_are_not_zero_are_handed_over_in_order);
    RUN(a_table_without_entries_is_at_its_end);
    RUN(a_hole_within_a_table_is_skipped);
    RUN(a_table_in_a_hole_is_not_read);
    RUN(the_refcount_table_is_as_long_as_its_clusters);
    RUN(l2_tables_are_handed_over_as_they_are);
    RUN(what_the_file_has_of_a_table_is_handed_over);
    RUN(a_walk_can_go_on_behind_a_bad_entry);
    RUN(any_entry_can_be_loaded);
    RUN(reads_and_seeks_are_taken_off_the_budget);
    RUN(what_is_left_may_be_spent_to_the_last_byte);
    return unit_done();
}
