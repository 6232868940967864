#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# The command line: wrong usage, suggestions, and the form of errors.

# Without sanitizers: options go through them in unit tests.

load ../helpers/load
load ../helpers/tables

# where takes an offset behind the image, compare a second image, digest any number, completion none; their own tests have what
# they refuse.
COMMANDS=(info map cat check audit usage)
ALL_COMMANDS=("${COMMANDS[@]}" where compare digest completion)

# The last run was refused: status 64, nothing on standard output, and on standard error each TEXT.
assert_usage() {
    local text
    assert_status 64 || return
    assert_output '' || return
    [[ ${stderr-} == 'qcow2-info: '* ]] || fail 'expected a message of qcow2-info' "$(show_run)" || return
    for text in "$@"; do
        assert_stderr_contains "$text" || return
    done
    assert_stderr_contains ' --help'
}

# ---- Usage -----------------------------------------------------------------------------------------------

@test "cli: an unknown option is refused by name" {
    cp "$SAMPLE" disk.qcow2
    local command
    for command in '' "${COMMANDS[@]}"; do
        # shellcheck disable=SC2086 # no command is no argument
        run_qcow2_info $command disk.qcow2 --no-such-option
        assert_usage --no-such-option
        # shellcheck disable=SC2086
        run_qcow2_info $command -Z disk.qcow2
        assert_usage Z
    done
}

@test "cli: an option of another command is refused" {
    cp "$SAMPLE" disk.qcow2
    run_qcow2_info map --sparse never disk.qcow2
    assert_usage --sparse
    run_qcow2_info cat --json disk.qcow2
    assert_usage --json
    run_qcow2_info info --offset 1 disk.qcow2
    assert_usage --offset
    run_qcow2_info check --backing-chain disk.qcow2
    assert_usage --backing-chain
}

@test "cli: two images are refused where one disk is read" {
    cp "$SAMPLE" one
    cp "$SAMPLE" two
    local command
    for command in map cat; do
        run_qcow2_info "$command" one two
        assert_usage two
    done
}

@test "cli: an invalid number of bytes is refused" {
    local number
    for number in '' x -1 +1 1.5M 0x10 1e3 '1 ' ' 1' 1KK 1Z 16E 18446744073709551616; do
        run_qcow2_info map --offset "$number" "$SAMPLE"
        assert_usage "\"$number\"" 'number of bytes'
        run_qcow2_info cat --length="$number" "$SAMPLE"
        assert_usage "\"$number\"" 'number of bytes'
    done
}

@test "cli: an invalid number of jobs is refused" {
    local number
    for number in '' x 0 -1 257 1.5 '1 ' 18446744073709551616; do
        run_qcow2_info cat --jobs "$number" "$SAMPLE"
        assert_usage --jobs "\"$number\""
        run_qcow2_info check --jobs "$number" "$SAMPLE"
        assert_usage --jobs "\"$number\""
    done
}

@test "cli: an unknown word for --sparse is refused, with those that are known" {
    local word
    for word in '' x no aut Always; do
        run_qcow2_info cat --sparse "$word" "$SAMPLE"
        assert_usage --sparse "\"$word\"" auto always never
    done
}

@test "cli: an option without its value is refused" {
    local option
    for option in --offset --length --data-file --snapshot --jobs --sparse --output -o; do
        run_qcow2_info cat "$SAMPLE" "$option"
        assert_usage "${option#-}"
    done
    for option in --offset --bitmap; do
        run_qcow2_info map "$SAMPLE" "$option"
        assert_usage "$option"
    done
}

@test "cli: an option with a value that it does not take is refused" {
    run_qcow2_info info --json=yes "$SAMPLE"
    assert_usage --json
    run_qcow2_info map --totals=1 "$SAMPLE"
    assert_usage --totals
    run_qcow2_info cat --no-backing=1 "$SAMPLE"
    assert_usage --no-backing
}

@test "cli: the start of more than one option is refused" {
    run_qcow2_info cat --s "$SAMPLE"
    assert_usage '"--s" is ambiguous' --sparse --salvage --salvage-log --snapshot
    run_qcow2_info check --ma=3 "$SAMPLE"
    assert_usage '"--ma=3" is ambiguous' --max-findings --max-kdf-iterations
}

# options_with_value COMMAND: the options that --help lists with a value, without "--", one a line
options_with_value() {
    qcow2_info "$1" --help | sed -nE 's/^  (-[a-z], )?--([a-z-]+) [^ ].*/\2/p' |
        grep -vxFf <(options_without_value "$1")
}

# options_without_value COMMAND: the others
options_without_value() {
    qcow2_info "$1" --help | sed -nE 's/^  (-[a-z], )?--([a-z-]+)(  .*)?$/\2/p'
}

# repeatable_options COMMAND: those of which --help says that they may be repeated
repeatable_options() {
    qcow2_info "$1" --help | awk '/^  (-[a-z], )?--/ { sub(/^ *(-[a-z], )?--/, ""); option = $1 }
        /\(may be repeated\)/ || /^ *(be )?repeated\)/ { print option }'
}

@test "cli: the options that may be repeated" {
    local command
    for command in "${COMMANDS[@]}"; do
        repeatable_options "$command" | sed "s/^/$command /"
    done >repeatable
    assert_equal "$(sort repeatable)" "$(sort <<'END'
info backing-file
info key-file
map bitmap
map backing-file
cat key-file
cat backing-file
check backing-file
check key-file
audit allow
audit deny
usage backing-file
END
    )"
}

@test "cli: an option with a value is refused when it is given twice" {
    cp "$SAMPLE" disk.qcow2
    local command option value tried=0
    for command in "${COMMANDS[@]}"; do
        for option in $(options_with_value "$command" | grep -vxFf <(repeatable_options "$command")); do
            case $option in
            sparse | color) value=auto ;;
            *) value=1 ;;
            esac
            run_qcow2_info "$command" disk.qcow2 "--$option" "$value" "--$option=$value"
            assert_usage "--$option is given twice"
            tried=$((tried + 1))
        done
    done
    [[ $tried -ge 25 ]] || fail "only $tried options were tried"
    run_qcow2_info cat -o out disk.qcow2 --output out
    assert_usage '--output is given twice'
    run_qcow2_info map --snap a --snapshot b disk.qcow2
    assert_usage '--snapshot is given twice'
}

@test "cli: an option without a value may be given twice" {
    cp "$SAMPLE" disk.qcow2
    local command option once twice tried=0
    for command in "${COMMANDS[@]}"; do
        for option in $(options_without_value "$command"); do
            once=0 twice=0
            qcow2_info "$command" disk.qcow2 "--$option" >/dev/null 2>stderr || once=$?
            qcow2_info "$command" disk.qcow2 "--$option" "--$option" >/dev/null 2>stderr || twice=$?
            assert_equal "$command --$option: $twice" "$command --$option: $once"
            ! grep twice stderr || fail "$command --$option"
            tried=$((tried + 1))
        done
    done
    [[ $tried -ge 25 ]] || fail "only $tried options were tried"
}

@test "cli: options that are made to be repeated may be given twice" {
    run_qcow2_info audit --allow dirty --allow corrupt --deny incomplete --deny header-limit "$SAMPLE"
    assert_status 0
    printf x >key
    run_qcow2_info cat --key-file 0:key --key-file 1:key "$SAMPLE"
    [[ ${stderr-} != *'given twice'* ]] || fail "${stderr-}"
    run_qcow2_info cat --key-file key --key-file key "$SAMPLE"
    assert_usage 'two passphrases are given for all layers'
}

@test "cli: options that need another one, or do not go with it, are refused" {
    run_qcow2_info cat --vm-state "$SAMPLE"
    assert_usage --vm-state --snapshot
    run_qcow2_info cat --salvage-log log "$SAMPLE"
    assert_usage --salvage-log --salvage
    [[ ! -e log ]] || fail 'the log was made'
    run_qcow2_info map --force "$SAMPLE"
    assert_usage --force --bitmap
    run_qcow2_info map --bitmap since-backup --host-offsets "$SAMPLE"
    assert_usage --bitmap --host-offsets
    run_qcow2_info map --bitmap since-backup --snapshot 1 "$SAMPLE"
    assert_usage --bitmap --snapshot
    run_qcow2_info map --bitmap since-backup --since 1 "$SAMPLE"
    assert_usage --bitmap --since
}

@test "cli: wrong usage touches no output" {
    echo precious >out
    run_qcow2_info cat -o out --jobs 0 "$SAMPLE"
    assert_usage
    run_qcow2_info cat -o out "$SAMPLE" another
    assert_usage
    assert_equal "$(<out)" precious
}

@test "cli: no image is given at a terminal" {
    command -v script >/dev/null || skip 'machine: no program script'
    local command
    for command in '' "${COMMANDS[@]}"; do
        # script's own standard input is no terminal; that of what it runs is one.
        script -qec "'$QCOW2_INFO' $command; echo status \$?" /dev/null </dev/null >typescript
        grep -q 'no image is given' typescript || fail "$command: $(<typescript)"
        grep -q 'status 64' typescript || fail "$command: $(<typescript)"
    done
}

# ---- Commands and images ------------------------------------------------------------------------------

@test "cli: the default command is info" {
    cp "$SAMPLE" disk.qcow2
    run_qcow2_info disk.qcow2 --json
    assert_status 0
    local json=$output
    run_qcow2_info info --json disk.qcow2
    assert_output "$json"
    run_qcow2_info --json disk.qcow2
    assert_output "$json"
}

@test "cli: options may follow the image, whatever POSIX says" {
    cp "$SAMPLE" disk.qcow2
    run_qcow2_info map --json disk.qcow2
    assert_status 0
    local json=$output
    export POSIXLY_CORRECT=1
    run_qcow2_info map disk.qcow2 --json
    assert_status 0
    assert_output "$json"
}

@test "cli: the command may stand behind options" {
    cp "$SAMPLE" disk.qcow2
    run_qcow2_info map --json disk.qcow2
    assert_status 0
    local json=$output
    run_qcow2_info --json map disk.qcow2
    assert_output "$json"
    run_qcow2_info --color=never map --totals disk.qcow2
    assert_status 0
    # A value of its own looks like the first word.
    run_qcow2_info --color never map --totals disk.qcow2
    assert_usage 'write the command "map" before its options'
}

@test "cli: an image that is called like a command is reached by ./ and by --" {
    local name
    for name in "${COMMANDS[@]}"; do
        cp "$SAMPLE" "$name"
        run_qcow2_info --json "./$name"
        assert_status 0
        assert_equal "$(jq -r .filename <<<"$output")" "./$name"
        run_qcow2_info --json -- "$name"
        assert_status 0
        assert_equal "$(jq -r .filename <<<"$output")" "$name"
        run_qcow2_info map --json "$name"
        assert_status 0
    done
}

@test "cli: a word that is not a command or file is refused, with the nearest command and a list" {
    cp "$SAMPLE" disk.qcow2
    local word meant
    while read -r word meant; do
        for arguments in "$word" "$word disk.qcow2" "$word --max-findings 3 disk.qcow2" "--json $word disk.qcow2" \
            "$word --help" "help $word"; do
            # shellcheck disable=SC2086 # several words
            run_qcow2_info $arguments
            assert_usage "\"$word\" is not a command or file" 'Commands: info, map, cat, check, audit'
            if [[ $meant ]]; then
                assert_stderr_contains "; did you mean $meant?"$'\n'
            else
                [[ $stderr != *perhaps* ]] || fail "${stderr-}"
            fi
        done
    done <<'END'
chek check
cehck check
checkk check
ch check
Check check
inf info
informatoin info
mpa map
maps map
cta cat
audti audit
measure map
convert cat
snapshot info
fsck check
frobnicate
x
END
}

@test "cli: a word that may be a file name is an image" {
    local name
    for name in missing.qcow2 ./chek /chek dir/chek chek. 'chek chek'; do
        run_qcow2_info "$name"
        assert_status 1
        assert_one_error "$name" 'No such file'
    done
    run_qcow2_info map chek
    assert_status 1
    assert_one_error chek 'No such file'
    run_qcow2_info -- chek
    assert_usage '"chek" is not a command or file'
    cp "$SAMPLE" chek
    run_qcow2_info chek --json
    assert_status 0
    run_qcow2_info chek missing
    assert_status 1
    assert_one_error missing 'No such file'
    cp "$SAMPLE" disk.qcow2
    run_qcow2_info map missing.qcow2 disk.qcow2
    assert_usage '"missing.qcow2", which is not a file, and "disk.qcow2"'
}

@test "cli: a command after the image: the error shows the right order" {
    cp "$SAMPLE" disk.qcow2
    local command
    for command in "${COMMANDS[@]}"; do
        run_qcow2_info disk.qcow2 "$command"
        assert_usage "$command disk.qcow2"
    done
}

@test "cli: an option of another tool is refused with advice" {
    cp "$SAMPLE" disk.qcow2
    local command
    for command in '' info map check audit; do
        # shellcheck disable=SC2086 # no command is no argument
        run_qcow2_info $command --output=json disk.qcow2
        assert_usage '"--output=json"' 'use --json'
        # shellcheck disable=SC2086
        run_qcow2_info $command --output json disk.qcow2
        assert_usage '"--output"' 'use --json'
    done
    run_qcow2_info map --start-offset=1 disk.qcow2
    assert_usage '--start-offset' ' --offset'
    run_qcow2_info check -r all disk.qcow2
    assert_usage -r 'qemu-img check -r'
    run_qcow2_info info -U disk.qcow2
    assert_usage -U 'never locks'
    run_qcow2_info -f qcow2 disk.qcow2
    assert_usage -f 'as qcow2'
}

@test "cli: an unknown option is refused with the nearest one" {
    cp "$SAMPLE" disk.qcow2
    run_qcow2_info --jsn disk.qcow2
    assert_usage '"--jsn"' 'did you mean --json?'
    run_qcow2_info audit --denny=dirty disk.qcow2
    assert_usage '"--denny=dirty"' 'did you mean --deny?'
    run_qcow2_info --map disk.qcow2
    assert_usage '"--map"' 'without hyphens'
    run_qcow2_info map --no-such-option disk.qcow2
    assert_usage '"--no-such-option"'
    [[ $stderr != *perhaps* ]] || fail "${stderr-}"
}

@test "cli: an option of other commands is refused with their names" {
    run_qcow2_info audit --confine dir "$SAMPLE"
    assert_usage '"--confine"' 'use it with map, cat, check --data or info --backing-chain'
    run_qcow2_info map --key-file=key "$SAMPLE"
    assert_usage '"--key-file=key"' 'use it with cat, digest, check --data or info --check-key'
    local command option
    # Each of the commands has the option.
    for option in backing-chain backing-file confine data-file key-file length offset salvage snapshot; do
        run_qcow2_info completion "--$option" x
        assert_usage 'use it with '
        local line=${stderr%%$'\n'*}
        line=${line#*'use it with '}
        for command in ${line//[^a-z -]/ }; do
            [[ $command != or && $command != --* ]] || continue
            qcow2_info "$command" --help | grep -qe "^ *--$option " || fail "$command has no --$option"
        done
    done
}

@test "cli: a second word after cat IMAGE is refused, and -o is named" {
    run_qcow2_info cat "$SAMPLE" disk.raw
    assert_usage '"disk.raw"' 'an output file is given with -o FILE'
    [[ ! -e disk.raw ]] || fail 'disk.raw was made'
    run_qcow2_info map "$SAMPLE" disk.raw
    assert_usage '"disk.raw"'
    [[ $stderr != *' -o '* ]] || fail "$stderr"
}

@test "cli: a protocol that is not supported is named" {
    local command name
    for command in '' "${COMMANDS[@]}"; do
        for name in frobnicate://host/x nbd:localhost:10809 nbd+unix:///x https:disk.qcow2 file:disk.qcow2; do
            # shellcheck disable=SC2086 # no command is no argument
            run_qcow2_info $command "$name"
            assert_status 1
            assert_output ''
            assert_one_error "$name" "the protocol \"${name%%:*}\" is not supported"
        done
    done
    run_qcow2_info a:b
    assert_one_error a:b 'No such file'
    qemu-img create -q -f qcow2 -o data_file=data with-data.qcow2 1M
    run_qcow2_info map --data-file rbd://pool/x with-data.qcow2
    assert_status 1
    assert_one_error with-data.qcow2 'data file rbd://pool/x' 'the protocol "rbd" is not supported'
    qemu-img create -q -f qcow2 -b with-data.qcow2 -F qcow2 over.qcow2
    run_qcow2_info map --backing-file nbd://host/x over.qcow2
    assert_status 1
    assert_one_error over.qcow2 'backing file nbd://host/x' 'the protocol "nbd" is not supported'
    run_qcow2_info cat -o nbd://host/x "$SAMPLE"
    assert_status 1
    assert_one_error nbd://host/x 'the protocol "nbd" is not supported'
    # A file wins.
    cp "$SAMPLE" nbd:disk
    run_qcow2_info --json nbd:disk
    assert_status 0
}

@test "cli: an image that is called like an option follows --" {
    cp "$SAMPLE" ./--json
    run_qcow2_info map --json -- --json
    assert_status 0
    assert_equal "${#lines[@]}" 11
}

# ---- Help and version -----------------------------------------------------------------------------------

@test "cli: --help prints the usage and every command" {
    run_qcow2_info --help
    assert_status 0
    assert_equal "${stderr-}" ''
    assert_output_contains 'usage: qcow2-info '
    assert_output_contains Example
    local command
    for command in "${ALL_COMMANDS[@]}"; do
        [[ $output =~ $'\n  '$command\ +[A-Z] ]] || fail "$command is not listed" "$output"
    done
}

@test "cli: --help lists exactly the commands of these tests" {
    run_qcow2_info --help
    local listed
    listed=$(sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<"$output")
    assert_equal "$listed" "$(printf '%s\n' "${ALL_COMMANDS[@]}")"
}

@test "cli: --help of each command prints its usage, its options and an example" {
    local command
    for command in "${ALL_COMMANDS[@]}"; do
        run_qcow2_info "$command" --help
        assert_status 0
        assert_equal "${stderr-}" ''
        assert_output_contains "usage: qcow2-info $command "
        assert_output_contains '  --'
        assert_output_contains 'Exit status: 0'
        [[ $output =~ Examples?:.*qcow2-info\ .*disk.qcow2 ]] || fail "$output"
    done
}

@test "cli: -h is --help and -V is --version, everywhere, and help has the help of a command" {
    local command want
    run_qcow2_info --help
    want=$output
    for command in -h help 'help --json'; do
        # shellcheck disable=SC2086 # several words
        run_qcow2_info $command
        assert_status 0
        assert_output "$want"
    done
    for command in "${ALL_COMMANDS[@]}"; do
        run_qcow2_info "$command" --help
        want=$output
        for arguments in "$command -h" "-h $command" "help $command" "$command missing -h" "--json help $command"; do
            # shellcheck disable=SC2086
            run_qcow2_info $arguments
            assert_status 0
            assert_equal "${stderr-}" ''
            assert_output "$want"
        done
        run_qcow2_info "$command" --version
        want=$output
        run_qcow2_info "$command" -V
        assert_status 0
        assert_output "$want"
    done
    cp "$SAMPLE" help
    run_qcow2_info --json ./help
    assert_status 0
}

@test "cli: --help takes precedence over all other arguments" {
    run_qcow2_info map missing --json --help
    assert_status 0
    assert_output_contains 'usage: qcow2-info map '
    run_qcow2_info cat --help one two three
    assert_status 0
}

# options_in: the long options in a text, one a line
options_in() {
    grep -oE -- '--[a-z][a-z-]+' | sort -u
}

@test "cli: every option that --help lists exists and is in the manual page" {
    [[ -e $TOP/man/qcow2-info.1 ]] || fail 'there is no manual page'
    local command option documented
    # Fl -json and Fl -progress | -no-progress stand for options there.
    documented=$(grep -oE -- ' -[a-z][a-z-]+' "$TOP/man/qcow2-info.1" | sed 's/^ -/--/' | sort -u)
    for command in "${ALL_COMMANDS[@]}"; do
        for option in $(qcow2_info "$command" --help | sed '/^Examples/,$d' | options_in); do
            grep -qxe "$option" <<<"$documented" || fail "$command $option is not in the manual page"
            run_qcow2_info "$command" "$option" x x x
            [[ $stderr != *'unknown option'* ]] || fail "$command has no $option"
        done
    done
}

@test "cli: every option in the manual page is in some --help" {
    [[ -e $TOP/man/qcow2-info.1 ]] || fail 'there is no manual page'
    local option listed
    listed=$(for option in '' "${ALL_COMMANDS[@]}"; do
        # shellcheck disable=SC2086
        qcow2_info $option --help
    done | options_in)
    while read -r option; do
        grep -qxe "$option" <<<"$listed" || fail "$option is in the manual page and in no --help"
    done < <(grep -oE -- '(Fl|\||,) -[a-z][a-z-]+' "$TOP/man/qcow2-info.1" | sed 's/.* -/--/' | sort -u)
}

@test "cli: --version prints the version and the libraries" {
    run_qcow2_info --version
    assert_status 0
    assert_equal "${stderr-}" ''
    local version
    version=$(sed -n 's/^VERSION := //p' "$TOP/Makefile")
    assert_equal "${lines[0]}" "qcow2-info $version"
    local library
    for library in zlib libzstd cJSON; do
        grep -qE "^$library [0-9]+\.[0-9]" <<<"$output" || fail "no $library:" "$output"
    done
    assert_output_contains libdeflate
}

@test "cli: --version takes precedence over all other arguments" {
    local arguments version
    version=$(qcow2_info --version)
    for arguments in 'info --version' 'map missing --json --version' '--version disk.qcow2'; do
        # shellcheck disable=SC2086
        run_qcow2_info $arguments
        assert_status 0
        assert_output "$version"
    done
}

@test "cli: help and version into a full device are errors" {
    local arguments
    for arguments in --help --version 'map --version' 'map --help' 'cat --help' 'info --help'; do
        local status=0
        # shellcheck disable=SC2086
        qcow2_info $arguments >/dev/full 2>stderr || status=$?
        assert_equal "$status" 1
        grep -q 'No space left' stderr
    done
}

# ---- Errors ------------------------------------------------------------------------------------------------

@test "cli: every command prints an error in one line that begins with the file" {
    local command
    for command in "${COMMANDS[@]}"; do
        run_qcow2_info "$command" missing
        assert_status 1
        assert_output ''
        assert_one_error missing 'No such file'
        run_qcow2_info "$command" .
        assert_status 1
        assert_output ''
        assert_one_error . directory
        : >empty
        run_qcow2_info "$command" empty
        assert_status 1
        assert_output ''
        assert_one_error empty 'not a qcow2 image'
    done
}

@test "cli: a file name cannot write to the terminal, or make a second line" {
    local name=$'a\e[31m\nqcow2-info: b: fine' command
    for command in "${COMMANDS[@]}"; do
        run_qcow2_info "$command" "$name"
        assert_status 1
        [[ $stderr != *[[:cntrl:]]* ]] || fail "${stderr-}"
    done
}

@test "cli: standard input that is closed is an error" {
    local command
    for command in "${COMMANDS[@]}"; do
        run --separate-stderr bash -c '"$QCOW2_INFO" "$1" <&-' bash "$command"
        assert_status 1
        assert_output ''
        assert_one_error -
    done
}

@test "cli: no file gets the output to a closed standard descriptor" {
    cp "$SAMPLE" disk.qcow2
    qcow2_info cat disk.qcow2 >want
    bash -c '"$QCOW2_INFO" cat --progress -o got disk.qcow2 <&- 2>&-'
    assert_same_bytes got want
    bash -c '"$QCOW2_INFO" cat --progress -o got disk.qcow2 <&- >&- 2>&-'
    assert_same_bytes got want
}

@test "cli: standard output that is closed is an error" {
    cp "$SAMPLE" disk.qcow2
    local arguments
    for arguments in "${COMMANDS[@]/%/ disk.qcow2}" --help --version 'map --help'; do
        # shellcheck disable=SC2016,SC2086 # the inner shell expands it; several words
        run --separate-stderr bash -c '"$QCOW2_INFO" "$@" >&-' bash $arguments
        assert_status 1
        assert_stderr_contains 'Bad file descriptor'
    done
}
