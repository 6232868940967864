#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Layers that the user gives in the place of those that images name. The judge is qemu-img, which reads the
# same chain while its names still lead to it.

load ../helpers/load
load ../helpers/tables

# make_moved: bottom (raw), base and top, as they were and as they are after a move: "raw" has the bytes of the
# disk, and every name leads to nothing
make_moved() {
    seq 100000 | head -c 256k >bottom
    make_layer base 1M '' bottom raw 'write -q -P 7 64k 128k' 'write -q -c -P 9 512k 64k'
    make_layer top 1M '' base qcow2 'write -q -P 8 128k 64k'
    make_raw top raw
    mkdir moved
    mv bottom moved/raw-bottom
    qemu-img rebase -q -u -f qcow2 -b /nowhere/bottom -F raw base
    mv base moved/mid
    qemu-img rebase -q -u -f qcow2 -b /nowhere/base -F qcow2 top
}

GIVEN=(--backing-file moved/mid --backing-file 1:moved/raw-bottom)

@test "--backing-file: cat and map read the layers that are given" {
    local jobs
    make_moved
    for jobs in 1 4; do
        qcow2_info cat --jobs $jobs "${GIVEN[@]}" top | cmp - raw
        rm -f out
        run_qcow2_info cat --jobs $jobs "${GIVEN[@]}" -o out top
        assert_status 0
        cmp out raw
    done
    # The order does not matter, and 0 may be said.
    qcow2_info cat --backing-file 1:moved/raw-bottom --backing-file 0:./moved/mid top | cmp - raw
    run_qcow2_info map --json --host-offsets "${GIVEN[@]}" top
    assert_status 0
    assert_equal "$(jq -r -s -c 'map(.file) | unique | map(select(. != null))' <<<"$output")" \
        '["moved/mid","moved/raw-bottom","top"]'
}

@test "--backing-file: the same with and without the sandbox, and from standard input" {
    make_moved
    qcow2_info cat --no-sandbox "${GIVEN[@]}" top | cmp - raw
    qcow2_info cat "${GIVEN[@]}" <top | cmp - raw
    # shellcheck disable=SC2002 # a pipe is the point
    cat top | qcow2_info cat "${GIVEN[@]}" | cmp - raw
}

@test "--backing-file: info --backing-chain shows the layers that are given" {
    make_moved
    run_qcow2_info info --backing-chain --json "${GIVEN[@]}" top
    assert_status 0
    assert_equal "$(jq -c 'map(.filename)' <<<"$output")" '["top","moved/mid","moved/raw-bottom"]'
    run_qcow2_info info --backing-file moved/mid top
    assert_status 64
    assert_stderr_contains '--backing-file needs --backing-chain'
}

@test "--backing-file: the format is the one that the image states, whatever the file looks like" {
    make_image inner 1M '' 'write -q -P 1 0 64k'
    # A raw disk that holds a qcow2 image: its bytes are the disk.
    cp inner base
    qemu-img create -q -f qcow2 -b "$PWD/base" -F raw top 1M
    make_raw top raw
    qemu-img rebase -q -u -f qcow2 -b /nowhere -F raw top
    qcow2_info cat --backing-file base top | cmp - raw
    # Stated as qcow2, it has to be one.
    qemu-img rebase -q -u -f qcow2 -b /nowhere -F qcow2 top
    head -c 1M /dev/zero >base
    run_qcow2_info cat --backing-file base top
    assert_status 1
    assert_one_error top 'backing file base'
    # The format of a json: name holds too.
    qemu-img rebase -q -u -f qcow2 -F raw -b 'json:{"driver":"raw","file":{"driver":"file","filename":"/nowhere"}}' top
    cp inner base
    qcow2_info cat --backing-file base top | cmp - raw
}

@test "--backing-file: for a name that no file is behind" {
    make_image base 1M '' 'write -q -P 7 0 128k'
    make_raw base raw
    make_layer top 1M '' base qcow2
    qemu-img rebase -q -u -f qcow2 -b nbd://example.org/disk -F qcow2 top
    run_qcow2_info cat top
    assert_status 1
    assert_one_error top 'if it is elsewhere, use --backing-file FILE'
    qcow2_info cat --backing-file base top | cmp - raw
}

@test "--backing-file: one layer twice, and a layer that is no number" {
    local arguments
    make_moved
    for arguments in '--backing-file a --backing-file b' '--backing-file a --backing-file 0:a' \
        '--backing-file 7:a --backing-file 07:b'; do
        for command in cat map 'check --data' 'info --backing-chain'; do
            # shellcheck disable=SC2086 # several words
            run_qcow2_info $command $arguments top
            assert_status 64
            assert_output ''
            assert_stderr_contains '--backing-file is given twice for layer'
        done
    done
    run_qcow2_info cat --backing-file 99999999999999999999:a top
    assert_status 64
    assert_stderr_contains 'does not begin with the number of a layer'
}

@test "--backing-file: an error if the layer above names no backing file" {
    make_moved
    run_qcow2_info cat "${GIVEN[@]}" --backing-file 2:moved/mid top
    assert_status 1
    assert_output ''
    assert_stderr_contains '--backing-file 2:moved/mid'
    make_image alone 1M ''
    run_qcow2_info map --backing-file moved/mid alone
    assert_status 1
    assert_stderr_contains '--backing-file 0:moved/mid'
}

@test "--backing-file: not with options that read no backing file" {
    local arguments
    make_moved
    for arguments in 'cat --no-backing' 'map --no-backing' 'map --bitmap b' 'cat --snapshot s --vm-state'; do
        # shellcheck disable=SC2086 # several words
        run_qcow2_info $arguments --backing-file moved/mid top
        assert_status 64
    done
    run_qcow2_info check --backing-file moved/mid top
    assert_status 64
    assert_stderr_contains '--backing-file needs --data'
}

@test "--backing-file: --confine applies to names in images, not to given files" {
    make_moved
    mkdir inside
    qemu-img rebase -q -u -f qcow2 -b "$PWD/moved/raw-bottom" -F raw moved/mid
    run_qcow2_info cat --confine inside --backing-file moved/mid top
    assert_status 1
    assert_output ''
    assert_stderr_contains 'outside'
    qcow2_info cat --confine inside "${GIVEN[@]}" top | cmp - raw
    qcow2_info cat --confine moved --backing-file moved/mid top | cmp - raw
}

@test "--backing-file: loops, folders, pipes and missing files are errors" {
    local file
    make_moved
    mkfifo pipe
    for file in top moved pipe missing; do
        run_qcow2_info cat --backing-file $file top
        assert_status 1
        assert_output ''
        assert_stderr_contains "backing file $file"
    done
}

@test "--backing-file: cat does not write to a file that is given" {
    make_moved
    sha256sum moved/mid >before
    run_qcow2_info cat "${GIVEN[@]}" -o moved/mid top
    assert_status 1
    assert_stderr_contains 'also an input file'
    sha256sum -c --quiet before
}

@test "--backing-file: check --data reads the layers that are given" {
    make_moved
    run_qcow2_info check --data --json "${GIVEN[@]}" top
    assert_status 0
    assert_equal "$(jq -c .corruptions <<<"$output")" 0
    # The compressed cluster of the layer below.
    poke moved/mid "$(host_offset moved/mid $((512 << 10)))" 'ffffffff ffffffff ffffffff ffffffff'
    run_qcow2_info check --data --json "${GIVEN[@]}" top
    assert_status 2
    assert_equal "$(jq -c '[.corruptions, (.findings[] | [.code, .offset, .guest_offset])]' <<<"$output")" \
        '[1,["undecodable-cluster",null,524288]]'
    jq -e '.findings[0].message | contains("backing file moved/mid")' <<<"$output"
    # Alone, the image is sound.
    run_qcow2_info check --data top
    assert_status 0
}

@test "check --data --data-file reads the external data from the file that is given" {
    make_image image 1M data_file=data 'write -q -P 7 0 1M'
    mv data elsewhere
    run_qcow2_info check --data image
    assert_status 1
    assert_stderr_contains 'if it is elsewhere, use --data-file FILE'
    run_qcow2_info check --data --data-file elsewhere image
    assert_status 0
    truncate -s 512k elsewhere
    run_qcow2_info check --data --data-file elsewhere image
    assert_status 2
}

@test "a missing layer: the message names the layer and the ways on, whatever the length of the name" {
    local name
    make_moved
    run_qcow2_info cat top
    assert_one_error top '/nowhere/base' '--backing-file FILE' '--no-backing'
    run_qcow2_info map --backing-file moved/mid top
    assert_one_error top '/nowhere/bottom' '--backing-file 1:FILE' '--no-backing'
    run_qcow2_info info --backing-chain top
    assert_status 1
    assert_stderr_contains '--backing-file FILE'
    [[ ${stderr-} != *--no-backing* ]] || fail "info has no such option: $stderr"
    name=/$(printf 'a%.0s' {1..200})/$(printf 'b%.0s' {1..200})/$(printf 'c%.0s' {1..200})
    qemu-img rebase -q -u -f qcow2 -b "$name" -F qcow2 top
    run_qcow2_info cat top
    assert_one_error top '--backing-file FILE' '--no-backing'
}

@test "a missing data file: the message names the ways on, of the image and of a layer below" {
    make_image base 1M data_file=data 'write -q -P 7 0 64k'
    make_layer top 1M '' base qcow2
    rm data
    run_qcow2_info cat base
    assert_one_error base '--data-file FILE'
    [[ $stderr != *--no-backing* ]] || fail "it does not help: $stderr"
    run_qcow2_info cat top
    assert_one_error top '--no-backing'
    [[ $stderr != *--data-file* ]] || fail "that is for the image: $stderr"
}
