#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Each rule of audit has an image here that it applies to, and no other rule: the case is called
# "audit rule CODE: ...". The last test sees to it that no rule lacks one.

# Without sanitizers: audit.bats and matrix.bats run with them, and hostile images in `make fuzz`.

load ../helpers/load
load ../helpers/tables
load ../helpers/encryption
load ../helpers/hold
load ../helpers/audit

C=65536

setup() {
    enter_test || return
    require_tool qemu-img qemu-io jq
}

teardown() {
    release
}

# An image of 1 MiB with data in its first two clusters.
make_small() {
    make_image image 1M '' "write -P 1 0 $((2 * C))"
}

# An image of 1 GiB: two L2 tables map it, of which the first is there.
make_two() {
    make_image image 1G '' "write -P 1 0 $((2 * C))"
}

# Where its second L1 entry is.
second_l1_entry() {
    l1_entry_at image $((512 << 20))
}

# ---- Other files -----------------------------------------------------------------------------------

@test "audit rule backing-file: a file in the same folder" {
    make_layer image 1M '' base.qcow2 qcow2
    assert_only unsafe backing-file "$(field image backing_file_offset)"
    assert_output_contains 'base.qcow2'
}

@test "audit rule backing-file-json: a json: name" {
    make_layer image 1M '' 'json:{"driver":"raw","file":{"driver":"file","filename":"/etc/passwd"}}' raw
    assert_only unsafe backing-file-json "$(field image backing_file_offset)"
}

@test "audit rule backing-file-protocol: a server" {
    make_layer image 1M '' nbd:127.0.0.1:10809 raw
    assert_only unsafe backing-file-protocol "$(field image backing_file_offset)"
}

@test "audit rule backing-format: a backing file without a format" {
    local at
    make_layer image 1M '' base raw
    at=$(extension_at image e2792aca)
    poke_be32 image "$at" 0x12345678 # unknown now
    audited image --allow backing-file
    assert_equal "${audited_codes-}" 'backing-format extension-unknown backing-file'
    assert_equal "$(jq -c '[.safe, .findings[0].severity, .findings[0].offset]' <<<"$output")" \
        "[false,\"unsafe\",$(field image backing_file_offset)]"
}

@test "audit rule backing-format: a format that is no format of a disk, or ends early" {
    local at
    make_layer image 1M '' base raw
    at=$(extension_at image e2792aca)
    # raw, NUL and x; nothing and raw; nbd
    for format in 72617700 00726177 6e6264; do
        poke_be32 image $((at + 4)) $((${#format} / 2))
        poke image $((at + 8)) "$format"
        audited image --allow backing-file
        assert_equal "${audited_codes-}" 'backing-format backing-file' || fail "$format"
        assert_status 2 || fail "$format"
    done
}

@test "audit rule data-file: the bit, with a name" {
    qemu-img create -q -f qcow2 -o data_file=data.raw image 1M
    assert_only unsafe data-file 72
    assert_output_contains 'data.raw'
}

@test "audit rule data-file-json: a json: name" {
    name_data_file image 'json:{"driver":"file","filename":"/etc/passwd"}'
    assert_only unsafe data-file-json 72
}

@test "audit rule data-file-protocol: a server" {
    name_data_file image 'https://127.0.0.1/disk'
    assert_only unsafe data-file-protocol 72
}

@test "audit rule data-file-without-bit: the name alone" {
    qemu-img create -q -f qcow2 -o data_file=data.raw image 1M
    poke_field image incompatible_features 0
    assert_only unsafe data-file-without-bit 72
    assert_output_contains 'data.raw'
}

# ---- The header ------------------------------------------------------------------------------------

@test "audit rule unknown-incompatible-feature: bit 5" {
    make_small
    poke_field image incompatible_features 32
    assert_only unsafe unknown-incompatible-feature 72
}

@test "audit rule unknown-compatible-feature: bit 1" {
    make_small
    poke_field image compatible_features 2
    assert_only note unknown-compatible-feature 80
}

@test "audit rule unknown-autoclear-feature: bit 63" {
    make_small
    poke_field image autoclear_features 0x8000000000000000
    assert_only note unknown-autoclear-feature 88
}

@test "audit rule header-limit: refcounts of 128 bits" {
    make_small
    poke_field image refcount_order 7
    assert_only unsafe header-limit 96
}

@test "audit rule header-broken: raw external data without external data" {
    make_small
    poke_field image autoclear_features 2
    assert_only unsafe header-broken 88
}

@test "audit rule header-unknown: a field behind the last one" {
    make_small
    poke_field image header_length 120
    poke image 112 '0000000000000001 0000000000000000'
    assert_only note header-unknown 119
}

@test "audit rule encryption: luks" {
    make_luks_image image
    assert_only unsafe encryption 32
}

@test "audit rule dirty: the bit" {
    make_small
    poke_field image incompatible_features 1
    assert_only unsafe dirty 72
}

@test "audit rule corrupt: the bit" {
    make_small
    poke_field image incompatible_features 2
    assert_only unsafe corrupt 72
}

@test "audit rule in-use: QEMU has it open" {
    make_small
    hold
    assert_only unsafe in-use null
    release
    assert_clean image
}

@test "audit rule extension-repeated: two backing format names" {
    make_small
    poke image 112 'e2792aca 00000005 7163 6f77 3200 0000 e2792aca 00000005 7163 6f77 3200 0000 00000000 00000000'
    assert_only unsafe extension-repeated 128
}

@test "audit rule extension-too-long: a length past the end of the cluster" {
    make_small
    poke image 112 'e2792aca 7fffffff'
    assert_only unsafe extension-too-long 112
}

@test "audit rule extension-unknown: a type of no known program" {
    make_small
    poke image 112 '12345678 00000008 0102030405060708 00000000 00000000'
    assert_only note extension-unknown 112
}

# ---- Sizes -----------------------------------------------------------------------------------------

@test "audit rule partial-sector: one byte less than 1 MiB" {
    make_small
    poke_field image size $(((1 << 20) - 1))
    assert_only unsafe partial-sector 24
}

@test "audit rule virtual-size: 16 TiB and a sector" {
    make_image image $(((16 << 40) + 512)) ''
    assert_only unsafe virtual-size 24
}

@test "audit rule larger-than-disk: 80 MiB for a disk of 1 MiB" {
    # No copy of an image: cp makes other holes.
    make_new_image image 1M '' "write -P 1 0 $((2 * C))"
    fallocate -o "$(stat -c %s image)" -l 80M image
    assert_only note larger-than-disk null
}

@test "audit rule l1-size: 200000 entries for a disk that needs one" {
    make_small
    local end entry
    end=$(stat -c %s image)
    entry=$(peek_be64 image "$(field image l1_table_offset)")
    truncate -s $((end + 2 * 1048576)) image
    poke_be64 image "$end" "$entry"
    poke_field image l1_table_offset "$end"
    poke_field image l1_size 200000
    assert_only unsafe l1-size 36
}

@test "audit rule l1-size: with small clusters, and of a snapshot" {
    local at
    make_image image 1M cluster_size=4k,refcount_bits=64
    # All of it is in a hole, and the next table behind it.
    truncate -s 64M image
    poke_field image l1_table_offset $((32 << 20))
    poke_field image l1_size 4000000
    BESIDE=table-free assert_only unsafe l1-size 36
    make_small
    qemu-img snapshot -c x image
    assert_clean image
    at=$(field image snapshots_offset)
    truncate -s 64M image
    poke_be64 image "$at" $((32 << 20))
    poke_be32 image $((at + 8)) 200000
    BESIDE='table-free hidden-data refcount-too-low' assert_only unsafe l1-size "$at"
    # However large the VM state is said to be: none of it is stored.
    poke_be32 image $((at + 32)) 0xffffffff
    poke_be64 image $((at + 40)) $((1 << 50))
    BESIDE='table-free hidden-data refcount-too-low vm-state' audited image
    assert_equal "${audited_codes-}" l1-size
}

@test "audit rule l1-size: a table for a disk of 100 GiB in clusters of 512 bytes, in a hole" {
    make_new_image image 100G cluster_size=512
    assert_clean image
    cp --sparse=always image copy && mv copy image
    assert_only unsafe l1-size 36
    assert_output_contains 'in 51200 clusters'
}

@test "audit rule refcount-table-size: 40 clusters where one is enough" {
    make_small
    local end
    end=$(stat -c %s image)
    dd if=image of=image bs=$C skip=1 seek=$((end / C)) count=1 conv=notrunc status=none
    truncate -s $((end + 40 * C)) image
    poke_field image refcount_table_offset "$end"
    poke_field image refcount_table_clusters 40
    assert_only unsafe refcount-table-size 56
}

# ---- Where tables and data are ---------------------------------------------------------------------

@test "audit rule table-outside-file: an L2 table behind the end" {
    make_two
    poke_be64 image "$(second_l1_entry)" $((COPIED | 1 << 40))
    assert_only unsafe table-outside-file "$(second_l1_entry)"
}

@test "audit rule table-unaligned: an L2 table at half a cluster" {
    make_two
    poke_be64 image "$(second_l1_entry)" $((COPIED | 7 * C + C / 2))
    assert_only unsafe table-unaligned "$(second_l1_entry)"
}

@test "audit rule table-overlap: one refcount block for two ranges of clusters" {
    make_small
    local table
    table=$(field image refcount_table_offset)
    poke_be64 image $((table + 8)) "$(peek_be64 image "$table")"
    assert_only unsafe table-overlap "$(peek_be64 image "$table")"
}

@test "audit rule data-outside-file: refcounts of clusters that the file does not have" {
    local end
    make_small
    end=$(stat -c %s image)
    # All up to 125 MiB.
    poke_be16 image "$(refcount_entry "$end")" 1
    repeat_bytes image "$(refcount_entry "$end")" 2 $((2000 - end / C))
    assert_only unsafe data-outside-file null
    # A write of QEMU goes behind them.
    qemu-io -c 'write -q 512k 64k' image
    [[ $(stat -c %s image) -gt $((2000 * C)) ]]
}

@test "audit rule data-outside-file: one cluster behind the end of the file has a refcount" {
    make_small
    poke_be16 image "$(refcount_entry "$(stat -c %s image)")" 1
    assert_only unsafe data-outside-file null
    run_qcow2_info audit --json --drain - < <(cat image) # the whole file, from a pipe
    assert_equal "$(codes)" data-outside-file
    # QEMU ends when it makes the disk longer.
    run qemu-img resize -q --preallocation=falloc image 4M
    [[ $status -gt 128 ]]
}

@test "audit rule refcount-table-size: room for more refcounts of one bit than an amend can go through" {
    make_image image 1M refcount_bits=1
    truncate -s 8M image
    poke_field image refcount_table_offset $((2 << 20))
    poke_be64 image $((2 << 20)) $((2 * C))
    poke_field image refcount_table_clusters 3
    BESIDE='table-free hidden-data data-free' assert_only unsafe refcount-table-size 56
}

# set_dirty: the image was not closed
set_dirty() {
    poke_field image incompatible_features $(($(field image incompatible_features) | 1))
}

@test "audit rule data-outside-file: a repair of QEMU keeps refcounts behind the end of the file" {
    local end
    make_small
    end=$(stat -c %s image)
    poke_be16 image "$(refcount_entry "$end")" 1
    repeat_bytes image "$(refcount_entry "$end")" 2 $((2000 - end / C))
    set_dirty
    audited image --allow dirty
    assert_status 2
    assert_equal "${audited_codes-}" 'data-outside-file dirty'
    qemu-io -c 'write -q 512k 64k' image
    [[ $(stat -c %s image) -gt $((2000 * C)) ]]
}

@test "audit rule data-outside-file: a cluster at 32 PiB" {
    make_small
    poke_l2_entry image 0 $((COPIED | 1 << 55))
    assert_only unsafe data-outside-file "$(l2_entry_at image 0)"
}

@test "audit rule data-over-table: the guest writes to its own L1 table" {
    make_small
    poke_l2_entry image $((3 * C)) $((COPIED | $(field image l1_table_offset)))
    assert_only unsafe data-over-table "$(l2_entry_at image $((3 * C)))"
    assert_output_contains 'an L1 table'
}

@test "audit rule entry-broken: COPIED without an L2 table" {
    make_two
    poke_be64 image "$(second_l1_entry)" $((COPIED))
    assert_only unsafe entry-broken "$(second_l1_entry)"
    # QEMU ends when the guest writes.
    run qemu-io -c 'write -q 512M 64k' image
    [[ $status -gt 128 ]]
}

@test "audit rule entry-broken: a reserved bit, which some programs read as part of the host offset" {
    make_small
    poke_l2_entry image 0 $(($(l2_entry image 0) | 1 << 57))
    assert_only unsafe entry-broken "$(l2_entry_at image 0)"
    assert_output_contains 'reserved bits'
}

@test "audit rule shared-l2-table: two halves of the disk are one" {
    make_two
    poke_be64 image "$(second_l1_entry)" "$(peek_be64 image "$(l1_entry_at image 0)")"
    assert_only unsafe shared-l2-table "$(second_l1_entry)"
}

@test "audit rule shared-data: two clusters are one" {
    make_small
    poke_l2_entry image $C "$(l2_entry image 0)"
    assert_only unsafe shared-data "$(l2_entry_at image $C)"
}

@test "audit rule expansion: 1100 MiB that compress to almost nothing" {
    make_image image 2G compression_type=zstd 'write -q -c -P 1 0 1100M'
    assert_only unsafe expansion "$(field image l1_table_offset)"
}

@test "audit rule refcount-bomb: 16777216 clusters of 512 bytes, nearly all in a hole" {
    make_image image 1M cluster_size=512,refcount_bits=64
    truncate -s 8G image || skip 'machine: the file system has no files of 8 GiB'
    assert_only unsafe refcount-bomb null
    assert_output_contains "of 8589934592 bytes take 134217728 bytes"
    truncate -s 4G image
    assert_clean image
}

@test "audit rule refcount-bomb: 2097152 clusters in holes, each with a refcount and no reference" {
    # Refcounts of one bit: a block of 64 KiB has 524288. The first is where qemu-img has put it.
    local table block at
    make_image image 1M refcount_bits=1
    truncate -s 128G image || skip 'machine: the file system has no files of 128 GiB'
    table=$(field image refcount_table_offset)
    at=$(peek_be64 image "$table")
    for block in 0 1 2 3; do
        head -c $C /dev/zero | tr '\0' '\377' | place image "$at"
        poke_be64 image $((table + block * 8)) "$at"
        at=$(((block + 16) * C))
    done
    assert_only unsafe refcount-bomb null
    assert_output_contains 'nothing refers to more than'
    # Half of them are no more than that; the blocks of the others have no reference now.
    poke image $((table + 16)) '0000000000000000 0000000000000000'
    truncate -s 64G image
    assert_only note hidden-data $((17 * C))
}

# make_hole_tables: an image whose 600 L2 tables of 2 MiB, from $tables on, lie in holes
make_hole_tables() {
    make_image image 1M cluster_size=2M
    tables=$((16 * C))
    truncate -s $((tables + 600 * C)) image
    copied_entries 600 $tables $C | place image "$(field image l1_table_offset)"
    poke_field image l1_size 600
    # Each has the refcount 1, in the first refcount block.
    poke_be16 image "$(refcount_entry $tables)" 1
    repeat_bytes image "$(refcount_entry $tables)" 2 600
}

@test "audit rule table-bomb: 600 L2 tables of 2 MiB in holes" {
    local C=$((2 << 20)) tables
    make_hole_tables
    assert_only unsafe table-bomb null
    poke_field image l1_size 500
    audited image
    [[ " $(codes) " != *' table-bomb '* ]]
}

@test "audit rule table-bomb: 600 L2 tables of 2 MiB with a single entry, the rest in holes" {
    local C=$((2 << 20)) tables i
    make_hole_tables
    for ((i = 0; i < 600; i++)); do
        poke_be64 image $((tables + i * C)) 1 # reads as zeros
    done
    assert_only unsafe table-bomb null
    poke_field image l1_size 500
    BESIDE=hidden-data audited image
    assert_equal "${audited_codes-}" ''
}

@test "audit rule unseen-tables: data in more places than can be remembered" {
    # 20480 clusters of 512 bytes that are 16 MiB from each other: 4 KiB of memory for each.
    local at=$((1 << 20)) tables=320
    make_image image $((tables * 32768)) cluster_size=512
    truncate -s 15T image || skip 'machine: the file system has no files of 15 TiB'
    copied_entries $((tables * 64)) $((1 << 30)) $((16 << 20)) | place image "$at"
    copied_entries $tables $at 512 | place image "$(field image l1_table_offset)"
    assert_equal "$(field image l1_size)" $tables
    # None of these tables has a refcount.
    audited image
    assert_status 2
    assert_equal "${audited_codes-}" 'refcount-bomb table-free unseen-tables'
    assert_equal "$(jq .complete <<<"$output")" false
    audited image --allow unseen-tables,table-free,refcount-bomb
    assert_status 0
    assert_equal "${audited_codes-}" 'incomplete refcount-bomb table-free unseen-tables'
}

# ---- Snapshots and bitmaps --------------------------------------------------------------------------

@test "audit rule snapshot-bomb: 1025 sound snapshots" {
    local i table='' l1=$((1 << 20))
    make_image image 1M cluster_size=512
    for ((i = 0; i < 1025; i++)); do
        table+=$(snapshot_entry $((l1 + i * 512)) 32 1048576 $((i + 1)))
    done
    truncate -s $((l1 + 1025 * 512)) image
    poke image $((2 << 20)) "$table"
    poke_field image snapshots_offset $((2 << 20))
    poke_field image nb_snapshots 1025
    assert_equal "$(qemu-img info --output=json image | jq '.snapshots | length')" 1025
    assert_only unsafe snapshot-bomb 60
}

@test "audit rule snapshot-broken: 1000000000 nanoseconds or more" {
    make_small
    qemu-img snapshot -c one image
    poke_be32 image $(($(field image snapshots_offset) + 20)) 1000000000
    assert_only unsafe snapshot-broken $(($(field image snapshots_offset) + 20))
}

@test "audit rule vm-state: a snapshot with 1 MiB of it" {
    make_small
    qemu-img snapshot -c one image
    poke_be64 image $(($(field image snapshots_offset) + 40)) 1048576
    assert_only note vm-state "$(field image snapshots_offset)"
}

# id_of_first: where the ID of the first snapshot is
id_of_first() {
    local at
    at=$(field image snapshots_offset)
    echo $((at + 40 + $(peek_be32 image $((at + 36)))))
}

@test "audit rule snapshot-id: not the decimal number that QEMU gives" {
    local id
    make_small
    qemu-img snapshot -c x image
    assert_clean image
    for id in 30 2d 62 20 00; do # 0, -, b, a blank, NUL
        poke image "$(id_of_first)" $id
        audited image
        assert_status 2 || fail "$id"
        [[ " $audited_codes " == *' snapshot-id '* ]] || fail "$id: $audited_codes"
    done
    # QEMU reads the uploaded snapshot where the name of the later one was meant; this program asks.
    poke_text image "$(id_of_first)" b
    qemu-img snapshot -c b image
    qemu-io -c 'write -q -P 9 0 64k' image
    run_qcow2_info cat --snapshot b image
    assert_status 1
    assert_stderr_contains 'there is more than one snapshot "b"; the image has: b (x), 1 (b)'
    assert_equal "$(qemu-img convert -l b -O raw image b.raw && head -c 1 b.raw | od -An -tu1 | tr -d ' ')" 1
}

@test "audit rule snapshot-id: a number that may be a date, which a later snapshot may have as its name" {
    local at
    make_small
    qemu-img snapshot -c 0261128x image
    at=$(field image snapshots_offset)
    poke image $((at + 12)) '0008 0001' # the first 8 bytes are the ID, the last is the name
    assert_only unsafe snapshot-id "$at"
    qemu-img snapshot -c 10261128 image
    qemu-io -c 'write -q -P 9 0 64k' image
    qemu-img snapshot -d 10261128 image # the later one
    assert_equal "$(qemu-img info --output=json image | jq -r '.snapshots[].name')" x
}

@test "audit rule snapshot-id: two snapshots have the same" {
    make_small
    qemu-img snapshot -c x image
    qemu-img snapshot -c y image
    assert_clean image
    poke_text image "$(id_of_first)" 2
    # The second entry: the first has 40 bytes, extra data, two bytes of names, and ends at a multiple of 8.
    assert_only unsafe snapshot-id $((($(id_of_first) + 2 + 7) / 8 * 8))
}

@test "audit rule bitmap-bomb: 257 sound bitmaps" {
    local i directory='' tables=$((1 << 20)) extension
    make_image image 1M cluster_size=512
    qemu-img bitmap --add image first
    for ((i = 0; i < 257; i++)); do
        directory+=$(bitmap_entry $((tables + i * 512)) 1 $i)
    done
    truncate -s $((tables + 257 * 512)) image
    poke image $((2 << 20)) "$directory"
    extension=$(extension_at image 23852875)
    poke_be32 image $((extension + 8)) 257
    poke_be64 image $((extension + 16)) $((257 * 32))
    poke_be64 image $((extension + 24)) $((2 << 20))
    assert_equal "$(qemu-img info --output=json image | jq '."format-specific".data.bitmaps | length')" 257
    assert_only unsafe bitmap-bomb "$extension"
}

# make_bitmaps ENTRY: the image has 33 bitmaps in clusters of 2 MiB, each with a table of this one entry
make_bitmaps() {
    local i directory='' extension table C=$((2 << 20))
    make_image image 1M cluster_size=2M
    qemu-img bitmap --add image first
    extension=$(extension_at image 23852875)
    for ((i = 0; i < 33; i++)); do
        table=$((10 * C + i * C))
        directory+=$(bitmap_entry $table 1 $i)
        poke_be64 image $table "$1"
        poke_be16 image "$(refcount_entry $table)" 1
    done
    truncate -s $((50 * C)) image
    poke image "$(peek_be64 image $((extension + 24)))" "$directory"
    poke_be32 image $((extension + 8)) 33
    poke_be64 image $((extension + 16)) $((33 * 32))
}

# assert_bitmap_bomb: it is one, and QEMU shows it: with one write of a guest each bitmap gets a cluster
assert_bitmap_bomb() {
    assert_only unsafe bitmap-bomb "$(peek_be64 image $(($(extension_at image 23852875) + 24)))" || return
    qemu-io -c 'write -q 0 512' image
    [[ $(stat -c %s image) -gt $((70 * (2 << 20))) ]]
}

@test "audit rule bitmap-bomb: small bitmaps whose clusters are all ones" {
    make_bitmaps 1
    assert_bitmap_bomb
}

@test "audit rule bitmap-bomb: small enabled bitmaps without bits" {
    make_bitmaps 0
    assert_bitmap_bomb
}

@test "audit rule bitmap-bomb: bitmaps of fine granularity on a small disk, which may become longer" {
    local i
    make_small
    for i in 1 2; do
        qemu-img bitmap --add -g 512 image $i
    done
    assert_clean image
    qemu-img bitmap --add -g 64k image 3
    assert_only unsafe bitmap-bomb "$(peek_be64 image $(($(extension_at image 23852875) + 24)))"
}

@test "audit rule snapshot-bomb: L1 tables of 32 MiB in holes" {
    local i entries=''
    make_small
    for ((i = 0; i < 9; i++)); do
        entries+=$(snapshot_entry $(((1 << 30) + (i << 25))) 4194304 $((1 << 50)) $((i + 1)))
    done
    truncate -s $(((1 << 30) + (9 << 25))) image
    poke image $((512 << 20)) "$entries"
    poke_field image snapshots_offset $((512 << 20))
    poke_field image nb_snapshots 9
    BESIDE='table-free virtual-size' audited image
    assert_equal "${audited_codes-}" 'snapshot-bomb'
}

@test "audit rule bitmap-broken: a reserved flag" {
    make_small
    qemu-img bitmap --add image one
    local directory
    directory=$(peek_be64 image $(($(extension_at image 23852875) + 24)))
    poke_be32 image $((directory + 12)) 0x80000000
    assert_only unsafe bitmap-broken $((directory + 12))
}

# ---- Names -----------------------------------------------------------------------------------------

@test "audit rule name-control: an escape sequence" {
    make_small
    qemu-img snapshot -c $'a\e[31mb' image
    assert_only unsafe name-control "$(field image snapshots_offset)"
}

@test "audit rule name-not-utf8: a byte that begins no character" {
    make_small
    qemu-img snapshot -c $'a\xffb' image
    assert_only unsafe name-not-utf8 "$(field image snapshots_offset)"
}

@test "audit rule name-path: a snapshot whose name leads out of the folder" {
    make_small
    qemu-img snapshot -c ../../etc/cron.d/x image
    assert_only unsafe name-path "$(field image snapshots_offset)"
}

# ---- Bytes of the file -----------------------------------------------------------------------------

@test "audit rule other-format: a boot sector" {
    make_image image 1M compat=0.10
    poke image 510 55aa
    assert_only unsafe other-format 510
}

@test "audit rule other-format-in-data: a partition table in guest data that lie at 4096" {
    make_image image 64K cluster_size=512 'write -P 1 0 64K'
    guest_offset image 4096 >offset # fails when no data lie there
    poke_text image 4096 'EFI PART'
    assert_only unsafe other-format-in-data 4096
}

@test "audit rule table-free: an L2 table of a snapshot with refcount 0" {
    local table
    make_small
    qemu-img snapshot -c one image
    qemu-io -c "write -q -P 2 0 64k" image # the active disk has a table of its own then
    table=$(($(peek_be64 image "$(peek_be64 image "$(field image snapshots_offset)")") & OFFSET_MASK))
    poke_be16 image $(($(peek_be64 image "$(field image refcount_table_offset)") + 2 * (table / C))) 0
    assert_only unsafe table-free "$table"
    # QEMU writes guest data over it.
    qemu-io -c "write -q -P 0x41 512k 64k" image
    assert_equal "$(peek image "$table" 2)" 4141
}

@test "audit rule data-free: data of the disk with refcount 0" {
    local data
    make_small
    data=$(host_offset image 0)
    poke_be16 image $(($(peek_be64 image "$(field image refcount_table_offset)") + 2 * (data / C))) 0
    assert_only unsafe data-free "$data"
    # QEMU writes other guest data over it.
    qemu-io -c "write -q -P 0x41 512k 64k" image
    qemu-io -c "read -q -P 0x41 0 64k" image
}

# one_too_low HOST REFERENCES: the clean image has this refcount for the cluster at a host offset; with one
# less, audit reports it
one_too_low() {
    local cluster=$(($1 / C * C))
    assert_equal "$((0x$(peek image "$(refcount_entry "$cluster")" 2)))" "$2" || return
    assert_clean image || return
    poke_be16 image "$(refcount_entry "$cluster")" $(($2 - 1))
    assert_only unsafe refcount-too-low "$cluster"
}

@test "audit rule refcount-too-low: an L2 table that a snapshot shares" {
    local table
    make_small
    qemu-img snapshot -c one image
    table=$(l2_table_at image 0)
    one_too_low "$table" 2
    # QEMU copies it for the first write and puts that write into it.
    qemu-io -c "write -q -P 0x41 512k 64k" image
    assert_equal "$(peek image "$table" 2)" 4141
}

@test "audit rule refcount-too-low: data that a snapshot shares, the active disk with a table of its own" {
    make_small
    qemu-img snapshot -c one image
    qemu-io -c "write -q -P 2 512k 64k" image
    one_too_low "$(host_offset image 0)" 2
}

@test "audit rule refcount-too-low: compressed data of 16 guest offsets in one cluster" {
    make_image disk 1M '' 'write -P 1 0 1M'
    qemu-img convert -c -O qcow2 disk image
    one_too_low "$(host_offset image 0)" 16
}

@test "audit rule refcount-too-low: compressed data that a snapshot shares" {
    make_image disk 1M '' 'write -P 1 0 128K'
    qemu-img convert -c -O qcow2 disk image
    qemu-img snapshot -c one image
    qemu-io -c "write -q -P 2 512k 64k" image
    one_too_low "$(host_offset image 0)" 4
}

@test "audit rule data-outside-file: compressed data that reaches behind the last cluster of the file" {
    local data size
    make_image disk 1M '' 'write -P 1 0 64K'
    qemu-img convert -c -O qcow2 disk image
    data=$(host_offset image 0)
    size=$((data / C * C + C))
    truncate -s $size image
    assert_clean image
    poke_l2_entry image 0 $((COMPRESSED | (size - 512)))
    assert_clean image
    poke_l2_entry image 0 $((COMPRESSED | 1 << 54 | (size - 512)))
    poke_be16 image "$(refcount_entry "$size")" 1
    assert_only unsafe data-outside-file "$(l2_entry_at image 0)"
    # QEMU ends when it makes the disk longer.
    run qemu-img resize -q --preallocation=falloc image 4M
    [[ $status -gt 128 ]]
}

@test "audit rule refcount-too-low: more references than a refcount of one bit counts, in an image that QEMU repairs" {
    local first
    make_image disk 1M '' 'write -P 1 0 64K' 'write -P 2 64K 64K'
    qemu-img convert -c -O qcow2 -o refcount_bits=1 disk image
    set_dirty
    audited image --allow dirty
    assert_status 0
    # The second stream comes to lie behind the first.
    first=$(($(l2_entry image 0) & OFFSET_MASK))
    poke image $((first + 512)) "$(peek image $(($(l2_entry image $C) & OFFSET_MASK)) 512)"
    poke_l2_entry image $C $((COMPRESSED | (first + 512)))
    audited image --allow dirty
    assert_status 2
    assert_equal "${audited_codes-}" 'refcount-too-low dirty'
    assert_output_contains 'with 2 references, but the refcount 1'
    # QEMU opens it for writing and goes on with the refcount 1.
    qemu-io -c 'write -q 512k 64k' image
    run qemu-img check image
    assert_output_contains 'overflow cluster offset='
}

@test "audit rule copied-flag: L1 and L2 entries of clusters that a snapshot shares" {
    local table entry
    make_small
    qemu-img snapshot -c one image
    cp image shared
    table=$(l2_table_at image 0)
    poke_be64 image "$(l1_entry_at image 0)" $((COPIED | table))
    assert_only unsafe copied-flag "$table"
    cp shared image
    poke_l2_entry image $C $((COPIED | $(l2_entry image $C)))
    assert_only unsafe copied-flag $(($(l2_entry_at image 0) + 8))
    # The active disk has a table of its own.
    cp shared image
    qemu-io -c "write -q -P 2 0 64k" image
    assert_clean image
    entry=$(l2_entry image $C)
    poke_l2_entry image $C $((COPIED | entry))
    assert_only unsafe copied-flag "$(l2_entry_at image $C)"
    # QEMU overwrites the data of the snapshot.
    qemu-io -c "write -q -P 0x41 64k 64k" image
    assert_equal "$(peek image $((entry & OFFSET_MASK)) 2)" 4141
}

@test "audit rule hidden-data: data behind the end of the disk" {
    make_image image 1M '' 'write -P 1 0 1M'
    poke_field image size 65536
    assert_only note hidden-data "$(($(l2_entry_at image 0) + 8))"
    # A longer disk shows it.
    qemu-img resize -q image 1M
    run_qcow2_info cat --offset 512K --length 1 image
    assert_output $'\x01'
}

@test "audit rule hidden-data: a leaked cluster with data, and none with zeros" {
    local host
    make_image image 1M '' "write -P 1 0 $((2 * C))" "write -P 0 $((2 * C)) $C"
    host=$(host_offset image $C)
    poke_l2_entry image $((2 * C)) 0
    assert_clean image
    poke_l2_entry image $C 0
    assert_only note hidden-data "$host"
}

@test "audit rule trailing-data: a file behind the image" {
    make_small
    local end
    end=$(stat -c %s image)
    printf 'Rar!' >>image
    assert_only note trailing-data "$end"
}

@test "audit rule incomplete: the image is read from a pipe" {
    make_small
    run --separate-stderr bash -c 'cat image | "$QCOW2_INFO" audit --json'
    assert_status 0
    assert_equal "$(jq -c '[.safe, .complete, .actual_size, (.findings[] | .code, .severity, .offset)]' <<<"$output")" \
        "[true,false,null,\"incomplete\",\"note\",$(stat -c %s image)]"
}

# ---- All of them -----------------------------------------------------------------------------------

@test "audit rules: each one has a test of its own above, and each test a rule" {
    run_qcow2_info audit --list-rules --json
    assert_status 0
    jq -r '.[].code' <<<"$output" | sort >rules
    sed -n 's/^@test "audit rule \([a-z0-9-]*\): .*/\1/p' "$BATS_TEST_FILENAME" | sort >tests
    diff rules <(uniq tests)
}
