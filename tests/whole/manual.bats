#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# The manual page qcow2-info.5 has every finding, rule and problem, in the order of the program's tables, with
# the same words.

# Without sanitizers: the texts are the same.

load ../helpers/load

setup() {
    enter_test || return
    require_tool jq
    PAGE=$TOP/man/qcow2-info.5
    [[ -e $PAGE ]] || fail 'there is no man/qcow2-info.5'
}

# documented SECTION: a line for each row of the last list of a section: code, severity and text
documented() {
    sed -n "/^\\.Sh $1\$/,/^\\.Sh /p" "$PAGE" | sed '1d' | awk '
        /^\.Bl/ { inside = 1; count = 0; next }
        /^\.El/ { inside = 0; next }
        !inside { next }
        /^\.It/ { sub(/^\.It /, ""); sub(/ Pq /, " "); lines[++count] = $0; next }
        { lines[count] = lines[count] " " $0 }
        END { for (i = 1; i <= count; i++) print lines[i] }' | sed 's/\\&//g; s/\\e/\\/g'
}

# same_table SECTION MORE COMMAND...: what the command prints as JSON; MORE is the key of the second sentence
same_table() {
    local section=$1 more=$2
    shift 2
    qcow2_info "$@" --json | jq -r --arg more "$more" '.[] |
        "\(.code) \(.severity) \(.meaning | .[:1] | ascii_upcase)\(.meaning | .[1:])." +
        (if .[$more] then " \($more | .[:1] | ascii_upcase)\($more | .[1:]): \(.[$more])." else "" end)' >table
    [[ -s table ]] || fail "$*: no rows" || return
    documented "$section" >page
    diff table page
}

@test "manual: findings of check" {
    same_table 'FINDINGS OF CHECK' advice check --list-findings
}

@test "manual: rules of audit" {
    same_table 'RULES OF AUDIT' gain audit --list-rules
}

@test "manual: problems" {
    same_table PROBLEMS none info --list-problems
}

@test "manual: the lists as text have the same rows" {
    local command
    for command in 'check --list-findings' 'audit --list-rules' 'info --list-problems'; do
        # shellcheck disable=SC2086 # several words
        qcow2_info $command | grep -v '^    ' >text
        # shellcheck disable=SC2086
        qcow2_info $command --json | jq -r '.[] | "\(.code) (\(.severity)): \(.meaning)."' | diff text -
    done
}

@test "manual: an option that lists codes takes no image" {
    local command
    for command in 'check --list-findings' 'audit --list-rules' 'info --list-problems'; do
        # shellcheck disable=SC2086
        run_qcow2_info $command image
        assert_status 64
        assert_output ''
        assert_stderr_contains "${command#* } takes no image, but \"image\" is given"
    done
}

@test "manual: the synopsis has every command, in the order of help" {
    local page=$TOP/man/qcow2-info.1
    qcow2_info help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p' >commands
    [[ -s commands ]] || fail 'help lists no commands' || return
    sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$page" |
        sed -n 's/^\.\(Op \)\?Cm \([a-z]*\)$/\2/p' | grep -v '^help$' | diff commands -
}

@test "manual: the synopsis of each command has all of its own options" {
    local page=$TOP/man/qcow2-info.1 command
    for command in $(qcow2_info help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
        qcow2_info "$command" --help | sed -n '/^Options:/,/^$/s/^  \(-\(.\), \)\?--\([a-z-]*\).*/\2 \3/p' |
            awk '{ print NF == 2 ? "-" $1 : "--" $1 }' | sort >options
        awk -v name="$command" '
            /^\.Sh DESCRIPTION/ { exit }
            /^\.Nm/ { inside = 0 }
            $0 ~ "^[.](Op )?Cm " name "$" { inside = 1 }
            inside' "$page" | grep -oE 'Fl -?[a-z0-9-]*[a-z0-9]' | sed 's/^Fl /-/' | sort -u >synopsis
        # Groups of common options are named there, and described once; --word is for the scripts alone.
        assert_equal "$command $(comm -23 options synopsis | grep -vx -e --word)" "$command " || return
    done
}
