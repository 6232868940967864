// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// The format that QEMU recognizes when none is named. The marks alone are in test_probe.

#include "image/disk_format.h"

#include "unit.h"

static uint8_t sector[DISK_FORMAT_SIZE];

// A sector of zeros that begins with a text. Returns what that is, NULL when it is nothing.
static const char *format_of(const char *text)
{
    struct probe_mark mark;
    size_t size = strlen(text);
    memset(sector, 0, sizeof sector);
    memcpy(sector, text, size < sizeof sector ? size : sizeof sector);
    return disk_format_find((struct bytes){sector, sizeof sector}, &mark) ? mark.name : NULL;
}

static void a_vmdk_descriptor_begins_with_its_version(void)
{
    static const char *const texts[] = {
        "version=1\n",
        "version=2\n",
        "version=3\n",
        "version=1\r\nCID=ffffffff\r\n",
        "# Disk DescriptorFile\nversion=1\n",
        "#\n# any comment\r\n#\nversion=3\n",
        " \nversion=1\n",
        "    \r\n   \n# comment\n \nversion=2\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK_STR(format_of(texts[i]), "a VMDK descriptor");
    }
}

static void another_text_is_no_vmdk_descriptor(void)
{
    static const char *const texts[] = {
        "",
        "version=0\n",
        "version=4\n",
        "version=1",
        "version=1 \n",
        "version=10\n",
        "VERSION=1\n",
        " version=1\n",
        "\nversion=1\n", // an empty line is none of blanks
        "\r\nversion=1\n",
        "\tversion=1\n",
        " \r\r\nversion=1\n",
        "# Disk DescriptorFile\nCID=ffffffff\nversion=1\n",
        "# a comment without an end version=1",
        "#",
        " ",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!CHECK(!format_of(texts[i]))) {
            printf("# %s\n", texts[i]);
        }
    }
}

// The version has to stand in the first sector, whole.
static void a_vmdk_descriptor_is_known_by_its_first_sector(void)
{
    char text[600];
    for (size_t comment = 490; comment < 520; comment++) {
        memset(text, '#', comment);
        snprintf(text + comment, sizeof text - comment, "\nversion=1\n");
        CHECK((format_of(text) != NULL) == (comment + 11 <= DISK_FORMAT_SIZE));
    }
}

// A header without one of its three names; `without` 3: with all.
static bool is_bochs(size_t without, uint8_t version)
{
    static const struct {
        size_t at;
        const char *text;
    } parts[] = {{0, "Bochs Virtual HD Image"}, {32, "Redolog"}, {48, "Growing"}};
    struct probe_mark mark;
    memset(sector, 0, sizeof sector);
    for (size_t i = 0; i < 3; i++) {
        if (i != without) {
            memcpy(sector + parts[i].at, parts[i].text, strlen(parts[i].text));
        }
    }
    sector[66] = version;
    return disk_format_find((struct bytes){sector, sizeof sector}, &mark);
}

static void a_bochs_disk_has_three_names_and_a_version(void)
{
    for (uint8_t version = 0; version < 4; version++) {
        for (size_t without = 0; without <= 3; without++) {
            CHECK(is_bochs(without, version) == (without == 3 && (version == 1 || version == 2)));
        }
    }
}

static void a_cloop_disk_begins_with_its_script(void)
{
    CHECK_STR(format_of("#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 "
                        "/dev/cloop $1\n"),
              "a cloop disk");
    CHECK(!format_of("#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$1\n"));
}

static void a_parallels_disk_has_version_2(void)
{
    CHECK(!format_of("WithoutFreeSpace"));
    CHECK(!format_of("WithouFreSpacExt\1"));
    CHECK_STR(format_of("WithouFreSpacExt\2"), "a Parallels disk");
}

static void of_a_dmg_only_the_name_is_known(void)
{
    CHECK(disk_format_of_name("disk.dmg") != NULL);
    CHECK(disk_format_of_name("folder/x.dmg") != NULL);
    CHECK(!disk_format_of_name(".dmg"));
    CHECK(!disk_format_of_name("dmg"));
    CHECK(!disk_format_of_name(""));
    CHECK(!disk_format_of_name("disk.DMG"));
    CHECK(!disk_format_of_name("disk.dmg.raw"));
}

int main(void)
{
    RUN(a_vmdk_descriptor_begins_with_its_version);
    RUN(another_text_is_no_vmdk_descriptor);
    RUN(a_vmdk_descriptor_is_known_by_its_first_sector);
    RUN(a_bochs_disk_has_three_names_and_a_version);
    RUN(a_cloop_disk_begins_with_its_script);
    RUN(a_parallels_disk_has_version_2);
    RUN(of_a_dmg_only_the_name_is_known);
    return unit_done();
}
