#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# How cat writes: holes, full disks, closed pipes, signals, memory.

load helpers/load
load helpers/tables

# 16 MiB with data, compressed data, zeros that are written down, blocks of zeros within data, and
# holes.
make_disk() {
    require_tool qemu-img qemu-io
    qemu-img create -q -f qcow2 disk.qcow2 16M
    qemu-io -f qcow2 -c 'write -q -P 1 0 1M' -c 'write -q -P 0 1M 1M' -c 'write -q -c -P 2 4M 1M' \
        -c 'write -q -z 8M 1M' disk.qcow2
    qemu-img convert -f qcow2 -O raw disk.qcow2 want
}

# Bytes of a file on disk.
on_disk() {
    echo $(($(stat -c %b "$1") * 512))
}

@test "cat -o leaves holes where the disk has no data" {
    make_disk
    qcow2_info cat disk.qcow2 -o got
    assert_same_bytes got want
    (($(on_disk got) <= 3 * 1024 * 1024 + 65536))
    (($(on_disk got) >= 3 * 1024 * 1024))
}

@test "a redirection to an empty file leaves holes too" {
    make_disk
    qcow2_info cat disk.qcow2 >got
    assert_same_bytes got want
    (($(on_disk got) <= 3 * 1024 * 1024 + 65536))
}

@test "--sparse always leaves holes for zeros in data" {
    make_disk
    qcow2_info cat --sparse always disk.qcow2 -o got
    assert_same_bytes got want
    (($(on_disk got) <= 2 * 1024 * 1024 + 65536))
}

@test "--sparse never writes every zero" {
    make_disk
    qcow2_info cat --sparse never disk.qcow2 -o got
    assert_same_bytes got want
    (($(on_disk got) >= 16 * 1024 * 1024))
}

@test "--sparse never copies no hole of the image" {
    require_tool strace
    strace -o probe true 2>strace.log || skip "machine: strace cannot trace: $(head -n 1 strace.log)"
    make_disk
    # LeakSanitizer does not work under strace.
    ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" strace -f -e trace=copy_file_range -o trace \
        "$QCOW2_INFO" cat --sparse never disk.qcow2 -o got
    assert_same_bytes got want
    ! grep copy_file_range trace || fail 'the kernel copies'
}

@test "a pipe that does not block is waited for" {
    make_disk
    local jobs
    for jobs in 1 2; do
        # What dd sets stays with the pipe.
        {
            dd count=0 oflag=nonblock status=none </dev/null
            qcow2_info cat --jobs $jobs disk.qcow2
        } | {
            sleep 0.5
            cat >got
        }
        assert_same_bytes got want
    done
}

@test "what another program writes behind the disk follows it" {
    make_disk
    { qcow2_info cat disk.qcow2 && echo end; } >got
    { cat want && echo end; } >expected
    assert_same_bytes got expected
}

@test "a range is written from the start of the file" {
    make_disk
    qcow2_info cat --offset 4097 --length 5M disk.qcow2 -o got
    tail -c +4098 want | head -c 5M | cmp - got
}

@test "a full disk ends it with an error, whatever the jobs" {
    [[ $(id -u) -eq 0 ]] || skip 'machine: mounting a small file system takes root'
    make_disk
    mkdir small
    mount -t tmpfs -o size=1M none small || skip 'machine: no tmpfs can be mounted'
    local jobs failed=
    for jobs in 1 2 8; do
        run_qcow2_info cat --jobs $jobs disk.qcow2 -o small/out
        [[ $status -eq 1 && ${stderr-} == *'No space left on device'* ]] || failed=$jobs
    done
    umount small
    [[ -z $failed ]] || fail "jobs $failed" "$(show_run)"
}

@test "a closed pipe ends it at once" {
    make_disk
    local jobs
    for jobs in 1 2 8; do
        run bash -o pipefail -c 'timeout 20 "$1" cat --jobs "$2" disk.qcow2 | head -c 1 >/dev/null' - \
            "$QCOW2_INFO" $jobs
        [[ $status -eq 141 ]] || fail "status $status with $jobs jobs"
    done
}

@test "SIGINT ends it at once" {
    require_tool qemu-img
    # Two pebibytes of zeros into a pipe that nobody empties.
    qemu-img create -q -f qcow2 -o cluster_size=2M huge.qcow2 2P
    mkfifo pipe
    # shellcheck disable=SC2217 # it only keeps the pipe open
    sleep 60 <pipe &
    local reader=$!
    # A background job of a shell ignores SIGINT, so it is given back first.
    env --default-signal=INT "$QCOW2_INFO" cat --jobs 2 huge.qcow2 >pipe &
    local writer=$!
    sleep 0.5
    kill -INT $writer
    local status=0
    wait $writer || status=$?
    kill $reader
    assert_equal $status 130
}

@test "--progress shows how far it is, on standard error alone" {
    make_disk
    qcow2_info cat --progress disk.qcow2 >got 2>shown
    assert_same_bytes got want
    grep -q '100%  16 MiB of 16 MiB' shown
}

@test "there is no progress on what is no terminal" {
    make_disk
    run_qcow2_info cat disk.qcow2 -o got
    assert_status 0
    assert_equal "$stderr" ''
}

@test "--progress shows how far it is within a hole" {
    require_tool qemu-img
    qemu-img create -q -f qcow2 hole.qcow2 4G
    local jobs
    for jobs in 1 2; do
        qcow2_info cat --jobs $jobs --progress hole.qcow2 2>shown | { sleep 0.5 && cat >/dev/null; }
        grep -Eq '[ \r][ 0-9][0-9]%  [0-9.]+ [KMG]iB of 4 GiB' shown || fail "jobs $jobs" "$(<shown)"
    done
}

@test "a fault in front of a hole ends it at once, also where zeros are written" {
    make_image image 64G cluster_size=2M 'write -q -c -P 1 0 8M'
    poke image "$(host_offset image 0)" 'ffffffff ffffffff ffffffff ffffffff'
    local jobs
    for jobs in 1 2 8; do
        run bash -c 'ulimit -f 1048576 && timeout 20 "$1" cat --jobs "$2" --sparse never -o got image' - \
            "$QCOW2_INFO" $jobs
        assert_status 1
        assert_output_contains 'guest offset 0'
        assert_equal "$(stat -c %s got)" 0
        run bash -o pipefail -c 'timeout 20 "$1" cat --jobs "$2" image | wc -c' - "$QCOW2_INFO" $jobs
        assert_status 1
        assert_output_contains 'guest offset 0'
        assert_equal "${lines[-1]}" 0
    done
}

@test "--no-progress is accepted" {
    make_disk
    run_qcow2_info cat --no-progress disk.qcow2 -o got
    assert_status 0
    assert_equal "$stderr" ''
}

@test "a disk of 2 EiB with an empty L1 table is mapped at once" {
    require_tool qemu-img
    qemu-img create -q -f qcow2 -o cluster_size=2M huge.qcow2 2E
    run timeout 5 "$QCOW2_INFO" map --json huge.qcow2
    assert_status 0
    assert_output '{"start":0,"length":2305843009213693952,"allocated":false,"zero":true,"compressed":false}'
}
