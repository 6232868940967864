#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Each fault that an entry of a table can have: cat, map, check and audit agree on it. Each test makes one
# fault by one entry of a sound image. qemu-img is the judge where it has an opinion.

# Without sanitizers: QEMU runs most of the time, and a unit test goes through the faults.

load ../helpers/load
load ../helpers/tables
load ../helpers/audit

C=65536

setup() {
    enter_test || return
    require_tool qemu-img qemu-io jq
}

# make_data [OPTION]: an image of 1 MiB with data in its clusters 0 to 2
make_data() {
    make_image image 1M "${1:-}" "write -P 1 0 $((3 * C))"
}

# judged CHECK_CODES AUDIT_CODES OFFSET: check and audit report these, and no others; audit, if anything,
# names OFFSET. The rule about data files is allowed.
judged() {
    run_qcow2_info check --json image
    assert_equal "$(jq -r '[.findings[].code] | join(" ")' <<<"$output")" "$1" || return
    audited image --allow data-file || return
    assert_equal "$(jq -r '[.findings[] | select(.code != "data-file") | .code] | join(" ")' <<<"$output")" "$2" || return
    [[ -z $2 ]] || jq -e --argjson at "$(($3))" '.findings[] | select(.code != "data-file") | .offset == $at' <<<"$output" >/dev/null ||
        fail "audit does not name offset $3" "$output"
}

# unreadable GUEST TEXT...: cat and map end at this guest offset with an error that has each TEXT
unreadable() {
    local guest=$1
    shift
    run_qcow2_info cat --offset "$guest" image
    assert_status 1 || return
    assert_output '' || return
    assert_one_error image "guest offset $guest:" "$@" || return
    run_qcow2_info map --json --offset "$guest" image
    assert_status 1 || return
    assert_output '' || return
    assert_one_error image "guest offset $guest:" "$@" || return
    # Before it everything can be read.
    [[ $guest -eq 0 ]] || qcow2_info cat --length "$guest" image >/dev/null
}

# readable: cat prints what qemu-img reads, and map says where it is
readable() {
    qcow2_info cat image >ours || return
    qemu-img convert -f qcow2 -O raw image theirs || return
    assert_same_bytes ours theirs || return
    qcow2_info map --json image >/dev/null
}

# qemu_says STATUS: qemu-img check ends with it; 2: corruption, 3: leaks
qemu_says() {
    run qemu-img check -q -f qcow2 image
    assert_status "$1"
}

# qemu_refuses GUEST: qemu-io cannot read a cluster
qemu_refuses() {
    ! qemu-io -r -f qcow2 -c "read $1 $C" image >qemu.log 2>&1 || fail "$(<qemu.log)"
}

# ---- L1 tables ---------------------------------------------------------------------------------------

@test "entry fault: reserved bits of an L1 entry are ignored when reading" {
    local bit at
    make_data
    at=$(l1_entry_at image 0)
    for bit in 0 8 56 62; do
        make_data
        poke_be64 image "$at" $(($(peek_be64 image "$at") | 1 << bit))
        readable
        judged l1-reserved-bits entry-broken "$at"
        qemu_says 2
    done
}

@test "entry fault: reserved bits of an L1 entry without an L2 table" {
    local at
    make_image image 1G '' "write -P 1 0 $C"
    at=$(l1_entry_at image $((512 << 20)))
    poke_be64 image "$at" $((1 << 56))
    readable
    judged l1-without-table entry-broken "$at"
}

@test "entry fault: an L2 table that is not aligned" {
    local at
    make_image image 1G '' "write -P 1 0 $C"
    at=$(l1_entry_at image $((512 << 20)))
    poke_be64 image "$at" $((COPIED | 512))
    unreadable $((512 << 20)) 'L1 entry 1' 'not aligned'
    qemu_refuses $((512 << 20))
    run_qcow2_info check --json image
    jq -e 'any(.findings[]; .code == "l2-table-unaligned")' <<<"$output"
    audited image
    assert_equal "$(codes)" table-unaligned
    assert_equal "$(jq '.findings[0].offset' <<<"$output")" $((at))
}

@test "entry fault: COPIED in an L1 entry without an L2 table" {
    local at
    make_image image 1G '' "write -P 1 0 $C"
    at=$(l1_entry_at image $((512 << 20)))
    poke_be64 image "$at" $((COPIED))
    readable
    judged l1-without-table entry-broken "$at"
}

# ---- L2 tables ---------------------------------------------------------------------------------------

@test "entry fault: reserved bits of an L2 entry are ignored when reading" {
    local bit
    for bit in 1 8 56 61; do
        make_data
        poke_l2_entry image $C $(($(l2_entry image $C) | 1 << bit))
        readable
        judged l2-reserved-bits entry-broken "$(l2_entry_at image $C)"
        qemu_says 2
    done
}

@test "entry fault: the zero bit is a reserved one of an extended entry" {
    make_data extended_l2=on
    poke_l2_entry image $C $(($(l2_entry image $C) | 1))
    readable
    judged zero-bit-extended entry-broken "$(l2_entry_at image $C)"
    qemu_says 0
}

@test "entry fault: the zero bit in version 2" {
    make_data compat=0.10
    poke_l2_entry image $C $(($(l2_entry image $C) | 1))
    unreadable $C "$(l2_entry_at image $C)" 'zero bit'
    qemu_refuses $C
    judged zero-bit-version-2 entry-broken "$(l2_entry_at image $C)"
}

@test "entry fault: a subcluster that is both allocated and zero" {
    make_data extended_l2=on
    poke_subclusters image $C 0x00000100ffffffff
    unreadable $C "$(l2_entry_at image $C)" 'both allocated and zero'
    qemu_refuses $C
    judged subclusters-conflict entry-broken "$(l2_entry_at image $C)"
    qemu_says 2
}

@test "entry fault: a subcluster that is allocated without a host cluster" {
    make_data extended_l2=on
    poke_subclusters image $((5 * C)) 0x80000000
    unreadable $((5 * C)) "$(l2_entry_at image $((5 * C)))" 'without a host cluster'
    qemu_refuses $((5 * C))
    judged subclusters-without-cluster entry-broken "$(l2_entry_at image $((5 * C)))"
    qemu_says 2
}

@test "entry fault: the same with an external data file, where COPIED makes offset 0 a host cluster" {
    make_image image 1M data_file=data,extended_l2=on "write -P 1 0 $C"
    readable
    poke_l2_entry image 0 0
    poke_subclusters image 0 1
    unreadable 0 "$(l2_entry_at image 0)" 'without a host cluster'
    judged subclusters-without-cluster entry-broken "$(l2_entry_at image 0)"
}

@test "entry fault: a host offset that is not aligned" {
    local at
    make_data
    at=$(l2_entry image $C)
    poke_l2_entry image $C $((at + 512))
    unreadable $C "$(l2_entry_at image $C)" 'not aligned'
    qemu_refuses $C
    run_qcow2_info check --json image
    jq -e 'any(.findings[]; .code == "cluster-unaligned")' <<<"$output"
    qemu_says 2
    audited image
    assert_equal "$(jq -r 'any(.findings[]; .code == "entry-broken" and .offset == '"$(($(l2_entry_at image $C)))"')' <<<"$output")" true
}

@test "entry fault: a host offset in the external data file that differs from the guest offset" {
    make_data data_file=data
    readable
    poke_l2_entry image $C $((COPIED | 2 * C))
    unreadable $C "$(l2_entry_at image $C)" 'differs from the guest offset'
    judged data-file-offset entry-broken "$(l2_entry_at image $C)"
    # Also one that a zero cluster keeps, and that of COPIED alone, which is 0.
    poke_l2_entry image $C $((COPIED | 2 * C | 1))
    unreadable $C "$(l2_entry_at image $C)" 'differs from the guest offset'
    judged data-file-offset entry-broken "$(l2_entry_at image $C)"
    poke_l2_entry image $C $((COPIED))
    unreadable $C "$(l2_entry_at image $C)" 'differs from the guest offset'
    judged data-file-offset entry-broken "$(l2_entry_at image $C)"
}

@test "entry fault: COPIED without a host cluster" {
    make_data
    poke_l2_entry image $((5 * C)) $((COPIED))
    readable
    judged zero-offset-copied '' "$(l2_entry_at image $((5 * C)))"
    qemu_says 0
}

@test "entry fault: COPIED in the entry of a compressed cluster" {
    make_image image 1M '' "write -c -P 1 0 $C"
    poke_l2_entry image 0 $(($(l2_entry image 0) | COPIED))
    readable
    judged compressed-copied entry-broken "$(l2_entry_at image 0)"
    qemu_says 2
}

@test "entry fault: a compressed cluster in an image with an external data file" {
    make_data data_file=data
    poke_l2_entry image $C $((COMPRESSED | 0x50000))
    unreadable $C "$(l2_entry_at image $C)" 'external data file'
    qemu_refuses $C
    judged compressed-data-file entry-broken "$(l2_entry_at image $C)"
    qemu_says 2
}

@test "entry fault: the subcluster bitmap of a compressed cluster is ignored when reading" {
    make_image image 1M extended_l2=on "write -c -P 1 0 $C"
    poke_subclusters image 0 $((1 << 40))
    readable
    judged 'compressed-subclusters leaked-data' entry-broken "$(l2_entry_at image 0)"
    qemu_says 2
}

# ---- Refcount tables, which are not needed to read data -----------------------------------------------

@test "entry fault: reserved bits of a refcount table entry" {
    local at
    make_data
    at=$(($(field image refcount_table_offset) + 8))
    poke_be64 image $at 2
    readable
    judged refcount-table-reserved-bits entry-broken $at
    qemu_says 2
}

@test "entry fault: a refcount block that is not aligned" {
    local at
    make_data
    at=$(($(field image refcount_table_offset) + 8))
    poke_be64 image $at 512
    readable
    judged refcount-block-unaligned table-unaligned $at
    qemu_says 2
}

# ---- Bitmap tables ------------------------------------------------------------------------------------

# bitmap_unreadable ENTRY TEXT: with this entry in the table of a bitmap
bitmap_unreadable() {
    local directory at
    make_data
    qemu-img bitmap --add image dirty
    directory=$(peek_be64 image $(($(extension_at image 23852875) + 24)))
    at=$(peek_be64 image "$directory")
    poke_be64 image "$at" "$1"
    qcow2_info map --json image >/dev/null || return
    run_qcow2_info map --json --bitmap dirty image
    assert_status 1 || return
    assert_one_error image 'bitmap table entry 0' "$2" || return
    judged bitmap bitmap-broken "$at"
}

@test "entry fault: reserved bits of a bitmap table entry" {
    bitmap_unreadable 2 'reserved bits'
    bitmap_unreadable $((1 << 56)) 'reserved bits'
    bitmap_unreadable $((5 * C | 1)) 'reserved bits'
}

@test "entry fault: bits of a bitmap that are not aligned" {
    bitmap_unreadable 0x50200 'not aligned'
}
