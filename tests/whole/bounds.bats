#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# How much memory and work a command takes at most, whatever the image. See helpers/effort.

# Without sanitizers: they change what memory and time it takes.

load ../helpers/load
load ../helpers/tables
load ../helpers/effort

setup_file() {
    require_tool qemu-img qemu-io
    make_measure
}

# A disk of 48 MiB with 24 MiB of numbers and 24 MiB of noise, in this format.
make_full_disk() {
    { seq 1 4000000 | head -c 24M && head -c 24M /dev/urandom; } >disk.raw
    qemu-img convert -f raw -O qcow2 "$@" disk.raw image
}

# make_overlay N SIZE CLUSTER COMMAND: N.qcow2 on the one before it, and what qemu-io does to it. Neither opens
# the layers below it, which would take longer with each.
make_overlay() {
    local alone="json:{'driver':'qcow2','file':{'driver':'file','filename':'$1.qcow2'},'backing':null}"
    qemu-img create -q -u -f qcow2 -o cluster_size="$3" -b $(($1 - 1)).qcow2 -F qcow2 "$1.qcow2" "$2" &&
        qemu-io -c "$4" "$alone"
}

# repeat_bytes FILE OFFSET SIZE COUNT: what is there, COUNT times one after another
repeat_bytes() {
    local made
    for ((made = 1; made < $4; made *= 2)); do
        dd if="$1" of="$1" bs=64k iflag=skip_bytes,count_bytes oflag=seek_bytes conv=notrunc status=none \
            skip="$2" count=$((made * $3)) seek=$(($2 + made * $3))
    done
}

@test "cat takes less than 64 MiB with 2 jobs, clusters of 2 MiB and either compression" {
    local type
    for type in zlib zstd; do
        make_full_disk -c -o cluster_size=2M,compression_type=$type
        peak_below 64 cat --jobs 2 image
        assert_same_bytes got disk.raw
        rm got
        peak_below 64 cat --jobs 2 image -o out
        rm out
        peak_below 64 cat --jobs 2 --sparse always image -o out
        rm out
    done
}

@test "cat takes less than 64 MiB with 2 jobs on plain clusters, extended or not" {
    make_full_disk -o cluster_size=2M
    peak_below 64 cat --jobs 2 image
    peak_below 64 cat --jobs 2 --sparse always image -o out
    rm out
    make_full_disk -o cluster_size=2M,extended_l2=on
    peak_below 64 cat --jobs 2 image
}

@test "cat takes less than 64 MiB when each cluster lies in another layer of 50" {
    local i
    qemu-img create -q -f qcow2 -o cluster_size=2M 0.qcow2 200M
    for ((i = 1; i <= 50; i++)); do
        make_overlay $i 200M 2M "write -q -c -P $i $((i * 2))M 2M"
    done
    peak_below 64 cat --jobs 2 50.qcow2
    qemu-img convert -f qcow2 -O raw 50.qcow2 want
    assert_same_bytes got want
}

@test "map takes less than 24 MiB on more tables than that" {
    qemu-img create -q -f qcow2 -o preallocation=metadata image 256G
    peak_below 24 map --json image
    peak_below 24 map --host-offsets --json image
    qemu-img create -q -f qcow2 -o preallocation=metadata,cluster_size=512 image 256M
    peak_below 24 map --json image
}

@test "map takes less than 24 MiB on an L1 table of 32 MiB with a single L2 table" {
    local entry
    make_image image 16M '' 'write -P 1 0 64k'
    printf -v entry '%016x' $((COPIED | $(l2_table_at image 0)))
    poke image $((1 << 20)) "$entry"
    repeat_bytes image $((1 << 20)) 8 4194304
    poke_field image l1_table_offset $((1 << 20))
    poke_field image l1_size 4194304
    poke_field image size $((1 << 40))
    peak_below 24 map --json image
}

@test "info takes less than 24 MiB on 65536 snapshots" {
    local at
    make_image image 16M ''
    qemu-img snapshot -c one image
    at=$(field image snapshots_offset)
    poke image $((1 << 20)) "$(peek image "$at" 72)"
    repeat_bytes image $((1 << 20)) 72 65536
    poke_field image snapshots_offset $((1 << 20))
    poke_field image nb_snapshots 65536
    peak_below 24 image --json
    [[ $(jq '.snapshots | length' got) -eq 65536 ]]
    peak_below 24 image
}

@test "info takes less than 24 MiB on 65535 bitmaps" {
    local extension at
    make_image image 16M ''
    qemu-img bitmap --add image one
    extension=$(od -An -v -tx1 -w4 -N 4096 image | tr -d ' ' | grep -n '^23852875$' | cut -d: -f1)
    extension=$((extension * 4 - 4))
    at=$(peek_be64 image $((extension + 24)))
    poke image $((1 << 20)) "$(peek image "$at" 32)"
    repeat_bytes image $((1 << 20)) 32 65536
    poke_be32 image $((extension + 8)) 65535
    poke_be64 image $((extension + 16)) $((65535 * 32))
    poke_be64 image $((extension + 24)) $((1 << 20))
    peak_below 24 image --json
    [[ $(jq '.bitmaps | length' got) -eq 65535 ]]
    peak_below 24 image
}

@test "from a pipe, a command takes the memory that it needs and the bytes read" {
    make_image image 128M '' 'write -q -P 1 0 96M'
    local command
    # Those that need what was not read say so with status 1.
    for command in '0 88 map --length 1M' '0 128 cat --jobs 2 --length 1M' '1 96 check' '0 64 info' '0 64 audit'; do
        # shellcheck disable=SC2086
        set -- $command
        rm -f pipe
        mkfifo pipe
        cat image >pipe 2>/dev/null &
        ENDS_WITH=$1 peak_below "${@:2}" pipe
    done
}

# limited ARGUMENT...: the program, with 50 units of work
limited() (
    limit_effort 50 && qcow2_info "$@"
)

@test "check and usage refuse to count more host clusters than 2^36" {
    make_image image 64K cluster_size=512 'write -P 1 0 64K'
    local folder command
    folder=$(mktemp -d /dev/shm/bounds-XXXXXX) || skip 'machine: no /dev/shm'
    cp image "$folder/image"
    truncate -s 33T "$folder/image" || { rm -r "$folder"; skip 'machine: no files of 33 TiB in /dev/shm'; }
    for command in check usage; do
        run_qcow2_info $command "$folder/image"
        [[ $status -eq 1 && ${stderr-} == *'has 70866960384 host clusters, more than the 68719476736'* ]] || break
    done
    rm -r "$folder"
    assert_status 1
    assert_output ''
    assert_one_error "$folder/image" 'has 70866960384 host clusters'
}

@test "a chain of 100 overlays costs its metadata, not 100 times the disk" {
    local i
    qemu-img create -q -f qcow2 0.qcow2 32T
    for ((i = 1; i <= 100; i++)); do
        make_overlay $i 32T 64k "write -q -P $i $((i * 300))G 64k"
    done
    run limited map --json 100.qcow2
    assert_status 0
    assert_equal "$(grep -c '"allocated":true' <<<"$output")" 100
    run limited cat --sparse auto -o out --length 4T 100.qcow2
    assert_status 0
    assert_equal "$(stat -c %s out)" $((4 << 40))
}

@test "a compressed cluster is decoded once, in however many parts it is read" {
    seq 400000 | head -c 2M >base.raw
    qemu-img convert -c -f raw -O qcow2 -o cluster_size=2M base.raw base
    qemu-img create -q -f qcow2 -o cluster_size=512 -b base -F qcow2 image
    seq -f 'write -q -P 7 %.0f 512' 0 1024 $((2 * 1024 * 1024 - 1)) | qemu-io -t unsafe -f qcow2 image >/dev/null
    qemu-img convert -f qcow2 -O raw image want
    local jobs
    for jobs in 1 2; do
        rm -f got
        run limited cat --jobs $jobs -o got image
        assert_status 0
        assert_same_bytes got want
    done
}

@test "compressed clusters are read many at once, in any order if near each other" {
    require_tool strace
    strace -o probe true 2>strace.log || skip "machine: strace cannot trace: $(head -n 1 strace.log)"
    seq 4000000 | head -c 16M >disk.raw
    qemu-img convert -c -f raw -O qcow2 disk.raw ordered
    qemu-img convert -c -W -m 16 -f raw -O qcow2 disk.raw shuffled
    local image reads
    for image in ordered shuffled; do
        # LeakSanitizer does not work under strace.
        ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" \
            strace -f -e trace=pread64 -o trace "$QCOW2_INFO" cat --jobs 2 $image >got
        assert_same_bytes got disk.raw
        reads=$(grep -c 'pread64(' trace)
        [[ $reads -le 64 ]] || fail "$image: $reads reads of 256 clusters"
    done
}
