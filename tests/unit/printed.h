// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What a writer printed, as a string: for the tests of what prints.
//
//     struct printed printed;
//     printed_start(&printed);
//     writer_string(&printed.writer, "hello");
//     CHECK_STR(printed_end(&printed), "hello");

#ifndef QCOW2_INFO_TESTS_PRINTED_H
#define QCOW2_INFO_TESTS_PRINTED_H

#include "print/writer.h"

#include <sys/mman.h>
#include <unistd.h>

struct printed {
    struct writer writer;
    char text[4096];
};

static inline void printed_start(struct printed *printed)
{
    writer_init(&printed->writer, memfd_create("printed", MFD_CLOEXEC));
}

// What was printed, up to the size of `text`. It stays in `printed`.
static inline const char *printed_end(struct printed *printed)
{
    struct error error;
    if (!writer_finish(&printed->writer, &error)) {
        return error.message[0] ? "(the writer failed)" : "";
    }
    ssize_t size = pread(printed->writer.fd, printed->text, sizeof printed->text - 1, 0);
    printed->text[size > 0 ? size : 0] = '\0';
    close(printed->writer.fd);
    return printed->text;
}

#endif
