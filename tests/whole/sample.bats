#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# The sample image: it is sound, and it is what its recipe makes.

load ../helpers/load

@test "sample: sound, says qemu-img" {
    require_tool qemu-img
    run qemu-img check "$SAMPLE"
    assert_status 0
}

@test "sample: its guest bytes have the checksum beside it" {
    require_tool qemu-img
    qemu-img convert -f qcow2 -O raw "$SAMPLE" raw
    sha256sum -c "$TOP/tests/sample/sample.sha256" <raw
}

@test "sample: its recipe makes the same guest bytes, snapshot and bitmap" {
    require_tool qemu-img qemu-io jq
    "$TOP/tests/sample/make-sample.sh" "$PWD/again.qcow2"
    qemu-img compare -f qcow2 -F qcow2 -s "$SAMPLE" again.qcow2
    local facts='[.snapshots, .["format-specific"].data.bitmaps]'
    assert_equal "$(qemu-img info --output=json again.qcow2 | jq -S "$facts")" \
        "$(qemu-img info --output=json "$SAMPLE" | jq -S "$facts")"
}

@test "sample: program and qemu-img see the same bytes" {
    guest_bytes_equal "$SAMPLE"
}

@test "sample: program and qemu-img see the same map" {
    maps_equal "$SAMPLE"
}

@test "sample: the program draws the pictures in README" {
    local command
    cp "$SAMPLE" disk.qcow2
    for command in map usage; do
        qcow2_info "$command" --chart=svg disk.qcow2 >"$command.svg"
        assert_same_bytes "$command.svg" "$TOP/tests/sample/$command.svg"
        grep -qF "](tests/sample/$command.svg)" "$TOP/README.md"
    done
}

@test "sample: the demonstration runs" {
    mkdir bin
    ln -s "$QCOW2_INFO" bin/qcow2-info
    PATH=$PWD/bin:$PATH run "$TOP/tests/sample/demo.sh"
    assert_status 0
    assert_output_contains 'A disk is long, and mostly air:'
    assert_output_contains '-: OK'
}
