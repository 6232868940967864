# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# `check` beside `qemu-img check`. To be sourced; $QCOW2_INFO is the program.

CHECK_RULES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/check.jq

# What takes longer hangs, on any machine: a check needs milliseconds, the making of an image seconds.
HANG_SECONDS=1800

# limited_check OPTION...: check, whose status is 124 when it hangs
limited_check() {
    timeout -k 5 "$HANG_SECONDS" "$QCOW2_INFO" check "$@"
}

# compare_checks IMAGE: prints "same", or the rules by which both may differ, one a line, with status 0;
# else a line that begins with DIFFERENCE, and more lines, with status 1. Uses the files check.ours,
# check.theirs, check.errors, check.messages and check.records in the current folder.
compare_checks() {
    note_checks "$1" && judge_checks
}

# note_checks IMAGE [LABEL]: runs both checks and appends their reports to check.records. One judge_checks
# compares many images later, because starting jq takes longer than both checks.
note_checks() {
    local ours=0 theirs=0 snapshots report their_report errors messages
    limited_check --json --max-findings 1000000 "$1" >check.ours 2>check.errors || ours=$?
    # Without the backing file, which has no part in it.
    timeout -k 5 "$HANG_SECONDS" qemu-img check --output=json \
        "json:{'driver':'qcow2','file':{'driver':'file','filename':'$1'},'backing':null}" >check.theirs 2>check.messages ||
        theirs=$?
    check_answer_is_sound "$1" "$ours" || return
    snapshots=$(od -An -v -tx1 -j 60 -N 4 -- "$1")
    read -r -d '' report <check.ours || true
    read -r -d '' their_report <check.theirs || true
    read -r -d '' errors <check.errors || true
    read -r -d '' messages <check.messages || true
    printf '%s\x1f' "${2:+$2: }" "$ours" "$theirs" $((0x${snapshots//[[:space:]]/})) \
        "$report" "$their_report" "${errors//[$'\x1e\x1f']/}" >>check.records
    printf '%s\x1e' "${messages//[$'\x1e\x1f']/}" >>check.records
}

# judge_checks: prints, for each record in order, its label and what compare_checks prints
judge_checks() {
    local answer
    answer=$(jq -R -s -r -f "$CHECK_RULES" check.records 2>&1) || answer="DIFFERENCE: $answer"
    rm check.records
    printf '%s\n' "$answer"
    [[ $answer && $answer != *DIFFERENCE* ]]
}

# check_answer_is_sound IMAGE STATUS: a status that check has, and at most one line a problem
check_answer_is_sound() {
    if (($2 != 0 && $2 != 1 && $2 != 2 && $2 != 3)); then
        echo "DIFFERENCE: check $1: status $2: $(head -c 2000 check.errors)"
        return 1
    fi
    local lines
    mapfile lines <check.errors
    if [[ ${#lines[@]} -ne $(($2 == 1)) ]]; then
        echo "DIFFERENCE: check $1: status $2, and on standard error: $(head -c 2000 check.errors)"
        return 1
    fi
}
