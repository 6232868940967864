#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2017 # a cluster number is a whole number
#
# check beside `qemu-img check`: the same corruptions, leaks and figures, on damaged images. Where both
# differ, helpers/check.jq has a rule that says why. (Sound images of every layout are in whole/matrix.bats,
# random ones in random.bats.)

# Without sanitizers: `make fuzz` damages more images.

load ../helpers/load
load ../helpers/tables
load ../helpers/check

setup() {
    enter_test || return
    require_tool qemu-img qemu-io jq
    seq 100000 120000 >text
}

# same IMAGE: both say the same, and no rule was needed
same() {
    local answer
    answer=$(compare_checks "$1")
    [[ $answer == same ]] || fail "$1: $answer"
}

# explained IMAGE TEXT: a difference, by a rule whose name contains TEXT
explained() {
    local answer
    answer=$(compare_checks "$1")
    [[ $answer == "rule: "*"$2"* ]] || fail "$1: expected the rule: $2" "$answer"
}

# all_same: the same for each image that was noted
all_same() {
    judge_checks >answers || fail "$(grep -A 20 DIFFERENCE answers | head -n 40)" || return
    ! grep -v ': same$' answers || fail 'a rule was needed'
}

# all_explained: each difference of those that were noted has a rule
all_explained() {
    judge_checks >answers || fail "$(grep -A 20 DIFFERENCE answers | head -n 40)"
}

@test "oracle: converted images, compressed and not" {
    make_image image 16M '' "write -s text 0 6M" "write -P 3 9M 1M"
    for options in '' -c '-c -o compression_type=zstd' '-o cluster_size=4k' '-c -o cluster_size=512' '-S 0' '-W'; do
        # shellcheck disable=SC2086 # several words
        qemu-img convert $options -O qcow2 image converted
        same converted
    done
}

@test "oracle: resized, amended, repaired images and deleted snapshots" {
    make_image image 16M '' "write -P 1 0 3M"
    qemu-img snapshot -c one image
    qemu-img resize -q --shrink image 8M
    same image
    qemu-img snapshot -c two image
    qemu-img snapshot -d one image
    qemu-img resize -q image 1G
    same image
    qemu-img snapshot -d two image
    same image
    qemu-img amend -o compat=0.10 image
    same image
    poke_be64 image "$(l1_entry_at image 0)" 0
    same image
    qemu-img check -q -r all image || true
    same image
}

@test "oracle: fragmented in every way" {
    make_image image 16M ''
    commands=()
    for ((i = 0; i < 200; i++)); do
        commands+=("write -P $((i % 250 + 1)) $((i * 7919 % 256 * 65536)) 65536")
    done
    write_image image "${commands[@]}"
    same image
    [[ $(jq .fragmented_clusters check.ours) -gt 100 ]]
}

# ---- Damage -----------------------------------------------------------------------------------------

# The image that is damaged: with everything in it that can be damaged.
make_rich() {
    make_image rich 8M "$1" "write -P 1 0 512k" "write -c -s text 1M 256k" "write -z 2M 128k" || return
    [[ $1 == *data_file* || $1 == *bits=1 ]] || qemu-img snapshot -c one rich || return
    [[ $1 == *compat=0.10* ]] || qemu-img bitmap --add rich dirty || return
    write_image rich "write -P 2 64k 128k" "write -P 3 3M 64k"
}

# each_value GUEST: the L2 entry of a guest offset of image "rich" becomes each of many values; both agree,
# by a rule or without
each_value() {
    local entry value at end bit values=()
    at=$(l2_entry_at rich "$1")
    entry=$(l2_entry rich "$1")
    end=$(stat -c %s rich)
    for ((bit = 0; bit < 64; bit++)); do
        values+=($((entry ^ 1 << bit)))
    done
    values+=(0 -1 $((COPIED)) $((COMPRESSED)) $((COPIED | COMPRESSED)) 1 $((COPIED | 1)))
    for ((bit = 0; bit < end / 65536 + 3; bit++)); do
        values+=($((COPIED | bit * 65536)))
    done
    for value in "${values[@]}"; do
        poke_be64 rich "$at" "$value"
        note_checks rich "L2 entry of $1: $value" || return
    done
    all_explained || return
    poke_be64 rich "$at" "$entry"
    same rich
}

@test "oracle: each bit and cluster in the L2 entry of data" { make_rich '' && each_value $((3 << 20)); }
@test "oracle: each bit and cluster in the L2 entry of a zero cluster" { make_rich '' && each_value $((2 << 20)); }
@test "oracle: each bit and cluster in the L2 entry of a compressed cluster" { make_rich '' && each_value $((1 << 20)); }
@test "oracle: each bit and cluster in an empty L2 entry" { make_rich '' && each_value $((5 << 20)); }
@test "oracle: each bit and cluster in an L2 entry of version 2" { make_rich compat=0.10 && each_value $((3 << 20)); }
@test "oracle: each bit and cluster in an extended L2 entry" { make_rich extended_l2=on && each_value $((3 << 20)); }

@test "oracle: each bit of the bitmap of an extended L2 entry: data, compressed, unallocated" {
    make_rich extended_l2=on
    for guest in $((3 << 20)) $((1 << 20)) $((5 << 20)); do
        at=$(($(l2_entry_at rich "$guest") + 8))
        old=$(peek_be64 rich "$at")
        for ((bit = 0; bit < 64; bit++)); do
            poke_be64 rich "$at" $((old ^ 1 << bit))
            note_checks rich "bitmap of $guest, bit $bit"
        done
        poke_be64 rich "$at" "$old"
    done
    all_same
}

@test "oracle: each bit of an L1 entry" {
    make_rich ''
    at=$(l1_entry_at rich 0)
    old=$(peek_be64 rich "$at")
    for ((bit = 0; bit < 64; bit++)); do
        poke_be64 rich "$at" $((old ^ 1 << bit))
        note_checks rich "bit $bit"
    done
    all_explained
}

@test "oracle: each refcount one higher, one lower, 0, the highest; every width" {
    for width in 1 4 8 16 64; do
        make_rich refcount_bits=$width
        block=$(peek_be64 rich "$(field rich refcount_table_offset)")
        size=$((width < 8 ? 1 : width / 8))
        count=$(($(stat -c %s rich) / 65536 * width / 8 / size))
        for ((i = 0; i <= count; i += width < 8 ? 1 : 3)); do
            at=$((block + i * size))
            old=$(peek_number rich $at $size)
            for value in $((old + 1)) $((old - 1)) 0 $((size == 8 ? -1 : (1 << 8 * size) - 1)); do
                ((size == 8)) || value=$((value & (1 << 8 * size) - 1))
                poke_number rich $at $size $value
                note_checks rich "refcount_bits=$width, $at: $value"
            done
            poke_number rich $at $size "$old"
        done
    done
    all_same
}

@test "oracle: the file cut at each cluster and inside of each" {
    make_rich ''
    size=$(stat -c %s rich)
    for ((end = size; end > 4 * 65536; end -= 32768)); do
        cp rich cut
        truncate -s $end cut
        note_checks cut "cut at $end"
    done
    all_explained
}

@test "oracle: refcount table entries" {
    make_rich ''
    table=$(field rich refcount_table_offset)
    block=$(peek_be64 rich "$table")
    for value in 0 1 $((block | 1)) $((block | 256)) $((block + 512)) $((block + 65536)) $((1 << 40)) $((1 << 62)) 65536; do
        for entry in 0 1 8191; do
            cp rich damaged
            poke_be64 damaged $((table + entry * 8)) "$value"
            note_checks damaged "entry $entry: $value"
        done
    done
    all_explained
}

# ---- The rules, one by one --------------------------------------------------------------------------

@test "rule: only qcow2-info reports overlaps that the refcounts hide" {
    make_image image 1M '' "write -P 1 0 192k"
    l2=$(l2_table_at image 0)
    block=$(peek_be64 image "$(field image refcount_table_offset)")
    poke_be16 image $((block + l2 / 65536 * 2)) 2
    poke_be16 image $((block + $(host_offset image 65536) / 65536 * 2)) 0
    poke_be64 image "$(l1_entry_at image 0)" "$l2"
    poke_be64 image $((l2 + 8)) "$l2"
    explained image 'used for two purposes'
    assert_equal "$(jq -r '.findings[].code' check.ours)" overlap
    qemu-img check -q image
}

@test "rule: data that QEMU itself puts over compressed clusters is an overlap" {
    # QEMU 7.2 goes on to fill a host cluster with compressed data after it was freed and given away.
    make_image image 4M '' "write -c -s text 0 64k" "write -P 1 0 64k" "write -P 2 64k 64k" "write -c -P 3 128k 64k"
    qemu-io -f qcow2 -c 'read -P 2 64k 64k' image | grep -q 'verification failed' ||
        skip 'machine: this QEMU does not do that'
    run_qcow2_info check --json image
    assert_status 2
    jq -e '.findings | any(.code == "overlap")' <<<"$output" >/dev/null
}

@test "rule: the zero bit in version 2 images" {
    make_image image 1M compat=0.10 "write -P 1 0 64k"
    poke_l2_entry image 0 $(($(l2_entry image 0) | 1))
    explained image 'version 2'
}

@test "rule: offsets in data files" {
    make_image image 1M data_file=data "write -P 1 0 64k"
    poke_l2_entry image 0 $((COPIED | 0x50000))
    explained image 'not the guest offset'
}

@test "rule: a table or data at the end of the file" {
    make_image image 1M '' "write -P 1 0 64k"
    truncate -s -1000 image
    explained image 'that the file ends in'
}

@test "rule: dirty images" {
    make_image image 1M lazy_refcounts=on "write -P 1 0 64k"
    poke_field image incompatible_features 1
    same image
    poke_be64 image "$(l1_entry_at image 0)" 0
    explained image dirty
}

@test "rule: L1 entries without an offset" {
    make_image image 1G '' "write -P 1 0 64k"
    poke_be64 image "$(l1_entry_at image $((512 << 20)))" $((COPIED))
    explained image 'L1 entry without an offset'
}

@test "rule: L2 tables that are not aligned" {
    make_image image 1M '' "write -P 1 0 64k"
    poke_be64 image "$(l1_entry_at image 0)" $((COPIED | $(l2_table_at image 0) + 512))
    explained image 'not aligned'
}

@test "rule: bitmaps that are not sound" {
    make_image image 1M ''
    qemu-img bitmap --add image dirty
    at=112
    while [[ $(peek image $at 4) != 23852875 ]]; do
        at=$((at + 8 + ($(peek_be32 image $((at + 4))) + 7) / 8 * 8))
    done
    directory=$(peek_be64 image $((at + 24)))
    poke_number image $((directory + 17)) 1 77
    explained image bitmap
}
