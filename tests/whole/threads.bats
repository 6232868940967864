#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Commands that decode on several threads: the answer is that of one thread. The build with the thread
# sanitizer runs this file, too.

load ../helpers/load
load ../helpers/tables

JOBS='1 2 8'

setup() {
    enter_test || return
    require_tool qemu-img qemu-io
}

# Two images of one disk of 8 MiB, plain with compressed clusters, and zstd alone; a third one, changed in two
# places; and the raw disks.
make_disks() {
    local writes=() i
    for ((i = 0; i < 64; i++)); do
        writes+=("write -q -c -P $((i + 1)) $((i * 128))k 64k" "write -q -P $((i + 65)) $((i * 128 + 64))k 32k")
    done
    make_image plain 8M '' "${writes[@]}" || return
    qemu-img convert -c -O qcow2 -o compression_type=zstd plain zstd || return
    qemu-img convert -O raw plain plain.raw || return
    cp plain.raw other.raw
    printf 'x' | dd of=other.raw bs=1 seek=1000001 conv=notrunc status=none
    printf 'x' | dd of=other.raw bs=1 seek=7000001 conv=notrunc status=none
    qemu-img convert -c -f raw -O qcow2 other.raw other
}

@test "threads: compare" {
    local jobs
    make_disks
    # The sectors that differ, one a line.
    cmp -l plain.raw other.raw | awk '{ print int(($1 - 1) / 512) * 512 }' | uniq >expected
    assert_equal "$(wc -l <expected)" 2
    for jobs in $JOBS; do
        qcow2_info compare --jobs "$jobs" plain zstd
        run_qcow2_info compare --jobs "$jobs" --all --json plain other
        assert_status 2
        jq -r 'select(.start) | .start' <<<"$output" | cmp - expected
        run_qcow2_info compare --jobs "$jobs" other zstd
        assert_status 2
    done
}

@test "threads: digest" {
    local jobs expected
    make_disks
    expected=$(sha256sum <plain.raw)
    qcow2_info --version | grep -q '^libgcrypt [0-9]' || skip 'machine: built without libgcrypt'
    for jobs in $JOBS; do
        assert_equal "$(qcow2_info digest --flat --jobs "$jobs" plain)" "${expected%% *}  plain"
        qcow2_info digest --jobs "$jobs" plain zstd >digests
        assert_equal "$(cut -c -64 digests | sort -u | wc -l)" 1
        [[ ! -e first ]] || cmp first digests
        cp digests first
    done
}

@test "threads: check --data and cat" {
    local jobs
    make_disks
    for jobs in $JOBS; do
        qcow2_info check --data --jobs "$jobs" zstd >report
        qcow2_info cat --jobs "$jobs" zstd | cmp - plain.raw
    done
}

@test "threads: a cluster that cannot be decoded" {
    local jobs
    make_disks
    poke zstd "$(host_offset zstd $((5 << 20)))" ffffffffffffffff
    for jobs in $JOBS; do
        run_qcow2_info compare --jobs "$jobs" plain zstd
        assert_status 1
        assert_one_error zstd 'image B: ' 5242880
        run_qcow2_info digest --jobs "$jobs" zstd
        assert_status 1
        run_qcow2_info check --data --jobs "$jobs" zstd
        assert_status 2
    done
}
