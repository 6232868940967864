#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# audit on images that attacks used or could use: known ones, names, files of two formats, tables that
# mean more than the file has, and policies that let a part of them through.

# Without sanitizers: audit.bats and matrix.bats run with them, and hostile images in `make fuzz`.

# shellcheck disable=SC2034 # codes() reads $BESIDE
load ../helpers/load
load ../helpers/tables
load ../helpers/encryption
load ../helpers/audit

C=65536

setup() {
    enter_test || return
    require_tool qemu-img qemu-io jq
}

make_small() {
    make_image image 1M '' "write -P 1 0 $((2 * C))"
}

# assert_codes CODE...: these are reported for image, in the order of the rules
assert_codes() {
    audited image || return
    assert_equal "${audited_codes-}" "$*"
}

# assert_allowing RULE CODES: the same when a rule is allowed
assert_allowing() {
    audited image --allow "$1" || return
    assert_equal "${audited_codes-}" "$2"
}

# ---- Known attacks ---------------------------------------------------------------------------------

@test "audit attack: CVE-2022-47951: a VMDK descriptor whose extent is a file of the host" {
    printf '%s\n' '# Disk DescriptorFile' 'version=1' 'CID=fffffffe' 'parentCID=ffffffff' \
        'createType="monolithicFlat"' '# Extent description' 'RW 16 FLAT "/etc/passwd" 0' >image
    [[ $(qemu-img info --output=json image) == *vmdk* ]]
    run_qcow2_info audit --json image
    assert_status 1
    assert_output ''
    assert_one_error image VMDK
}

@test "audit attack: CVE-2024-32498: an external data file that is a file of the host" {
    name_data_file image /etc/passwd
    assert_codes data-file name-path
    assert_status 2
    assert_output_contains '/etc/passwd'
    # The checks of that time looked for a backing file.
    assert_equal "$(field image backing_file_offset)" 0
}

@test "audit attack: CVE-2024-44082: references handed to qemu-img unchecked, in an image for a bare machine" {
    qemu-img create -q -u -f qcow2 -b /etc/shadow -F raw image 1M
    assert_codes backing-file name-path
    assert_status 2
    # The same with a data file, and with both.
    name_data_file image /dev/sda
    assert_codes data-file name-path
    assert_status 2
}

@test "audit attack: CVE-2024-4467: a json: data file, opened by qemu-img info" {
    name_data_file image 'json:{"driver":"qcow2","file":{"driver":"quorum","vote-threshold":1,"children":[{"driver":"file","filename":"/etc/passwd"}]}}'
    assert_codes data-file-json
    assert_status 2
    audited image --allow data-file
    assert_status 2
}

@test "audit attack: 65536 snapshots in a file of 197 KB" {
    make_image image 10M ''
    poke_field image nb_snapshots 65536
    poke_field image snapshots_offset $((3 * C))
    audited image
    assert_status 2
    [[ " $(codes) " == *' snapshot-bomb '* ]] || fail "$output"
}

@test "audit attack: more snapshots and bitmaps than QEMU accepts" {
    make_small
    poke_field image nb_snapshots 65537
    audited image
    [[ " $(codes) " == *' snapshot-bomb '* ]] || fail "$output"
    make_small
    qemu-img bitmap --add image one
    poke_be32 image $(($(extension_at image 23852875) + 8)) 65536
    audited image
    [[ " $(codes) " == *' bitmap-bomb '* ]] || fail "$output"
}

@test "audit attack: bitmaps that take a GiB of memory and nothing in the file" {
    make_image image 16T ''
    local i
    qemu-img bitmap --add -g 64k image one
    qemu-img bitmap --add -g 64k image two
    assert_clean image
    # 16 TiB by 4 KiB are 2^32 bits.
    local directory
    directory=$(peek_be64 image $(($(extension_at image 23852875) + 24)))
    for i in 0 1; do
        poke image $((directory + i * 32 + 17)) 0c
        poke_be32 image $((directory + i * 32 + 8)) 8192
    done
    audited image
    [[ " $(codes) " == *' bitmap-bomb '* ]] || fail "$output"
    assert_output_contains '1073741824 bytes of memory'
}

@test "audit attack: one bitmap of 128 MiB in a small file, and in a large one" {
    local directory
    make_image image 16T ''
    qemu-img bitmap --add -g 64k image one
    directory=$(peek_be64 image $(($(extension_at image 23852875) + 24)))
    # 16 TiB by 16 KiB are 2^30 bits.
    poke image $((directory + 17)) 0e
    poke_be32 image $((directory + 8)) 2048
    assert_codes bitmap-bomb
    assert_output_contains '134217728 bytes of memory'
    # A backup of a disk with that much in it may have such a bitmap.
    fallocate -o "$(stat -c %s image)" -l 128M image
    audited image
    [[ " $(codes) " != *' bitmap-bomb '* ]] || fail "$output"
}

# ---- Names -----------------------------------------------------------------------------------------

@test "audit attack: names of backing files that are paths with tricks" {
    local name
    for name in /etc/passwd /dev/sda /proc/self/environ ../secret a/../../secret .. 'file:/etc/passwd' \
        'file:../x' 'file:base' file: '~root/x' '-o' 'a*' 'a?' '[ab]' '{a,b}' '$HOME' '`id`' 'a|b' 'a\b' 'a;b' 'a&b'; do
        make_layer image 1M '' "$name" raw
        assert_codes backing-file name-path || fail "$name"
    done
    for name in base.qcow2 images/base.qcow2 ..base a..b 'a b'; do
        make_layer image 1M '' "$name" raw
        assert_codes backing-file || fail "$name"
    done
}

@test "audit attack: a device of the host is no file in the folder" {
    local name
    for name in host_device:/dev/sda host_cdrom:/dev/cdrom; do
        make_layer image 1M '' "$name" raw
        assert_codes backing-file-protocol || fail "$name"
        audited image --allow backing-file
        assert_status 2 || fail "$name"
        name_data_file image "$name"
        assert_codes data-file-protocol || fail "$name"
    done
}

@test "audit attack: a NUL inside a name ends it for one program and not for another" {
    make_layer image 1M '' base.qcow2xxetcxpasswd qcow2
    poke image $(($(field image backing_file_offset) + 10)) 00
    assert_codes backing-file name-path
    name_data_file image data.rawxetc
    poke image $(($(extension_at image 44415441) + 8 + 8)) 00
    assert_codes data-file name-path
}

@test "audit attack: names are inspected in every place" {
    # Backing file, its format, data file, features, snapshot id and name, bitmap.
    make_layer image 1M '' $'a\e' raw
    assert_codes backing-file name-control
    make_layer image 1M '' base qcow2
    poke_text image $(($(extension_at image e2792aca) + 8)) $'\eabcd'
    assert_codes backing-file backing-format name-control
    name_data_file image $'a\x07b'
    assert_codes data-file name-control
    make_small
    poke_text image $(($(extension_at image 6803f857) + 8 + 2)) $'\x7f'
    assert_codes name-control
    make_small
    qemu-img snapshot -c one image
    poke image $(($(field image snapshots_offset) + 64)) 0d
    assert_codes snapshot-id name-control
    make_small
    qemu-img bitmap --add image one
    poke image $(($(peek_be64 image $(($(extension_at image 23852875) + 24))) + 24)) ff
    assert_codes name-not-utf8
}

@test "audit attack: names that change the direction of writing, C1 controls, invisible characters" {
    make_small
    local name
    for name in $'a\u202egpj.exe' $'a\u2066b' $'a\u0085b' $'a\u2028b' $'a\u200fb' \
        $'a\u200bb' $'a\u00adb' $'\ufeffa' $'a\U000e0041b' $'a\u034fb' $'a\u115fb' $'a\u2800b' \
        $'a\u3164b' $'a\ufe0fb' $'a\uffa0b' $'a\u00a0b' $'a\u3000b' $'a\U000e0100b'; do
        qemu-img snapshot -c "$name" image
        assert_codes name-control || fail "$name"
        qemu-img snapshot -d "$name" image
        make_small
    done
}

@test "audit attack: overlong and surrogate UTF-8" {
    make_small
    local name
    for name in $'a\xc0\xafb' $'a\xed\xa0\x80b' $'a\xf4\x90\x80\x80b' $'a\xe2\x82'; do
        qemu-img snapshot -c "$name" image
        assert_codes name-not-utf8 || fail "$name"
        make_small
    done
}

@test "audit attack: names of snapshots and bitmaps as paths" {
    local name
    for name in /etc/passwd ../x a/../b ..; do
        make_small
        qemu-img snapshot -c "$name" image
        assert_codes name-path || fail "$name"
        make_small
        qemu-img bitmap --add image "$name"
        assert_codes name-path || fail "$name"
    done
}

# ---- The header ------------------------------------------------------------------------------------

# after FIELD VALUE: the findings of a small image with this field
after() {
    make_small
    poke_field image "$1" "$2"
    audited image || return
    assert_status 2 || fail "$1 $2" "$output" || return
    codes
}

@test "audit attack: header fields beyond the limits of QEMU" {
    assert_equal "$(after version 4)" header-limit
    assert_equal "$(after version 0xffffffff)" header-limit
    assert_equal "$(after cluster_bits 8)" 'header-limit unseen-tables'
    assert_equal "$(after cluster_bits 22)" 'header-limit unseen-tables'
    assert_equal "$(after cluster_bits 64)" 'header-limit unseen-tables'
    make_small
    poke_field image incompatible_features 8
    poke_field image compression_type 2
    assert_codes header-limit
    assert_equal "$(after l1_size 4194305)" 'l1-size unseen-tables'
    assert_equal "$(after refcount_table_clusters 129)" refcount-table-size
    assert_equal "$(after l1_table_offset $((1 << 56)))" 'header-limit unseen-tables'
    assert_equal "$(after refcount_table_offset $((1 << 57)))" header-limit
    assert_equal "$(after crypt_method 1)" encryption
    assert_equal "$(after crypt_method 7)" 'header-broken encryption'
}

@test "audit attack: header fields that break a rule" {
    assert_equal "$(after header_length 100)" header-broken
    assert_equal "$(after compression_type 1)" header-broken
    assert_equal "$(after compression_type 2)" header-broken
    assert_equal "$(after l1_size 0)" header-broken
    assert_equal "$(after l1_table_offset $((3 * C + 512)))" 'header-broken unseen-tables'
    assert_equal "$(after refcount_table_clusters 0)" header-broken
    assert_equal "$(after size $((1 << 40)))" header-broken
    # Backing names that are not in the first cluster, or too long, are names all the same.
    make_small
    poke_field image backing_file_offset $((2 * C))
    poke_field image backing_file_size 5
    assert_codes backing-file backing-format header-broken
    poke_field image backing_file_offset 600
    poke_field image backing_file_size 2000
    assert_codes backing-file backing-format header-limit
}

# unknown_extensions FIRST COUNT: so many header extensions without bytes, of types side by side, in
# hexadecimal
unknown_extensions() {
    local type
    for ((type = $1; type < $1 + $2; type++)); do
        printf '%08x00000000' "$type"
    done
}

@test "audit attack: unknown header extensions do not hide a repeated one" {
    local unknown=$((0x12340000)) two='e2792aca 00000003 7261 7700 0000 0000 e2792aca 00000005 7163 6f77 3200 0000'
    make_layer image 1M '' base qcow2
    poke_field image backing_file_offset $((C - 4))
    poke image 112 "$(unknown_extensions $unknown 32) $two 0000000000000000"
    poke_text image $((C - 4)) base
    assert_codes backing-file extension-repeated extension-unknown
    # Of the unknown ones as many are watched.
    poke image 112 "$(unknown_extensions $unknown 32) $(unknown_extensions $unknown 1) 0000000000000000"
    assert_codes backing-file backing-format extension-repeated extension-unknown
    poke image 112 "$(unknown_extensions $unknown 32) 0000000000000000"
    assert_codes backing-file backing-format extension-unknown
    poke image 112 "$(unknown_extensions $unknown 33) 0000000000000000"
    assert_codes backing-file backing-format extension-repeated extension-unknown
    assert_output_contains 'more than 32 unknown types'
}

@test "audit attack: an empty backing file name means no backing file" {
    make_layer image 1M '' base qcow2
    poke_field image backing_file_size 0
    # What lies behind its place may be header extensions to another program.
    assert_codes header-broken
    assert_equal "${audited_offset-}" 8
    poke image "$(field image backing_file_offset)" 00000000
    assert_codes header-unknown
    assert_status 0
    # QEMU sees no data file here.
    name_data_file image data
    poke_field image incompatible_features 0
    poke_field image backing_file_offset "$(extension_at image 44415441)"
    assert_codes header-broken
}

@test "audit attack: unknown fields of the header" {
    local extensions
    make_small
    extensions=$(peek image 112 400)
    poke image 112 "0000000000000000 $extensions"
    poke_field image header_length 120
    assert_clean image
    poke image 119 01
    assert_codes header-unknown
    assert_equal "${audited_offset-}" 119
    assert_status 0
    # Those behind the compression type are to be zero.
    make_small
    poke image 105 01
    assert_codes header-unknown
    assert_equal "${audited_offset-}" 105
}

@test "audit attack: an end of the header extensions that is longer than an end" {
    local at
    make_small
    at=$((112 + 8 + ($(peek_be32 image 116) + 7) / 8 * 8))
    assert_equal "$(peek image "$at" 8)" 0000000000000000
    poke_be32 image $((at + 4)) 4104
    assert_codes header-broken
    assert_equal "${audited_offset-}" "$at"
    # To a program that takes it for fields of version 3, a data file.
    make_image image 1M compat=0.10
    poke_be32 image 76 4
    assert_codes header-broken
}

@test "audit attack: tables past the end of the file" {
    assert_equal "$(after l1_table_offset $((1 << 40)))" table-outside-file
    assert_equal "$(after refcount_table_offset $((1 << 40)))" table-outside-file
    make_small
    poke_field image nb_snapshots 1
    poke_field image snapshots_offset $((1 << 40))
    assert_codes table-outside-file
    make_small
    qemu-img snapshot -c one image
    poke_be64 image "$(field image snapshots_offset)" $((1 << 40))
    assert_codes table-outside-file
    make_small
    qemu-img bitmap --add image one
    poke_be64 image "$(peek_be64 image $(($(extension_at image 23852875) + 24)))" $((1 << 40))
    assert_codes table-outside-file
    make_small
    qemu-img bitmap --add image one
    poke_be64 image $(($(extension_at image 23852875) + 24)) $((1 << 40))
    assert_codes table-outside-file
    make_small
    poke_be64 image $(($(field image refcount_table_offset) + 8)) $((1 << 40))
    assert_codes table-outside-file
    make_luks_image image
    poke_be64 image $(($(extension_at image 0537be77) + 16)) $((1 << 40))
    assert_codes encryption table-outside-file
}

@test "audit attack: tables over the header and over one another" {
    local table
    # Over the header; over the refcount table; a snapshot's over the active one; a bitmap's over that.
    for table in 0 1; do
        make_small
        poke_field image l1_table_offset $((table * C))
        audited image
        [[ " $(codes) " == *' table-overlap '* ]] || fail "$table" "$output"
    done
    make_small
    poke_field image refcount_table_offset "$(field image l1_table_offset)"
    audited image
    [[ " $(codes) " == *' table-overlap '* ]] || fail "$output"
    make_small
    qemu-img snapshot -c one image
    poke_be64 image "$(field image snapshots_offset)" "$(field image l1_table_offset)"
    assert_codes table-overlap
    make_small
    qemu-img bitmap --add image one
    poke_be64 image "$(peek_be64 image $(($(extension_at image 23852875) + 24)))" "$(field image l1_table_offset)"
    # Nor are the entries of an L1 table such as those of bitmaps are.
    assert_codes table-overlap bitmap-broken
    make_small
    qemu-img bitmap --add image one
    qemu-img snapshot -c one image
    truncate -s 4M image
    poke_field image snapshots_offset "$(peek_be64 image $(($(extension_at image 23852875) + 24)))"
    audited image
    [[ " $(codes) " == *' table-overlap '* ]] || fail "$output"
}

# make_bitmap: a small image with one bitmap; bits: where its table is
make_bitmap() {
    make_small
    qemu-img bitmap --add image one
    # The bits are in the file once something is written.
    write_image image "write -P 2 0 $C"
    assert_clean image || return
    find_bits 0
}

# find_bits N: bits is where the table of bitmap N is, and QEMU moves it whenever it closes the image
find_bits() {
    bits=$(peek_be64 image $(($(peek_be64 image $(($(extension_at image 23852875) + 24))) + $1 * 32)))
    [[ $(peek_be64 image "$bits") -gt 0 ]] || fail 'the bitmap has no bits'
}

@test "audit attack: bits of a bitmap over each kind of table, which QEMU would write or free" {
    local BESIDE=hidden-data
    local place bits
    make_bitmap
    qemu-img snapshot -c one image
    find_bits 0
    truncate -s "%$C" image
    cp image sound
    for place in 0 "$(field image l1_table_offset)" "$(field image refcount_table_offset)" \
        "$(peek_be64 image "$(field image refcount_table_offset)")" "$(l2_table_at image 0)" \
        "$(field image snapshots_offset)" "$(peek_be64 image "$(field image snapshots_offset)")" \
        "$(peek_be64 image $(($(extension_at image 23852875) + 24)))" "$bits"; do
        cp sound image
        poke_be64 image "$bits" "$place"
        # At 0 there are no bits.
        [[ $place -gt 0 ]] || { assert_codes '' && continue; }
        assert_codes table-overlap || fail "$place" || return
        assert_status 2
        assert_output_contains 'of bits of a bitmap'
    done
}

@test "audit attack: bits of a bitmap past the end of the file, and invalid entries of its table" {
    local bits entry
    make_bitmap
    for entry in $((1 << 50)) $(((1 << 56) - C)) $((($(stat -c %s image) + C - 1) / C * C)); do
        poke_be64 image "$bits" "$entry"
        assert_codes table-outside-file || fail "$entry" || return
        assert_equal "${audited_offset-}" "$bits"
    done
    for entry in $((2 * C + 512)) $((3 * C | 1)) 2 $((COPIED | 3 * C)) $((1 << 56)); do
        poke_be64 image "$bits" "$entry"
        assert_codes bitmap-broken || fail "$entry" || return
        assert_equal "${audited_offset-}" "$bits"
    done
    # All ones, and all zeros.
    for entry in 1 0; do
        poke_be64 image "$bits" $entry
        audited image
        assert_status 0 || fail "$entry"
    done
}

@test "audit attack: bits of a bitmap over guest data, and over the bits of another bitmap" {
    local bits first
    make_bitmap
    poke_be64 image "$bits" "$(host_offset image 0)"
    assert_codes data-over-table
    make_bitmap
    qemu-img bitmap --add image two
    write_image image "write -P 2 0 $C"
    assert_clean image
    find_bits 0
    first=$(peek_be64 image "$bits")
    find_bits 1
    poke_be64 image "$bits" "$first"
    assert_codes table-overlap
}

@test "audit attack: bits of a bitmap are the last that is in use" {
    local BESIDE=table-free
    local bits end
    make_bitmap
    end=$(($(stat -c %s image) / C * C))
    truncate -s $((end + 16 * C)) image
    # They have no refcount.
    poke_be64 image "$bits" $((end + 8 * C))
    poke_text image $((end + 8 * C)) bits
    assert_codes ''
    poke_text image $((end + 9 * C)) file
    assert_codes trailing-data
}

# strided_tables DISTANCE: 60 L2 tables in holes, so many clusters apart from each other from 2 MiB on, then
# two: the first has an entry for guest data over the second
strided_tables() {
    local i entries=''
    rm -f image
    make_image image 4M cluster_size=512
    truncate -s 64M image
    for ((i = 0; i < 60; i++)); do
        printf -v entries '%s%016x' "$entries" $((COPIED | (4096 + i * $1) * 512))
    done
    printf -v entries '%s%016x%016x' "$entries" $((COPIED | 48 << 20)) $((COPIED | 49 << 20))
    poke image $((32 << 20)) "$entries"
    poke_be64 image $((48 << 20)) $((COPIED | 49 << 20))
    poke_field image l1_table_offset $((32 << 20))
}

@test "audit attack: tables at regular distances do not hide overlaps" {
    local BESIDE=table-free
    local distance
    for distance in 1 55 89 144 233 377 610 987 1024; do
        strided_tables $distance
        assert_codes data-over-table || fail "$distance"
        jq -e .complete <<<"$output" || fail "$distance"
    done
}

# 60 clusters from 4096 on which, of 256 places in a hash table that was used once, all belong to the first
# one: the finalizer of splitmix64 has eight zeros at its top. Prints L1 entries for them in hexadecimal.
colliding_entries() {
    local cluster hash found=0
    trap - DEBUG # with which bats makes each command slow
    for ((cluster = 4096; found < 60; cluster++)); do
        hash=$((cluster * 0xbf58476d1ce4e5b9))
        hash=$(((hash ^ hash >> 27 & (1 << 37) - 1) * 0x94d049bb133111eb))
        if [[ $((hash >> 56 & 255)) -eq 0 ]]; then
            printf '%016x' $((COPIED | cluster * 512))
            found=$((found + 1))
        fi
    done
}

@test "audit attack: tables that collide in a hash do not hide shared data" {
    local BESIDE=table-free
    make_image image 4M cluster_size=512
    truncate -s 64M image
    local entries
    entries=$(colliding_entries)
    poke image $((1 << 20)) "$entries"
    poke_field image l1_table_offset $((1 << 20))
    assert_codes ''
    # Data over each of them.
    poke_be64 image $((1 << 20)) $((COPIED | 48 << 20))
    poke image $((48 << 20)) "${entries:16}"
    assert_codes data-over-table
    assert_equal "$(count_of data-over-table)" 59
}

@test "audit attack: 66000 tables in holes, and data that only refcounts show" {
    make_image image 64M cluster_size=512,refcount_bits=1 'write -q -P 1 0 64M'
    # An L1 table of 66000 entries over the data at 8 MiB, for tables in a hole from 16 MiB on.
    fallocate --punch-hole --offset 16M --length 34M image
    copied_entries 66000 $((16 << 20)) 512 | place image $((8 << 20))
    poke_field image l1_table_offset $((8 << 20))
    poke_field image l1_size 66000
    audited image
    [[ " $(codes) " != *' unseen-tables '* && " $(codes) " != *' trailing-data '* ]] || fail "$output"
    jq -e .complete <<<"$output"
}

# ---- What was not seen -----------------------------------------------------------------------------

# incomplete_with CODE: of image this is found and, when it is allowed, incomplete besides
incomplete_with() {
    audited image || return
    [[ " $(codes) " == *" $1 "* ]] || fail "$output" || return
    assert_equal "$(jq .complete <<<"$output")" false || return
    audited image --allow "$1" --deny incomplete
    [[ " $(codes) " == *' incomplete '* ]] || fail "$1 allowed" "$output" || return
    assert_equal "$(jq -r '.findings[] | select(.code == "incomplete") | .severity' <<<"$output")" unsafe || return
    assert_status 2
}

@test "audit attack: an uninspected part is reported, whatever else is allowed" {
    make_small
    poke_field image nb_snapshots 1
    poke_field image snapshots_offset $((3 * C + 512))
    incomplete_with header-broken
    make_small
    qemu-img bitmap --add image one
    poke_be64 image $(($(extension_at image 23852875) + 24)) $((3 * C + 512))
    incomplete_with bitmap-broken
    make_small
    poke_field image refcount_order 7
    incomplete_with header-limit
    make_small
    poke_field image refcount_table_clusters 129
    incomplete_with refcount-table-size
    make_small
    poke_field image l1_table_offset $((1 << 40))
    incomplete_with table-outside-file
    make_small
    poke_be64 image "$(l1_entry_at image 0)" $((COPIED | 4 * C + 512))
    incomplete_with table-unaligned
    make_small
    poke_field image l1_size 4194305
    incomplete_with unseen-tables
    make_small
    qemu-img snapshot -c one image
    poke_be64 image "$(field image snapshots_offset)" $((4 * C + 512))
    incomplete_with snapshot-broken
}

@test "audit attack: snapshots and bitmaps beyond the limits are reported as not inspected" {
    make_image image 1M cluster_size=512
    truncate -s 4M image
    poke image $((2 << 20)) "$(snapshot_entry $((1 << 20)) 32 1048576 1)"
    repeat_bytes image $((2 << 20)) 72 1025
    poke_field image snapshots_offset $((2 << 20))
    poke_field image nb_snapshots 1025
    incomplete_with snapshot-bomb
    poke_field image nb_snapshots 1024
    audited image
    jq -e .complete <<<"$output"
    make_image image 1M cluster_size=512
    qemu-img bitmap --add image first
    truncate -s 4M image
    poke image $((2 << 20)) "$(bitmap_entry $((1 << 20)) 1 bitmap)"
    repeat_bytes image $((2 << 20)) 32 257
    local extension
    extension=$(extension_at image 23852875)
    poke_be32 image $((extension + 8)) 257
    poke_be64 image $((extension + 16)) $((257 * 32))
    poke_be64 image $((extension + 24)) $((2 << 20))
    incomplete_with bitmap-bomb
    # All 256 are seen, and what the directory has besides.
    poke_be32 image $((extension + 8)) 256
    audited image
    [[ " $(codes) " == *' bitmap-broken '* ]] || fail "$output"
}

@test "audit attack: 34817 L2 tables of 512 bytes are all seen" {
    local BESIDE=table-free
    local tables=$((1 << 20)) l1=$((32 << 20))
    make_image image 1100M cluster_size=512
    dd if=/dev/zero of=image bs=64k count=$((34817 * 512)) iflag=count_bytes oflag=seek_bytes seek=$tables \
        conv=notrunc status=none
    copied_entries 34817 $tables 512 | place image $l1
    poke_field image l1_table_offset $l1
    truncate -s 64M image
    # The last one names the L1 table as data.
    poke_be64 image $((tables + 34816 * 512)) $((COPIED | l1))
    assert_codes data-over-table
    jq -e .complete <<<"$output"
}

# ---- Bombs -----------------------------------------------------------------------------------------

@test "audit attack: many entries for the same compressed bytes" {
    make_image image 64M '' 'write -q -c -P 1 0 64k'
    local i entry at
    entry=$(l2_entry image 0)
    at=$(l2_entry_at image 0)
    for ((i = 1; i < 16; i++)); do
        poke_be64 image $((at + i * 8)) "$entry"
    done
    assert_codes shared-data
    assert_equal "$(count_of shared-data)" 15
}

@test "audit attack: one L2 table for every entry of an L1 table" {
    make_image image 512G '' "write -P 1 0 $C"
    repeat_bytes image "$(field image l1_table_offset)" 8 1024
    assert_codes shared-l2-table shared-data
    assert_equal "$(count_of shared-l2-table)" 1023
}

@test "audit attack: an L2 table far past the end of the file, in an image with shared L2 tables" {
    local active
    make_image image 2G '' "write -P 1 0 $C" "write -P 2 512M $C" "write -P 3 1G $C"
    qemu-img snapshot -c one image
    qemu-io -c "write -q -P 4 0 $C" image
    active=$(field image l1_table_offset)
    poke_be64 image $((active + 16)) "$(peek_be64 image $((active + 8)))"
    # As far as an entry can point.
    poke_be64 image "$active" $((0x8000000000000000 | OFFSET_MASK & ~(C - 1)))
    audited image --allow shared-l2-table,hidden-data
    assert_status 2
    [[ $audited_codes == *table-outside-file* ]]
}

@test "audit attack: a small file in which 400000 clusters take turns on 20000" {
    # More places than are remembered at once: they are found by what they add up to.
    local at
    make_image image 200M cluster_size=512
    at=$(((1 << 20) + 512))
    truncate -s $((at + 20000 * 512)) image
    # 64 entries an L2 table, 313 tables for 20000 clusters, and the L1 table names each in turn.
    local tables=$((1 << 24))
    { copied_entries 20000 $at 512; copied_entries 32 $at 512; } | place image $tables
    copied_entries 313 $tables 512 | place image $((1 << 25))
    repeat_bytes image $((1 << 25)) $((313 * 8)) 20
    poke_field image l1_table_offset $((1 << 25))
    poke_field image l1_size 6260
    audited image --allow shared-l2-table
    assert_status 2
    [[ " $(codes) " == *' shared-data '* ]] || fail "$output"
}

@test "audit attack: a snapshot in which one L2 table, or one cluster, is all of a disk" {
    local l1 l2 end
    make_image image 1M '' "write -P 1 0 $((2 * C))"
    qemu-img snapshot -c one image
    write_image image "write -P 2 0 $((2 * C))"
    assert_clean image
    l1=$(peek_be64 image "$(field image snapshots_offset)")
    l2=$(($(peek_be64 image "$l1") & OFFSET_MASK))
    cp image sound
    # Two clusters of the snapshot are one.
    poke_be64 image $((l2 + 8)) "$(peek_be64 image "$l2")"
    assert_codes shared-data
    # An L1 table of 8192 entries, at the end.
    cp sound image
    truncate -s "%$C" image
    end=$(stat -c %s image)
    poke_be64 image "$end" "$(peek_be64 image "$l1")"
    repeat_bytes image "$end" 8 8192
    poke_be64 image "$(field image snapshots_offset)" "$end"
    poke_be32 image $(($(field image snapshots_offset) + 8)) 8192
    poke_be64 image $(($(field image snapshots_offset) + 48)) $((4 << 40))
    assert_codes shared-l2-table shared-data expansion
    assert_equal "$(count_of shared-l2-table)" 8191
}

@test "audit attack: snapshots with harmless L2 tables, and one that refers to all of them" {
    local BESIDE=table-free
    local i l1 entries='' at=$((8 << 20))
    make_image image 16M cluster_size=64k
    # 8 tables, each of which names the same 64 clusters.
    truncate -s $((16 << 20)) image
    for ((i = 0; i < 8; i++)); do
        copied_entries 64 $((4 << 20)) $C | place image $((at + i * C))
    done
    l1=$((at + 16 * C))
    copied_entries 8 "$at" $C | place image $l1
    for ((i = 0; i < 8; i++)); do
        # A table of one entry, in a cluster of its own, for each of them.
        poke_be64 image $((l1 + (i + 1) * C)) $((COPIED | at + i * C))
        entries+=$(snapshot_entry $((l1 + (i + 1) * C)) 1 $((512 << 20)) $((i + 1)))
    done
    entries+=$(snapshot_entry "$l1" 8 $((4 << 30)) 9)
    poke image $((12 << 20)) "$entries"
    poke_field image snapshots_offset $((12 << 20))
    poke_field image nb_snapshots 8
    assert_codes ''
    poke_field image nb_snapshots 9
    assert_codes shared-l2-table shared-data
    assert_output_contains "the disk of a snapshot has $((8 * 64 * C)) bytes"
    # However long a hole makes the file.
    truncate -s 1G image
    assert_codes shared-l2-table shared-data
}

@test "audit attack: a snapshot that compresses impossibly well" {
    make_image image 2G compression_type=zstd 'write -q -c -P 1 0 1100M'
    qemu-img snapshot -c one image
    write_image image 'discard -q 0 1100M'
    assert_codes expansion
    assert_output_contains 'the disk of a snapshot has 1153433600 bytes'
}

@test "audit attack: data that compress impossibly well behind the end of the disk" {
    make_image image 2G compression_type=zstd 'write -q -c -P 1 64k 1100M'
    poke_field image size $C
    assert_codes expansion hidden-data
    # As a service does that gives a disk its size.
    qemu-img resize -q image 2G
    qemu-io -r -c 'read -q -P 1 64k 1100M' image
    assert_codes expansion
}

@test "audit attack: a file that a hole makes long enough for its data" {
    make_image image 4G compression_type=zstd,cluster_size=2M 'write -q -c -P 1 0 1536M' 'write -q -c -P 1 1536M 1536M'
    assert_codes expansion
    truncate -s +1G image
    assert_codes expansion
    assert_output_contains 'without its holes'
    # The same bytes stored, if the file system reports it.
    make_image image 4G compression_type=zstd,cluster_size=2M 'write -q -c -P 1 0 1536M' 'write -q -c -P 1 1536M 1536M'
    head -c 64M /dev/urandom >>image
    audited image
    [[ " $(codes) " != *' expansion '* ]] || fail "$output"
}

@test "audit attack: small data that compresses well is harmless" {
    make_image image 2G compression_type=zstd 'write -q -c -P 1 0 64M'
    assert_clean image
    write_image image 'write -q -c -P 1 64M 64k'
    assert_codes expansion
}

@test "audit attack: a guest that could rewrite each kind of table" {
    local place
    make_small
    qemu-img snapshot -c one image
    qemu-img bitmap --add image one
    qemu-io -c "write -q -P 2 0 64k" image # the active disk has a table of its own then
    for place in "$(field image l1_table_offset)" "$(field image refcount_table_offset)" \
        "$(peek_be64 image "$(field image refcount_table_offset)")" "$(l2_table_at image 0)" \
        "$(field image snapshots_offset)" "$(peek_be64 image "$(field image snapshots_offset)")" \
        "$(peek_be64 image $(($(extension_at image 23852875) + 24)))"; do
        poke_l2_entry image $((5 * C)) $((COPIED | place))
        audited image
        [[ $(codes) == data-over-table ]] || fail "the table at $place" "$output"
    done
}

@test "audit attack: compressed data that reach into a table" {
    local BESIDE=table-free
    local table begin
    make_image image 1M '' 'write -q -c -P 1 0 64k'
    # It begins 1024 bytes into the cluster before: the longest extent, of 256 sectors, one that ends where
    # the table begins, and one that ends a sector later.
    move_l2_to_end image 0
    table=$(l2_table_at image 0)
    begin=$((table - C + 1024))
    poke_l2_entry image 0 $((COMPRESSED | 255 << 54 | begin))
    assert_codes data-outside-file data-over-table
    assert_status 2
    poke_l2_entry image 0 $((COMPRESSED | 125 << 54 | begin))
    assert_codes ''
    poke_l2_entry image 0 $((COMPRESSED | 126 << 54 | begin))
    assert_codes data-over-table
}

@test "audit attack: data that are not aligned reach into a table" {
    local BESIDE=table-free
    make_small
    move_l2_to_end image 0
    # And out of the data of the next cluster, which is named twice then.
    poke_l2_entry image 0 $((COPIED | $(l2_table_at image 0) - 512))
    assert_codes data-over-table entry-broken shared-data
}

# broken_entry VALUE: the only finding for this L2 entry of a small image
broken_entry() {
    poke_be64 image "$(l2_entry_at image 0)" "$1"
    assert_codes entry-broken || fail "$1" || return
    assert_equal "${audited_offset-}" "$(l2_entry_at image 0)"
}

@test "audit attack: entries that programs read differently" {
    local entry bit at
    make_small
    entry=$(l2_entry image 0)
    for bit in 1 8 56 61; do
        broken_entry $((entry | 1 << bit))
        # Also in an entry that names nothing.
        broken_entry $((1 << bit))
    done
    # Its end is the start of the next cluster.
    poke_l2_entry image 0 $((entry + 512))
    assert_codes entry-broken shared-data
    assert_output_contains 'not aligned'
    for at in "$(l1_entry_at image 0)" "$(field image refcount_table_offset)"; do
        make_small
        poke_be64 image "$at" $(($(peek_be64 image "$at") | 1 << 8))
        assert_codes entry-broken
        assert_equal "${audited_offset-}" "$at"
    done
    # The zero bit came with version 3.
    make_image image 1M compat=0.10 "write -P 1 0 $C"
    entry=$(l2_entry image 0)
    broken_entry $((entry | 1))
}

@test "audit attack: subclusters that programs read differently" {
    make_image image 1M extended_l2=on "write -P 1 0 $C"
    assert_clean image
    poke_subclusters image 0 0x00000001ffffffff
    assert_codes entry-broken
    assert_output_contains 'both allocated and zero'
    poke_subclusters image 0 0x00000000ffffffff
    poke_l2_entry image 0 $(($(l2_entry image 0) | 1))
    assert_codes entry-broken
    poke_l2_entry image 0 0
    assert_codes entry-broken
    assert_output_contains 'without a host cluster'
    make_image image 1M extended_l2=on "write -c -P 1 0 $C"
    poke_subclusters image 0 1
    assert_codes entry-broken
}

@test "audit attack: data of a snapshot alone is inspected too" {
    make_image image 1M '' "write -P 1 0 $C"
    qemu-img snapshot -c one image
    write_image image "write -P 2 0 $C"
    # The snapshot's L2 table is the first one.
    local l1
    l1=$(peek_be64 image "$(field image snapshots_offset)")
    poke_be64 image $(($(peek_be64 image "$l1") & OFFSET_MASK)) $((1 << 50))
    assert_codes data-outside-file
}

@test "audit attack: extended L2 entries are inspected" {
    make_image image 1M extended_l2=on "write -P 1 0 $C"
    poke_l2_entry image 0 $((COPIED | 1 << 50))
    assert_codes data-outside-file
    make_image image 1M extended_l2=on "write -P 1 0 $((2 * C))"
    poke_l2_entry image $C "$(l2_entry image 0)"
    assert_codes shared-data
}

# ---- Two formats -----------------------------------------------------------------------------------

# marked OFFSET HEX: the only finding of a small image with these bytes, with the right place
marked() {
    rm -f image
    # In version 2 the header extensions end before any of these places.
    make_image image 1M compat=0.10,cluster_size=128k "write -P 1 0 $((2 * C))"
    poke image "$1" "$2"
    assert_codes other-format || fail "$1 $2" || return
    assert_equal "${audited_offset-}" "$(($1))"
}

@test "audit attack: marks of other formats in the header cluster" {
    # VDI, where the place of the snapshot table is.
    make_image image 1M compat=0.10,cluster_size=128k "write -P 1 0 $((2 * C))"
    poke image 0x40 7f10dabe0000000000
    assert_codes header-limit other-format
    assert_equal "$(jq '.findings[1].offset' <<<"$output")" 64
    marked 257 7573746172           # tar
    marked 510 55aa                 # boot sector
    marked 512 4546492050415254     # GPT
    marked 4096 4546492050415254    # GPT of large sectors
    marked 536 4c564d3220303031     # LVM
    marked 1080 53ef                # ext4
    marked 4086 53574150535041434532 # swap space
    marked 32769 4344303031          # ISO 9660
    marked 32769 4245413031          # UDF
    marked 34817 4e53523033
    marked 1024 482b0004             # HFS+
    marked 1048 4c564d3220303031     # LVM, label in another sector
    marked 1560 4c564d3220303031
    marked 4096 fc4e2ba9             # Linux RAID
    marked 0x4000 534b554cbabe       # LUKS, second header
    marked 0x8000 534b554cbabe
    marked 0x10000 534b554cbabe
    marked 0xff6 53574150535041434532 # swap space, by size of a page
    marked 0x1ff6 53574150535041434532
    marked 0x3ff6 53574150535041434532
    marked 0x7ff6 53574150535041434532
    marked 0xfff6 53574150535041434532
    marked 1024 48580005            # HFSX
    marked 1024 1020f5f2            # F2FS
    marked 1024 e2e1f5e0            # EROFS
    marked 0x2034 526549734572      # ReiserFS
    marked 0x10034 526549734572
    marked 0x10000 52654973457234   # Reiser4
    marked 0x8000 4a465331          # JFS
    marked 0x10000 01161970         # GFS2
    marked 0x1018 c68573f64e1a45ca  # bcache
    marked 0x400 4f4346535632       # OCFS2
    marked 0x800 4f4346535632
    marked 0x1000 4f4346535632
    marked 0x2000 4f4346535632
    marked 0x255c 54190100          # UFS
    marked 0x255c 19015419
    marked 0x1055c 19015419
    marked 512 57455682             # BSD label
    marked 0x410 7f13               # Minix
    marked 0x410 138f
    marked 0x418 5a4d
    marked 32777 4344524f4d         # High Sierra
    marked 0x55c 54190100           # UFS
    marked 0x1055c 12561900
    marked 4096 53504235            # NetWare
    marked 0x220 42465331           # BeFS
    marked 8192 49e895f9            # HPFS
    marked 0x27f8 207e18fd          # System V
}

# marked_far OFFSET HEX RULE: the mark in the file image is found, and taken away again
marked_far() {
    local kept size=$((${#2} / 2))
    kept=$(peek image "$1" $size)
    poke image "$1" "$2"
    assert_codes "$3" || fail "$1 $2" || return
    assert_equal "${audited_offset-}" "$(($1))" || return
    poke image "$1" "$kept"
}

@test "audit attack: marks of members of RAIDs, pools and volumes, in the middle and at the end of the file" {
    local end
    make_new_image image 16M '' 'write -P 1 0 5M'
    truncate -s +100 image
    end=$(stat -c %s image)
    marked_far $((1 << 20)) 0dd001c0 other-format-in-data # VMFS
    marked_far $((2 << 20)) 5ef1ab2f other-format-in-data
    marked_far $((4 << 20)) 534b554cbabe other-format-in-data # LUKS, second header
    marked_far $((end / 65536 * 65536 - 65536)) fc4e2ba9 other-format-in-data # Linux RAID 0.90
    marked_far $((end / 4096 * 4096 - 8192)) fc4e2ba9 other-format-in-data    # 1.0
    marked_far $((end / 512 * 512 - 512)) de11de11 other-format-in-data       # DDF
    marked_far $((end / 512 * 512 - 257 * 512)) de11de11 other-format-in-data
    marked_far $((end / 512 * 512 - 1024)) 496e74656c20526169642049534d20436667205369672e20 other-format-in-data
    marked_far $((end - 4096 + 60)) 8374026b other-format-in-data             # DRBD
    assert_codes
}

@test "audit attack: a ZFS pool by its uberblocks, in any label" {
    local end at
    make_new_image image 64M '' 'write -P 1 0 5M'
    end=$(($(stat -c %s image) / 262144 * 262144))
    for at in 393216 $((end - 393216)) $((end - 131072)); do
        poke image "$at" 0cb1ba0000000000
        poke image $((at + 1024)) 0cb1ba0000000000
        poke image $((at + 2048)) 0000000000bab10c
    done
    assert_codes other-format-in-data
    poke image $((end - 131072)) 00
    poke image $((end - 131072 + 1024)) 00
    poke image $((end - 131072 + 2048 + 7)) 00
    poke image $((end - 393216)) 00
    poke image $((end - 393216 + 1024)) 00
    poke image $((end - 393216 + 2048 + 7)) 00
    assert_codes
}

@test "audit attack: a tar archive of the old kind, known by its checksum" {
    make_small
    # No header extensions, where the checksum is.
    poke image 112 0000000000000000
    poke image 148 "$(printf '%016d' 0)"
    local sum
    # The checksum itself counts as eight blanks.
    sum=$(($(head -c 512 image | od -An -v -tu1 | tr -s ' ' '+' | tr -d '\n' | sed 's/^+//') + 8 * 32))
    poke_text image 148 "$(printf '%06o' $sum)"
    poke image 154 0020
    assert_codes other-format
    assert_equal "${audited_offset-}" 148
    poke_text image 148 "$(printf '%06o' $((sum + 1)))"
    assert_clean image
}

@test "audit attack: marks of other formats at the end of the file" {
    local end mark
    for mark in 636f6e6563746978 6b6f6c79; do
        rm -f image
        make_small
        end=$(stat -c %s image)
        truncate -s $((end + C)) image
        poke image $((end + C - 512)) $mark
        assert_codes other-format trailing-data
        assert_equal "${audited_offset-}" $((end + C - 512))
    done
    # In a file that ends within a sector they are where it begins, or as far from the end; and a DMG may be
    # anywhere in the sector before.
    local size at
    for mark in conectix koly; do
        for size in $C $((C - 1)) $((C - 100)) $((C - 511)); do
            for at in $((size - 512)) $((size - 511)) $(((size - 1) / 512 * 512)) $(((size - 1) / 512 * 512 - 511)); do
                rm -f image
                make_small
                truncate -s $((end + size)) image
                poke_text image $((end + at)) $mark
                assert_codes other-format trailing-data || fail "$mark at $at of $size"
                assert_equal "${audited_offset-}" $((end + at))
            done
        done
    done
    rm -f image
    make_small
    poke_text image $((end + C - 510)) conectix
    truncate -s $((end + C)) image
    assert_codes trailing-data
    rm -f image
    make_small
    end=$(stat -c %s image)
    poke image "$end" "504b0506$(printf '%036d' 0)"
    assert_codes other-format trailing-data
    # With a comment, whose length is recorded, up to the longest.
    local comment
    for comment in 1 600 65535; do
        rm -f image
        make_small
        poke image "$end" "504b0506$(printf '%032d%02x%02x' 0 $((comment % 256)) $((comment / 256)))"
        head -c $comment /dev/urandom >>image
        assert_codes other-format trailing-data || fail "$comment"
        assert_equal "${audited_offset-}" "$end"
        # One byte more is no comment.
        printf x >>image
        assert_codes trailing-data || fail "$comment"
    done
}

@test "audit attack: a file after more zeros than are inspected" {
    local end
    make_small
    end=$(stat -c %s image)
    head -c 17M /dev/zero >>image
    printf Rar! >>image
    assert_codes trailing-data
    assert_equal "${audited_offset-}" $((end + (17 << 20)))
    # Neither in the first bytes that are inspected, nor in the last.
    head -c 1M /dev/zero >>image
    assert_codes trailing-data incomplete
    assert_equal "$(jq -c '[.complete, .findings[0].offset]' <<<"$output")" "[false,$((end + (16 << 20)))]"
    assert_output_contains 'only a part'
    # A hole costs nothing.
    make_small
    truncate -s +1G image
    printf Rar! >>image
    assert_codes trailing-data
    truncate -s +1G image
    assert_codes trailing-data
    jq -e .complete <<<"$output"
}

@test "audit attack: a file after more empty refcount blocks than are inspected" {
    local BESIDE=table-free
    # 150 of 512 bytes, which count the clusters of 128 KiB each.
    local i table=$((1 << 20)) entries
    make_image image 1M cluster_size=512 'write -q -P 1 0 4k'
    printf -v entries '%016x' "$(peek_be64 image "$(field image refcount_table_offset)")"
    for ((i = 1; i <= 150; i++)); do
        printf -v entries '%s%016x' "$entries" $((table + 4096 + i * 512))
    done
    truncate -s 16M image
    poke image $table "$entries"
    poke_field image refcount_table_offset $table
    poke_field image refcount_table_clusters 4
    assert_codes ''
    poke_text image $((15 << 20)) Rar!
    assert_codes trailing-data
    # Four of 2 MiB, for 2 TiB each.
    rm -f image
    make_image image 1M cluster_size=2M 'write -q -P 1 0 4k'
    table=$(field image refcount_table_offset)
    for ((i = 1; i <= 4; i++)); do
        poke_be64 image $((table + i * 8)) $(((i << 21) + (64 << 20)))
    done
    truncate -s 10T image || skip 'machine: the file system has no files of 10 TiB'
    assert_codes ''
    poke_text image $((9 << 40)) Rar!
    assert_codes trailing-data
    # When tables were not inspected, it is unknown what else is in use.
    poke_be64 image "$(l1_entry_at image 0)" $((4 * C + 512))
    audited image
    assert_equal "$(jq .complete <<<"$output")" false
    assert_status 2
}

@test "audit attack: a VHD that was taken for a raw disk is no VHD any more" {
    truncate -s 1M disk
    printf conectix >>disk
    truncate -s $((1048576 + 512)) disk
    qemu-img convert -f raw -O qcow2 disk image
    # Whether its last sector is the last of the file depends on the cluster size.
    audited image
    [[ -z $(codes) || $(codes) == other-format-in-data ]] || fail "$output"
    truncate -s "$(($(host_offset image $((1 << 20))) + 512))" image
    assert_codes other-format-in-data
    assert_status 2
    audited image --allow other-format-in-data
    assert_status 0
}

@test "audit attack: an ISO 9660 image in guest data, at its place due to the cluster size" {
    make_image image 256K cluster_size=4096 'write -q -P 1 0 256k'
    local guest
    guest=$(guest_offset image 32768)
    # A primary volume descriptor, written by the guest.
    printf '\1CD001\1%02041d' 0 >descriptor
    qemu-io -f qcow2 -c "write -q -s descriptor $guest 2048" image
    assert_equal "$(peek image 32768 7)" 01434430303101
    assert_codes other-format-in-data
    assert_status 2
}

@test "audit attack: marks that only seem to be guest data: in zeros, in no subcluster, behind the end" {
    local BESIDE=hidden-data
    make_image image 64K cluster_size=4096 'write -q -P 1 0 64k'
    local guest
    guest=$(guest_offset image 32768)
    poke image 32769 4344303031
    assert_codes other-format-in-data
    poke_l2_entry image "$guest" $((COPIED | 32768 | 1))
    assert_codes other-format
    poke_l2_entry image "$guest" $((COPIED | 32768))
    poke_field image size "$guest"
    assert_codes other-format
    # The last 512 bytes of the file are the last subcluster.
    rm -f image
    make_image image 64K cluster_size=16K,extended_l2=on 'write -q -P 1 0 64k'
    local end=$(($(host_offset image 49152) + 16384))
    truncate -s $end image
    poke_text image $((end - 512)) conectix
    assert_codes other-format-in-data
    poke_subclusters image 49152 0x7fffffff
    assert_codes other-format
    poke_subclusters image 49152 0x80000000
    assert_codes other-format-in-data
}

@test "audit attack: marks in compressed data and in data of a snapshot are in data" {
    local BESIDE='hidden-data data-free'
    make_image image 64K cluster_size=4096 'write -q -c -P 1 0 4096'
    local at
    # A compressed cluster from 32768 on: the entry says so.
    at=$((62 - (12 - 8)))
    truncate -s 65536 image
    poke_l2_entry image 0 $((COMPRESSED | 1 << at | 32768))
    poke image 32769 4344303031
    assert_codes other-format-in-data
    rm -f image
    make_image image 64K cluster_size=4096 'write -q -P 1 0 64k'
    qemu-img snapshot -c one image
    write_image image 'write -q -P 2 0 64k'
    poke image 32769 4344303031
    assert_codes other-format-in-data
}

@test "audit attack: a mark where the tables were not inspected is not in guest data" {
    make_image image 64K cluster_size=4096 'write -q -P 1 0 64k'
    poke image 32769 4344303031
    assert_codes other-format-in-data
    # The L2 table comes before; the L1 table is moved behind what is given.
    local l1
    l1=$(field image l1_table_offset)
    truncate -s 1M image
    dd if=image of=image bs=4096 skip=$((l1 / 4096)) seek=128 count=1 conv=notrunc status=none
    poke_field image l1_table_offset $((128 * 4096))
    run --separate-stderr bash -c 'head -c 65536 image | "$QCOW2_INFO" audit --json'
    assert_status 2
    assert_equal "$(codes)" 'other-format incomplete'
}

# ---- Small tables that take QEMU as much time as large ones --------------------------------------------

# shuffle_entries IMAGE: puts all L2 entries of the disk into an order in which each leads far
# away from the one before
shuffle_entries() {
    python3 - "$1" "$(field "$1" l1_table_offset)" "$(field "$1" l1_size)" <<'EOF'
import struct, sys
path, l1, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(path, "r+b") as image:
    image.seek(l1)
    tables = [entry & ~(1 << 63) for entry in struct.unpack(f">{size}Q", image.read(8 * size))]
    entries = []
    for table in tables:
        image.seek(table)
        entries += struct.unpack(">8192Q", image.read(65536))
    count = len(entries)
    entries = [entries[i * 100003 % count] for i in range(count)]
    for i, table in enumerate(tables):
        image.seek(table)
        image.write(struct.pack(">8192Q", *entries[i * 8192:(i + 1) * 8192]))
EOF
}

@test "audit attack: data in holes whose refcounts are in another block each time" {
    qemu-img create -q -f qcow2 -o preallocation=metadata,refcount_bits=64 image 16G
    assert_clean image
    shuffle_entries image
    qemu-img check -q image
    assert_only unsafe refcount-bomb null
    # Half as many are read in a few seconds.
    qemu-img create -q -f qcow2 -o preallocation=metadata,refcount_bits=64 image 7G
    shuffle_entries image
    qemu-img check -q image
    assert_clean image
}

@test "audit attack: 16384 L2 tables of 512 bytes in holes" {
    local BESIDE='table-free' at=$((64 << 20))
    make_image image 1G cluster_size=512
    truncate -s $((at + (32 << 20))) image
    copied_entries 16390 $at 512 | place image "$(field image l1_table_offset)"
    assert_codes table-bomb
    head -c $((8 * 16390)) /dev/zero | place image "$(field image l1_table_offset)"
    copied_entries 16384 $at 512 | place image "$(field image l1_table_offset)"
    assert_codes ''
}

@test "audit attack: snapshots that go through small L2 tables a quarter of a million times" {
    local BESIDE='snapshot-id table-overlap table-free refcount-too-low' at=$((2 << 20))
    qemu-img create -q -f qcow2 -o preallocation=metadata,cluster_size=512 image 20M
    truncate -s 4M image
    poke image $at "$(snapshot_entry "$(field image l1_table_offset)" 640 $((20 << 20)) 1)"
    repeat_bytes image $at 72 1000
    poke_field image snapshots_offset $at
    poke_field image nb_snapshots 400
    audited image
    [[ " $(codes) " != *' snapshot-bomb '* ]] || fail "$output"
    poke_field image nb_snapshots 420
    audited image
    [[ " $(codes) " == *' snapshot-bomb '* ]] || fail "$output"
}

# alternate_subclusters TABLE: of its 4096 entries each second subcluster is zeros, and nothing the others
alternate_subclusters() {
    poke image "$1" 00000000000000005555555500000000
    repeat_bytes image "$1" 16 4096
}

@test "audit attack: 400000 extents of a disk in a small file" {
    make_image image 1G extended_l2=on 'write -q -z 0 1G'
    alternate_subclusters "$(l2_table_at image 0)"
    alternate_subclusters "$(l2_table_at image $((256 << 20)))"
    assert_clean image
    alternate_subclusters "$(l2_table_at image $((512 << 20)))"
    qemu-img check -q image
    assert_codes table-bomb
    assert_equal "$(qemu-img map --output=json image | jq length)" $((3 * 4096 * 32 + 1))
    # In a snapshot as well.
    make_image image 1G extended_l2=on 'write -q -z 0 1G'
    for at in 0 256 512; do
        alternate_subclusters "$(l2_table_at image $((at << 20)))"
    done
    qemu-img snapshot -c one image
    qemu-io -f qcow2 -c 'write -q -z 0 1G' image
    assert_codes table-bomb
}

@test "audit attack: 67584 compressed clusters of a few bytes each" {
    head -c 33M /dev/zero | tr '\0' A >raw
    qemu-img convert -c -O qcow2 -o cluster_size=512 raw image
    assert_codes table-bomb
    assert_output_contains "$((4 * 67584)) extents"
    truncate -s 32M raw
    qemu-img convert -c -O qcow2 -o cluster_size=512 raw image
    assert_clean image
}

# ---- What one rule finds is found when another is allowed ----------------------------------------------

@test "audit attack: refcounts that are too low are found when the cause is allowed" {
    local BESIDE=hidden-data table data
    # Data that is shared within the disk.
    make_image image 1M '' "write -q -P 1 0 $((2 * C))"
    data=$(host_offset image 0)
    poke_l2_entry image $C $((COPIED | data))
    run -2 qemu-img check image
    assert_allowing shared-data 'refcount-too-low shared-data'
    poke_be16 image "$(refcount_entry "$data")" 2
    assert_allowing shared-data shared-data
    assert_status 0
    # An L2 table that is: its own refcount, and that of its data.
    make_image image 1G '' "write -q -P 1 0 $C"
    data=$(host_offset image 0)
    table=$(l2_table_at image 0)
    poke_be64 image "$(l1_entry_at image $((512 << 20)))" $((COPIED | table))
    assert_allowing shared-l2-table 'refcount-too-low shared-l2-table'
    assert_equal "$(count_of refcount-too-low)" 1
    poke_be16 image "$(refcount_entry "$table")" 2
    assert_allowing shared-l2-table 'refcount-too-low shared-l2-table'
    assert_equal "$(jq '.findings[] | select(.code == "refcount-too-low") | .offset' <<<"$output")" "$data"
    poke_be16 image "$(refcount_entry "$data")" 2
    assert_allowing shared-l2-table shared-l2-table
    assert_status 0
    # Compressed data in the same table.
    make_image image 1G '' "write -q -c -P 1 0 $C"
    table=$(l2_table_at image 0)
    poke_be64 image "$(l1_entry_at image $((512 << 20)))" $((COPIED | table))
    poke_be16 image "$(refcount_entry "$table")" 2
    run -2 qemu-img check image
    assert_allowing shared-l2-table 'refcount-too-low shared-l2-table'
}

@test "audit attack: data without a refcount is found when tables with a low one are allowed" {
    local table
    make_image image 1M '' "write -q -P 1 0 $((2 * C))"
    table=$(l2_table_at image 0)
    poke_be16 image "$(refcount_entry "$(host_offset image $C)")" 0
    poke_be16 image "$(refcount_entry "$table")" 0
    assert_allowing table-free 'data-free table-free'
    assert_equal "$(count_of table-free) $(count_of data-free)" '1 1'
}
