#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Internal snapshots: cat and map with --snapshot, and the VM state that was saved with one.

load ../helpers/load
load ../helpers/tables

# Fields of an entry of the snapshot table, by offset.
L1_TABLE_OFFSET=0 L1_SIZE=8 VM_STATE_SIZE=32 EXTRA_SIZE=36 EXTRA_VM_STATE_SIZE=40 EXTRA_DISK_SIZE=48

# snapshot_at IMAGE N: where in the file the entry of the Nth snapshot is, from 0
snapshot_at() {
    local at n=$2 size
    at=$(field "$1" snapshots_offset)
    for ((; n > 0; n--)); do
        size=$((40 + $(peek_be32 "$1" $((at + EXTRA_SIZE))) + $(peek_be16 "$1" $((at + 12))) +
            $(peek_be16 "$1" $((at + 14)))))
        at=$((at + (size + 7) / 8 * 8))
    done
    echo "$at"
}

take_snapshot() {
    qemu-img snapshot -q -c "$2" "$1"
}

# An image with what clusters can be, in two snapshots, first and second; each of the three states has
# data where another one has none. make_states OPTIONS [BASE]
make_states() {
    local c=65536
    if [[ -n ${2:-} ]]; then
        make_layer image 2M "$1" "$2" qcow2
    else
        make_image image 2M "$1"
    fi
    # Version 2 has no zeros but holes and data; over a backing file they would be data.
    [[ $1 == *compat=0.10* ]] || write_image image "write -q -z $((5 * c)) $c" || return
    write_image image "write -q -P 0x11 0 $((3 * c))" "write -q -c -P 0x12 $((8 * c)) $((2 * c))" \
        "write -q -P 0x13 $((12 * c + 5120)) 3072" || return
    take_snapshot image first || return
    write_image image "write -q -P 0x21 $c $c" "write -q -P 0x22 $((9 * c)) 512" \
        "write -q -c -P 0x23 $((15 * c)) $c" "write -q -P 0x24 $((20 * c)) $c" \
        "write -q -P 0x25 2047k 1k" || return
    [[ $1 == *compat=0.10* ]] || write_image image "discard -q $((2 * c)) $c" || return
    take_snapshot image second || return
    write_image image "write -q -P 0x31 0 $((12 * c))"
}

# snapshots_equal: every snapshot of image reads as in qemu-img, and maps as the
# disk of a copy that was put back to it
snapshots_equal() {
    local name
    fill_holes image || return
    for name in first second; do
        qemu-img convert -t unsafe -f qcow2 -O raw -l "snapshot.name=$name" image theirs || return
        qcow2_info cat --snapshot "$name" image | cmp - theirs || fail "cat --snapshot $name" || return
        qcow2_info cat --snapshot "$name" -o ours image || return
        assert_same_bytes ours theirs || return
        cp image copy && qemu-img snapshot -q -a "$name" copy || return
        qemu-img map -f qcow2 --output=json copy | jq -c --argjson no_offsets false "$THEIR_MAP" >theirs.map
        qcow2_info map --snapshot "$name" --json --host-offsets image |
            jq -s -c --argjson no_offsets false "$OUR_MAP" >ours.map
        [[ -s ours.map ]] || fail "no map of $name" || return
        diff -u theirs.map ours.map || fail "map --snapshot $name" || return
    done
    guest_bytes_equal image
}

# ---- What qemu-img reads ----------------------------------------------------------------------------

@test "snapshots: version 2" {
    make_states compat=0.10
    snapshots_equal
}

@test "snapshots: version 3, deflate" {
    make_states ''
    snapshots_equal
}

@test "snapshots: version 3, zstd" {
    make_states compression_type=zstd
    snapshots_equal
}

@test "snapshots: clusters of 512 bytes" {
    make_states cluster_size=512
    snapshots_equal
}

@test "snapshots: extended L2 entries" {
    make_states extended_l2=on
    snapshots_equal
}

@test "snapshots: extended L2 entries in small clusters, zstd" {
    make_states extended_l2=on,cluster_size=16k,compression_type=zstd
    snapshots_equal
}

@test "snapshots: a backing file lies below a snapshot too" {
    make_image base 1500K cluster_size=4k 'write -q -P 0x41 0 1500k'
    make_states '' base
    snapshots_equal
}

@test "snapshots: version 2, a backing file lies below a snapshot too" {
    make_image base 1500K cluster_size=4k 'write -q -P 0x41 0 1500k'
    make_states compat=0.10 base
    snapshots_equal
}

@test "snapshots: --no-backing reads a snapshot of the image alone" {
    make_image base 2M '' 'write -q -P 0x41 0 2M'
    make_layer image 2M '' base qcow2 'write -q -P 0x42 64k 64k'
    take_snapshot image s
    write_image image 'write -q -P 0x43 0 2M'
    { head -c 64K /dev/zero && head -c 64K /dev/zero | tr '\0' '\102' && head -c 1920K /dev/zero; } >want
    qcow2_info cat --no-backing --snapshot s image | cmp - want
}

@test "snapshots: a range of a snapshot" {
    make_states ''
    qemu-img convert -f qcow2 -O raw -l first image theirs
    qcow2_info cat --snapshot first --offset 100000 --length 600000 image >ours
    cmp ours <(tail -c +100001 theirs | head -c 600000)
    run_qcow2_info map --snapshot first --json --offset 3K --length 2K image
    assert_status 0
    assert_equal "$(jq -c '[.start, .length, .zero]' <<<"$output")" '[3072,2048,false]'
}

# ---- Which one ----------------------------------------------------------------------------------------

# Three snapshots whose first byte is that of their number; the disk has a 9.
make_numbered() {
    local i=1 name
    make_image image 1M ''
    for name in "$@"; do
        write_image image "write -q -P 0x3$i 0 64k" || return
        take_snapshot image "$name" || return
        i=$((i + 1))
    done
    write_image image 'write -q -P 0x39 0 64k'
}

# first_byte NAME WANT
first_byte() {
    run_qcow2_info cat --snapshot "$1" --length 1 image
    assert_status 0 || return
    assert_output "$2"
}

@test "snapshots: chosen by id" {
    make_numbered one two three
    first_byte 1 1
    first_byte 2 2
    first_byte 3 3
}

@test "snapshots: chosen by name" {
    make_numbered one two three
    first_byte one 1
    first_byte two 2
    first_byte three 3
}

@test "snapshots: the id of one and the name of another is refused: for QEMU the id wins, for users who named it the name" {
    make_numbered 2 other x
    refused_name 2 'more than one' '1 (2)' '2 (other)'
    first_byte 1 1
    first_byte other 2
    qemu-img convert -f qcow2 -O raw -l 2 image theirs
    assert_equal "$(head -c 1 theirs)" 2
}

@test "snapshots: a name that is a number is found when no id is like it" {
    make_numbered 7 other
    first_byte 7 1
}

@test "snapshots: map accepts the same names" {
    make_image image 1M '' 'write -q -P 1 0 64k'
    take_snapshot image s
    write_image image 'write -q -P 1 64k 64k'
    local name
    for name in 1 s; do
        run_qcow2_info map --snapshot $name --json image
        assert_status 0
        assert_equal "$(jq -s -c '.[0] | [.start, .length]' <<<"$output")" '[0,65536]'
    done
    run_qcow2_info map --json image
    assert_equal "$(jq -s -c '.[0] | [.start, .length]' <<<"$output")" '[0,131072]'
}

# refused_name NAME TEXT...: cat and map name it, list what there is, and print nothing
refused_name() {
    local name=$1 command
    shift
    for command in cat map; do
        run_qcow2_info "$command" --snapshot "$name" image
        assert_status 1 || return
        assert_output '' || return
        assert_one_error image "\"$name\"" "$@" || return
    done
}

@test "snapshots: the error about a missing name lists the snapshots" {
    make_numbered one two
    refused_name three '1 (one)' '2 (two)'
    refused_name 3 '1 (one)' '2 (two)'
    refused_name on '1 (one)'
    refused_name '' '1 (one)'
}

@test "snapshots: an image without any says so" {
    make_image image 1M ''
    refused_name 1 none
}

@test "snapshots: the error about an ambiguous name lists the snapshots" {
    make_numbered same other same
    refused_name same 'more than one' '1 (same)' '2 (other)' '3 (same)'
    first_byte 3 3
}

@test "snapshots: an ambiguous id is an error" {
    make_numbered one two
    local at
    at=$(($(snapshot_at image 1) + 40 + $(peek_be32 image $(($(snapshot_at image 1) + EXTRA_SIZE)))))
    assert_equal "$(peek image $at 1)" 32
    poke image $at 31
    refused_name 1 'more than one' '1 (one)' '1 (two)'
    first_byte two 2
}

@test "snapshots: a name ends at its first NUL, as in QEMU" {
    local name
    make_image image 1M '' 'write -q -P 1 0 64k'
    take_snapshot image base-evil
    write_image image 'write -q -P 2 0 64k'
    name=$(($(snapshot_at image 0) + 40 + $(peek_be32 image $(($(snapshot_at image 0) + EXTRA_SIZE))) + 1))
    assert_equal "$(peek image "$name" 9)" "$(printf base-evil | od -An -tx1 | tr -d ' \n')"
    poke image $((name + 4)) 00
    qemu-img convert -l base -O raw image theirs
    qcow2_info cat --snapshot base image | cmp - theirs
    assert_equal "$(head -c 1 theirs)" $'\x01'
    # Two of them have it.
    take_snapshot image base
    run_qcow2_info cat --snapshot base image
    assert_status 1
    assert_one_error image 'more than one snapshot'
}

@test "snapshots: those before a broken entry are found" {
    make_numbered one two
    poke_be32 image $(($(snapshot_at image 1) + EXTRA_SIZE)) 0xffffffff
    first_byte one 1
    refused_name two 'ends early'
}

@test "snapshots: a table past the end of the file" {
    make_numbered one
    poke_field image snapshots_offset $((1 << 40))
    refused_name one 'ends early'
}

# ---- The size of its disk ---------------------------------------------------------------------------------

# A snapshot whose disk has another size than the image now: as in a copy that was put back to it.
snapshot_has_its_size() {
    cp image copy
    qemu-img snapshot -q -a s copy || return
    make_raw copy want || return
    assert_equal "$(stat -c %s want)" "$1" || return
    qcow2_info cat --snapshot s image | cmp - want || return
    run_qcow2_info map --snapshot s --json image
    assert_status 0 || return
    assert_equal "$(jq -s 'map(.length) | add' <<<"$output")" "$1"
}

@test "snapshots: the disk grew since" {
    make_image image 1M '' 'write -q -P 1 0 1M'
    take_snapshot image s
    qemu-img resize -q -f qcow2 image 3M
    write_image image 'write -q -P 2 512k 2M'
    snapshot_has_its_size 1048576
    assert_equal "$(qcow2_info cat image | wc -c)" 3145728
}

@test "snapshots: the disk shrank since" {
    make_image image 3M '' 'write -q -P 1 0 3M'
    take_snapshot image s
    qemu-img resize -q -f qcow2 --shrink image 1M
    write_image image 'write -q -P 2 512k 512k'
    snapshot_has_its_size 3145728
    assert_equal "$(qcow2_info cat image | wc -c)" 1048576
}

@test "snapshots: the disk grew over more L1 entries since" {
    make_image image 64K cluster_size=512 'write -q -P 1 0 64k'
    take_snapshot image s
    qemu-img resize -q -f qcow2 image 4M
    write_image image 'write -q -P 2 0 4M'
    snapshot_has_its_size 65536
}

@test "snapshots: --offset may not exceed the size of its disk" {
    make_image image 1M ''
    take_snapshot image s
    qemu-img resize -q -f qcow2 image 3M
    run_qcow2_info cat --snapshot s --offset 2M image
    assert_status 1
    assert_output ''
    assert_one_error image 2097152 1048576
}

@test "snapshots: without a size of its own it has the size of the image" {
    make_image image 1M '' 'write -q -P 1 0 1M'
    take_snapshot image s
    # The extra data ends in front of the size: id and name move there.
    local at
    at=$(snapshot_at image 0)
    poke image $((at + 48)) 31730000
    poke_be32 image $((at + EXTRA_SIZE)) 8
    poke_field image size 1000000
    qcow2_info cat --snapshot s image >out
    assert_equal "$(stat -c %s out)" 1000000
    cmp out <(head -c 1000000 /dev/zero | tr '\0' '\1')
}

@test "snapshots: beyond its own small L1 table it has holes" {
    make_image image 128K cluster_size=512 'write -q -P 1 0 128k'
    take_snapshot image s
    poke_be32 image $(($(snapshot_at image 0) + L1_SIZE)) 3
    qcow2_info cat --snapshot s image >out
    cmp out <(head -c 96K /dev/zero | tr '\0' '\1' && head -c 32K /dev/zero)
    run_qcow2_info map --snapshot s --json image
    assert_status 0
    assert_equal "$(jq -s -c '.[] | [.start, .length, .allocated, .zero]' <<<"$output")" \
        $'[0,98304,true,false]\n[98304,32768,false,true]'
}

@test "snapshots: beyond its own small L1 table it reads from the backing file" {
    make_image base 128K '' 'write -q -P 2 0 128k'
    make_layer image 128K cluster_size=512 base qcow2 'write -q -P 1 0 128k'
    take_snapshot image s
    poke_be32 image $(($(snapshot_at image 0) + L1_SIZE)) 3
    qcow2_info cat --snapshot s image |
        cmp - <(head -c 96K /dev/zero | tr '\0' '\1' && head -c 32K /dev/zero | tr '\0' '\2')
}

# ---- VM state ---------------------------------------------------------------------------------------------

# A snapshot s of a disk of 40000 bytes with a VM state of 3000 bytes: behind the disk from the next L2
# table on, at 64 KiB in clusters of 512 bytes. They differ from sector to sector.
make_vm_state() {
    seq -f 'VM state line %6.0f' 400 | head -c 5K >text
    make_image image 128K cluster_size=512 'write -q -P 0x11 0 64k' "write -q -s text 64k 5k"
    take_snapshot image s
    write_image image 'write -q -P 0x22 0 128k'
    local at
    at=$(snapshot_at image 0)
    poke_be64 image $((at + EXTRA_DISK_SIZE)) 40000
    poke_be64 image $((at + EXTRA_VM_STATE_SIZE)) 3000
}

@test "snapshots: cat --vm-state writes the saved VM state" {
    make_vm_state
    qcow2_info cat --vm-state --snapshot s image | cmp - <(head -c 3000 text)
    qcow2_info cat --vm-state --snapshot 1 -o out image
    cmp out <(head -c 3000 text)
}

@test "snapshots: the disk beside a VM state" {
    make_vm_state
    qcow2_info cat --snapshot s image | cmp - <(head -c 40000 /dev/zero | tr '\0' '\21')
}

@test "snapshots: a disk that fills its L2 tables has the VM state right behind it" {
    make_vm_state
    poke_be64 image $(($(snapshot_at image 0) + EXTRA_DISK_SIZE)) 65536
    qcow2_info cat --vm-state --snapshot s image | cmp - <(head -c 3000 text)
    poke_be64 image $(($(snapshot_at image 0) + EXTRA_DISK_SIZE)) 65537
    qcow2_info cat --vm-state --snapshot s image | cmp - <(head -c 3000 /dev/zero)
}

@test "snapshots: the VM state is where QEMU writes it" {
    local options size at
    for options in '512 70K' '512 64K' '4096 3M' '64k 1G' '128k,extended_l2=on 3G'; do
        size=${options#* }
        seq -f 'VM state line %6.0f' 2000 >text
        rm -f image
        make_image image "$size" "cluster_size=${options% *}" 'write -q -P 0x11 0 64k' 'write -q -b -s text 0 24k'
        take_snapshot image s
        write_image image 'write -q -P 0x22 0 64k' 'write -q -b -P 0x33 0 24k'
        at=$(snapshot_at image 0)
        poke_be64 image $((at + EXTRA_VM_STATE_SIZE)) 24000
        qcow2_info cat --vm-state --snapshot s image | cmp - <(head -c 24000 text) || fail "$options"
    done
}

@test "snapshots: a range of a VM state" {
    make_vm_state
    qcow2_info cat --vm-state --snapshot s --offset 500 --length 1000 image |
        cmp - <(tail -c +501 text | head -c 1000)
    qcow2_info cat --vm-state --snapshot s --offset 2900 --length 1M image | cmp - <(head -c 3000 text | tail -c 100)
    qcow2_info cat --vm-state --snapshot s --offset 500 -o out image
    cmp out <(head -c 3000 text | tail -c 2500)
}

@test "snapshots: an offset past the end of a VM state" {
    make_vm_state
    run_qcow2_info cat --vm-state --snapshot s --offset 3001 image
    assert_status 1
    assert_output ''
    assert_one_error image 3001 3000
}

@test "snapshots: the VM state's size of 64 bits stands above the one of 32" {
    make_vm_state
    poke_be32 image $(($(snapshot_at image 0) + VM_STATE_SIZE)) 700
    qcow2_info cat --vm-state --snapshot s image | cmp - <(head -c 3000 text)
}

@test "snapshots: without extra data the 32-bit size of the VM state counts" {
    make_vm_state
    local at
    at=$(snapshot_at image 0)
    poke_be32 image $((at + VM_STATE_SIZE)) 700
    poke image $((at + 40)) 31730000
    poke_be32 image $((at + EXTRA_SIZE)) 0
    poke_field image size 65536
    qcow2_info cat --vm-state --snapshot s image | cmp - <(head -c 700 text)
}

@test "snapshots: a VM state that was not saved is an error, and makes no file" {
    make_image image 1M '' 'write -q -P 1 0 1M'
    take_snapshot image s
    echo precious >kept
    local options
    for options in '' '-o out' '-o kept' '--salvage --salvage-log out' '--salvage -o out' '--offset 0 --length 0 -o out'; do
        # shellcheck disable=SC2086 # several words
        run_qcow2_info cat --vm-state --snapshot s $options image
        assert_status 1
        assert_output ''
        assert_one_error image 'snapshot "s" has no VM state'
    done
    [[ ! -e out ]] || fail 'a file was made'
    assert_equal "$(<kept)" precious
    # Neither has one whose size is only in the field of 32 bits, when there is one of 64.
    poke_be32 image $(($(snapshot_at image 0) + VM_STATE_SIZE)) 700
    assert_equal "$(qemu-img snapshot -l image | awk '$2 == "s" { print $3, $4 }')" '0 B'
    run_qcow2_info cat --vm-state --snapshot 1 -o out image
    assert_one_error image 'snapshot "1" has no VM state'
}

@test "snapshots: holes of a VM state are zeros, not bytes of the backing file" {
    make_image base 128K '' 'write -q -P 0x33 0 128k'
    make_layer image 128K cluster_size=512 base qcow2 'write -q -P 0x11 66048 512'
    take_snapshot image s
    local at
    at=$(snapshot_at image 0)
    poke_be64 image $((at + EXTRA_DISK_SIZE)) 65536
    poke_be64 image $((at + EXTRA_VM_STATE_SIZE)) 2000
    qcow2_info cat --vm-state --snapshot s image |
        cmp - <(head -c 512 /dev/zero && head -c 512 /dev/zero | tr '\0' '\21' && head -c 976 /dev/zero)
}

@test "snapshots: --vm-state without --snapshot is a usage error" {
    make_vm_state
    run_qcow2_info cat --vm-state image
    assert_status 64
    assert_output ''
    assert_stderr_contains '--vm-state needs --snapshot'
}

@test "snapshots: a VM state that is too large" {
    make_vm_state
    poke_be64 image $(($(snapshot_at image 0) + EXTRA_VM_STATE_SIZE)) 0xffffffffffffffff
    run_qcow2_info cat --vm-state --snapshot s image
    assert_status 1
    assert_output ''
    assert_one_error image 'too large'
}

# ---- Faults -----------------------------------------------------------------------------------------------

# The snapshot cannot be read; the disk can.
snapshot_fault() {
    local command
    for command in cat map; do
        run_qcow2_info "$command" --snapshot s image
        assert_status 1 || return
        refute_output_contains '{' || return
        assert_one_error image "$@" || return
    done
    guest_bytes_equal image
}

@test "snapshots: an L1 table past the end of the file" {
    make_image image 1M '' 'write -q -P 1 0 1M'
    take_snapshot image s
    poke_be64 image $(($(snapshot_at image 0) + L1_TABLE_OFFSET)) $((1 << 40))
    snapshot_fault "the file ends at $(stat -c %s image)" $((1 << 40))
}

@test "snapshots: an L1 table inside a cluster" {
    make_image image 1M '' 'write -q -P 1 0 1M'
    take_snapshot image s
    poke_be64 image $(($(snapshot_at image 0) + L1_TABLE_OFFSET)) $((1 << 20 | 512))
    snapshot_fault 'L1 table of snapshot "s"'
}

@test "snapshots: an L1 table of too many entries" {
    make_image image 1M '' 'write -q -P 1 0 1M'
    take_snapshot image s
    poke_be32 image $(($(snapshot_at image 0) + L1_SIZE)) 0xffffffff
    snapshot_fault 'L1 table of snapshot "s"' 4294967295
}

@test "snapshots: a disk that no L1 table can map" {
    make_image image 1M '' 'write -q -P 1 0 1M'
    take_snapshot image s
    poke_be64 image $(($(snapshot_at image 0) + EXTRA_DISK_SIZE)) 0xffffffffffffffff
    snapshot_fault 'disk of snapshot "s"' 18446744073709551615
}

@test "snapshots: a snapshot can be read beside a fault of the active disk" {
    make_image image 1M '' 'write -q -P 1 0 64k'
    take_snapshot image s
    write_image image 'write -q -P 2 0 64k'
    poke_l2_entry image 0 $((COPIED | 1 << 40))
    run_qcow2_info cat --snapshot s -o out image
    assert_status 0
    cmp -n 65536 out <(head -c 64K /dev/zero | tr '\0' '\1')
    run_qcow2_info cat -o out image
    assert_status 1
}
