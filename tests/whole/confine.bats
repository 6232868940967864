#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# --confine DIR: backing files and data files that lie outside of a folder are not opened. How names are
# resolved, and that their targets cannot be exchanged, is in unit/test_beneath.c.

# Without sanitizers: names go through them in unit tests and in `make fuzz`.

load ../helpers/load
load ../helpers/tables

# The folder "in" that the images below are confined to, base files in it and beside it, and places for images.
setup() {
    enter_test || return
    mkdir -p in/sub out inside
    make_image in/base 64k '' 'write -q -P 0x41 0 64k'
    cp in/base in/sub/base
    make_image out/base 64k '' 'write -q -P 0x42 0 64k'
    cp out/base inside/base
    ln -s sub/base in/link
    ln -s ../out/base in/link-out
    ln -s ../out in/sub-out
}

# over NAME FILE: an empty image in FILE whose backing file has this name
over() {
    make_layer "$2" 64k '' "$1" qcow2
}

# The commands that follow references, each with the options for it.
FOLLOWING=(cat map 'map --json --host-offsets' 'info --backing-chain' 'info --backing-chain --json')

# accepted IMAGE: every command prints with --confine in what it prints without
accepted() {
    local command
    for command in "${FOLLOWING[@]}"; do
        # shellcheck disable=SC2086
        qcow2_info $command "$1" >want || fail "$command $1: status $?" || return
        # shellcheck disable=SC2086
        qcow2_info $command --confine in "$1" >got || fail "$command $1: status $?" || return
        assert_same_bytes want got || return
    done
}

# refused IMAGE NAME [TEXT]: every command ends with status 1 and one line that names the backing file, the
# place of its name in the image, which is looked up here, and the folder
refused() {
    local command want
    want="backing file \"$2\" at header offset $(field "$1" backing_file_offset): lies outside of in"
    for command in "${FOLLOWING[@]}"; do
        # shellcheck disable=SC2086
        run_qcow2_info $command --confine in "$1"
        assert_status 1 || return
        assert_equal "$command: ${stderr-}" "$command: qcow2-info: $1: $want" || return
        [[ $command == info* ]] || assert_output '' || return
    done
}

@test "confine: files in the folder and below it are opened, whatever they are called" {
    local name
    mkdir images
    for name in ../in/base "$PWD/in/base" ../in/sub/base ../in/link ../in/sub/../base ../out/../in/base \
        "file:$PWD/in/base" file:in/base 'json:{"file.filename":"in/base"}' \
        'json:{"driver":"qcow2","file":{"driver":"file","filename":"in/sub/base"}}'; do
        over "$name" images/image
        accepted images/image || fail "$name"
    done
}

@test "confine: files elsewhere are refused, with the name and its place" {
    local name
    for name in ../out/base "$PWD/out/base" /dev/null /proc/self/mem ../in/../out/base ../inside/base link-out \
        ./sub-out/base sub/../../out/base "file:$PWD/out/base" file:out/base \
        'json:{"file.filename":"out/base"}' \
        'json:{"driver":"qcow2","file":{"driver":"file","filename":"in/link-out"}}'; do
        over "$name" in/image
        refused in/image "$name" || fail "$name"
    done
}

@test "confine: the existence of a file elsewhere is not reported" {
    local name
    for name in ../out/missing ../missing/missing /missing sub-out/missing; do
        over "$name" in/image
        refused in/image "$name" || fail "$name"
    done
}

@test "confine: without it the same files are opened" {
    over ../out/base in/image
    run_qcow2_info cat --length 3 in/image
    assert_status 0
    assert_output BBB
    over link-out in/image
    run_qcow2_info cat --length 3 in/image
    assert_status 0
    assert_output BBB
}

@test "confine: a file elsewhere is not even opened" {
    local old='2001-01-01 00:00:00' command
    over ../out/base in/image
    touch -a -d "$old" out/base
    qcow2_info cat --length 1 in/image >/dev/null
    [[ $(stat -c %X out/base) -ne $(date -d "$old" +%s) ]] || skip 'machine: times of reading are not kept'
    for command in "${FOLLOWING[@]}"; do
        touch -a -d "$old" out/base
        # shellcheck disable=SC2086
        run_qcow2_info $command --confine in in/image
        assert_status 1
        assert_equal "$(stat -c %X out/base)" "$(date -d "$old" +%s)"
    done
}

@test "confine: the image itself may lie anywhere" {
    over ../in/base out/image
    accepted out/image
    cp out/image in/image
    over ../out/base out/image
    refused out/image ../out/base
}

@test "confine: the folder may be a link, relative, absolute, or the root" {
    local folder
    ln -s in folder
    over ../in/base out/image
    over base in/escaping
    for folder in folder folder/ ./in//. "$PWD/in" out/../in / .; do
        run_qcow2_info cat --length 3 --confine "$folder" out/image
        assert_status 0
        assert_output AAA
    done
    over ../out/base in/image
    for folder in folder folder/ ./in//. "$PWD/in" out/../in; do
        run_qcow2_info cat --confine "$folder" in/image
        assert_status 1
        assert_output ''
        assert_one_error in/image "lies outside of $folder"
    done
    run_qcow2_info cat --length 3 --confine / in/image
    assert_status 0
    assert_output BBB
}

@test "confine: a missing folder, or a file in its place, is an error" {
    local command
    over base in/image
    for command in "${FOLLOWING[@]}"; do
        # shellcheck disable=SC2086
        run_qcow2_info $command --confine missing in/image
        assert_status 1
        assert_output ''
        assert_one_error in/image '--confine missing' 'No such file'
        # shellcheck disable=SC2086
        run_qcow2_info $command --confine in/base in/image
        assert_status 1
        assert_output ''
        assert_one_error in/image '--confine in/base' 'Not a directory'
    done
}

@test "confine: a deeper layer that leaves the folder is refused, and the error names the layer above it" {
    over ../../out/base in/sub/middle
    over sub/middle in/top
    over ../in/top out/image
    local command want
    want="qcow2-info: out/image: backing file \"../../out/base\" at header offset"
    want+=" $(field in/sub/middle backing_file_offset) of out/../in/sub/middle: lies outside of in"
    for command in "${FOLLOWING[@]}"; do
        # shellcheck disable=SC2086
        run_qcow2_info $command --confine in out/image
        assert_status 1
        assert_equal "${stderr-}" "$want"
    done
}

@test "confine: info prints the layers above a refused one" {
    over ../out/base in/image
    run_qcow2_info info --backing-chain --json --confine in in/image
    assert_status 1
    assert_equal "$(jq -c 'map(.filename)' <<<"$output")" '["in/image"]'
}

@test "confine: a data file elsewhere is refused" {
    local command
    make_image in/image 64k "data_file=in/data" 'write -q -P 0x43 0 64k'
    # It is relative to the current folder, and in the one that may be read, until it is not.
    run_qcow2_info map --confine in in/image
    assert_status 0
    assert_stderr_contains 'read from the current directory'
    mv in/data out
    ln -s ../out/data in/data
    for command in cat map 'check --data'; do
        # shellcheck disable=SC2086
        run_qcow2_info $command --confine in in/image
        # Relative to the image it is in/in/data.
        assert_status 1
        assert_one_error in/image 'data file' 'No such file'
    done
    rm in/data
    (cd in && make_image image 64k data_file=data 'write -q -P 0x43 0 64k')
    for command in cat map 'check --data'; do
        # shellcheck disable=SC2086
        run_qcow2_info $command --confine in in/image
        assert_status 0
    done
    mv in/data out/data
    ln -s ../out/data in/data
    for command in cat map 'check --data'; do
        # shellcheck disable=SC2086
        run_qcow2_info $command in/image
        assert_status 0
        # shellcheck disable=SC2086
        run_qcow2_info $command --confine in in/image
        assert_status 1
        assert_output ''
        # The name stands behind the eight bytes that begin its extension, the second one of the image.
        local at
        at=$(grep -abo data in/image | head -n 1)
        assert_equal "${stderr-}" \
            "qcow2-info: in/image: data file \"data\" at header offset ${at%%:*}: lies outside of in"
    done
}

@test "confine: a data file of a layer below that is elsewhere is refused" {
    (cd in && make_image lower 64k data_file=data 'write -q -P 0x43 0 64k')
    mv in/data out/data
    ln -s ../out/data in/data
    over lower in/image
    run_qcow2_info cat --confine in in/image
    assert_status 1
    assert_output ''
    assert_one_error in/image 'data file "data" at header offset' ' of in/lower: lies outside of in'
}

@test "confine: files on the command line may lie anywhere" {
    make_image in/image 64k "data_file=in/data" 'write -q -P 0x43 0 64k'
    mv in/data out/data
    run_qcow2_info cat --length 3 --confine in --data-file out/data in/image
    assert_status 0
    assert_output CCC
    run_qcow2_info cat --confine in --data-file out/data -o out/disk in/image
    assert_status 0
}

@test "confine: it holds for the disk of a snapshot" {
    over ../out/base in/image
    qemu-img snapshot -c before in/image
    run_qcow2_info cat --snapshot before --length 3 in/image
    assert_status 0
    assert_output BBB
    run_qcow2_info cat --snapshot before --confine in in/image
    assert_status 1
    assert_one_error in/image '../out/base' 'lies outside of in'
    over base in/image
    qemu-img snapshot -c before in/image
    run_qcow2_info cat --snapshot before --length 3 --confine in in/image
    assert_status 0
    assert_output AAA
}

@test "confine: commands that open no named files accept all names" {
    over ../out/base in/image
    local command
    for command in info 'info --json' check 'check --data' 'map --no-backing' 'cat --no-backing'; do
        # shellcheck disable=SC2086
        qcow2_info $command in/image >want
        # shellcheck disable=SC2086
        qcow2_info $command --confine in in/image >got
        assert_same_bytes want got
    done
}

@test "confine: an output is not made when a layer is refused" {
    over ../out/base in/image
    run_qcow2_info cat --confine in -o disk in/image
    assert_status 1
    [[ ! -e disk ]]
}

@test "confine: a FIFO or a device in the folder is refused unopened, with and without it" {
    local command
    mkfifo in/fifo
    # A writer to a FIFO waits until it is opened for reading.
    { : >in/fifo && : >opened; } 2>/dev/null &
    local writer=$!
    over fifo in/image
    for command in "${FOLLOWING[@]}" 'cat --confine in' 'info --backing-chain --confine in'; do
        # shellcheck disable=SC2086
        run_qcow2_info $command in/image
        assert_status 1
        assert_stderr_contains 'in/fifo: is neither a regular file nor a block device'
    done
    sleep 0.1
    kill $writer || true
    [[ ! -e opened ]] || fail 'the FIFO was opened'
    over /dev/null in/image
    run_qcow2_info cat in/image
    assert_status 1
    assert_one_error in/image '/dev/null: is neither'
    run_qcow2_info cat --confine /dev in/image
    assert_status 1
    assert_one_error in/image '/dev/null: is neither'
}

@test "confine: 1000 layers" {
    (cd in && make_chain 999)
    ulimit -n 1024
    run_qcow2_info cat --confine in --length 1 in/l0999.q
    assert_status 0
    assert_output A
    mv in/l0000.q out/l0000.q
    ln -s ../out/l0000.q in/l0000.q
    run_qcow2_info cat --length 1 in/l0999.q
    assert_status 0
    run_qcow2_info cat --confine in --length 1 in/l0999.q
    assert_status 1
    assert_one_error in/l0999.q 'backing file "l0000.q" at header offset' 'of in/l0001.q: lies outside of in'
}

@test "confine: a long name leaves room for the message" {
    local long
    long=../out/$(printf 'x%.0s' {1..900})
    over "$long" in/image
    run_qcow2_info cat --confine in in/image
    assert_status 1
    assert_output ''
    assert_one_error in/image 'backing file "../out/xxx' '...: lies outside of in'
}
