// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "commands/version.h"

#include "base/sandbox.h"
#include "codec/crypto.h"
#include "codec/twofish.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <zlib.h>
#include <zstd.h>

#if WITH_LIBDEFLATE
#include <libdeflate.h>
#endif
#if WITH_SECCOMP
#include <seccomp.h>
#endif

// Printed by a process that has entered it: it tells what is, not what should be.
static void print_sandbox(void)
{
    char text[SANDBOX_TEXT_SIZE];
    const struct sandbox sandbox = sandbox_enter(SANDBOX_ALL);
    sandbox_describe(&sandbox, text);
    printf("sandbox: %s\n", text);
}

void print_version(void)
{
    char nettle[TWOFISH_VERSION_SIZE];
    printf("qcow2-info %s\n", QCOW2_INFO_VERSION);
    printf("zlib %s\n", zlibVersion());
    printf("libzstd %s\n", ZSTD_versionString());
    printf("cJSON %s\n", cJSON_Version());
#if WITH_LIBDEFLATE
    printf("libdeflate %s\n", LIBDEFLATE_VERSION_STRING);
#else
    printf("libdeflate not built in\n");
#endif
    printf("libgcrypt %s\n", crypto_version() ? crypto_version() : "not built in");
    printf("nettle %s\n", twofish192_version(nettle) ? nettle : "not built in");
#if WITH_SECCOMP
    printf("libseccomp %u.%u.%u\n", seccomp_version()->major, seccomp_version()->minor,
           seccomp_version()->micro);
#else
    printf("libseccomp not built in\n");
#endif
    print_sandbox();
}
