#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# check --data reads what snapshots share once, and all that they do not share; --max-bytes ends what would
# go on for hours.

# Without sanitizers: they change what time it takes.

load ../helpers/load
load ../helpers/tables
load ../helpers/audit

C=65536

setup() {
    enter_test || return
    require_tool qemu-img qemu-io jq
}

# findings CODE: how many of them check --data has, and sets $output
findings() {
    run_qcow2_info check --data --json "${@:2}" image
    jq --arg code "$1" 'map_values(.)? | [.findings[] | select(.code == $code)] | length' <<<"$output"
}

# data_read: the bytes that check --data reads
data_read() {
    # LeakSanitizer does not work under strace.
    ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" \
        strace -f -e trace=pread64 -o trace "$QCOW2_INFO" check --data image >/dev/null
    awk '/pread64.*= [0-9]+$/ { sum += $NF } END { print sum + 0 }' trace
}

@test "shared: data that snapshots share is read once" {
    require_tool strace
    strace -o probe true 2>strace.log || skip "machine: strace cannot trace: $(head -n 1 strace.log)"
    local alone shared i
    make_image image 16M '' 'write -P 1 0 16M'
    alone=$(data_read)
    [[ $alone -ge $((16 << 20)) ]]
    for i in 1 2 3 4 5 6; do
        qemu-img snapshot -c $i image
        qemu-io -c "write -q -P 2 $((i * 2))M 64k" image
    done
    shared=$(data_read)
    # Six clusters are new, with six L1 and L2 tables.
    [[ $shared -lt $((alone + 2 * (16 << 20) / 2)) ]] || fail "$alone, then $shared"
}

@test "shared: a stream that snapshots share is decoded once, and the damage in it reported once" {
    local host
    make_image plain 1M '' 'write -P 1 0 1M'
    qemu-img convert -c -O qcow2 plain image
    qemu-img snapshot -c one image
    qemu-io -c "write -q -P 2 64k 64k" image # the L2 table is copied
    qemu-img snapshot -c two image
    host=$(host_offset image $((3 * C)))
    poke image "$host" ffffffff
    assert_equal "$(findings undecodable-cluster)" 1
    run_qcow2_info check --data --json image
    assert_equal "$(jq -c '.findings[] | select(.code == "undecodable-cluster").guest_offset' <<<"$output")" $((3 * C))
    # Also when only snapshots have it.
    qemu-io -c "write -q -P 2 192k 64k" image
    run_qcow2_info check --data --json image
    assert_equal "$(jq -c '[.findings[] | select(.code == "undecodable-cluster").guest_offset]' <<<"$output")" "[$((3 * C))]"
}

@test "shared: streams at one offset with other sizes are others" {
    local entry
    make_image plain 1M '' 'write -P 1 0 512k'
    qemu-img convert -c -O qcow2 plain image
    qemu-img snapshot -c one image
    qemu-io -c "write -q -P 2 960k 64k" image
    run_qcow2_info check --data image
    assert_status 0
    # In the active disk the entry says that the stream has fewer sectors: what is left is cut short.
    head -c 64K /dev/urandom >noise
    qemu-img create -q -f qcow2 image 1M
    qemu-img create -q -f raw base 1M
    yes 'a line of text that compresses' | head -c 32K | cat - <(head -c 32K /dev/urandom) | dd of=base conv=notrunc status=none
    qemu-img convert -c -f raw -O qcow2 base image
    qemu-img snapshot -c one image
    qemu-io -c "write -q -P 2 960k 64k" image
    entry=$(l2_entry image 0)
    poke_l2_entry image 0 $((entry & ~(255 << 54)))
    run_qcow2_info check --data --json image
    assert_equal "$(jq -c '[.findings[] | select(.code == "undecodable-cluster")] | length' <<<"$output")" 1
}

@test "shared: many streams, with a damaged one in each snapshot" {
    local i host
    qemu-img create -q -f raw base 12M
    qemu-img convert -c -f raw -O qcow2 -o cluster_size=4k -S 0 base image
    qemu-img resize -q image 24M
    for i in 1 2 3; do
        qemu-img snapshot -c $i image
        qemu-io -c "write -c -q -P $i $((12 + i * 2))M 4k" image
        host=$(host_offset image $((12 + i * 2 << 20)))
        poke image "$host" ffffffff
    done
    run_qcow2_info check --data --json image
    assert_equal "$(jq -c '[.findings[] | select(.code == "undecodable-cluster").guest_offset]' <<<"$output")" \
        "[$((14 << 20)),$((16 << 20)),$((18 << 20))]"
}

@test "shared: subclusters, and a chain of files" {
    make_image base 1M '' 'write -P 1 0 1M'
    make_layer image 1M extended_l2=on base qcow2 'write -P 2 2k 2k' 'write -P 3 100k 200k'
    qemu-img snapshot -c one image
    qemu-io -c 'write -q -P 4 150k 2k' image
    run_qcow2_info check --data image
    assert_status 0
    run_qcow2_info check --data --backing-file base image
    assert_status 0
    truncate -s -64K base
    run_qcow2_info check --data --json --backing-file base image
    assert_status 2
}

# One L2 table for every entry of an L1 table of 65536: each of its 8192 entries is data or zeros, in turn.
make_endless() {
    make_image image 32T '' 'write -P 1 0 64k'
    l2=$(l2_table_at image 0)
    copied_entries 65536 "$l2" 0 | place image "$(field image l1_table_offset)"
    python3 -c '
import struct, sys
data = int(sys.argv[1]) % 2 ** 64
sys.stdout.buffer.write(b"".join(struct.pack(">Q", data if i % 2 else 1) for i in range(8192)))' \
        "$(($(host_offset image 0) | COPIED))" | place image "$l2"
}

@test "endless disk: audit calls it unsafe, and --max-bytes stops map, cat and check --data" {
    local command
    make_endless
    audited image --max-virtual-size 64T
    assert_status 2
    [[ " ${audited_codes-} " == *' shared-l2-table '* ]]
    for command in map 'map --totals' cat 'cat --length 2T' 'check --data'; do
        # shellcheck disable=SC2086
        run_qcow2_info $command --max-bytes 1T image
        assert_status 1
        assert_output ''
        assert_stderr_contains 'above --max-bytes 1099511627776'
    done
    run_qcow2_info map --max-bytes 1M --length 1M --json image
    assert_status 0
    assert_equal "$(wc -l <<<"$output")" 16
    run_qcow2_info cat --max-bytes 1M --length 1M -o out image
    assert_status 0
}

@test "--max-bytes: check counts the disks of snapshots" {
    make_image image 1M '' 'write -P 1 0 64k'
    qemu-img snapshot -c one image
    run_qcow2_info check --data --max-bytes 2M image
    assert_status 0
    run_qcow2_info check --data --max-bytes 2097151 image
    assert_status 1
    assert_stderr_contains 'covers 2097152 bytes of virtual disk, above --max-bytes 2097151'
    run_qcow2_info check --max-bytes 2M image
    assert_status 64
}
