// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "print/writer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { U64_DIGITS_MAX = 20 };

void writer_init(struct writer *writer, int fd)
{
    writer->fd = fd;
    writer->failed = 0;
    writer->used = 0;
}

static void writer_out(struct writer *writer, const char *data, size_t size)
{
    while (size > 0 && !writer->failed) {
        ssize_t written = write(writer->fd, data, size);
        if (written >= 0) {
            data += written;
            size -= (size_t)written;
        } else if (errno != EINTR) {
            writer->failed = errno;
        }
    }
}

static void writer_flush(struct writer *writer)
{
    writer_out(writer, writer->buffer, writer->used);
    writer->used = 0;
}

void writer_bytes(struct writer *writer, const void *data, size_t size)
{
    if (size > sizeof writer->buffer - writer->used) {
        writer_flush(writer);
    }
    if (size > sizeof writer->buffer) {
        writer_out(writer, data, size);
        return;
    }
    memcpy(writer->buffer + writer->used, data, size);
    writer->used += size;
}

void writer_string(struct writer *writer, const char *string)
{
    writer_bytes(writer, string, strlen(string));
}

char *writer_room(struct writer *writer, size_t size)
{
    if (size > sizeof writer->buffer - writer->used) {
        writer_flush(writer);
    }
    return writer->buffer + writer->used;
}

// Two digits at a time, because divisions are slow.
static const char two_digits[] = "00010203040506070809101112131415161718192021222324"
                                 "25262728293031323334353637383940414243444546474849"
                                 "50515253545556575859606162636465666768697071727374"
                                 "75767778798081828384858687888990919293949596979899";

// The number of decimal digits from the number of bits: log10(2) is about 1233 / 4096.
static unsigned count_digits(uint64_t value)
{
    static const uint64_t powers[] = {0,
                                      10,
                                      100,
                                      1000,
                                      10000,
                                      100000,
                                      1000000,
                                      10000000,
                                      100000000,
                                      1000000000,
                                      10000000000,
                                      100000000000,
                                      1000000000000,
                                      10000000000000,
                                      100000000000000,
                                      1000000000000000,
                                      10000000000000000,
                                      100000000000000000,
                                      1000000000000000000,
                                      UINT64_C(10000000000000000000)};
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned digits = bits * 1233 >> 12;
    return digits + (value >= powers[digits]);
}

char *put_u64(char *to, uint64_t value)
{
    char *end = to + (value > 0 ? count_digits(value) : 1);
    char *digit = end;
    while (value >= 100) {
        digit -= 2;
        memcpy(digit, two_digits + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        memcpy(digit - 2, two_digits + value * 2, 2);
    } else {
        digit[-1] = (char)('0' + value);
    }
    return end;
}

void writer_u64(struct writer *writer, uint64_t value)
{
    writer_used(writer, put_u64(writer_room(writer, U64_DIGITS_MAX), value));
}

void writer_format(struct writer *writer, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length > 0) {
        size_t size = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
        writer_bytes(writer, text, size);
    }
}

bool writer_finish(struct writer *writer, struct error *error)
{
    writer_flush(writer);
    if (writer->failed) {
        return error_set(error, ERROR_IO, "cannot write the output: %s", strerror(writer->failed));
    }
    return true;
}
