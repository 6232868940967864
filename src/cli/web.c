// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/web.h"

#include "base/sandbox.h"
#include "cli/command.h"
#include "cli/diagnostics.h"
#include "cli/option_values.h"
#include "remote/remote.h"
#include "source/address.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TIMEOUT_MAX = 3600 };

struct web_options {
    uint32_t connections, timeout;
    const char *header_file, *netrc_file, *authority;
    bool references, statistics;
};

static struct web_options options = {.connections = REMOTE_CONNECTIONS_DEFAULT,
                                     .timeout = REMOTE_TIMEOUT_DEFAULT};
static struct remote *remote;
static const char **given; // owned: addresses of the command line
static size_t given_count;
static bool salvage;

// The group of a command's options has no place for these.
static bool take_here(const struct command *command, const struct option_row *row, const char *text,
                      void *place)
{
    char *here = (char *)&options + row->offset;
    (void)place;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)here = true;
        return true;
    case OPTION_NUMBER:
        return option_number(command, row, text, (uint32_t *)(void *)here);
    default:
        *(const char **)(void *)here = text;
        return true;
    }
}

#define PLACE(member) offsetof(struct web_options, member)

const struct option_row web_rows[] = {
    {"connections", OPTION_NUMBER, "N", PLACE(connections),
     .help = "fetch up to this many ranges at once (default 8)", .least = 1,
     .most = REMOTE_CONNECTIONS_MAX, .take = take_here},
    {"timeout", OPTION_NUMBER, "SECONDS", PLACE(timeout),
     .help = "give up a request that connects, or receives next to nothing, for this long "
             "(default 30)",
     .least = 1, .most = TIMEOUT_MAX, .take = take_here},
    {"header-file", OPTION_FILE, "FILE", PLACE(header_file),
     .help = "send the headers in this file, one a line, to the first server", .take = take_here},
    {"netrc-file", OPTION_FILE, "FILE", PLACE(netrc_file),
     .help = "take user and password for the first server from this file", .take = take_here},
    {"cacert", OPTION_FILE, "FILE", PLACE(authority),
     .help = "trust the certificates in this file, not those of the system", .take = take_here},
    {"remote-references", OPTION_FLAG, NULL, PLACE(references),
     .help = "allow a local image to name backing and data files by web addresses",
     .take = take_here},
    {"stats", OPTION_FLAG, NULL, PLACE(statistics),
     .help = "print requests, bytes and seconds on standard error", .take = take_here},
    {.name = NULL},
};

// The address in a word such as "--data-file=https://..." or "1:https://...".
static const char *address_in(const char *word)
{
    for (; *word != '\0'; word++) {
        if (address_is(word)) {
            return word;
        }
    }
    return NULL;
}

void web_command_line(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *address = address_in(argv[i]);
        const char **grown = address ? realloc(given, (given_count + 1) * sizeof *grown) : NULL;
        if (grown) { // without memory its server is refused
            given = grown;
            given[given_count++] = address;
        }
    }
}

bool web_references_allowed(void)
{
    return options.references;
}

void web_salvage(void)
{
    salvage = true;
}

static struct remote *start(struct error *error)
{
    const struct fetcher_options fetcher = {
        .connections = options.connections,
        .timeout = options.timeout,
        .header_file = options.header_file,
        .netrc_file = options.netrc_file,
        .authority = options.authority,
        .given = given,
        .given_count = given_count,
        .anywhere = options.references,
    };
    return remote_start(&fetcher, error);
}

struct source *web_open(const char *address, struct error *error)
{
    if (!remote) {
        remote = start(error);
        if (remote && salvage) {
            remote_salvage(remote);
        }
    }
    return remote ? remote_open(remote, address, error) : NULL;
}

void web_done(void)
{
    if (remote) {
        remote_seal(remote);
    }
}

static void print_statistics(void)
{
    const struct remote_statistics statistics = remote_statistics(remote);
    fprintf(stderr, "qcow2-info: %" PRIu64 " requests, %" PRIu64 " bytes, %.3f seconds\n",
            statistics.requests, statistics.bytes, statistics.seconds);
}

int web_end(int status)
{
    const char *address;
    struct error error;
    if (!remote) {
        return status;
    }
    if (status != EXIT_CANNOT && remote_failed(remote, &address, &error)) {
        print_error(address, &error);
        status = EXIT_CANNOT;
    }
    if (options.statistics) {
        print_statistics();
    }
    remote_close(remote);
    remote = NULL;
    return status;
}

void web_describe(char library[static WEB_TEXT_SIZE], char confinement[static WEB_TEXT_SIZE])
{
    struct error error;
    struct remote *described = start(&error);
    if (!described) {
        snprintf(library, WEB_TEXT_SIZE, "%s", error.message);
        snprintf(confinement, WEB_TEXT_SIZE, "none");
        return;
    }
    char text[SANDBOX_TEXT_SIZE];
    const struct sandbox sandbox = remote_confinement(described, library, WEB_TEXT_SIZE);
    sandbox_describe(&sandbox, text);
    snprintf(confinement, WEB_TEXT_SIZE, "%s", text);
    remote_close(described);
}
