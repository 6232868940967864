#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# The map is the one that qemu-img prints, to the last host offset, over a matrix of
# versions, compression and backing files, for all cluster sizes from 512 bytes to 2 MiB; then extended
# L2 entries and external data files.

# Takes long.

load ../helpers/load
load ../helpers/matrix

setup_file() {
    make_bases "$BATS_FILE_TMPDIR/bases"
}

@test "map matrix: version 2, no backing file" {
    for_each_image settled_maps_equal compat=0.10 plain none
}

@test "map matrix: version 2, deflate, no backing file" {
    for_each_image settled_maps_equal compat=0.10 compressed none
}

@test "map matrix: version 3, no backing file" {
    for_each_image settled_maps_equal compat=1.1 plain none
}

@test "map matrix: version 3, deflate, no backing file" {
    for_each_image settled_maps_equal compat=1.1 compressed none
}

@test "map matrix: version 3, zstd, no backing file" {
    for_each_image settled_maps_equal compat=1.1,compression_type=zstd compressed none
}

@test "map matrix: version 2, a shorter backing file" {
    for_each_image settled_maps_equal compat=0.10 plain short
}

@test "map matrix: version 2, deflate, a shorter backing file" {
    for_each_image settled_maps_equal compat=0.10 compressed short
}

@test "map matrix: version 3, a shorter backing file" {
    for_each_image settled_maps_equal compat=1.1 plain short
}

@test "map matrix: version 3, deflate, a shorter backing file" {
    for_each_image settled_maps_equal compat=1.1 compressed short
}

@test "map matrix: version 3, zstd, a shorter backing file" {
    for_each_image settled_maps_equal compat=1.1,compression_type=zstd compressed short
}

@test "map matrix: version 2, a backing file of its size" {
    for_each_image settled_maps_equal compat=0.10 plain equal
}

@test "map matrix: version 3, a backing file of its size" {
    for_each_image settled_maps_equal compat=1.1 plain equal
}

@test "map matrix: version 3, zstd, a backing file of its size" {
    for_each_image settled_maps_equal compat=1.1,compression_type=zstd compressed equal
}

@test "map matrix: version 2, a longer backing file" {
    for_each_image settled_maps_equal compat=0.10 plain long
}

@test "map matrix: version 2, deflate, a longer backing file" {
    for_each_image settled_maps_equal compat=0.10 compressed long
}

@test "map matrix: version 3, a longer backing file" {
    for_each_image settled_maps_equal compat=1.1 plain long
}

@test "map matrix: version 3, zstd, a longer backing file" {
    for_each_image settled_maps_equal compat=1.1,compression_type=zstd compressed long
}

@test "map matrix: version 2, a raw backing file that ends in a cluster" {
    for_each_image settled_maps_equal compat=0.10 plain raw-sectors
}

@test "map matrix: version 2, deflate, a raw backing file that ends in a cluster" {
    for_each_image settled_maps_equal compat=0.10 compressed raw-sectors
}

@test "map matrix: version 3, a raw backing file that ends in a cluster" {
    for_each_image settled_maps_equal compat=1.1 plain raw-sectors
}

@test "map matrix: version 3, deflate, a raw backing file that ends in a cluster" {
    for_each_image settled_maps_equal compat=1.1 compressed raw-sectors
}

@test "map matrix: version 3, zstd, a raw backing file that ends in a cluster" {
    for_each_image settled_maps_equal compat=1.1,compression_type=zstd compressed raw-sectors
}

@test "map matrix: version 2, a longer raw backing file" {
    for_each_image settled_maps_equal compat=0.10 plain raw-long
}

@test "map matrix: version 3, a longer raw backing file" {
    for_each_image settled_maps_equal compat=1.1 plain raw-long
}

@test "map matrix: version 3, zstd, a longer raw backing file" {
    for_each_image settled_maps_equal compat=1.1,compression_type=zstd compressed raw-long
}

@test "map matrix: version 2, a chain of qcow2 and raw" {
    for_each_image settled_maps_equal compat=0.10 plain chain
}

@test "map matrix: version 2, deflate, a chain of qcow2 and raw" {
    for_each_image settled_maps_equal compat=0.10 compressed chain
}

@test "map matrix: version 3, a chain of qcow2 and raw" {
    for_each_image settled_maps_equal compat=1.1 plain chain
}

@test "map matrix: version 3, zstd, a chain of qcow2 and raw" {
    for_each_image settled_maps_equal compat=1.1,compression_type=zstd compressed chain
}

@test "map matrix: version 2, deflate, a backing file of unnamed format, found to be qcow2" {
    for_each_image settled_maps_equal compat=0.10 compressed long-unnamed
}

@test "map matrix: version 2, deflate, a backing file of unnamed format, found to be raw" {
    for_each_image settled_maps_equal compat=0.10 compressed raw-sectors-unnamed
}

@test "map matrix: version 3, zstd, a backing file of unnamed format, found to be qcow2" {
    for_each_image settled_maps_equal compat=1.1,compression_type=zstd compressed long-unnamed
}

@test "map matrix: version 3, zstd, a backing file of unnamed format, found to be raw" {
    for_each_image settled_maps_equal compat=1.1,compression_type=zstd compressed raw-sectors-unnamed
}

@test "map matrix: extended L2, no backing file" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on plain none
}

@test "map matrix: extended L2, deflate, no backing file" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on compressed none
}

@test "map matrix: extended L2, zstd, no backing file" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on,compression_type=zstd compressed none
}

@test "map matrix: extended L2, a shorter backing file" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on plain short
}

@test "map matrix: extended L2, zstd, a shorter backing file" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on,compression_type=zstd compressed short
}

@test "map matrix: extended L2, a longer backing file" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on plain long
}

@test "map matrix: extended L2, zstd, a longer backing file" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on,compression_type=zstd compressed long
}

@test "map matrix: extended L2, a raw backing file that ends in a cluster" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on plain raw-sectors
}

@test "map matrix: extended L2, deflate, a raw backing file that ends in a cluster" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on compressed raw-sectors
}

@test "map matrix: extended L2, zstd, a raw backing file that ends in a cluster" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on,compression_type=zstd compressed raw-sectors
}

@test "map matrix: extended L2, a chain of qcow2 and raw" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on plain chain
}

@test "map matrix: extended L2, deflate, a chain of qcow2 and raw" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on compressed chain
}

@test "map matrix: extended L2, zstd, a chain of qcow2 and raw" {
    for_each_image settled_maps_equal compat=1.1,extended_l2=on,compression_type=zstd compressed chain
}

@test "map matrix: data file" {
    for_each_image settled_maps_equal compat=1.1,data_file=image.data plain none
}

@test "map matrix: raw data file" {
    for_each_image settled_maps_equal compat=1.1,data_file=image.data,data_file_raw=on plain none
}

@test "map matrix: data file, a shorter backing file" {
    for_each_image settled_maps_equal compat=1.1,data_file=image.data plain short
}

@test "map matrix: data file, a raw backing file that ends in a cluster" {
    for_each_image settled_maps_equal compat=1.1,data_file=image.data plain raw-sectors
}

@test "map matrix: data file, extended L2" {
    for_each_image settled_maps_equal compat=1.1,data_file=image.data,extended_l2=on plain none
}

@test "map matrix: data file, extended L2, a chain of qcow2 and raw" {
    for_each_image settled_maps_equal compat=1.1,data_file=image.data,extended_l2=on plain chain
}

@test "map matrix: raw data file, extended L2" {
    for_each_image settled_maps_equal compat=1.1,data_file=image.data,data_file_raw=on,extended_l2=on plain none
}

@test "map matrix: data file, all preallocated" {
    for_each_image settled_maps_equal compat=1.1,data_file=image.data,preallocation=metadata plain none
}

@test "map matrix: preallocated tables" {
    for_each_image settled_maps_equal compat=1.1,preallocation=metadata plain none
}

@test "map matrix: preallocated file" {
    for_each_image settled_maps_equal compat=1.1,preallocation=falloc plain none
}

@test "map matrix: preallocated tables, version 2" {
    for_each_image settled_maps_equal compat=0.10,preallocation=metadata plain none
}

# far_maps_equal OPTIONS
far_maps_equal() {
    local c
    for c in "${CLUSTER_SIZES[@]}"; do
        [[ $c -ge 16384 || $1 != *extended_l2=on* ]] || continue
        make_far_image image "$c" "$1" >edges || return
        settled_maps_equal image || fail "cluster size $c" || return
    done
}

@test "map matrix: far edges between L2 tables" {
    far_maps_equal compat=0.10
    far_maps_equal compat=1.1
}

@test "map matrix: far edges between L2 tables, extended L2" {
    far_maps_equal compat=1.1,extended_l2=on
}
