#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# qcow2-info map --since: what is called unchanged reads the same, by the bytes that qemu-img reads of both
# disks; and nothing more is called changed than the tables make necessary, by a parser of a few lines.

# Without sanitizers: `make fuzz` runs map with them.

load ../helpers/load
load ../helpers/tables

# tables_say IMAGE X Y: for each 512 bytes of the disk of snapshot Y (an id; 0 is the active disk) "changed" or
# "unchanged", merged into lines "start length word": where the entries of both, of standard or extended L2
# tables, differ, and not both read as zeros. What the layer below has is in the file base.map, as qemu-img map
# prints it, when there is one.
make_tables_say() {
    cat >tables_say.py <<'END'
import json, os, struct, sys
file = open(sys.argv[1], "rb").read()
def be(at, size): return int.from_bytes(file[at:at + size], "big")
version, bits = be(4, 4), be(20, 4)
extended = version == 3 and be(72, 8) >> 4 & 1
cluster, entry_size = 1 << bits, 16 if extended else 8
per_table = cluster // entry_size
MASK = 0x00fffffffffffe00
disks = {"0": (be(40, 8), be(36, 4), be(24, 8))}
at = be(64, 8)
for i in range(be(60, 4)):
    l1, size, id_size, name_size, extra = be(at, 8), be(at + 8, 4), be(at + 12, 2), be(at + 14, 2), be(at + 36, 4)
    name = file[at + 40 + extra:at + 40 + extra + id_size].decode()
    disks[name] = (l1, size, be(at + 48, 8) if extra >= 16 else be(24, 8))
    at += (40 + extra + id_size + name_size + 7) // 8 * 8
base = json.load(open("base.map")) if os.path.exists("base.map") else []
def below(guest):
    for e in base:
        if e["start"] <= guest < e["start"] + e["length"] and not e["zero"]:
            return "below"
    return "zero"
def part(disk, guest):
    l1, size, end = disks[disk]
    if guest >= end: return "zero"
    index = guest >> bits
    if index // per_table >= size: return below(guest)
    l2 = be(l1 + 8 * (index // per_table), 8) & MASK
    if not l2: return below(guest)
    entry = be(l2 + entry_size * (index % per_table), 8)
    if entry >> 62 & 1: return ("compressed", entry & ~(1 << 63))
    host = entry & MASK
    if extended:
        sub = (guest % cluster) * 32 // cluster
        bitmap = be(l2 + entry_size * (index % per_table) + 8, 8)
        if bitmap >> 32 + sub & 1: return "zero"
        return ("data", host) if bitmap >> sub & 1 else below(guest)
    if version == 3 and entry & 1: return "zero"
    return ("data", host) if host else below(guest)
lines = []
for guest in range(0, disks[sys.argv[3]][2], 512):
    word = "unchanged" if part(sys.argv[2], guest) == part(sys.argv[3], guest) else "changed"
    if lines and lines[-1][2] == word: lines[-1][1] += 512
    else: lines.append([guest, 512, word])
for line in lines: print(*line)
END
}

# reads_the_same RAW_THEN RAW_NOW: of the lines on standard input, those that say "unchanged" of bytes that
# differ, where the shorter disk has zeros; none, or it fails
reads_the_same() {
    python3 -c '
import sys
then, now = (open(name, "rb").read() for name in sys.argv[1:])
for line in sys.stdin:
    start, length, word = line.split()
    start, end = int(start), int(start) + int(length)
    if word == "unchanged" and then[start:end].ljust(end - start, b"\0") != now[start:end]:
        sys.exit("not unchanged: " + line)' "$1" "$2"
}

# as_lines ARGUMENT...: what map --since prints, without blanks and the heading
as_lines() {
    qcow2_info map "$@" | sed -e 1d -e 's/^ *//' -e 's/  */ /g'
}

# as_objects ARGUMENT...: the same of --json, neighbours merged
as_objects() {
    qcow2_info map --json "$@" | jq -r '[.start, .length, if .changed then "changed" else "unchanged" end] | @tsv' |
        awk '$3 == word { size += $2; next } word { print start, size, word } { start = $1; size = $2; word = $3 }
            END { print start, size, word }'
}

# changes_are_right IMAGE: since each snapshot, for the active disk and for each snapshot
changes_are_right() {
    local image=$1 x y since=() raws=()
    require_tool python3 jq
    [[ -e tables_say.py ]] || make_tables_say
    # A hole that QEMU left inside a cluster reads as zeros, which is more than the tables say.
    cp --sparse=never "$image" dense && mv dense "$image" || return
    raws[0]=raw.0 && qemu-img convert -t unsafe -f qcow2 -O raw "$image" raw.0 || return
    for x in 1 2; do
        raws[x]=raw.$x && qemu-img convert -t unsafe -f qcow2 -O raw -l "snapshot.id=$x" "$image" raw.$x || return
    done
    for x in 1 2; do
        for y in 0 1 2; do
            since=(--since "$x")
            [[ $y -eq 0 ]] || since+=(--snapshot "$y")
            as_lines "${since[@]}" "$image" >ours || return
            python3 tables_say.py "$image" $x $y >want || return
            diff want ours || fail "since $x, of $y: not what the tables say" || return
            [[ $y -ne 0 ]] || as_objects "${since[@]}" "$image" | diff ours - || fail "since $x, of $y: --json" || return
            reads_the_same "${raws[x]}" "${raws[y]}" <ours || fail "since $x, of $y" || return
        done
    done
}

# change_image IMAGE OPTIONS KIB COUNT: as $RANDOM has it; zeros where there can be some
change_image() {
    local commands=() i at size
    for ((i = 0; i < $4; i++)); do
        at=$((RANDOM % ($3 - 200)))
        size=$((1 + RANDOM % 100))
        case $((RANDOM % 4)) in
        0 | 1) commands+=(-c "write -q -P $((1 + RANDOM % 255)) ${at}k ${size}k") ;;
        2) commands+=(-c "write -q -P $((1 + RANDOM % 255)) $((at * 1024 + 512)) 512") ;;
        3) [[ $2 == *compat=0.10* ]] || commands+=(-c "write -q -z ${at}k ${size}k") ;;
        esac
    done
    qemu-io -t unsafe -f qcow2 "${commands[@]}" "$1" >/dev/null
}

# random_changes SEED OPTIONS [BASE]
random_changes() {
    local size=2048
    RANDOM=$1
    rm -f image base.map
    if [[ ${3:-} ]]; then
        qemu-img create -q -f qcow2 -o "$2" -b base -F "$3" image ${size}k || return
        qemu-img map -f "$3" --output=json base >base.map || return
    else
        qemu-img create -q -f qcow2 -o "$2" image ${size}k || return
    fi
    change_image image "$2" $size 12 && qemu-img snapshot -c one image && change_image image "$2" $size 4 &&
        qemu-img snapshot -c two image && change_image image "$2" $size 3 || return
    changes_are_right image || fail "seed $1"
}

@test "map --since: random images of version 3" {
    random_changes 1 cluster_size=4k
    random_changes 2 cluster_size=4k
}

@test "map --since: random images of version 2, in the smallest clusters" {
    random_changes 11 cluster_size=512,compat=0.10
}

@test "map --since: random images in clusters of 64 KiB, with lazy refcounts" {
    random_changes 21 lazy_refcounts=on
}

@test "map --since: random images with extended L2 entries" {
    random_changes 31 extended_l2=on,cluster_size=32k
    random_changes 32 extended_l2=on,cluster_size=32k
}

@test "map --since: random images over a backing file" {
    qemu-img create -q -f qcow2 base 1M
    qemu-io -f qcow2 -t unsafe -c 'write -q -P 7 128k 512k' -c 'write -q -z 256k 128k' base >/dev/null
    random_changes 41 cluster_size=4k qcow2
    random_changes 42 extended_l2=on,cluster_size=16k qcow2
}

@test "map --since: compressed clusters" {
    make_image image 1M cluster_size=4k 'write -q -c -P 0x11 0 64k' 'write -q -P 0x12 64k 64k'
    qemu-img snapshot -c one image
    write_image image 'write -q -P 0x13 8k 4k' 'write -q -c -P 0x14 512k 8k'
    qemu-img snapshot -c two image
    write_image image 'write -q -P 0x15 64k 512'
    changes_are_right image
    run_qcow2_info map --json --since one image
    assert_equal "$(jq -c 'select(.changed) | [.start, .length, .allocated, .zero, .compressed]' <<<"$output")" \
        "$(printf '[8192,4096,true,false,false]\n[65536,4096,true,false,false]\n[524288,8192,true,false,true]')"
}

@test "map --since: zeros that stayed zeros are unchanged, however they are written down" {
    make_image image 1M '' 'write -q -z 0 64k' 'write -q -P 0x11 512k 128k'
    qemu-img snapshot -c one image
    # Zeros over a hole, over zeros and over data; and the zeros of data that was never written.
    write_image image 'write -q -z 128k 64k' 'write -q -z 0 64k' 'write -q -z 512k 64k' 'write -q -P 0 256k 64k'
    as_lines --since one image >got
    diff got - <<'END'
0 262144 unchanged
262144 65536 changed
327680 196608 unchanged
524288 65536 changed
589824 458752 unchanged
END
    assert_equal "$(qcow2_info map --json --since one image | jq -c 'select(.changed) | [.start, .zero]')" \
        "$(printf '[262144,false]\n[524288,true]')"
}

@test "map --since: disks of different sizes" {
    make_image image 1M '' 'write -q -P 0x11 0 64k'
    qemu-img snapshot -c one image
    # QEMU resizes version 3 with snapshots.
    qemu-img resize -q image 2M
    write_image image 'write -q -P 0x22 1536k 64k' 'write -q -z 1792k 64k'
    qemu-img snapshot -c two image
    changes_are_right image
    assert_equal "$(as_lines --since one image | grep -w changed)" "$((1536 * 1024)) 65536 changed"
    # The other way round: of a disk that was longer.
    assert_equal "$(as_lines --since two --snapshot one image)" '0 1048576 unchanged'
}

@test "map --since: the range, totals and host offsets" {
    make_image image 1M '' 'write -q -P 0x11 0 256k'
    qemu-img snapshot -c one image
    write_image image 'write -q -P 0x22 64k 64k'
    run_qcow2_info map --since one --offset 96k --length 64k image
    assert_output "$(printf '%7s  %7s  status\n%7d  %7d  changed\n%7d  %7d  unchanged' start length 98304 32768 131072 32768)"
    run_qcow2_info map --since one --totals --json image
    assert_equal "$(jq -c . <<<"$output")" '{"changed":65536,"unchanged":983040,"total":1048576,"extents":3}'
    run_qcow2_info map --since one --host-offsets --json image
    assert_equal "$(jq -c 'select(.changed) | [.start, .length, .depth, .offset, .file]' <<<"$output")" \
        "[65536,65536,0,$(host_offset image 65536),\"image\"]"
}

@test "map --since: a table that is broken names the snapshot" {
    make_image image 1M '' 'write -q -P 0x11 0 256k'
    qemu-img snapshot -c one image
    write_image image 'write -q -P 0x22 64k 64k'
    local snapshot_l1
    snapshot_l1=$(peek_be64 image "$(field image snapshots_offset)")
    poke_be64 image "$snapshot_l1" $((COPIED | 1 << 40))
    qcow2_info map image >/dev/null
    run_qcow2_info map --since one image
    assert_status 1
    assert_one_error image 'snapshot "one": '
    run_qcow2_info map --since nothing image
    assert_status 1
    assert_one_error image 'there is no snapshot "nothing"'
    run_qcow2_info map --since one --bitmap x image
    assert_status 64
    assert_stderr_contains --since
}
