#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Block devices as images, as backing files and as outputs: loop devices, where the machine has them.

# Without sanitizers: devices take most of the time.

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

@test "block device: cat of an image on a longer device" {
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

@test "block device: as standard input" {
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

@test "block device: as a raw backing file" {
    seq 200000 | head -c 1M >base
    attach base
    make_layer image 2M '' "$device" raw 'write -q -P 0x41 64k 64k'
    guest_bytes_equal image
    maps_equal image
    run_qcow2_info map --json --host-offsets image
    assert_equal "$(jq -r -s 'map(.file) | unique | index("'"$device"'") != null' <<<"$output")" true
}

@test "block device: as a qcow2 backing file" {
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

@test "block device: as a data file" {
    make_image image 1M data_file=data 'write -q -P 0x41 0 1M'
    make_raw image raw
    attach data
    qcow2_info cat --data-file "$device" image | cmp - raw
}

@test "block device: a loop through the device itself" {
    make_layer image 1M '' base qcow2
    attach image
    ln -s "$device" base
    ln -s "$device" top
    run_qcow2_info cat top
    assert_status 1
    assert_output ''
    assert_one_error top 'the backing chain contains'
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

@test "block device: a device that is read is refused as output, by any of its nodes" {
    local way
    make_image image 1M '' 'write -q -P 0x41 0 1M'
    attach image writable
    another_node "$device"
    sha256sum "$device" >before
    for way in "$device" "$node"; do
        run_qcow2_info cat -o "$way" "$device"
        assert_status 1
        assert_one_error "$way" 'also an input file'
        run_qcow2_info cat -o "$device" "$way"
        assert_status 1
        assert_one_error "$device" 'also an input file'
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

@test "block device: its allocated size is unknown" {
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

# A file of 0xff bytes: make_target SIZE
make_target() {
    head -c "$1" /dev/zero | tr '\0' '\377' >target
}

# The file "want": a device of 0xff bytes as large as the target, with the bytes of FILE at OFFSET.
# want_at OFFSET FILE
want_at() {
    tr '\0' '\377' </dev/zero | head -c "$(stat -c %s target)" >want
    dd if="$2" of=want bs=64k seek="$1" oflag=seek_bytes conv=notrunc status=none
}

# holes_of_files: skips where a file cannot give up space that it has
holes_of_files() {
    make_target 1M
    fallocate --punch-hole --offset 0 --length 1M target 2>holes.log || skip "machine: no holes: $(<holes.log)"
    [[ $(stat -c %b target) -lt 64 ]] || skip 'machine: holes of files take space'
}

@test "block device: cat of zeros and holes frees the space of the device, and it reads as zeros" {
    local arguments
    holes_of_files
    make_image image 64M '' 'write -q -z 0 8M' 'write -q -P 0x41 32M 64k'
    make_raw image raw
    make_target 64M
    attach target writable
    for arguments in '' '--jobs 1' '--no-sandbox' '--sparse always'; do
        tr '\0' '\377' </dev/zero | dd of="$device" bs=1M count=64 iflag=fullblock status=none
        sync "$device" target
        [[ $(stat -c %b target) -ge 131072 ]] || fail 'the device is not full'
        # shellcheck disable=SC2086
        run_qcow2_info cat $arguments -o "$device" image
        assert_status 0
        sync "$device" target
        cmp "$device" raw || fail "$arguments: other bytes"
        # Sectors of 512 bytes: 64 KiB of data, and what the file system needs for it.
        [[ $(stat -c %b target) -lt 1024 ]] || fail "$arguments: $(stat -c %b target) sectors in use"
    done
}

@test "block device: cat --sparse always also frees zeros in data, --sparse never writes all of them" {
    holes_of_files
    make_image image 16M '' 'write -q -P 0 0 16M' 'write -q -P 0x41 8M 4k'
    make_raw image raw
    make_target 16M
    attach target writable
    qcow2_info cat --sparse always -o "$device" image
    sync "$device" target
    cmp "$device" raw
    [[ $(stat -c %b target) -lt 1024 ]] || fail "always: $(stat -c %b target) sectors in use"
    qcow2_info cat --sparse never -o "$device" image
    sync "$device" target
    cmp "$device" raw
    [[ $(stat -c %b target) -ge 32768 ]] || fail "never: $(stat -c %b target) sectors in use"
}

@test "block device: cat writes zeros to a device that refuses requests for zeros" {
    local inject
    require_tool strace
    strace -o probe true 2>strace.log || skip "machine: strace cannot trace: $(head -n 1 strace.log)"
    make_mixed
    make_raw image raw
    make_target 3M
    want_at 0 raw
    attach target writable
    for inject in fallocate:error=EOPNOTSUPP fallocate,ioctl:error=EOPNOTSUPP fallocate:error=EIO \
        fallocate,ioctl:error=EINVAL; do
        tr '\0' '\377' </dev/zero | dd of="$device" bs=1M count=3 iflag=fullblock status=none
        # LeakSanitizer does not work under strace.
        ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -qq -o trace -e inject="$inject" "$QCOW2_INFO" cat --no-sandbox -o "$device" image ||
            fail "$inject: status $?"
        grep -q 'fallocate.*INJECTED' trace || fail "$inject: no request" "$(<trace)"
        cmp "$device" want || fail "$inject"
    done
}

@test "block device: a part of a disk to any place of one" {
    local start length
    make_mixed
    make_raw image raw
    make_target 3M
    attach target writable
    for start in 0 1 511 4096 5000; do
        for length in 1 4095 4097 200000 1900001; do
            tr '\0' '\377' </dev/zero | dd of="$device" bs=1M count=3 iflag=fullblock status=none
            tail -c +$((130001 + 1)) raw | head -c $length >part
            want_at $start part
            { head -c $start want && qcow2_info cat --offset 130001 --length $length image && printf end; } >"$device"
            printf end | dd of=want bs=64k seek=$((start + length)) oflag=seek_bytes conv=notrunc status=none
            cmp "$device" want || fail "$length bytes at $start"
        done
    done
}

@test "block device: cat to a device that is too small is an error, even if the rest is zeros" {
    local size
    make_image image 4M '' 'write -q -P 0x41 0 64k'
    make_target 2M
    attach target writable
    cp "$device" before
    for size in 4M 2049K; do
        run_qcow2_info cat --length $size -o "$device" image
        assert_status 1
        assert_one_error image 'cannot write the output' "$device has 2097152 bytes" 'nothing was written'
    done
    cmp "$device" before
    run_qcow2_info cat --length 2M -o "$device" image
    assert_status 0
}

@test "block device: a salvage puts zeros where the device held data" {
    make_mixed
    make_raw image raw
    poke_l2_entry image $((64 << 10)) $((COPIED | 1 << 40))
    dd if=/dev/zero of=raw bs=64k seek=1 count=1 conv=notrunc status=none
    make_target 2M
    attach target writable
    run_qcow2_info cat --salvage -o "$device" image
    assert_status 1
    cmp "$device" raw
}
