// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "capture.h"

#include "base/utf8.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int capture_open(void)
{
    int fd = memfd_create("capture", MFD_CLOEXEC);
    MUST(fd >= 0);
    return fd;
}

struct bytes capture_read(int fd)
{
    struct stat status;
    MUST(fstat(fd, &status) == 0);
    size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size + 1);
    MUST(data && pread(fd, data, size, 0) == status.st_size);
    data[size] = 0;
    return (struct bytes){data, size};
}

struct writer *capture_start(void)
{
    struct writer *writer = malloc(sizeof *writer);
    MUST(writer);
    writer_init(writer, capture_open());
    return writer;
}

struct bytes capture_end(struct writer *writer)
{
    struct error error;
    MUST(writer_finish(writer, &error));
    struct bytes printed = capture_read(writer->fd);
    close(writer->fd);
    free(writer);
    return printed;
}

// Most of it is ASCII, which the C library goes through without being watched by a fuzzing engine.
static struct bytes skip_plain(struct bytes text)
{
    static const char plain[] =
        "\n !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
        "abcdefghijklmnopqrstuvwxyz{|}~";
    return text.data ? bytes_from(text, strspn((const char *)text.data, plain)) : text;
}

void must_be_text(struct bytes printed)
{
    MUST(printed.size == 0 || printed.data[printed.size - 1] == '\n');
    while ((printed = skip_plain(printed)).size > 0) {
        uint32_t code_point;
        size_t length = utf8_decode(printed, &code_point);
        MUST(length > 0);
        MUST(!utf8_is_unsafe(code_point));
        printed = bytes_from(printed, length);
    }
}

static const char *skip_blanks(const char *text)
{
    while (*text == ' ' || *text == '\n') {
        text++;
    }
    return text;
}

cJSON *must_be_json(struct bytes printed, size_t *count)
{
    const char *text = (const char *)printed.data;
    const char *end = text + printed.size;
    cJSON *document = NULL;
    must_be_text(printed);
    for (*count = 0; (text = skip_blanks(text)) != end; ++*count) {
        cJSON_Delete(document);
        document = cJSON_ParseWithLengthOpts(text, (size_t)(end - text), &text, false);
        MUST(document);
    }
    return document;
}

double json_number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    MUST(cJSON_IsNumber(item));
    return cJSON_GetNumberValue(item);
}

size_t json_items(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    MUST(cJSON_IsArray(item));
    return (size_t)cJSON_GetArraySize(item);
}
