// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Names of backing and data files: the paths that they mean, and json: names.

#include "format/layout.h"
#include "format/problem.h"
#include "image/json_name.h"
#include "image/reference.h"

#include <stdlib.h>

#include "unit.h"

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void check_full_path(const char *image_path, const char *name, const char *want)
{
    char *path = reference_full_path(image_path, bytes_of(name));
    CHECK_STR(path, want);
    free(path);
}

static void a_full_path_is_absolute_and_clean(void)
{
    check_full_path("/images/a.qcow2", "b.qcow2", "/images/b.qcow2");
    check_full_path("/images/a.qcow2", "../b.qcow2", "/b.qcow2");
    check_full_path("/images/a.qcow2", "../../../b.qcow2", "/b.qcow2");
    check_full_path("/images/a.qcow2", ".", "/images");
    check_full_path("/images/a.qcow2", "..", "/");
    check_full_path("/images/./x//a.qcow2", "y/./../b", "/images/x/b");
    check_full_path("/a.qcow2", "", "/");
}

static void what_is_absolute_or_no_file_stays_as_it_is(void)
{
    check_full_path("/images/a.qcow2", "/elsewhere//b", "/elsewhere//b");
    check_full_path("/images/a.qcow2", "nbd://host/b", "nbd://host/b");
    check_full_path("/images/a.qcow2", "json:{}", "json:{}");
}

static bool parse(const char *text, struct json_name *name, struct error *error)
{
    *error = (struct error){0};
    return json_name_parse(bytes_of(text), name, error);
}

static void check_parses(const char *text, const char *driver)
{
    struct json_name name;
    struct error error;
    CHECK(parse(text, &name, &error));
    CHECK_STR(name.filename, "base");
    CHECK_STR(name.driver, driver);
    free(name.filename);
}

static void json_names_mean_a_file(void)
{
    check_parses("{\"filename\":\"base\"}", "");
    check_parses("{\"driver\":\"file\",\"filename\":\"base\"}", "raw");
    check_parses("{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"base\"}}",
                 "qcow2");
    check_parses("{\"driver\":\"qcow2\",\"file.filename\":\"base\"}", "qcow2");
    check_parses("{\"driver\":\"qcow2\",\"file\":{\"driver\":\"raw\",\"file.filename\":\"base\"}}",
                 "qcow2");
    check_parses("{\"driver\":\"qcow2\",\"read-only\":true,\"file.filename\":\"base\"}", "qcow2");
}

static void check_refused(const char *text, const char *reason)
{
    struct json_name name;
    struct error error;
    CHECK(!parse(text, &name, &error));
    CHECK(!name.filename);
    CHECK_STR(error.code, ERROR_UNSUPPORTED_BACKING_FILE);
    if (!CHECK(strstr(error.message, reason) != NULL)) {
        printf("# %s: %s\n", text, error.message);
    }
}

static void json_names_that_mean_anything_else_are_refused(void)
{
    check_refused("", "not a JSON object");
    check_refused("[]", "not a JSON object");
    check_refused("{\"filename\":\"base\"", "not a JSON object");
    check_refused("{\"filename\":\"base\"} x", "not a JSON object");
    check_refused("{\"filename\":\"base\\u0000x\"}", "not a JSON object");
    check_refused("{}", "missing \"filename\"");
    check_refused("{\"filename\":1}", "expected one string for \"filename\"");
    check_refused("{\"filename\":\"a\",\"filename\":\"b\"}", "expected one string");
    check_refused("{\"filename\":\"a\",\"file.filename\":\"b\"}", "two files for \"a\"");
    check_refused("{\"offset\":5,\"filename\":\"a\"}", "unsupported option \"offset\"");
    check_refused("{\"driver\":\"nbd\",\"file.driver\":\"nbd\",\"file.filename\":\"a\"}",
                  "unsupported driver \"nbd\"");
    check_refused("{\"driver\":\"raw\",\"file.driver\":\"qcow2\",\"file.file.filename\":\"a\"}",
                  "unsupported driver \"qcow2\"");
    check_refused("{\"driver\":\"a-driver-with-a-long-name\",\"file.filename\":\"a\"}",
                  "unsupported driver \"a-driver-with-a-long-name\"");
    check_refused("{\"file.file.file.file.filename\":\"a\"}", "too many levels");
    check_refused("{\"file\":{\"file\":{\"file\":{\"file\":{\"file\":{\"a\":1}}}}}}",
                  "too many levels");
}

static void a_json_key_longer_than_any_option_is_refused(void)
{
    char text[400] = "{\"";
    memset(text + 2, 'k', 300);
    snprintf(text + 302, sizeof text - 302, "\":1}");
    check_refused(text, "option too long:");
}

int main(void)
{
    RUN(a_full_path_is_absolute_and_clean);
    RUN(what_is_absolute_or_no_file_stays_as_it_is);
    RUN(json_names_mean_a_file);
    RUN(json_names_that_mean_anything_else_are_refused);
    RUN(a_json_key_longer_than_any_option_is_refused);
    return unit_done();
}
