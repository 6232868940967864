#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# qcow2-info cat --salvage: writes zeros for unreadable data and reports each range.

load ../helpers/load
load ../helpers/tables

K=1024

# A disk of 1 MiB of lines that are all different, and its bytes in the file raw. make_data OPTIONS
make_data() {
    seq -f 'This is the text of line %8.0f.' 40000 | head -c 1M >raw
    make_image image 1M "${1:-}" 'write -q -s raw 0 1M'
}

make_compressed() {
    seq -f 'This is the text of line %8.0f.' 40000 | head -c 1M >raw
    make_image image 1M "${1:-}" 'write -q -c -s raw 0 1M'
}

# zero_ranges START LENGTH...: makes want of raw, with zeros in these ranges
zero_ranges() {
    cp raw want
    while [[ $# -gt 0 ]]; do
        head -c "$2" /dev/zero | dd of=want bs=64k oflag=seek_bytes seek="$1" conv=notrunc status=none || return
        shift 2
    done
}

# salvages START LENGTH...: into a file, into a pipe, with any number of jobs, image has the bytes of raw
# but zeros in these ranges; standard error has a line for each and one that sums up, the log an object
# for each. lost is the log without the messages.
salvages() {
    local jobs ranges=() bytes=0 count=$(($# / 2)) want=''
    zero_ranges "$@" || return
    while [[ $# -gt 0 ]]; do
        ranges+=("$1" "$2")
        bytes=$((bytes + $2))
        want+="[$1,$2]"$'\n'
        shift 2
    done
    for jobs in 1 8; do
        rm -f out log piped piped.log
        run_qcow2_info cat --salvage --salvage-log log --jobs $jobs -o out image
        assert_status 1 || return
        assert_output '' || return
        assert_same_bytes out want || return
        assert_equal "$(jq -c '[.start, .length]' log)" "${want%$'\n'}" || return
        assert_equal "$(wc -l <<<"${stderr-}")" $((count + 1)) || return
        assert_lines "${stderr-}" "$bytes" "${ranges[@]}" || return
        "$QCOW2_INFO" cat --salvage --salvage-log piped.log --jobs $jobs image 2>piped.errors | cat >piped
        assert_equal "${PIPESTATUS[0]}" 1 || return
        assert_same_bytes piped want || return
        assert_same_bytes piped.log log || return
        assert_equal "$(<piped.errors)" "${stderr-}" || return
    done
}

# assert_lines TEXT BYTES START LENGTH...: the lines of standard error, in the order of the guest
assert_lines() {
    local text=$1 bytes=$2 line
    shift 2
    while IFS= read -r line; do
        if [[ $# -eq 0 ]]; then
            [[ $line == "qcow2-info: image: $bytes bytes, in "*" could not be read and are zeros" ]] ||
                fail "the last line: $line"
            return
        fi
        [[ $line == "qcow2-info: image: warning: $2 bytes cannot be read: "*"guest offset $1: "* ]] ||
            fail "expected $2 bytes lost at $1: $line" || return
        shift 2
    done <<<"$text"
}

# Makes stored bytes of a compressed cluster what no decoder takes.
damage_compressed() {
    local at
    at=$(host_offset image "$1")
    poke image "$at" 'ffffffffffffffffffffffffffffffffffffffffffffffff'
}

# ---- What is lost --------------------------------------------------------------------------------------

@test "salvage: no range of a sound image is lost" {
    make_data
    run_qcow2_info cat --salvage --salvage-log log -o out image
    assert_status 0
    assert_output ''
    assert_equal "${stderr-}" ''
    assert_same_bytes out raw
    [[ -e log && ! -s log ]] || fail 'the log is not empty'
    qcow2_info cat --salvage image | cmp - raw
}

@test "salvage: a file that ends within its data" {
    make_data
    truncate -s $(($(host_offset image $((512 * K))) + 8192)) image
    salvages $((520 * K)) $((504 * K))
    assert_equal "$(jq -c '[.code, .offset]' log)" "[\"truncated\",$(stat -c %s image)]"
}

@test "salvage: a file that ends at no sector keeps all but a few bytes" {
    make_data
    local end
    truncate -s $(($(host_offset image $((512 * K))) + 1000)) image
    run_qcow2_info cat --salvage --salvage-log log -o out image
    assert_status 1
    assert_equal "$(stat -c %s out)" $((1024 * K))
    # What is in front of the end is read, up to a few KiB.
    cmp -n $((512 * K)) out raw
    cmp -n $((508 * K)) <(tail -c $((508 * K)) out) /dev/zero
    end=$(jq -s '.[-1] | .start + .length' log)
    assert_equal "$end" $((1024 * K))
}

@test "salvage: a cluster past the end of the file" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 40))
    salvages $((320 * K)) $((64 * K))
    assert_equal "$(jq -c '[.code, .offset]' log)" "[\"truncated\",$((1 << 40))]"
}

@test "salvage: several ranges apart" {
    make_data
    poke_l2_entry image 0 $((COPIED | 1 << 40))
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 41))
    poke_l2_entry image $((960 * K)) $((COPIED | 1 << 42))
    salvages 0 $((64 * K)) $((320 * K)) $((64 * K)) $((960 * K)) $((64 * K))
}

@test "salvage: ranges side by side that are lost for one reason are one" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 40))
    poke_l2_entry image $((384 * K)) $((COPIED | 1 << 42))
    poke_l2_entry image $((448 * K)) $((COPIED | 1 << 41))
    salvages $((320 * K)) $((192 * K))
}

@test "salvage: ranges side by side that are lost for two reasons are two" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 40))
    poke_l2_entry image $((384 * K)) $((COPIED | 1 << 20 | 512))
    salvages $((320 * K)) $((64 * K)) $((384 * K)) $((64 * K))
    assert_equal "$(jq -r .code log)" $'truncated\ncorrupt'
}

@test "salvage: a damaged deflate cluster" {
    make_compressed
    damage_compressed $((320 * K))
    salvages $((320 * K)) $((64 * K))
    assert_equal "$(jq -r .code log)" undecodable
}

@test "salvage: a damaged zstd cluster" {
    make_compressed compression_type=zstd
    damage_compressed $((320 * K))
    damage_compressed $((960 * K))
    salvages $((320 * K)) $((64 * K)) $((960 * K)) $((64 * K))
    assert_equal "$(jq -r .code log)" $'undecodable\nundecodable'
}

@test "salvage: many damaged small clusters" {
    make_compressed cluster_size=4k
    local i ranges=()
    for ((i = 3; i < 256; i += 10)); do
        damage_compressed $((i * 4 * K))
        ranges+=($((i * 4 * K)) $((4 * K)))
    done
    # Stored bytes lie side by side, so that what follows in the file must not be harmed: 24 bytes fit.
    salvages "${ranges[@]}"
}

@test "salvage: an L2 entry inside a cluster" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 20 | 512))
    salvages $((320 * K)) $((64 * K))
    assert_equal "$(jq -r .code log)" corrupt
}

@test "salvage: the zero bit in version 2" {
    make_data compat=0.10
    poke_l2_entry image $((320 * K)) $(($(l2_entry image $((320 * K))) | 1))
    salvages $((320 * K)) $((64 * K))
}

@test "salvage: a contradicting subcluster" {
    make_data extended_l2=on
    poke_subclusters image $((320 * K)) 0x00000001ffffffff
    salvages $((320 * K)) $((64 * K))
}

@test "salvage: an L2 table past the end of the file" {
    # In clusters of 1 KiB a table is for 128 KiB.
    make_data cluster_size=1k
    poke_be64 image "$(l1_entry_at image $((256 * K)))" $((COPIED | 1 << 40))
    salvages $((256 * K)) $((128 * K))
}

@test "salvage: an L2 table inside a cluster" {
    make_data cluster_size=1k
    poke_be64 image "$(l1_entry_at image $((256 * K)))" $((COPIED | 1 << 16 | 512))
    salvages $((256 * K)) $((128 * K))
    assert_equal "$(jq -r .code log)" corrupt
}

@test "salvage: the last L2 table of a disk that ends within it" {
    make_data cluster_size=1k
    poke_be64 image "$(l1_entry_at image $((896 * K)))" $((COPIED | 1 << 40))
    poke_field image size $((1000 * K))
    truncate -s $((1000 * K)) raw
    salvages $((896 * K)) $((104 * K))
}

@test "salvage: a file that ends within an L2 table" {
    make_data
    move_l2_to_end image 0
    # Half of the entries of the disk are left: 8 of 16.
    truncate -s $(($(l2_table_at image 0) + 64)) image
    salvages $((512 * K)) $((512 * K))
    assert_equal "$(jq -r .code log)" truncated
}

# Moves the L1 table to the end of the file.
move_l1_to_end() {
    local c from to size
    c=$(cluster_size image)
    from=$(field image l1_table_offset)
    size=$(($(field image l1_size) * 8))
    to=$((($(stat -c %s image) + c - 1) / c * c))
    dd if=image of=image bs=8 skip=$((from / 8)) seek=$((to / 8)) count=$((size / 8)) conv=notrunc status=none
    poke_field image l1_table_offset "$to"
}

@test "salvage: a file that ends within its L1 table" {
    make_data cluster_size=1k
    move_l1_to_end
    # Three of eight entries are left.
    truncate -s $(($(field image l1_table_offset) + 24)) image
    run_qcow2_info cat image
    assert_status 1
    salvages $((384 * K)) $((640 * K))
    assert_equal "$(jq -r .code log)" truncated
}

@test "salvage: a file that ends within an entry of its L1 table" {
    make_data cluster_size=1k
    move_l1_to_end
    truncate -s $(($(field image l1_table_offset) + 29)) image
    salvages $((384 * K)) $((640 * K))
}

@test "salvage: an L1 table past the end of the file" {
    make_data
    poke_field image l1_table_offset $((1 << 40))
    salvages 0 $((1024 * K))
}

@test "salvage: zeros, holes and data around a lost range" {
    make_image image 1M '' 'write -q -P 0x41 128k 64k' 'write -q -z 320k 64k' 'write -q -P 0x42 512k 128k'
    make_raw image raw
    poke_l2_entry image $((576 * K)) $((COPIED | 1 << 40))
    salvages $((576 * K)) $((64 * K))
}

@test "salvage: a fault of the backing file, and its layer named" {
    make_data
    mv image base
    make_layer image 1M '' base qcow2 'write -q -s raw 0 64k'
    poke_l2_entry base 0 $((COPIED | 1 << 40))
    poke_l2_entry base $((320 * K)) $((COPIED | 1 << 40))
    salvages $((320 * K)) $((64 * K))
    assert_equal "$(jq -r '.message | contains("backing file base")' log)" true
}

@test "salvage: a data file that is too short" {
    make_data data_file=data
    truncate -s $((512 * K)) data
    salvages $((512 * K)) $((512 * K))
}

@test "salvage: a snapshot" {
    make_data
    qemu-img snapshot -q -c s image
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 40))
    write_image image 'write -q -P 0x77 0 64k'
    run_qcow2_info cat --salvage --snapshot s -o out image
    assert_status 1
    zero_ranges $((320 * K)) $((64 * K))
    assert_same_bytes out want
}

# ---- Reports ---------------------------------------------------------------------------------------------

@test "salvage: the log, byte for byte" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 40))
    poke_l2_entry image $((640 * K)) $((COPIED | 1 << 20 | 512))
    run_qcow2_info cat --salvage --salvage-log log -o out image
    assert_status 1
    assert_equal "$(wc -l <log)" 2
    local first='{"start":327680,"length":65536,"code":"truncated","message":"guest offset 327680: '
    [[ $(head -n 1 log) == "$first"*'","offset":1099511627776}' ]] || fail "$(head -n 1 log)"
    first='{"start":655360,"length":65536,"code":"corrupt","message":"guest offset 655360: '
    [[ $(tail -n 1 log) == "$first"*'}' ]] || fail "$(tail -n 1 log)"
    assert_equal "$(jq -c keys_unsorted log | sort -u)" '["start","length","code","message","offset"]'
}

@test "salvage: standard error, line by line" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 40))
    poke_l2_entry image $((640 * K)) $((COPIED | 1 << 20 | 512))
    run_qcow2_info cat --salvage -o out image
    local errors
    mapfile -t errors <<<"${stderr-}"
    assert_equal "${#errors[@]}" 3
    [[ ${errors[0]} == 'qcow2-info: image: warning: 65536 bytes cannot be read: guest offset 327680: '* ]]
    [[ ${errors[0]} == *'(at offset 1099511627776)' ]]
    [[ ${errors[1]} == 'qcow2-info: image: warning: 65536 bytes cannot be read: guest offset 655360: '* ]]
    assert_equal "${errors[2]}" 'qcow2-info: image: 131072 bytes, in 2 ranges, could not be read and are zeros'
}

@test "salvage: a range of the disk has only its own faults" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 40))
    run_qcow2_info cat --salvage --salvage-log log --offset $((330 * K)) --length $((100 * K)) -o out image
    assert_status 1
    zero_ranges $((320 * K)) $((64 * K))
    cmp out <(tail -c +$((330 * K + 1)) want | head -c $((100 * K)))
    assert_equal "$(jq -c '[.start, .length]' log)" "[$((330 * K)),$((54 * K))]"
    run_qcow2_info cat --salvage --salvage-log log --offset $((384 * K)) -o out image
    assert_status 0
    cmp out <(tail -c +$((384 * K + 1)) raw)
    assert_equal "$(stat -c %s log)" 0
}

@test "salvage: without --salvage the first fault ends it" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 40))
    run_qcow2_info cat -o out image
    assert_status 1
    assert_equal "$(stat -c %s out)" $((320 * K))
}

@test "salvage: the log of an earlier run is emptied" {
    make_data
    echo earlier >log
    run_qcow2_info cat --salvage --salvage-log log -o out image
    assert_status 0
    assert_equal "$(stat -c %s log)" 0
}

@test "salvage: a log that cannot be created is an error before any byte is written" {
    make_data
    run_qcow2_info cat --salvage --salvage-log missing/log image
    assert_status 1
    assert_output ''
    assert_one_error image missing/log 'No such file'
}

@test "salvage: a log on a full device is an error, but all bytes are written" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 40))
    run_qcow2_info cat --salvage --salvage-log /dev/full -o out image
    assert_status 1
    assert_stderr_contains 'salvage log'
    zero_ranges $((320 * K)) $((64 * K))
    assert_same_bytes out want
}

# refused_log FILE NAME: the log would overwrite FILE, which is an input
refused_log() {
    local before
    before=$(sha256sum <"$1")
    run_qcow2_info cat --salvage --salvage-log "$2" -o out image
    assert_equal "$(sha256sum <"$1")" "$before" || return
    assert_status 1 || return
    assert_one_error image || assert_stderr_contains "$2"
}

@test "salvage: the image as its own log is refused and not harmed" {
    make_data
    refused_log image image
}

@test "salvage: the image as its own log by another name is refused and not harmed" {
    make_data
    ln image hard
    refused_log image hard
}

@test "salvage: a backing file as the log is refused and not harmed" {
    make_data
    mv image base
    make_layer image 1M '' base qcow2
    refused_log base base
}

# log_is_output LOG [-o OUTPUT]: refused, whatever the names; standard output is the file redirected
log_is_output() {
    local log=$1
    shift
    echo precious >out
    run --separate-stderr bash -c '"$QCOW2_INFO" cat --salvage --salvage-log "$@" image >>redirected' bash "$log" "$@"
    assert_status 1 || return
    assert_one_error image "salvage log $log: it is the same file as the output" || return
    assert_equal "$(<out)" precious || return
    assert_equal "$(stat -c %s redirected)" 0
}

@test "salvage: the output as the log is refused and not emptied" {
    make_data
    ln -s out link
    : >out
    ln out hard
    log_is_output out -o out
    log_is_output out -o ./out
    log_is_output link -o out
    log_is_output out -o link
    log_is_output hard -o out
    log_is_output redirected
    log_is_output /dev/stdout
    run bash -c '"$QCOW2_INFO" cat --salvage --salvage-log /dev/stdout image | cat'
    assert_output_contains 'it is the same file as the output'
}

@test "salvage: output and log into /dev/null" {
    make_data
    run_qcow2_info cat --salvage --salvage-log /dev/null -o /dev/null image
    assert_status 0
}

@test "salvage: no file is emptied when the log or the output cannot be opened" {
    make_data
    echo precious >out
    echo earlier >log
    run_qcow2_info cat --salvage --salvage-log missing/log -o out image
    assert_status 1
    assert_one_error image missing/log 'No such file'
    assert_equal "$(<out)" precious
    run_qcow2_info cat --salvage --salvage-log image -o out image
    assert_status 1
    assert_equal "$(<out)" precious
    run_qcow2_info cat --salvage --salvage-log log -o missing/out image
    assert_status 1
    assert_one_error missing/out 'No such file'
    assert_equal "$(<log)" earlier
}

@test "salvage: --salvage-log without --salvage is a usage error" {
    make_data
    run_qcow2_info cat --salvage-log log image
    assert_status 64
    assert_output ''
    assert_stderr_contains '--salvage-log needs --salvage'
    [[ ! -e log ]] || fail 'a log was made'
}

@test "salvage: --sparse always and never give the same bytes" {
    make_compressed
    damage_compressed $((320 * K))
    zero_ranges $((320 * K)) $((64 * K))
    local when
    for when in auto always never; do
        rm -f out
        run_qcow2_info cat --salvage --sparse $when -o out image
        assert_status 1
        assert_same_bytes out want
    done
}

@test "salvage: into an existing file, lost ranges are zeros" {
    make_data
    poke_l2_entry image $((320 * K)) $((COPIED | 1 << 40))
    zero_ranges $((320 * K)) $((64 * K))
    head -c 2M /dev/zero | tr '\0' '\377' >out
    run_qcow2_info cat --salvage -o out image
    assert_same_bytes out want
    head -c 1M /dev/zero | tr '\0' '\377' >out
    qcow2_info cat --salvage image 1<>out 2>errors || true
    assert_same_bytes out want
}
