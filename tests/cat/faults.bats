#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# qcow2-info cat on images that cannot be read whole: it ends with status 1 and one line that says where,
# and what it printed before is right, to the last byte in front of the fault.

load ../helpers/load
load ../helpers/tables

K=1024

# Lines that are all different, so that no cluster looks like another.
make_text() {
    seq -f 'This is the text of line %8.0f.' 40000 | head -c "$1"
}

# A disk of 1 MiB, all data, in clusters of 64 KiB by default; and its bytes in the file raw.
make_data() {
    make_text 1M >raw
    make_image image 1M "${1:-}" 'write -q -s raw 0 1M'
}

# The same, compressed. QEMU puts the clusters into the file in any order.
make_compressed() {
    make_text 1M >raw
    make_image image 1M "${1:-}" 'write -q -c -s raw 0 1M'
}

# ---- Files that end too early ------------------------------------------------------------------------

@test "cat faults: a file that ends within its data" {
    make_data
    local host
    host=$(host_offset image $((512 * K)))
    truncate -s $((host + 1000)) image
    bytes_end_at image raw $((512 * K + 1000)) "guest offset $((512 * K + 1000))" "$((host + 1000))"
}

@test "cat faults: a file that ends between two clusters" {
    make_data
    local host
    host=$(host_offset image $((512 * K)))
    truncate -s "$host" image
    bytes_end_at image raw $((512 * K)) "guest offset $((512 * K))" "$host"
}

@test "cat faults: data past the end of the file is not zeros" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 40))
    bytes_end_at image raw $((320 * K)) "guest offset $((320 * K))" $((1 << 40))
}

@test "cat faults: data at the greatest host offset" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 0x00ffffffffff0000))
    bytes_end_at image raw $((320 * K)) "guest offset $((320 * K))" $((0x00ffffffffff0000))
}

@test "cat faults: a file that ends within an L2 table" {
    make_data cluster_size=512
    # The table of guest offsets from 64 KiB on, cut in its tenth entry.
    local table
    move_l2_to_end image $((64 * K))
    table=$(l2_table_at image $((64 * K)))
    truncate -s $((table + 9 * 8 + 5)) image
    bytes_end_at image raw $((64 * K + 9 * 512)) "guest offset $((64 * K + 9 * 512))" "L2 table at $table"
}

@test "cat faults: an L2 table past the end of the file" {
    make_data cluster_size=512
    poke_be64 image "$(l1_entry_at image $((64 * K)))" $((COPIED | 1 << 30))
    bytes_end_at image raw $((64 * K)) "guest offset $((64 * K))" $((1 << 30))
}

@test "cat faults: an L2 table at an unaligned offset" {
    make_data cluster_size=4k
    poke_be64 image "$(l1_entry_at image 0)" $((COPIED | $(l2_table_at image 0) + 512))
    bytes_end_at image raw 0 'guest offset 0' 'L1 entry 0'
}

@test "cat faults: a file that ends within its L1 table" {
    make_data cluster_size=512
    truncate -s $(($(field image l1_table_offset) + 100)) image
    run_qcow2_info cat image
    assert_status 1
    assert_output ''
    assert_one_error image 'L1 table' "$(field image l1_table_offset)"
}

@test "cat faults: an L1 table past the end of the file" {
    make_data
    poke_field image l1_table_offset $((1 << 40))
    run_qcow2_info cat image
    assert_status 1
    assert_output ''
    assert_one_error image 'L1 table' $((1 << 40))
}

@test "cat faults: a file that ends within its header" {
    make_data
    local size
    for size in 4 71 72 100 104 111; do
        cp image short
        truncate -s $size short
        run_qcow2_info cat short
        assert_status 1
        assert_output ''
        assert_one_error short 'ends within the header'
    done
}

@test "cat faults: a range in front of the fault is read" {
    make_data
    truncate -s "$(host_offset image $((512 * K)))" image
    run_qcow2_info cat --length 512K -o out image
    assert_status 0
    assert_equal "${stderr-}" ''
    head -c 512K raw | cmp - out
}

@test "cat faults: a range behind the fault is read" {
    make_data
    poke_l2_entry image 0 $((COPIED | 1 << 40))
    run_qcow2_info cat --offset 64K -o out image
    assert_status 0
    tail -c +65537 raw | cmp - out
}

@test "cat faults: a fault in a range is reported with its guest offset" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 40))
    run_qcow2_info cat --offset 300000 -o out image
    assert_status 1
    assert_one_error image "guest offset $((320 * K))" $((1 << 40))
    head -c $((320 * K)) raw | tail -c +300001 | cmp - out
    run_qcow2_info cat --offset 330000 --length 10 image
    assert_status 1
    assert_output ''
    assert_one_error image 'guest offset 330000' $(((1 << 40) + 330000 - 320 * K))
}

# ---- Entries that break a rule -----------------------------------------------------------------------

@test "cat faults: a host offset inside a cluster" {
    make_data
    poke_l2_entry image $((320 * K)) $(($(l2_entry image $((320 * K))) + 512))
    bytes_end_at image raw $((320 * K)) "guest offset $((320 * K))" "$(l2_entry_at image $((320 * K)))" aligned
}

@test "cat faults: the zero bit in version 2" {
    make_data compat=0.10
    poke_l2_entry image $((320 * K)) $(($(l2_entry image $((320 * K))) | 1))
    bytes_end_at image raw $((320 * K)) "guest offset $((320 * K))" "$(l2_entry_at image $((320 * K)))" 'zero bit'
}

@test "cat faults: a subcluster that is allocated and zero" {
    make_data extended_l2=on
    poke_subclusters image $((320 * K)) 0x80000000ffffffff
    bytes_end_at image raw $((320 * K)) "guest offset $((320 * K))" "$(l2_entry_at image $((320 * K)))" subcluster
}

@test "cat faults: an allocated subcluster without a host cluster" {
    make_data extended_l2=on
    poke_l2_entry image $((320 * K)) 0
    poke_subclusters image $((320 * K)) 0x80000000
    bytes_end_at image raw $((320 * K)) "guest offset $((320 * K))" "$(l2_entry_at image $((320 * K)))" subcluster
}

@test "cat faults: a compressed cluster in an image with a data file" {
    make_data data_file=data
    poke_l2_entry image $((320 * K)) $((COMPRESSED | 0x50000))
    bytes_end_at image raw $((320 * K)) "guest offset $((320 * K))" "$(l2_entry_at image $((320 * K)))" compressed
}

@test "cat faults: data in a data file at another offset than the guest's" {
    make_data data_file=data
    poke_l2_entry image $((320 * K)) $((COPIED | 384 * K))
    bytes_end_at image raw $((320 * K)) "guest offset $((320 * K))" "$(l2_entry_at image $((320 * K)))" 'data file'
}

# ---- Entries that look odd and are sound ---------------------------------------------------------------

@test "cat: reserved bits of entries are ignored" {
    make_data
    local entry
    entry=$(l2_entry image $((320 * K)))
    poke_l2_entry image $((320 * K)) $((entry | 0x3f000000000001fe))
    poke_be64 image "$(l1_entry_at image 0)" $(($(l2_table_at image 0) | 0x7f000000000001ff))
    qcow2_info cat image | cmp - raw
}

@test "cat: the zero bit of an extended entry is reserved" {
    make_data extended_l2=on
    poke_l2_entry image $((320 * K)) $(($(l2_entry image $((320 * K))) | 1))
    qcow2_info cat image | cmp - raw
}

@test "cat: COPIED without an offset is unallocated" {
    make_data
    poke_l2_entry image $((320 * K)) "$COPIED"
    guest_bytes_equal image
    qcow2_info cat --offset 320K --length 64K image | cmp - <(head -c 64K /dev/zero)
}

@test "cat: entries without COPIED are read all the same" {
    make_data
    poke_l2_entry image $((320 * K)) $(($(l2_entry image $((320 * K))) & OFFSET_MASK))
    poke_be64 image "$(l1_entry_at image 0)" "$(l2_table_at image 0)"
    qcow2_info cat image | cmp - raw
}

@test "cat: a compressed entry with COPIED is read" {
    make_compressed
    poke_l2_entry image $((320 * K)) $(($(l2_entry image $((320 * K))) | COPIED))
    qcow2_info cat image | cmp - raw
}

@test "cat: an image that is marked dirty or corrupt is read" {
    make_data
    local bits
    for bits in 1 2 3; do
        poke_field image incompatible_features $bits
        qcow2_info cat image | cmp - raw
    done
}

@test "cat: an L1 table larger than the disk needs" {
    make_data cluster_size=4k
    poke_field image size $((512 * K))
    head -c 512K raw | cmp - <(qcow2_info cat image)
}

@test "cat: two guest clusters may share a host cluster" {
    make_data
    poke_l2_entry image $((320 * K)) $(($(l2_entry image 0) & OFFSET_MASK))
    guest_bytes_equal image
}

@test "cat: a broken snapshot table or refcount table is no error" {
    make_data
    poke_field image refcount_table_offset 12345
    poke_field image refcount_table_clusters 0
    poke_field image nb_snapshots 70000
    poke_field image snapshots_offset 1
    run_qcow2_info cat -o out image
    assert_status 0
    assert_same_bytes out raw
}

# ---- Compressed clusters --------------------------------------------------------------------------------

# damage_compressed GUEST: makes noise of the first bytes of a compressed cluster
damage_compressed() {
    local at
    at=$(host_offset image "$1")
    poke image "$at" "ffffffff ffffffff ffffffff ffffffff"
}

@test "cat faults: a damaged deflate stream" {
    make_compressed
    local host
    host=$(host_offset image $((320 * K)))
    damage_compressed $((320 * K))
    bytes_end_at image raw $((320 * K)) "guest offset $((320 * K))" "$host" deflate
}

@test "cat faults: a damaged zstd stream" {
    make_compressed compression_type=zstd
    local host
    host=$(host_offset image $((320 * K)))
    damage_compressed $((320 * K))
    bytes_end_at image raw $((320 * K)) "guest offset $((320 * K))" "$host" zstd
}

@test "cat faults: of many damaged streams the first one is reported" {
    make_compressed cluster_size=4k
    local guest host
    host=$(host_offset image $((324 * K)))
    for ((guest = 1020 * K; guest >= 324 * K; guest -= 12 * K)); do
        damage_compressed $guest
    done
    bytes_end_at image raw $((324 * K)) "guest offset $((324 * K))" "$host"
}

@test "cat faults: a part of a damaged stream is not read either" {
    make_compressed
    damage_compressed $((320 * K))
    run_qcow2_info cat --offset 321K --length 10 image
    assert_status 1
    assert_output ''
    assert_one_error image "guest offset $((321 * K))"
}

# last_in_file IMAGE: the guest offset of the compressed cluster whose bytes come last in the file, in an
# image of 16 clusters of 64 KiB
last_in_file() {
    local entries entry guest=0 last=0 most=0
    entries=$(od -An -v -w8 -tu8 --endian=big -j "$(l2_table_at "$1" 0)" -N 128 "$1")
    for entry in $entries; do
        if [[ $((entry & ((1 << 54) - 1))) -gt $most ]]; then
            most=$((entry & ((1 << 54) - 1)))
            last=$guest
        fi
        guest=$((guest + 64 * K))
    done
    echo $last
}

@test "cat faults: a file that ends within a compressed cluster" {
    local type guest host
    for type in zlib zstd; do
        make_compressed compression_type=$type
        guest=$(last_in_file image)
        host=$(host_offset image "$guest")
        truncate -s $((host + 1000)) image
        bytes_end_at image raw "$guest" "guest offset $guest" "$host"
        rm image
    done
}

@test "cat faults: a compressed cluster past the end of the file" {
    make_compressed
    local host
    host=$(host_offset image $((320 * K)))
    poke_l2_entry image $((320 * K)) $((COMPRESSED | 1 << 40))
    bytes_end_at image raw $((320 * K)) "guest offset $((320 * K))" $((1 << 40))
}

# The second half of the cluster cannot be compressed, so deflate stores it: zeros in the place of the
# bytes that are missing would decode.
@test "cat faults: a file that ends within stored bytes of a compressed cluster" {
    { make_text 32K && head -c 32K /dev/urandom; } >raw
    make_image image 64K '' 'write -q -c -s raw 0 64k'
    [[ $(l2_entry image 0) -ge $COMPRESSED ]] || skip 'machine: zlib did not compress it'
    truncate -s $(($(host_offset image 0) + 30 * K)) image
    bytes_end_at image raw 0 'guest offset 0' "$(host_offset image 0)"
}

@test "cat faults: a compressed cluster that is stored in too few sectors" {
    make_compressed
    local host
    host=$(host_offset image $((320 * K)))
    poke_l2_entry image $((320 * K)) $((COMPRESSED | host)) # one sector
    bytes_end_at image raw $((320 * K)) "guest offset $((320 * K))" "$host"
}

@test "cat: a compressed cluster that is said to be longer than it is" {
    make_compressed
    local host
    host=$(host_offset image $((320 * K)))
    poke_l2_entry image $((320 * K)) $((COMPRESSED | 255 << 54 | host)) # 256 sectors
    guest_bytes_equal image
    qcow2_info cat image | cmp - raw
}

@test "cat: a compressed cluster that is said to reach past the end of the file" {
    local type guest host
    for type in zlib zstd; do
        make_compressed compression_type=$type
        guest=$(last_in_file image)
        host=$(host_offset image "$guest")
        poke_l2_entry image "$guest" $((COMPRESSED | 255 << 54 | host))
        [[ $((host + 128 * K - 1024)) -gt $(stat -c %s image) ]] || fail 'it does not reach past the end'
        qcow2_info cat image | cmp - raw
        qcow2_info cat -o out --jobs 3 image
        assert_same_bytes out raw
        rm image
    done
}

@test "cat: a compressed cluster that lies at the very end of the file" {
    make_compressed
    # Its bytes move to the end of the file, and nothing follows them.
    local host size
    host=$(host_offset image $((320 * K)))
    size=$(($(stat -c %s image) / 512 * 512 + 512))
    truncate -s $size image
    dd if=image of=image bs=1 skip="$host" seek=$((size + 100)) count=$((20 * K)) conv=notrunc status=none
    poke_l2_entry image $((320 * K)) $((COMPRESSED | 50 << 54 | (size + 100)))
    guest_bytes_equal image
    qcow2_info cat image | cmp - raw
}

@test "cat: a compressed cluster that lies in three host clusters" {
    make_image image 64K cluster_size=4k
    head -c 12K /dev/urandom >noise
    # Stored blocks of 3000 bytes by hand: too long for one cluster, cut at the end of the guest cluster.
    local at=$((1 << 20)) offset=3000 i
    truncate -s $((at + 64 * K)) image
    at=$((at + offset))
    for i in 0 1; do
        poke image $at '00 b80b 47f4' # not the last block, stored, 3000 bytes, and the complement
        dd if=noise of=image bs=1 skip=$((i * 3000)) seek=$((at + 5)) count=3000 conv=notrunc status=none
        at=$((at + 3005))
    done
    write_image image 'write -q -P 1 0 4k'
    poke_l2_entry image 0 $((COMPRESSED | 15 << 58 | ((1 << 20) + offset)))
    qcow2_info cat --length 4K image | cmp - <(head -c 4K noise)
    guest_bytes_equal image
}

# ---- Encryption, features, versions --------------------------------------------------------------------------

@test "cat faults: encrypted data" {
    make_data
    local method
    for method in 1 2 9; do
        poke_field image crypt_method $method
        # Without a terminal, where a passphrase would be asked for.
        run --separate-stderr setsid -w timeout -k 5 "$PROGRAM_SECONDS" "$QCOW2_INFO" cat image
        assert_status 1
        assert_output ''
        assert_one_error image encrypt
    done
}

@test "cat faults: an unknown incompatible feature" {
    make_data
    poke_field image incompatible_features $((1 << 5))
    run_qcow2_info cat image
    assert_status 1
    assert_output ''
    assert_one_error image feature 5
}

@test "cat: unknown compatible and autoclear features do not matter" {
    make_data
    poke_field image compatible_features 0xfffffffffffffffe
    poke_field image autoclear_features 0xfffffffffffffffc
    run_qcow2_info cat -o out image
    assert_status 0
    assert_same_bytes out raw
}

@test "cat faults: a later version" {
    make_data
    poke_field image version 4
    run_qcow2_info cat image
    assert_status 1
    assert_output ''
    assert_one_error image version
}

@test "cat faults: an unknown compression type" {
    make_compressed compression_type=zstd
    poke_field image compression_type 7
    run_qcow2_info cat image
    assert_status 1
    assert_output ''
    assert_one_error image compression
}

@test "cat faults: a disk that its L1 table does not cover" {
    make_data
    poke_field image size $((1 << 50))
    run_qcow2_info cat image
    assert_status 1
    assert_output ''
    assert_one_error image l1_size
}

# ---- Data files ---------------------------------------------------------------------------------------------

@test "cat faults: a data file that is missing" {
    make_data data_file=data
    rm data
    run_qcow2_info cat image
    assert_status 1
    assert_output ''
    assert_one_error image 'data file data' 'No such file'
}

@test "cat faults: a data file that is a fifo is refused without waiting" {
    make_data data_file=data
    rm data
    mkfifo data
    run_qcow2_info cat image
    assert_status 1
    assert_one_error image 'data file data'
}

@test "cat faults: a data file that is too short" {
    make_data data_file=data
    truncate -s 400000 data
    bytes_end_at image raw 400000 'guest offset 400000' 'data file'
}

@test "cat faults: a data file that the image does not name" {
    make_data data_file=data
    # The extension that names it becomes an unknown one.
    local at=112
    while [[ $(peek image $at 4) != 44415441 ]]; do
        at=$((at + 8 + ($(peek_be32 image $((at + 4))) + 7) / 8 * 8))
    done
    poke image $at 44415442
    run_qcow2_info cat image
    assert_status 1
    assert_output ''
    assert_one_error image '--data-file'
    run_qcow2_info cat --data-file data -o out image
    assert_status 0
    assert_same_bytes out raw
}

@test "cat: --data-file stands for the file that the image names" {
    make_data data_file=data
    mv data elsewhere
    run_qcow2_info cat --data-file elsewhere -o out image
    assert_status 0
    assert_same_bytes out raw
}

@test "cat: a data file is found beside its image" {
    mkdir folder
    make_text 1M >raw
    (cd folder && make_image image 1M data_file=data 'write -q -s ../raw 0 1M')
    run_qcow2_info cat -o out folder/image
    assert_status 0
    assert_same_bytes out raw
}

# ---- Backing files ------------------------------------------------------------------------------------------

# Each names the layer in its only line, and nothing is printed.
assert_layer_fault() {
    run_qcow2_info cat image
    assert_status 1 || return
    assert_output '' || return
    assert_one_error image "$@"
}

@test "cat faults: a backing file that is missing" {
    make_layer image 1M '' base qcow2
    assert_layer_fault 'backing file base' 'No such file'
}

@test "cat faults: a backing file of a backing file that is missing" {
    make_layer middle 1M '' base qcow2
    make_layer image 1M '' middle qcow2
    assert_layer_fault 'backing file base' 'No such file'
}

@test "cat faults: an image that is its own backing file" {
    make_layer image 1M '' base qcow2
    poke_backing_name image
    assert_layer_fault 'backing file image' 'the backing chain contains'
}

@test "cat faults: a loop of backing files, by other names" {
    make_layer image 1M '' ./link qcow2
    make_layer middle 1M '' "$PWD/image" qcow2
    ln -s middle link
    assert_layer_fault "backing file $PWD/image" 'the backing chain contains'
}

@test "cat: a backing file that is used twice is no loop" {
    make_image base 1M '' 'write -q -P 0x41 0 64k'
    ln base again
    cp base other
    make_layer image 1M '' base qcow2
    run_qcow2_info cat --length 3 image
    assert_status 0
    assert_output AAA
}

@test "cat faults: a backing file of an unsupported format" {
    make_layer image 1M '' base qcow2
    local at=112
    [[ $(peek image $at 12) == e2792aca0000000571636f77 ]] || fail 'the extension is elsewhere'
    poke image $((at + 8)) '766d646b32' # "vmdk2"
    : >base
    assert_layer_fault 'backing file base' vmdk2
}

@test "cat faults: a backing file that is no qcow2 image though the format says so" {
    truncate -s 1M base
    make_layer image 1M '' base qcow2
    assert_layer_fault 'backing file base' 'not a qcow2 image'
}

@test "cat faults: a backing file with an unreadable header" {
    make_image base 1M ''
    make_layer image 1M '' base qcow2
    poke_field base crypt_method 2
    assert_layer_fault 'backing file base' encrypt
}

@test "cat faults: a backing file that is a folder" {
    mkdir base
    make_layer image 1M '' base raw
    assert_layer_fault 'backing file base' directory
}

@test "cat faults: a backing file that is a fifo is refused without waiting" {
    mkfifo base
    make_layer image 1M '' base raw
    assert_layer_fault 'backing file base'
}

@test "cat faults: a backing file of another protocol" {
    local name
    for name in nbd://localhost:10809/disk https://example.org/disk.qcow2 ssh:disk; do
        make_layer image 1M '' base qcow2
        poke_backing_name "$name"
        assert_layer_fault 'backing file' "$name"
    done
}

# poke_backing_name NAME: puts another name in the place of the one in image
poke_backing_name() {
    printf %s "$1" | dd of=image bs=64k oflag=seek_bytes seek=1024 conv=notrunc status=none || return
    poke_field image backing_file_offset 1024
    poke_field image backing_file_size ${#1}
}

@test "cat: file: in front of a backing file's name" {
    make_image base 1M '' 'write -q -P 0x41 0 64k'
    make_layer image 1M '' base qcow2
    poke_backing_name file:base
    run_qcow2_info cat --length 3 image
    assert_status 0
    assert_output AAA
}

@test "cat: json: names of backing files" {
    make_image base 1M '' 'write -q -P 0x41 0 64k'
    local name
    for name in 'json:{"driver":"qcow2","file":{"driver":"file","filename":"base"}}' \
        'json:{"driver":"qcow2","file.driver":"file","file.filename":"base"}' \
        'json:{"file.filename":"base","driver":"qcow2"}'; do
        rm -f image
        make_layer image 1M '' base qcow2
        poke_backing_name "$name"
        guest_bytes_equal image
        run_qcow2_info cat --length 3 image
        assert_output AAA
    done
}

@test "cat faults: a json: name of another protocol" {
    make_layer image 1M '' base qcow2
    poke_backing_name 'json:{"driver":"nbd","host":"localhost"}'
    assert_layer_fault 'backing file' nbd
}

@test "cat faults: a json: name that is no JSON" {
    make_layer image 1M '' base qcow2
    poke_backing_name 'json:{"driver":"qcow2",'
    assert_layer_fault 'backing file'
}

@test "cat faults: a backing file name that lies outside the first cluster" {
    make_layer image 1M '' base qcow2
    poke_field image backing_file_offset 65535
    run_qcow2_info cat image
    assert_status 1
    assert_output ''
    assert_one_error image 'backing file name' 65535
}

@test "cat faults: a fault in a backing file names the layer" {
    make_data
    mv image base
    make_layer image 1M '' base qcow2
    poke_l2_entry base $((320 * K)) $((COPIED | 1 << 40))
    bytes_end_at image raw $((320 * K)) 'backing file base' "guest offset $((320 * K))" $((1 << 40))
}

@test "cat faults: an undecodable cluster in a backing file names the layer" {
    make_compressed
    damage_compressed $((320 * K))
    mv image base
    make_layer image 1M '' base qcow2
    bytes_end_at image raw $((320 * K)) 'backing file base' "guest offset $((320 * K))"
}

@test "cat: a fault in a backing file is no error where the image has data" {
    make_data
    mv image base
    make_layer image 1M '' base qcow2 'write -q -s raw 320k 64k'
    poke_l2_entry base $((320 * K)) $((COPIED | 1 << 40))
    { head -c 320K raw && head -c 64K raw && tail -c +$((384 * K + 1)) raw; } >want
    qcow2_info cat image | cmp - want
}

@test "cat: --no-backing reads the image alone" {
    make_layer image 1M '' missing qcow2
    run_qcow2_info cat --no-backing -o out image
    assert_status 0
    cmp out <(head -c 1M /dev/zero)
    rm image
    make_image base 1M '' 'write -q -P 0x21 0 1M'
    make_layer image 1M '' base qcow2 'write -q -P 0x22 64k 64k'
    { head -c 64K /dev/zero && head -c 64K /dev/zero | tr '\0' '\042' && head -c 896K /dev/zero; } >want
    qcow2_info cat --no-backing image | cmp - want
}

@test "cat: a relative backing file is found beside its image" {
    mkdir folder
    make_image folder/base 1M '' 'write -q -P 0x41 0 64k'
    (cd folder && make_layer image 1M '' base qcow2)
    run_qcow2_info cat --length 3 folder/image
    assert_status 0
    assert_output AAA
    mkdir elsewhere
    cd elsewhere
    run_qcow2_info cat --length 3 ../folder/image
    assert_output AAA
    run_qcow2_info cat --length 3 "$BATS_TEST_TMPDIR/folder/image"
    assert_output AAA
}

@test "cat: a backing file in another folder, by a relative name" {
    mkdir -p images bases
    make_image bases/base 1M '' 'write -q -P 0x41 0 64k'
    (cd images && make_layer image 1M '' ../bases/base qcow2)
    run_qcow2_info cat --length 3 images/image
    assert_status 0
    assert_output AAA
}

@test "cat: a chain of 300 layers" {
    make_image layer-000 1M '' 'write -q -P 0x41 0 64k'
    make_layer layer-001 1M '' layer-000 qcow2
    local i name at
    at=$(field layer-001 backing_file_offset)
    for ((i = 2; i <= 300; i++)); do
        printf -v name 'layer-%03d' $((i - 1))
        cp layer-001 "$(printf 'layer-%03d' $i)"
        printf %s "$name" | dd of="$(printf 'layer-%03d' $i)" bs=9 oflag=seek_bytes seek="$at" conv=notrunc status=none
    done
    write_image layer-150 'write -q -P 0x42 64k 64k'
    run_qcow2_info cat --offset 65533 --length 6 layer-300
    assert_status 0
    assert_output AAABBB
}
