// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "remote/login.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// The whole file as a text, owned by the caller.
static char *read_text(const char *path, struct error *error)
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(LOGIN_FILE_MAX + 1) : NULL;
    if (!text) {
        error_set(error, ERROR_IO, "%s: cannot open: %s", path, strerror(errno));
        if (file) {
            fclose(file);
        }
        return NULL;
    }
    size_t size = fread(text, 1, LOGIN_FILE_MAX + 1, file);
    bool failed = ferror(file);
    fclose(file);
    if (failed || size > LOGIN_FILE_MAX || memchr(text, '\0', size)) {
        failed ? error_set(error, ERROR_IO, "%s: cannot read it", path)
               : error_set(error, ERROR_LIMIT, "%s: it is no text of at most %d bytes", path,
                           LOGIN_FILE_MAX);
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

// "Name: value", with a name of the letters that a name may have.
static bool is_header(const char *line)
{
    size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return name > 0 && line[name] == ':' && line[name + 1 + strspn(line + name + 1, " \t")] != '\0';
}

// Headers that this program writes itself.
static bool is_own_header(const char *line)
{
    static const char *const own[] = {"Range:",          "If-Range:",          "Accept-Encoding:",
                                      "Content-Length:", "Transfer-Encoding:", "Connection:"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strncasecmp(line, own[i], strlen(own[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_header(const char *path, struct login_headers *headers, char *line, size_t number,
                       struct error *error)
{
    line[strcspn(line, "\r")] = '\0';
    if (line[0] == '\0' || line[0] == '#') {
        return true;
    }
    if (!is_header(line) || is_own_header(line)) {
        return error_set(error, ERROR_USAGE, "%s: line %zu is no header that can be sent", path,
                         number);
    }
    if (headers->count == LOGIN_HEADERS_MAX) {
        return error_set(error, ERROR_LIMIT, "%s: more than %d headers", path, LOGIN_HEADERS_MAX);
    }
    headers->lines[headers->count++] = line;
    return true;
}

bool login_read_headers(const char *path, struct login_headers *headers, struct error *error)
{
    *headers = (struct login_headers){.text = read_text(path, error)};
    bool read = headers->text != NULL;
    size_t number = 1;
    for (char *line = headers->text; read && line; number++) {
        char *end = strchr(line, '\n');
        if (end) {
            *end = '\0';
        }
        read = add_header(path, headers, line, number, error);
        line = end ? end + 1 : NULL;
    }
    return read;
}

// --- netrc ---------------------------------------------------------------------------------------

struct netrc {
    char *rest;
    bool found; // an entry for the host: the words that follow belong to it
    char *login, *password;
};

// The next word, in quotes where it has blanks; NULL at the end.
static char *next_word(struct netrc *netrc)
{
    char *word = netrc->rest + strspn(netrc->rest, " \t\r\n");
    while (*word == '#') {
        word += strcspn(word, "\n");
        word += strspn(word, " \t\r\n");
    }
    if (*word == '\0') {
        return NULL;
    }
    bool quoted = *word == '"';
    word += quoted;
    char *from = word;
    char *to = word;
    while (*from != '\0' && !(quoted ? *from == '"' : strchr(" \t\r\n", *from) != NULL)) {
        from += quoted && from[0] == '\\' && from[1] != '\0';
        *to++ = *from++;
    }
    netrc->rest = from + (*from != '\0');
    *to = '\0';
    return word;
}

// A macro ends at an empty line.
static void skip_macro(struct netrc *netrc)
{
    char *end = strstr(netrc->rest, "\n\n");
    netrc->rest = end ? end : netrc->rest + strlen(netrc->rest);
}

// Takes a word of an entry.
static void take_word(struct netrc *netrc, const char *word)
{
    if (strcmp(word, "macdef") == 0) {
        skip_macro(netrc);
        return;
    }
    char **value = strcmp(word, "login") == 0      ? &netrc->login
                   : strcmp(word, "password") == 0 ? &netrc->password
                                                   : NULL;
    char *text = value || strcmp(word, "account") == 0 ? next_word(netrc) : NULL;
    if (value && netrc->found && !*value) {
        *value = text;
    }
}

// Reads up to the end of the entry for the host, or to the end.
static void find_entry(struct netrc *netrc, struct bytes host)
{
    const char *word;
    while ((word = next_word(netrc)) != NULL) {
        bool machine = strcmp(word, "machine") == 0;
        if ((machine || strcmp(word, "default") == 0) && netrc->found) {
            return;
        }
        if (machine) {
            const char *name = next_word(netrc);
            netrc->found = name && strlen(name) == host.size &&
                           strncasecmp(name, (const char *)host.data, host.size) == 0;
        } else if (strcmp(word, "default") == 0) {
            netrc->found = true;
        } else {
            take_word(netrc, word);
        }
    }
}

bool login_read_netrc(const char *path, struct login *login, struct error *error)
{
    *login = (struct login){.text = read_text(path, error)};
    return login->text != NULL;
}

void login_find(struct login *login, struct bytes host)
{
    struct netrc netrc = {.rest = login->text};
    find_entry(&netrc, host);
    if (netrc.found && netrc.login) {
        login->user = netrc.login;
        login->password = netrc.password ? netrc.password : "";
    }
}
