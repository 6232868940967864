#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# qcow2-info map --bitmap: the extents of a dirty bitmap, as in qemu-nbd.

load ../helpers/load
load ../helpers/tables
load ../helpers/effort

MIB=1048576

# bitmaps_extension_at IMAGE: where in the file the data of the header extension of bitmaps is
bitmaps_extension_at() {
    local at=112
    while [[ $(peek "$1" $at 4) != 23852875 ]]; do
        [[ $at -lt 4096 ]] || fail 'there is no extension of bitmaps' || return
        at=$((at + 8 + ($(peek_be32 "$1" $((at + 4))) + 7) / 8 * 8))
    done
    echo $((at + 8))
}

# directory_at IMAGE: where in the file the entry of its first bitmap is
directory_at() {
    local at
    at=$(bitmaps_extension_at "$1") && peek_be64 "$1" $((at + 16))
}

# table_entry_at IMAGE N: where in the file the Nth entry of the first bitmap's table is
table_entry_at() {
    echo $(($(peek_be64 "$1" "$(directory_at "$1")") + $2 * 8))
}

# make_bitmap SIZE OPTIONS GRANULARITY [COMMAND...]: image, and in it the bitmap b of what these write
make_bitmap() {
    local size=$1 options=$2 granularity=$3
    shift 3
    make_image image "$size" "$options" || return
    qemu-img bitmap --add -g "$granularity" image b || return
    [[ $# -eq 0 ]] || write_image image "$@"
}

# Extents in one form: lines of [start, length, dirty], in which neighbours differ.
DIRTY_FORM='reduce .[] as $next ([];
    if length > 0 and .[-1].dirty == $next.dirty then .[-1].length += $next.length
    else . + [$next] end) | .[] | [.start, .length, .dirty]'

# What qemu-nbd says of the bitmap b of image. Data that is none is dirty there.
qemu_dirty() {
    local socket=$BATS_TEST_TMPDIR/socket server
    require_tool qemu-nbd qemu-img jq
    [[ ${#socket} -lt 108 ]] || skip 'machine: the path of the test folder is too long for a socket'
    timeout "$PROGRAM_SECONDS" qemu-nbd -r -t -f qcow2 -k "$socket" -B b image 3>&- >nbd.log 2>&1 &
    server=$!
    until [[ -S $socket ]]; do
        kill -0 "$server" || fail "qemu-nbd: $(<nbd.log)" || return
        sleep 0.05
    done
    timeout "$PROGRAM_SECONDS" qemu-img map --output=json --image-opts \
        "driver=nbd,server.type=unix,server.path=$socket,x-dirty-bitmap=qemu:dirty-bitmap:b" >theirs.json
    kill "$server"
    wait "$server" || true
    jq -c "map({start, length, dirty: (.data | not)}) | $DIRTY_FORM" theirs.json
}

our_dirty() {
    qcow2_info map --bitmap b --json "$@" image | jq -s -c "$DIRTY_FORM"
}

dirty_equal() {
    qemu_dirty >theirs || return
    [[ -s theirs ]] || fail 'qemu-nbd says nothing' || return
    our_dirty >ours || return
    diff -u theirs ours
}

# assert_dirty WANT: the only extents of the bitmap b, as lines of [start,length,dirty]
assert_dirty() {
    assert_equal "$(our_dirty)" "$1"
}

# ---- What qemu-nbd says -------------------------------------------------------------------------------

@test "map --bitmap: granularity of a cluster" {
    make_bitmap 4M '' 64k 'write -q -P 1 64k 64k' 'write -q -P 1 1M 300k' 'write -q -z 3M 1' 'write -q -P 1 4095k 1k'
    dirty_equal
    assert_dirty "[0,65536,false]
[65536,65536,true]
[131072,917504,false]
[1048576,327680,true]
[1376256,1769472,false]
[3145728,65536,true]
[3211264,917504,false]
[4128768,65536,true]"
}

@test "map --bitmap: granularity of a sector" {
    make_bitmap 1M '' 512 'write -q -P 1 512 512' 'write -q -P 1 4096 8192' 'write -q -P 1 100k 1536' \
        'write -q -P 1 1048064 512'
    dirty_equal
}

@test "map --bitmap: every second bit" {
    local i commands=()
    for ((i = 0; i < 64; i++)); do
        commands+=("write -q -P 1 $((i * 2048)) 1024")
    done
    make_bitmap 256K '' 1k "${commands[@]}"
    dirty_equal
    assert_equal "$(our_dirty | wc -l)" 128
}

@test "map --bitmap: granularity above a cluster" {
    make_bitmap 64M cluster_size=4k 4M 'write -q -P 1 5M 4k' 'write -q -P 1 30M 3M'
    dirty_equal
}

@test "map --bitmap: granularity above the disk" {
    make_bitmap 1M '' 16M 'write -q -P 1 5k 4k'
    dirty_equal
    assert_dirty "[0,$MIB,true]"
}

@test "map --bitmap: a clean bitmap" {
    make_bitmap 1M '' 64k
    dirty_equal
    assert_dirty "[0,$MIB,false]"
}

@test "map --bitmap: all is dirty" {
    make_bitmap 1M '' 64k 'write -q -P 1 0 1M'
    dirty_equal
    assert_dirty "[0,$MIB,true]"
}

@test "map --bitmap: clusters of 512 bytes, whose table has many entries" {
    # A cluster of bits stands for 2 MiB of the disk.
    make_bitmap 16M cluster_size=512 512 'write -q -P 1 2096640 1024' 'write -q -P 1 5M 512' \
        'write -q -P 1 8M 2M' 'write -q -P 1 16776704 512'
    dirty_equal
}

@test "map --bitmap: clusters of 2 MiB" {
    make_bitmap 64M cluster_size=2M 64k 'write -q -P 1 3M 64k' 'write -q -P 1 63M 1M'
    dirty_equal
}

@test "map --bitmap: extended L2 entries do not matter" {
    make_bitmap 4M extended_l2=on,cluster_size=16k 4k 'write -q -P 1 5k 1k' 'write -q -P 1 2M 16k'
    dirty_equal
}

@test "map --bitmap: a disk that is no multiple of the granularity" {
    make_bitmap $((MIB + 1536)) '' 64k 'write -q -P 1 1M 512'
    dirty_equal
    assert_dirty "[0,$MIB,false]
[$MIB,1536,true]"
}

@test "map --bitmap: an odd size" {
    make_bitmap 1M '' 64k 'write -q -P 1 960k 64k'
    poke_field image size 1000001
    assert_dirty '[0,983040,false]
[983040,16961,true]'
}

@test "map --bitmap: one of several bitmaps, by its name" {
    make_image image 1M ''
    qemu-img bitmap --add -g 64k image a
    write_image image 'write -q -P 1 0 64k'
    qemu-img bitmap --add -g 64k image b
    write_image image 'write -q -P 1 512k 64k'
    qemu-img bitmap --add -g 64k image bb
    assert_dirty '[0,524288,false]
[524288,65536,true]
[589824,458752,false]'
    dirty_equal
    run_qcow2_info map --bitmap a --json image
    assert_equal "$(jq -s -c 'map(.dirty)' <<<"$output")" '[true,false,true,false]'
    run_qcow2_info map --bitmap bb --json image
    assert_equal "$(jq -s -c 'map(.dirty)' <<<"$output")" '[false]'
}

@test "map --bitmap: a disabled bitmap" {
    make_bitmap 1M '' 64k 'write -q -P 1 0 64k'
    qemu-img bitmap --disable image b
    write_image image 'write -q -P 1 512k 64k'
    dirty_equal
    assert_dirty '[0,65536,true]
[65536,983040,false]'
}

# ---- Output ---------------------------------------------------------------------------------------------

@test "map --bitmap: columns under a heading" {
    make_bitmap 1M '' 64k 'write -q -P 1 64k 128k'
    run_qcow2_info map --bitmap b image
    assert_status 0
    assert_equal "${stderr-}" ''
    assert_equal "$(awk '{print $1, $2, $3}' <<<"$output")" 'start length status
0 65536 clean
65536 131072 dirty
196608 851968 clean'
    # Columns are aligned: each line is as long as the next.
    assert_equal "$(sed 's/  status$/  clean/; s/dirty$/clean/' <<<"$output" | awk '{print length}' | sort -u | wc -l)" 1
}

@test "map --bitmap --json: an object a line" {
    make_bitmap 1M '' 64k 'write -q -P 1 64k 128k'
    run_qcow2_info map --bitmap b --json image
    assert_status 0
    assert_output '{"start":0,"length":65536,"dirty":false}
{"start":65536,"length":131072,"dirty":true}
{"start":196608,"length":851968,"dirty":false}'
}

@test "map --bitmap --totals: bytes of each status" {
    make_bitmap 1M '' 64k 'write -q -P 1 64k 128k'
    run_qcow2_info map --bitmap b --totals image
    assert_status 0
    assert_equal "${#lines[@]}" 3
    [[ ${lines[0]} =~ ^dirty\ .*12\.50%.*\(131072\ bytes\) ]] || fail "${lines[0]}"
    [[ ${lines[1]} =~ ^clean\ .*87\.50%.*\(917504\ bytes\) ]] || fail "${lines[1]}"
    [[ ${lines[2]} =~ ^total\ .*100\.00%.*\(1048576\ bytes\) ]] || fail "${lines[2]}"
}

@test "map --bitmap --totals --json: one object" {
    make_bitmap 1M '' 64k 'write -q -P 1 64k 128k'
    run_qcow2_info map --bitmap b --totals --json image
    assert_status 0
    assert_equal "$(jq -c . <<<"$output")" '{"dirty":131072,"clean":917504,"total":1048576,"extents":3}'
}

@test "map --bitmap: a range" {
    make_bitmap 1M '' 64k 'write -q -P 1 64k 128k'
    run_qcow2_info map --bitmap b --json --offset 100000 --length 100000 image
    assert_status 0
    assert_output '{"start":100000,"length":96608,"dirty":true}
{"start":196608,"length":3392,"dirty":false}'
    run_qcow2_info map --bitmap b --json --offset 1M image
    assert_status 0
    assert_output ''
    run_qcow2_info map --bitmap b --json --offset 1000000 image
    assert_output '{"start":1000000,"length":48576,"dirty":false}'
    run_qcow2_info map --bitmap b --json --length 65537 image
    assert_output '{"start":0,"length":65536,"dirty":false}
{"start":65536,"length":1,"dirty":true}'
}

@test "map --bitmap --totals: of a range" {
    make_bitmap 1M '' 64k 'write -q -P 1 64k 128k'
    run_qcow2_info map --bitmap b --totals --json --offset 100000 --length 100000 image
    assert_equal "$(jq -c . <<<"$output")" '{"dirty":96608,"clean":3392,"total":100000,"extents":2}'
}

@test "map --bitmap: an offset past the end" {
    make_bitmap 1M '' 64k
    run_qcow2_info map --bitmap b --offset 2M image
    assert_status 1
    assert_output ''
    assert_one_error image 2097152 1048576
}

@test "map --bitmap: backing and data files need not be there" {
    make_bitmap 1M data_file=data 64k 'write -q -P 1 64k 128k'
    rm data
    run_qcow2_info map --bitmap b --totals --json image
    assert_status 0
    assert_equal "$(jq -c .dirty <<<"$output")" 131072
    rm image
    make_layer image 1M '' missing qcow2
    qemu-img create -q -f qcow2 missing 1M
    qemu-img bitmap --add -g 64k image b
    rm missing
    assert_dirty "[0,$MIB,false]"
}

@test "map --bitmap: excludes --host-offsets and --snapshot" {
    make_bitmap 1M '' 64k
    qemu-img snapshot -q -c s image
    local option
    for option in --host-offsets --snapshot=s; do
        run_qcow2_info map --bitmap b "$option" image
        assert_status 64
        assert_output ''
    done
}

@test "map --bitmap: --force alone is a usage error" {
    make_bitmap 1M '' 64k
    run_qcow2_info map --force image
    assert_status 64
    assert_output ''
    assert_stderr_contains '--force needs --bitmap'
}

# ---- Table entries ----------------------------------------------------------------------------------------

# A bitmap of eight table entries, each for 2 MiB, of which four and seven have bits of their own.
make_long_table() {
    make_bitmap 16M cluster_size=512 512 'write -q -P 1 9M 512' 'write -q -P 1 15M 512'
}

@test "map --bitmap: table entries of all ones" {
    make_long_table
    poke_be64 image "$(table_entry_at image 0)" 1
    poke_be64 image "$(table_entry_at image 2)" 1
    poke_be64 image "$(table_entry_at image 3)" 1
    dirty_equal
    assert_dirty "[0,$((2 * MIB)),true]
[$((2 * MIB)),$((2 * MIB)),false]
[$((4 * MIB)),$((4 * MIB)),true]
[$((8 * MIB)),$MIB,false]
[$((9 * MIB)),512,true]
[$((9 * MIB + 512)),$((6 * MIB - 512)),false]
[$((15 * MIB)),512,true]
[$((15 * MIB + 512)),$((MIB - 512)),false]"
}

@test "map --bitmap: table entries of all zeros" {
    make_long_table
    poke_be64 image "$(table_entry_at image 4)" 0
    dirty_equal
    assert_dirty "[0,$((15 * MIB)),false]
[$((15 * MIB)),512,true]
[$((15 * MIB + 512)),$((MIB - 512)),false]"
}

@test "map --bitmap: a last table entry of all ones ends with the disk" {
    make_long_table
    poke_field image size $((16 * MIB - 512))
    poke_be64 image "$(table_entry_at image 7)" 1
    dirty_equal
    [[ $(our_dirty | tail -n 1) == "[$((14 * MIB)),$((2 * MIB - 512)),true]" ]]
}

# bad_entry N VALUE TEXT...: map says which entry, and what lies in front of it
bad_entry() {
    make_long_table
    poke_be64 image "$(table_entry_at image "$1")" "$2"
    run_qcow2_info map --bitmap b --json image
    assert_status 1 || return
    assert_one_error image "bitmap table entry $1" "${@:3}" || return
    assert_equal "$(jq -s 'map(.length) | add // 0' <<<"$output")" $(($1 * 2 * MIB))
}

@test "map --bitmap: a table entry with reserved bits" {
    bad_entry 2 0x2 0x0000000000000002
    rm image
    bad_entry 3 0x8000000000000001 0x8000000000000001
}

@test "map --bitmap: a table entry with an offset and the bit of all ones" {
    bad_entry 5 $((1 << 20 | 1)) 0x0000000000100001
}

@test "map --bitmap: a table entry with an offset inside a cluster" {
    make_bitmap 1M '' 64k 'write -q -P 1 64k 128k'
    poke_be64 image "$(table_entry_at image 0)" $((1 << 20 | 512))
    run_qcow2_info map --bitmap b --json image
    assert_status 1
    assert_output ''
    assert_one_error image 'bitmap table entry 0'
}

@test "map --bitmap: bits past the end of the file" {
    make_long_table
    poke_be64 image "$(table_entry_at image 4)" $((1 << 40))
    run_qcow2_info map --bitmap b --json image
    assert_status 1
    assert_one_error image "guest offset $((8 * MIB))" $((1 << 40))
    assert_output "{\"start\":0,\"length\":$((8 * MIB)),\"dirty\":false}"
}

@test "map --bitmap: a fault outside the range is no error" {
    make_long_table
    poke_be64 image "$(table_entry_at image 2)" 2
    run_qcow2_info map --bitmap b --json --offset 6M --length 1M image
    assert_status 0
    assert_output "{\"start\":$((6 * MIB)),\"length\":$MIB,\"dirty\":false}"
}

@test "map --bitmap: a table past the end of the file" {
    make_bitmap 1M '' 64k
    poke_be64 image "$(directory_at image)" $((1 << 40))
    run_qcow2_info map --bitmap b --json image
    assert_status 1
    assert_output ''
    assert_one_error image $((1 << 40))
}

@test "map --bitmap: a table inside a cluster" {
    make_bitmap 1M '' 64k
    poke_be64 image "$(directory_at image)" $((1 << 16 | 512))
    run_qcow2_info map --bitmap b --json image
    assert_status 1
    assert_output ''
    assert_one_error image 'bitmap table'
}

@test "map --bitmap: a table that does not cover the disk" {
    make_long_table
    poke_be32 image $(($(directory_at image) + 8)) 3
    run_qcow2_info map --bitmap b --json image
    assert_status 1
    assert_one_error image '3 entries'
    assert_output "{\"start\":0,\"length\":$((6 * MIB)),\"dirty\":false}"
}

@test "map --bitmap: an invalid granularity" {
    make_bitmap 1M '' 64k
    local bits
    for bits in 00 08 20 40 ff; do
        poke image $(($(directory_at image) + 17)) $bits
        run_qcow2_info map --bitmap b --json image
        assert_status 1
        assert_output ''
        assert_one_error image granularity "$((16#$bits))"
    done
}

# ---- Bitmaps that cannot be trusted, or are not there -----------------------------------------------------

# Refused with TEXT; --force prints the stored bits.
only_with_force() {
    run_qcow2_info map --bitmap b --json image
    assert_status 1 || return
    assert_output '' || return
    assert_one_error image "$@" || return
    run_qcow2_info map --bitmap b --json --force image
    assert_status 0 || return
    assert_equal "${stderr-}" '' || return
    assert_equal "$(jq -s 'map(select(.dirty).length) | add' <<<"$output")" 131072
}

@test "map --bitmap: a bitmap in use is refused, unless --force is given" {
    make_bitmap 1M '' 64k 'write -q -P 1 64k 128k'
    local at
    at=$(($(directory_at image) + 12))
    poke_be32 image $at $(($(peek_be32 image $at) | 1))
    only_with_force 'in use'
}

@test "map --bitmap: without the autoclear bit it is refused, unless --force" {
    make_bitmap 1M '' 64k 'write -q -P 1 64k 128k'
    assert_equal "$(field image autoclear_features)" 1
    poke_field image autoclear_features 0
    only_with_force stale
}

@test "map --bitmap: --force has no effect on a sound bitmap" {
    make_bitmap 1M '' 64k 'write -q -P 1 64k 128k'
    assert_equal "$(our_dirty --force)" "$(our_dirty)"
}

@test "map --bitmap: the error about a missing name lists the bitmaps" {
    make_bitmap 1M '' 64k
    qemu-img bitmap --add image second
    local name
    for name in missing '' B bb; do
        run_qcow2_info map --bitmap "$name" image
        assert_status 1
        assert_output ''
        assert_one_error image "\"$name\"" 'b, second'
    done
}

@test "map --bitmap: an image without any says so" {
    make_image image 1M ''
    run_qcow2_info map --bitmap b image
    assert_status 1
    assert_output ''
    assert_one_error image '"b"' none
}

@test "map --bitmap: version 2 has no bitmaps" {
    make_image image 1M compat=0.10
    run_qcow2_info map --bitmap b image
    assert_status 1
    assert_output ''
    assert_one_error image none
}

@test "map --bitmap: those in front of a broken entry are found" {
    make_bitmap 1M '' 64k
    qemu-img bitmap --add image second
    local at
    at=$(directory_at image)
    # The first takes 32 bytes: 24, and its name of one byte.
    poke_be32 image $((at + 32 + 20)) 0xffffffff
    assert_dirty "[0,$MIB,false]"
    run_qcow2_info map --bitmap second image
    assert_status 1
    assert_output ''
    assert_one_error image '"second"' 'ends early'
}

@test "bitmap map: output that cannot be written ends it, not the end of the disk" {
    make_bitmap 32T '' 64k 'write -q -P 1 0 64k'
    local data
    # Half a billion extents: every table entry leads to the one cluster of bits, of which each differs
    # from its neighbours.
    data=$(($(peek_be64 image "$(table_entry_at image 0)") & OFFSET_MASK))
    head -c 64K /dev/zero | tr '\0' '\125' | place image $data
    copied_entries 1024 $data 0 | tr '\200' '\0' | place image "$(table_entry_at image 0)"
    run bash -c "ulimit -t $(effort 50)"'; "$QCOW2_INFO" map --json --bitmap b image >/dev/full'
    assert_status 1
    assert_output_contains 'No space left'
    assert_equal "${#lines[@]}" 1
}

# ---- Several bitmaps ------------------------------------------------------------------------------------

# make_three: image of 8 MiB with the bitmaps a (512 bytes), b (64 KiB) and c (1 MiB), each of other writes
make_three() {
    make_image image 8M "${1-}"
    qemu-img bitmap --add -g 512 image a
    write_image image 'write -q -P 1 512 512' 'write -q -P 1 100k 1k' 'write -q -P 1 3M 200k'
    qemu-img bitmap --disable image a
    qemu-img bitmap --add -g 64k image b
    write_image image 'write -q -P 1 64k 64k' 'write -q -P 1 3100k 200k' 'write -q -P 1 8191k 1k'
    qemu-img bitmap --disable image b
    qemu-img bitmap --add -g 1M image c
    write_image image 'write -q -P 1 5M 1k' 'write -q -P 1 7M 1k'
}

# merged NAME...: what qemu-img merges of these bitmaps of image into a new bitmap, the bitmap of qemu_dirty
merged() {
    cp image merged.qcow2
    local name
    qemu-img bitmap --remove merged.qcow2 b
    qemu-img bitmap --add -g 512 merged.qcow2 b
    for name in "$@"; do
        qemu-img bitmap --merge "$name" -b image -F qcow2 merged.qcow2 b || return
    done
    mv image image.kept
    mv merged.qcow2 image
    qemu_dirty
    mv image.kept image
}

# union_equal NAME...: map of these bitmaps together is what qemu-img merges them to
union_equal() {
    local -a options=()
    local name
    for name in "$@"; do
        options+=(--bitmap "$name")
    done
    merged "$@" >theirs || return
    qcow2_info map --json "${options[@]}" image | jq -s -c "$DIRTY_FORM" >ours || return
    diff -u theirs ours
}

@test "map --bitmap: several are their union, whatever their granularities" {
    local options
    for options in '' cluster_size=512 cluster_size=2M; do
        rm -f image
        make_three "$options"
        union_equal a b
        union_equal b a
        union_equal a c
        union_equal c b a
        union_equal b
        union_equal a a
    done
}

@test "map --bitmap: of several, the JSON has the keys of one, and no neighbours are alike" {
    make_three
    run_qcow2_info map --json --bitmap a --bitmap b --bitmap c image
    assert_status 0
    assert_equal "${stderr-}" ''
    assert_output '{"start":0,"length":512,"dirty":false}
{"start":512,"length":512,"dirty":true}
{"start":1024,"length":64512,"dirty":false}
{"start":65536,"length":65536,"dirty":true}
{"start":131072,"length":3014656,"dirty":false}
{"start":3145728,"length":262144,"dirty":true}
{"start":3407872,"length":1835008,"dirty":false}
{"start":5242880,"length":1048576,"dirty":true}
{"start":6291456,"length":1048576,"dirty":false}
{"start":7340032,"length":1048576,"dirty":true}'
    run_qcow2_info map --totals --json --bitmap a --bitmap b --offset 1M --length 3M image
    assert_equal "$(jq -c . <<<"$output")" '{"dirty":262144,"clean":2883584,"total":3145728,"extents":3}'
}

@test "map --bitmap: one of several that cannot be trusted or read is an error that names it" {
    make_three
    qemu-img bitmap --add image d
    local at
    at=$(directory_at image)
    # The entries take 32 bytes each: 24, and a name of one byte.
    poke_be32 image $((at + 32 + 12)) 1
    run_qcow2_info map --bitmap a --bitmap b image
    assert_status 1
    assert_output ''
    assert_one_error image 'bitmap "b"' 'in use'
    run_qcow2_info map --bitmap b --bitmap a --force image
    assert_status 0
    run_qcow2_info map --bitmap a --bitmap missing image
    assert_status 1
    assert_output ''
    assert_one_error image '"missing"' 'a, b, c, d'
    # A fault of one is reported even where the other is dirty.
    poke_be64 image "$(peek_be64 image $((at + 64)))" $((1 << 40))
    poke_be64 image "$(peek_be64 image "$at")" 1
    run_qcow2_info map --bitmap a --bitmap c image
    assert_status 1
    assert_one_error image 'bitmap "c"' 'guest offset 0'
}

@test "map --bitmap: a name that two bitmaps have is refused" {
    make_three
    poke image $(($(directory_at image) + 32 + 24)) 61
    run_qcow2_info map --bitmap a image
    assert_status 1
    assert_output ''
    assert_one_error image '2 bitmaps have the name "a"'
}

@test "map --bitmap: up to 64 at a time" {
    make_bitmap 1M '' 64k 'write -q -P 1 64k 128k'
    local options=()
    while [[ ${#options[@]} -lt 128 ]]; do
        options+=(--bitmap b)
    done
    run_qcow2_info map --json "${options[@]}" image
    assert_status 0
    local json=$output
    run_qcow2_info map --json --bitmap b image
    assert_output "$json"
    run_qcow2_info map "${options[@]}" --bitmap b image
    assert_status 64
    assert_stderr_contains '--bitmap is given more than 64 times'
}
