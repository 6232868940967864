// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The header of a server's answer to a request for one range, and what to do with it. All of it is
// hostile.

#ifndef REMOTE_ANSWER_H
#define REMOTE_ANSWER_H

#include "source/address.h"

enum {
    ANSWER_HEADER_MAX = 64 << 10, // bytes of a whole header
    ANSWER_TAG_SIZE = 256,        // longer tags are cut: they differ in front, too
    ANSWER_REASON_SIZE = 48,
};

struct answer {
    size_t size; // bytes of header so far
    int status;
    char reason[ANSWER_REASON_SIZE]; // printable
    bool has_range, bad_range;       // Content-Range
    uint64_t first, last, total;     // bytes; of an unsatisfied range only the total
    bool has_length;
    uint64_t length; // of the body
    bool encoded;    // the body is compressed, or several parts
    bool has_pause;
    uint64_t pause; // seconds
    char tag[ANSWER_TAG_SIZE], modified[ANSWER_TAG_SIZE];
    char location[ADDRESS_MAX + 1]; // "": none
    bool ended;
};

// Takes the next line of the header, with its end. A status line begins a new header. False when
// the header has become too long.
bool answer_line(struct answer *answer, struct bytes line);

// What is known of an object: of its first answer, or nothing before that.
struct validators {
    bool known;
    uint64_t size;
    char tag[ANSWER_TAG_SIZE], modified[ANSWER_TAG_SIZE];
};

enum verdict {
    VERDICT_TAKE,     // the body is the range that was asked for
    VERDICT_EMPTY,    // the object has no bytes
    VERDICT_REDIRECT, // to `location`
    VERDICT_AGAIN,    // it may be better the next time
    VERDICT_FAIL,
};

// Judges the answer to a request for [offset, offset + length). The range may end earlier, where
// the object ends, while its size is not known. The error says why it is neither taken nor
// followed.
enum verdict answer_judge(const struct answer *answer, const struct validators *validators,
                          uint64_t offset, uint64_t length, struct error *error);

// Keeps what the first answer says of the object.
void answer_remember(const struct answer *answer, struct validators *validators);

#endif
