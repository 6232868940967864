#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Files that end inside their last cluster in use, as some writers leave them. The judge is qemu-img, which
# takes all that is missing for zeros.

load ../helpers/load
load ../helpers/tables

# cut_into FILE GUEST_OFFSET BYTES: the file ends so many bytes into the host cluster of that guest offset
cut_into() {
    truncate -s $(($(host_offset "$1" "$2") + $3)) "$1"
}

# accepted FILE [ARGUMENT...]: an error that names the option, and with it the bytes that qemu-img reads
accepted() {
    local jobs
    qemu-img convert -O raw "$1" want
    run_qcow2_info cat -o out "$@"
    assert_status 1
    assert_stderr_contains '--short-end'
    for jobs in 1 4; do
        rm -f out
        run_qcow2_info cat --jobs $jobs --short-end -o out "$@"
        assert_status 0
        assert_equal "${stderr-}" ''
        cmp out want || fail "$jobs jobs"
        qcow2_info cat --jobs $jobs --short-end "$@" | cmp - want || fail "$jobs jobs, a pipe"
    done
}

# refused FILE TEXT: the option changes nothing, or says why not
refused() {
    run_qcow2_info cat --short-end "$1"
    assert_status 1
    assert_stderr_contains "$2"
}

@test "--short-end: data, at any byte" {
    local bytes
    make_image whole 1M '' 'write -q -P 0x41 0 64k'
    for bytes in 1 511 512 4096 65535; do
        cp whole image
        cut_into image 0 $bytes
        accepted image
    done
}

@test "--short-end: extended L2 entries, whose last subclusters are missing" {
    make_image image 1M extended_l2=on,cluster_size=128k 'write -q -P 0x41 0 128k'
    cut_into image 0 10000
    accepted image
    # What is not allocated need not be there.
    make_image image 1M extended_l2=on,cluster_size=128k 'write -q -P 0x41 0 8k'
    cut_into image 0 8192
    run_qcow2_info cat image
    assert_status 0
}

@test "--short-end: a cluster of a snapshot" {
    local host
    make_image image 1M '' 'write -q -P 0x41 0 64k'
    qemu-img snapshot -c one image
    # The snapshot's tables lie behind the data: more than the end of a cluster would be missing.
    cp image cut
    cut_into cut 0 700
    refused cut 'is in use'
    # Its data is moved behind them.
    host=$(($(stat -c %s image) / 65536 * 65536 + 65536))
    dd if=image of=data bs=64k skip=$(($(host_offset image 0) / 65536)) count=1 status=none
    dd if=data of=image bs=64k seek=$((host / 65536)) conv=notrunc status=none
    poke_l2_entry image 0 $host
    truncate -s $((host + 700)) image
    qemu-img convert -O raw -l snapshot.name=one image want
    run_qcow2_info cat --snapshot one image
    assert_status 1
    assert_stderr_contains '--short-end'
    qcow2_info cat --snapshot one --short-end image | cmp - want
    accepted image
}

@test "--short-end: a data file, named and given" {
    make_image image 1M data_file=data 'write -q -P 0x41 0 1M'
    truncate -s $((1048576 - 3000)) data
    accepted image
    accepted image --data-file data
    # A whole cluster more is no end of a cluster.
    truncate -s $((1048576 - 65536 - 3000)) data
    refused image 'past the end of the data file'
}

@test "--short-end: a layer below" {
    make_image base 1M '' 'write -q -P 0x41 0 64k'
    cut_into base 0 5000
    make_layer top 1M '' base qcow2 'write -q -P 0x42 64k 64k'
    accepted top
    # The first layer ends where its data does, and needs nothing.
    run_qcow2_info cat --no-backing top
    assert_status 0
}

@test "--short-end: a disk that ends inside its last cluster needs no more of it" {
    make_image image 70000 '' 'write -q -P 0x41 0 70000'
    cut_into image 65536 4608
    run_qcow2_info cat image
    assert_status 0
    cut_into image 65536 4000
    accepted image
}

@test "--short-end: never a cluster that is missing whole, nor one before it" {
    make_image whole 1M '' 'write -q -P 0x41 0 192k'
    cp whole image
    cut_into image $((128 << 10)) 0
    refused image 'past the end of the file'
    [[ $stderr != *--short-end* ]] || fail "it does not help: $stderr"
    # Behind the cluster that is short another one is in use: the file was cut.
    cp whole image
    cut_into image $((64 << 10)) 512
    refused image 'is in use'
    assert_output ''
    run_qcow2_info map --short-end image
    assert_status 1
    run_qcow2_info check --data --short-end image
    assert_status 2
}

@test "--short-end: never stored bytes of a compressed cluster" {
    # Bytes of 64 values in no order: they take three quarters of a cluster.
    seq 100000 | gzip -n | head -c 64k | tr '\0-\377' '\0-\177' | tr '\0-\177' '\0-\77\0-\77' >random
    make_image image 1M '' 'write -q -c -s random 0 64k'
    local host
    host=$(qcow2_info map --json --host-offsets image | jq -s '.[0].offset')
    truncate -s $((host + 1000)) image
    run_qcow2_info cat image
    assert_status 1
    [[ $stderr != *--short-end* ]] || fail "it does not help: $stderr"
    refused image 'cannot be decoded'
}

@test "--short-end: never encrypted data" {
    qemu-img create -q -f qcow2 -o encrypt.format=aes,encrypt.key-secret=s --object secret,id=s,data=0123456789abcdef \
        image 1M 2>log || skip 'this QEMU makes no image that is encrypted with AES'
    qemu-io -c 'write -q -P 0x41 0 64k' --object secret,id=s,data=0123456789abcdef \
        --image-opts driver=qcow2,file.filename=image,encrypt.key-secret=s
    cut_into image 0 512
    printf 0123456789abcdef >key
    qcow2_info --version | grep -q '^libgcrypt [0-9]' || skip 'built without libgcrypt'
    run_qcow2_info cat --key-file key --short-end image
    assert_status 1
    assert_stderr_contains 'past the end of the file'
    [[ $stderr != *--short-end* ]] || fail "it does not help: $stderr"
}

@test "--short-end: never entries of a table" {
    make_image image 1M '' 'write -q -P 0x41 0 64k'
    # The L2 table is moved behind the data, and the file ends inside it.
    local host
    host=$(($(host_offset image 0) + 65536))
    dd if=image of=table bs=64k skip=$(($(l2_table_at image 0) / 65536)) count=1 status=none
    dd if=table of=image bs=64k seek=$((host / 65536)) conv=notrunc status=none
    poke_be64 image "$(field image l1_table_offset)" $((COPIED | host))
    truncate -s $((host + 8)) image
    qcow2_info cat --short-end --length 64k image >got
    assert_equal "$(sha256sum <got)" "$(head -c 64k /dev/zero | tr '\0' A | sha256sum)"
    run_qcow2_info cat --short-end image
    assert_status 1
    assert_stderr_contains 'L2 table'
}

@test "--short-end: map shows zeros, salvage loses nothing, check finds nothing" {
    make_image image 1M '' 'write -q -P 0x41 0 64k'
    cut_into image 0 512
    run_qcow2_info map --json --short-end image
    assert_status 0
    assert_equal "$(jq -s -c 'map([.start, .length, .zero])' <<<"$output")" \
        '[[0,512,false],[512,65024,true],[65536,983040,true]]'
    run_qcow2_info cat --salvage --short-end -o out image
    assert_status 0
    qemu-img convert -O raw image want
    cmp out want
    run_qcow2_info cat --salvage -o out image
    assert_status 1
    assert_stderr_contains '65024 bytes'
    cmp out want
    run_qcow2_info check --data image
    assert_status 2
    assert_output_contains '--short-end'
    run_qcow2_info check image
    assert_status 2
    assert_output_contains '--short-end'
    run_qcow2_info check --data --short-end image
    assert_status 0
}

@test "--short-end: the end of a pipe may not be the end of the file" {
    make_image image 1M '' 'write -q -P 0x41 0 64k'
    cut_into image 0 512
    # shellcheck disable=SC2002 # a pipe is the point
    cat image | { run_qcow2_info cat --short-end; printf '%s\n' "$status" "$stderr"; } >got
    assert_equal "$(head -n 1 got)" 1
    grep -q 'bytes that were read' got
}
