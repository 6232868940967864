// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/fetcher.h"

#if WITH_CURL

#include "base/checked.h"
#include "base/sandbox.h"
#include "remote/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ALIVE_EVERY = 1000,        // milliseconds
    AUTHORITIES_MAX = 4 << 20, // bytes of a file of certificates
};

struct fetcher {
    int socket;
    const struct fetcher_options *options;
    struct transfer_context context;
    struct login_headers headers;
    struct login login;
    bool sealed;
    struct object objects[REMOTE_OBJECTS_MAX];
    size_t object_count;
    struct transfer transfers[REMOTE_CONNECTIONS_MAX];
    struct ask waiting[REMOTE_ASKED_MAX]; // a ring
    size_t first, count;
    uint64_t last_sign; // of life: milliseconds
};

// --- Answers -------------------------------------------------------------------------------------

static enum reply_fault fault_of(const struct error *error)
{
    return error->code == ERROR_NOT_FOUND ? FAULT_NOT_FOUND
           : error->code == ERROR_USAGE   ? FAULT_USAGE
           : error->code == ERROR_OUTSIDE ? FAULT_OUTSIDE
                                          : FAULT_IO;
}

// A parser that does not take its answers, or is gone, needs none.
static void send_reply(struct fetcher *fetcher, struct reply *reply, int flags)
{
    reply->requests = fetcher->context.requests;
    reply->bytes = fetcher->context.bytes;
    ssize_t sent;
    do {
        sent = send(fetcher->socket, reply, sizeof *reply, MSG_NOSIGNAL | flags);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN) {
        _exit(0);
    }
    fetcher->last_sign = transfer_now();
}

static void send_failure(struct fetcher *fetcher, uint32_t number, enum reply_fault fault,
                         const struct error *error)
{
    struct reply reply = {.kind = REPLY_FAILED, .number = number, .fault = fault};
    snprintf(reply.text, sizeof reply.text, "%s", error->message);
    send_reply(fetcher, &reply, 0);
}

static void send_end(struct fetcher *fetcher, struct transfer *transfer)
{
    if (transfer->failed) {
        error_prefix(&transfer->error, "bytes %" PRIu64 "-%" PRIu64, transfer->ask.offset,
                     transfer->ask.offset + transfer->ask.length - 1);
        enum reply_fault fault = transfer->tried ? FAULT_TRIED : fault_of(&transfer->error);
        send_failure(fetcher, transfer->ask.number, fault, &transfer->error);
    } else {
        struct reply reply = {.kind = REPLY_DONE,
                              .number = transfer->ask.number,
                              .size = transfer->object->validators.size};
        send_reply(fetcher, &reply, 0);
    }
    transfer->state = TRANSFER_IDLE;
}

// --- Asks ----------------------------------------------------------------------------------------

// Whether the command line names its server.
static bool is_given(const struct fetcher *fetcher, const char *address)
{
    for (size_t i = 0; i < fetcher->options->given_count; i++) {
        if (address_same_origin(fetcher->options->given[i], address)) {
            return true;
        }
    }
    return false;
}

// Finds user and password for the first server: credentials are for it alone.
static bool find_login(struct fetcher *fetcher, const char *address, struct error *error)
{
    if (fetcher->login.text) {
        struct address first;
        if (!address_parse(address, &first, error)) {
            return false;
        }
        login_find(&fetcher->login, first.host);
        fetcher->context.user = fetcher->login.user;
        fetcher->context.password = fetcher->login.password;
    }
    return true;
}

// The number is taken also when the object cannot be opened.
static bool open_object(struct fetcher *fetcher, const struct ask *ask, struct error *error)
{
    struct object *object = &fetcher->objects[fetcher->object_count++];
    bool given = is_given(fetcher, ask->address);
    bool first = given && !fetcher->context.first;
    if (!given && !fetcher->options->anywhere) {
        return error_set(error, ERROR_OUTSIDE, "no address of the command line is on this server");
    }
    if (first && !find_login(fetcher, ask->address, error)) {
        return false;
    }
    object->address = strdup(ask->address);
    if (!object->address) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    if (first) {
        fetcher->context.first = object->address;
    }
    return true;
}

static bool is_sound(const struct fetcher *fetcher, const struct ask *ask)
{
    uint64_t end;
    bool opens = ask->kind == ASK_OPEN;
    if (opens ? fetcher->sealed || ask->object != fetcher->object_count ||
                    ask->object >= REMOTE_OBJECTS_MAX || ask->offset != 0
              : ask->object >= fetcher->object_count || !fetcher->objects[ask->object].address) {
        return false;
    }
    if (ask->length == 0 || ask->length > REMOTE_RUN_MAX * REMOTE_BLOCK ||
        ask->offset % REMOTE_BLOCK != 0 || !checked_add(ask->offset, ask->length, &end) ||
        end > INT64_MAX) {
        return false;
    }
    for (size_t i = 0; i * REMOTE_BLOCK < ask->length; i++) {
        if (ask->places[i] >= REMOTE_PLACES) {
            return false;
        }
    }
    return true;
}

static void start_ask(struct fetcher *fetcher, struct transfer *transfer, const struct ask *ask)
{
    struct error error;
    if (!is_sound(fetcher, ask)) { // a parser that was taken over
        _exit(1);
    }
    if (ask->kind == ASK_OPEN && !open_object(fetcher, ask, &error)) {
        send_failure(fetcher, ask->number, fault_of(&error), &error);
        return;
    }
    memcpy(&transfer->ask, ask, offsetof(struct ask, address));
    transfer_begin(transfer, &fetcher->objects[ask->object]);
}

// Takes one ask off the socket. False when there is none.
static bool receive_ask(struct fetcher *fetcher)
{
    struct ask *ask = &fetcher->waiting[(fetcher->first + fetcher->count) % REMOTE_ASKED_MAX];
    ssize_t size = recv(fetcher->socket, ask, sizeof *ask, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (size < (ssize_t)offsetof(struct ask, address) || (size_t)size != ask_size(ask)) {
        _exit(0); // its end, or no message
    }
    if (ask->kind == ASK_OPEN && !memchr(ask->address, '\0', sizeof ask->address)) {
        _exit(1);
    }
    fetcher->sealed |= ask->kind == ASK_SEAL;
    fetcher->count += ask->kind == ASK_SEAL ? 0 : 1;
    return true;
}

// --- The loop ------------------------------------------------------------------------------------

// Starts what can start. Returns in how many milliseconds there is something to do again.
static int start_waiting(struct fetcher *fetcher)
{
    uint64_t now = transfer_now();
    uint64_t next = ALIVE_EVERY;
    for (unsigned i = 0; i < fetcher->options->connections; i++) {
        struct transfer *transfer = &fetcher->transfers[i];
        if (transfer->state == TRANSFER_WAITING && transfer->resume <= now) {
            transfer_resume(transfer);
        }
        if (transfer->state == TRANSFER_WAITING) {
            next = min_u64(next, transfer->resume - now);
        }
        if (transfer->state == TRANSFER_IDLE && fetcher->count > 0) {
            start_ask(fetcher, transfer, &fetcher->waiting[fetcher->first]);
            fetcher->first = (fetcher->first + 1) % REMOTE_ASKED_MAX;
            fetcher->count--;
            next = 0;
        }
        if (transfer->state == TRANSFER_ENDED) {
            send_end(fetcher, transfer);
            next = 0;
        }
    }
    return (int)next;
}

static void take_ended(struct fetcher *fetcher)
{
    const struct curl_library *curl = &fetcher->context.curl;
    int left;
    CURLMsg *message;
    while ((message = curl->multi_read(fetcher->context.multi, &left)) != NULL) {
        struct transfer *transfer = NULL;
        CURLcode code = message->data.result;
        curl->get(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        transfer_request_ended(transfer, code);
    }
}

// While something is asked and takes its time.
static void show_life(struct fetcher *fetcher)
{
    if (transfer_now() - fetcher->last_sign >= ALIVE_EVERY) {
        struct reply reply = {.kind = REPLY_ALIVE};
        send_reply(fetcher, &reply, MSG_DONTWAIT);
    }
}

static _Noreturn void serve(struct fetcher *fetcher)
{
    const struct curl_library *curl = &fetcher->context.curl;
    for (;;) {
        int running;
        struct curl_waitfd socket = {.fd = fetcher->socket, .events = CURL_WAIT_POLLIN};
        curl->multi_perform(fetcher->context.multi, &running);
        take_ended(fetcher);
        int pause = start_waiting(fetcher);
        bool room = fetcher->count < REMOTE_ASKED_MAX;
        curl->multi_poll(fetcher->context.multi, &socket, room ? 1 : 0, pause, NULL);
        while (fetcher->count < REMOTE_ASKED_MAX && receive_ask(fetcher)) {
        }
        show_life(fetcher);
    }
}

// --- The beginning -------------------------------------------------------------------------------

static bool read_login(struct fetcher *fetcher, struct error *error)
{
    const struct fetcher_options *options = fetcher->options;
    if (options->header_file &&
        !login_read_headers(options->header_file, &fetcher->headers, error)) {
        return false;
    }
    for (size_t i = 0; i < fetcher->headers.count; i++) {
        fetcher->context.headers =
            fetcher->context.curl.append(fetcher->context.headers, fetcher->headers.lines[i]);
    }
    return !options->netrc_file || login_read_netrc(options->netrc_file, &fetcher->login, error);
}

static bool open_handles(struct fetcher *fetcher, struct error *error)
{
    struct transfer_context *context = &fetcher->context;
    if (!curl_load(&context->curl)) {
        return error_set(error, ERROR_IO, "a web address needs libcurl, which is not installed");
    }
    if (context->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        (context->multi = context->curl.multi_open()) == NULL) {
        return error_set(error, ERROR_MEMORY, "libcurl cannot be started");
    }
    context->curl.multi_set(context->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                            (long)fetcher->options->connections);
    context->curl.multi_set(context->multi, CURLMOPT_MAXCONNECTS,
                            (long)fetcher->options->connections);
    for (unsigned i = 0; i < fetcher->options->connections; i++) {
        fetcher->transfers[i].context = context;
        fetcher->transfers[i].easy = context->curl.open();
        if (!fetcher->transfers[i].easy) {
            return error_set(error, ERROR_MEMORY, "out of memory");
        }
    }
    return true;
}

// For a process that can open no file: its contents. Fewer than all of them would lack some.
static void keep_authorities(struct transfer_context *context, const char *path)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    uint8_t *data = file ? malloc(AUTHORITIES_MAX) : NULL;
    if (data) {
        context->authorities.data = data;
        context->authorities.len = fread(data, 1, AUTHORITIES_MAX, file);
    }
    if (file) {
        fclose(file);
    }
}

// Makes the resolver read its configuration.
static void warm_resolver(void)
{
    struct addrinfo *found = NULL;
    if (getaddrinfo("localhost", NULL, NULL, &found) == 0) {
        freeaddrinfo(found);
    }
}

static bool has_landlock(void)
{
#if INSTRUMENTED
    return true; // nothing is given up
#else
    return sandbox_knows_files();
#endif
}

static struct sandbox confine(struct fetcher *fetcher)
{
    const curl_version_info_data *info = fetcher->context.curl.version_info(CURLVERSION_NOW);
    const char *system = info->age >= CURLVERSION_TENTH ? info->cainfo : NULL;
    const char *folder = info->age >= CURLVERSION_TENTH ? info->capath : NULL;
    const char *authority = fetcher->options->authority;
    const char *const readable[] = {
        // How names of hosts become numbers.
        "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf",
        // Certificates; those of the system are in a place that differs, or has links to another.
        "/etc/ssl/certs", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
        "/etc/pki/ca-trust/extracted", authority ? authority : "/etc/ssl/certs",
        system ? system : "/etc/ssl/certs", folder ? folder : "/etc/ssl/certs", NULL};
    fetcher->context.authority = authority;
    warm_resolver();
    if (!has_landlock()) {
        keep_authorities(&fetcher->context, authority ? authority : system);
    }
    return sandbox_enter_network(readable);
}

_Noreturn void fetcher_run(int socket, uint8_t *memory, const struct fetcher_options *options)
{
    struct fetcher *fetcher = calloc(1, sizeof *fetcher);
    struct error error;
    if (!fetcher) {
        _exit(1);
    }
    fetcher->socket = socket;
    fetcher->options = options;
    fetcher->context.memory = memory;
    fetcher->context.timeout = options->timeout;
    if (!open_handles(fetcher, &error) || !read_login(fetcher, &error)) {
        send_failure(fetcher, 0, fault_of(&error), &error);
        _exit(1);
    }
    struct sandbox sandbox = confine(fetcher);
    struct reply ready = {.kind = REPLY_READY,
                          .landlock_abi = sandbox.landlock_abi,
                          .seccomp = sandbox.seccomp,
                          .no_new_privileges = sandbox.no_new_privileges};
    snprintf(ready.text, sizeof ready.text, "%s",
             fetcher->context.curl.version_info(CURLVERSION_NOW)->version);
    send_reply(fetcher, &ready, 0);
    serve(fetcher);
}

#endif
