#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# usage: what deleting a snapshot frees is what `qemu-img snapshot -d` frees, by the refcounts before
# and after.

# Without sanitizers: QEMU runs most of the time, and `make fuzz` runs usage with them.

load ../helpers/load
load ../helpers/matrix
load ../helpers/usage

setup_file() {
    require_tool qemu-img qemu-io jq
}

# next_random N: sets R to one of 0..N-1
next_random() {
    state=$(((state * 1103515245 + 12345) & 0x7fffffff))
    R=$((state / 65536 % $1))
}

# write_at_random C OPTIONS: a few commands for qemu-io, in $commands
write_at_random() {
    local c=$1 i
    commands=()
    for i in 1 2 3 4; do
        next_random 20
        commands+=("write -q -P 1 $((R * c)) $(((R % 3 + 1) * c))")
    done
    next_random 20
    commands+=("discard -q $((R * c)) $c")
    next_random 16
    # QEMU compresses only into what is not allocated.
    commands+=("discard -q $(((R + 24) * c)) $((2 * c))" "write -q -c -P 2 $(((R + 24) * c)) $((2 * c))")
    [[ $2 == *compat=0.10* ]] || commands+=("write -q -z $((R * c)) $c")
    # The VM state, of which the snapshot keeps what QEMU has written before it.
    commands+=("write -q -b -P 3 0 $((R % 4 * c + c))")
}

# make_snapshots C OPTIONS COUNT: the file image; the ids are 1 to COUNT
make_snapshots() {
    local i commands
    state=$1
    qemu-img create -q -f qcow2 -o "cluster_size=$1,$2" image $(($1 * 48)) || return
    for ((i = 1; i <= $3; i++)); do
        write_at_random "$@"
        qemu_io qcow2 image "${commands[@]}" && qemu-img snapshot -q -c "tag$i" image || return
    done
    write_at_random "$@"
    qemu_io qcow2 image "${commands[@]}"
}

# shuffled COUNT: 1 to COUNT in random order, in $order
shuffled() {
    local i
    mapfile -t order < <(seq "$1")
    for ((i = $1 - 1; i > 0; i--)); do
        next_random $((i + 1))
        set -- "$1" "${order[i]}"
        order[i]=${order[R]} order[R]=$2
    done
}

# read_figures: reads the figures of image to $used, $table, $of_all, and of each snapshot to $exclusive[ID]
read_figures() {
    local counted leaked id bytes
    used=$(clusters_in_use image)
    qcow2_info usage --json image >json || fail "usage: status $?" || return
    parts_add_up json image || return
    exclusive=()
    {
        read -r table counted leaked of_all
        while read -r id bytes; do
            exclusive[id]=$bytes
        done
    } < <(jq -r 'def clusters(condition): [.parts[] | select(condition).clusters] | add;
        ([clusters(.code == "snapshot-table"), clusters(.code != "free" and .code != "trailing"),
            clusters(.code == "leaked"), .all_snapshots_exclusive_bytes], (.snapshots[] | [.id, .exclusive_bytes]))
        | join(" ")' json)
    assert_equal "$counted $leaked" "$used 0"
}

# deleting_frees_what_is_said C OPTIONS COUNT
deleting_frees_what_is_said() {
    local c=$1 used table of_all exclusive order id said_of_one said_of_all used_at_first before table_before
    make_snapshots "$@" && read_figures || return
    said_of_all=$of_all used_at_first=$used
    shuffled "$3"
    for id in "${order[@]}"; do
        said_of_one=${exclusive[id]}
        before=$used table_before=$table
        qemu-img snapshot -q -d "tag$id" image && read_figures || return
        assert_equal "$(((said_of_one + c - 1) / c + table_before - table))" $((before - used)) ||
            fail "deleting snapshot $id: $*" || return
    done
    assert_equal $(((said_of_all + c - 1) / c)) $((used_at_first - used)) || fail "deleting all: $*"
}

@test "deleting a snapshot frees its exclusive bytes: 512 to 4096 bytes a cluster" {
    for c in 512 1024 2048 4096; do deleting_frees_what_is_said $c compat=1.1 5 || return; done
}
@test "deleting a snapshot frees its exclusive bytes: 8 KiB to 64 KiB a cluster" {
    for c in 8192 16384 32768 65536; do deleting_frees_what_is_said $c compat=1.1 4 || return; done
}
@test "deleting a snapshot frees its exclusive bytes: 128 KiB to 2 MiB a cluster" {
    for c in 131072 262144 524288 1048576 2097152; do deleting_frees_what_is_said $c compat=1.1 3 || return; done
}
@test "deleting a snapshot frees its exclusive bytes: version 2" {
    for c in 512 65536; do deleting_frees_what_is_said $c compat=0.10 4 || return; done
}
@test "deleting a snapshot frees its exclusive bytes: extended L2 entries" {
    for c in 16384 65536; do deleting_frees_what_is_said $c extended_l2=on 4 || return; done
}
@test "deleting a snapshot frees its exclusive bytes: refcounts of 8 and 64 bits" {
    deleting_frees_what_is_said 4096 refcount_bits=8 4 && deleting_frees_what_is_said 4096 refcount_bits=64 4
}
@test "deleting a snapshot frees its exclusive bytes: 20 snapshots" {
    deleting_frees_what_is_said 4096 compat=1.1 20
}
@test "deleting a snapshot frees its exclusive bytes: 20 snapshots and a table of several clusters" {
    deleting_frees_what_is_said 512 compat=1.1 20
}

# More snapshots than a piece of the map lists by a byte each: 159 have clusters of their own.
@test "200 snapshots with a cluster of their own each" {
    local i commands=()
    qemu-img create -q -f qcow2 -o cluster_size=512 image 64k
    for ((i = 1; i <= 200; i++)); do
        qemu_io qcow2 image "write -q -P $((i % 256)) $((i % 100 * 512)) 512" || return
        qemu-img snapshot -q -c "tag$i" image || return
    done
    local used table of_all exclusive before said
    read_figures
    said=$(jq '[.snapshots[].exclusive_bytes] | add' json)
    [[ $said -gt $((200 * 512)) ]] || fail "only $said bytes"
    for i in 200 1 77 180 161; do
        said=${exclusive[i]}
        before=$((used - table))
        qemu-img snapshot -q -d "tag$i" image
        read_figures
        assert_equal $((said / 512)) $((before - used + table))
    done
}

@test "snapshots refer to the bytes of their tables and clusters" {
    local c=65536
    qemu-img create -q -f qcow2 image 64M
    qemu_io qcow2 image "write -q -P 1 0 $((5 * c))"
    qemu-img snapshot -q -c one image
    qemu_io qcow2 image "write -q -P 2 0 $c" "write -q -P 2 $((10 * c)) $c"
    qemu-img snapshot -q -c two image
    # An L1 table, an L2 table and the data.
    assert_equal "$(usage_value image '[.snapshots[].referenced_bytes] | @csv')" "$((7 * c)),$((8 * c))"
    # Of the first: its two tables and the cluster that was written again. Of the second: its L1 table.
    assert_equal "$(usage_value image '[.snapshots[].exclusive_bytes] | @csv')" "$((3 * c)),$c"
    assert_equal "$(usage_value image '[part("active-data", "shared-data", "snapshot-data").clusters] | @csv')" 0,6,1
}

@test "the VM state of a snapshot" {
    qemu-img create -q -f qcow2 image 1M
    qemu_io qcow2 image 'write -q -P 1 0 64k'
    qemu-img snapshot -q -c before image
    qemu_io qcow2 image 'write -q -b -P 2 0 192k'
    qemu-img snapshot -q -c saved image
    # The active disk has it, too: to free it takes more than the snapshot's L1 table.
    assert_equal "$(usage_value image 'part("vm-state") | [.bytes, .clusters] | @csv')" 196608,3
    assert_equal "$(usage_value image '.snapshots[1].exclusive_bytes')" 65536
    qemu-img snapshot -q -a before image
    # With its L2 table and the L1 table.
    assert_equal "$(usage_value image 'part("vm-state") | [.bytes, .clusters] | @csv')" 196608,3
    assert_equal "$(usage_value image '.snapshots[1].exclusive_bytes')" $((5 * 65536))
}
