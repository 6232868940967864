// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Which compressed streams are over one another.

#include "audit/audit_streams.h"

#include "unit.h"

static struct memory_limit limit;
static struct stream_list list;

static void start(uint64_t memory)
{
    limit = (struct memory_limit){.most = memory};
    list = (struct stream_list){.limit = &limit};
}

// Streams as a writer packs them: each begins where the one before ends, and says in which sector
// its last byte is.
static uint64_t add_packed(uint64_t at, uint64_t size)
{
    stream_list_add(&list, at, (at + size - 1) / 512 - at / 512);
    return at + size;
}

static struct shared_stream found(void)
{
    struct shared_stream shared = stream_list_find_shared(&list);
    stream_list_free(&list);
    return shared;
}

static void packed_streams_share_nothing(void)
{
    uint64_t at = 65536;
    start(1 << 20);
    for (uint64_t i = 0; i < 5000; i++) {
        at = add_packed(at, 1 + i * 7919 % 3000);
    }
    CHECK(!list.unsorted);
    CHECK_EQ_U64(found().count, 0);
}

static void their_order_does_not_matter(void)
{
    static uint64_t starts[1001];
    starts[0] = 65536;
    for (uint64_t i = 0; i < 1000; i++) {
        starts[i + 1] = starts[i] + 1 + i * 7919 % 3000;
    }
    start(1 << 20);
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t other = i * 387 % 1000; // each once
        add_packed(starts[other], starts[other + 1] - starts[other]);
    }
    CHECK(list.unsorted);
    CHECK_EQ_U64(found().count, 0);
}

static void a_stream_named_again_is_found(void)
{
    start(1 << 20);
    for (uint64_t i = 0; i < 100; i++) {
        add_packed(65536 + i % 50 * 20, 20);
    }
    struct shared_stream shared = found();
    CHECK_EQ_U64(shared.count, 50);
    CHECK_EQ_U64(shared.host_offset, 65536);
}

static void a_stream_within_another_is_found(void)
{
    start(1 << 20);
    add_packed(65536, 5000);
    add_packed(65536 + 512, 20);
    // Within the last sector of the first, where that may have ended.
    add_packed(65536 + 4608, 20);
    struct shared_stream shared = found();
    CHECK_EQ_U64(shared.count, 1);
    CHECK_EQ_U64(shared.host_offset, 65536 + 512);
}

static void a_long_stream_hides_nothing_behind_a_short_one(void)
{
    start(1 << 20);
    add_packed(65536, 60000);
    add_packed(65536 + 1024, 10);
    add_packed(65536 + 40000, 10);
    CHECK_EQ_U64(found().count, 2);
}

static void places_up_to_the_last_fit(void)
{
    start(1 << 20);
    uint64_t last = (UINT64_C(1) << 49) - 1; // of an offset in clusters of 2 MiB
    stream_list_add(&list, last, 8191);
    stream_list_add(&list, last - (8191 << 9), 8191); // of which it has the last sector
    stream_list_add(&list, last, 1);
    struct shared_stream shared = found();
    CHECK_EQ_U64(shared.count, 1);
    CHECK_EQ_U64(shared.host_offset, last);
}

static void more_than_fit_are_left_out(void)
{
    start(1 << 16);
    for (uint64_t i = 0; i < 10000; i++) {
        add_packed(65536 + i * 100, 100);
    }
    CHECK(list.full);
    CHECK_EQ_U64(list.count, 8192);
    CHECK(limit.used <= limit.most);
    CHECK_EQ_U64(found().count, 0);
}

int main(void)
{
    RUN(packed_streams_share_nothing);
    RUN(their_order_does_not_matter);
    RUN(a_stream_named_again_is_found);
    RUN(a_stream_within_another_is_found);
    RUN(a_long_stream_hides_nothing_behind_a_short_one);
    RUN(places_up_to_the_last_fit);
    RUN(more_than_fit_are_left_out);
    return unit_done();
}
