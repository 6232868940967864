#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# The bytes that cat prints are those that qemu-img reads, over a matrix of
# versions, compression and backing files, for all cluster sizes from 512 bytes to 2 MiB; then extended
# L2 entries and external data files.

# Takes long.

load ../helpers/load
load ../helpers/matrix

setup_file() {
    make_bases "$BATS_FILE_TMPDIR/bases"
}

@test "cat matrix: version 2, no backing file" {
    for_each_image both_ways_equal compat=0.10 plain none
}

@test "cat matrix: version 2, deflate, no backing file" {
    for_each_image both_ways_equal compat=0.10 compressed none
}

@test "cat matrix: version 3, no backing file" {
    for_each_image both_ways_equal compat=1.1 plain none
}

@test "cat matrix: version 3, deflate, no backing file" {
    for_each_image both_ways_equal compat=1.1 compressed none
}

@test "cat matrix: version 3, zstd, no backing file" {
    for_each_image both_ways_equal compat=1.1,compression_type=zstd compressed none
}

@test "cat matrix: version 2, a shorter backing file" {
    for_each_image both_ways_equal compat=0.10 plain short
}

@test "cat matrix: version 2, deflate, a shorter backing file" {
    for_each_image both_ways_equal compat=0.10 compressed short
}

@test "cat matrix: version 3, a shorter backing file" {
    for_each_image both_ways_equal compat=1.1 plain short
}

@test "cat matrix: version 3, deflate, a shorter backing file" {
    for_each_image both_ways_equal compat=1.1 compressed short
}

@test "cat matrix: version 3, zstd, a shorter backing file" {
    for_each_image both_ways_equal compat=1.1,compression_type=zstd compressed short
}

@test "cat matrix: version 2, a backing file of its size" {
    for_each_image both_ways_equal compat=0.10 plain equal
}

@test "cat matrix: version 3, a backing file of its size" {
    for_each_image both_ways_equal compat=1.1 plain equal
}

@test "cat matrix: version 3, zstd, a backing file of its size" {
    for_each_image both_ways_equal compat=1.1,compression_type=zstd compressed equal
}

@test "cat matrix: version 2, a longer backing file" {
    for_each_image both_ways_equal compat=0.10 plain long
}

@test "cat matrix: version 2, deflate, a longer backing file" {
    for_each_image both_ways_equal compat=0.10 compressed long
}

@test "cat matrix: version 3, a longer backing file" {
    for_each_image both_ways_equal compat=1.1 plain long
}

@test "cat matrix: version 3, zstd, a longer backing file" {
    for_each_image both_ways_equal compat=1.1,compression_type=zstd compressed long
}

@test "cat matrix: version 2, a raw backing file of odd size" {
    for_each_image both_ways_equal compat=0.10 plain raw-short
}

@test "cat matrix: version 2, deflate, a raw backing file of odd size" {
    for_each_image both_ways_equal compat=0.10 compressed raw-short
}

@test "cat matrix: version 3, a raw backing file of odd size" {
    for_each_image both_ways_equal compat=1.1 plain raw-short
}

@test "cat matrix: version 3, deflate, a raw backing file of odd size" {
    for_each_image both_ways_equal compat=1.1 compressed raw-short
}

@test "cat matrix: version 3, zstd, a raw backing file of odd size" {
    for_each_image both_ways_equal compat=1.1,compression_type=zstd compressed raw-short
}

@test "cat matrix: version 2, a longer raw backing file" {
    for_each_image both_ways_equal compat=0.10 plain raw-long
}

@test "cat matrix: version 3, a longer raw backing file" {
    for_each_image both_ways_equal compat=1.1 plain raw-long
}

@test "cat matrix: version 3, zstd, a longer raw backing file" {
    for_each_image both_ways_equal compat=1.1,compression_type=zstd compressed raw-long
}

@test "cat matrix: version 2, a chain of qcow2 and raw" {
    for_each_image both_ways_equal compat=0.10 plain chain
}

@test "cat matrix: version 2, deflate, a chain of qcow2 and raw" {
    for_each_image both_ways_equal compat=0.10 compressed chain
}

@test "cat matrix: version 3, a chain of qcow2 and raw" {
    for_each_image both_ways_equal compat=1.1 plain chain
}

@test "cat matrix: version 3, zstd, a chain of qcow2 and raw" {
    for_each_image both_ways_equal compat=1.1,compression_type=zstd compressed chain
}

@test "cat matrix: version 2, deflate, a backing file of unnamed format, found to be qcow2" {
    for_each_image both_ways_equal compat=0.10 compressed long-unnamed
}

@test "cat matrix: version 2, deflate, a backing file of unnamed format, found to be raw" {
    for_each_image both_ways_equal compat=0.10 compressed raw-short-unnamed
}

@test "cat matrix: version 3, zstd, a backing file of unnamed format, found to be qcow2" {
    for_each_image both_ways_equal compat=1.1,compression_type=zstd compressed long-unnamed
}

@test "cat matrix: version 3, zstd, a backing file of unnamed format, found to be raw" {
    for_each_image both_ways_equal compat=1.1,compression_type=zstd compressed raw-short-unnamed
}

@test "cat matrix: extended L2, no backing file" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on plain none
}

@test "cat matrix: extended L2, deflate, no backing file" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on compressed none
}

@test "cat matrix: extended L2, zstd, no backing file" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on,compression_type=zstd compressed none
}

@test "cat matrix: extended L2, a shorter backing file" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on plain short
}

@test "cat matrix: extended L2, zstd, a shorter backing file" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on,compression_type=zstd compressed short
}

@test "cat matrix: extended L2, a longer backing file" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on plain long
}

@test "cat matrix: extended L2, zstd, a longer backing file" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on,compression_type=zstd compressed long
}

@test "cat matrix: extended L2, a raw backing file of odd size" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on plain raw-short
}

@test "cat matrix: extended L2, deflate, a raw backing file of odd size" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on compressed raw-short
}

@test "cat matrix: extended L2, zstd, a raw backing file of odd size" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on,compression_type=zstd compressed raw-short
}

@test "cat matrix: extended L2, a chain of qcow2 and raw" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on plain chain
}

@test "cat matrix: extended L2, deflate, a chain of qcow2 and raw" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on compressed chain
}

@test "cat matrix: extended L2, zstd, a chain of qcow2 and raw" {
    for_each_image both_ways_equal compat=1.1,extended_l2=on,compression_type=zstd compressed chain
}

@test "cat matrix: data file" {
    for_each_image both_ways_equal compat=1.1,data_file=image.data plain none
}

@test "cat matrix: raw data file" {
    for_each_image both_ways_equal compat=1.1,data_file=image.data,data_file_raw=on plain none
}

@test "cat matrix: data file, a shorter backing file" {
    for_each_image both_ways_equal compat=1.1,data_file=image.data plain short
}

@test "cat matrix: data file, a raw backing file of odd size" {
    for_each_image both_ways_equal compat=1.1,data_file=image.data plain raw-short
}

@test "cat matrix: data file, extended L2" {
    for_each_image both_ways_equal compat=1.1,data_file=image.data,extended_l2=on plain none
}

@test "cat matrix: data file, extended L2, a chain of qcow2 and raw" {
    for_each_image both_ways_equal compat=1.1,data_file=image.data,extended_l2=on plain chain
}

@test "cat matrix: raw data file, extended L2" {
    for_each_image both_ways_equal compat=1.1,data_file=image.data,data_file_raw=on,extended_l2=on plain none
}

@test "cat matrix: data file, all preallocated" {
    for_each_image both_ways_equal compat=1.1,data_file=image.data,preallocation=metadata plain none
}

@test "cat matrix: preallocated tables" {
    for_each_image both_ways_equal compat=1.1,preallocation=metadata plain none
}

@test "cat matrix: preallocated file" {
    for_each_image both_ways_equal compat=1.1,preallocation=falloc plain none
}

@test "cat matrix: preallocated tables, version 2" {
    for_each_image both_ways_equal compat=0.10,preallocation=metadata plain none
}

# The bytes around each edge are those that make_far_image() wrote: a whole copy would be too long.
far_bytes_equal() {
    local c edges edge want got
    for c in "${CLUSTER_SIZES[@]}"; do
        [[ $c -ge 16384 || $1 != *extended_l2=on* ]] || continue
        edges=$(make_far_image image "$c" "$1") || return
        want=0QQRR0
        for edge in $edges; do
            # The first byte of each 512, where Q to T are what was written.
            got=$(qcow2_info cat --offset $((edge - 1536)) --length 3072 image | tr '\0' 0 | fold -w 512 | cut -c 1 | tr -d '\n')
            assert_equal "$got" "$want" || fail "cluster size $c" || return
            want=0SSTT0
        done
    done
}

@test "cat matrix: far edges between L2 tables" {
    far_bytes_equal compat=0.10
    far_bytes_equal compat=1.1
}

@test "cat matrix: far edges between L2 tables, extended L2" {
    far_bytes_equal compat=1.1,extended_l2=on
}
