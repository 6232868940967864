// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A first cluster of 64 KiB is more than any extension needs; an image with extended L2 entries has
// clusters of 16 KiB, and at least six of them.
enum { SMALL = 4096, CLUSTER = 16384, IMAGE = 131072 };

const struct harness harnesses[] = {
    {"header", run_header, mutate_headed, 1024},
    {"feature", run_feature, mutate_numbers, SMALL},
    {"extension", run_extension, mutate_headed, CLUSTER},
    {"entry", run_entry, mutate_headed, SMALL},
    {"refcount", run_refcount, mutate_headed, SMALL},
    {"snapshot", run_snapshot, mutate_headed, SMALL},
    {"bitmap", run_bitmap, mutate_headed, SMALL},
    {"luks", run_luks, mutate_luks, 1024},
    {"key-slot", run_key_slot, mutate_key_slot, SMALL},
    {"name", run_name, mutate_name, 1023},
    {"digest-list", run_digest_list, mutate_name, 1023},
    {"address", run_address, mutate_name, 1023},
    {"answer", run_answer, mutate_name, SMALL},
    {"reply", run_reply, mutate_numbers, SMALL},
    {"deflate", run_deflate, mutate_stream, CLUSTER},
    {"deflate-zlib", run_deflate_zlib, mutate_stream, CLUSTER},
    {"deflate-both", run_deflate_both, mutate_stream, CLUSTER},
    {"zstd", run_zstd, mutate_stream, CLUSTER},
    {"info", run_info, mutate_image, IMAGE},
    {"map", run_map, mutate_image, IMAGE},
    {"check", run_check, mutate_image, IMAGE},
    {"cat", run_cat, mutate_image, IMAGE},
    {"audit", run_audit, mutate_image, IMAGE},
    {"verdicts", run_verdicts, mutate_image, IMAGE},
    {"usage", run_usage, mutate_image, IMAGE},
    {"where", run_where, mutate_image, IMAGE},
    {"compare", run_compare, mutate_image, IMAGE},
    {"digest", run_digest, mutate_image, IMAGE},
    {0},
};

const struct harness *harness_find(const char *name)
{
    for (const struct harness *harness = harnesses; harness->name; harness++) {
        if (strcmp(harness->name, name) == 0) {
            return harness;
        }
    }
    return NULL;
}

_Noreturn void must_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}
