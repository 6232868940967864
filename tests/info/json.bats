#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# What `info --json` prints, against documents written by hand from the rules and against what
# qemu-img says of the same image.

load ../helpers/load
load ../helpers/encryption

setup() {
    enter_test || return
    require_tool qemu-img jq
}

# make_image [OPTION...]: an image of 10 MiB called a.qcow2
make_image() {
    qemu-img create -q -f qcow2 "$@" a.qcow2 10M
}

# query FILTER [ARGUMENT...]: what jq makes of the document, on one line
query() {
    local filter=$1
    shift
    qcow2_info --json "${@:-a.qcow2}" 2>/dev/null | jq -c "$filter"
}

# assert_query FILTER WANT [ARGUMENT...]
assert_query() {
    local want=$2
    assert_equal "$(query "$1" "${@:3}")" "$want"
}

# The extensions without the feature name table, which differs between versions of qemu-img.
OTHER_EXTENSIONS='[.header_extensions[] | select(.type != "Feature name table")]'

# Writes extensions in place of those of a.qcow2: pairs of a type and the data, both in hexadecimal.
put_extensions() {
    local at length
    at=$(field a.qcow2 header_length)
    poke a.qcow2 "$at" "$(printf '%01024d' 0)"
    while [[ $# -gt 0 ]]; do
        length=$((${#2} / 2))
        poke a.qcow2 "$at" "$1$(printf '%08x' "$length")$2"
        at=$((at + 8 + (length + 7) / 8 * 8))
        shift 2
    done
}

hex() {
    printf %s "$1" | od -An -v -tx1 | tr -d ' \n'
}

# ---- The whole document -------------------------------------------------------------------------

@test "info --json: the whole document of the sample" {
    cp "$SAMPLE" sample.qcow2
    cat >want <<'JSON'
{
  "header": {
    "magic": "QFI�",
    "version": 3,
    "backing_file_offset": 0,
    "backing_file_size": 0,
    "cluster_bits": 12,
    "size": 67108864,
    "crypt_method": "",
    "l1_size": 32,
    "l1_table_offset": 12288,
    "refcount_table_offset": 4096,
    "refcount_table_clusters": 1,
    "nb_snapshots": 1,
    "snapshots_offset": 176128,
    "incompatible_features": null,
    "compatible_features": null,
    "autoclear_features": {
      "raw": 1,
      "names": [
        "bitmaps"
      ]
    },
    "refcount_order": 4,
    "header_length": 112,
    "compression_type": "zlib"
  },
  "header_extensions": [
    {
      "type": "Bitmaps extension",
      "length": 24
    }
  ],
  "backing_file": "",
  "backing_file_full_path": "",
  "backing_file_format": "",
  "filename": "sample.qcow2",
  "file_size": 217128,
  "allocated_size": ALLOCATED,
  "in_use": false,
  "cluster_size": 4096,
  "refcount_bits": 16,
  "data_file": null,
  "encryption": null,
  "snapshots": [
    {
      "id": "1",
      "name": "before-the-flood",
      "date": "2026-01-01T00:00:00Z",
      "date_sec": 1767225600,
      "date_nsec": 0,
      "vm_clock_nsec": 0,
      "vm_state_size": 0,
      "disk_size": 67108864,
      "icount": 0,
      "l1_size": 32,
      "l1_table_offset": 172032
    }
  ],
  "bitmaps": [
    {
      "name": "since-backup",
      "granularity": 4096,
      "type": "dirty-tracking",
      "flags": [
        "auto"
      ],
      "table_size": 1
    }
  ],
  "readable": true,
  "problems": []
}
JSON
    qcow2_info --json sample.qcow2 |
        sed 's/"allocated_size": [0-9][0-9]*/"allocated_size": ALLOCATED/' >got
    diff -u want got
}

@test "info --json: the whole document of a version 2 image" {
    make_image -o compat=0.10,cluster_size=512
    cat >want <<'JSON'
{
  "header": {
    "magic": "QFI�",
    "version": 2,
    "backing_file_offset": 0,
    "backing_file_size": 0,
    "cluster_bits": 9,
    "size": 10485760,
    "crypt_method": "",
    "l1_size": 320,
    "l1_table_offset": L1,
    "refcount_table_offset": 512,
    "refcount_table_clusters": 1,
    "nb_snapshots": 0,
    "snapshots_offset": 0
  },
  "header_extensions": null,
  "backing_file": "",
  "backing_file_full_path": "",
  "backing_file_format": "",
  "filename": "a.qcow2",
  "file_size": SIZE,
  "allocated_size": ALLOCATED,
  "in_use": false,
  "cluster_size": 512,
  "refcount_bits": 16,
  "data_file": null,
  "encryption": null,
  "snapshots": [],
  "bitmaps": [],
  "readable": true,
  "problems": []
}
JSON
    sed -i "s/ALLOCATED/$(($(stat -c '%b * %B' a.qcow2)))/; s/SIZE/$(stat -c %s a.qcow2)/
            s/L1,/$(field a.qcow2 l1_table_offset),/" want
    qcow2_info --json a.qcow2 >got
    diff -u want got
}

@test "info --json: the same with and without the name of the command" {
    make_image
    assert_equal "$(qcow2_info info --json a.qcow2)" "$(qcow2_info a.qcow2 --json)"
}

# ---- Header --------------------------------------------------------------------------------------

@test "info --json: 4 and 104 behind a version 2 header are no fields" {
    make_image -o compat=0.10
    poke_be32 a.qcow2 96 4
    poke_be32 a.qcow2 100 104
    assert_query '.header | has("refcount_order", "header_length", "compression_type")' \
        "$(printf 'false\nfalse\nfalse')"
    assert_query .header_extensions null
}

@test "info --json: a version 2 header ends at 72, where its extensions begin" {
    make_image -o compat=0.10 -u -b base -F raw
    assert_query .header_extensions \
        '[{"type":"Backing file format name string","length":3,"data":"raw"}]'
}

@test "info --json: compression_type zstd comes with its feature bit" {
    make_image -o compression_type=zstd
    assert_query '.header | [.compression_type, .incompatible_features]' \
        '["zstd",{"raw":8,"names":["compression type"]}]'
}

@test "info --json: compression_type is zlib when the header is too short for the field" {
    make_image
    poke_field a.qcow2 header_length 104
    put_extensions
    assert_query '.header | [.header_length, .compression_type]' '[104,"zlib"]'
}

@test "info --json: an unknown compression type has its number" {
    make_image -o compression_type=zstd
    poke_field a.qcow2 compression_type 5
    assert_query '[.header.compression_type, .readable, .problems[].code]' \
        '["unknown-5",false,"unsupported-compression"]'
}

@test "info --json: an unknown encryption method has its number" {
    make_image
    poke_field a.qcow2 crypt_method 77
    assert_query '[.header.crypt_method, .encryption, .readable, .problems[].code]' \
        '["unknown-77",{"method":"unknown-77"},false,"unsupported-encryption"]'
}

@test "info --json: extended L2 entries are an incompatible feature" {
    make_image -o extended_l2=on
    assert_query .header.incompatible_features '{"raw":16,"names":["extended L2 entries"]}'
}

@test "info --json: lazy refcounts are a compatible feature" {
    make_image -o lazy_refcounts=on
    assert_query .header.compatible_features '{"raw":1,"names":["lazy refcounts"]}'
}

@test "info --json: dirty and corrupt images are readable" {
    make_image
    poke_field a.qcow2 incompatible_features 3
    assert_query '[.readable, .header.incompatible_features]' \
        '[true,{"raw":3,"names":["dirty bit","corrupt bit"]}]'
}

@test "info --json: an unknown bit is called by its number" {
    make_image
    poke_field a.qcow2 compatible_features 0x8000000000000006
    assert_query .header.compatible_features.names '["unknown-1","unknown-2","unknown-63"]'
}

@test "info --json: unknown compatible and autoclear bits are no problem" {
    make_image
    poke_field a.qcow2 compatible_features 0xf0
    poke_field a.qcow2 autoclear_features 0xf0
    assert_query '[.readable, .problems]' '[true,[]]'
}

@test "info --json: refcount_bits follow refcount_order" {
    make_image -o refcount_bits=1
    assert_query '[.header.refcount_order, .refcount_bits]' '[0,1]'
    make_image -o refcount_bits=64
    assert_query '[.header.refcount_order, .refcount_bits]' '[6,64]'
}

@test "info --json: integers are exact up to 2^64 - 1" {
    make_image
    poke_field a.qcow2 size 0xffffffffffffffff
    poke_field a.qcow2 autoclear_features 0x8000000000000002
    run_qcow2_info --json a.qcow2
    assert_status 0
    assert_output_contains '"size": 18446744073709551615,'
    assert_output_contains '"raw": 9223372036854775810,'
}

# ---- Header extensions ---------------------------------------------------------------------------

@test "info --json: the feature name table of qemu-img" {
    make_image
    assert_query '.header_extensions[] | select(.type == "Feature name table") | .data[0:6]' \
        '[{"type":"incompatible","bit":0,"name":"dirty bit"},{"type":"incompatible","bit":1,"name":"corrupt bit"},{"type":"incompatible","bit":2,"name":"external data file"},{"type":"incompatible","bit":3,"name":"compression type"},{"type":"incompatible","bit":4,"name":"extended L2 entries"},{"type":"compatible","bit":0,"name":"lazy refcounts"}]'
}

@test "info --json: feature names lose the NULs around them, and types may be unknown" {
    make_image
    local zeros
    zeros=$(printf '%092d' 0)
    put_extensions 6803f857 "0905$(hex x)00$(hex y)${zeros:6}0201${zeros:0:86}$(hex end)"
    assert_query '.header_extensions[0].data' \
        '[{"type":"unknown-9","bit":5,"name":"x\u0000y"},{"type":"autoclear","bit":1,"name":"end"}]'
}

@test "info --json: a feature name table without a whole entry is null" {
    make_image
    put_extensions 6803f857 ''
    assert_query '.header_extensions' '[{"type":"Feature name table","length":0,"data":null}]'
    put_extensions 6803f857 0000616263
    assert_query '.header_extensions' '[{"type":"Feature name table","length":5,"data":null}]'
}

@test "info --json: an unknown extension has its data in base64" {
    make_image
    put_extensions e279268f fbffbf00 00001234 ''
    assert_query .header_extensions \
        '[{"type":"unknown-0xe279268f","length":4,"data":"+/+/AA=="},{"type":"unknown-0x00001234","length":0,"data":""}]'
    assert_query '[.readable, .problems]' '[true,[]]'
}

@test "info --json: no extensions are null" {
    make_image
    put_extensions
    assert_query .header_extensions null
}

@test "info --json: a long extension has no data, and the one behind it is found" {
    make_image
    put_extensions
    poke a.qcow2 112 1234567800001001
    poke a.qcow2 $((120 + 4104)) "e2792aca00000003$(hex raw)"
    assert_query .header_extensions \
        '[{"type":"unknown-0x12345678","length":4097},{"type":"Backing file format name string","length":3,"data":"raw"}]'
}

@test "info --json: an extension of 4096 bytes has its data" {
    make_image
    put_extensions
    poke a.qcow2 112 1234567800001000
    assert_query '.header_extensions[0] | .length, (.data | length)' "$(printf '4096\n5464')"
}

@test "info --json: repeated extensions are all listed; the last one counts" {
    make_image
    put_extensions e2792aca "$(hex raw)" e2792aca "$(hex qcow2)"
    assert_query '[.header_extensions[].data, .backing_file_format, .problems[].code]' \
        '["raw","qcow2","qcow2","corrupt"]'
}

# ---- Backing file --------------------------------------------------------------------------------

@test "info --json: a relative backing file is joined to the folder of the image" {
    mkdir -p one/two
    qemu-img create -q -f qcow2 -u -b ../../x/./base.qcow2 -F qcow2 one/two/top.qcow2 1M
    assert_query '[.backing_file, .backing_file_full_path, .backing_file_format]' \
        "[\"../../x/./base.qcow2\",\"$PWD/x/base.qcow2\",\"qcow2\"]" one/two/top.qcow2
}

@test "info --json: the folder of the image may be absolute" {
    mkdir sub
    qemu-img create -q -f qcow2 -u -b base -F raw sub/top.qcow2 1M
    assert_query .backing_file_full_path "\"$PWD/sub/base\"" "$PWD/sub/../sub//top.qcow2"
}

@test "info --json: more .. than folders end at the root" {
    make_image -u -b "$(printf '../%.0s' {1..60})base" -F raw
    assert_query .backing_file_full_path '"/base"'
}

@test "info --json: an absolute name of a backing file is unchanged" {
    make_image -u -b /images/../base//x.raw -F raw
    assert_query '[.backing_file, .backing_file_full_path]' \
        '["/images/../base//x.raw","/images/../base//x.raw"]'
}

@test "info --json: file: in front of a backing file is taken off the path" {
    make_image -u -b file:/images/base.raw -F raw
    assert_query '[.backing_file, .backing_file_full_path]' \
        '["file:/images/base.raw","/images/base.raw"]'
}

@test "info --json: a backing file behind a protocol is named, and makes unreadable" {
    make_image -u -b nbd://localhost:10809/x -F raw
    assert_query '[.backing_file, .backing_file_full_path, .readable, .problems[].code]' \
        '["nbd://localhost:10809/x","nbd://localhost:10809/x",false,"unsupported-backing-file"]'
}

@test "info --json: a backing format that cannot be read makes unreadable" {
    make_image -u -b base.vmdk -F vmdk
    assert_query '[.backing_file_format, .readable, .problems[].code]' \
        '["vmdk",false,"unsupported-backing-file"]'
}

@test "info --json: the backing file of standard input is relative to the current folder" {
    mkdir sub
    qemu-img create -q -f qcow2 -u -b base -F raw sub/top.qcow2 1M
    assert_equal "$(qcow2_info --json <sub/top.qcow2 | jq -r .backing_file_full_path)" "$PWD/base"
}

@test "info --json: a backing file without a format has an empty one" {
    make_image -u -b base -F raw
    poke_be32 a.qcow2 112 0 # the format is the first extension
    assert_query '[.backing_file, .backing_file_format]' '["base",""]'
}

# ---- Strings -------------------------------------------------------------------------------------

@test "info --json: each bad byte of a name becomes U+FFFD" {
    make_image -u -b 0123456789 -F raw
    poke a.qcow2 "$(field a.qcow2 backing_file_offset)" 'c3 28 ff e2 82 61 ed a0 80 62'
    assert_query '.backing_file | explode' '[65533,40,65533,65533,65533,97,65533,65533,65533,98]'
}

@test "info --json: a name cannot steer a terminal" {
    make_image -u -b 0123456789 -F raw
    poke a.qcow2 "$(field a.qcow2 backing_file_offset)" '1b 5b 07 e2 80 ae c2 9b 0a 7f'
    run_qcow2_info --json a.qcow2
    assert_output_contains '"backing_file": "\u001b[\u0007\u202e\u009b\n\u007f",'
}

@test "info --json: the file name is given as it was given" {
    make_image
    mv a.qcow2 $'odd "\xff\n name'
    assert_query .filename '"./odd \"�\n name"' $'./odd "\xff\n name'
}

# ---- Data file, encryption -----------------------------------------------------------------------

@test "info --json: an external data file" {
    make_image -o data_file=disk.raw
    assert_query '[.header.incompatible_features, .data_file, '"$OTHER_EXTENSIONS"']' \
        '[{"raw":4,"names":["external data file"]},{"name":"disk.raw","raw":false},[{"type":"External data file name string","length":8,"data":"disk.raw"}]]'
}

@test "info --json: a raw external data file" {
    make_image -o data_file=disk.raw,data_file_raw=on
    assert_query '[.header.autoclear_features, .data_file]' \
        '[{"raw":2,"names":["raw external data"]},{"name":"disk.raw","raw":true}]'
}

@test "info --json: AES" {
    qemu-img create -q -f qcow2 --object secret,id=s,data=abc \
        -o encrypt.format=aes,encrypt.key-secret=s a.qcow2 1M
    assert_query '[.header.crypt_method, .encryption]' '["aes",{"method":"aes"}]'
}

@test "info --json: LUKS as in qemu-img" {
    make_luks_image a.qcow2
    local theirs
    theirs=$(qemu-img info --output=json a.qcow2 | jq -S -c '."format-specific".data.encrypt |
        {cipher: ."cipher-alg", mode: ."cipher-mode", ivgen: ."ivgen-alg", hash: ."hash-alg", uuid,
         payload_offset: ."payload-offset", master_key_iterations: ."master-key-iters", slots}')
    assert_equal "$(query '.encryption |
        {cipher, mode, ivgen, hash, uuid, payload_offset, master_key_iterations,
         slots: [.slots[] | {active, "key-offset": .key_offset} +
                 (if .active then {iters: .iterations, stripes} else {} end)]}' | jq -S -c .)" \
        "$theirs"
}

@test "info --json: LUKS has version, key bytes and eight slots, with the keys in this order" {
    make_luks_image a.qcow2
    assert_query '.encryption | keys_unsorted, .version, .key_bytes, (.slots | length), (.slots[1] | keys_unsorted)' \
        "$(printf '%s\n' '["method","version","uuid","cipher","mode","ivgen","ivgen_hash","hash","payload_offset","key_bytes","master_key_iterations","slots"]' 1 64 8 '["active","iterations","stripes","key_offset"]')"
}

@test "info --json: LUKS with a hash for its IVs" {
    make_luks_image a.qcow2 encrypt.cipher-alg=aes-128,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv,encrypt.ivgen-hash-alg=sha256
    assert_query '.encryption | [.cipher, .mode, .ivgen, .ivgen_hash]' \
        '["aes-128","cbc","essiv","sha256"]'
}

@test "info --json: the pointer to the LUKS header" {
    make_luks_image a.qcow2
    assert_query "$OTHER_EXTENSIONS" \
        '[{"type":"Full disk encryption header pointer","length":16,"data":{"offset":'"$(peek_be64 a.qcow2 120)"',"length":'"$(peek_be64 a.qcow2 128)"'}}]'
}

# ---- Snapshots and bitmaps -----------------------------------------------------------------------

@test "info --json: snapshots as in qemu-img" {
    make_image
    local i theirs
    for i in first second '§3 "x"'; do
        qemu-img snapshot -c "$i" a.qcow2
    done
    theirs=$(qemu-img info --output=json a.qcow2 | jq -S -c '[.snapshots[] |
        {id, name, date_sec: ."date-sec", date_nsec: ."date-nsec", vm_state_size: ."vm-state-size",
         vm_clock_nsec: (."vm-clock-sec" * 1000000000 + ."vm-clock-nsec"), icount}]')
    assert_equal "$(query '[.snapshots[] | {id, name, date_sec, date_nsec, vm_state_size,
        vm_clock_nsec, icount}]' | jq -S -c .)" "$theirs"
}

@test "info --json: the date of a snapshot is RFC 3339 in UTC" {
    make_image
    qemu-img snapshot -c x a.qcow2
    poke_be32 a.qcow2 $(($(field a.qcow2 snapshots_offset) + 16)) 1709164799
    TZ=Asia/Tokyo assert_query '.snapshots[0] | [.date, .date_sec]' \
        '["2024-02-28T23:59:59Z",1709164799]'
}

@test "info --json: a snapshot keeps the disk size of its day" {
    make_image
    qemu-img snapshot -c small a.qcow2
    qemu-img resize -q a.qcow2 1G
    assert_query '[.header.size, .snapshots[0].disk_size, .snapshots[0].l1_size]' \
        '[1073741824,10485760,1]'
}

@test "info --json: 64 bits of VM state size and clock" {
    make_image
    qemu-img snapshot -c x a.qcow2
    local at
    at=$(field a.qcow2 snapshots_offset)
    poke_be64 a.qcow2 $((at + 24)) 0xfffffffffffffffe
    poke_be64 a.qcow2 $((at + 40)) 0x7fffffffffffffff
    run_qcow2_info --json a.qcow2
    assert_output_contains '"vm_clock_nsec": 18446744073709551614,'
    assert_output_contains '"vm_state_size": 9223372036854775807,'
}

@test "info --json: no icount is null" {
    make_image
    qemu-img snapshot -c x a.qcow2
    poke_be64 a.qcow2 $(($(field a.qcow2 snapshots_offset) + 56)) 0xffffffffffffffff
    assert_query '.snapshots[0].icount' null
}

@test "info --json: bitmaps as in qemu-img" {
    make_image
    qemu-img bitmap --add a.qcow2 one
    qemu-img bitmap --add -g 1M a.qcow2 two
    qemu-img bitmap --disable a.qcow2 two
    local theirs
    theirs=$(qemu-img info --output=json a.qcow2 |
        jq -S -c '[."format-specific".data.bitmaps[] | {name, granularity, flags}]')
    assert_equal "$(query '[.bitmaps[] | {name, granularity, flags}]' | jq -S -c .)" "$theirs"
}

@test "info --json: a bitmap that is in use" {
    make_image
    qemu-img bitmap --add a.qcow2 one
    local extension directory
    extension=$(LC_ALL=C grep -obUaP '\x23\x85\x28\x75' a.qcow2 | head -n 1 | cut -d: -f1)
    directory=$(peek_be64 a.qcow2 $((extension + 24)))
    poke_be32 a.qcow2 $((directory + 12)) 0x80000003
    assert_query '.bitmaps[0].flags' '["in-use","auto","unknown-31"]'
}

# ---- The file ------------------------------------------------------------------------------------

@test "info --json: sizes of the file as in stat" {
    make_image
    truncate -s +1G a.qcow2
    assert_query '[.file_size, .allocated_size]' \
        "[$(stat -c %s a.qcow2),$(($(stat -c '%b * %B' a.qcow2)))]"
}

@test "info --json: a regular file on standard input is used as it is" {
    make_image
    qcow2_info --json a.qcow2 | jq '.filename = "-"' >want
    qcow2_info --json <a.qcow2 | jq . >got
    diff -u want got
    qcow2_info --json - <a.qcow2 | jq . >got
    diff -u want got
}

# piped COUNT: the document about the first COUNT bytes of a.qcow2 from a pipe
piped() {
    head -c "$1" a.qcow2 | qcow2_info --json 2>/dev/null
}

@test "info --json: the full size of a pipe is unknown" {
    cp "$SAMPLE" a.qcow2
    qcow2_info --json a.qcow2 | jq '.filename = "-" | .file_size = null | .allocated_size = null |
        .problems = [{code: "not-seen", offset: 217128}]' >want
    piped 217128 | jq '.problems[] |= {code, offset}' >got
    diff -u want got
}

@test "info: the allocated size of a pipe is unknown" {
    cp "$SAMPLE" a.qcow2
    head -c 217128 a.qcow2 | qcow2_info 2>/dev/null | grep '^on disk' | tr -s ' ' >got
    assert_equal "$(<got)" 'on disk: unknown'
    qcow2_info a.qcow2 | grep '^on disk' | tr -s ' ' >got
    [[ $(<got) == *"($(($(stat -c '%b * %B' a.qcow2))) bytes)" ]] || fail "$(<got)"
}

@test "info --json: tables beyond the first bytes of an image were not seen" {
    cp "$SAMPLE" a.qcow2
    piped 4096 >got
    assert_equal "$(jq -c '[.header.size, .file_size, .readable, .snapshots, .bitmaps]' got)" \
        '[67108864,null,true,[],[]]'
    assert_equal "$(jq -c '[.problems[] | [.code, .offset]]' got)" \
        '[["not-seen",40],["not-seen",48],["not-seen",176128],["not-seen",217088],["not-seen",4096]]'
}

@test "info --json: header extensions beyond the first bytes of an image were not seen" {
    make_image -u -b base -F raw
    piped 130 >got
    assert_equal "$(jq -c '[.header_extensions[].data]' got)" '["raw"]'
    assert_equal "$(jq -c '[.problems[0] | .code, .offset]' got)" '["not-seen",128]'
    assert_equal "$(jq -c '[.problems[].code] | unique' got)" '["not-seen"]'
}

@test "info --json: of a pipe only the first 32 MiB are read" {
    make_image
    truncate -s 33M a.qcow2
    piped 34603008 >got
    assert_equal "$(jq -c '[.file_size, .readable, .problems[].code, .problems[].offset]' got)" \
        '[null,true,"not-seen",33554432]'
}

@test "info --json: an image that another process writes to is in use" {
    require_tool qemu-io
    make_image
    mkfifo commands
    qemu-io -f qcow2 a.qcow2 <commands >opened 3>&- &
    exec 7>commands
    echo 'read 0 512' >&7
    timeout "$PROGRAM_SECONDS" bash -c 'until grep -q "read 512" opened; do sleep 0.05; done'
    assert_query .in_use true
    exec 7>&-
    wait
    assert_query .in_use false
}
