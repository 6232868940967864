#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# The Makefile, and the checks that lint is made of.

load ../helpers/load

# make, as if it were called by hand, building into the test's own folder.
make_by_hand() {
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -C "$TOP" --no-print-directory \
        BUILD="$BATS_TEST_TMPDIR/build" "$@"
}

@test "build: help names every target a person would call" {
    run make_by_hand help
    assert_status 0
    local target
    for target in all deps demo check check-unit check-random coverage lint bench fuzz install \
        uninstall dist static release clean help; do
        [[ $output =~ (^|$'\n')"  $target "+[a-z] ]] || fail "help does not list $target"
    done
}

@test "build: missing libraries are named, with the package and the cure" {
    PKG_CONFIG_LIBDIR=/nonexistent run make_by_hand all
    assert_status 2
    assert_output_contains 'zlib (Debian package zlib1g-dev)'
    assert_output_contains 'libzstd (Debian package libzstd-dev)'
    assert_output_contains 'libcjson (Debian package libcjson-dev)'
    assert_output_contains 'make deps'
}

@test "build: a required optional library that is missing is named too" {
    PKG_CONFIG_LIBDIR=/nonexistent run make_by_hand all WITH_LIBDEFLATE=1
    assert_status 2
    assert_output_contains 'libdeflate (Debian package libdeflate-dev)'
}

@test "build: no compiler and no pkg-config have the same cure" {
    run make_by_hand all CC=no-such-compiler
    assert_status 2
    assert_output_contains 'no-such-compiler'
    assert_output_contains 'make deps'
    run make_by_hand all PKG_CONFIG=no-such-pkg-config
    assert_status 2
    assert_output_contains 'no-such-pkg-config'
    assert_output_contains 'make deps'
}

@test "build: targets that build nothing need neither compiler nor library" {
    PKG_CONFIG_LIBDIR=/nonexistent run make_by_hand help clean dist uninstall CC=no-such-compiler \
        DESTDIR="$PWD/root"
    assert_status 0
}

@test "build: dist makes the same bytes twice, without anything that was built" {
    make_by_hand dist
    mv build/*.tar.gz first.tar.gz
    make_by_hand dist
    assert_same_bytes first.tar.gz build/*.tar.gz
    tar -tzf first.tar.gz >list
    grep -qx 'qcow2-info-[0-9.]*/Makefile' list
    grep -qx 'qcow2-info-[0-9.]*/src/main.c' list
    grep -qx 'qcow2-info-[0-9.]*/.ci/run' list
    run ! grep -E '\.o$|/build/|/\.git/' list
}

@test "borders: an include down the list or sideways is allowed" {
    mkdir -p src/{base,format,codec,image}
    touch src/base/bytes.h src/format/layout.h src/codec/codec.h
    printf '#include "base/bytes.h"\n' >src/format/header.h
    printf '#include "format/header.h"\n#include "format/layout.h"\n' >src/format/header.c
    printf '#include "codec/codec.h"\n#include "format/header.h"\n' >src/image/run.c
    printf '#include "image/run.c"\n' >src/main.c
    run "$TOP/tests/lint/borders.sh" src
    assert_status 0
}

@test "borders: an include up the list is found, and so is a codec that knows images" {
    mkdir -p src/{base,format,codec,commands}
    touch src/format/layout.h src/commands/command.h
    printf '#include "commands/command.h"\n' >src/base/error.c
    printf '\n#include "format/layout.h"\n' >src/codec/zstd.c
    run "$TOP/tests/lint/borders.sh" src
    assert_status 1
    assert_output_contains 'base may not know commands'
    assert_output_contains 'src/codec/zstd.c:2: "format/layout.h": codec may not know format'
}

@test "borders: a folder without a place is found" {
    mkdir -p src/helpers
    run "$TOP/tests/lint/borders.sh" src
    assert_status 1
}

# compile SOURCE...: the objects of files below src, in the folder objects
compile() {
    local source
    for source in "$@"; do
        mkdir -p "objects/${source%/*}"
        cc -Isrc -c -o "objects/${source%.c}.o" "src/$source"
    done
}

@test "circles: files in line are fine" {
    mkdir -p src/{base,format}
    echo 'int base(void) { return 1; }' >src/base/base.c
    echo 'int base(void); static int other; int entry(void) { return base() + other; }' >src/format/entry.c
    echo 'int base(void); int entry(void); int main(void) { return base() + entry(); }' >src/format/main.c
    compile base/base.c format/entry.c format/main.c
    run "$TOP/tests/lint/circles.sh" objects src
    assert_status 0
}

@test "circles: functions, data and headers that need each other are found" {
    mkdir -p src/{base,format}
    echo 'extern int table; int entry(void) { return table; }' >src/format/entry.c
    echo 'int head(void); int table; int base(void) { return head(); }' >src/base/base.c
    echo 'int entry(void); int head(void) { return entry(); }' >src/format/head.c
    compile base/base.c format/entry.c format/head.c
    run "$TOP/tests/lint/circles.sh" objects src
    assert_status 1
    assert_output_contains 'base/base.c'
    assert_output_contains 'format/entry.c'
    assert_output_contains 'format/head.c'
    rm objects/format/head.o
    echo '#include "format/head.h"' >src/format/entry.h
    echo '#include "format/entry.h"' >src/format/head.h
    run "$TOP/tests/lint/circles.sh" objects src
    assert_status 1
    assert_output_contains 'headers: '
    assert_output_contains 'format/entry.h'
}

@test "circles: a folder without objects is an error" {
    mkdir -p objects src
    run "$TOP/tests/lint/circles.sh" objects src
    assert_status 1
}
