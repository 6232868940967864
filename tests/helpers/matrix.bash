# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The images of the matrix tests, for bats files that begin with:  load ../helpers/load
#                                                                  load ../helpers/matrix
#
# One image is made for each cluster size c from 512 bytes to 2 MiB; everything in it is placed and
# measured in clusters, so that it means the same at every size. What it holds is in write_overlay().

CLUSTER_SIZES=(512 1024 2048 4096 8192 16384 32768 65536 131072 262144 524288 1048576 2097152)

# Bytes of the disk: no whole number of clusters from 2 KiB on. Small clusters have three L2 tables.
disk_size() {
    local clusters=24
    [[ $1 -gt 4096 ]] || clusters=$(($1 / 4 + 12))
    echo $(($1 * clusters + 1536))
}

# The cluster size of the backing file for an overlay with this one: small ones lie below large ones.
other_cluster_size() {
    echo $((512 * 2097152 / $1))
}

# A page of lines that compress, as long as the largest cluster.
make_text() {
    local line=0 text=''
    for ((line = 0; line < 512; line++)); do
        printf -v text '%sThis is line %04d, and it has as many bytes as all the other lines.\n' "$text" "$line"
    done
    for ((line = 0; line < 64; line++)); do
        printf '%s' "$text"
    done | head -c $((2 << 20)) >"$1"
}

# qemu_io FORMAT FILE COMMAND...: one qemu-io that runs all the commands
qemu_io() {
    local format=$1 file=$2 arguments=() command qemu_image our_key
    shift 2
    for command in "$@"; do
        arguments+=(-c "$command")
    done
    if [[ $format == qcow2 ]]; then
        qemu_opens "$file" || return
    else
        qemu_image=(-f "$format" "$file")
    fi
    if ! timeout -k 5 "$PROGRAM_SECONDS" qemu-io -t unsafe "${arguments[@]}" "${qemu_image[@]}" \
        >qemu-io.log 2>&1 || [[ -s qemu-io.log ]]; then
        fail "qemu-io $file: $(cat qemu-io.log)"
    fi
}

# write_base FORMAT FILE C SIZE: what a backing file of this many bytes holds: data, some of it over
# the edge of a cluster, data up to its very end, zeros, and holes between them
write_base() {
    local c=$3 size=$4 commands=()
    commands+=("write -q -P 0x21 $((3 * c)) $((2 * c))")
    commands+=("write -q -P 0x22 $((5 * c)) 512")
    commands+=("write -q -P 0x23 $((6 * c)) $((3 * c + 512))")
    if [[ $size -gt $((20 * c)) ]]; then
        commands+=("write -q -P 0x24 $((11 * c)) $((8 * c))")
        commands+=("write -q -z $((15 * c)) $c")
    fi
    [[ $1 == raw ]] || commands+=("write -q -P 0x25 $(((size - 1024) / 512 * 512)) 1024")
    qemu_io "$1" "$2" "${commands[@]}" || return
    [[ $1 == qcow2 ]] || printf 'The end of a raw file.' |
        dd of="$2" bs=64k oflag=seek_bytes seek=$((size - 22)) conv=notrunc status=none
}

# create_qcow2 ARGUMENT...: qemu-img create; helpers/encryption has its own
create_qcow2() {
    qemu-img create -q -f qcow2 "$@"
}

# make_qcow2_base FILE C SIZE
make_qcow2_base() {
    qemu-img create -q -f qcow2 -o "cluster_size=$(other_cluster_size "$2")" "$1" "$3" &&
        write_base qcow2 "$1" "$2" "$3"
}

# make_raw_base FILE C SIZE: of just this many bytes, which need not be whole sectors
make_raw_base() {
    truncate -s "$3" "$1" && write_base raw "$1" "$2" "$3"
}

make_bases_of() {
    local c=$1 size
    size=$(disk_size "$c")
    mkdir "$c" && cd "$c" || return
    make_qcow2_base short "$c" $((10 * c + 1536)) || return
    make_qcow2_base equal "$c" "$size" || return
    make_qcow2_base long "$c" $((size + 5 * c + 512)) || return
    make_raw_base raw-short "$c" $((13 * c + 777)) || return
    make_raw_base raw-sectors "$c" $((13 * c + 512)) || return
    make_raw_base raw-long "$c" $((size + 3 * c + 1)) || return
    # A chain: a shorter qcow2 file on a longer raw one.
    qemu-img create -q -f qcow2 -o "cluster_size=$(other_cluster_size "$c")" -b raw-long -F raw \
        chain $((10 * c + 1536)) || return
    qemu_io qcow2 chain "write -q -P 0x26 $((4 * c)) $c" "write -q -z $((7 * c)) $c" \
        "discard -q $((8 * c)) $c"
}

# make_bases FOLDER: every backing file of the matrix: $BASES/C/KIND. For setup_file.
make_bases() {
    local c jobs=()
    require_tool qemu-img qemu-io jq
    export BASES=$1
    mkdir -p "$BASES" && make_text "$BASES/text" || return
    for c in "${CLUSTER_SIZES[@]}"; do
        (cd "$BASES" && make_bases_of "$c") &
        jobs+=($!)
    done
    for c in "${jobs[@]}"; do
        wait "$c" || return
    done
}

# Makes QEMU and us find out ourselves what the backing file is: the extension that names its format
# becomes one that nobody knows.
forget_backing_format() {
    local at=112 type length
    [[ $(field "$1" version) == 3 ]] || at=72
    while type=$(peek "$1" "$at" 4) && [[ $type != e2792aca ]]; do
        [[ $type && $type != 00000000 ]] || fail "$1 does not name the format of its backing file" || return
        length=$(peek_be32 "$1" $((at + 4)))
        at=$((at + 8 + (length + 7) / 8 * 8))
    done
    poke "$1" "$at" e279268f
}

# make_overlay FILE C OPTIONS BASE: an empty image, BASE being none or a backing file's kind; after a
# kind "-unnamed" may stand: the image then does not name its format
make_overlay() {
    local file=$1 c=$2 options=$3 base=$4 format=qcow2 backing=()
    if [[ $base != none ]]; then
        [[ $base != raw-* ]] || format=raw
        backing=(-b "$BASES/$c/${base%-unnamed}" -F "$format")
    fi
    rm -f "$file"
    create_qcow2 -o "cluster_size=$c,$options" "${backing[@]}" "$file" "$(disk_size "$c")" || return
    [[ $base != *-unnamed ]] || forget_backing_format "$file"
}

# write_overlay FILE C COMPRESSED: all kinds of clusters, many beside one of another kind
write_overlay() {
    local c=$2 half=$(($2 / 2 & ~511)) size commands=()
    size=$(disk_size "$c")
    commands+=(
        # Data; a part of it zeroed, a part of it thrown away.
        "write -q -P 0x11 0 $((3 * c))"
        "write -q -z $c $c"
        "discard -q $((2 * c)) $c"
        # Data that begins and ends inside clusters, on what the backing file has.
        "write -q -P 0x12 $((5 * c + half)) $c"
        "write -q -P 0x13 $((9 * c + half)) 512"
        # Zeros, with and without keeping clusters, and over half a cluster.
        "write -q -z -u $((4 * c)) $c"
        "write -q -z $((7 * c + half)) $((2 * c))"
        # The very end, where the last cluster may be none.
        "write -q -P 0x14 $((size - 512)) 512"
    )
    # On both sides of the edges between L2 tables.
    [[ $c -gt 4096 ]] ||
        commands+=("write -q -P 0x15 $((c * c / 8 - c)) $((2 * c))" "write -q -z $((c * c / 4 - c)) $((2 * c))")
    if [[ $3 == compressed ]]; then
        commands+=(
            "write -q -c -P 0x16 $((12 * c)) $((2 * c))"
            "write -q -c -s $BASES/text $((14 * c)) $c"
            "write -q -c -s $BASES/text $((18 * c)) $((2 * c))"
            "write -q -P 0x17 $((13 * c + half)) 512"
            "discard -q $((19 * c)) $c"
        )
    fi
    qemu_io qcow2 "$1" "${commands[@]}"
}

# What extended L2 entries add: runs of subclusters of each kind, beside each other and over the edges
# of clusters.
write_subclusters() {
    local c=$2 s=$(($2 / 32)) size commands=()
    size=$(disk_size "$c")
    commands+=(
        "write -q -P 0x31 0 $c"
        "write -q -P 0x32 $((c + 3 * s)) $((2 * s))"
        "write -q -P 0x33 $((c + 9 * s + (s / 2 & ~511))) 512"
        "write -q -z $((c + 12 * s)) $((4 * s))"
        "write -q -z -u $((c + 20 * s)) $s"
        "write -q -z $((2 * c)) $c"
        "write -q -P 0x34 $((3 * c)) $c"
        "discard -q $((3 * c + 4 * s)) $((4 * s))"
        "discard -q $((3 * c + 30 * s)) $((2 * s))"
        "write -q -z $((4 * c + 5 * s)) $((10 * s))"
        "write -q -P 0x35 $((5 * c - s)) $((2 * s))"
        "write -q -P 0x36 $((10 * c)) $((3 * c))"
        "write -q -z $((10 * c + 31 * s)) $((2 * s))"
        "discard -q $((11 * c)) $c"
        "write -q -z -u $((12 * c)) $c"
        "write -q -P 0x37 $((size - 512)) 512"
    )
    if [[ $3 == compressed ]]; then
        commands+=(
            "write -q -c -P 0x38 $((6 * c)) $((2 * c))"
            "write -q -c -s $BASES/text $((8 * c)) $((2 * c))"
            "write -q -P 0x39 $((6 * c + 2 * s)) $s"
            "write -q -z $((9 * c + 31 * s)) $((2 * s))"
        )
    fi
    qemu_io qcow2 "$1" "${commands[@]}"
}

# for_each_image CHECK OPTIONS COMPRESSED BASE: makes the image of each cluster size, with these options
# of qemu-img create, and checks it. COMPRESSED is compressed or plain.
for_each_image() {
    local c write=write_overlay
    for c in "${CLUSTER_SIZES[@]}"; do
        if [[ $2 == *extended_l2=on* ]]; then
            [[ $c -ge 16384 ]] || continue
            write=write_subclusters
        fi
        make_overlay image "$c" "$2" "$4" || fail "cluster size $c: cannot be made" || return
        "$write" image "$c" "$3" || fail "cluster size $c: cannot be written" || return
        "$1" image || fail "cluster size $c" || return
    done
}

# both_ways_equal IMAGE: cat into a pipe and, up to 64 KiB, cat into a file give what qemu-img reads.
both_ways_equal() {
    local statuses qemu_image our_key
    qemu_opens "$1" || return
    timeout -k 5 "$PROGRAM_SECONDS" qemu-img convert -t unsafe "${qemu_image[@]}" -O raw theirs || return
    qcow2_info cat "${our_key[@]}" "$1" | cmp - theirs && statuses=("${PIPESTATUS[@]}") ||
        fail "cat $1: not the bytes that qemu-img reads" || return
    [[ ${statuses[0]} -eq 0 ]] || fail "cat $1: status ${statuses[0]}" || return
    [[ $(field "$1" cluster_bits) -le 16 ]] || return 0
    qcow2_info cat "${our_key[@]}" -o ours "$1" || fail "cat -o: status $?" || return
    cmp ours theirs || fail "cat -o $1: not the bytes that qemu-img reads"
}

# make_far_image FILE C OPTIONS: a disk with three L2 tables, which is long for large clusters, written on
# both sides of the edges between them. Prints the edges.
make_far_image() {
    local c=$2 coverage=$(($2 * $2 / 8))
    [[ $3 != *extended_l2=on* ]] || coverage=$((coverage / 2))
    rm -f "$1"
    qemu-img create -q -f qcow2 -o "cluster_size=$c,$3" "$1" $((coverage * 5 / 2)) || return
    qemu_io qcow2 "$1" "write -q -P 0x51 $((coverage - 1024)) 2048" "write -q -P 0x52 $coverage 1024" \
        "write -q -P 0x53 $((coverage * 2 - 1024)) 2048" "write -q -P 0x54 $((coverage * 2)) 1024" || return
    echo $coverage $((coverage * 2))
}

# settled_maps_equal IMAGE: maps_equal, and where that fails once more when everything is on disk. A write into
# space that was only reserved leaves holes around it which some file systems fill later on, between
# our look and qemu-img's.
settled_maps_equal() {
    ! maps_equal "$1" 2>/dev/null || return 0
    sync -- "$1"* && maps_equal "$1"
}
