// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "source/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HTTP_PORT = 80, HTTPS_PORT = 443, PORT_MAX = 65535 };

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static bool is_letter(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

// Bytes that may stand in an address. A backslash may not: some take it for a slash.
static bool is_address_byte(uint8_t byte)
{
    return byte > ' ' && byte < 0x7f && !strchr("\"<>\\^`{|}", byte);
}

static size_t scheme_size(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 ? 7 : strncasecmp(text, "https://", 8) == 0 ? 8 : 0;
}

bool address_is(const char *text)
{
    return scheme_size(text) > 0;
}

// Takes the bytes up to the first of `ends` off the start of `rest`.
static struct bytes take_until(struct bytes *rest, const char *ends)
{
    struct bytes part = {rest->data, 0};
    while (part.size < rest->size && !strchr(ends, rest->data[part.size])) {
        part.size++;
    }
    *rest = bytes_from(*rest, part.size);
    return part;
}

static bool parse_port(struct bytes text, uint16_t *port)
{
    uint32_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        number = number * 10 + (uint32_t)(text.data[i] - '0');
        if (!is_digit(text.data[i]) || number > PORT_MAX) {
            return false;
        }
    }
    if (text.size > 0) { // "host:" has the port of the scheme
        *port = (uint16_t)number;
    }
    return number > 0 || text.size == 0;
}

// A name, an IPv4 address, or an IPv6 address in brackets.
static bool is_host(struct bytes host)
{
    bool bracketed = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    for (size_t i = bracketed; i < host.size - bracketed; i++) {
        uint8_t byte = host.data[i];
        if (!is_letter(byte) && !is_digit(byte) &&
            !(bracketed ? byte == ':' || byte == '.' : byte == '.' || byte == '-' || byte == '_')) {
            return false;
        }
    }
    return host.size > 0;
}

static bool parse_authority(struct bytes authority, struct address *address)
{
    const uint8_t *at = authority.size > 0 ? memrchr(authority.data, '@', authority.size) : NULL;
    if (at) {
        address->has_user = true;
        authority = bytes_from(authority, (size_t)(at - authority.data) + 1);
    }
    size_t host = authority.size;
    for (size_t i = authority.size; i > 0 && authority.data[i - 1] != ']'; i--) {
        if (authority.data[i - 1] == ':') {
            host = i - 1;
        }
    }
    address->host = (struct bytes){authority.data, host};
    struct bytes port = bytes_from(authority, host);
    return is_host(address->host) &&
           (port.size == 0 || parse_port(bytes_from(port, 1), &address->port));
}

bool address_parse(const char *text, struct address *address, struct error *error)
{
    size_t scheme = scheme_size(text);
    struct bytes rest = text_bytes(text);
    *address =
        (struct address){.secure = scheme == 8, .port = scheme == 8 ? HTTPS_PORT : HTTP_PORT};
    if (rest.size > ADDRESS_MAX) {
        return error_set(error, ERROR_USAGE, "the address has %zu bytes, and %d are the limit",
                         rest.size, ADDRESS_MAX);
    }
    for (size_t i = 0; i < rest.size; i++) {
        if (!is_address_byte(rest.data[i])) {
            return error_set(error, ERROR_USAGE,
                             "the address has byte 0x%02x, which is written as %%%02X",
                             rest.data[i], rest.data[i]);
        }
    }
    rest = bytes_from(rest, scheme);
    struct bytes authority = take_until(&rest, "/?#");
    address->path = take_until(&rest, "?#");
    address->query = take_until(&rest, "#");
    return scheme > 0 && parse_authority(authority, address)
               ? true
               : error_set(error, ERROR_USAGE, "the address has no valid host and port");
}

static bool same_text(struct bytes a, struct bytes b)
{
    return a.size == b.size &&
           (a.size == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.size) == 0);
}

bool address_same_origin(const char *a, const char *b)
{
    struct address one;
    struct address other;
    struct error ignored;
    return address_parse(a, &one, &ignored) && address_parse(b, &other, &ignored) &&
           one.secure == other.secure && one.port == other.port && same_text(one.host, other.host);
}

// Scheme, host and port as the text has them, without a user.
static int origin_text(const struct address *address, char *text, size_t size)
{
    const char *end = (const char *)address->host.data + address->host.size;
    int port = (int)strspn(end, ":0123456789");
    return snprintf(text, size, "http%s://%.*s", address->secure ? "s" : "",
                    (int)address->host.size + port, (const char *)address->host.data);
}

char *address_shown(const char *text)
{
    struct address address;
    struct error ignored;
    char *shown = NULL;
    char origin[ADDRESS_MAX + 1];
    if (!address_is(text)) {
        return strdup(text);
    }
    if (!address_parse(text, &address, &ignored)) { // the end of the user name is unknown
        return strdup(scheme_size(text) == 8 ? "https://..." : "http://...");
    }
    origin_text(&address, origin, sizeof origin);
    return asprintf(&shown, "%s%.*s", origin, (int)address.path.size,
                    (const char *)address.path.data) < 0
               ? NULL
               : shown;
}

// --- References ----------------------------------------------------------------------------------

// Writes to `to`, which has room for three times as much, what a name means as a part of an
// address: bytes that none may contain as %XX, and %2E as the dot that it stands for.
static void encode(struct bytes name, char *to)
{
    for (size_t i = 0; i < name.size && name.data[i] != '#'; i++) {
        if (name.size - i >= 3 && strncasecmp((const char *)name.data + i, "%2e", 3) == 0) {
            *to++ = '.';
            i += 2;
        } else if (is_address_byte(name.data[i])) {
            *to++ = (char)name.data[i];
        } else {
            to += sprintf(to, "%%%02X", name.data[i]);
        }
    }
    *to = '\0';
}

// Removes "." and ".." in place from a path that begins with a slash. A query may follow the path.
static void remove_dots(char *path)
{
    char *to = path; // what is clean ends here
    const char *from = path;
    while (*from == '/') {
        size_t size = 1 + strcspn(from + 1, "/?");
        bool up = size == 3 && strncmp(from, "/..", 3) == 0;
        bool here = size == 2 && from[1] == '.';
        if (up) {
            while (to > path && *--to != '/') {
            }
        }
        if (up || here) {
            if (from[size] != '/') { // the last one names a folder
                *to++ = '/';
            }
        } else {
            memmove(to, from, size);
            to += size;
        }
        from += size;
    }
    memmove(to, from, strlen(from) + 1);
}

static size_t reference_scheme_size(const char *name)
{
    size_t size = 0;
    while (is_letter((uint8_t)name[size]) ||
           (size > 0 &&
            (is_digit((uint8_t)name[size]) || (name[size] != '\0' && strchr("+-.", name[size]))))) {
        size++;
    }
    return size > 0 && name[size] == ':' ? size + 1 : 0;
}

// Joins a name without a scheme to the address that it stands in.
static int join(const struct address *base, const char *origin, const char *name, char **joined)
{
    int path = (int)base->path.size;
    const char *text = (const char *)base->path.data;
    if (strncmp(name, "//", 2) == 0) {
        return asprintf(joined, "http%s:%s", base->secure ? "s" : "", name);
    }
    if (name[0] == '/') {
        return asprintf(joined, "%s%s", origin, name);
    }
    if (name[0] == '\0') {
        return asprintf(joined, "%s%.*s%.*s", origin, path, text, (int)base->query.size,
                        (const char *)base->query.data);
    }
    if (name[0] == '?') {
        return asprintf(joined, "%s%.*s%s", origin, path, text, name);
    }
    while (path > 0 && text[path - 1] != '/') {
        path--;
    }
    return asprintf(joined, "%s%.*s%s%s", origin, path, text, path == 0 ? "/" : "", name);
}

static char *resolve_encoded(const struct address *base, const char *name, struct error *error)
{
    char origin[ADDRESS_MAX + 1];
    char *joined = NULL;
    struct address address;
    origin_text(base, origin, sizeof origin);
    size_t scheme = reference_scheme_size(name);
    if (scheme > 0 && !address_is(name)) {
        error_set(error, ERROR_OUTSIDE, "\"%.*s\" begins no web address", (int)scheme, name);
        return NULL;
    }
    if ((scheme > 0 ? asprintf(&joined, "%s", name) : join(base, origin, name, &joined)) < 0) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    if (!address_parse(joined, &address, error)) {
        free(joined);
        return NULL;
    }
    if (address.path.size > 0) {
        remove_dots((char *)(uintptr_t)address.path.data);
    }
    return joined;
}

char *address_resolve(const char *base, struct bytes name, struct error *error)
{
    struct address address;
    const uint8_t *end = name.size > 0 ? memchr(name.data, '\0', name.size) : NULL;
    if (!address_parse(base, &address, error)) {
        return NULL;
    }
    if (end) { // as it does for names of files
        name.size = (size_t)(end - name.data);
    }
    if (name.size > ADDRESS_MAX) {
        error_set(error, ERROR_LIMIT, "the name has %zu bytes, and %d are the limit", name.size,
                  ADDRESS_MAX);
        return NULL;
    }
    char *encoded = malloc(name.size * 3 + 1);
    if (!encoded) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    encode(name, encoded);
    char *resolved = resolve_encoded(&address, encoded, error);
    free(encoded);
    return resolved;
}

// A slash or a backslash that is written as %XX, or a percent sign that could hide one.
static bool has_hidden_slash(struct bytes path)
{
    static const char *const hidden[] = {"%2f", "%5c", "%25", "%2e"};
    for (size_t i = 0; i + 3 <= path.size; i++) {
        for (size_t k = 0; k < sizeof hidden / sizeof hidden[0]; k++) {
            if (strncasecmp((const char *)path.data + i, hidden[k], 3) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool has_dots(struct bytes path)
{
    for (size_t i = 0; i + 1 < path.size; i++) {
        size_t dots = 0;
        while (path.data[i] == '/' && dots < 3 && i + 1 + dots < path.size &&
               path.data[i + 1 + dots] == '.') {
            dots++;
        }
        if (dots > 0 && dots < 3 && (i + 1 + dots == path.size || path.data[i + 1 + dots] == '/')) {
            return true;
        }
    }
    return false;
}

bool address_below(const char *prefix, const char *text)
{
    struct address outer;
    struct address inner;
    struct error ignored;
    if (!address_same_origin(prefix, text) || !address_parse(prefix, &outer, &ignored) ||
        !address_parse(text, &inner, &ignored) || has_hidden_slash(inner.path) ||
        has_dots(inner.path)) {
        return false;
    }
    size_t size = outer.path.size;
    while (size > 0 && outer.path.data[size - 1] == '/') {
        size--;
    }
    return inner.path.size >= size &&
           (size == 0 || memcmp(inner.path.data, outer.path.data, size) == 0) &&
           (inner.path.size == size || inner.path.data[size] == '/');
}
