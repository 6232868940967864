#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# The shape of --help: usage, what the command does, options in groups, notes, exit status, examples. That
# its options exist and its examples work is tested in cli.bats and examples.bats.

# Without sanitizers: it reads no image.

load ../helpers/load

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    local command
    qcow2_info --help >help
    sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p' help >commands
    while read -r command; do
        qcow2_info help "$command" >"$BATS_FILE_TMPDIR/$command" || return
    done <commands
}

setup() {
    enter_test || return
    mapfile -t COMMANDS <"$BATS_FILE_TMPDIR/commands"
    [[ ${#COMMANDS[@]} -ge 10 ]] || fail 'too few commands'
}

@test "help: no line has more than 80 columns, a tab or a blank at its end" {
    local command
    cd "$BATS_FILE_TMPDIR"
    for command in help "${COMMANDS[@]}"; do
        ! grep -nE '.{81}|[[:blank:]]$|	' "$command" || fail "$command"
    done
}

@test "help: usage, summary, groups of options, exit status and examples, in this order" {
    local command
    cd "$BATS_FILE_TMPDIR"
    for command in "${COMMANDS[@]}"; do
        # A letter a line: Usage, Summary, Group, Option, continued text, Notes, eXit status, Examples, example.
        awk '
            NR == 1 && /^usage: qcow2-info / { printf "U"; next }
            NR == 3 && /\.$/ { printf "S"; next }
            /^$/ { next }
            /^Examples:$/ { printf "E"; examples = 1; next }
            examples && /^  qcow2-info / { printf "e"; next }
            /^[A-Z][A-Za-z ]*:$/ { printf "G"; next }
            /^  (-[A-Za-z0-9], )?--[a-z]/ { printf "O"; next }
            /^                    [^ ]/ { printf "o"; next }
            /^Exit status: 0 / { printf "X"; exited = 1; next }
            { printf exited ? "x" : "N" }' "$command" >shape
        grep -qE '^US(G(Oo*)+)+N*Xx*Ee+$' shape || fail "$command: $(<shape)"
    done
}

@test "help: the last group has the options of every command" {
    local command
    cd "$BATS_FILE_TMPDIR"
    for command in "${COMMANDS[@]}"; do
        sed -n '/^Common options:$/,/^$/p' "$command" >common
        grep -q '^  -h, --help ' common && grep -q '^  -V, --version ' common || fail "$command"
        diff common <(sed -n '/^Common options:$/,/^$/p' info)
    done
}

@test "help: the usage of help names each command once, with the summary of its own help" {
    local command summary
    cd "$BATS_FILE_TMPDIR"
    for command in "${COMMANDS[@]}"; do
        summary=$(sed -n 3p "$command")
        assert_equal "$(grep -cE "^  $command +${summary//./\\.}\$" help)" 1
    done
}

@test "help: help map is map --help, and help of a word that is no command names the nearest" {
    qcow2_info map --help | diff - "$BATS_FILE_TMPDIR/map"
    run_qcow2_info help mpa
    assert_status 64
    assert_stderr_contains 'did you mean map?'
}

@test "help: a pager is never started, on a terminal either" {
    command -v script >/dev/null || skip 'machine: no program script'
    printf '#!/bin/sh\ntouch "%s"\n' "$PWD/started" >pager
    chmod +x pager
    cp pager less
    cp pager more
    PAGER=$PWD/pager MANPAGER=$PWD/pager PATH=$PWD:$PATH LINES=5 \
        script -qec "stty rows 5; '$QCOW2_INFO' help; '$QCOW2_INFO' help map; '$QCOW2_INFO' cat --help" /dev/null </dev/null >typescript
    [[ ! -e started ]] || fail 'a pager was started'
    tr -d '\r' <typescript | diff - <(cat "$BATS_FILE_TMPDIR"/{help,map,cat})
}
