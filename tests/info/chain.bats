#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# `info --backing-chain`: one object or block a layer.

# Without sanitizers: chains go through them in cat.bats and faults.bats.

load ../helpers/load

setup() {
    enter_test || return
    require_tool qemu-img jq
}

# make_chain NAME FORMAT...: each on top of the one before it, the first one without a backing file
make_chain() {
    local below='' below_format='' size=1M
    while [[ $# -gt 0 ]]; do
        if [[ -z $below ]]; then
            qemu-img create -q -f "$2" "$1" $size
        else
            qemu-img create -q -f "$2" -u -b "$below" -F "$below_format" "$1" $size
        fi
        below=$1
        below_format=$2
        shift 2
    done
}

query() {
    qcow2_info --backing-chain --json "${@:2}" 2>/dev/null | jq -c "$1"
}

@test "info --backing-chain: an image without a backing file is an array of one" {
    make_chain a.qcow2 qcow2
    assert_equal "$(query 'length, .[0].filename, .[0].format' a.qcow2)" \
        "$(printf '1\n"a.qcow2"\n"qcow2"')"
}

@test "info --backing-chain: the object of a layer is the one of info, and its format" {
    make_chain base.raw raw top.qcow2 qcow2
    qcow2_info --json top.qcow2 | jq '. + {format: "qcow2"}' >want
    qcow2_info --backing-chain --json top.qcow2 | jq '.[0]' >got
    diff -u want got
}

@test "info --backing-chain: without it there is no key format" {
    make_chain a.qcow2 qcow2
    assert_equal "$(qcow2_info --json a.qcow2 | jq 'has("format")')" false
}

@test "info --backing-chain: the layers from the top down, raw ones too" {
    make_chain base.raw raw middle.qcow2 qcow2 top.qcow2 qcow2
    assert_equal "$(query '[.[] | [.filename, .format]]' top.qcow2)" \
        '[["top.qcow2","qcow2"],["middle.qcow2","qcow2"],["base.raw","raw"]]'
}

@test "info --backing-chain: the document of a raw layer" {
    make_chain base.raw raw top.qcow2 qcow2
    cat >want <<JSON
{
  "filename": "base.raw",
  "format": "raw",
  "size": 1048576,
  "file_size": 1048576,
  "allocated_size": $(($(stat -c '%b * %B' base.raw))),
  "in_use": false
}
JSON
    qcow2_info --backing-chain --json top.qcow2 | jq '.[1]' >got
    diff -u want got
}

@test "info --backing-chain: text has one block a layer" {
    make_chain base.raw raw top.qcow2 qcow2
    run_qcow2_info --backing-chain top.qcow2
    assert_status 0
    assert_equal "$(grep -c '^image:' <<<"$output")" 2
    assert_output_contains "$(printf 'problems:             none\n\nimage:                base.raw\nformat:               raw\n')"
}

@test "info --backing-chain: names are relative to their own image" {
    mkdir -p one two
    make_chain two/base.qcow2 qcow2
    qemu-img create -q -f qcow2 -u -b ../two/base.qcow2 -F qcow2 one/top.qcow2 1M
    assert_equal "$(query '[.[].filename]' one/top.qcow2)" \
        '["one/top.qcow2","one/../two/base.qcow2"]'
}

@test "info --backing-chain: a layer without a format is probed" {
    make_chain base.qcow2 qcow2 top.qcow2 qcow2
    poke_be32 top.qcow2 112 0 # the format is the first extension
    assert_equal "$(query '[.[].format]' top.qcow2)" '["qcow2","qcow2"]'
    qemu-img create -q -f raw base.qcow2 1M
    assert_equal "$(query '[.[].format]' top.qcow2)" '["qcow2","raw"]'
}

@test "info --backing-chain: a file that looks like qcow2 is raw if the format is raw" {
    make_chain base.qcow2 qcow2
    qemu-img create -q -f qcow2 -u -b base.qcow2 -F raw top.qcow2 1M
    assert_equal "$(query '[.[].format]' top.qcow2)" '["qcow2","raw"]'
}

@test "info --backing-chain: the layers above a missing one are printed, with status 1" {
    make_chain base.qcow2 qcow2 middle.qcow2 qcow2 top.qcow2 qcow2
    rm base.qcow2
    run_qcow2_info --backing-chain --json top.qcow2
    assert_status 1
    assert_equal "$(jq -c '[.[].filename]' <<<"$output")" '["top.qcow2","middle.qcow2"]'
    assert_stderr_contains 'base.qcow2: cannot open: No such file or directory'
}

@test "info --backing-chain: an image that is its own backing file" {
    qemu-img create -q -f qcow2 -u -b loop.qcow2 -F qcow2 new.qcow2 1M
    mv new.qcow2 loop.qcow2
    run_qcow2_info --backing-chain --json loop.qcow2
    assert_status 1
    assert_equal "$(jq length <<<"$output")" 1
    assert_stderr_contains 'the backing chain contains loop.qcow2 twice'
}

@test "info --backing-chain: a loop by another name, over three layers" {
    make_chain a.qcow2 qcow2 b.qcow2 qcow2 c.qcow2 qcow2
    ln c.qcow2 other.qcow2
    qemu-img rebase -u -b other.qcow2 -F qcow2 a.qcow2
    run_qcow2_info --backing-chain --json c.qcow2
    assert_status 1
    assert_equal "$(jq -c '[.[].filename]' <<<"$output")" '["c.qcow2","b.qcow2","a.qcow2"]'
}

@test "info --backing-chain: a layer of another format than the recorded one" {
    make_chain base.raw raw
    qemu-img create -q -f qcow2 -u -b base.raw -F qcow2 top.qcow2 1M
    run_qcow2_info --backing-chain --json top.qcow2
    assert_status 1
    assert_equal "$(jq length <<<"$output")" 1
    assert_stderr_contains 'base.raw'
}

@test "info --backing-chain: a layer that a protocol leads to" {
    qemu-img create -q -f qcow2 -u -b nbd://localhost/x -F raw top.qcow2 1M
    run_qcow2_info --backing-chain --json top.qcow2
    assert_status 1
    assert_equal "$(jq length <<<"$output")" 1
    assert_stderr_contains 'nbd://localhost/x'
}

@test "info --backing-chain: a layer in a format that cannot be read" {
    qemu-img create -q -f vmdk base.vmdk 1M
    qemu-img create -q -f qcow2 -u -b base.vmdk -F vmdk top.qcow2 1M
    run_qcow2_info --backing-chain top.qcow2
    assert_status 1
    assert_output_contains 'backing file:         base.vmdk'
    assert_stderr_contains vmdk
}

@test "info --backing-chain: layers whose data cannot be read are listed" {
    make_chain base.qcow2 qcow2 top.qcow2 qcow2
    poke_field base.qcow2 incompatible_features 0x80
    run_qcow2_info --backing-chain --json top.qcow2
    assert_status 0
    assert_equal "$(jq -c '[.[].readable]' <<<"$output")" '[true,false]'
    assert_stderr_contains 'qcow2-info: base.qcow2: warning: incompatible feature bit 7 is unknown'
}

@test "info --backing-chain: the chain of standard input begins in the current folder" {
    make_chain base.raw raw top.qcow2 qcow2
    assert_equal "$(qcow2_info --backing-chain --json <top.qcow2 | jq -c '[.[].filename]')" \
        '["-","base.raw"]'
}

@test "info --backing-chain: 300 layers" {
    local i below=0
    qemu-img create -q -f qcow2 0 1M
    for ((i = 1; i < 300; i++)); do
        cp 0 "$i"
    done
    for ((i = 1; i < 300; i++)); do
        # A name of three bytes at the end of the first cluster.
        printf '%03d' "$below" | dd of="$i" oflag=seek_bytes seek=65000 conv=notrunc status=none
        ln "$below" "$(printf %03d "$below")" 2>/dev/null || true
        poke_field "$i" backing_file_offset 65000
        poke_field "$i" backing_file_size 3
        below=$i
    done
    assert_equal "$(query 'length' 299)" 300
}
