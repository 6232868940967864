#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Colours: on terminals only, in text only, and never in what a name says.

load ../helpers/load

setup() {
    enter_test || return
    export TERM=xterm
    unset NO_COLOR COLUMNS
}

# on_terminal COMMAND...: sets $output to what the program writes to a terminal of 80 columns
on_terminal() {
    require_tool python3 || return
    output=$(python3 "$TOP/tests/helpers/terminal.py" 80 "$QCOW2_INFO" "$@" 2>/dev/null) && status=0 || status=$?
}

ESCAPE=$'\e'

# Without its colours, $output is what a pipe gets.
assert_colored() {
    assert_output_contains "${ESCAPE}["
    assert_equal "$(printf '%s\n' "$output" | sed 's/\x1b\[[0-9;]*m//g')" "$(qcow2_info "$@" 2>/dev/null)"
}

# damage FILE: the sample with leaks, corruption and a broken entry
damage() {
    cp "$SAMPLE" "$1"
    poke_be64 "$1" $((16384 + 8 * 272)) 0x7ffffffffffffe00
    poke_field "$1" incompatible_features 2
    poke "$1" 8194 0005
}

# COMMAND | what has a colour, as an extended regular expression
STATUSES='
info sample | readable:             E\[92myesE\[0m
info sample | problems:             E\[92mnoneE\[0m
info --list-problems | E\[91munreadableE\[0m
info strange | ^readable:             E\[91mnoE\[0m:
info strange | ^  E\[93munsupported-featureE\[0m:
map sample | E\[94mdataE\[0m$
map --host-offsets sample | E\[96mcompressedE\[0m      0
map --since 1 sample | E\[93mchangedE\[0m$
map --bitmap since-backup sample | E\[93mdirtyE\[0m$
check sample | verdict:              E\[92mthe image is soundE\[0m$
check damaged | verdict:              E\[91mthe image is corrupt[^E]*E\[0m$
check damaged | ^E\[91mcorruptionE\[0m
check damaged | ^E\[93mwarningE\[0m
check damaged | ^E\[93mleakE\[0m
check --list-findings | \(E\[93mleakE\[0m\)
audit sample | verdict:              E\[92msafeE\[0m$
audit damaged | verdict:              E\[91munsafeE\[0m$
audit damaged | ^E\[91munsafeE\[0m
audit --list-rules | \(E\[93mnoteE\[0m\)
compare sample sample | verdict:              E\[92mthe disks have the same contentsE\[0m$
compare --snapshot-a 1 sample sample | verdict:              E\[91mthe disks differE\[0m$
digest --check digests | ^sample: E\[92mOKE\[0m$
digest --check wrong | ^sample: E\[91mFAILEDE\[0m$
where damaged 1114112 | E\[91mbrokenE\[0m
'

@test "color: verdicts, severities and statuses on a terminal" {
    local command pattern count=0
    cp "$SAMPLE" sample
    damage damaged
    cp "$SAMPLE" strange && poke_field strange incompatible_features 0x100
    qcow2_info digest sample >digests
    sed 's/^[0-9a-f]*/'"$(printf '%064d' 0)"'/' digests >wrong
    while IFS='|' read -r command pattern; do
        [[ $command ]] || continue
        # shellcheck disable=SC2086 # several words
        on_terminal $command
        pattern=${pattern# }
        grep -qE "${pattern//E\\[/$ESCAPE\\[}" <<<"$output" || fail "$command: $pattern" "$(show_run)"
        # shellcheck disable=SC2086
        assert_colored $command
        count=$((count + 1))
    done <<<"$STATUSES"
    assert_equal $count 24
}

@test "color: not for NO_COLOR, a dumb or unknown terminal, or never" {
    NO_COLOR=1 on_terminal check "$SAMPLE"
    refute_output_contains "$ESCAPE"
    TERM=dumb on_terminal check "$SAMPLE"
    refute_output_contains "$ESCAPE"
    TERM='' on_terminal check "$SAMPLE"
    refute_output_contains "$ESCAPE"
    on_terminal check --color never "$SAMPLE"
    refute_output_contains "$ESCAPE"
    assert_output_contains 'the image is sound'
    NO_COLOR='' on_terminal check "$SAMPLE"
    assert_output_contains "${ESCAPE}["
}

@test "color: in a pipe only for always, whatever the environment says" {
    run_qcow2_info check "$SAMPLE"
    refute_output_contains "$ESCAPE"
    run_qcow2_info check --color auto "$SAMPLE"
    refute_output_contains "$ESCAPE"
    NO_COLOR=1 TERM=dumb run_qcow2_info check --color=always "$SAMPLE"
    assert_status 0
    assert_colored check "$SAMPLE"
}

@test "color: never in JSON" {
    local command
    for command in info map check audit usage 'digest' 'where --host' 'compare tests/sample/sample.qcow2'; do
        # shellcheck disable=SC2086
        output=$(cd "$TOP" && qcow2_info $command --json --color always "$SAMPLE" ${command:+$([[ $command != where* ]] || echo 0)})
        refute_output_contains "$ESCAPE"
        jq -e . <<<"$output" >/dev/null || fail "$command: no JSON" "$output"
    done
    on_terminal audit --json "$SAMPLE"
    refute_output_contains "$ESCAPE"
}

@test "color: a value that it does not take" {
    run_qcow2_info check --color sometimes "$SAMPLE"
    assert_status 64
    assert_stderr_contains '--color takes auto, always or never, not "sometimes"'
}
