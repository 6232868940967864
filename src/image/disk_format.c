// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "image/disk_format.h"

#include <string.h>

enum { PARTS = 4 };

struct part {
    uint32_t offset;
    size_t size;
    const char *bytes;
};

#define PART(offset, string)               \
    {                                      \
        offset, sizeof(string) - 1, string \
    }

// All parts of a row have to fit; the first is the mark.
static const struct format {
    const char *name;
    struct part parts[PARTS];
} formats[] = {
    {"a qcow image of version 1", {PART(0, "QFI\xfb\0\0\0\1")}},
    {"a VMDK disk", {PART(0, "KDMV")}},
    {"a VMDK disk of the old sparse kind", {PART(0, "COWD")}},
    {"a VHDX disk", {PART(0, "vhdxfile")}},
    {"a VHD (vpc) disk", {PART(0, "conectix")}},
    {"a VDI disk", {PART(0x40, "\x7f\x10\xda\xbe")}},
    {"a QED disk", {PART(0, "QED\0")}},
    {"a Parallels disk", {PART(0, "WithoutFreeSpace"), PART(16, "\2\0\0\0")}},
    {"a Parallels disk", {PART(0, "WithouFreSpacExt"), PART(16, "\2\0\0\0")}},
    {"a LUKS volume", {PART(0, "LUKS\xba\xbe")}},
    {"a Bochs disk",
     {PART(0, "Bochs Virtual HD Image\0"), PART(32, "Redolog\0"), PART(48, "Growing\0"),
      PART(64, "\0\0\1\0")}},
    {"a Bochs disk",
     {PART(0, "Bochs Virtual HD Image\0"), PART(32, "Redolog\0"), PART(48, "Growing\0"),
      PART(64, "\0\0\2\0")}},
    {"a cloop disk",
     {PART(0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop "
              "$1\n")}},
};

static bool fits(const struct format *format, struct bytes start)
{
    for (size_t i = 0; i < PARTS && format->parts[i].size > 0; i++) {
        const struct part *part = &format->parts[i];
        struct bytes view;
        if (!bytes_view(start, part->offset, part->size, &view) ||
            memcmp(view.data, part->bytes, part->size) != 0) {
            return false;
        }
    }
    return true;
}

static bool begins_with(struct bytes text, const char *word)
{
    size_t size = strlen(word);
    return text.size >= size && memcmp(text.data, word, size) == 0;
}

// Behind a comment, or a line of blanks; 0 when the text begins with something else.
static size_t skip_line(struct bytes text)
{
    size_t at = 0;
    if (bytes_u8(text, 0) == '#') {
        while (at < text.size && text.data[at] != '\n') {
            at++;
        }
        return at + 1;
    }
    if (bytes_u8(text, 0) != ' ') {
        return 0;
    }
    while (at < text.size && text.data[at] == ' ') {
        at++;
    }
    at += bytes_u8(text, at) == '\r';
    return bytes_u8(text, at) == '\n' ? at + 1 : 0;
}

// A VMDK descriptor is a text whose first line, but for comments and lines of blanks, is its
// version.
static bool is_vmdk_text(struct bytes text)
{
    static const char *const versions[] = {"version=1\n",   "version=2\n",   "version=3\n",
                                           "version=1\r\n", "version=2\r\n", "version=3\r\n"};
    size_t line;
    while ((line = skip_line(text)) > 0) {
        text = bytes_from(text, line);
    }
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (begins_with(text, versions[i])) {
            return true;
        }
    }
    return false;
}

bool disk_format_find(struct bytes start, struct probe_mark *mark)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const struct format *format = &formats[i];
        if (fits(format, start)) {
            *mark =
                (struct probe_mark){format->name, format->parts[0].offset, format->parts[0].size};
            return true;
        }
    }
    *mark = (struct probe_mark){"a VMDK descriptor", 0, 1};
    return is_vmdk_text(start);
}

const char *disk_format_of_name(const char *path)
{
    static const char end[] = ".dmg";
    size_t size = strlen(path);
    size_t end_size = sizeof end - 1;
    return size > end_size && strcmp(path + size - end_size, end) == 0
               ? "an Apple disk image (DMG), by its name"
               : NULL;
}
