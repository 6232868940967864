// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/answer.h"

#include "base/checked.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

// What each status means, for servers that give no reason: HTTP/2 has none.
static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {407, "Proxy Authentication Required"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {416, "Range Not Satisfiable"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

// --- The header ----------------------------------------------------------------------------------

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static struct bytes trim(struct bytes text)
{
    while (text.size > 0 && is_blank(text.data[0])) {
        text = bytes_from(text, 1);
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

// Copies as much as there is room for, with what is not printable as "?".
static void copy_text(char *to, size_t size, struct bytes text)
{
    size_t count = (size_t)min_u64(text.size, size - 1);
    for (size_t i = 0; i < count; i++) {
        to[i] = text.data[i] < ' ' || text.data[i] > '~' ? '?' : (char)text.data[i];
    }
    to[count] = '\0';
}

// Takes a number off the start. False when there is none, or it is too large.
static bool take_number(struct bytes *text, uint64_t *number)
{
    size_t digits = 0;
    *number = 0;
    for (; digits < text->size && text->data[digits] >= '0' && text->data[digits] <= '9';
         digits++) {
        if (!checked_multiply(*number, 10, number) ||
            !checked_add(*number, (uint64_t)(text->data[digits] - '0'), number)) {
            return false;
        }
    }
    *text = bytes_from(*text, digits);
    return digits > 0;
}

static bool take_word(struct bytes *text, const char *word)
{
    size_t size = strlen(word);
    if (text->size < size || strncasecmp((const char *)text->data, word, size) != 0) {
        return false;
    }
    *text = bytes_from(*text, size);
    return true;
}

// "HTTP/1.1 206 Partial Content"
static void take_status(struct answer *answer, struct bytes line)
{
    uint64_t status = 0;
    size_t size = answer->size;
    *answer = (struct answer){.size = size};
    while (line.size > 0 && !is_blank(line.data[0])) {
        line = bytes_from(line, 1);
    }
    line = trim(line);
    if (take_number(&line, &status) && status < 1000) {
        answer->status = (int)status;
    }
    copy_text(answer->reason, sizeof answer->reason, trim(line));
}

// "bytes 0-65535/1234567" or, of a range that is not there, "bytes */1234567"
static void take_range(struct answer *answer, struct bytes value)
{
    bool again = answer->has_range;
    answer->has_range = true;
    bool valid = take_word(&value, "bytes");
    value = trim(value);
    if (take_word(&value, "*")) {
        answer->first = 1; // an empty range
        answer->last = 0;
    } else {
        valid = valid && take_number(&value, &answer->first) && take_word(&value, "-") &&
                take_number(&value, &answer->last) && answer->last != UINT64_MAX;
    }
    valid = valid && take_word(&value, "/") && take_number(&value, &answer->total);
    answer->bad_range = again || !valid || value.size > 0;
}

static void take_length(struct answer *answer, struct bytes value)
{
    answer->has_length = take_number(&value, &answer->length) && value.size == 0;
}

static void take_pause(struct answer *answer, struct bytes value)
{
    answer->has_pause = take_number(&value, &answer->pause) && value.size == 0;
}

static void take_encoding(struct answer *answer, struct bytes value)
{
    answer->encoded |= value.size > 0 && !take_word(&value, "identity");
}

static void take_type(struct answer *answer, struct bytes value)
{
    answer->encoded |= take_word(&value, "multipart/");
}

static void take_tag(struct answer *answer, struct bytes value)
{
    copy_text(answer->tag, sizeof answer->tag, value);
}

static void take_modified(struct answer *answer, struct bytes value)
{
    copy_text(answer->modified, sizeof answer->modified, value);
}

// One that is too long leads nowhere.
static void take_location(struct answer *answer, struct bytes value)
{
    if (value.size < sizeof answer->location) {
        copy_text(answer->location, sizeof answer->location, value);
    }
}

static const struct {
    const char *name;
    void (*take)(struct answer *answer, struct bytes value);
} fields[] = {
    {"Content-Range:", take_range},       {"Content-Length:", take_length},
    {"Retry-After:", take_pause},         {"ETag:", take_tag},
    {"Last-Modified:", take_modified},    {"Location:", take_location},
    {"Content-Encoding:", take_encoding}, {"Content-Type:", take_type},
};

bool answer_line(struct answer *answer, struct bytes line)
{
    answer->size += line.size;
    if (answer->size > ANSWER_HEADER_MAX) {
        return false;
    }
    if (line.size >= 5 && memcmp(line.data, "HTTP/", 5) == 0) {
        take_status(answer, line);
        return true;
    }
    if (trim(line).size == 0) {
        answer->ended = true;
    }
    // What follows the end are trailers, which mean nothing here.
    for (size_t i = 0; !answer->ended && i < sizeof fields / sizeof fields[0]; i++) {
        if (take_word(&line, fields[i].name)) {
            fields[i].take(answer, trim(line));
            break;
        }
    }
    return true;
}

// --- The verdict ---------------------------------------------------------------------------------

static enum verdict fail(bool failed)
{
    return failed ? VERDICT_TAKE : VERDICT_FAIL; // `failed` is what error_set() returns: false
}

static const char *reason_of(const struct answer *answer)
{
    for (size_t i = 0; !answer->reason[0] && i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == answer->status) {
            return reasons[i].reason;
        }
    }
    return answer->reason;
}

static enum verdict judge_status(const struct answer *answer, struct error *error)
{
    int status = answer->status;
    if (status == 200) {
        return fail(error_set(error, ERROR_IO,
                              "the server does not support ranges: download the file first"));
    }
    const char *reason = reason_of(answer);
    bool gone = status == 404 || status == 410;
    bool login = status == 401 || status == 403;
    error_set(error, gone ? ERROR_NOT_FOUND : ERROR_IO, "the server answers %d%s%s%s", status,
              reason[0] ? " " : "", reason,
              login ? "; credentials are given by --netrc-file or --header-file" : "");
    return status == 429 || (status >= 500 && status < 600) ? VERDICT_AGAIN : VERDICT_FAIL;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// The tags decide where the object has them, else the time and the size.
static bool is_changed(const struct answer *answer, const struct validators *validators)
{
    if (!validators->known) {
        return false;
    }
    bool same = validators->tag[0] ? strcmp(answer->tag, validators->tag) == 0
                                   : strcmp(answer->modified, validators->modified) == 0;
    return !same || answer->total != validators->size;
}

static enum verdict judge_range(const struct answer *answer, const struct validators *validators,
                                uint64_t offset, uint64_t length, struct error *error)
{
    if (is_changed(answer, validators)) {
        return fail(error_set(error, ERROR_IO, "the object changed while it was read"));
    }
    uint64_t end = validators->known ? offset + length : min_u64(offset + length, answer->total);
    if (answer->first != offset || answer->last + 1 != end || answer->total < end) {
        return fail(error_set(error, ERROR_IO,
                              "the server gives the range %" PRIu64 "-%" PRIu64 "/%" PRIu64
                              ", which is not the one asked for",
                              answer->first, answer->last, answer->total));
    }
    if (answer->has_length && answer->length != end - offset) {
        return fail(error_set(error, ERROR_IO,
                              "the server announces %" PRIu64 " bytes for a range of %" PRIu64,
                              answer->length, end - offset));
    }
    return VERDICT_TAKE;
}

enum verdict answer_judge(const struct answer *answer, const struct validators *validators,
                          uint64_t offset, uint64_t length, struct error *error)
{
    bool has_range = answer->has_range && !answer->bad_range;
    if (is_redirect(answer->status)) {
        return answer->location[0]
                   ? VERDICT_REDIRECT
                   : fail(error_set(error, ERROR_IO, "the server redirects to no address"));
    }
    if (answer->status == 416 && has_range && answer->total == 0 && !validators->known) {
        return VERDICT_EMPTY;
    }
    if (answer->status == 200 && answer->has_length && answer->length == 0 && !validators->known) {
        return VERDICT_EMPTY; // some servers have no range of it to give
    }
    if (answer->status == 416 && has_range && is_changed(answer, validators)) {
        return fail(error_set(error, ERROR_IO, "the object changed while it was read"));
    }
    if (answer->status != 206) {
        return judge_status(answer, error);
    }
    if (answer->encoded) {
        return fail(error_set(error, ERROR_IO,
                              "the server answers with another encoding than that of the object"));
    }
    if (!has_range) {
        return fail(error_set(error, ERROR_IO, "the server does not say which range it gives"));
    }
    return judge_range(answer, validators, offset, length, error);
}

void answer_remember(const struct answer *answer, struct validators *validators)
{
    validators->known = true;
    validators->size = answer->total;
    memcpy(validators->tag, answer->tag, sizeof validators->tag);
    memcpy(validators->modified, answer->modified, sizeof validators->modified);
}
