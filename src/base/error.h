// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// An error: a message, the offset in the file, and a stable code. It is set once, where the fault
// is found.

#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Stable codes, printed in JSON. Each is the address of one string, so `==` compares them.
extern const char ERROR_IO[];          // a system call failed
extern const char ERROR_TRUNCATED[];   // the file ends too early
extern const char ERROR_UNSEEN[];      // beyond the first bytes that were read from a pipe
extern const char ERROR_CORRUPT[];     // breaks a rule of the format
extern const char ERROR_UNDECODABLE[]; // a compressed cluster
extern const char ERROR_LIMIT[];       // above a cap; each cap is explained where it is defined
extern const char ERROR_MEMORY[];
extern const char ERROR_USAGE[]; // the request itself is invalid
extern const char ERROR_NOT_FOUND[];
extern const char ERROR_KEY[];     // no key, or a wrong key
extern const char ERROR_OUTSIDE[]; // outside the folder in which files may be opened
extern const char ERROR_LOOP[];    // a backing chain contains a file twice

enum { ERROR_MESSAGE_SIZE = 400 };

struct error {
    const char *code; // NULL: no error
    bool has_offset;
    uint64_t offset; // bytes, in the file that the error is about
    char message[ERROR_MESSAGE_SIZE];
};

// Each of these is false, so that one line can return an error: `return error_set(error,
// ERROR_CORRUPT, "...")`. A message that is too long is cut. The offset of error_at() is not part
// of the message: the code that prints the error adds it. They are macros so that compilers and
// checkers see the value false.
#define error_set(...) (error_fill(__VA_ARGS__), error_false())
#define error_at(...)  (error_fill_at(__VA_ARGS__), error_false())
// Puts "prefix: " before the existing message.
#define error_prefix(...) (error_fill_prefix(__VA_ARGS__), error_false())
// Appends text to the existing message.
#define error_suffix(...) (error_fill_suffix(__VA_ARGS__), error_false())

static inline bool error_false(void)
{
    return false;
}

void error_fill(struct error *error, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void error_fill_at(struct error *error, const char *code, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void error_fill_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void error_fill_suffix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
