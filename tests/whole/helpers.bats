#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# The helpers themselves: a test is worth what they are.

load ../helpers/load

# A stand-in for the program that prints what the test wants it to print.
stand_in() {
    printf '#!/bin/sh\n%s\n' "$1" >stand-in
    chmod +x stand-in
    export QCOW2_INFO=$PWD/stand-in
}

@test "helpers: poke overwrites only the given bytes" {
    printf '0123456789' >file
    poke file 3 '41 42'
    assert_equal "$(cat file)" 012AB56789
    poke file 0x8 00ff0a25
    assert_equal "$(peek file 0 99)" 3031324142353637"00ff0a25"
}

@test "helpers: poke refuses incomplete bytes" {
    printf '0123' >file
    run poke file 0 123
    assert_status 1
    run poke_be32 file 0 0x100000000
    assert_status 1
    assert_equal "$(cat file)" 0123
}

@test "helpers: integers of 64 bits are big-endian and exact to the last bit" {
    truncate -s 32 file
    poke_be64 file 1 0xfffffffffffffffe
    assert_equal "$(peek file 0 10)" 00fffffffffffffffe00
    assert_equal "$(peek_be64 file 1)" 18446744073709551614
    poke_be64 file 8 9223372036854775809
    assert_equal "$(peek file 8 8)" 8000000000000001
    poke_be32 file 16 4294967295
    assert_equal "$(peek_be32 file 16)" 4294967295
    poke_be16 file 20 258
    assert_equal "$(peek file 20 2)" 0102
}

@test "helpers: a peek past the end fails" {
    truncate -s 10 file
    run peek_be64 file 4
    assert_status 1
}

@test "helpers: header fields are found by name" {
    cp "$SAMPLE" image
    assert_equal "$(field image magic)" $((0x514649fb))
    assert_equal "$(field image version)" 3
    assert_equal "$(field image cluster_bits)" 12
    assert_equal "$(field image size)" 67108864
    assert_equal "$(field image nb_snapshots)" 1
    assert_equal "$(field image refcount_order)" 4
    assert_equal "$(field image header_length)" 112
    assert_equal "$(field image compression_type)" 0
    poke_field image compression_type 1
    poke_field image l1_table_offset 0xfedcba9876543210
    assert_equal "$(peek image 104 2)" 0100
    assert_equal "$(peek image 40 8)" fedcba9876543210
    assert_equal "$(field image l1_table_offset)" 18364758544493064720
    run poke_field image no_such_field 1
    assert_status 1
}

@test "helpers: the sample's bytes are equal to themselves, also in part" {
    require_tool qemu-img
    stand_in 'shift; for last; do :; done; qemu-img convert -f qcow2 -O raw "$last" raw
        case $1 in --offset) tail -c +$(($2 + 1)) raw | head -c "$4" ;; *) cat raw ;; esac'
    guest_bytes_equal "$SAMPLE"
    guest_bytes_equal "$SAMPLE" --offset 100 --length 70000
}

@test "helpers: one wrong byte is found" {
    require_tool qemu-img
    stand_in 'for last; do :; done; qemu-img convert -f qcow2 -O raw "$last" raw
        printf x | dd of=raw bs=1 seek=9000000 conv=notrunc status=none; cat raw'
    run guest_bytes_equal "$SAMPLE"
    assert_status 1
    assert_output_contains 'not the bytes that qemu-img reads'
}

@test "helpers: a failing program is no equal map and no equal bytes" {
    require_tool qemu-img jq
    stand_in 'exit 7'
    run guest_bytes_equal "$SAMPLE"
    assert_status 1
    run maps_equal "$SAMPLE"
    assert_status 1
}

# The sample's map in the form of `qcow2-info map --host-offsets --json`. qemu-img knows no offset
# for compressed data, and finds that in one piece; the program gives offsets, cluster by cluster.
sample_map() {
    qemu-img map -f qcow2 --output=json "$SAMPLE" | jq -c '
        .[] | {start, length, allocated: .present, zero, compressed: (.data and .offset == null),
               depth, offset, file: "sample.qcow2"} |
        if .compressed then (., .start += .length / 2) | .length /= 2 | .offset = .start + 7
        else . end'
}

@test "helpers: maps are equal whatever the pieces of compressed data are" {
    require_tool qemu-img jq
    sample_map >map
    assert_equal "$(grep -c '"compressed":true' map)" 2
    stand_in "cat '$PWD/map'"
    maps_equal "$SAMPLE"
}

@test "helpers: a map with another offset, kind or length is not equal" {
    require_tool qemu-img jq
    stand_in "cat '$PWD/map'"
    local change
    for change in 's/"offset":20480/"offset":20992/' '0,/"zero":true/s//"zero":false/' \
        '0,/"length":4096/s//"length":512/' '0,/"depth":0/s//"depth":1/' '$d'; do
        sample_map | sed "$change" >map
        run maps_equal "$SAMPLE"
        assert_status 1
        assert_output_contains 'not what qemu-img says'
    done
}
