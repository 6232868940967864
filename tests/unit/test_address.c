// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "source/address.h"

#include "unit.h"

#include <stdlib.h>

static struct bytes text(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void an_address_is_taken_apart(void)
{
    struct address address;
    struct error error;
    REQUIRE(address_parse("https://user:pass@host.example:8443/a/b?c=d#e", &address, &error));
    CHECK(address.secure && address.has_user);
    CHECK_EQ_U64(address.port, 8443);
    CHECK_EQ_U64(address.host.size, 12);
    CHECK_MEM(address.host.data, "host.example", 12);
    CHECK_EQ_U64(address.path.size, 4);
    CHECK_EQ_U64(address.query.size, 4);
    REQUIRE(address_parse("http://[::1]:80", &address, &error));
    CHECK(!address.secure && !address.has_user && address.path.size == 0);
    CHECK_EQ_U64(address.host.size, 5);
}

static void what_is_no_address_is_refused(void)
{
    static const char *const bad[] = {
        "http://",           "http:///path",      "http://a:0/",    "http://a:65536/",
        "http://a:x/",       "http://a b/",       "http://a\\b/",   "http://a/\x7f",
        "http://a/\xc3\xa4", "http://a/\r\nX: y", "http://[::1/",   "http://a:1:2/",
        "ftp://a/",          "https//a",          "http://a%41b/x", "http://@/",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct address address;
        struct error error;
        if (!CHECK(!address_parse(bad[i], &address, &error))) {
            printf("# %s\n", bad[i]);
        }
    }
}

static void origins_are_compared(void)
{
    CHECK(address_same_origin("http://a/x", "HTTP://A:80/y?z"));
    CHECK(address_same_origin("https://a:443", "https://a/"));
    CHECK(!address_same_origin("http://a/", "https://a/"));
    CHECK(!address_same_origin("http://a/", "http://a:81/"));
    CHECK(!address_same_origin("http://a/", "http://a.b/"));
    CHECK(!address_same_origin("http://a/", "http://a@b/"));
    CHECK(!address_same_origin("a", "a"));
}

static void secrets_are_not_shown(void)
{
    static const char *const pairs[][2] = {
        {"https://u:p@h:1/a?q#f", "https://h:1/a"},
        {"http://h", "http://h"},
        {"http://u@h/a@b", "http://h/a@b"},
        {"http://u:p@ /x", "http://..."},
        {"a file?x", "a file?x"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char *shown = address_shown(pairs[i][0]);
        CHECK_STR(shown, pairs[i][1]);
        free(shown);
    }
}

// The examples of RFC 3986, 5.4, but for other schemes, and without fragments.
static void names_are_resolved_as_the_rfc_says(void)
{
    static const char *const pairs[][2] = {
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},
        {"g?y#s", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"./../g", "http://a/b/g"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"%2E%2e/g", "http://a/b/g"},
        {"a b\xff", "http://a/b/c/a%20b%FF"},
        {"https://x/../y", "https://x/y"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct error error;
        char *resolved = address_resolve("http://a/b/c/d;p?q", text(pairs[i][0]), &error);
        if (!CHECK_STR(resolved, pairs[i][1])) {
            printf("# %s\n", pairs[i][0]);
        }
        free(resolved);
    }
}

static void names_of_other_protocols_are_none(void)
{
    static const char *const bad[] = {"file:/etc/passwd", "g:h", "json:{}", "ftp://a/b", "http:g"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error error;
        CHECK(!address_resolve("http://a/b", text(bad[i]), &error));
        CHECK(error.code == ERROR_OUTSIDE);
    }
}

static void what_lies_below_is_found(void)
{
    CHECK(address_below("http://a/b", "http://a/b"));
    CHECK(address_below("http://a/b/", "http://a/b/c"));
    CHECK(address_below("http://a", "http://a/b?c/../../d"));
    CHECK(!address_below("http://a/b", "http://a/bc"));
    CHECK(!address_below("http://a/b", "http://a/"));
    CHECK(!address_below("http://a/b", "https://a/b/c"));
    CHECK(!address_below("http://a/b", "http://a/b/../c"));
    CHECK(!address_below("http://a/b", "http://a/b/.."));
    CHECK(!address_below("http://a/b", "http://a/b/..%2fc"));
    CHECK(!address_below("http://a/b", "http://a/b/%2e%2e/c"));
    CHECK(!address_below("http://a/b", "http://a/b/%5c..%5cc"));
}

int main(void)
{
    RUN(an_address_is_taken_apart);
    RUN(what_is_no_address_is_refused);
    RUN(origins_are_compared);
    RUN(secrets_are_not_shown);
    RUN(names_are_resolved_as_the_rfc_says);
    RUN(names_of_other_protocols_are_none);
    RUN(what_lies_below_is_found);
    return unit_done();
}
