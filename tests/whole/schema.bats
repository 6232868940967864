#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# The schemas of man/schema: what each command prints fits, and what does not fit is found. All other bats files
# check their JSON too; see check_json in helpers/load.bash.

load ../helpers/load

setup() {
    enter_test || return
    mkdir kept
    PYTHON=python3
    "$PYTHON" -c 'import jsonschema' 2>/dev/null || PYTHON=/usr/bin/python3
}

# keep STATUS ARGUMENT... <OUTPUT: as the helpers keep a run
keep() {
    local name
    name=kept/$(find kept -name '*.run' | wc -l)
    cat >"$name"
    printf '%s\n' "$@" >"$name.run"
}

check() {
    run "$PYTHON" "$TOP/tests/helpers/schema.py" "$TOP/man/schema" kept
}

@test "schema: every command with --json has one, and each is a valid schema that allows no other keys" {
    local command schema
    for command in $(qcow2_info --help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
        ! qcow2_info help "$command" | grep -q '^  --json' || [[ -s $TOP/man/schema/$command.json ]] || fail "$command"
    done
    "$PYTHON" "$TOP/tests/helpers/schema.py" "$TOP/man/schema"
    for schema in "$TOP"/man/schema/*.json; do
        jq -e '[.. | objects | select(.type == "object")] | length > 0 and all(.additionalProperties == false)' "$schema" >/dev/null ||
            fail "$schema"
    done
}

@test "schema: lists of codes, progress, and the log of lost ranges fit" {
    local command
    for command in 'info --list-problems' 'check --list-findings' 'audit --list-rules'; do
        # shellcheck disable=SC2086 # two words
        run_qcow2_info $command --json
        assert_status 0
    done
    qcow2_info cat --progress=json -o out "$SAMPLE" 2>&1 >/dev/null | keep 0 progress --json
    head -c 100000 "$SAMPLE" >broken.qcow2
    qcow2_info cat --salvage --salvage-log log -o out broken.qcow2 2>/dev/null || true
    [[ -s log ]] || fail 'no log'
    keep 0 cat --json <log
    check
    assert_status 0
}

@test "schema: an extra key, a missing key, another type and invalid JSON are found" {
    local change
    qcow2_info usage --json "$SAMPLE" >good
    for change in '.more = 1' 'del(.errors)' '.file_size = "1"' '.file_size = -1' '.parts[0].code = "x"' '.parts[0].more = 1' '[.]'; do
        rm -f kept/*
        jq "$change" good | keep 0 usage --json image
        check
        assert_status 1
        assert_output_contains 'usage --json image'
    done
    rm kept/*
    head -c 1000 good | keep 0 usage --json image
    check
    assert_status 1
    # A run that failed may be cut.
    head -c 1000 good | keep 1 usage --json image
    rm kept/0.run
    check
    assert_status 0
    # What comes before is checked.
    rm kept/*
    printf '{"start":0,"length":1,"allocated":true,"zero":true}\n{"start":0' | keep 1 map --json image
    check
    assert_status 1
}

@test "schema: the helpers keep JSON output, also of pipes and in files, and no other output" {
    local kept=$BATS_FILE_TMPDIR/.json before
    before=$(find "$kept" -name '*.run' | wc -l)
    run_qcow2_info --json "$SAMPLE"
    qcow2_info map --json "$SAMPLE" >file
    qcow2_info map --json "$SAMPLE" | cmp - file
    qcow2_info map "$SAMPLE" | grep -q data
    assert_equal "$(find "$kept" -name '*.run' | wc -l)" $((before + 3))
    # The status is the program's.
    run ! qcow2_info map --json missing
}

@test "schema: a bats file whose JSON does not fit fails" {
    mkdir -p tests/helpers tests/x man/schema
    cp "$TOP"/tests/helpers/{load.bash,schema.py,steady_qemu,steady_clock.c} tests/helpers
    cp "$TOP"/man/schema/*.json man/schema
    printf 'load ../helpers/load\n@test "one" { run_qcow2_info info --json "%s"; }\n' "$SAMPLE" >tests/x/x.bats
    env -u BATS_RUN_TMPDIR bats --tap tests/x/x.bats >tap
    sed -i 's/"in_use"/"in_user"/' man/schema/info.json
    run env -u BATS_RUN_TMPDIR bats --tap tests/x/x.bats
    assert_status 1
    assert_output_contains 'in_use'
}

@test "schema: make install puts them beside the manual pages, where the page says" {
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$TOP" install-schemas BUILD="$PWD/none" DESTDIR="$PWD/root" PREFIX=/usr
    diff -r root/usr/share/qcow2-info/schema "$TOP/man/schema"
    grep -q 'share/qcow2-info/schema' "$TOP/man/qcow2-info.5"
}
