#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# How cat writes: holes, full disks, closed pipes, signals, memory.

load ../helpers/load
load ../helpers/tables
load ../helpers/effort

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

@test "output of another program follows the disk" {
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

# ended_with TEXT: the last run failed with one line that has it
ended_with() {
    assert_status 1 || return
    assert_output '' || return
    [[ ${stderr-} == 'qcow2-info: '*"$1"* && $stderr != *$'\n'* ]] || fail "expected one line with: $1" "$(show_run)"
}

@test "a file that may not grow ends it with an error, whatever the jobs" {
    make_disk
    local jobs sparse
    for jobs in 1 2 8; do
        for sparse in auto always never; do
            rm -f got
            # The limit is in KiB. A signal that is ignored stays so.
            run --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 2560; timeout "$PROGRAM_SECONDS" "$QCOW2_INFO" "$@"' bash \
                cat --jobs $jobs --sparse $sparse disk.qcow2 -o got
            ended_with 'cannot write the output: File too large' || fail "$jobs jobs, --sparse $sparse"
            [[ $(stat -c %s got) -le $((2560 * 1024)) ]] || fail "$jobs jobs, --sparse $sparse: $(stat -c %s got) bytes"
            cmp -n "$(stat -c %s got)" got want
        done
    done
}

@test "a closed pipe whose signal is ignored ends it at once with an error" {
    make_disk
    # Zeros for years.
    qemu-img create -q -f qcow2 -o cluster_size=2M huge.qcow2 2P
    local image jobs
    for image in disk.qcow2 huge.qcow2; do
        for jobs in 1 2 8; do
            run --separate-stderr bash -o pipefail -c \
                'timeout "$PROGRAM_SECONDS" env --ignore-signal=PIPE "$QCOW2_INFO" cat --jobs "$1" "$2" | head -c 1 >/dev/null' bash \
                $jobs $image
            ended_with 'cannot write the output: Broken pipe' || fail "$jobs jobs, $image"
        done
    done
}

@test "a closed pipe ends it at once" {
    make_disk
    local jobs
    for jobs in 1 2 8; do
        run bash -o pipefail -c 'timeout "$PROGRAM_SECONDS" "$1" cat --jobs "$2" disk.qcow2 | head -c 1 >/dev/null' - \
            "$QCOW2_INFO" $jobs
        [[ $status -eq 141 ]] || fail "status $status with $jobs jobs"
    done
}

@test "SIGINT ends it at once" {
    require_tool qemu-img
    # Two pebibytes of zeros into a pipe without a reader.
    qemu-img create -q -f qcow2 -o cluster_size=2M huge.qcow2 2P
    mkfifo pipe
    exec 8<>pipe
    # A background job of a shell ignores SIGINT, so it is given back first.
    env --default-signal=INT "$QCOW2_INFO" cat --jobs 2 huge.qcow2 >pipe 8<&- &
    local writer=$! status=0
    # It runs once it has written something.
    head -c 1 <&8 >/dev/null
    kill -INT $writer
    wait $writer || status=$?
    exec 8<&-
    assert_equal $status 130
}

@test "--progress shows how far it is, on standard error alone" {
    make_disk
    qcow2_info cat --progress disk.qcow2 >got 2>shown
    assert_same_bytes got want
    # Whole lines, without a byte that moves a terminal's cursor.
    grep -qE '^100%  16 MiB of 16 MiB  [0-9.]+ [KMG]iB/s  0:00:00 left$' <(tail -n 1 shown)
    [[ $(tr -d '\n' <shown) != *[[:cntrl:]]* ]]
    assert_equal "$(tail -c 1 shown | od -An -tx1)" ' 0a'
}

@test "--progress=json shows it as one object a line, the last one at the end" {
    local jobs
    make_disk
    for jobs in 1 4; do
        qcow2_info cat --jobs $jobs --progress=json disk.qcow2 >got 2>shown
        assert_same_bytes got want
        assert_equal "$(tail -n 1 shown)" '{"done":16777216,"total":16777216}'
        jq -e -s 'all(keys == ["done", "total"] and .total == 16777216) and (map(.done) | . == sort)' shown >out
    done
    qcow2_info cat --progress=json --offset 1M --length 300000 disk.qcow2 >got 2>shown
    assert_equal "$(tail -n 1 shown)" '{"done":300000,"total":300000}'
    qcow2_info cat --progress=json --length 0 disk.qcow2 >got 2>shown
    assert_equal "$(<shown)" '{"done":0,"total":0}'
}

@test "--progress=json goes on while the reader waits" {
    require_tool qemu-img
    qemu-img create -q -f qcow2 hole.qcow2 4G
    # The clock has started at the first byte, and the rest does not fit into the pipe.
    qcow2_info cat --progress=json hole.qcow2 2>shown | { head -c 1 >got && sleep 2 && cat >/dev/null; }
    jq -e -s 'length >= 2 and .[0].done < .[0].total and .[-1].done == .[-1].total' shown
}

@test "--progress=json: the last line of failed work has the bytes done" {
    make_image image 1M '' 'write -q -c -P 1 0 64k' 'write -q -c -P 1 512k 64k'
    poke image "$(host_offset image $((512 << 10)))" 'ffffffff ffffffff ffffffff ffffffff'
    run_qcow2_info cat --progress=json -o got image
    assert_status 1
    jq -e -s '.[-1] | .total == 1048576 and .done <= 524288' <(grep '^{' <<<"$stderr")
    assert_equal "$(grep -c -v '^{' <<<"$stderr")" 1
}

@test "--progress takes json or no value" {
    make_disk
    run_qcow2_info cat --progress=text disk.qcow2 -o got
    assert_status 64
    assert_stderr_contains '--progress takes json or no value, not "text"'
    # A word behind it is the image.
    run_qcow2_info cat --progress json -o got
    assert_status 1
    assert_stderr_contains 'json: cannot open'
}

@test "there is no progress without a terminal" {
    make_disk
    run_qcow2_info cat disk.qcow2 -o got
    assert_status 0
    assert_equal "$stderr" ''
}

# A shell command that copies its input to the file got. It pauses after the first byte: the program has
# started its clock then, and cannot write the rest before. So progress is due at the next write.
PAUSING_READER='head -c 1 >got; sleep 2; cat >>got'

@test "--progress shows how far it is within a hole" {
    require_tool qemu-img
    qemu-img create -q -f qcow2 hole.qcow2 4G
    local jobs
    for jobs in 1 2; do
        rm -f got
        qcow2_info cat --jobs $jobs --progress hole.qcow2 2>shown | { head -c 1 >got && sleep 2 && cat >/dev/null; }
        grep -Eq '^ *[0-9]{1,2}%  [0-9.]+ [KMG]iB of 4 GiB' shown || fail "jobs $jobs" "$(<shown)"
    done
}

@test "a fault before a hole ends it at once, even if zeros are written" {
    make_image image 64G cluster_size=2M 'write -q -c -P 1 0 8M'
    poke image "$(host_offset image 0)" 'ffffffff ffffffff ffffffff ffffffff'
    local jobs
    for jobs in 1 2 8; do
        run bash -c 'ulimit -f 1048576 && timeout "$PROGRAM_SECONDS" "$1" cat --jobs "$2" --sparse never -o got image' - \
            "$QCOW2_INFO" $jobs
        assert_status 1
        assert_output_contains 'guest offset 0'
        assert_equal "$(stat -c %s got)" 0
        run bash -o pipefail -c 'timeout "$PROGRAM_SECONDS" "$1" cat --jobs "$2" image | wc -c' - "$QCOW2_INFO" $jobs
        assert_status 1
        assert_output_contains 'guest offset 0'
        assert_equal "${lines[-1]}" 0
    done
}

# on_terminal ARGUMENT...: cat of disk.qcow2, whose standard error is a terminal, into a pipe that the command
# $READER empties; what the terminal shows is in the file shown
on_terminal() {
    command -v script >/dev/null || skip 'machine: no program script'
    rm -f got
    script -qec "'$QCOW2_INFO' cat $* disk.qcow2 | { $READER; }" /dev/null </dev/null >shown
    assert_same_bytes got want
}

PROGRESS_LINE='^ *[0-9]+%  [0-9.]+ [KM]iB of 16 MiB  [0-9.]+ [KMG]iB/s  [0-9]+:[0-5][0-9]:[0-5][0-9] left'

@test "progress on a terminal: bytes done, total, speed and time left" {
    make_disk
    local jobs
    for jobs in 1 4; do
        READER=$PAUSING_READER on_terminal --jobs $jobs
        tr '\r' '\n' <shown | grep -qE "$PROGRESS_LINE" || fail "$(<shown)"
        # The line is gone in the end.
        [[ $(<shown) == *$'\r\e[K' ]] || fail "$(<shown)"
    done
}

@test "there is no progress on a terminal with --no-progress" {
    make_disk
    # In a second it would be shown.
    READER='sleep 1; cat >got' on_terminal --no-progress
    [[ ! -s shown ]] || fail "$(<shown)"
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
    limit_effort 50
    run_qcow2_info map --json huge.qcow2
    assert_status 0
    assert_output '{"start":0,"length":2305843009213693952,"allocated":false,"zero":true,"compressed":false}'
}

# ---- Copies inside the kernel --------------------------------------------------------------------------

# A disk of 16 MiB of data that are stored as they are.
make_plain() {
    require_tool qemu-img qemu-io strace
    # It fails where a program may not trace another one.
    strace -o probe true 2>strace.log || skip "machine: strace cannot trace: $(head -n 1 strace.log)"
    qemu-img create -q -f qcow2 plain.qcow2 16M
    qemu-io -f qcow2 -c 'write -q -P 1 0 16M' plain.qcow2
    qemu-img convert -f qcow2 -O raw plain.qcow2 want
}

# bytes_by CALL...: the bytes that these calls returned, by the file trace
bytes_by() {
    local calls=$*
    # With threads a call may be in two lines, of which the last one ends with what it returned.
    awk -v calls="^(${calls// /|})$" '
        { call = $0; sub(/^[0-9]+ +/, "", call); sub(/^<\.\.\. /, "", call); sub(/[( ].*/, "", call) }
        call ~ calls && / = [0-9]+$/ { sum += $NF }
        END { print sum + 0 }' trace
}

traced_cat() {
    # LeakSanitizer does not work under strace.
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" timeout "$PROGRAM_SECONDS" \
        strace -f -e trace=copy_file_range,splice,pwrite64 -o trace \
        "$QCOW2_INFO" cat "$@" plain.qcow2
}

@test "plain data is copied from file to file inside the kernel" {
    make_plain
    local jobs
    for jobs in 1 2 8; do
        rm -f got
        traced_cat --jobs $jobs -o got
        assert_same_bytes got want
        ! grep -qE 'copy_file_range.* = -1 (ENOSYS|EXDEV|EOPNOTSUPP) ' trace || skip 'machine: no copy_file_range here'
        assert_equal "$(bytes_by copy_file_range)" $((16 * 1024 * 1024))
        assert_equal "$(bytes_by pwrite64)" 0
        traced_cat --jobs $jobs >redirected
        assert_same_bytes redirected want
        assert_equal "$(bytes_by copy_file_range)" $((16 * 1024 * 1024))
    done
}

@test "plain data is copied into a pipe inside the kernel" {
    make_plain
    local jobs
    for jobs in 1 2 8; do
        traced_cat --jobs $jobs | cmp - want
        assert_equal "$(bytes_by splice)" $((16 * 1024 * 1024))
    done
}
