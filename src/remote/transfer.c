// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/transfer.h"

#if WITH_CURL

#include "base/checked.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    FIRST_PAUSE = 500,         // milliseconds; the next one is three times as long
    DROPPED_MAX = 16 << 10,    // bytes of the body of a redirect: so that its connection stays
    STALL_BYTES = 64,          // a second: fewer are none
    RECEIVE_BUFFER = 32 << 10, // bytes: still in a cache of the processor when they are copied on
    SECOND = 1000,
    NANOS = 1000000,
};

uint64_t transfer_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec / NANOS;
}

static void transfer_end(struct transfer *transfer, bool failed)
{
    transfer->state = TRANSFER_ENDED;
    transfer->failed = failed;
}

// --- What comes in -------------------------------------------------------------------------------

static size_t on_header(char *data, size_t size, size_t count, void *place)
{
    struct transfer *transfer = place;
    struct bytes line = {(const uint8_t *)data, size * count};
    transfer->endless = !answer_line(&transfer->answer, line);
    return transfer->endless ? 0 : line.size;
}

static void judge(struct transfer *transfer)
{
    const struct ask *ask = &transfer->ask;
    const struct answer *answer = &transfer->answer;
    transfer->judged = true;
    transfer->verdict = answer_judge(answer, &transfer->object->validators, ask->offset,
                                     ask->length, &transfer->error);
    if (transfer->verdict == VERDICT_TAKE) {
        transfer->expected = answer->last + 1 - answer->first;
    }
}

// Puts bytes of the body where they belong.
static void place_bytes(struct transfer *transfer, struct bytes bytes)
{
    while (bytes.size > 0) {
        size_t into = transfer->got % REMOTE_BLOCK;
        size_t place = transfer->ask.places[transfer->got / REMOTE_BLOCK];
        size_t size = (size_t)min_u64(bytes.size, REMOTE_BLOCK - into);
        memcpy(transfer->context->memory + place * REMOTE_BLOCK + into, bytes.data, size);
        transfer->got += size;
        bytes = bytes_from(bytes, size);
    }
}

static size_t on_body(char *data, size_t size, size_t count, void *place)
{
    struct transfer *transfer = place;
    struct bytes bytes = {(const uint8_t *)data, size * count};
    if (!transfer->judged) {
        judge(transfer);
    }
    transfer->context->bytes += bytes.size;
    if (transfer->verdict != VERDICT_TAKE) {
        transfer->got += bytes.size;
        return transfer->answer.status != 200 && transfer->got <= DROPPED_MAX ? bytes.size : 0;
    }
    if (bytes.size > transfer->expected - transfer->got) {
        transfer->excess = true;
        return 0;
    }
    place_bytes(transfer, bytes);
    return bytes.size;
}

// --- What goes out -------------------------------------------------------------------------------

static void set_request(struct transfer *transfer)
{
    const struct transfer_context *context = transfer->context;
    const struct curl_library *curl = &context->curl;
    CURL *easy = transfer->easy;
    char range[48];
    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, transfer->ask.offset,
             transfer->ask.offset + transfer->ask.length - 1);
    bool trusted = context->first && address_same_origin(transfer->target, context->first);
    curl->set(easy, CURLOPT_URL, transfer->target);
    curl->set(easy, CURLOPT_RANGE, range);
    curl->set(easy, CURLOPT_HTTPHEADER, trusted ? context->headers : NULL);
    curl->set(easy, CURLOPT_USERNAME, trusted ? context->user : NULL);
    curl->set(easy, CURLOPT_PASSWORD, trusted ? context->password : NULL);
}

// What is the same for all requests.
static void set_constants(struct transfer *transfer)
{
    const struct transfer_context *context = transfer->context;
    const struct curl_library *curl = &context->curl;
    CURL *easy = transfer->easy;
    curl->set(easy, CURLOPT_NOSIGNAL, 1L);
    curl->set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl->set(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl->set(easy, CURLOPT_PIPEWAIT, 1L);
    curl->set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl->set(easy, CURLOPT_CONNECTTIMEOUT, context->timeout);
    curl->set(easy, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
    curl->set(easy, CURLOPT_LOW_SPEED_TIME, context->timeout);
    curl->set(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    curl->set(easy, CURLOPT_USERAGENT, "qcow2-info/" QCOW2_INFO_VERSION);
    curl->set(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    curl->set(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl->set(easy, CURLOPT_HEADERDATA, transfer);
    curl->set(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl->set(easy, CURLOPT_WRITEDATA, transfer);
    curl->set(easy, CURLOPT_PRIVATE, transfer);
    if (context->authorities.data) {
        curl->set(easy, CURLOPT_CAINFO_BLOB, &context->authorities);
        curl->set(easy, CURLOPT_CAPATH, NULL);
    } else if (context->authority) {
        curl->set(easy, CURLOPT_CAINFO, context->authority);
        curl->set(easy, CURLOPT_CAPATH, NULL);
    }
}

static bool set_protocols(struct transfer *transfer)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    return transfer->context->curl.set(transfer->easy, CURLOPT_PROTOCOLS_STR, "http,https") ==
           CURLE_OK;
#else
    return transfer->context->curl.set(transfer->easy, CURLOPT_PROTOCOLS,
                                       (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) == CURLE_OK;
#endif
}

static void send_request(struct transfer *transfer)
{
    memset(&transfer->answer, 0, offsetof(struct answer, location) + 1);
    transfer->answer.ended = false;
    transfer->judged = false;
    transfer->excess = false;
    transfer->endless = false;
    transfer->got = 0;
    transfer->expected = 0;
    set_constants(transfer);
    set_request(transfer);
    if (!set_protocols(transfer) ||
        transfer->context->curl.multi_add(transfer->context->multi, transfer->easy) != CURLM_OK) {
        error_set(&transfer->error, ERROR_IO, "the request cannot be made");
        transfer_end(transfer, true);
        return;
    }
    transfer->context->requests++;
    transfer->state = TRANSFER_RUNNING;
}

// Takes over `target`.
static void set_target(struct transfer *transfer, char *target)
{
    free(transfer->target);
    transfer->target = target;
}

// Asks for the whole range again, from the address that the object has now.
static void start_over(struct transfer *transfer)
{
    transfer->redirects = 0;
    set_target(transfer, strdup(object_target(transfer->object)));
    if (!transfer->target) {
        error_set(&transfer->error, ERROR_MEMORY, "out of memory");
        transfer_end(transfer, true);
        return;
    }
    send_request(transfer);
}

void transfer_begin(struct transfer *transfer, struct object *object)
{
    transfer->object = object;
    transfer->tries = 1;
    transfer->tried = false;
    start_over(transfer);
}

void transfer_resume(struct transfer *transfer)
{
    start_over(transfer);
}

// --- The end of a request ------------------------------------------------------------------------

static void follow(struct transfer *transfer)
{
    if (transfer->redirects == REDIRECTS_MAX) {
        error_set(&transfer->error, ERROR_IO, "more than %d redirects", REDIRECTS_MAX);
        transfer_end(transfer, true);
        return;
    }
    char *target = object_redirect(transfer->target, transfer->answer.location, &transfer->error);
    if (!target) {
        transfer_end(transfer, true);
        return;
    }
    transfer->redirects++;
    set_target(transfer, target);
    send_request(transfer);
}

// The error says why.
static void try_again(struct transfer *transfer)
{
    const struct answer *answer = &transfer->answer;
    uint64_t pause = FIRST_PAUSE;
    for (unsigned i = 1; i < transfer->tries; i++) {
        pause *= 3;
    }
    if (transfer->tries == TRIES_MAX) {
        error_suffix(&transfer->error, ", %d times", TRIES_MAX);
        transfer->tried = true;
        transfer_end(transfer, true);
        return;
    }
    if (answer->has_pause && answer->pause > PAUSE_MAX) {
        error_suffix(&transfer->error, " and asks for a pause of %" PRIu64 " seconds",
                     answer->pause);
        transfer_end(transfer, true);
        return;
    }
    transfer->tries++;
    transfer->resume =
        transfer_now() + (answer->has_pause ? max_u64(pause, answer->pause * SECOND) : pause);
    transfer->state = TRANSFER_WAITING;
}

// An address that a redirect led to may have been meant for a while only.
static void refuse(struct transfer *transfer)
{
    if (transfer->redirects == 0 && transfer->object->target && transfer->tries < TRIES_MAX) {
        object_remember_target(transfer->object, NULL);
        transfer->tries++;
        start_over(transfer);
        return;
    }
    transfer_end(transfer, true);
}

static void take_body(struct transfer *transfer)
{
    if (transfer->got < transfer->expected) {
        error_set(&transfer->error, ERROR_IO,
                  "the body ends early, after %" PRIu64 " of %" PRIu64 " bytes", transfer->got,
                  transfer->expected);
        try_again(transfer);
        return;
    }
    answer_remember(&transfer->answer, &transfer->object->validators);
    object_remember_target(transfer->object, transfer->target);
    transfer_end(transfer, false);
}

static void take_verdict(struct transfer *transfer)
{
    switch (transfer->verdict) {
    case VERDICT_TAKE:
        take_body(transfer);
        break;
    case VERDICT_EMPTY:
        answer_remember(&transfer->answer, &transfer->object->validators);
        transfer_end(transfer, false);
        break;
    case VERDICT_REDIRECT:
        follow(transfer);
        break;
    case VERDICT_AGAIN:
        try_again(transfer);
        break;
    case VERDICT_FAIL:
        refuse(transfer);
        break;
    }
}

static bool is_broken(CURLcode code)
{
    static const CURLcode broken[] = {
        CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT, CURLE_PARTIAL_FILE,
        CURLE_GOT_NOTHING,     CURLE_SEND_ERROR,         CURLE_RECV_ERROR,
        CURLE_HTTP2,           CURLE_HTTP2_STREAM,       CURLE_SSL_CONNECT_ERROR};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        if (broken[i] == code) {
            return true;
        }
    }
    return false;
}

// What the user can do; `given`: the user gives certificates.
static const char *advice_for(CURLcode code, bool given)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return "; certificates that are not those of the system are given by --cacert";
    case CURLE_SSL_CACERT_BADFILE:
        return given ? "; --cacert takes a readable file in PEM format"
                     : "; install the certificates of the system (package ca-certificates), or "
                       "give others by --cacert";
    default:
        return "";
    }
}

// The connection, not the server, ended the request.
static void take_failure(struct transfer *transfer, CURLcode code)
{
    bool cut = transfer->judged && transfer->verdict == VERDICT_TAKE;
    if (code == CURLE_OPERATION_TIMEDOUT) {
        error_set(&transfer->error, ERROR_IO, "no connection, or no bytes, in %ld seconds",
                  transfer->context->timeout);
    } else if (cut && is_broken(code)) {
        error_set(&transfer->error, ERROR_IO,
                  "the body ends early, after %" PRIu64 " of %" PRIu64 " bytes", transfer->got,
                  transfer->expected);
    } else {
        error_set(&transfer->error, ERROR_IO, "%s%s", transfer->context->curl.text(code),
                  advice_for(code, transfer->context->authority));
    }
    if (is_broken(code)) {
        try_again(transfer);
    } else {
        transfer_end(transfer, true);
    }
}

void transfer_request_ended(struct transfer *transfer, CURLcode code)
{
    transfer->context->curl.multi_remove(transfer->context->multi, transfer->easy);
    if (transfer->excess || transfer->endless) {
        error_set(&transfer->error, ERROR_IO,
                  transfer->excess ? "the server sends more bytes than asked for"
                                   : "the header of the answer has no end");
        transfer_end(transfer, true);
        return;
    }
    if (code == CURLE_OK && !transfer->judged) {
        judge(transfer);
    }
    bool own_end = transfer->judged && transfer->verdict != VERDICT_TAKE; // its body was not taken
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && own_end)) {
        take_verdict(transfer);
    } else {
        take_failure(transfer, code);
    }
}

#endif
