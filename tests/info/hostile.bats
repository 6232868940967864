#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# `info` of images that lie: one broken part becomes a problem and never hides the others.

load ../helpers/load
load ../helpers/encryption
load ../helpers/effort

setup_file() {
    make_measure
}

setup() {
    enter_test || return
    require_tool qemu-img jq
}

# make_image [OPTION...]: an image of 10 MiB called a.qcow2
make_image() {
    qemu-img create -q -f qcow2 "$@" a.qcow2 10M
}

# query FILTER: what jq makes of the document about a.qcow2, which can be read, on one line
query() {
    qcow2_info --json a.qcow2 2>/dev/null >document || fail "status $?" || return
    jq -c "$1" document
}

assert_query() {
    assert_equal "$(query "$1")" "$2"
}

# assert_problem CODE OFFSET [READABLE]: that is the only problem
assert_problem() {
    assert_query '[.problems[] | [.code, .offset]]' "[[\"$1\",$(($2))]]"
    assert_query .readable "${3:-true}"
}

# assert_some_problem CODE OFFSET: that is one of them
assert_some_problem() {
    assert_query ".problems | any(.code == \"$1\" and .offset == $(($2)))" true
}

# The place of an extension of a.qcow2, by its type in hexadecimal.
extension() {
    local at type length
    at=$(field a.qcow2 header_length)
    while type=$(peek a.qcow2 "$at" 4) && [[ $type != 00000000 ]]; do
        if [[ $type == "$1" ]]; then
            echo "$at"
            return
        fi
        length=$(peek_be32 a.qcow2 $((at + 4)))
        at=$((at + 8 + (length + 7) / 8 * 8))
    done
    fail "no extension $1"
}

# ---- Header --------------------------------------------------------------------------------------

@test "info: an unknown version is shown, and is not readable" {
    make_image
    poke_field a.qcow2 version 4
    assert_query .header.version 4
    assert_problem unsupported-version 4 false
}

@test "info: version 1 is no qcow2 image" {
    make_image
    poke_field a.qcow2 version 1
    run_qcow2_info a.qcow2
    assert_status 1
    assert_stderr_contains 'a qcow image of version 1'
}

@test "info: an impossible cluster size leaves the header" {
    make_image
    poke_field a.qcow2 cluster_bits 8
    assert_query '[.header.cluster_bits, .header.size, .cluster_size, .readable]' '[8,10485760,null,false]'
    poke_field a.qcow2 cluster_bits 0xffffffff
    assert_query '[.header.cluster_bits, .cluster_size, .readable]' '[4294967295,null,false]'
}

@test "info: an impossible refcount_order leaves the image readable" {
    make_image
    poke_field a.qcow2 refcount_order 7
    assert_query '[.header.refcount_order, .refcount_bits]' '[7,null]'
    assert_problem limit 96
}

@test "info: a header length below 104 hides the extensions only" {
    make_image
    poke_field a.qcow2 header_length 96
    assert_query .header_extensions null
    assert_problem corrupt 100 false
}

@test "info: a header length beyond the cluster" {
    make_image
    poke_field a.qcow2 header_length 0xfffffff8
    assert_query .header_extensions null
    assert_some_problem corrupt 100
}

@test "info: a backing file name outside the first cluster" {
    make_image -u -b base -F raw
    poke_field a.qcow2 backing_file_offset 65534
    assert_query .backing_file '""'
    assert_problem corrupt 8 false
}

@test "info: a backing file name at 2^64 - 1" {
    make_image -u -b base -F raw
    poke_field a.qcow2 backing_file_offset 0xffffffffffffffff
    assert_query .backing_file '""'
    assert_problem corrupt 8 false
}

@test "info: a backing file name that is too long" {
    make_image -u -b base -F raw
    poke_field a.qcow2 backing_file_size 1024
    assert_query '[.backing_file, .header.backing_file_size]' '["",1024]'
    assert_problem limit 16 false
}

@test "info: a backing file name inside the header leaves no room for extensions" {
    make_image -u -b base -F raw
    poke_field a.qcow2 backing_file_offset 64
    assert_query .header_extensions null
    assert_some_problem corrupt 8
}

@test "info: a NUL in a backing file name is reported" {
    make_image -u -b good.evil -F raw
    poke a.qcow2 $(($(field a.qcow2 backing_file_offset) + 4)) 00
    assert_query '[.backing_file, .backing_file_full_path]' "[\"good\u0000evil\",\"$PWD/good\"]"
    assert_problem corrupt "$(field a.qcow2 backing_file_offset)"
}

@test "info: every unknown incompatible bit is reported, up to eight by name" {
    make_image
    poke_field a.qcow2 incompatible_features 0x8000000000000020
    assert_query '[.problems[] | [.code, .message]]' \
        '[["unsupported-feature","incompatible feature bit 5 is unknown"],["unsupported-feature","incompatible feature bit 63 is unknown"]]'
    poke_field a.qcow2 incompatible_features 0xffffffffffffffe3
    assert_query '.problems | length, .[8].message' \
        "$(printf '9\n"51 further incompatible features are unknown (0xffffffffffffe000)"')"
}

@test "info: an unknown incompatible bit has the name that the image gives it" {
    make_image
    poke a.qcow2 112 "6803f857 00000030 0028 $(printf holographic | od -An -tx1)"
    poke a.qcow2 168 0000000000000000
    poke_field a.qcow2 incompatible_features 0x10000000000
    assert_query '.problems[0].message' \
        '"incompatible feature bit 40, which the image calls \"holographic\", is unknown"'
}

@test "info: an L1 table past the end of the file" {
    make_image
    poke_field a.qcow2 l1_table_offset 0x40000000000000
    assert_problem truncated 40 false
}

# ---- Header extensions ---------------------------------------------------------------------------

@test "info: an extension that is longer than the area ends the list" {
    make_image -u -b base -F raw
    local table
    table=$(extension 6803f857)
    poke_be32 a.qcow2 $((table + 4)) 0xffffffff
    assert_query '[.header_extensions[].type, .backing_file]' \
        '["Backing file format name string","base"]'
    assert_problem corrupt "$table"
}

@test "info: a file that ends inside an extension" {
    make_image -u -b base -F raw
    truncate -s 150 a.qcow2
    assert_query '[.header_extensions[].type, .backing_file_format]' \
        '["Backing file format name string","raw"]'
    assert_some_problem truncated 128
}

@test "info: 8182 extensions in one cluster are all listed" {
    make_image
    local i
    {
        printf '\x12\x34\x56\x78\0\0\0\0%.0s' {1..8178}
    } | dd of=a.qcow2 bs=64k oflag=seek_bytes seek=112 conv=notrunc status=none
    assert_query '.header_extensions | length' 8178
    assert_problem corrupt 120
}

@test "info: a bitmaps extension of the wrong length leaves no bitmaps" {
    make_image
    qemu-img bitmap --add a.qcow2 one
    local at
    at=$(extension 23852875)
    poke_be32 a.qcow2 $((at + 4)) 16
    assert_query .bitmaps '[]'
    assert_some_problem corrupt "$at"
}

@test "info: an encryption pointer that is too short has no data" {
    make_image
    poke a.qcow2 112 '0537be77 00000008 0000000000010000 0000000000000000'
    assert_query .header_extensions \
        '[{"type":"Full disk encryption header pointer","length":8}]'
}

# ---- Encryption ----------------------------------------------------------------------------------

make_luks() {
    make_luks_image a.qcow2
    LUKS=$(peek_be64 a.qcow2 120)
}

@test "info: a LUKS header without its magic" {
    make_luks
    poke a.qcow2 "$LUKS" 00
    assert_query .encryption '{"method":"luks"}'
    assert_some_problem corrupt "$LUKS"
}

@test "info: a LUKS header past the end of the file" {
    make_luks
    poke_be64 a.qcow2 120 0x7fffffffff0000
    assert_query .encryption '{"method":"luks"}'
    assert_some_problem truncated 0x7fffffffff0000
}

@test "info: LUKS without a pointer to its header" {
    make_image
    poke_field a.qcow2 crypt_method 2
    assert_query '[.encryption, .readable, .problems[].code]' '[{"method":"luks"},false,"corrupt"]'
}

@test "info: LUKS key material outside of the encryption header" {
    make_luks
    poke_be32 a.qcow2 $((LUKS + 208 + 40)) 0xffffffff
    assert_query '.encryption.slots[0].key_offset' 2199023255040
    assert_some_problem corrupt $((LUKS + 208 + 40))
}

@test "info: LUKS names without a NUL at the end" {
    make_luks
    poke a.qcow2 $((LUKS + 72)) "$(printf '41%.0s' {1..32})"
    assert_query .encryption.hash '"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"'
    assert_some_problem corrupt $((LUKS + 72))
}

# ---- Snapshots -----------------------------------------------------------------------------------

# make_snapshots NAME...: and sets TABLE, the place of their table
make_snapshots() {
    local name
    make_image
    for name in "$@"; do
        qemu-img snapshot -c "$name" a.qcow2
    done
    TABLE=$(field a.qcow2 snapshots_offset)
}

@test "info: too many snapshots" {
    make_image
    poke_field a.qcow2 nb_snapshots 0xffffffff
    poke_field a.qcow2 snapshots_offset 0x30000
    assert_query '[.header.nb_snapshots, .snapshots]' '[4294967295,[]]'
    assert_some_problem limit 60
}

@test "info: a snapshot table that is not aligned is not read" {
    make_snapshots one
    poke_field a.qcow2 snapshots_offset $((TABLE + 8))
    assert_query .snapshots '[]'
    assert_problem corrupt 64
}

@test "info: a snapshot table at 0 is not read" {
    make_snapshots one
    poke_field a.qcow2 snapshots_offset 0
    assert_query .snapshots '[]'
    assert_problem corrupt 64
}

@test "info: a snapshot table past the end of the file" {
    make_snapshots one
    poke_field a.qcow2 snapshots_offset 0x10000000
    assert_query '[.snapshots, .problems[].code]' '[[],"truncated"]'
    assert_some_problem truncated 0x10000000
}

@test "info: the file ends inside the snapshot table" {
    make_snapshots one two
    truncate -s $((TABLE + 72 + 50)) a.qcow2
    assert_query '[.snapshots[].name]' '["one"]'
    assert_problem truncated $((TABLE + 72 + 50))
}

@test "info: a last snapshot without its padding is whole" {
    make_snapshots one
    truncate -s $((TABLE + 64 + 4)) a.qcow2
    assert_query '[.snapshots[].name, .problems[].code]' '["one"]'
}

@test "info: one bad snapshot does not hide the next" {
    make_snapshots one two
    poke_be64 a.qcow2 "$TABLE" 0x12345
    assert_query '[.snapshots[].name, .snapshots[0].l1_table_offset]' '["one","two",74565]'
    assert_problem corrupt "$TABLE"
}

@test "info: the L1 table of a snapshot past the end of the file" {
    make_snapshots one
    poke_be64 a.qcow2 "$TABLE" 0x1000000000
    assert_problem truncated "$TABLE"
}

@test "info: a snapshot whose L1 table is too large" {
    make_snapshots one
    poke_be32 a.qcow2 $((TABLE + 8)) 0xffffffff
    assert_query '.snapshots[0].l1_size' 4294967295
    assert_some_problem limit $((TABLE + 8))
}

@test "info: too much extra data is a problem, and the next entry is found" {
    make_snapshots one
    # A second entry, whose names stand behind 200000 bytes of extra data.
    poke_field a.qcow2 nb_snapshots 2
    dd if=a.qcow2 of=entry bs=1 skip="$TABLE" count=64 status=none
    dd if=entry of=a.qcow2 oflag=seek_bytes seek=$((TABLE + 72)) conv=notrunc status=none
    poke_be32 a.qcow2 $((TABLE + 72 + 36)) 200000
    poke a.qcow2 $((TABLE + 72 + 40 + 200000)) '32 74776f 0000'
    assert_query '[.snapshots[] | [.id, .name, .disk_size]]' \
        '[["1","one",10485760],["2","two",10485760]]'
    assert_problem limit $((TABLE + 72 + 36))
}

@test "info: extra data of 4 GiB" {
    make_snapshots one two
    poke_be32 a.qcow2 $((TABLE + 36)) 0xffffffff
    assert_query .snapshots '[]'
    assert_query '.problems[].code' '"truncated"'
}

@test "info: names of 65535 bytes" {
    make_snapshots one
    poke a.qcow2 $((TABLE + 12)) ffffffff
    truncate -s $((TABLE + 64 + 131070)) a.qcow2
    assert_query '.snapshots[0] | [(.id | length), (.name | length)]' '[65535,65535]'
}

@test "info: a snapshot of version 3 without its disk size" {
    make_snapshots one
    poke_be32 a.qcow2 $((TABLE + 36)) 8
    assert_query '.snapshots[0].disk_size' 10485760
    assert_problem corrupt $((TABLE + 36))
}

@test "info: a flood of bad snapshots leaves room for other problems" {
    make_image
    poke_field a.qcow2 nb_snapshots 1000
    poke_field a.qcow2 snapshots_offset 0x40000
    truncate -s 1M a.qcow2
    poke_field a.qcow2 refcount_order 9
    assert_query '.snapshots | length' 1000
    assert_query '[.problems[].code] | length, .[0]' "$(printf '18\n"limit"')"
    # 1000 L1 tables that are too small, 1000 entries with too little extra data, 16 of these reported
    assert_query '.problems[17].message' '"1984 further problems in the entries of the snapshot table"'
    assert_query '[.problems[].count] | .[0], .[17]' "$(printf '1\n1984')"
}

@test "info: a problem has the keys of every finding" {
    make_image
    poke_field a.qcow2 refcount_order 9
    poke_field a.qcow2 crypt_method 7
    assert_query '[.problems[] | keys_unsorted] | unique' \
        '[["code","severity","message","meaning","count","offset","guest_offset"]]'
    assert_query '[.problems[] | [.code, .severity, .count, .offset, .guest_offset]]' \
        '[["limit","warning",1,96,null],["unsupported-encryption","unreadable",1,32,null]]'
    assert_query '[.problems[] | .meaning | length > 10] | unique' '[true]'
}

@test "info: 65536 snapshots in a file of 197 KB take little time and memory" {
    make_image
    poke_field a.qcow2 nb_snapshots 65536
    poke_field a.qcow2 snapshots_offset 0x30000
    limit_effort 20
    peak_below 32 --json a.qcow2
    assert_equal "$(jq -c '[.snapshots, .problems[].code]' got)" '[[],"truncated"]'
}

@test "info: 65536 valid snapshots are printed in little memory" {
    make_image
    poke_field a.qcow2 nb_snapshots 65536
    poke_field a.qcow2 snapshots_offset 0x40000
    truncate -s $((0x40000 + 65536 * 40)) a.qcow2
    limit_effort 20
    peak_below 24 --json a.qcow2
    assert_equal "$(jq '.snapshots | length' got)" 65536
}

@test "info: a snapshot table is read up to 64 MiB" {
    make_image
    poke_field a.qcow2 nb_snapshots 65536
    poke_field a.qcow2 snapshots_offset 0x40000
    truncate -s 200M a.qcow2
    # Each of these entries has 1 MiB of extra data.
    local i
    for ((i = 0; i < 70; i++)); do
        poke_be32 a.qcow2 $((0x40000 + i * (1048576 + 40) + 36)) 1048576
    done
    assert_query '.snapshots | length' 64
    assert_query '.problems[-1].code' '"limit"'
}

# ---- Bitmaps -------------------------------------------------------------------------------------

# make_bitmaps NAME...: and sets EXTENSION and DIRECTORY, their places
make_bitmaps() {
    local name
    make_image
    for name in "$@"; do
        qemu-img bitmap --add a.qcow2 "$name"
    done
    EXTENSION=$(extension 23852875)
    DIRECTORY=$(peek_be64 a.qcow2 $((EXTENSION + 24)))
}

@test "info: bitmaps without their feature bit cannot be trusted" {
    make_bitmaps one
    poke_field a.qcow2 autoclear_features 0
    assert_query '[.bitmaps[].name]' '["one"]'
    assert_problem inconsistent-bitmaps "$EXTENSION"
}

@test "info: the feature bit of bitmaps without any" {
    make_image
    poke_field a.qcow2 autoclear_features 1
    assert_problem corrupt 88
}

@test "info: one bad bitmap does not hide the next" {
    make_bitmaps one two
    poke a.qcow2 $((DIRECTORY + 16)) 07
    poke_be32 a.qcow2 $((DIRECTORY + 8)) 0
    assert_query '[.bitmaps[] | [.name, .type, .table_size]]' \
        '[["one","unknown-7",0],["two","dirty-tracking",1]]'
    assert_query '[.problems[] | [.code, .offset]]' \
        "[[\"corrupt\",$((DIRECTORY + 16))],[\"corrupt\",$((DIRECTORY + 8))]]"
}

@test "info: a granularity beyond 64 bits" {
    make_bitmaps one
    poke a.qcow2 $((DIRECTORY + 17)) ff
    assert_query '.bitmaps[0].granularity' null
    assert_problem limit $((DIRECTORY + 17))
}

@test "info: a bitmap that reaches past its directory" {
    make_bitmaps one two
    poke_be16 a.qcow2 $((DIRECTORY + 32 + 18)) 60000
    assert_query '[.bitmaps[].name]' '["one"]'
    assert_problem corrupt $((DIRECTORY + 32))
}

@test "info: more bitmaps than the directory has" {
    make_bitmaps one
    poke_be32 a.qcow2 $((EXTENSION + 8)) 65535
    assert_query '[.bitmaps[].name]' '["one"]'
    assert_problem corrupt $((DIRECTORY + 32))
}

@test "info: fewer bitmaps than the directory has" {
    make_bitmaps one two
    poke_be32 a.qcow2 $((EXTENSION + 8)) 1
    assert_query '[.bitmaps[].name]' '["one"]'
    assert_problem corrupt $((DIRECTORY + 32))
}

@test "info: a bitmap directory past the end of the file" {
    make_bitmaps one
    poke_be64 a.qcow2 $((EXTENSION + 24)) 0x10000000
    assert_query .bitmaps '[]'
    assert_problem truncated 0x10000000
}

@test "info: a bitmap directory that is not aligned is not read" {
    make_bitmaps one
    poke_be64 a.qcow2 $((EXTENSION + 24)) $((DIRECTORY + 8))
    assert_query .bitmaps '[]'
    assert_problem corrupt "$EXTENSION"
}

@test "info: a bitmap table past the end of the file" {
    make_bitmaps one
    poke_be64 a.qcow2 "$DIRECTORY" 0x10000000
    assert_problem truncated "$DIRECTORY"
}

@test "info: 65535 valid bitmaps are printed in little memory" {
    make_bitmaps one
    poke_be32 a.qcow2 $((EXTENSION + 8)) 65535
    poke_be64 a.qcow2 $((EXTENSION + 16)) $((65535 * 24))
    poke_be64 a.qcow2 $((EXTENSION + 24)) 0x100000
    truncate -s $((0x100000 + 65535 * 24)) a.qcow2
    limit_effort 20
    peak_below 24 --json a.qcow2
    assert_equal "$(jq '.bitmaps | length' got)" 65535
}

# ---- What is left when several are broken ----------------------------------------------------------

@test "info: broken snapshots hide neither bitmaps nor extensions" {
    make_bitmaps one
    poke_field a.qcow2 nb_snapshots 5
    poke_field a.qcow2 snapshots_offset 0x7fff0000
    assert_query '[.bitmaps[].name, .readable, .problems[].code]' '["one",true,"truncated"]'
}

@test "info: an image of zeros behind its header" {
    printf 'QFI\xfb\0\0\0\3' >a.qcow2
    truncate -s 1M a.qcow2
    assert_query '[.header.version, .header.size, .readable]' '[3,0,false]'
}

@test "info: an image with only ones after its header" {
    printf 'QFI\xfb\0\0\0\3' >a.qcow2
    head -c 65536 /dev/zero | tr '\0' '\377' >>a.qcow2
    run_qcow2_info --json a.qcow2
    assert_status 0
    assert_output_contains '"size": 18446744073709551615,'
    assert_equal "$(jq .readable <<<"$output")" false
}

@test "info: messages with names of the image are valid JSON and safe text" {
    make_image
    poke a.qcow2 112 "6803f857 00000030 0005 1b5b41ff22e280ae$(printf '%084d' 0)"
    poke_field a.qcow2 incompatible_features 32
    run_qcow2_info --json a.qcow2
    assert_output_contains 'calls \"\u001b[A�\"\u202e\", is unknown'
    assert_stderr_contains 'calls "\x1b[A\xff"\u{202e}", is unknown'
}
