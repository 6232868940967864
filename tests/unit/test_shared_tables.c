// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "check/shared_tables.h"

#include "unit.h"

static void references_to_one_table_are_added_up(void)
{
    struct shared_tables tables = {0};
    for (uint64_t i = 0; i < 10000000; i++) {
        REQUIRE(shared_tables_add(&tables, i % 3 * 65536));
    }
    shared_tables_merge(&tables);
    REQUIRE(tables.count == 3);
    CHECK_EQ_U64(tables.items[0].offset, 0);
    CHECK_EQ_U64(tables.items[0].count, 3333334);
    CHECK_EQ_U64(tables.items[2].offset, 131072);
    CHECK_EQ_U64(tables.items[2].count, 3333333);
    CHECK(tables.room <= 4096);
    shared_tables_free(&tables);
}

static void different_tables_have_a_limit(void)
{
    struct shared_tables tables = {0};
    uint64_t added = 0;
    while (added < UINT64_C(1) << 21 && shared_tables_add(&tables, (added * 7919 + 1) * 512)) {
        added++;
    }
    CHECK(added >= UINT64_C(1) << 19);
    CHECK(added <= UINT64_C(1) << 20);
    shared_tables_merge(&tables);
    CHECK_EQ_U64(tables.count, added);
    for (size_t i = 1; i < tables.count; i++) {
        REQUIRE(tables.items[i - 1].offset < tables.items[i].offset);
    }
    shared_tables_free(&tables);
}

static void none_are_none(void)
{
    struct shared_tables tables = {0};
    shared_tables_merge(&tables);
    CHECK_EQ_U64(tables.count, 0);
    shared_tables_free(&tables);
}

int main(void)
{
    RUN(references_to_one_table_are_added_up);
    RUN(different_tables_have_a_limit);
    RUN(none_are_none);
    return unit_done();
}
