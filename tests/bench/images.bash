# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The images that tests/bench/run measures on. Each is made when the first case asks for it, in the
# folder images of $BENCH_DIR, and stays there until a recipe changes. Together they take up 15 GB.
#
#     disk             an 8 GiB raw disk with 2 GiB of the contents of this machine's /usr
#     plain zlib zstd  the same as qcow2; zlib and zstd compressed
#     luks aes         the same, encrypted with these methods
#     extended         plain, with extended L2 entries: clusters of 128 KiB, subclusters of 4 KiB
#     zlib-2m zstd-2m  compressed, with clusters of 2 MiB
#     chain            50 overlays on plain, each with 8 MiB in 128 places
#     random           1 GiB of random bytes
#     sparse           a 1 TiB disk with 64 MiB of data in 1024 places
#     fragmented       see make_fragmented.c
#     preallocated     a 1 TiB disk with all of its tables and none of its data
#     full-1t full-8t  full disks of these sizes whose data is in holes: see make_full.c
#     full-64t         the same, where files may be so large: in /dev/shm, 9 GB of memory, for one run
#     shared           a 200 GiB disk with 9000 clusters, which 150 snapshots share
#     overlays         an overlay on full-1t with 4 MiB in 64 places, and beside it a copy, overlays.copy.qcow2
#     empty-1t         a disk of 1 TiB without a byte written
#     empty-2t         one of 2 TiB, and beside it another one, empty-2t.other.qcow2
#     since            a 200 GiB disk with 6000 scattered clusters, then a snapshot, then 1000 clusters more
#     snapshots        a full 1 TiB disk with 1000 snapshots that share all of its L2 tables

# image_file NAME: where it is
image_file() {
    case $1 in
    disk) echo "$BENCH_DIR/images/disk.raw" ;;
    full-64t) echo "${large:-$BENCH_DIR/images}/full-64t.qcow2" ;;
    *) echo "$BENCH_DIR/images/$1.qcow2" ;;
    esac
}

make_image_disk() {
    helper make_disk || return
    find /usr/bin /usr/include /usr/lib /usr/libexec /usr/sbin /usr/share -xdev -type f -print0 2>/dev/null |
        LC_ALL=C sort -z | shuf -z --random-source=<(yes) | "$BENCH_DIR/make_disk" "$1"
}

# convert_disk FILE [OPTION]...: the disk as qcow2
convert_disk() {
    need_image disk
    qemu-img convert -f raw -O qcow2 "${@:2}" "$(image_file disk)" "$1"
}

make_image_plain() {
    convert_disk "$1"
}

make_image_zlib() {
    convert_disk "$1" -c
}

make_image_zstd() {
    convert_disk "$1" -c -o compression_type=zstd
}

# A key slot that takes a moment only: it would be the same work for both sides.
qemu_secret=(--object "secret,id=s,file=$BENCH_DIR/passphrase")

encrypt_disk() {
    printf 'of the bench' >"$BENCH_DIR/passphrase"
    convert_disk "$1" -W -m 16 "${qemu_secret[@]}" -o "encrypt.key-secret=s,encrypt.format=$2"
}

make_image_luks() {
    encrypt_disk "$1" luks,encrypt.iter-time=10
}

make_image_aes() {
    encrypt_disk "$1" aes
}

make_image_extended() {
    convert_disk "$1" -o extended_l2=on,cluster_size=128k
}

make_image_zlib-2m() {
    convert_disk "$1" -c -o cluster_size=2M
}

make_image_zstd-2m() {
    convert_disk "$1" -c -o cluster_size=2M,compression_type=zstd
}

# write_places IMAGE COUNT BLOCKS SEED: COUNT times 64 KiB, in blocks of 64 KiB below BLOCKS
write_places() {
    local number
    RANDOM=$4
    for ((number = 0; number < $2; number++)); do
        echo "write -q -P $((RANDOM % 255 + 1)) $(((RANDOM << 15 | RANDOM) % $3 * 65536)) 64k"
    done | qemu-io -f qcow2 -t unsafe "$1" >/dev/null
}

make_image_chain() {
    local number lower overlay
    need_image plain
    lower=plain.qcow2
    for ((number = 1; number <= 50; number++)); do
        overlay=chain.$number.qcow2
        [[ $number -lt 50 ]] || overlay=chain.qcow2
        (cd "$BENCH_DIR/images" && qemu-img create -q -f qcow2 -b "$lower" -F qcow2 "$overlay") || return
        write_places "$BENCH_DIR/images/$overlay" 128 $((8 << 30 >> 16)) "$number" || return
        lower=$overlay
    done
}

make_image_random() {
    head -c 1G /dev/urandom >"$1.raw" &&
        qemu-img convert -f raw -O qcow2 "$1.raw" "$1"
    local status=$?
    rm -f "$1.raw"
    return $status
}

make_image_sparse() {
    qemu-img create -q -f qcow2 "$1" 1T && write_places "$1" 1024 $((1 << 40 >> 16)) 1
}

make_image_fragmented() {
    helper make_fragmented || return
    "$BENCH_DIR/make_fragmented" "$1" && qemu-img info "$1" >/dev/null
}

make_image_shared() {
    local i
    qemu-img create -q -f qcow2 "$1" 200G && write_places "$1" 9000 $((200 << 30 >> 16)) 1 || return
    for ((i = 1; i <= 150; i++)); do
        qemu-img snapshot -q -c "snapshot-$i" "$1" || return
    done
}

make_image_preallocated() {
    qemu-img create -q -f qcow2 -o preallocation=metadata "$1" 1T
}

# make_full FILE ARGUMENT...
make_full() {
    helper make_full && "$BENCH_DIR/make_full" "$@" && qemu-img info "$1" >/dev/null
}

make_image_full-1t() {
    make_full "$1" 1T 16 4
}

make_image_full-8t() {
    make_full "$1" 8T 16 0
}

make_image_full-64t() {
    make_full "$1" 64T 16 0
}

# Most file systems have no files of 64 TiB.
prepare_image_full-64t() {
    local room
    room=$(df --output=avail -B1G /dev/shm 2>/dev/null | tail -n 1)
    if [[ ${room:-0} -gt 12 && $(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo) -gt 12 ]]; then
        large=$(mktemp -d /dev/shm/bench.XXXXXX) || absent='no folder in /dev/shm'
    else
        # shellcheck disable=SC2034 # tests/bench/run reads it
        absent='it takes 12 GiB of memory in /dev/shm'
    fi
}

make_image_snapshots() {
    make_full "$1" 1T 16 4 1000
}

make_image_overlays() {
    need_image full-1t
    (cd "$BENCH_DIR/images" && qemu-img create -q -f qcow2 -b full-1t.qcow2 -F qcow2 overlays.qcow2) || return
    write_places "$1" 64 $((1 << 40 >> 16)) 1 && cp "$1" "${1%.qcow2}.copy.qcow2"
}

make_image_empty-1t() {
    qemu-img create -q -f qcow2 "$1" 1T
}

make_image_empty-2t() {
    qemu-img create -q -f qcow2 "$1" 2T && qemu-img create -q -f qcow2 "${1%.qcow2}.other.qcow2" 2T
}

make_image_since() {
    qemu-img create -q -f qcow2 "$1" 200G && write_places "$1" 6000 $((200 << 30 >> 16)) 1 &&
        qemu-img snapshot -q -c before "$1" && write_places "$1" 1000 $((200 << 30 >> 16)) 2
}

# need_image NAME: makes it unless it is there, made by the same recipes
need_image() {
    local file stamp
    file=$(image_file "$1")
    stamp=$(cd "$BENCH" && cksum images.bash make_disk.c make_fragmented.c make_full.c)
    [[ ! -e $file.stamp || $(<"$file.stamp") != "$stamp" ]] || return 0
    mkdir -p "$BENCH_DIR/images" || exit
    rm -f "$file" "$file.stamp"
    note "making the image $1"
    "make_image_$1" "$file" || die "the image $1 could not be made"
    note
    sync
    echo "$stamp" >"$file.stamp"
}
