# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Limits of work that hold on any machine, under any load and with sanitizers; load helpers/load first.
#
# A unit is the CPU time that the program itself takes, in the same run, to check a disk of 16 Mi clusters: a
# tenth of a second on a machine of 2022. Limits are far above what the right way takes, and far below
# what a wrong one takes.

# effort UNITS: prints them as whole CPU seconds, for ulimit -t
effort() {
    local known=$BATS_FILE_TMPDIR/effort
    [[ -s $known ]] || calibrate >"$known" || return
    echo $(($1 * $(<"$known") / 1000 + 2))
}

# Prints the CPU milliseconds of a unit. Repeats it until it can be seen on a clock that ticks.
calibrate() {
    local image=$BATS_FILE_TMPDIR/effort.image runs=0 sum=0 user system TIMEFORMAT='%3U %3S'
    require_tool qemu-img || return
    qemu-img create -q -f qcow2 -o preallocation=metadata "$image" 1T || return
    while ((runs < 20 && sum < 300)); do
        read -r user system < <({ time qcow2_info check "$image" >/dev/null 2>&1; } 2>&1)
        sum=$((sum + 10#${user/./} + 10#${system/./}))
        runs=$((runs + 1))
    done
    rm "$image"
    # A kernel that counts nothing leaves the limits where they are on a fast machine.
    echo $((sum / runs > 50 ? sum / runs : 50))
}

# limit_effort UNITS [KIB]: the commands that follow in this subshell may take so much, and so much address
# space. A program with a sanitizer in it reserves any amount of that.
limit_effort() {
    local seconds
    seconds=$(effort "$1") || return
    [[ -z ${2:-} ]] || is_sanitized || ulimit -v "$2"
    ulimit -t "$seconds"
}

# make_measure: for setup_file: the program of tests/bench/measure.c as $MEASURE
make_measure() {
    require_tool cc || return
    export MEASURE=$BATS_FILE_TMPDIR/measure
    cc -D_GNU_SOURCE -pthread -o "$MEASURE" "$TOP/tests/bench/measure.c"
}

# peak_below MIB ARGUMENT...: the program takes less memory than so many MiB, and ends with $ENDS_WITH (default:
# 0); its output is in "got". Sanitizers take memory of their own: with them it only has to end so.
peak_below() {
    local limit=$1 line status=0
    shift
    line=$(timeout -k 5 "$PROGRAM_SECONDS" "$MEASURE" got "$QCOW2_INFO" "$@") || status=$?
    [[ $status -eq ${ENDS_WITH:-0} ]] || fail "$*: status $status" || return
    is_sanitized || ((${line##* } < limit * 1024)) || fail "$*: ${line##* } KiB of memory, $limit MiB allowed"
}
