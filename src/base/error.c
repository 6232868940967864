// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char ERROR_IO[] = "io-error";
const char ERROR_TRUNCATED[] = "truncated";
const char ERROR_UNSEEN[] = "not-seen";
const char ERROR_CORRUPT[] = "corrupt";
const char ERROR_UNDECODABLE[] = "undecodable";
const char ERROR_LIMIT[] = "limit";
const char ERROR_MEMORY[] = "out-of-memory";
const char ERROR_USAGE[] = "usage";
const char ERROR_NOT_FOUND[] = "not-found";
const char ERROR_KEY[] = "wrong-key";
const char ERROR_OUTSIDE[] = "outside";
const char ERROR_LOOP[] = "loop";

__attribute__((format(printf, 3, 0))) static void
error_format(struct error *error, const char *code, const char *format, va_list args)
{
    *error = (struct error){.code = code};
    vsnprintf(error->message, sizeof error->message, format, args);
}

void error_fill(struct error *error, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_format(error, code, format, args);
    va_end(args);
}

void error_fill_at(struct error *error, const char *code, uint64_t offset, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_format(error, code, format, args);
    va_end(args);
    error->has_offset = true;
    error->offset = offset;
}

void error_fill_prefix(struct error *error, const char *format, ...)
{
    char old[ERROR_MESSAGE_SIZE];
    va_list args;
    memcpy(old, error->message, sizeof old);
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    // The message is more important than the whole of a long name in front of it.
    size_t reason = strlen(old);
    size_t most = sizeof error->message - sizeof ": ";
    size_t room = reason < most ? most - reason : 0;
    size_t length = strlen(error->message);
    bool cut = length > room && room >= strlen("...");
    length = cut ? room - strlen("...") : length < room ? length : room;
    snprintf(error->message + length, sizeof error->message - length, "%s: %.*s", cut ? "..." : "",
             (int)reason, old);
}

void error_fill_suffix(struct error *error, const char *format, ...)
{
    size_t length = strlen(error->message);
    va_list args;
    va_start(args, format);
    vsnprintf(error->message + length, sizeof error->message - length, format, args);
    va_end(args);
}
