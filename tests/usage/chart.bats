#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# usage --chart: each cell is held against the tables of the image, which tests/helpers/clusters.py reads.

load ../helpers/load

setup_file() {
    require_tool qemu-img qemu-io python3
}

setup() {
    enter_test || return
    unset COLUMNS
}

# is_known IMAGE CHART...: the charts show what the tables say
is_known() {
    python3 "$TOP/tests/helpers/clusters.py" "$1" >known || return
    python3 "$TOP/tests/helpers/chart.py" known "${@:2}"
}

# make_used IMAGE OPTIONS: data of the active disk, of two snapshots and of both; zero clusters that keep
# their host clusters, freed clusters, leaks, and bytes behind the last cluster
make_used() {
    qemu-img create -q -f qcow2 -o "$2" "$1" 16M
    qemu-io -f qcow2 -c 'write -q -P 1 0 1M' -c 'write -q -P 2 5M 300k' "$1"
    qemu-img snapshot -q -c one "$1"
    qemu-io -f qcow2 -c 'write -q -P 3 256k 300k' -c 'write -q -P 4 9M 200k' -c 'write -q -P 5 12M 64k' "$1"
    qemu-img snapshot -q -c two "$1"
    qemu-io -f qcow2 -c 'write -q -P 6 9M 64k' -c 'write -q -P 7 14M 192k' -c 'write -q -z 14M 64k' \
        -c 'write -q -P 8 13M 128k' -c 'discard -q 13M 64k' "$1"
    truncate -s +200000 "$1"
}

@test "chart: each cell shows the prevailing kind, as in the tables" {
    make_used image cluster_size=4k
    qcow2_info usage --chart image >text
    COLUMNS=40 qcow2_info usage --chart image >narrow
    qcow2_info usage --chart=svg image >svg
    is_known image text narrow svg
    make_used large cluster_size=64k
    qcow2_info usage --chart large >text
    qcow2_info usage --chart=svg large >svg
    is_known large text svg
}

@test "chart: leaked clusters" {
    local block last
    make_used image cluster_size=4k
    block=$(peek_be64 image "$(field image refcount_table_offset)")
    last=$(($(stat -c %s image) / 4096 - 1))
    poke_be16 image $((block + 2 * (last - 3))) 1
    poke_be16 image $((block + 2 * (last - 9))) 2
    qcow2_info usage --chart image >text
    qcow2_info usage --chart=svg image >svg
    is_known image text svg
    grep -q '^!  leaked ' text
}

@test "chart: refused for an image whose cluster size is unknown" {
    cp "$SAMPLE" image
    poke_field image cluster_bits 60
    run_qcow2_info usage --chart image
    assert_status 1
    assert_equal "$output" ''
}

@test "chart: an image with damaged tables has one, and an error" {
    make_used image cluster_size=4k
    poke_field image l1_table_offset 12345
    run_qcow2_info usage --chart image
    assert_status 1
    assert_output_contains 'snapshot-data'
    assert_stderr_contains 'invalid location or size of the L1 table'
}

@test "chart: the bytes of a pipe that were read" {
    make_used image cluster_size=4k
    qcow2_info usage --chart <image | sed '1s/^-: //' >piped
    qcow2_info usage --chart image | sed '1s/^image: //' | cmp - piped
}

@test "usage chart: options that it excludes" {
    local option
    for option in --json --backing-chain; do
        run_qcow2_info usage --chart $option "$SAMPLE"
        assert_status 64
        assert_stderr_contains '--chart excludes --json and --backing-chain'
    done
}
