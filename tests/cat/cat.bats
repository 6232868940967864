#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# qcow2-info cat: ranges, where the bytes go, and what an image cannot give.

load ../helpers/load
load ../helpers/tables

# A disk of 2 MiB in clusters of 64 KiB: data, compressed data, zeros and holes.
make_mixed() {
    seq 40000 >text # no two places of it are alike
    make_image "$1" 2M "${2:-}" \
        'write -q -P 0x41 0 128k' \
        'write -q -c -s text 256k 192k' \
        'write -q -z 512k 64k' \
        'write -q -P 0x43 700k 1000' \
        'write -q -P 0 1M 256k' \
        'write -q -P 0x44 2047k 1k'
}

# ---- A range of the disk ------------------------------------------------------------------------

@test "cat: --offset and --length choose a range" {
    make_mixed image
    local range
    for range in 0:1 1:0 65535:2 131071:2 262144:65536 300000:1 300001:100000 500000:700000 \
        716799:1002 2097151:1 1:2097151; do
        guest_bytes_equal image --offset "${range%:*}" --length "${range#*:}"
    done
}

@test "cat: --offset alone goes to the end of the disk" {
    make_mixed image
    guest_bytes_equal image --offset 262145
    guest_bytes_equal image --offset 2097151
}

@test "cat: --length alone begins at the start" {
    make_mixed image
    guest_bytes_equal image --length 300001
}

@test "cat: a range into a file is the same" {
    make_mixed image
    make_raw image raw
    run_qcow2_info cat --offset 300001 --length 1000000 -o out image
    assert_status 0
    tail -c +300002 raw | head -c 1000000 | cmp - out
}

@test "cat: a length past the end is clipped" {
    make_mixed image
    make_raw image raw
    guest_bytes_equal image --offset 2097000 --length 1048576
    qcow2_info cat --length 18446744073709551615 image | cmp - raw
    tail -c +2 raw >rest
    qcow2_info cat --offset 1 --length 18446744073709551615 image | cmp - rest
}

@test "cat: the end of the disk is a valid offset without data" {
    make_mixed image
    run_qcow2_info cat --offset 2M image
    assert_status 0
    assert_output ''
}

@test "cat: an offset past the end is an error" {
    make_mixed image
    run_qcow2_info cat --offset 2097153 image
    assert_status 1
    assert_output ''
    assert_one_error image 2097153 2097152
}

@test "cat: an offset past the end leaves the output alone" {
    make_mixed image
    echo precious >out
    run_qcow2_info cat --offset 3M -o out image
    assert_status 1
    assert_equal "$(<out)" precious
}

@test "cat: a length of 0 writes no bytes" {
    make_mixed image
    run_qcow2_info cat --offset 256K --length 0 image
    assert_status 0
    assert_output ''
}

@test "cat: offset and length have units of 1024" {
    make_mixed image
    qcow2_info cat --offset 64K --length 1M image >units
    qcow2_info cat --offset 65536 --length 1048576 image >numbers
    assert_equal "$(stat -c %s units)" 1048576
    assert_same_bytes units numbers
    qcow2_info cat --offset=64kib --length=1mb image | cmp - numbers
}

@test "cat: an empty disk has no bytes" {
    make_image image 0 ''
    run_qcow2_info cat image
    assert_status 0
    assert_output ''
    run_qcow2_info cat -o out image
    assert_status 0
    assert_equal "$(stat -c %s out)" 0
}

@test "cat: the size of the disk need not be a multiple of anything" {
    make_mixed image
    make_raw image raw
    local size
    for size in 2097151 2096641 2000000 1048577 716801 131073 65537 511 1; do
        poke_field image size "$size"
        truncate -s "$size" raw
        qcow2_info cat image | cmp - raw
        qcow2_info cat -o out image
        assert_same_bytes out raw
    done
}

@test "cat: an odd size over a backing file" {
    make_image base 1M '' 'write -q -P 0x21 0 1M'
    make_layer image 2M '' base qcow2 'write -q -P 0x22 512k 100k'
    make_raw image raw
    poke_field image size 1000001
    truncate -s 1000001 raw
    qcow2_info cat image | cmp - raw
}

@test "cat: past the end of a backing file of odd size are zeros" {
    make_image base 1M '' 'write -q -P 0x21 0 1M'
    make_layer image 2M '' base qcow2 'write -q -P 0x22 512k 100k'
    make_raw image raw
    poke_field base size 1048001
    truncate -s 1048001 raw
    truncate -s 2M raw
    qcow2_info cat image | cmp - raw
    qcow2_info cat -o out image
    assert_same_bytes out raw
}

# ---- Where the bytes go -------------------------------------------------------------------------------

@test "cat: -o writes a file" {
    make_mixed image
    make_raw image raw
    run_qcow2_info cat -o out image
    assert_status 0
    assert_output ''
    assert_equal "${stderr-}" ''
    assert_same_bytes out raw
    run_qcow2_info cat --output=out2 image
    assert_same_bytes out2 raw
}

@test "cat: -o - is standard output" {
    make_mixed image
    make_raw image raw
    qcow2_info cat -o - image | cmp - raw
    [[ ! -e ./- ]] || fail 'a file called - was made'
}

@test "cat: the old contents of the file are replaced" {
    make_mixed image
    make_raw image raw
    head -c 3M /dev/urandom >out
    qcow2_info cat -o out image
    assert_same_bytes out raw
}

# Bytes that a file takes on disk.
allocated() {
    echo $(($(stat -c '%b * %B' "$1")))
}

# Skips where a file system keeps no holes.
require_holes() {
    truncate -s 1M holes
    [[ $(allocated holes) -lt 524288 ]] || skip 'machine: the file system keeps no holes'
}

@test "cat: holes and zeros of the disk are holes of the file" {
    require_holes
    make_image image 64M '' 'write -q -P 0x41 32M 64k' 'write -q -z 48M 1M'
    qcow2_info cat -o out image
    qcow2_info cat image >redirected
    assert_equal "$(stat -c %s out) $(stat -c %s redirected)" '67108864 67108864'
    [[ $(allocated out) -le 1048576 ]] || fail "-o: $(allocated out) bytes on disk"
    [[ $(allocated redirected) -le 1048576 ]] || fail "redirected: $(allocated redirected) bytes on disk"
}

@test "cat: --sparse never leaves no holes" {
    require_holes
    make_mixed image
    make_raw image raw
    qcow2_info cat --sparse never -o out image
    [[ $(allocated out) -ge 2097152 ]] || fail "$(allocated out) bytes on disk"
    assert_same_bytes out raw
}

@test "cat: zeros that are data stay data, unless --sparse always" {
    require_holes
    # No copy of an image: cp makes holes of its zeros.
    make_new_image image 4M '' 'write -q -P 0 0 4M' 'write -q -P 0x41 1000000 1'
    qcow2_info cat --sparse auto -o auto image
    qcow2_info cat --sparse always -o always image
    [[ $(allocated auto) -ge 4194304 ]] || fail "auto: $(allocated auto) bytes on disk"
    [[ $(allocated always) -le 131072 ]] || fail "always: $(allocated always) bytes on disk"
    assert_same_bytes auto always
    make_raw image raw
    assert_same_bytes always raw
}

@test "cat: --sparse always finds zeros in compressed data too" {
    require_holes
    make_image image 4M '' 'write -q -c -P 0 0 4M'
    qcow2_info cat --sparse always -o out image
    assert_equal "$(stat -c %s out)" 4194304
    [[ $(allocated out) -le 131072 ]] || fail "$(allocated out) bytes on disk"
}

@test "cat: standard output into a file is the same as into a pipe" {
    make_mixed image
    make_raw image raw
    qcow2_info cat image >out
    assert_same_bytes out raw
    qcow2_info cat image | cat >out
    assert_same_bytes out raw
}

@test "cat: a file opened for appending keeps its contents" {
    make_mixed image
    make_raw image raw
    echo 'a line' >out
    qcow2_info cat image >>out
    { echo 'a line' && cat raw; } | cmp - out
    : >empty
    qcow2_info cat image >>empty
    assert_same_bytes empty raw
}

@test "cat: output of other programs before and after it stays in place" {
    make_mixed image
    make_raw image raw
    { echo before && qcow2_info cat image && echo between && qcow2_info cat image && echo after; } >out
    { echo before && cat raw && echo between && cat raw && echo after; } | cmp - out
    { qcow2_info cat image && qcow2_info cat image && echo after; } >out
    { cat raw raw && echo after; } | cmp - out
}

@test "cat: a file that is not emptied is overwritten in place" {
    make_mixed image
    make_raw image raw
    head -c 3M /dev/urandom >out
    tail -c 1M out >rest
    qcow2_info cat image 1<>out
    cat raw rest | cmp - out
}

@test "cat: -o into a fifo" {
    make_mixed image
    make_raw image raw
    mkfifo fifo
    cat fifo >out &
    qcow2_info cat -o fifo image
    wait $!
    assert_same_bytes out raw
}

# refused_as_output FILE COMMAND...: FILE is an input, so nothing is written to it
refused_as_output() {
    local file=$1 before status=0
    shift
    before=$(sha256sum <"$file")
    "$@" 2>stderr || status=$?
    assert_equal "$(sha256sum <"$file")" "$before" || return
    assert_equal "$status" 1 || return
    grep -q 'also an input file' stderr || fail "$(<stderr)"
}

append_to() {
    qcow2_info cat image >>"$1"
}

overwrite() {
    qcow2_info cat image 1<>"$1"
}

@test "cat: the image as output is refused and not harmed" {
    make_mixed image
    ln image hard
    ln -s image soft
    local name
    for name in image hard soft; do
        refused_as_output image qcow2_info cat -o "$name" image
        refused_as_output image append_to "$name"
        refused_as_output image overwrite "$name"
    done
    # shellcheck disable=SC2094 # that is what this is about
    refused_as_output image append_to image <image
}

@test "cat: a backing file as output is refused and not harmed" {
    make_image middle 1M '' 'write -q -P 1 0 64k'
    truncate -s 1M base
    qemu-img rebase -u -f qcow2 -b base -F raw middle
    make_layer image 1M '' middle qcow2
    refused_as_output middle qcow2_info cat -o middle image
    refused_as_output base qcow2_info cat -o base image
    refused_as_output base append_to base
}

@test "cat: a data file as output is refused and not harmed" {
    make_image image 1M data_file=data 'write -q -P 1 0 64k'
    refused_as_output data qcow2_info cat -o data image
}

@test "cat: with --no-backing the backing file may be the output" {
    make_image base 1M '' 'write -q -P 1 0 64k'
    make_layer image 1M '' base qcow2 'write -q -P 2 64k 64k'
    run_qcow2_info cat --no-backing -o base image
    assert_status 0
    assert_equal "$(stat -c %s base)" 1048576
}

@test "cat: an output that cannot be made is named" {
    make_mixed image
    run_qcow2_info cat -o missing/out image
    assert_status 1
    assert_output ''
    assert_one_error missing/out
}

@test "cat: a full device is an error" {
    make_mixed image
    local status=0
    qcow2_info cat image >/dev/full 2>stderr || status=$?
    assert_equal "$status" 1
    grep -qi 'no space left' stderr
    assert_equal "$(wc -l <stderr)" 1
    run_qcow2_info cat -o /dev/full image
    assert_status 1
    assert_stderr_contains 'o space left'
}

@test "cat: a reader that goes away ends it quietly" {
    make_image image 64M '' 'write -q -P 0x41 0 8M'
    local statuses
    timeout "$PROGRAM_SECONDS" env --default-signal=PIPE "$QCOW2_INFO" cat image 2>stderr | head -c 1 >first
    statuses=("${PIPESTATUS[@]}")
    assert_equal "${statuses[0]}" 141
    assert_equal "$(<first)" A
    assert_equal "$(<stderr)" ''
}

@test "cat: a closed standard output is an error" {
    make_mixed image
    local before status=0
    before=$(sha256sum <image)
    qcow2_info cat image >&- 2>stderr || status=$?
    assert_equal "$status" 1
    assert_equal "$(sha256sum <image)" "$before"
}

# ---- Threads --------------------------------------------------------------------------------------------

@test "cat: any number of jobs gives the same bytes" {
    make_image image 8M cluster_size=4k
    seq 1000000 | head -c 4M >text
    write_image image 'write -q -c -s text 0 4M' 'write -q -P 0x41 5M 1M' 'write -q -z 6M 64k'
    make_raw image raw
    local jobs
    for jobs in 1 2 8 256; do
        qcow2_info cat --jobs $jobs image | cmp - raw
        qcow2_info cat --jobs $jobs -o out image
        assert_same_bytes out raw
        qcow2_info cat --jobs $jobs --sparse always -o out image
        assert_same_bytes out raw
    done
}

@test "cat: compressed clusters of two layers, at the same offsets of their files" {
    seq 40000 >text
    make_image base 256K '' 'write -q -c -s text 0 64k' 'write -q -c -s text 128k 64k'
    make_layer image 256K '' base qcow2 'write -q -c -P 0x42 64k 64k' 'write -q -c -P 0x43 192k 64k'
    assert_equal "$(host_offset image 65536)" "$(host_offset base 0)"
    guest_bytes_equal image --jobs 1
    guest_bytes_equal image --jobs 4
}

# ---- The image ----------------------------------------------------------------------------------------

@test "cat: options may stand before and after the image" {
    make_mixed image
    qcow2_info cat --offset 1 --length 9 image >before
    qcow2_info cat image --offset 1 --length 9 >after
    qcow2_info cat --offset 1 image --length 9 >around
    assert_equal "$(<before)" AAAAAAAAA
    assert_same_bytes before after
    assert_same_bytes before around
}

@test "cat: after -- everything is an image" {
    make_mixed image
    mv image ./-o
    run_qcow2_info cat --length 3 -- -o
    assert_status 0
    assert_output AAA
}

@test "cat: an image that is called like a command" {
    make_mixed map
    cp map cat
    run_qcow2_info cat --length 3 map
    assert_output AAA
    run_qcow2_info cat cat --length 3
    assert_output AAA
    run_qcow2_info cat ./map --length 3
    assert_output AAA
}

@test "cat: standard input is the image, named - or not named" {
    make_mixed image
    make_raw image raw
    qcow2_info cat - <image | cmp - raw
    qcow2_info cat <image | cmp - raw
    qcow2_info cat -o out - <image
    assert_same_bytes out raw
}

@test "cat: standard input that was read from already is the whole image" {
    make_mixed image
    make_raw image raw
    { head -c 1000 >/dev/null && qcow2_info cat -; } <image | cmp - raw
}

@test "cat: an image from a pipe" {
    make_mixed image
    make_raw image raw
    # shellcheck disable=SC2002 # a pipe is what this is about
    cat image | qcow2_info cat - | cmp - raw
    # shellcheck disable=SC2002
    cat image | qcow2_info cat | cmp - raw
    qcow2_info cat <(cat image) | cmp - raw
}

@test "cat: from a pipe, backing files are relative to the current folder" {
    make_image base 1M '' 'write -q -P 0x41 0 64k'
    make_layer image 1M '' base qcow2
    run_qcow2_info cat --length 3 - <image
    assert_output AAA
}

@test "cat: data beyond the first 64 MiB of a pipe is an error" {
    make_image image 1M '' 'write -q -P 0x41 0 128k'
    local far=$((80 << 20)) status=0
    truncate -s $((far + 65536)) image
    poke_l2_entry image 65536 $((COPIED | far))
    # shellcheck disable=SC2002
    cat image | qcow2_info cat - >out 2>stderr || status=$?
    assert_equal "$status" 1
    assert_equal "$(stat -c %s out)" 65536
    stderr=$(<stderr)
    assert_one_error - 65536 "$far"
    [[ $stderr != *'past the end of the file'* ]] || fail "it does not know where the file ends: $stderr"
}

@test "cat: an image that is being written is read with a warning" {
    make_mixed image
    make_raw image raw
    mkfifo commands
    qemu-io -f qcow2 image <commands >answers 2>&1 &
    exec 9>commands
    echo length >&9
    until grep -q iB answers; do
        kill -0 $! || fail "qemu-io does not answer: $(<answers)"
        sleep 0.05
    done
    run_qcow2_info cat -o out image
    exec 9>&-
    wait $!
    assert_status 0
    assert_one_error image 'warning: another process has the image open for writing'
    assert_same_bytes out raw
}

@test "cat: a missing image" {
    run_qcow2_info cat missing
    assert_status 1
    assert_output ''
    assert_one_error missing 'No such file'
}

@test "cat: a folder" {
    mkdir folder
    run_qcow2_info cat folder
    assert_status 1
    assert_output ''
    assert_one_error folder 'directory'
}

@test "cat: an empty file" {
    : >empty
    run_qcow2_info cat empty
    assert_status 1
    assert_output ''
    assert_one_error empty 'not a qcow2 image'
}

@test "cat: a file that is no qcow2 image" {
    seq 100000 >text
    run_qcow2_info cat text
    assert_status 1
    assert_output ''
    assert_one_error text 'not a qcow2 image'
}

@test "cat: a file that cannot be opened" {
    ln -s loop loop
    run_qcow2_info cat loop
    assert_status 1
    assert_output ''
    assert_one_error loop 'cannot open'
}

@test "cat: a name with a line end is printed in one line" {
    local name=$'two\nlines'
    run_qcow2_info cat "$name"
    assert_status 1
    [[ $stderr != *$'\n'* ]] || fail "$stderr"
}
