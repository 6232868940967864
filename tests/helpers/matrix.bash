# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The recipes of the matrix, for helpers/judge; load that and helpers/load first. Each function named
# "make_KIND_image" makes the file image in the current folder. What lies below it is kept beside it, under
# a relative name, so that the folder of an image can be renamed.
#
# Everything in an image is placed and measured in clusters, so that it means the same at every cluster
# size c from 512 bytes to 2 MiB. What it holds is in write_overlay().

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

# make_text: the file text, of lines that compress, as long as the largest cluster
make_text() {
    local line=0 text=''
    for ((line = 0; line < 512; line++)); do
        printf -v text '%sThis is line %04d, and it has as many bytes as all the other lines.\n' "$text" "$line"
    done
    for ((line = 0; line < 64; line++)); do
        printf '%s' "$text"
    done | head -c $((2 << 20)) >text
}

# qemu_io FORMAT FILE COMMAND...: one qemu-io that runs all the commands
qemu_io() {
    local format=$1 file=$2 arguments=() command qemu_image
    shift 2
    for command in "$@"; do
        arguments+=(-c "$command")
    done
    if [[ $format == qcow2 ]]; then
        qemu_opens "$file" || return
    else
        qemu_image=(-f "$format" "$file")
    fi
    if ! qemu-io -t unsafe "${arguments[@]}" "${qemu_image[@]}" >qemu-io.log 2>&1 || [[ -s qemu-io.log ]]; then
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

# make_base C KIND: the file disk, a backing file for overlays with clusters of C
make_base() {
    local c=$1 size
    size=$(disk_size "$c")
    case $2 in
    short) make_qcow2_base "$c" $((10 * c + 1536)) ;;
    equal) make_qcow2_base "$c" "$size" ;;
    long) make_qcow2_base "$c" $((size + 5 * c + 512)) ;;
    raw-short) make_raw_base "$c" $((13 * c + 777)) ;;
    raw-sectors) make_raw_base "$c" $((13 * c + 512)) ;;
    raw-long) make_raw_base "$c" $((size + 3 * c + 1)) ;;
    chain) make_chain_base "$c" ;;
    esac && rm -f qemu-io.log
}

# make_qcow2_base C SIZE
make_qcow2_base() {
    qemu-img create -q -f qcow2 -o "cluster_size=$(other_cluster_size "$1")" disk "$2" &&
        write_base qcow2 disk "$1" "$2"
}

# make_raw_base C SIZE: of exactly this many bytes, which need not be whole sectors
make_raw_base() {
    truncate -s "$2" disk && write_base raw disk "$1" "$2"
}

# A shorter qcow2 file over a longer raw one.
make_chain_base() {
    local c=$1
    kept make_base "$c" raw-long || return
    qemu-img create -q -f qcow2 -o "cluster_size=$(other_cluster_size "$c")" -b "$(beside)" -F raw \
        disk $((10 * c + 1536)) || return
    qemu_io qcow2 disk "write -q -P 0x26 $((4 * c)) $c" "write -q -z $((7 * c)) $c" \
        "discard -q $((8 * c)) $c"
}

# beside: the name of the file disk in the folder $kept, as the image in the folder beside it has it
beside() {
    echo "../${kept##*/}/disk"
}

# Makes QEMU and us find out ourselves what the backing file is: the extension that names its format
# becomes an unknown one.
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
        kept make_base "$c" "${base%-unnamed}" || return
        backing=(-b "$(beside)" -F "$format")
    fi
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
            "write -q -c -s $kept/text $((14 * c)) $c"
            "write -q -c -s $kept/text $((18 * c)) $((2 * c))"
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
            "write -q -c -s $kept/text $((8 * c)) $((2 * c))"
            "write -q -P 0x39 $((6 * c + 2 * s)) $s"
            "write -q -z $((9 * c + 31 * s)) $((2 * s))"
        )
    fi
    qemu_io qcow2 "$1" "${commands[@]}"
}

# make_overlay_image C OPTIONS COMPRESSED BASE: COMPRESSED is compressed or plain
make_overlay_image() {
    local write=write_overlay
    [[ $2 != *extended_l2=on* ]] || write=write_subclusters
    make_overlay image "$1" "$2" "$4" && kept make_text && "$write" image "$1" "$3"
}

# make_empty_image C OPTIONS: nothing written
make_empty_image() {
    create_qcow2 -o "cluster_size=$1,$2" image $(($1 * 48 + 1536))
}

# make_filled_image C OPTIONS: data, zeros, compressed clusters and holes; two snapshots and a bitmap where
# they are possible
make_filled_image() {
    local c=$1
    seq 100000 120000 >text
    make_empty_image "$@" || return
    qemu_io qcow2 image "write -q -P 1 0 $((6 * c))" "write -q -z $((2 * c)) $c" "discard -q $((4 * c)) $c" \
        "write -q -P 2 $((40 * c)) $((2 * c))" "write -q -P 3 $((20 * c + 512)) 512" || return
    if [[ $2 != *data_file* ]]; then
        qemu_io qcow2 image "write -q -c -P 4 $((10 * c)) $((2 * c))" "write -q -c -s text $((12 * c)) $c" || return
    fi
    if [[ $2 != *data_file* && $2 != *refcount_bits=[12] ]]; then
        qemu-img snapshot -c one image || return
        qemu_io qcow2 image "write -q -P 5 $c $((3 * c))" || return
        qemu-img snapshot -c two image || return
        qemu_io qcow2 image "write -q -P 5 0 $((2 * c))" || return
    fi
    [[ $2 == *compat=0.10* ]] || qemu-img bitmap --add -g 65536 image dirty || return
    qemu_io qcow2 image "write -q -P 6 $((30 * c)) $c" || return
    rm text
}

# make_reserved_image C OPTIONS WRITTEN: 16 MiB with preallocation, as OPTIONS say; WRITTEN is new or written
make_reserved_image() {
    create_qcow2 -o "cluster_size=$1,$2" image 16M || return
    [[ $3 == new ]] || qemu_io qcow2 image 'write -q -P 1 0 3M' 'write -q -P 2 15M 1M' 'write -q -z 1M 1M' \
        'discard -q 2M 512k' 'write -q -P 3 5000k 1k'
}

# far_edges C OPTIONS: the guest offsets of the edges between the L2 tables of make_far_image
far_edges() {
    local coverage=$(($1 * $1 / 8))
    [[ $2 != *extended_l2=on* ]] || coverage=$((coverage / 2))
    echo $coverage $((coverage * 2))
}

# make_far_image C OPTIONS: a disk with three L2 tables, which is long for large clusters, written on both
# sides of the edges between them
make_far_image() {
    local first second
    read -r first second < <(far_edges "$@")
    create_qcow2 -o "cluster_size=$1,$2" image $((first * 5 / 2)) || return
    qemu_io qcow2 image "write -q -P 0x51 $((first - 1024)) 2048" "write -q -P 0x52 $first 1024" \
        "write -q -P 0x53 $((second - 1024)) 2048" "write -q -P 0x54 $second 1024"
}

# ---- Which images the matrix has ----------------------------------------------------------------

# sizes_of SHARE: cluster sizes. Each is in one third and in one sixth. A kind of image that is not there in
# all sizes is there in one share of them; kinds that differ in one thing only, the options or the backing
# file, have different shares, so that each option meets each size, and each kind of backing file meets
# nearly all.
sizes_of() {
    case $1 in
    all) echo "${CLUSTER_SIZES[@]}" ;;
    third1) echo 512 4096 65536 2097152 ;;
    third2) echo 1024 8192 131072 524288 ;;
    third3) echo 2048 16384 32768 262144 1048576 ;;
    sixth1) echo 512 65536 ;;
    sixth2) echo 1024 131072 ;;
    sixth3) echo 2048 32768 ;;
    sixth4) echo 4096 2097152 ;;
    sixth5) echo 8192 524288 ;;
    sixth6) echo 16384 262144 1048576 ;;
    *) fail "no such share: $1" ;;
    esac
}

# agree SHARE KIND OPTIONS ARGUMENT...: makes the image of each cluster size by make_KIND_image, and holds
# every command against the judge
agree() {
    local c sizes kept codes
    read -r -a codes < <(audit_codes "${@:3}")
    sizes=$(sizes_of "$1") || return
    for c in $sizes; do
        [[ $3 != *extended_l2=on* || $c -ge 16384 ]] || continue
        # With sanitizers: the smallest, the default and the largest clusters.
        [[ $c =~ ^(512|65536|2097152)$ || -z $SANITIZED ]] || continue
        judged "make_$2_image" "$c" "${@:3}" || return
        if [[ $2 == far ]]; then
            far_bytes_are_right "$c" "$3"
        else
            cat_is_judged "$c" "$*"
        fi && tables_are_judged "$*" "${codes[@]}" || fail "cluster size $c" || return
    done
}

# far_bytes_are_right C OPTIONS: around each edge lie the bytes that make_far_image wrote. The whole disk is
# too long to be copied.
far_bytes_are_right() {
    local edge want=0QQRR0 got
    for edge in $(far_edges "$@"); do
        # The first byte of each 512, where Q to T are what was written.
        got=$(qcow2_info cat --offset $((edge - 1536)) --length 3072 "$kept/image" | tr '\0' 0 | fold -w 512 |
            cut -c 1 | tr -d '\n')
        assert_equal "$got" "$want" || return
        want=0SSTT0
    done
}

# audit_codes OPTIONS ARGUMENT...: what audit has to report of an image that was made like this, in order
audit_codes() {
    local found=''
    [[ ${3:-} != *-unnamed ]] || found+=' extension-unknown backing-format'
    [[ ${3:-none} == none ]] || found+=' backing-file name-path'
    [[ $1 != *data_file=* ]] || found+=' data-file'
    [[ $1 != *encrypt.format* ]] || found+=' encryption'
    # shellcheck disable=SC2086 # several words
    printf '%s\n' $found | sort | paste -s -d ' '
}
