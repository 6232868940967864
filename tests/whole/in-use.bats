#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Images that QEMU has open meanwhile: one that is being written is read, with a warning.

load ../helpers/load
load ../helpers/tables
load ../helpers/hold

teardown() {
    release
}

make_small() {
    make_image image 1M '' 'write -q -P 0x41 0 128k' 'write -q -z 512k 64k'
}

WARNING='qcow2-info: image: warning: another process has the image open for writing'

@test "in use: cat warns and reads" {
    make_small
    make_raw image raw
    hold
    run_qcow2_info cat -o out image
    assert_status 0
    assert_equal "${stderr-}" "$WARNING"
    assert_same_bytes out raw
}

@test "in use: map warns and reads" {
    make_small
    run_qcow2_info map --json image
    local want=$output
    assert_equal "${stderr-}" ''
    hold
    run_qcow2_info map --json image
    assert_status 0
    assert_equal "${stderr-}" "$WARNING"
    assert_output "$want"
}

@test "in use: data that was written already is read" {
    make_small
    hold
    echo 'write -P 0x42 0 64k' >&9
    echo flush >&9
    until grep -q 'wrote 65536/65536' answers; do
        kill -0 "${holder:?}" || fail "qemu-io: $(<answers)"
        sleep 0.05
    done
    run_qcow2_info cat --length 3 image
    assert_status 0
    assert_output BBB
}

@test "in use: info --json says so" {
    make_small
    hold
    run_qcow2_info info --json image
    assert_status 0
    assert_equal "$(jq .in_use <<<"$output")" true
}

@test "in use: info says so in words" {
    make_small
    run_qcow2_info info image
    refute_output_contains 'open for writing'
    hold
    run_qcow2_info info image
    assert_status 0
    [[ ${output,,}${stderr,,} == *'open for writing'* || ${output,,} == *'in use'* ]] || fail "$(show_run)"
}

@test "in use: an image that is not open is not" {
    make_small
    run_qcow2_info info --json image
    assert_status 0
    assert_equal "$(jq .in_use <<<"$output")" false
    run_qcow2_info cat -o out image
    assert_status 0
    assert_equal "${stderr-}" ''
}

@test "in use: an image that QEMU only reads is not" {
    make_small
    hold -r
    run_qcow2_info info --json image
    assert_status 0
    assert_equal "$(jq .in_use <<<"$output")" false
    run_qcow2_info cat -o out image
    assert_status 0
    assert_equal "${stderr-}" ''
    run_qcow2_info map image
    assert_status 0
    assert_equal "${stderr-}" ''
}

@test "in use: no warning after QEMU has ended" {
    make_small
    hold
    release
    run_qcow2_info info --json image
    assert_equal "$(jq .in_use <<<"$output")" false
    run_qcow2_info map image
    assert_equal "${stderr-}" ''
}

@test "in use: a file that another program has open is not" {
    make_small
    exec 8<>image
    run_qcow2_info info --json image
    assert_equal "$(jq .in_use <<<"$output")" false
    exec 8>&-
}

@test "in use: no lock is taken, so that QEMU can open an image that is being read" {
    make_small
    # The reader has opened the image, and waits for room in the pipe.
    mkfifo bytes
    qcow2_info cat image >bytes 3>&- &
    local reader=$!
    exec 7<bytes
    head -c 1 <&7 >first
    run qemu-io -f qcow2 -c 'write -q -P 0x43 768k 64k' image
    assert_status 0
    assert_output ''
    cat <&7 >/dev/null
    exec 7<&-
    wait $reader
}
