#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Images whose data lies in an external data file. How each layout reads is in the matrix tests.

load ../helpers/load
load ../helpers/tables
load ../helpers/audit

# A disk of 1 MiB whose data lies in the file data. make_external [OPTIONS]
make_external() {
    make_image image 1M "data_file=data${1:+,$1}" 'write -q -P 0x41 0 128k' 'write -q -P 0x42 320k 100k' \
        'write -q -z 512k 64k' 'write -q -P 0x43 1023k 1k'
    make_raw image raw
}

# The extension that names the data file becomes an unknown one.
forget_data_file() {
    local at=112
    while [[ $(peek image $at 4) != 44415441 ]]; do
        [[ $at -lt 4096 ]] || fail 'the image does not name its data file' || return
        at=$((at + 8 + ($(peek_be32 image $((at + 4))) + 7) / 8 * 8))
    done
    poke image $at 44415442
}

@test "data files: guest offset 0 is data at host offset 0" {
    make_external
    assert_equal "$(l2_entry image 0)" "$(printf '%u' $((COPIED)))"
    run_qcow2_info cat --length 3 image
    assert_status 0
    assert_output AAA
    guest_bytes_equal image
    maps_equal image
}

@test "data files: host offset 0 without COPIED is no data" {
    make_external
    poke_l2_entry image 0 0
    run_qcow2_info map --json --length 64K image
    assert_status 0
    assert_equal "$(jq -c '[.start, .length, .allocated]' <<<"$output")" '[0,65536,false]'
    guest_bytes_equal image
}

@test "data files: guest offset 0 with extended L2 entries" {
    make_external extended_l2=on
    guest_bytes_equal image
    maps_equal image
}

@test "data files: a raw one is the disk" {
    make_external data_file_raw=on
    guest_bytes_equal image
    maps_equal image
    qcow2_info cat image | cmp - data
}

@test "data files: a data file that the image does not name" {
    make_external
    forget_data_file
    local command
    for command in cat map; do
        run_qcow2_info $command image
        assert_status 1
        assert_output ''
        assert_one_error image --data-file
    done
    qcow2_info cat --data-file data image | cmp - raw
    run_qcow2_info map --json --data-file data image
    assert_status 0
    assert_equal "$(jq -s 'map(.length) | add' <<<"$output")" 1048576
}

@test "data files: --data-file is relative to the current folder" {
    make_external
    mkdir folder
    mv image folder
    mv data other
    qcow2_info cat --data-file other folder/image | cmp - raw
}

@test "data files: --data-file is for the image, not for its backing files" {
    make_external
    mv image base
    make_layer image 1M data_file=top base qcow2 'write -q -P 0x51 0 64k'
    make_raw image want
    mv top elsewhere
    qcow2_info cat --data-file elsewhere image | cmp - want
}

@test "data files: --data-file has no effect on an image without a data file" {
    make_image image 1M '' 'write -q -P 0x41 0 64k'
    make_raw image raw
    qcow2_info cat --data-file missing image | cmp - raw
}

@test "data files: named by an absolute path" {
    mkdir folder
    make_image folder/image 1M "data_file=$PWD/data" 'write -q -P 0x41 0 1M'
    cd folder
    guest_bytes_equal image
}

# QEMU looks for a relative name in the current folder, whatever folder the image is in.
@test "data files: two of one name are an error, and --data-file chooses" {
    local command
    mkdir folder here
    (cd folder && make_external)
    head -c 1M /dev/zero | tr '\0' B >here/data
    cd here
    for command in cat map 'check --data'; do
        # shellcheck disable=SC2086
        run_qcow2_info $command ../folder/image
        assert_status 1
        assert_output ''
        assert_one_error ../folder/image 'data file ../folder/data' 'the file data of the current' --data-file
    done
    qcow2_info cat --data-file ../folder/data ../folder/image | cmp - ../folder/raw
    qemu-img convert -O raw ../folder/image theirs
    qcow2_info cat --data-file data ../folder/image | cmp - theirs
    # A layer below has no option that chooses.
    qemu-img create -q -f qcow2 -b ../folder/image -F qcow2 top
    run_qcow2_info cat top
    assert_status 1
    assert_one_error top 'backing file ../folder/image: data file ../folder/data' 'the file data of the current'
    [[ ${stderr-} != *--data-file* ]]
}

# name_full_data_file NAME: image, whose disk of 1 MiB lies in a data file of any name, which is not there
name_full_data_file() {
    local placeholder=${1//?/x}
    rm -f image
    qemu-img create -q -f qcow2 -o "data_file=$placeholder,preallocation=metadata" image 1M || return
    poke_text image $(($(extension_at image 44415441) + 8)) "$1"
    rm -f "$placeholder"
}

@test "data files: a file whose name is the whole file: or json: name, beside the file that it means" {
    local name
    for name in 'file:X.data' 'json:{"driver":"file","filename":"X.data"}'; do
        name_full_data_file "$name"
        head -c 1M /dev/zero | tr '\0' '\1' >X.data
        head -c 1M /dev/zero | tr '\0' '\2' >"$name"
        run_qcow2_info cat image
        assert_status 1
        assert_output ''
        assert_one_error image "data file X.data is not the file $name of the current directory"
        qcow2_info cat --data-file X.data image | cmp - X.data
        rm "$name"
        qcow2_info cat image | cmp - X.data
    done
}

@test "data files: a json: name with the driver qcow2" {
    name_full_data_file 'json:{"driver":"qcow2","file":{"driver":"file","filename":"inner"}}'
    make_image inner 1M ''
    run_qcow2_info cat image
    assert_status 1
    assert_output ''
    assert_one_error image 'inner is named with the driver qcow2'
}

@test "data files: two names of one file are no matter" {
    mkdir folder here
    (cd folder && make_external)
    ln folder/data here/data
    cd here
    run_qcow2_info check --data ../folder/image
    assert_status 0
    assert_equal "${stderr-}" ''
    guest_bytes_equal ../folder/image
    rm data
    ln -s ../folder/data data
    guest_bytes_equal ../folder/image
}

@test "data files: a file that only the current folder has is read, with a warning" {
    mkdir folder here
    (cd folder && make_external)
    mv folder/data here
    cd here
    guest_bytes_equal ../folder/image 2>warning
    grep -qx 'qcow2-info: ../folder/image: warning: data file data is not beside ../folder/image: .*' warning
    maps_equal ../folder/image
    # The same for a layer below.
    qemu-img create -q -f qcow2 -b ../folder/image -F qcow2 top
    guest_bytes_equal top 2>warning
    grep -qx 'qcow2-info: top: warning: data file data is not beside ../folder/image: .*' warning
}

@test "data files: a missing one is named" {
    make_external
    rm data
    local command
    for command in cat map; do
        run_qcow2_info $command image
        assert_status 1
        assert_output ''
        assert_one_error image 'data file data' 'No such file'
    done
}

@test "data files: a missing one of a backing file is named, with the layer" {
    make_external
    mv image base
    make_layer image 1M '' base qcow2
    rm data
    run_qcow2_info cat image
    assert_status 1
    assert_output ''
    assert_one_error image 'backing file base' 'data file data' 'No such file'
}

@test "data files: --data-file that is missing is named" {
    make_external
    run_qcow2_info cat --data-file missing image
    assert_status 1
    assert_output ''
    assert_one_error image 'data file missing' 'No such file'
}

@test "data files: one shorter than the disk is an error at its end" {
    make_external
    truncate -s 400000 data
    bytes_end_at image raw 400000 'guest offset 400000' 'data file'
    run_qcow2_info map --json image
    assert_status 1
    assert_one_error image 'guest offset' 400000
}

@test "data files: one shorter than the disk is fine without data there" {
    make_external
    truncate -s 400000 data
    run_qcow2_info cat --offset 448K --length 128K -o out image
    assert_status 0
    cmp out <(head -c 128K /dev/zero)
}

@test "data files: one longer than the disk" {
    make_external
    truncate -s 2M data
    guest_bytes_equal image
}

@test "data files: data at another offset than the guest's is an error" {
    make_external
    poke_l2_entry image $((320 * 1024)) $((COPIED | 384 * 1024))
    bytes_end_at image raw $((320 * 1024)) "guest offset $((320 * 1024))" 'L2 entry 5' 'data file'
    run_qcow2_info map --json image
    assert_status 1
    assert_one_error image "guest offset $((320 * 1024))"
    assert_equal "$(jq -s 'map(.length) | add' <<<"$output")" $((320 * 1024))
}

@test "data files: the image itself holds no data" {
    make_external
    run_qcow2_info map --json --host-offsets image
    assert_status 0
    assert_equal "$(jq -s -c 'map(select(.zero | not) | .file) | unique' <<<"$output")" '["data"]'
}
