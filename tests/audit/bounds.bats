#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# audit and info on images made to take time and memory: both end, in 64 MiB of address space.

# Without sanitizers: they change what memory and time it takes.

# shellcheck disable=SC2034 # codes() reads $BESIDE
load ../helpers/load
load ../helpers/tables
load ../helpers/audit
load ../helpers/effort

C=65536

# bounded COMMAND OPTION...: the program, in 64 MiB of address space, with 15 units of work. Where that is not
# enough, a unit is measured again: a virtual machine may have become slower.
bounded() {
    local status try
    for try in 1 2 3; do
        status=0
        (limit_effort 15 65536 && exec timeout -k 5 "$PROGRAM_SECONDS" "$QCOW2_INFO" "$@") >.bounded || status=$?
        [[ $status -eq 137 && $try -lt 3 ]] || break
        rm -f "$BATS_FILE_TMPDIR/effort"
    done
    cat .bounded
    return $status
}

# both_bounded STATUS: audit of image ends with this status and info with 0; both print what jq takes
both_bounded() {
    run --separate-stderr bounded audit image
    assert_status "$1" || return
    run --separate-stderr bounded audit --json image
    assert_status "$1" || return
    jq -e '.findings | type == "array"' <<<"$output" >/dev/null || fail "$(show_run)" || return
    bounded info image >info.text 2>/dev/null || fail "info: status $?" || return
    bounded info --json image >info.json 2>/dev/null || fail "info --json: status $?" || return
    jq -e '.header.version == 3' info.json >/dev/null || fail 'info --json: no JSON'
}

make_sparse() {
    make_image image 16M "${1:-}" "write -P 1 0 $C"
    truncate -s 15T image || skip 'machine: the file system has no files of 15 TiB'
}

# far_entries FLAGS FIRST: 32768 entries with this first byte, for clusters side by side from byte
# FIRST * 4 GiB of the file on
far_entries() {
    LC_ALL=C awk -v flags="$1" -v first="$2" 'BEGIN { for (i = 0; i < 32768; i++)
        printf "%c%c%c%c%c%c%c%c", flags, 0, first / 256, first % 256, i / 256, i % 256, 0, 0 }'
}

# An L1 table of 32 MiB in which every entry names a table, far from each other.
place_l1() {
    far_entries 128 256 | place image $((1 << 30))
    repeat_bytes image $((1 << 30)) $((32768 * 8)) 128
    poke_field image l1_table_offset $((1 << 30))
    poke_field image l1_size 4194304
}

# 65536 snapshots, whose L1 tables of 32 MiB are one.
place_snapshots() {
    poke image $((2 << 30)) "$(snapshot_entry $((1 << 42)) 4194304 $((16 << 20)) 1)"
    repeat_bytes image $((2 << 30)) 72 65536
    poke_field image snapshots_offset $((2 << 30))
    poke_field image nb_snapshots 65536
}

# 65535 bitmaps, whose tables are one.
place_bitmaps() {
    local extension=112
    poke image $extension "23852875 00000018 0000ffff 00000000 $(printf '%016x%016x' $((65535 * 32)) $((3 << 30))) 00000000 00000000"
    poke_field image autoclear_features 1
    poke image $((3 << 30)) "$(bitmap_entry $((1 << 43)) 8192 bitmap)"
    repeat_bytes image $((3 << 30)) 32 65535
}

# A refcount table of 8 MiB in which every entry names a block.
place_refcount_table() {
    far_entries 0 3072 | place image $((4 << 30))
    repeat_bytes image $((4 << 30)) $((32768 * 8)) 32
    poke_field image refcount_table_offset $((4 << 30))
    poke_field image refcount_table_clusters 128
}

@test "audit bounds: an L1 table of 32 MiB with entries everywhere in a file of 15 TiB" {
    make_sparse
    place_l1
    both_bounded 2
    audited image
    [[ " $(codes) " == *' shared-l2-table '* ]] || fail "$(codes)"
}

@test "audit bounds: 65536 snapshots with L1 tables of 32 MiB" {
    make_sparse
    place_snapshots
    both_bounded 2
    audited image
    [[ " $(codes) " == *' snapshot-bomb '* ]] || fail "$(codes)"
    assert_equal "$(jq '.snapshots | length' info.json)" 65536
}

@test "audit bounds: 65535 bitmaps with tables of 8192 entries" {
    make_sparse
    place_bitmaps
    both_bounded 2
    audited image
    [[ " $(codes) " == *' bitmap-bomb '* ]] || fail "$(codes)"
    assert_equal "$(jq '.bitmaps | length' info.json)" 65535
}

@test "audit bounds: a refcount table of 8 MiB with entries everywhere" {
    make_sparse
    place_refcount_table
    both_bounded 2
    audited image
    [[ " $(codes) " == *' table-overlap '* ]] || fail "$(codes)"
}

@test "audit bounds: all of these at once, in clusters of 64 KiB and of 512 bytes" {
    local options
    for options in '' cluster_size=512; do
        make_sparse $options
        place_l1
        place_snapshots
        place_bitmaps
        place_refcount_table
        [[ -z $options ]] || poke_field image refcount_table_clusters 16384
        both_bounded 2
    done
}

@test "audit bounds: 2200 L2 tables full of the same entries" {
    local BESIDE='table-free refcount-bomb'
    # One of 8192 entries, 2200 times.
    make_sparse
    far_entries 128 512 | head -c $C | place image $((1 << 30))
    repeat_bytes image $((1 << 30)) $C 2200
    copied_entries 2200 $((1 << 30)) $C | place image $((2 << 30))
    poke_field image l1_table_offset $((2 << 30))
    poke_field image l1_size 2200
    poke_field image size $((2200 << 29))
    both_bounded 2
    audited image
    assert_equal "$(codes)" shared-data
    assert_equal "$(jq .complete <<<"$output")" true
}

# place_l2_tables ENTRY: 2200 L2 tables of 64 KiB full of this entry, which the L1 table names first
place_l2_tables() {
    poke_be64 image $((8 << 30)) "$1"
    repeat_bytes image $((8 << 30)) 8 $((8192 * 2200))
    copied_entries 2200 $((8 << 30)) $C | place image $((1 << 30))
}

# Marks that are nowhere in guest data.
place_marks() {
    local mark
    for mark in 257:7573746172 510:55aa 512:4546492050415254 536:4c564d3220303031 1024:482b0004 \
        1048:4c564d3220303031 1080:53ef 1560:4c564d3220303031 4086:53574150535041434532 \
        4096:4546492050415254 16384:534b554cbabe 32768:534b554cbabe 32769:4344303031 34817:4e53523032 \
        65536:534b554cbabe 65600:5f42485266535f4d; do
        poke image "${mark%:*}" "${mark#*:}"
    done
}

@test "audit bounds: all of these at once, with 18 million L2 entries" {
    local entry
    make_sparse
    place_l1
    place_snapshots
    place_bitmaps
    place_refcount_table
    place_marks
    # Zeros where a mark is; over a table, compressed, in three clusters each; nowhere.
    for entry in $((COPIED | C | 1)) $((COMPRESSED | 255 << 54 | (1 << 30) - 2 * C + 1024)) $((COPIED | 1 << 55)); do
        place_l2_tables "$entry"
        both_bounded 2
    done
}

@test "audit bounds: L2 tables of 512 bytes between holes" {
    local BESIDE='table-free refcount-bomb l1-size table-bomb'
    make_sparse cluster_size=512
    place_l1
    local i
    for ((i = 0; i < 200; i++)); do
        poke image $(((1 << 40) + i * 17 * C)) 80
    done
    both_bounded 2
    audited image
    assert_equal "${audited_codes-}" shared-l2-table
    assert_equal "$(jq .complete <<<"$output")" true
    # These tables are shared more often than an audit counts.
    audited image --allow shared-l2-table,table-free,refcount-bomb,l1-size,table-bomb
    assert_equal "${audited_codes-}" 'unseen-tables hidden-data shared-l2-table'
    assert_status 2
    audited image --allow shared-l2-table,table-free,refcount-bomb,l1-size,table-bomb,unseen-tables
    assert_status 0
}

@test "audit bounds: snapshots and bitmaps with 64 MiB of names that have to be escaped" {
    local name
    make_sparse
    printf -v name '%02000d' 0
    name=${name//0/1b}
    name=${name:0:2000}
    # A name of 1000 bytes in entries of 1064 and of 1024 bytes.
    poke image $((2 << 30)) "$(snapshot_entry $((1 << 42)) 1 $((16 << 20)) '')"
    poke_be16 image $(((2 << 30) + 14)) 1000
    poke image $(((2 << 30) + 64)) "$name"
    repeat_bytes image $((2 << 30)) 1064 62500
    poke_field image snapshots_offset $((2 << 30))
    poke_field image nb_snapshots 65536
    place_bitmaps
    poke_be16 image $(((3 << 30) + 18)) 1000
    poke image $(((3 << 30) + 24)) "$name"
    repeat_bytes image $((3 << 30)) 1024 65530
    poke_be64 image $((112 + 16)) $((65530 * 1024))
    both_bounded 2
    # What info prints is bounded too: by six characters for each of 8 MiB, and the rest.
    [[ $(stat -c %s info.json) -lt 120000000 ]] || fail "$(stat -c %s info.json) bytes"
    assert_equal "$(jq -c '[.problems[] | select(.code == "limit" and (.message | contains("names"))) | .offset]' info.json)" \
        "[$(((2 << 30) + 8389 * 1064)),$(((3 << 30) + 8389 * 1024))]"
}

@test "audit bounds: a first cluster of 2 MiB with 262000 header extensions" {
    make_image image 16M cluster_size=2M
    poke image 112 '1234567800000000'
    repeat_bytes image 112 8 262000
    both_bounded 2
    audited image
    assert_equal "${audited_codes-}" 'extension-repeated extension-unknown'
}

@test "audit bounds: a pipe without end" {
    make_image image 16M ''
    local command
    for command in audit info; do
        run --separate-stderr pipe_without_end $command
        assert_status 0
        jq -e . <<<"$output" >/dev/null
    done
}

pipe_without_end() {
    cat image /dev/zero | bounded "$1" --json
}
