#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Block devices as images, as backing files and as outputs: loop devices, where the machine has them.

load ../helpers/load
load ../helpers/tables

teardown() {
    local device
    for device in "${devices[@]}"; do
        losetup -d "$device" || true
    done
}

# attach FILE [writable]: a loop device with this file's bytes, in the variable device
attach() {
    local options=(--read-only)
    [[ ${2:-} != writable ]] || options=()
    command -v losetup >/dev/null || skip 'machine: there is no losetup'
    [[ $(id -u) -eq 0 ]] || skip 'machine: only root may make a loop device'
    # A device has whole sectors.
    truncate -s $((($(stat -c %s "$1") + 511) / 512 * 512)) "$1"
    device=$(losetup --find --show "${options[@]}" "$1" 2>losetup.log) ||
        skip "machine: no loop device: $(head -n 1 losetup.log)"
    devices+=("$device")
    [[ -b $device && -r $device ]] || skip "machine: $device cannot be read"
}

setup() {
    enter_test || return
    devices=()
}

# A disk of 2 MiB whose clusters have no holes of the file in them: a device has none.
make_mixed() {
    make_image image 2M '' 'write -q -P 0x41 0 128k' 'write -q -c -P 0x42 256k 192k' \
        'write -q -z 512k 64k' 'write -q -P 0x43 1984k 64k'
}

@test "block device: cat" {
    make_mixed
    make_raw image raw
    attach image
    run_qcow2_info cat -o out "$device"
    assert_status 0
    assert_equal "${stderr-}" ''
    assert_same_bytes out raw
    qcow2_info cat "$device" | cmp - raw
}

@test "block device: cat of one that is longer than the image" {
    make_mixed
    make_raw image raw
    truncate -s 32M image
    attach image
    qcow2_info cat "$device" | cmp - raw
}

@test "block device: map" {
    make_mixed
    qcow2_info map --json image >want
    attach image
    qcow2_info map --json "$device" | cmp - want
    maps_equal "$device"
}

@test "block device: info" {
    make_mixed
    truncate -s 32M image
    attach image
    run_qcow2_info info --json "$device"
    assert_status 0
    assert_equal "$(jq -c '[.header.size, .file_size]' <<<"$output")" '[2097152,33554432]'
}

@test "block device: check" {
    make_mixed
    attach image
    run_qcow2_info check "$device"
    assert_status 0
}

@test "block device: standard input is one" {
    make_mixed
    make_raw image raw
    attach image
    qcow2_info cat - <"$device" | cmp - raw
}

@test "block device: data past its end is an error" {
    make_mixed
    poke_l2_entry image 0 $((COPIED | 1 << 40))
    attach image
    run_qcow2_info cat "$device"
    assert_status 1
    assert_output ''
    assert_one_error "$device" 'guest offset 0' $((1 << 40))
}

@test "block device: a raw backing file is one" {
    seq 200000 | head -c 1M >base
    attach base
    make_layer image 2M '' "$device" raw 'write -q -P 0x41 64k 64k'
    guest_bytes_equal image
    maps_equal image
    run_qcow2_info map --json --host-offsets image
    assert_equal "$(jq -r -s 'map(.file) | unique | index("'"$device"'") != null' <<<"$output")" true
}

@test "block device: a qcow2 backing file is one" {
    make_mixed
    mv image base
    attach base
    make_layer image 2M '' "$device" qcow2 'write -q -P 0x44 64k 4k'
    guest_bytes_equal image
    maps_equal image
}

@test "block device: a backing file by json: with the driver host_device" {
    seq 200000 | head -c 1M >base
    attach base
    make_layer image 1M '' "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"host_device\",\"filename\":\"$device\"}}" raw
    guest_bytes_equal image
    run_qcow2_info cat --length 7 image
    assert_output $'1\n2\n3\n4'
}

@test "block device: a data file is one" {
    make_image image 1M data_file=data 'write -q -P 0x41 0 1M'
    make_raw image raw
    attach data
    qcow2_info cat --data-file "$device" image | cmp - raw
}

@test "block device: a loop by the device itself" {
    make_layer image 1M '' base qcow2
    attach image
    ln -s "$device" base
    ln -s "$device" top
    run_qcow2_info cat top
    assert_status 1
    assert_output ''
    assert_one_error top 'comes back to'
}

# another_node DEVICE: a node of the same device, in the folder of the test; in the variable node
another_node() {
    local numbers
    numbers=$(stat -L -c '0x%t 0x%T' "$1")
    # shellcheck disable=SC2086 # two words
    mknod node b $numbers 2>mknod.log || skip "machine: no device node: $(<mknod.log)"
    # A file system may be mounted without devices.
    head -c 1 node >/dev/null 2>&1 || skip 'machine: a device node here is of no use'
    node=$BATS_TEST_TMPDIR/node
}

@test "block device: the one that is read is refused as output by every node of it" {
    local way
    make_image image 1M '' 'write -q -P 0x41 0 1M'
    attach image writable
    another_node "$device"
    sha256sum "$device" >before
    for way in "$device" "$node"; do
        run_qcow2_info cat -o "$way" "$device"
        assert_status 1
        assert_one_error "$way" 'one of the files to be read'
        run_qcow2_info cat -o "$device" "$way"
        assert_status 1
        assert_one_error "$device" 'one of the files to be read'
    done
    sha256sum -c --quiet before
}

@test "block device: cat to one, by -o and by >, writes exactly the disk" {
    local jobs sparse
    make_mixed
    make_raw image raw
    # Another byte wherever the disk has a zero.
    head -c 3M /dev/zero | tr '\0' '\377' >target
    cp target rest
    dd if=raw of=rest conv=notrunc status=none
    attach target writable
    for jobs in 1 2 8; do
        for sparse in auto always never; do
            tr '\0' '\377' </dev/zero | dd of="$device" bs=1M count=3 iflag=fullblock status=none
            qcow2_info cat --jobs $jobs --sparse $sparse -o "$device" image
            cmp "$device" rest || fail "$jobs jobs, sparse $sparse, -o"
            tr '\0' '\377' </dev/zero | dd of="$device" bs=1M count=3 iflag=fullblock status=none
            qcow2_info cat --jobs $jobs --sparse $sparse image >"$device"
            cmp "$device" rest || fail "$jobs jobs, sparse $sparse, >"
        done
    done
}

@test "block device: nobody knows how much of it is on disk" {
    local base image
    make_mixed
    attach image
    image=$device
    run_qcow2_info --json "$image"
    assert_status 0
    assert_equal "$(jq -c '[.file_size, .allocated_size]' <<<"$output")" "[$(stat -c %s image),null]"
    run_qcow2_info "$image"
    assert_equal "$(grep '^on disk' <<<"$output" | tr -s ' ')" 'on disk: unknown'
    run_qcow2_info audit --json "$image"
    assert_equal "$(jq .actual_size <<<"$output")" null
    # On standard input, and as a raw or qcow2 layer of a chain.
    assert_equal "$(qcow2_info --json <"$image" | jq .allocated_size)" null
    truncate -s 2M base
    attach base
    base=$device
    qemu-img create -q -f qcow2 -b "$base" -F raw over.qcow2
    run_qcow2_info --json --backing-chain over.qcow2
    assert_status 0
    assert_equal "$(jq -c 'map(.allocated_size == null)' <<<"$output")" '[false,true]'
    run_qcow2_info --backing-chain over.qcow2
    assert_equal "$(grep -c '^on disk: *unknown' <<<"$output")" 1
    qemu-img rebase -u -q -f qcow2 -b "$image" -F qcow2 over.qcow2
    assert_equal "$(qcow2_info --json --backing-chain over.qcow2 | jq -c 'map(.allocated_size == null)')" \
        '[false,true]'
}
