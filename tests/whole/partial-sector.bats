#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Disks whose size is no multiple of 512: QEMU leaves out the last, partial sector. We keep it, with a
# warning, and leave it out with --size-as-qemu.

load ../helpers/load
load ../helpers/tables

# A disk of 100,000 bytes, 160 more than whole sectors, all data.
SIZE=100000
PARTIAL=160

make_partial() {
    make_image "$1" 128K '' 'write -P 0x79 0 128K'
    poke_field "$1" size $SIZE
}

# warned FILE TEXT: one warning, about this file, that contains TEXT
warned() {
    [[ $stderr == "qcow2-info: $1: warning: "*"$2"* && $stderr != *$'\n'* ]] || fail "$(show_run)"
}

@test "partial sector: cat and map keep it, and warn; info, audit and check report it" {
    make_partial image
    run_qcow2_info cat -o ours image
    assert_status 0
    warned image "QEMU leaves out the last $PARTIAL, and so does --size-as-qemu"
    assert_equal "$(stat -c %s ours) $(tr -d y <ours | wc -c)" "$SIZE 0"
    run_qcow2_info map --json image
    assert_status 0
    warned image "QEMU leaves out the last $PARTIAL"
    assert_equal "$(jq -s 'map(.length) | add' <<<"$output")" $SIZE
    run_qcow2_info info --json image
    assert_status 0
    assert_equal "$(jq -c '[.header.size, (.problems[] | .code, .severity, .offset)]' <<<"$output")" \
        "[$SIZE,\"partial-sector\",\"warning\",24]"
    run_qcow2_info check --json image
    assert_status 0
    assert_equal "$(jq -c '[.warnings, .findings[].code]' <<<"$output")" '[1,"partial-sector"]'
    run_qcow2_info audit --json image
    assert_status 2
    assert_equal "$(jq -c '.findings[] | [.code, .severity, .offset]' <<<"$output")" '["partial-sector","unsafe",24]'
    run_qcow2_info audit --allow partial-sector image
    assert_status 0
}

@test "partial sector: --size-as-qemu gives the disk that QEMU has" {
    make_partial image
    for size in $SIZE 511 512 513 131071 0; do
        poke_field image size "$size"
        guest_bytes_equal image --size-as-qemu 2>warning
        # Of a disk without bytes qemu-img map lists an extent without bytes.
        [[ $size -lt 512 ]] || maps_equal image --size-as-qemu 2>>warning
        run_qcow2_info check --data --size-as-qemu image
        assert_status 0
        [[ ! -s warning && ! $stderr ]] || fail "$(cat warning)" "$(show_run)"
    done
}

@test "partial sector: of a backing file QEMU reads it as zeros" {
    make_partial base
    make_layer middle 1M '' base qcow2
    make_layer image 1M '' middle qcow2 'write -P 3 300k 64k'
    run_qcow2_info cat -o ours image
    assert_status 0
    warned image "backing file base: the disk has $SIZE bytes"
    assert_equal "$(tr -cd y <ours | wc -c)" $SIZE
    guest_bytes_equal image --size-as-qemu
    maps_equal image --size-as-qemu
    # A raw one has zeros behind its end for QEMU, too.
    head -c $SIZE ours >raw
    make_layer image 1M '' raw raw
    guest_bytes_equal image
}

@test "partial sector: of a snapshot" {
    make_image image 128K '' 'write -P 0x79 0 128K'
    qemu-img snapshot -c one image
    at=$(field image snapshots_offset)
    poke_be64 image $((at + 48)) $SIZE
    run_qcow2_info cat --snapshot one -o ours image
    assert_status 0
    warned image "QEMU leaves out the last $PARTIAL"
    assert_equal "$(stat -c %s ours)" $SIZE
    # qemu-img copies as much of it as the active disk has.
    qemu-img convert -l one -O raw image theirs
    qcow2_info cat --snapshot one --size-as-qemu image | cmp - <(head -c $((SIZE - PARTIAL)) theirs)
    # It is no matter to the active disk.
    guest_bytes_equal image
    run_qcow2_info check --json image
    assert_status 0
    assert_equal "$(jq -c '.findings[] | [.code, .offset]' <<<"$output")" "[\"partial-sector\",$((at + 48))]"
    run_qcow2_info audit --json image
    assert_status 2
    assert_equal "$(jq -c '.findings[] | [.code, .offset]' <<<"$output")" "[\"partial-sector\",$((at + 48))]"
}

@test "partial sector: compare --size-as-qemu-a of a disk with itself" {
    make_image base 1536 cluster_size=512 'write -q -P 1 0 1536'
    qemu-img create -q -f qcow2 -b base -F qcow2 image 4096
    poke_field base size 1300
    # Without the bytes from 1024 on, which QEMU leaves out.
    qcow2_info cat image >ours 2>warning
    qcow2_info cat --size-as-qemu image >theirs 2>warning
    [[ $(sha256sum <ours) != "$(sha256sum <theirs)" ]]
    run_qcow2_info compare --size-as-qemu-a image image
    assert_status 2
    assert_output_contains 1024
    run_qcow2_info compare --size-as-qemu-a --size-as-qemu-b image image
    assert_status 0
}

@test "partial sector: compare warns, and compares the disks that QEMU has with --size-as-qemu" {
    make_partial image
    qemu-img convert -O raw image theirs
    run_qcow2_info compare image theirs
    assert_status 2
    warned image "QEMU leaves out the last $PARTIAL, and so does --size-as-qemu-a"
    run_qcow2_info compare --size-as-qemu-a image theirs
    assert_status 0
    assert_equal "$stderr" ''
    run_qcow2_info where image 0
    warned image 'QEMU leaves out'
}
