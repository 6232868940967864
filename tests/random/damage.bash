# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Damages an image at a random place, most often in its metadata: damage SEED IMAGE. To be sourced.
# The same seed damages the same image in the same way. Says what it did in one line.

# ---- Chance -----------------------------------------------------------------------------------

# A linear congruential generator, of which the better half of the bits is used.
damage_state=0

# random N: sets R to one of 0..N-1
random() {
    damage_state=$((damage_state * 6364136223846793005 + 1442695040888963407))
    R=$(((damage_state >> 33 & 0x7fffffff) % $1))
}

# pick WORD...: sets R to one of them
pick() {
    random $#
    shift "$R"
    R=$1
}

# ---- Bytes ------------------------------------------------------------------------------------

# peek_u64 OFFSET: sets R to the number there; false past the end of the file
peek_u64() {
    local hex
    [[ $1 -ge 0 ]] || return
    hex=$(od -An -v -tx1 -j "$1" -N 8 -- "$image" 2>/dev/null) || return
    hex=${hex//[[:space:]]/}
    [[ ${#hex} -eq 16 ]] && R=$((0x$hex))
}

# poke_u OFFSET BYTES VALUE
poke_u() {
    local hex
    printf -v hex '%016x' "$3"
    hex=${hex:16-2*$2}
    # shellcheck disable=SC2001,SC2059 # the format is the bytes
    printf "$(sed 's/../\\x&/g' <<<"$hex")" |
        dd of="$image" bs=64k oflag=seek_bytes seek="$1" conv=notrunc status=none
}

# ---- The image --------------------------------------------------------------------------------

# Reads the header to variables of the caller.
read_header() {
    local bytes
    bytes=$(od -An -v -tx1 -N 104 -- "$image") && bytes=${bytes//[[:space:]]/} || return
    file_size=$(stat -c %s -- "$image")
    version=$((0x${bytes:8:8}))
    cluster_bits=$((0x${bytes:40:8}))
    l1_size=$((0x${bytes:72:8}))
    l1_offset=$((0x${bytes:80:16}))
    refcount_table=$((0x${bytes:96:16}))
    snapshots=$((0x${bytes:120:8}))
    snapshots_offset=$((0x${bytes:128:16}))
    l2_entry_size=8
    refcount_order=4
    if ((version >= 3)); then
        ((!(0x${bytes:144:16} >> 4 & 1))) || l2_entry_size=16
        refcount_order=$((0x${bytes:192:8}))
    fi
    cluster=$((1 << cluster_bits))
}

# in_file OFFSET
in_file() {
    (($1 > 0 && $1 < file_size))
}

# used_entry TABLE COUNT SIZE: sets AT to the offset of one of the entries of a table that are not 0,
# of any entry when there seem to be none
used_entry() {
    local try
    for try in 1 2 3 4 5 6 7 8; do
        random "$2"
        ((try > 4)) || R=$((R % 8 % $2)) # most often a table is used from its beginning
        AT=$(($1 + R * $3))
        peek_u64 "$AT" && ((R != 0)) && return
    done
    ((AT < file_size))
}

# The places: each sets AT and WIDTH (bytes of the field) and WHAT; false when the image has none.
# Those of snapshots also set l1_offset and l1_size.
place_header() {
    pick '24 8 size' '36 4 l1_size' '40 8 l1_table_offset' '48 8 refcount_table_offset' \
        '56 4 refcount_table_clusters' '60 4 nb_snapshots' '64 8 snapshots_offset' \
        '72 8 incompatible_features' '80 8 compatible_features' '88 8 autoclear_features' \
        '96 4 refcount_order' '100 4 header_length' '8 8 backing_file_offset' '20 4 cluster_bits' \
        '32 4 crypt_method' '104 8 extension' '112 8 extension' '120 8 extension'
    read -r AT WIDTH WHAT <<<"$R"
    ((version >= 3 || AT < 72)) || return
    WHAT="header field $WHAT"
}

place_l1() {
    ((l1_size > 0)) && used_entry "$l1_offset" "$l1_size" 8 || return
    WIDTH=8 WHAT='L1 entry'
}

place_l2() {
    place_l1 && peek_u64 "$AT" && R=$((R & 0xfffffffffffe00)) && in_file "$R" || return
    used_entry "$R" $((cluster / l2_entry_size)) "$l2_entry_size" || return
    WIDTH=8 WHAT='L2 entry'
    if ((l2_entry_size == 16)); then
        random 3
        ((R > 0)) || AT=$((AT + 8)) WHAT='subclusters'
    fi
}

place_refcount_table() {
    used_entry "$refcount_table" $((cluster / 8)) 8 || return
    WIDTH=8 WHAT='refcount table entry'
}

place_refcount() {
    local clusters=$((file_size / cluster + 1)) bytes
    place_refcount_table && peek_u64 "$AT" && ((R != 0)) && in_file "$R" || return
    AT=$R
    bytes=$(((clusters << refcount_order) / 8 + 1))
    ((bytes <= cluster)) || bytes=$cluster
    random "$bytes"
    WIDTH=$((refcount_order > 3 ? 1 << (refcount_order - 3) : 1))
    AT=$((AT + R / WIDTH * WIDTH)) WHAT='refcount'
}

# Without going through the table entry by entry: the first snapshot.
place_snapshot() {
    ((snapshots > 0)) && in_file "$snapshots_offset" || return
    pick '0 8 l1_table_offset' '8 4 l1_size' '12 2 id size' '14 2 name size' '36 4 extra size' '48 8 disk size'
    read -r AT WIDTH WHAT <<<"$R"
    AT=$((AT + snapshots_offset)) WHAT="snapshot's $WHAT"
}

snapshot_l1() {
    ((snapshots > 0)) && in_file "$snapshots_offset" || return
    peek_u64 "$snapshots_offset" && l1_offset=$R || return
    peek_u64 $((snapshots_offset + 8)) && l1_size=$((R >> 32 & 0xffffffff)) || return
}

place_snapshot_l1() {
    snapshot_l1 && place_l1 && WHAT="snapshot's L1 entry"
}

place_snapshot_l2() {
    snapshot_l1 && place_l2 && WHAT="snapshot's $WHAT"
}

# The bitmap directory, by the extension; then its first entry, or that one's table.
bitmap_directory() {
    local at=104 type
    ((version >= 3)) && peek_u64 100 && at=$((R >> 32 & 0xffffffff)) || return
    while peek_u64 "$at" && type=$((R >> 32 & 0xffffffff)) && ((type != 0 && at < cluster)); do
        if ((type == 0x23852875)); then
            peek_u64 $((at + 24)) && in_file "$R"
            return
        fi
        at=$((at + 8 + ((R & 0xffffffff) + 7) / 8 * 8))
    done
    return 1
}

place_bitmap() {
    local directory
    bitmap_directory && directory=$R || return
    pick '0 8 table offset' '8 4 table size' '12 4 flags' '16 1 type' '17 1 granularity' '18 2 name size' \
        '20 4 extra size'
    read -r AT WIDTH WHAT <<<"$R"
    AT=$((AT + directory)) WHAT="bitmap's $WHAT"
}

place_bitmap_table() {
    bitmap_directory && peek_u64 "$R" && in_file "$R" && used_entry "$R" 2 8 || return
    WIDTH=8 WHAT='bitmap table entry'
}

place_anywhere() {
    ((file_size > 8)) || return
    random $((file_size / 8))
    AT=$((R * 8)) WIDTH=8 WHAT='bytes'
}

# ---- What is put there ------------------------------------------------------------------------

# new_value: from the number at AT, VALUE; both with WIDTH bytes
new_value() {
    local old=$1 bits=$((WIDTH * 8)) clusters=$((file_size / cluster))
    random 100
    if ((R < 40)); then
        random "$bits"
        VALUE=$((old ^ 1 << R))
    elif ((R < 50)); then
        pick 0 0 1 2 -1 -2 $((1 << (bits - 1)))
        VALUE=$R
    elif ((R < 58)); then
        pick $((1 << 63)) $((1 << 62)) 512 $((file_size - cluster)) $((file_size)) $((file_size + cluster)) \
            $((0xfffffffffffe00)) $((1 << 55)) $((cluster / 2))
        VALUE=$((old & 1 << 63 | R))
    elif ((R < 80)); then
        # Another cluster of the file, whatever it is used for.
        random $((clusters + 2))
        VALUE=$((old & ~0xfffffffffffe00 | R * cluster))
    elif ((R < 90)); then
        pick $((cluster)) $((-cluster)) 512 1 -1
        VALUE=$((old + R))
    else
        # What stands beside it.
        peek_u64 $((AT + WIDTH)) || R=0
        VALUE=$((R >> (64 - bits)))
    fi
}

cut_file() {
    random 1000
    R=$((file_size * (R + 1) / 1001))
    truncate -s "$R" -- "$image"
    echo "cut to $R bytes"
}

# damage SEED IMAGE
damage() {
    local image=$2 try version cluster_bits cluster file_size l1_size l1_offset refcount_table snapshots
    local snapshots_offset l2_entry_size refcount_order AT WIDTH WHAT VALUE old
    damage_state=$(($1 * 0x5851f42d4c957f2d + 0x14057b7ef767814f))
    for try in 1 2 3 4; do random 2; done
    read_header || return
    random 100
    ((R >= 4)) || { cut_file && return; }
    for try in 1 2 3 4 5 6 7 8 9; do
        pick header l1 l1 l1 l2 l2 l2 l2 l2 l2 refcount_table refcount_table refcount refcount refcount \
            snapshot snapshot snapshot_l1 snapshot_l2 snapshot_l2 bitmap bitmap_table anywhere
        "place_$R" && peek_u64 "$AT" && break
        read_header || return
    done
    peek_u64 "$AT" || return
    old=$((WIDTH == 8 ? R : R >> (64 - WIDTH * 8) & (1 << WIDTH * 8) - 1))
    new_value "$old"
    ((WIDTH == 8)) || VALUE=$((VALUE & (1 << WIDTH * 8) - 1))
    poke_u "$AT" "$WIDTH" "$VALUE" || return
    printf '%s at %d: 0x%0*x, was 0x%0*x\n' "$WHAT" "$AT" $((WIDTH * 2)) "$VALUE" $((WIDTH * 2)) "$old"
}
