// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// What comes from a server, and from the process that fetches.

#include "remote/remote.h"
#include "harness.h"
#include "remote/answer.h"
#include "remote/channel.h"
#include "remote/object.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

// ---- The header of an answer --------------------------------------------------------------------

static void must_end(const char *text, size_t size)
{
    MUST(memchr(text, '\0', size));
    for (; *text != '\0'; text++) {
        MUST(*text >= ' ' && *text <= '~');
    }
}

// A range that is taken is the one that was asked for.
static void judge(const struct answer *answer, const struct validators *validators, uint64_t offset,
                  uint64_t length)
{
    struct error error = {0};
    enum verdict verdict = answer_judge(answer, validators, offset, length, &error);
    if (verdict == VERDICT_TAKE) {
        MUST(answer->status == 206 && answer->first == offset);
        MUST(answer->last >= offset && answer->last - offset < length);
        MUST(answer->total > answer->last);
        MUST(!validators->known || answer->total == validators->size);
    } else if (verdict == VERDICT_FAIL || verdict == VERDICT_AGAIN) {
        MUST(error.code && error.message[0]);
    } else if (verdict == VERDICT_REDIRECT) {
        char *target = object_redirect("https://host/folder/image", answer->location, &error);
        MUST(!target || strncasecmp(target, "https://", 8) == 0);
        free(target);
    }
}

void run_answer(struct bytes input)
{
    static const struct validators known = {.known = true, .size = 1 << 20, .tag = "\"1\""};
    struct answer answer = {0};
    bool going = true;
    while (going && input.size > 0) {
        const uint8_t *end = memchr(input.data, '\n', input.size);
        struct bytes line = {input.data, end ? (size_t)(end - input.data) + 1 : input.size};
        going = answer_line(&answer, line);
        input = bytes_from(input, line.size);
    }
    must_end(answer.reason, sizeof answer.reason);
    must_end(answer.tag, sizeof answer.tag);
    must_end(answer.modified, sizeof answer.modified);
    must_end(answer.location, sizeof answer.location);
    judge(&answer, &(struct validators){0}, 0, REMOTE_BLOCK);
    judge(&answer, &known, REMOTE_BLOCK, REMOTE_BLOCK);
}

// ---- Addresses ----------------------------------------------------------------------------------

void run_address(struct bytes input)
{
    static const char base[] = "http://host:81/folder/image?query";
    struct error error = {0};
    char *resolved = address_resolve(base, input, &error);
    if (!resolved) {
        MUST(error.code && error.message[0]);
        return;
    }
    struct address address;
    MUST(address_parse(resolved, &address, &error) || strlen(resolved) > ADDRESS_MAX);
    char *shown = address_shown(resolved);
    MUST(shown && !strchr(shown, '?') && !strchr(shown, '#'));
    if (address_below("http://host:81/folder", resolved)) {
        MUST(strncasecmp(shown, "http://host:", 12) == 0 && strstr(shown, "/folder"));
        MUST(!strstr(shown, "/../"));
    }
    // What is resolved stays as it is.
    struct bytes again = {(const uint8_t *)resolved, strlen(resolved)};
    char *twice = address_resolve(base, again, &error);
    MUST(!twice || strcmp(twice, resolved) == 0);
    free(twice);
    free(shown);
    free(resolved);
}

// ---- Replies ------------------------------------------------------------------------------------

// The input as replies of a fetcher that then ends. Each byte string is a reply cut or filled up
// with zeros, so that small inputs make several.
static void send_replies(int socket, struct bytes input)
{
    enum { PART = 48 }; // kind, number, fault, confinement, size, counts
    for (size_t i = 0; i < 64 && input.size > 0; i++) {
        struct reply reply = {0};
        size_t size = input.size < PART ? input.size : PART;
        memcpy(&reply, input.data, size);
        memset(reply.text, 'x', i % 2 ? sizeof reply.text : 0);
        send(socket, &reply, i % 16 == 15 ? size : sizeof reply, MSG_DONTWAIT);
        input = bytes_from(input, size);
    }
}

// Reads that end, with bytes or with an error.
static void read_some(struct source *source)
{
    static uint8_t buffer[3 * REMOTE_BLOCK];
    for (uint64_t at = 0; at < 8; at++) {
        struct error error = {0};
        uint64_t offset = at * at * REMOTE_BLOCK + at;
        source_will_need(source, offset + REMOTE_BLOCK, UINT64_C(40) * REMOTE_BLOCK);
        MUST(source_read(source, offset, buffer, sizeof buffer, &error) || error.code);
    }
}

void run_reply(struct bytes input)
{
    int sockets[2];
    struct error error = {0};
    size_t size = (size_t)REMOTE_PLACES * REMOTE_BLOCK;
    void *memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) != 0) {
        abort();
    }
    const struct channel channel = {.socket = sockets[0], .memory = memory, .silence = 1};
    struct remote *remote = remote_adopt(&channel, 4, &error);
    send_replies(sockets[1], input);
    shutdown(sockets[1], SHUT_WR); // asks are still taken
    struct source *source = remote_open(remote, "http://host/image", &error);
    MUST(source || error.code);
    if (source) {
        MUST(source->size <= INT64_MAX);
        read_some(source);
        source_close(source);
    }
    close(sockets[1]);
    remote_close(remote);
}
