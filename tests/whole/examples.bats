#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# What README and manual page show is run, in order, in a folder where disk.qcow2 is the sample image.
# In README that is each line "$ command" of a block marked as console, and the lines below it are what
# it prints; a line "..." stands for any number of lines. In the manual page it is each line
# "$ command" in the subsection Examples as it is shown, which ends with status 0. A command that takes a passphrase
# names libgcrypt in a build without it.

load ../helpers/load
load ../helpers/encryption

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    printf abc >passphrase
    qemu_img_luks convert -f qcow2 -O qcow2 -o "$LUKS" "$SAMPLE" encrypted.qcow2
}

setup() {
    enter_test || return
    mkdir bin examples
    ln -s "$QCOW2_INFO" bin/qcow2-info
    PATH=$PWD/bin:$PATH
    cd examples || return
    cp "$SAMPLE" disk.qcow2
    cp "$BATS_FILE_TMPDIR"/{passphrase,encrypted.qcow2} .
}

# matches GOT WANT: the lines of two files are equal, but for those that "..." stands for
matches() {
    local got want
    mapfile -t got <"$1"
    mapfile -t want <"$2"
    lines_match 0 0
}

lines_match() {
    local g=$1 w=$2
    while [[ $w -lt ${#want[@]} ]]; do
        if [[ ${want[w]} == ... ]]; then
            for ((; g <= ${#got[@]}; g++)); do
                ! lines_match "$g" $((w + 1)) || return 0
            done
            return 1
        fi
        [[ $g -lt ${#got[@]} && ${got[g]} == "${want[w]}" ]] || return 1
        g=$((g + 1)) w=$((w + 1))
    done
    [[ $g -eq ${#got[@]} ]]
}

# console_examples FILE: each command of a README becomes a file N.command, what it prints N.want
console_examples() {
    local line number=0 inside=false
    while IFS= read -r line; do
        case $line in
        '```console') inside=true ;;
        '```'*) inside=false ;;
        '$ '*)
            $inside || continue
            number=$((number + 1))
            printf '%s\n' "${line#'$ '}" >"../$number.command"
            : >"../$number.want"
            ;;
        *) ! $inside || printf '%s\n' "$line" >>"../$number.want" ;;
        esac
    done <"$1"
    EXAMPLES=$number
}

# run_example COMMAND: in a shell of its own; standard output goes to the file ../got
run_example() {
    timeout -k 5 "$PROGRAM_SECONDS" bash -c "$1" >../got 2>../err </dev/null
}

# cannot_decrypt COMMAND: true when the program was built without libgcrypt, which this takes; that was said
cannot_decrypt() {
    [[ $1 == *--key-file* || $1 == *"qcow2-info digest"* ]] && qcow2_info --version | grep -qx 'libgcrypt not built in' || return
    grep -q 'libgcrypt' ../got ../err
}

@test "examples: only a line of dots stands for any lines" {
    cd ..
    printf 'a\nb\nc\nd\n' >got
    local pattern
    for pattern in 'a\nb\nc\nd' 'a\n...\nd' '...' '...\nd' 'a\n...' 'a\n...\nb\n...\nd' 'a\nb\nc\nd\n...'; do
        # shellcheck disable=SC2059
        printf "$pattern\n" >want
        matches got want || fail "does not match: $pattern"
    done
    for pattern in 'a\nb\nc' 'a\n...\nc' 'b\n...' 'a\n...\nb\n...\nb\n...' 'a\nb\nc\nd\ne'; do
        # shellcheck disable=SC2059
        printf "$pattern\n" >want
        ! matches got want || fail "matches: $pattern"
    done
}

@test "examples: every command in README prints the output shown there" {
    require_tool jq
    [[ -e $TOP/README.md ]] || fail 'there is no README.md'
    console_examples "$TOP/README.md"
    [[ $EXAMPLES -gt 0 ]] || fail 'README.md has no examples'
    local number status bad=0
    for ((number = 1; number <= EXAMPLES; number++)); do
        status=0
        run_example "$(<"../$number.command")" || status=$?
        if cannot_decrypt "$(<"../$number.command")"; then
            continue
        elif [[ $status -ne 0 ]]; then
            printf 'status %d of: %s\n%s\n' $status "$(<"../$number.command")" "$(<../err)" >&2
            bad=$((bad + 1))
        elif ! matches ../got "../$number.want"; then
            printf 'not what README shows: %s\n' "$(<"../$number.command")" >&2
            diff "../$number.want" ../got >&2 || true
            bad=$((bad + 1))
        elif [[ -s ../err ]]; then
            printf 'on standard error of: %s\n%s\n' "$(<"../$number.command")" "$(<../err)" >&2
            bad=$((bad + 1))
        fi
    done
    [[ $bad -eq 0 ]] || fail "$bad of $EXAMPLES examples"
}

@test "examples: every command in the manual page runs" {
    require_tool jq mandoc
    local page=$TOP/man/qcow2-info.1 commands command
    [[ -e $page ]] || fail 'there is no man/qcow2-info.1'
    # Bold is a letter upon itself.
    mapfile -t commands < <(mandoc -T ascii -O width=300 "$page" | sed 's/.\x08//g' |
        sed -n '/^   Examples/,/^   [a-z]/s/^ *\$ //p')
    assert_equal ${#commands[@]} "$(grep -c '^\.Dl.* \$ ' "$page")"
    [[ ${#commands[@]} -gt 0 ]] || fail 'the manual page has no examples'
    for command in "${commands[@]}"; do
        run_example "$command" || cannot_decrypt "$command" || fail "status $? of: $command" "$(<../err)"
    done
}

@test "examples: the examples of each --help are valid" {
    local command example examples status
    head -c 100000 disk.qcow2 >broken.qcow2
    cp disk.qcow2 copy.qcow2
    for command in '' info map cat check audit usage where compare digest completion; do
        # shellcheck disable=SC2086
        mapfile -t examples < <(qcow2_info $command --help | sed -n '/^Examples\{0,1\}:/,$s/^  \(qcow2-info .*\)/\1/p')
        [[ ${#examples[@]} -gt 0 ]] || fail "$command --help shows no example"
        for example in "${examples[@]}"; do
            status=0
            run_example "${example%% | *}" || status=$?
            # Two snapshots of a disk differ.
            [[ $status -eq 0 || ($status -eq 1 && $example == *broken*) || ($status -eq 2 && $example == *--snapshot-a*) ]] || cannot_decrypt "$example" ||
                fail "status $status of: $example" "$(<../err)"
        done
    done
}
