#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# check where not all of an image can be seen: what was not counted is compared with nothing. QEMU says
# that each image is sound; so nothing that check reports of a part of it may be wrong with it.

load ../helpers/load
load ../helpers/tables

C=65536

# sound_up_to IMAGE STEP: of a sound image, each first part that is a multiple of STEP has no fault
sound_up_to() {
    local bytes
    qemu-img check -q "$1" || fail "$1 is not sound" || return
    for ((bytes = $2; bytes < $(stat -c %s "$1"); bytes += $2)); do
        run --separate-stderr bash -c "head -c $bytes $1 | \"\$QCOW2_INFO\" check --json -"
        assert_status 1 || return
        assert_equal "$(jq -c '[.corruptions, .leaks, .warnings, .check_errors, .unseen_references > 0]' <<<"$output")" \
            '[0,0,0,1,true]' || fail "$bytes bytes:" "$(show_run)" || return
        assert_stderr_contains "only its first $bytes bytes were read" || return
        [[ ${stderr-} != *$'\n'* ]] || fail "more than one line: $stderr" || return
    done
}

# make_full IMAGE OPTIONS: data, compressed data, zeros, a snapshot that shares some of it
make_full() {
    seq 100000 120000 >text
    make_image "$1" 8M "$2" 'write -P 1 0 512k' 'write -c -s text 1M 256k' 'write -z 2M 128k'
    qemu-img snapshot -c one "$1"
    write_image "$1" 'write -P 2 64k 128k' 'write -P 3 3M 64k'
}

@test "unseen: the first part of a sound image has no fault" {
    make_full image ''
    qemu-img bitmap --add image dirty
    write_image image 'write -P 4 4M 64k'
    sound_up_to image 32768
}

@test "unseen: the same with small clusters, which compressed data cross" {
    seq 100000 120000 >text
    make_image image 1M cluster_size=512 'write -P 1 0 400k' 'write -c -s text 600k 100k'
    sound_up_to image $((512 * 41 + 256))
}

@test "unseen: the same with extended L2 entries, version 2, a data file" {
    make_full image extended_l2=on
    sound_up_to image $((3 * C + 512))
    make_full image compat=0.10
    sound_up_to image $((3 * C + 512))
    make_image image 8M data_file=data 'write -P 1 0 4M'
    sound_up_to image $C
}

@test "unseen: unread refcounts are not compared" {
    make_image image 16M '' "write -P 1 0 $((3 * C))"
    local table block end
    table=$(field image refcount_table_offset)
    block=$(peek_be64 image "$table")
    end=$(stat -c %s image)
    # The refcount block moves to the end of the file.
    dd if=image of=image bs=$C skip=$((block / C)) seek=$((end / C)) count=1 conv=notrunc status=none
    poke_be16 image $((end + 2 * (block / C))) 0
    poke_be16 image $((end + 2 * (end / C))) 1
    poke_be64 image "$table" "$end"
    sound_up_to image $((end / 2))
    sound_up_to image "$end"
}

@test "unseen: a whole image in a pipe is compared, leaks and all" {
    make_image image 16M '' "write -P 1 0 $((3 * C))"
    poke_l2_entry image $((2 * C)) 0
    run bash -c 'cat image | "$QCOW2_INFO" check --json -'
    assert_equal "$status" 3
    assert_equal "$(jq -c '[.leaks, .unseen_references, .check_errors]' <<<"$output")" '[1,0,0]'
}

@test "unseen: corruption in the bytes that were read is found; the exit status is 1" {
    make_image image 16M '' "write -P 1 0 $((3 * C))"
    poke_l2_entry image 0 "$(host_offset image 0)" # without COPIED
    run --separate-stderr bash -c "head -c $((6 * C)) image | \"\$QCOW2_INFO\" check --json -"
    assert_status 1
    assert_equal "$(jq -c '[.corruptions, .unseen_references]' <<<"$output")" '[1,2]'
    assert_equal "$(jq -r '.findings[].code' <<<"$output")" copied-flag-wrong
    run --separate-stderr bash -c "head -c $((6 * C)) image | \"\$QCOW2_INFO\" check -"
    assert_output_contains 'not all of the image could be checked'
    assert_output_contains 'references not seen:  2'
}

@test "unseen: missing parts of a regular file are corruption, as in QEMU" {
    make_image image 16M '' "write -P 1 0 $((3 * C))"
    truncate -s $((6 * C)) image
    run qemu-img check -q image
    assert_equal "$status" 2
    run_qcow2_info check --json image
    assert_status 2
    assert_equal "$(jq -c '[.corruptions, .unseen_references]' <<<"$output")" '[2,0]'
}

# Nothing leaks in these: the references to the clusters are in the table that cannot be read.
@test "unseen: clusters of an unreadable table are not leaks" {
    make_full image ''
    local l2 at case
    l2=$(l2_table_at image 0)
    at=$(field image snapshots_offset)
    for case in "$(l1_entry_at image 0) $((COPIED | l2 + 512)) l2-table-unaligned" \
        "$(l1_entry_at image 0) $((COPIED | 1 << 40)) out-of-file" \
        "$at $(($(peek_be64 image "$at") + 512)) snapshot-l1"; do
        read -r offset value code <<<"$case"
        cp image damaged
        poke_be64 damaged "$offset" "$value"
        run_qcow2_info check --json damaged
        assert_status 2
        assert_equal "$(jq .leaks <<<"$output")" 0
        jq -e --arg code "$code" 'any(.findings[]; .code == $code)' <<<"$output" >/dev/null || fail "$code" "$(show_run)"
    done
    cp image damaged
    poke_field damaged snapshots_offset $((at + 8))
    run_qcow2_info check --json damaged
    assert_status 1
    assert_equal "$(jq .leaks <<<"$output")" 0
}

@test "unseen: an I/O error in a table: no leaks, status 1" {
    command -v strace >/dev/null || skip 'machine: no strace'
    make_image image 16M '' "write -P 1 0 $((3 * C))"
    local reads failed
    ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" run --separate-stderr strace -f -qq -o trace -P image -e trace=pread64 "$QCOW2_INFO" check --json image
    assert_status 0
    reads=$(grep -c pread64 trace)
    for ((failed = 1; failed <= reads; failed++)); do
        ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" run --separate-stderr strace -f -qq -o trace -P image -e trace=pread64 -e inject=pread64:error=EIO:when=$failed+ \
            "$QCOW2_INFO" check --json image
        assert_status 1
        [[ -z $output ]] || assert_equal "$(jq -c '[.corruptions, .leaks]' <<<"$output")" '[0,0]' || fail "read $failed:" "$(show_run)"
    done
}
