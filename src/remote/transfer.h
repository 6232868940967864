// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// One range of one object on its way: requests for it until its bytes are in their places or it has
// failed for good.

#ifndef REMOTE_TRANSFER_H
#define REMOTE_TRANSFER_H

#if WITH_CURL

#include "remote/curl.h"
#include "remote/login.h"
#include "remote/message.h"
#include "remote/object.h"

enum { TRIES_MAX = 3, PAUSE_MAX = 60 }; // seconds that a server may ask for

// What all transfers share.
struct transfer_context {
    struct curl_library curl;
    CURLM *multi;
    uint8_t *memory;              // REMOTE_PLACES blocks
    long timeout;                 // seconds: for connecting, and with next to no bytes
    const char *authority;        // a file of certificates; NULL: those of the system
    struct curl_blob authorities; // its contents, where files cannot be opened; or no data
    struct curl_slist *headers;   // for the first host alone, as are user and password
    const char *user, *password;  // NULL: none
    const char *first;            // an address of the server that the credentials are for; NULL
    uint64_t requests, bytes;     // sent and received so far
};

enum transfer_state { TRANSFER_IDLE, TRANSFER_RUNNING, TRANSFER_WAITING, TRANSFER_ENDED };

struct transfer {
    struct transfer_context *context;
    CURL *easy; // owned
    enum transfer_state state;
    uint64_t resume; // while waiting: milliseconds of the monotonic clock
    struct ask ask;
    struct object *object;
    unsigned tries, redirects;
    char *target; // owned: the address of the request
    struct answer answer;
    bool judged;
    enum verdict verdict;
    uint64_t expected, got; // bytes of the body
    bool excess, endless;   // more bytes than asked for, a header without an end
    bool failed;            // once ended
    bool tried;             // failed in all tries: another range may be had
    struct error error;     // then
};

// Milliseconds of the monotonic clock.
uint64_t transfer_now(void);

// Starts the transfer that `ask` is for. The handle has to be open, and the transfer idle.
void transfer_begin(struct transfer *transfer, struct object *object);

// Goes on after a pause.
void transfer_resume(struct transfer *transfer);

// Takes the end of a request: the transfer then has ended, waits, or runs again.
void transfer_request_ended(struct transfer *transfer, CURLcode code);

#endif

#endif
