// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/secret.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "unit.h"

static void begins_with_zeros(void)
{
    const uint8_t zeros[100] = {0};
    struct secret secret;
    struct error error;
    REQUIRE(secret_make(&secret, sizeof zeros, &error));
    CHECK_EQ_U64(secret.size, sizeof zeros);
    CHECK_MEM(secret.data, zeros, sizeof zeros);
    secret_free(&secret);
    CHECK(!secret.data);
    CHECK_EQ_U64(secret.size, 0);
}

static void grows_with_its_bytes(void)
{
    struct secret secret;
    struct error error;
    REQUIRE(secret_make(&secret, 5, &error));
    memcpy(secret.data, "abcde", 5);
    REQUIRE(secret_grow(&secret, 100000, &error));
    CHECK_EQ_U64(secret.size, 100000);
    CHECK_MEM(secret.data, "abcde", 6);
    secret_free(&secret);
}

static void grows_from_nothing(void)
{
    struct secret secret = {0};
    struct error error;
    REQUIRE(secret_grow(&secret, 7, &error));
    CHECK_EQ_U64(secret.size, 7);
    secret_free(&secret);
    secret_free(&secret);
}

static void fails_without_memory(void)
{
    struct secret secret;
    struct error error;
    CHECK(!secret_make(&secret, SIZE_MAX, &error));
    CHECK_STR(error.code, "out-of-memory");
    CHECK(!secret_make(&secret, SIZE_MAX / 2, &error));
    secret_free(&secret);
}

// A limit of no locked memory at all is no reason to fail.
static void does_without_locking(void)
{
    struct rlimit old;
    struct secret secret;
    struct error error;
    getrlimit(RLIMIT_MEMLOCK, &old);
    struct rlimit none = {0, old.rlim_max};
    setrlimit(RLIMIT_MEMLOCK, &none);
    if (CHECK(secret_make(&secret, 1000, &error))) {
        secret_free(&secret);
    }
    setrlimit(RLIMIT_MEMLOCK, &old);
}

static void wipes(void)
{
    char text[] = "abcdef";
    secret_wipe(text + 1, 4);
    CHECK_MEM(text, "a\0\0\0\0f", 7);
}

static void compares_all_bytes(void)
{
    uint8_t a[20] = {0};
    uint8_t b[20] = {0};
    CHECK(secret_equal(a, b, sizeof a));
    for (size_t i = 0; i < sizeof a; i++) {
        b[i] = 0x80;
        CHECK(!secret_equal(a, b, sizeof a));
        b[i] = 0;
    }
}

static void hides_the_process(void)
{
    struct rlimit core;
    secret_hide_process();
    getrlimit(RLIMIT_CORE, &core);
    CHECK_EQ_U64(core.rlim_cur, 0);
    CHECK_EQ_U64(core.rlim_max, 0);
    CHECK_EQ_I64(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}

int main(void)
{
    RUN(begins_with_zeros);
    RUN(grows_with_its_bytes);
    RUN(grows_from_nothing);
    RUN(fails_without_memory);
    RUN(does_without_locking);
    RUN(wipes);
    RUN(compares_all_bytes);
    RUN(hides_the_process);
    return unit_done();
}
