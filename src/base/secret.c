// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/secret.h"

#include "base/checked.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

// Other systems do not have these. A secret is still locked and wiped there.
#ifdef __linux__
#include <sys/prctl.h>

// ... and out of the process that fetches, which has the network.
static void keep_out_of_dumps(void *data, size_t size)
{
    madvise(data, size, MADV_DONTDUMP);
    madvise(data, size, MADV_DONTFORK);
}

static void share(void *data, size_t size)
{
    madvise(data, size, MADV_DOFORK);
}

static void forbid_tracing(void)
{
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
#else
static void keep_out_of_dumps(void *data, size_t size)
{
    (void)data;
    (void)size;
}

static void share(void *data, size_t size)
{
    (void)data;
    (void)size;
}

static void forbid_tracing(void)
{
}
#endif

bool secret_make(struct secret *secret, size_t size, struct error *error)
{
    uint64_t mapped;
    *secret = (struct secret){0};
    if (!checked_align_up(size, (uint64_t)sysconf(_SC_PAGESIZE), &mapped)) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    void *data = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    // Continue when a limit on locked memory is reached.
    mlock(data, mapped);
    keep_out_of_dumps(data, mapped);
    *secret = (struct secret){data, size, mapped};
    return true;
}

bool secret_grow(struct secret *secret, size_t size, struct error *error)
{
    struct secret grown;
    if (!secret_make(&grown, size, error)) {
        return false;
    }
    if (secret->size > 0) {
        memcpy(grown.data, secret->data, secret->size);
    }
    secret_free(secret);
    *secret = grown;
    return true;
}

void secret_share(const struct secret *secret)
{
    if (secret->data) {
        share(secret->data, secret->mapped);
    }
}

void secret_keep(const struct secret *secret)
{
    if (secret->data) {
        mlock(secret->data, secret->mapped); // a new process has nothing locked
        keep_out_of_dumps(secret->data, secret->mapped);
    }
}

void secret_free(struct secret *secret)
{
    if (secret->data) {
        secret_wipe(secret->data, secret->mapped);
        munmap(secret->data, secret->mapped);
    }
    *secret = (struct secret){0};
}

void secret_wipe(void *data, size_t size)
{
    memset(data, 0, size);
    __asm__ __volatile__("" : : "r"(data) : "memory");
}

bool secret_equal(const uint8_t *a, const uint8_t *b, size_t size)
{
    uint8_t difference = 0;
    for (size_t i = 0; i < size; i++) {
        difference |= a[i] ^ b[i];
    }
    return difference == 0;
}

void secret_hide_process(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    forbid_tracing();
}
