#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# The program that needs no shared library, in a folder that has nothing else; and the archives of a release.

# Without sanitizers: it builds a program of its own.

load ../helpers/load

# make, as if it were called by hand. The static program is kept in the build folder for the next run.
make_by_hand() {
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u SAN -u COVERAGE -u CC -u CFLAGS make --no-print-directory "$@"
}

setup_file() {
    make_by_hand -C "$TOP" static BUILD="$BUILD" >"$BATS_FILE_TMPDIR/log" 2>&1 || { cat "$BATS_FILE_TMPDIR/log" >&2 && false; }
}

setup() {
    enter_test || return
    STATIC=$BUILD/static/qcow2-info
}

# enclosed ARGUMENT...: runs the static program where there is nothing but it and the folder `room`
enclosed() {
    if [[ $(id -u) -eq 0 ]]; then
        chroot room /qcow2-info "$@"
    else
        unshare -r chroot room /qcow2-info "$@"
    fi
}

furnish_room() {
    mkdir room
    cp "$STATIC" room
    enclosed --help >/dev/null 2>error || skip "machine: no chroot: $(<error)"
}

@test "static: no shared library, no interpreter" {
    readelf -lW "$STATIC" >segments
    readelf -dW "$STATIC" >dynamic
    run ! grep INTERP segments
    run ! grep NEEDED dynamic
}

@test "static: make names the libraries that are not built in" {
    "$STATIC" --version >version
    grep -qx 'libcurl not built in' version
    local library name
    for library in libdeflate libgcrypt nettle libseccomp cJSON; do
        name=lib${library#lib}
        [[ $library != nettle ]] || name=nettle
        # It is built in, or make said why not.
        grep -qE "^$library [0-9]" version || {
            make_by_hand -C "$TOP" static BUILD="$BUILD" | grep -iqx "static: left out: $name, of which there is no static library"
        } || fail "$library: $(<version)"
    done
    cp "$SAMPLE" base.qcow2
    qemu-img create -q -f qcow2 -F qcow2 -b 'json:{"driver":"qcow2","file":{"driver":"file","filename":"base.qcow2"}}' over.qcow2
    if grep -q '^cJSON not' version; then
        QCOW2_INFO=$STATIC run_qcow2_info map over.qcow2
        assert_status 1
        assert_stderr_contains 'built without cJSON'
    fi
}

@test "static: every command works in an empty root folder" {
    furnish_room
    cp "$SAMPLE" room/disk.qcow2
    qemu-img convert -O raw "$SAMPLE" want
    qemu-img convert -O qcow2 -c -o compression_type=zstd "$SAMPLE" room/zstd.qcow2
    enclosed cat disk.qcow2 | cmp - want
    enclosed cat zstd.qcow2 | cmp - want
    enclosed cat -o out.raw disk.qcow2
    cmp room/out.raw want
    qemu-img convert -l snapshot.id=1 -O raw "$SAMPLE" before
    enclosed cat --snapshot 1 disk.qcow2 | cmp - before
    assert_equal "$(enclosed --json disk.qcow2 | jq .header.size)" "$(stat -c %s want)"
    enclosed check --data disk.qcow2 >/dev/null
    enclosed audit disk.qcow2 >/dev/null
    enclosed map --totals disk.qcow2 >/dev/null
    enclosed usage disk.qcow2 >/dev/null
    enclosed where disk.qcow2 1M >/dev/null
    enclosed compare disk.qcow2 zstd.qcow2 >/dev/null
    ! "$STATIC" --version | grep -q '^libgcrypt [0-9]' ||
        assert_equal "$(enclosed digest --flat disk.qcow2)" "$(sha256sum <want | cut -d ' ' -f 1)  disk.qcow2"
}

@test "release: two builds in two paths make the same bytes, and the sums are theirs" {
    make_by_hand -C "$TOP" release BUILD="$BUILD"
    tar -xzf "$BUILD/release/$(awk '$2 !~ /linux/ { print $2 }' "$BUILD/release/SHA256SUMS")"
    mv qcow2-info-* elsewhere
    make_by_hand -C elsewhere -j2 release BUILD="$PWD/other"
    diff -r "$BUILD/release" other/release
    (cd "$BUILD/release" && sha256sum -c SHA256SUMS && [[ $(wc -l <SHA256SUMS) -eq 2 ]])
    tar -tzf "$BUILD"/release/qcow2-info-*-linux-*.tar.gz >list
    local file
    for file in bin/qcow2-info share/man/man1/qcow2-info.1 share/man/man5/qcow2-info.5 LICENSE README.md \
        share/bash-completion/completions/qcow2-info; do
        grep -qE "^qcow2-info-[0-9.]+-linux-[a-z0-9_]+/$file\$" list || fail "no $file" "$(<list)"
    done
}
