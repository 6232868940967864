#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# audit on full disks with snapshots: what is shared is found wherever it is, every table is read once, and
# memory follows the size of the file. tests/bench/make_full.c makes the images: data is in holes.

# Without sanitizers: they change what memory and time it takes.

load ../helpers/load
load ../helpers/tables
load ../helpers/audit
load ../helpers/effort

setup_file() {
    make_measure || return
    export MAKE_FULL=$BATS_FILE_TMPDIR/make_full
    cc -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O1 -o "$MAKE_FULL" "$TOP/tests/bench/make_full.c"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    require_tool qemu-img jq cc
}

# full SIZE CLUSTER_BITS REFCOUNT_ORDER [SNAPSHOTS [OWN]]: makes image
full() {
    rm -f image
    "$MAKE_FULL" image "$@"
}

# snapshot_l1 NUMBER: where the L1 table of a snapshot is, from 0 on
snapshot_l1() {
    peek_be64 image $(($(field image snapshots_offset) + $1 * 72))
}

# l2_of L1_TABLE INDEX: the L2 table that an entry names
l2_of() {
    echo $(($(peek_be64 image $(($1 + $2 * 8))) & OFFSET_MASK))
}

# shared_only AT: only shared data is found, at the entry at byte AT, and all was seen
shared_only() {
    assert_only unsafe shared-data "$1" || return
    jq -e .complete <<<"$output" >/dev/null || fail "$output"
}

@test "audit large: the generator makes images without errors" {
    local arguments
    for arguments in '1G 16 4' '1G 16 0' '64M 12 4 5 3' '1M 9 4 5 2' '2G 16 1 2 1' '16M 9 3 100 7'; do
        # shellcheck disable=SC2086 # several words
        full $arguments
        qemu-img check -q image || fail "$arguments"
        assert_clean image || fail "$arguments"
    done
}

@test "audit large: full disks are safe and seen whole" {
    full 2T 16 0
    assert_clean image
    full 1T 16 2 5 8
    assert_clean image
    full 64G 12 2 3 4
    assert_clean image
    full 1G 9 2 3 4
    assert_clean image
}

@test "audit large: two clusters that are one, at both ends of a full disk" {
    local bits sizes=([9]=1G [12]=64G [16]=2T) l1 last at
    for bits in 9 12 16; do
        full "${sizes[bits]}" $bits 0
        l1=$(field image l1_table_offset)
        last=$(($(field image l1_size) - 1))
        at=$(($(l2_of "$l1" $last) + (1 << bits) - 8))
        poke_be64 image "$at" "$(peek_be64 image "$(l2_of "$l1" 0)")"
        shared_only "$at" || fail "clusters of 2^$bits"
    done
}

@test "audit large: clusters of one slot of a hash that take turns" {
    # The multiplier and 14 bits of a hash that was used once: clusters 4 and 7041 had one slot.
    local i entries='' at
    full 1G 16 0
    at=$(l2_of "$(field image l1_table_offset)" 0)
    for ((i = 0; i < 32; i++)); do
        printf -v entries '%s%016x%016x' "$entries" $((COPIED | 20 << 16)) $((COPIED | 7057 << 16))
    done
    poke image "$at" "$entries"
    audited image
    assert_equal "$(codes)" shared-data
    # Two clusters for 64 guest offsets; 20 and 7057 have guest offsets of their own behind these.
    [[ $(count_of shared-data) -ge 62 ]] || fail "$output"
}

@test "audit large: a cluster of a snapshot at another place" {
    local l2
    full 64G 12 2 3 4
    # Snapshot 1 has a table of its own at L1 index 1, with a cluster of its own in it.
    l2=$(l2_of "$(snapshot_l1 1)" 1)
    [[ $l2 -ne $(l2_of "$(field image l1_table_offset)" 1) ]]
    poke_be64 image $((l2 + 800)) "$(peek_be64 image "$l2")"
    shared_only $((l2 + 800))
    # Also what another disk has at another guest offset.
    full 64G 12 2 3 4
    poke_be64 image "$l2" "$(peek_be64 image $((l2 + 800)))"
    audited image
    assert_equal "$(codes)" shared-data
}

@test "audit large: a snapshot that goes back to an older one shares with both" {
    # Snapshots 0, 1 and 2 have tables of their own at index 0; the disk goes on from snapshot 0.
    local l1 l2 data block
    full 1G 12 3 3 1
    l1=$(field image l1_table_offset)
    l2=$(l2_of "$l1" 0)
    data=$(peek_be64 image "$(l2_of "$(snapshot_l1 0)" 0)")
    poke_be64 image "$l2" "$data"
    assert_only unsafe refcount-too-low "$data"
    # Each block has 4096 refcounts of a byte.
    block=$(peek_be64 image $(($(field image refcount_table_offset) + 8 * (data >> 24))))
    poke image $((block + (data >> 12) % 4096)) 02
    assert_clean image
    # The same data with COPIED.
    poke_be64 image "$l2" $((COPIED | data))
    assert_only unsafe copied-flag "$l2"
}

@test "audit large: L2 tables that are named twice, in one disk and in two" {
    local l1 at
    full 1T 16 2 5 8
    l1=$(field image l1_table_offset)
    at=$((l1 + 2047 * 8))
    poke_be64 image $at "$(peek_be64 image "$l1")"
    audited image
    assert_equal "$(codes)" shared-l2-table
    assert_equal "$(count_of shared-l2-table)" 1
    jq -e .complete <<<"$output"
    full 1T 16 2 5 8
    at=$(($(snapshot_l1 3) + 2046 * 8))
    poke_be64 image $at "$(peek_be64 image "$(snapshot_l1 3)")"
    audited image
    assert_equal "$(codes)" shared-l2-table
    assert_equal "$(jq '.findings[] | select(.code == "shared-l2-table").offset' <<<"$output")" $at
}

@test "audit large: data over the last table, and in refcounts" {
    local l1 l2 bits
    for bits in 12 16; do
        full 64G $bits 0
        l1=$(field image l1_table_offset)
        l2=$(l2_of "$l1" 0)
        poke_be64 image "$l2" "$(peek_be64 image $((l1 + ($(field image l1_size) - 1) * 8)))"
        assert_only unsafe data-over-table "$l2" || fail "an L2 table, 2^$bits"
        assert_output_contains 'an L2 table'
        poke_be64 image "$l2" $((COPIED | $(peek_be64 image "$(field image refcount_table_offset)")))
        assert_only unsafe data-over-table "$l2" || fail "a refcount block, 2^$bits"
        assert_output_contains 'a refcount block'
    done
}

@test "audit large: a thousand snapshots share tables with data, or without" {
    # 8 tables of 2 MiB.
    full 4T 21 4 1000
    local l1 first i
    l1=$(field image l1_table_offset)
    # The data lie in holes of the file.
    assert_only unsafe snapshot-bomb "$(field image snapshots_offset)"
    first=$(l2_of "$l1" 0)
    poke_be64 image "$first" 1 # reads as zeros
    repeat_bytes image "$first" 8 $((1 << 18))
    for ((i = 1; i < 8; i++)); do
        dd if=image of=image bs=2M skip=$((first >> 21)) seek=$(($(l2_of "$l1" $i) >> 21)) count=1 conv=notrunc status=none
    done
    # Nothing refers to the data now.
    BESIDE=refcount-bomb audited image
    assert_equal "${audited_codes-}" snapshot-bomb
    assert_output_contains "$((1000 * 8 * 2097152)) bytes"
    poke_field image nb_snapshots 120
    audited image
    [[ " $(codes) " != *' snapshot-bomb '* ]] || fail "$output"
}

# bytes_read: what audit reads of image
bytes_read() {
    require_tool strace
    # Data in holes of the file and 200 snapshots are a snapshot-bomb.
    strace -f -qq -e trace=pread64 -o trace "$QCOW2_INFO" audit --allow snapshot-bomb image >/dev/null || return
    awk '{ sum += $NF } END { printf "%d\n", sum }' trace
}

@test "audit large: every table is read once, however many snapshots share it" {
    local arguments tables bytes
    for arguments in '1T 16 2' '1T 16 3 200' '64G 12 2' '64G 12 2 3 4'; do
        # shellcheck disable=SC2086 # several words
        full $arguments
        tables=128
        [[ $arguments != *'3 4' ]] || tables=224 # three quarters of them again
        bytes=$(bytes_read)
        # And 32 MiB of refcounts.
        ((bytes < (tables + 32 + 16) << 20)) || fail "$arguments: $bytes"
        ((bytes >= tables << 20)) || fail "$arguments: $bytes"
    done
}

@test "audit large: memory for a full disk is a bit for each cluster, and two bytes for a shared one" {
    full 2T 16 0
    peak_below 24 audit image
    full 64G 12 2 3 4
    peak_below 56 audit image
    # 256 Mi clusters, of which the first and the last of each MiB are used.
    full 2T 21 0
    peak_below 16 audit image
}
