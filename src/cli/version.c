// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/version.h"

#include "base/sandbox.h"
#include "cli/web.h"
#include "codec/crypto.h"
#include "codec/twofish.h"

#if WITH_CJSON
#include <cjson/cJSON.h>
#endif
#include <zlib.h>
#include <zstd.h>

#if WITH_LIBDEFLATE
#include <libdeflate.h>
#endif
#if WITH_SECCOMP
#include <seccomp.h>
#endif

// Printed inside the sandbox: it shows the actual state.
static void print_sandbox(struct writer *writer)
{
    char text[SANDBOX_TEXT_SIZE];
    const struct sandbox sandbox = sandbox_enter(SANDBOX_ALL);
    sandbox_describe(&sandbox, text);
    writer_format(writer, "sandbox: %s\n", text);
}

void print_version(struct writer *writer)
{
    char nettle[TWOFISH_VERSION_SIZE];
#if WITH_CURL
    char curl[WEB_TEXT_SIZE];
    char fetcher[WEB_TEXT_SIZE];
#endif
    writer_format(writer, "qcow2-info %s\n", QCOW2_INFO_VERSION);
    writer_format(writer, "zlib %s\n", zlibVersion());
    writer_format(writer, "libzstd %s\n", ZSTD_versionString());
#if WITH_CJSON
    writer_format(writer, "cJSON %s\n", cJSON_Version());
#else
    writer_string(writer, "cJSON not built in\n");
#endif
#if WITH_LIBDEFLATE
    writer_format(writer, "libdeflate %s\n", LIBDEFLATE_VERSION_STRING);
#else
    writer_string(writer, "libdeflate not built in\n");
#endif
    writer_format(writer, "libgcrypt %s\n", crypto_version() ? crypto_version() : "not built in");
    writer_format(writer, "nettle %s\n", twofish192_version(nettle) ? nettle : "not built in");
#if WITH_SECCOMP
    writer_format(writer, "libseccomp %u.%u.%u\n", seccomp_version()->major,
                  seccomp_version()->minor, seccomp_version()->micro);
#else
    writer_string(writer, "libseccomp not built in\n");
#endif
#if WITH_CURL
    web_describe(curl, fetcher);
    writer_format(writer, "libcurl %s\n", curl);
    writer_format(writer, "fetcher: %s\n", fetcher);
#else
    writer_string(writer, "libcurl not built in\n");
#endif
    print_sandbox(writer);
}
