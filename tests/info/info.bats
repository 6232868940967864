#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# `info` for people, how it is called, and what it says of files that are no qcow2 images.

load ../helpers/load
load ../helpers/encryption

# make_image [OPTION...]: an image of 10 MiB called a.qcow2
make_image() {
    require_tool qemu-img
    qemu-img create -q -f qcow2 "$@" a.qcow2 10M
}

# assert_line LABEL WANT: the line of the output that begins with LABEL and a colon
assert_line() {
    local line
    for line in "${lines[@]}"; do
        [[ $line =~ ^\ *"$1":\ +(.*)$ ]] || continue
        assert_equal "${BASH_REMATCH[1]}" "$2"
        return
    done
    fail "no line $1 in the output:" "$(show_run)"
}

# ---- Calling it ----------------------------------------------------------------------------------

@test "info: is the default command" {
    run_qcow2_info "$SAMPLE"
    assert_status 0
    assert_equal "$output" "$(qcow2_info info "$SAMPLE")"
}

@test "info: options stand before or after the image" {
    assert_equal "$(qcow2_info --json "$SAMPLE")" "$(qcow2_info "$SAMPLE" --json)"
    assert_equal "$(qcow2_info info --json "$SAMPLE")" "$(qcow2_info "$SAMPLE" --json)"
}

@test "info: an image called like a command is reached with ./" {
    cp "$SAMPLE" map
    run_qcow2_info ./map
    assert_status 0
    assert_line image ./map
}

@test "info: standard input is the image when it is redirected" {
    run_qcow2_info <"$SAMPLE"
    assert_status 0
    assert_line image -
    assert_line 'virtual size' '64 MiB (67108864 bytes)'
}

@test "info: - is standard input" {
    # shellcheck disable=SC2002 # a pipe is what is tested
    run bash -c 'cat "$1" | "$2" -' _ "$SAMPLE" "$QCOW2_INFO"
    assert_status 0
    assert_line 'virtual size' '64 MiB (67108864 bytes)'
}

@test "info: a second image that is missing is an error of its own" {
    run_qcow2_info "$SAMPLE" other
    assert_status 1
    assert_output_contains "$SAMPLE:"
    assert_stderr_contains 'other: cannot open'
}

@test "info: an unknown option is a usage error" {
    run_qcow2_info --bogus "$SAMPLE"
    assert_status 64
    assert_output ''
    assert_stderr_contains bogus
}

@test "info: --help prints options and exit status" {
    run_qcow2_info info --help
    assert_status 0
    assert_output_contains --json
    assert_output_contains --backing-chain
    assert_output_contains 'Exit status'
}

@test "info: output that cannot be written is an error" {
    [[ -w /dev/full ]] || skip 'machine: no /dev/full'
    run bash -c '"$1" "$2" >/dev/full' _ "$QCOW2_INFO" "$SAMPLE"
    assert_status 1
    assert_output_contains 'cannot write'
}

@test "info: no other file is opened" {
    make_image -u -b backing -F qcow2
    # A pipe without a writer: opening it waits forever.
    mkfifo backing
    run_qcow2_info a.qcow2
    assert_status 0
    assert_line 'backing file' backing
}

# ---- Text ----------------------------------------------------------------------------------------

@test "info: the sample, line by line" {
    cp "$SAMPLE" sample.qcow2
    cat >want <<'TEXT'
image:                sample.qcow2
format:               qcow2, version 3 (compat 1.1)
virtual size:         64 MiB (67108864 bytes)
file size:            212 KiB (217128 bytes)
on disk:              ALLOCATED
cluster size:         4 KiB (4096 bytes)
refcounts:            16 bits
compression type:     zlib
encryption:           none
backing file:         none
features:
  incompatible:       none
  compatible:         none
  autoclear:          bitmaps
tables:
  header:             at 0 (0x0), 112 bytes
  L1 table:           at 12288 (0x3000), 32 entries, 256 bytes
  refcount table:     at 4096 (0x1000), 1 cluster, 4096 bytes
  snapshot table:     at 176128 (0x2b000), 1 snapshot, 81 bytes
  bitmap directory:   at 217088 (0x35000), 1 bitmap, 40 bytes
header extensions:
  at 112    Bitmaps extension                      24 bytes
snapshots:
  ID  TAG                  VM SIZE  DATE                      VM CLOCK  VIRTUAL SIZE  ICOUNT
  1   before-the-flood     0 bytes  2026-01-01T00:00:00Z  00:00:00.000        64 MiB  0
bitmaps:
  NAME          GRANULARITY  TYPE            TABLE SIZE  FLAGS
  since-backup        4 KiB  dirty-tracking           1  auto
readable:             yes
problems:             none
TEXT
    qcow2_info sample.qcow2 | sed 's/^\(on disk: *\).*/\1ALLOCATED/' >got
    diff -u want got
}

@test "info: no line ends with a blank" {
    make_image -u -b base -F raw -o lazy_refcounts=on
    qcow2_info a.qcow2 >got
    run grep -n ' $' got
    assert_status 1
}

@test "info: a version 2 image" {
    make_image -o compat=0.10
    run_qcow2_info a.qcow2
    assert_line format 'qcow2, version 2 (compat 0.10)'
    assert_line features 'none in this version'
    assert_line 'header extensions' none
}

@test "info: compression type and features by name" {
    make_image -o compression_type=zstd,extended_l2=on,lazy_refcounts=on
    run_qcow2_info a.qcow2
    assert_line 'compression type' zstd
    assert_line incompatible 'compression type, extended L2 entries'
    assert_line compatible 'lazy refcounts'
    assert_line autoclear none
}

@test "info: the backing file, its full path and format" {
    make_image -u -b sub/../base.raw -F raw
    run_qcow2_info a.qcow2
    assert_line 'backing file' sub/../base.raw
    assert_line 'full path' "$PWD/base.raw"
    assert_output_contains '  format:             raw'
    assert_output_contains 'Backing file format name string         3 bytes  raw'
}

@test "info: a backing file without a format" {
    make_image -u -b base.raw -F raw
    poke_be32 a.qcow2 112 0
    run_qcow2_info a.qcow2
    assert_output_contains '  format:             not recorded'
}

@test "info: the external data file" {
    make_image -o data_file=disk.raw,data_file_raw=on
    run_qcow2_info a.qcow2
    assert_line 'data file' disk.raw
    assert_line raw 'yes: the data file alone is the disk'
}

@test "info: LUKS" {
    make_luks_image a.qcow2
    run_qcow2_info a.qcow2
    assert_status 0
    assert_line encryption luks
    assert_line cipher aes-256
    assert_line mode xts
    assert_line 'IV generator' plain64
    assert_line hash sha256
    assert_line 'key slot 7' free
}

@test "info: names of snapshots and bitmaps keep their columns" {
    make_image
    qemu-img snapshot -c 'ünï' a.qcow2
    qemu-img snapshot -c 'a longer name' a.qcow2
    run_qcow2_info a.qcow2
    assert_output_contains '  ID  TAG               VM SIZE  DATE'
    assert_output_contains '  1   ünï               0 bytes  20'
    assert_output_contains '  2   a longer name     0 bytes  20'
}

@test "info: names are made safe for a terminal" {
    make_image
    qemu-img snapshot -c 0123456789abcdef a.qcow2
    poke a.qcow2 $(($(field a.qcow2 snapshots_offset) + 65)) '1b5b324a 0a ff e280ae c29b 5c 00 c3a9'
    run_qcow2_info a.qcow2
    assert_output_contains '\x1b[2J\x0a\xff\u{202e}\u{9b}\\\x00é'
}

@test "info: names cannot pass for columns, nor for the word none" {
    make_image
    qemu-img snapshot -c 'x  64 MiB  2026-01-01T00:00:00Z' a.qcow2
    qemu-img bitmap --add a.qcow2 ' b '
    qemu-img rebase -u -b none -F raw a.qcow2
    run_qcow2_info a.qcow2
    assert_output_contains '  1   x\x20\x2064 MiB\x20\x202026-01-01T00:00:00Z '
    assert_output_contains '  \x20b\x20 '
    assert_output_contains 'backing file:         \x6eone'
    run_qcow2_info a.qcow2 --json
    assert_equal "$(jq -r '.snapshots[0].name' <<<"$output")" 'x  64 MiB  2026-01-01T00:00:00Z'
    assert_equal "$(jq -r .backing_file <<<"$output")" none
}

@test "info: the name of the file is made safe too" {
    cp "$SAMPLE" $'a\e[2J'
    run_qcow2_info $'a\e[2J'
    assert_line image 'a\x1b[2J'
}

@test "info: an unknown bit has the image's own name beside its number" {
    make_image
    poke a.qcow2 112 "6803f857 00000030 0128 $(printf holographic | od -An -tx1)"
    poke a.qcow2 168 0000000000000000
    poke_field a.qcow2 compatible_features 0x10000000000
    run_qcow2_info a.qcow2
    assert_line compatible 'unknown-40 ("holographic" to the image)'
    assert_output_contains '48 bytes  1 name'
    assert_output_contains 'compatible bit 40: holographic'
}

@test "info: an unknown extension is shown in hexadecimal" {
    make_image
    poke a.qcow2 112 'e279268f 00000004 01020aff 00000000 0000000000000000'
    run_qcow2_info a.qcow2
    assert_output_contains '  at 112    unknown-0xe279268f                      4 bytes  01020aff'
}

@test "info: problems are in the text and on standard error" {
    make_image
    poke_field a.qcow2 incompatible_features 32
    run_qcow2_info a.qcow2
    assert_status 0
    assert_line readable 'no: incompatible feature bit 5 is unknown'
    assert_output_contains '  unsupported-feature: incompatible feature bit 5 is unknown (at offset 72)'
    assert_stderr_contains \
        'qcow2-info: a.qcow2: warning: incompatible feature bit 5 is unknown (at offset 72)'
}

# ---- Not a qcow2 image -----------------------------------------------------------------------------

# looks_like WANT: `file` is reported to be WANT, on standard error only, with status 1
looks_like() {
    local option
    for option in --json --backing-chain; do
        run_qcow2_info "$option" file
        assert_status 1
        assert_output ''
        assert_stderr_contains "qcow2-info: file: not a qcow2 image: it looks like $1"
    done
}

# disk_image FORMAT [OPTION...]
disk_image() {
    require_tool qemu-img
    qemu-img create -q -f "$@" file 8M
}

# file_with HEX OFFSET: 64 KiB of zeros with these bytes at that offset
file_with() {
    truncate -s 64K file
    poke file "$2" "$1"
}

@test "info: a VMDK disk" {
    disk_image vmdk
    looks_like 'a VMDK disk'
}

@test "info: a VMDK descriptor" {
    disk_image vmdk -o subformat=monolithicFlat
    looks_like 'a VMDK descriptor'
}

@test "info: a VHDX disk" {
    disk_image vhdx
    looks_like 'a VHDX disk'
}

@test "info: a VDI disk" {
    disk_image vdi
    looks_like 'a VDI disk'
}

@test "info: a VHD disk" {
    disk_image vpc
    looks_like 'a VHD (vpc) disk'
}

@test "info: a VHD disk of fixed size, known by its end" {
    disk_image vpc -o subformat=fixed
    looks_like 'a VHD (vpc) disk of fixed size'
}

@test "info: a QED disk" {
    disk_image qed
    looks_like 'a QED disk'
}

@test "info: a Parallels disk" {
    disk_image parallels
    looks_like 'a Parallels disk'
}

@test "info: a qcow image of version 1" {
    disk_image qcow
    looks_like 'a qcow image of version 1'
}

@test "info: a LUKS volume" {
    require_tool qemu-img
    qemu_img_luks create -q -f luks -o key-secret=s,iter-time=10 file 1M
    looks_like 'a LUKS volume'
}

@test "info: compressed files" {
    seq 1000 | gzip >file
    looks_like 'a gzip file'
    poke file 0 28b52ffd
    looks_like 'a zstd file'
    poke file 0 fd377a585a00
    looks_like 'an xz file'
    poke file 0 425a68
    looks_like 'a bzip2 file'
    poke file 0 504b0304
    looks_like 'a zip archive'
}

@test "info: an ISO 9660 image" {
    file_with 4344303031 32769
    looks_like 'an ISO 9660 image'
}

@test "info: raw disks by their partition table" {
    file_with 55aa 510
    looks_like 'a raw disk with a boot sector'
    poke file 512 4546492050415254
    looks_like 'a raw disk with a GPT partition table'
}

@test "info: file systems" {
    file_with 53ef 1080
    looks_like 'an ext2, ext3 or ext4 file system'
    poke file 1080 0000
    poke file 0 58465342
    looks_like 'an XFS file system'
}

# lfs_pointer NAME: the file that a checkout without Git LFS has in the place of another
lfs_pointer() {
    printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12345\n' 7 >"$1"
}

@test "info: a pointer of Git LFS or git-annex in the place of an image" {
    lfs_pointer file
    looks_like 'a Git LFS pointer: fetch the file with git lfs pull'
    printf 'version https://hawser.github.com/spec/v1\noid sha256:%064d\nsize 1\n' 7 >file
    looks_like 'a Git LFS pointer'
    printf '/annex/objects/SHA256E-s1--7.qcow2\n' >file
    run_qcow2_info file
    assert_status 1
    assert_stderr_contains 'a git-annex pointer: fetch the file with git annex get'
    # A longer file is none.
    lfs_pointer file
    truncate -s 1024 file
    looks_like 'raw data'
}

@test "info: a pointer of Git LFS in the place of a backing or data file" {
    local format command
    lfs_pointer base
    for format in raw qcow2; do
        make_image -u -b base -F "$format"
        for command in map cat 'info --backing-chain' 'cat --confine .'; do
            # shellcheck disable=SC2086 # several words
            run_qcow2_info $command a.qcow2
            assert_status 1
            assert_stderr_contains 'backing file base: it is a Git LFS pointer: fetch the file with git lfs pull'
        done
    done
    make_image -u -b base -o compat=1.1 -F raw
    poke a.qcow2 112 "$(printf '%0800d' 0)"
    run_qcow2_info map a.qcow2
    assert_status 1
    assert_stderr_contains 'it is a Git LFS pointer'
    qemu-img create -q -f qcow2 -o data_file=data b.qcow2 1M
    lfs_pointer data
    for command in map cat 'cat --data-file data'; do
        # shellcheck disable=SC2086
        run_qcow2_info $command b.qcow2
        assert_status 1
        assert_stderr_contains 'data file data: it is a Git LFS pointer'
    done
}

@test "info: a web page that was downloaded instead" {
    printf '<!DOCTYPE html><title>404</title>%0100d' 0 >file
    looks_like 'a web page'
}

@test "info: an empty file" {
    : >file
    looks_like 'an empty file'
}

@test "info: zeros" {
    truncate -s 64K file
    looks_like 'nothing but zeros'
    truncate -s 1M file
    looks_like 'raw data, zeros at first'
}

@test "info: raw data" {
    printf '%01024d' 7 >file
    looks_like 'raw data'
}

@test "info: a file too short for a header" {
    printf hello >file
    run_qcow2_info file
    assert_status 1
    assert_stderr_contains 'only 5 bytes, too short for a header; it looks like raw data'
}

@test "info: a qcow2 image cut within its header" {
    head -c 71 "$SAMPLE" >file
    run_qcow2_info --json file
    assert_status 1
    assert_output ''
    assert_stderr_contains 'the file ends within the header'
}

# header_reported TEXT: each command says TEXT of a.qcow2
header_reported() {
    run_qcow2_info info a.qcow2
    assert_stderr_contains "$1" || return
    assert_output_contains "  corrupt: $1" || return
    run_qcow2_info check --json a.qcow2
    [[ $output${stderr-} == *"$1"* ]] || fail "$(show_run)" || return
    run_qcow2_info audit --json a.qcow2
    assert_status 2 || return
    assert_output_contains "$1"
}

# QEMU does not open a.qcow2.
refused_by_qemu() {
    run qemu-img info -f qcow2 a.qcow2
    [[ $status -eq 1 ]] || fail "$output"
}

@test "info: a header_length that leads past or into the header extensions is named" {
    local length
    for length in 264 120 128; do
        make_image -b "$SAMPLE" -F qcow2
        poke_field a.qcow2 header_length "$length"
        header_reported "header_length is $length, but the header extensions begin at 112"
    done
    # A header of 104 bytes, as older programs write, whose length says more.
    make_image
    poke a.qcow2 104 "$(peek a.qcow2 112 400)0000000000000000"
    poke_field a.qcow2 header_length 104
    run_qcow2_info a.qcow2
    assert_line problems none
    for length in 112 264; do
        poke_field a.qcow2 header_length "$length"
        header_reported "header_length is $length, but the header extensions begin at 104"
        refused_by_qemu
        run_qcow2_info info a.qcow2
        assert_output_contains 'readable:             no: header_length'
        [[ ${output}${stderr-} != *compression_type* ]] || fail "$output"
        run_qcow2_info cat a.qcow2
        assert_status 1
        [[ ${stderr-} == *header_length* ]] || fail "${stderr-}"
    done
}

@test "info: a compression type without its feature bit is named as that" {
    local type
    make_image
    for type in 1 2 255; do
        poke_field a.qcow2 compression_type "$type"
        header_reported "compression_type is $type (not zlib), but incompatible feature bit 3 is off"
        refused_by_qemu
    done
    poke_field a.qcow2 compression_type 0
    poke_field a.qcow2 incompatible_features 8
    header_reported 'compression_type is 0 (zlib), but incompatible feature bit 3 is on'
    refused_by_qemu
}

@test "info: a pipe that is no qcow2 image" {
    run --separate-stderr bash -c 'echo hello | gzip | "$1" --json' _ "$QCOW2_INFO"
    assert_status 1
    assert_output ''
    assert_stderr_contains 'it looks like a gzip file'
}

@test "info: a missing file and a folder" {
    run_qcow2_info ./nothing
    assert_status 1
    assert_stderr_contains 'qcow2-info: ./nothing: cannot open'
    mkdir folder
    run_qcow2_info folder
    assert_status 1
    assert_stderr_contains 'qcow2-info: folder: is a directory'
}
