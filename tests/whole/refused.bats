#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Images that QEMU refuses to open, with nothing else wrong with them: audit has a finding, and check calls
# it corruption. What looks alike and QEMU opens is no corruption.

# Without sanitizers: QEMU runs most of the time, and parsers go through them in unit tests.

load ../helpers/load
load ../helpers/tables
load ../helpers/audit

C=65536

setup() {
    enter_test || return
    require_tool qemu-img qemu-io jq
}

# refused RULE FINDING: QEMU does not open the image; audit has a finding of RULE, which may be allowed, and
# check one of FINDING
refused() {
    ! qemu-io -r -f qcow2 -c 'read 0 1' image >/dev/null 2>&1 || fail 'QEMU opens the image' || return
    audited image
    [[ " ${audited_codes-} " == *" $1 "* && $status -eq 2 ]] || fail "no $1" "$(show_run)" || return
    run_qcow2_info check --json image
    assert_status 2 || return
    jq -e --arg code "$2" 'any(.findings[]; .code == $code and .severity == "corruption")' <<<"$output" >/dev/null ||
        fail "no $2" "$(show_run)"
}

# opened: QEMU opens the image, and check finds no corruption
opened() {
    qemu-io -r -f qcow2 -c 'read 0 1' image >/dev/null || return
    run_qcow2_info check image
    [[ $status -eq 0 || $status -eq 3 ]] || fail "$(show_run)"
}

# with NAME VALUE: one field of the header of an image that is sound otherwise
with() {
    make_image image 1M '' 'write -P 1 0 64K'
    poke_field image "$1" "$2"
}

@test "refused: the place of a snapshot table, without snapshots" {
    with snapshots_offset 3
    refused header-broken cannot-be-opened
    with snapshots_offset 512
    refused header-broken cannot-be-opened
    with snapshots_offset $((-C))
    refused header-limit cannot-be-opened
    with snapshots_offset $((1 << 60))
    opened
}

@test "refused: the place of a backing file name without bytes" {
    with backing_file_offset $((C + 1))
    refused header-broken cannot-be-opened
    with backing_file_offset $((1 << 40))
    refused header-broken cannot-be-opened
    with backing_file_offset $C
    opened
}

@test "refused: a backing file name without bytes that leaves no room for the end of the extensions" {
    make_image image 1M '' 'write -P 1 0 64K'
    poke_field image header_length 112
    poke_field image backing_file_offset 115
    refused header-broken cannot-be-opened
    poke_field image backing_file_offset 112
    opened
}

@test "refused: an encryption method that is unknown" {
    with crypt_method 3
    refused header-broken cannot-be-opened
    audited image --allow encryption
    assert_status 2
}

@test "refused: a length in the end of the header extensions" {
    local at
    make_image image 1M '' 'write -P 1 0 64K'
    at=$(extension_at image 6803f857)
    poke image "$at" 00000000
    poke_be32 image $((at + 4)) $((C - at - 7))
    refused header-broken cannot-be-opened
    poke_be32 image $((at + 4)) $((C - at - 8))
    opened
    # The same length in an unknown extension.
    poke image "$at" 12345678
    poke_be32 image $((at + 4)) $((C - at - 7))
    refused extension-too-long cannot-be-opened
}

@test "refused: a raw data file without a data file" {
    with autoclear_features 2
    refused header-broken cannot-be-opened
}

# A bitmap for a disk of 1 MiB; $extension, $directory and $table are where its parts are.
make_bitmap() {
    make_image image 1M '' 'write -P 1 0 64K'
    qemu-img bitmap --add -g 64K image one
    extension=$(extension_at image 23852875)
    directory=$(peek_be64 image $((extension + 24)))
}

@test "refused: the length and the fields of the bitmaps extension" {
    local length
    for length in 16 32; do
        make_bitmap
        poke_be32 image $((extension + 4)) $length
        refused "$([[ $length -eq 16 ]] && echo header-broken || echo bitmap-broken)" cannot-be-opened
        # Also where the bitmaps are out of date.
        poke_field image autoclear_features 0
        refused "$([[ $length -eq 16 ]] && echo header-broken || echo bitmap-broken)" cannot-be-opened
    done
    make_bitmap
    poke_be32 image $((extension + 12)) 1
    refused bitmap-broken cannot-be-opened
    poke_field image autoclear_features 0
    opened
}

@test "refused: a bitmap directory that ends within the padding of its last entry" {
    local size cut
    make_bitmap
    qemu-img bitmap --add image four
    size=$(peek_be64 image $((extension + 16)))
    for cut in 1 4 5; do
        poke_be64 image $((extension + 16)) $((size - cut))
        refused bitmap-broken bitmap
    done
}

@test "refused: a bitmap table that does not fit the disk" {
    make_bitmap
    poke_be32 image $((directory + 8)) 2
    refused bitmap-broken bitmap
    poke_be32 image $((directory + 12)) 1 # in use: it is not loaded
    opened
    # One entry is for 2^19 bits of 64 KiB each.
    make_image image 32G '' 'write -P 1 0 64K'
    qemu-img bitmap --add -g 64K image one
    opened
    poke_field image l1_size 65
    poke_field image size $(((32 << 30) + 512))
    refused bitmap-broken bitmap
}

@test "refused: two bitmaps of one name, and a flag for extra data" {
    local entry
    make_bitmap
    qemu-img bitmap --add image two
    opened
    directory=$(peek_be64 image $((extension + 24)))
    entry=$((directory + (24 + $(peek_be16 image $((directory + 18))) + 7) / 8 * 8))
    assert_equal "$(peek image $((entry + 24)) 3)" "$(printf two | od -An -tx1 | tr -d ' \n')"
    poke_text image $((entry + 24)) one
    refused bitmap-broken bitmap
    make_bitmap
    poke_be32 image $((directory + 12)) 4
    refused bitmap-broken bitmap
}

@test "refused: more extra data of a snapshot than QEMU reads" {
    local at
    make_image image 1M '' 'write -P 1 0 64K'
    qemu-img snapshot -c one image
    at=$(field image snapshots_offset)
    truncate -s +64K image
    poke_be32 image $((at + 36)) 1032
    refused snapshot-broken cannot-be-opened
    poke_be32 image $((at + 36)) 1024
    opened
}
