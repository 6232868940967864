#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Images as qemu-img and QEMU make them: audit reports nothing for any. (More of them, among them all that
# are preallocated, are in whole/matrix.bats.)

# Without sanitizers: sound images hold no surprise for them.

load ../helpers/load
load ../helpers/tables
load ../helpers/audit

setup() {
    enter_test || return
    require_tool qemu-img qemu-io jq
}

# still_clean WHAT: the file image is
still_clean() {
    assert_clean image || fail "$1"
}

# still_safe WHAT: QEMU has freed clusters of the file image, which may leave data at its end
still_safe() {
    audited image || fail "$1" || return
    [[ $status -eq 0 && (-z ${audited_codes-} || $audited_codes == trailing-data) ]] || fail "$1" "$output"
}

WRITES=('write -q -P 1 0 3M' 'write -q -P 2 15M 1M' 'write -q -z 1M 1M' 'discard -q 2M 512k' 'write -q -P 3 5000k 1k')

# lived OPTIONS CLUSTER_SIZE...: compressed, with snapshots, with bitmaps, copied, grown and shrunk
lived() {
    local options=$1 c step
    shift
    for c; do
        rm -f image
        make_image image 16M "$options,cluster_size=$c" "${WRITES[@]}" 'write -q -c -P 4 6M 2M' 'write -q -c -P 5 8M 2M'
        still_clean "$options, clusters of $c, compressed" || return
        qemu-img snapshot -c one image
        write_image image 'write -q -P 6 0 3M' 'write -q -c -P 7 12M 2M'
        qemu-img snapshot -c two image
        still_clean "$options, clusters of $c, snapshots" || return
        qemu-img snapshot -d one image
        still_safe "$options, clusters of $c, without one snapshot" || return
        if [[ $options != *compat=0.10* ]]; then
            qemu-img bitmap --add image one
            qemu-img bitmap --add -g 4k image two
            write_image image 'write -q -P 8 1M 3M'
            still_clean "$options, clusters of $c, bitmaps" || return
            qemu-img bitmap --remove image one
            qemu-img bitmap --remove image two
            still_safe "$options, clusters of $c, without bitmaps again" || return
        fi
        for step in '' -c; do
            # shellcheck disable=SC2086 # no option is no argument
            qemu-img convert $step -O qcow2 -o "$options,cluster_size=$c" image copy
            assert_clean copy || fail "$options, clusters of $c, convert $step" || return
        done
        mv copy image
        qemu-img resize -q image 64M
        still_clean "$options, clusters of $c, grown" || return
        qemu-img resize -q --shrink image 8M
        still_clean "$options, clusters of $c, shrunk" || return
    done
}

@test "audit clean: version 2 through its life" { lived compat=0.10 512 65536 262144; }
@test "audit clean: version 3 through its life" { lived compat=1.1 512 1024 4096 16384 131072 524288 2097152; }
@test "audit clean: zstd through its life" { lived compression_type=zstd 2048 8192 32768 1048576; }
@test "audit clean: extended L2 entries through their life" { lived extended_l2=on 16384 65536 262144 2097152; }

@test "audit clean: every width of refcounts" {
    local bits
    for bits in 1 2 4 8 16 32 64; do
        rm -f image
        make_image image 1G refcount_bits=$bits 'write -q -P 1 0 3M' 'write -q -P 1 700M 1M'
        still_clean "refcounts of $bits bits"
    done
}

@test "audit clean: no bytes, one, and no whole sectors" {
    local size
    for size in 0 1 511 512 777 65537; do
        rm -f image
        make_image image $size ''
        still_clean "$size bytes"
    done
}

@test "audit clean: 8 TiB, all unallocated" {
    local c
    for c in 65536 131072 2097152; do
        rm -f image
        make_image image 8T cluster_size=$c
        still_clean "clusters of $c"
        make_image image 16T cluster_size=$c
        still_clean "16 TiB, clusters of $c"
    done
}

@test "audit clean: 8 TiB with metadata for all of it" {
    make_image image 8T cluster_size=2M,preallocation=metadata
    assert_clean image
}

@test "audit clean: 1 TiB in clusters of 64 KiB, all of them allocated" {
    make_image image 1T preallocation=metadata
    assert_clean image
}

@test "audit clean: a disk of 2 TiB with a little data in every GiB" {
    local i writes=()
    for ((i = 0; i < 2048; i++)); do
        writes+=("write -q -P 1 ${i}G 4k")
    done
    make_image image 2T '' "${writes[@]}"
    assert_clean image
}

@test "audit clean: 16 TiB on which a file system has just been made" {
    make_image image 16T ''
    # A little in every 2 GiB: each L2 table is there, and nearly empty.
    seq -f 'write -q -z %.0fG 64k' 0 2 16382 >script
    echo 'write -q -P 1 16380G 1M' >>script
    qemu-io -t unsafe -f qcow2 image <script >qemu-io.log
    [[ $(stat -c %s image) -gt $((512 << 20)) ]] || fail "$(tail -n 3 qemu-io.log)"
    assert_clean image
}

@test "audit clean: L2 tables at regular distances" {
    local i writes=()
    make_image image 800M cluster_size=8k,refcount_bits=1
    # 609 clusters of data and the next table.
    for ((i = 0; i < 100; i++)); do
        writes+=("write -q -P 1 $((8 * i))M 4872K")
    done
    write_image image "${writes[@]}"
    assert_clean image
}

@test "audit clean: an L1 table that a larger disk has left behind" {
    local c
    for c in 512 4096; do
        rm -f image
        make_image image $((200000 * c * c / 8)) cluster_size=$c
        # Shrunk by hand, as qemu-img does it in minutes: it keeps the table.
        poke_field image size $((100 << 20))
        [[ $(field image l1_size) -gt 131072 ]]
        assert_clean image
    done
    # It is as large as that of a disk of 400 GiB, which is not allowed here.
    audited image --max-virtual-size 1G
    assert_equal "${audited_codes-}" l1-size
}

@test "audit clean: committed, rebased, amended, and converted into an existing image" {
    make_image base 16M '' "${WRITES[@]}"
    make_layer image 16M '' base qcow2 'write -q -P 7 1M 2M' 'write -q -c -P 8 6M 1M'
    qemu-img commit -q image
    assert_clean base
    write_image image 'write -q -P 9 3M 1M'
    qemu-img rebase -f qcow2 -b '' image
    still_clean 'rebased onto nothing'
    qemu-img amend -f qcow2 -o lazy_refcounts=on image
    still_clean 'amended: lazy refcounts'
    qemu-img amend -f qcow2 -o compat=0.10,lazy_refcounts=off image
    still_clean 'amended: version 2'
    qemu-img amend -f qcow2 -o compat=1.1 image
    still_clean 'amended: version 3 again'
    make_image target 16M cluster_size=4k 'write -q -P 1 4M 1M'
    qemu-img convert -n -f qcow2 -O qcow2 image target
    assert_clean target
    qemu-img convert -W -f qcow2 -O qcow2 -o cluster_size=2M image target
    assert_clean target
    qemu-img convert -c -W -f qcow2 -O qcow2 image target
    assert_clean target
}

@test "audit clean: names in other scripts, with blanks and punctuation" {
    make_image image 1M ''
    local name
    for name in 'before the flood' 'день 1' '日本語' 'a+b (c) [d] *?' 'x..y' '2026/01/02 daily' '...'; do
        qemu-img snapshot -c "$name" image
        qemu-img bitmap --add image "$name"
    done
    assert_clean image
}

@test "audit clean: a bitmap that was in use, and bitmaps that an old program has made stale" {
    make_image image 1M ''
    qemu-img bitmap --add image one
    local directory
    directory=$(peek_be64 image $(($(extension_at image 23852875) + 24)))
    poke_be32 image $((directory + 12)) 3
    assert_clean image
    # Nothing refers to the clusters of bitmaps that are out of date.
    poke_field image autoclear_features 0
    audited image
    assert_status 0
    assert_equal "$audited_codes" hidden-data
}

@test "audit clean: the sample image" {
    assert_clean "$SAMPLE"
}

@test "audit clean: a block device is longer than the image on it" {
    command -v losetup >/dev/null || skip 'machine: there is no losetup'
    [[ $(id -u) -eq 0 ]] || skip 'machine: only root may make a loop device'
    make_image image 1M '' 'write -q -P 1 0 64k'
    truncate -s $((4 << 20)) image
    poke_text image $((3 << 20)) 'what was on the device before'
    device=$(losetup --find --show --read-only image 2>losetup.log) ||
        skip "machine: no loop device: $(head -n 1 losetup.log)"
    audited "$device" || true
    losetup -d "$device"
    assert_status 0
    assert_equal "$(jq -c '[.safe, .complete, .actual_size, .findings]' <<<"$output")" '[true,true,null,[]]'
}
