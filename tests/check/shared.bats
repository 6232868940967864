#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# check on snapshots that share L2 tables: each table is gone through at most twice, and its references are
# counted as often as it is shared. tests/bench/make_full.c makes the images: data is in holes.

# Without sanitizers: they change what memory and time it takes.

load ../helpers/load
load ../helpers/tables
load ../helpers/check
load ../helpers/effort

setup_file() {
    make_measure || return
    export MAKE_FULL=$BATS_FILE_TMPDIR/make_full
    cc -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O1 -o "$MAKE_FULL" "$TOP/tests/bench/make_full.c"
}

setup() {
    enter_test || return
    require_tool qemu-img jq cc
}

# finds CODE COUNT...: `check --json image` lists so many findings of each code, and no others
finds() {
    local want=''
    while [[ $# -gt 0 ]]; do
        want+="${want:+ }$1=$2"
        shift 2
    done
    run_qcow2_info check --json --max-findings 10000 image
    assert_equal "$status" "$([[ $want == *[a-z]* ]] && jq 'if .corruptions > 0 then 2 else 3 end' <<<"$output" || echo 0)"
    assert_equal "$(jq -r '[.findings[].code] | group_by(.) | map("\(.[0])=\(length)") | join(" ")' <<<"$output")" "$want"
}

# refcount_at CLUSTER: where its refcount of 16 bits is
refcount_at() {
    local block index=$(($1 / 32768))
    block=$(peek_be64 image $(($(field image refcount_table_offset) + index * 8)))
    echo $((block + $1 % 32768 * 2))
}

@test "check shared: a thousand snapshots of a full disk" {
    "$MAKE_FULL" image 16G 16 4 1000
    limit_effort 60
    peak_below 33 check --json image
    jq -e '[.corruptions, .leaks, .warnings, .check_errors] == [0, 0, 0, 0]' got
    # Of a disk of 1 TiB a walk over every table of every snapshot would take half a minute.
    "$MAKE_FULL" image 1T 16 4 1000
    peak_below $((20 + 32)) check --json image
    jq -e '[.corruptions, .leaks, .warnings, .check_errors] == [0, 0, 0, 0]' got
}

@test "check shared: refcounts are compared exactly" {
    local cluster
    "$MAKE_FULL" image 1G 16 4 300
    qemu-img check -q image
    cluster=$(($(l2_entry image 0) >> 16 & 0xffffffff))
    assert_equal "$(peek_be16 image "$(refcount_at $cluster)")" 301
    poke_be16 image "$(refcount_at $cluster)" 300
    finds refcount-too-low 1
    poke_be16 image "$(refcount_at $cluster)" 302
    finds leaked-cluster 1
    poke_be16 image "$(refcount_at $((cluster + 1)))" 1
    finds copied-flag-wrong 1 leaked-cluster 1 refcount-too-low 1
    assert_equal "$(jq -c '[.corruptions, .leaks]' <<<"$output")" \
        "$(qemu-img check --output=json image | jq -c '[.corruptions, .leaks]')"
}

@test "check shared: tables of their own, and shared by some" {
    local arguments
    for arguments in '1G 16 4 20 2' '64M 12 4 12 3' '1M 9 4 5 2'; do
        # shellcheck disable=SC2086 # several words
        "$MAKE_FULL" image $arguments
        qemu-img check -q image
        finds
    done
}

@test "check shared: more references than a refcount can count" {
    # A refcount of 4 bits counts to 15; QEMU reports those beyond it, too.
    "$MAKE_FULL" image 512M 16 2 14
    finds
    poke_be32 image 60 15
    local at
    at=$(field image snapshots_offset)
    # One more snapshot, which is the last one again.
    dd if=image of=image bs=1 skip=$((at + 13 * 72)) seek=$((at + 14 * 72)) count=72 conv=notrunc status=none
    run_qcow2_info check --json --max-findings 10000 image
    # The 8192 clusters of data, and their L2 table.
    assert_equal "$(jq '[.findings[] | select(.code == "refcount-overflow")] | length' <<<"$output")" 8193
}

@test "check shared: a fault in a shared table is reported for each snapshot" {
    "$MAKE_FULL" image 1G 16 4 3
    poke_l2_entry image 65536 $(($(l2_entry image 65536) | 1 << 61))
    run_qcow2_info check --json image
    assert_status 2
    assert_equal "$(jq '[.findings[] | select(.code == "l2-reserved-bits")] | length' <<<"$output")" 4
    assert_equal "$(jq .corruptions <<<"$output")" "$(qemu-img check --output=json image | jq .corruptions)"
}
