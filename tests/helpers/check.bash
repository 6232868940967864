# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# `check` beside `qemu-img check`. To be sourced; $QCOW2_INFO is the program.

CHECK_RULES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/check.jq

# A check that takes longer hangs, on any machine: it needs milliseconds.
HANG_SECONDS=1800

# limited_check OPTION...: check, whose status is 124 when it hangs
limited_check() {
    timeout -k 5 "$HANG_SECONDS" "$QCOW2_INFO" check "$@"
}

# compare_checks IMAGE: prints "same", or the rules by which both may differ, one a line, with status 0;
# else a line that begins with DIFFERENCE, and more lines, with status 1. Uses the files check.ours,
# check.theirs and check.messages in the current folder.
compare_checks() {
    local ours theirs answer
    limited_check --json --max-findings 1000000 "$1" >check.ours 2>check.errors
    ours=$?
    # Without the backing file, which has no part in it.
    timeout -k 5 "$HANG_SECONDS" qemu-img check --output=json \
        "json:{'driver':'qcow2','file':{'driver':'file','filename':'$1'},'backing':null}" >check.theirs 2>check.messages
    theirs=$?
    check_answer_is_sound "$1" "$ours" || return
    if ((theirs > 63)); then
        echo "rule: qemu-img did not end by itself (status $theirs)"
        return
    fi
    answer=$(jq -n -r --argjson our_status "$ours" --argjson their_status "$theirs" \
        --slurpfile ours check.ours --slurpfile theirs check.theirs --rawfile messages check.messages \
        --rawfile errors check.errors --argjson snapshots "$((0x$(od -An -v -tx1 -j 60 -N 4 -- "$1" | tr -d ' \n')))" \
        -f "$CHECK_RULES" 2>&1) || answer="DIFFERENCE: cannot be compared: $answer"
    printf '%s\n' "$answer"
    [[ $answer != DIFFERENCE* ]]
}

# check_answer_is_sound IMAGE STATUS: a status that check has, and at most one line a problem
check_answer_is_sound() {
    if (($2 != 0 && $2 != 1 && $2 != 2 && $2 != 3)); then
        echo "DIFFERENCE: check $1: status $2: $(head -c 2000 check.errors)"
        return 1
    fi
    if [[ $(wc -l <check.errors) -ne $(($2 == 1)) ]]; then
        echo "DIFFERENCE: check $1: status $2, and on standard error: $(head -c 2000 check.errors)"
        return 1
    fi
}
