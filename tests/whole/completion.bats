#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Completion: what the program offers, and what bash, zsh and fish make of it. The shells run on a pseudo-terminal,
# where `qcow2-info` is a function that keeps its arguments: what was completed is then evaluated by the shell, as
# it is for people.

# Without sanitizers: three shells start it for each key.

load ../helpers/load

# Each begins with a number of its own.
HOSTILE=('j$(touch pwned)' 'k`touch pwned`' 'l;touch pwned;' 'm|touch pwned' 'n two  blanks ' "o it's" 'p"quoted"' 'q\back\\slash'
    'r*?[a]{b,c}' 'a$HOME${IFS}' 'b!!' 'c#%F{red}x%f' 'd>pwned' 'e:colon:=equal=' 'fé日' 'g&touch pwned&' 'h~/x' 'i(touch pwned)')

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    local name
    cp "$SAMPLE" disk.qcow2
    qemu-img create -q -f qcow2 hostile.qcow2 1M
    for name in "${HOSTILE[@]}" $'\e]0;terminal\a' $'new\nline' $'\u202eback'; do
        qemu-img snapshot -c "$name" hostile.qcow2
    done
}

setup() {
    enter_test || return
    cp "$BATS_FILE_TMPDIR"/{disk,hostile}.qcow2 .
    mkdir -p bin home folder
    ln -s "$QCOW2_INFO" bin/qcow2-info
}

# offered N WORD...: what the word N of the command line can become, one a line
offered() {
    qcow2_info completion --word "$1" -- "${@:2}" | sed '1d; s/\t.*//'
}

kind() {
    qcow2_info completion --word "$1" -- "${@:2}" | head -n 1
}

# ---- What the program offers ----------------------------------------------------------------------------

@test "completion: each shell has a script; other names are refused" {
    local shell
    for shell in bash zsh fish; do
        qcow2_info completion $shell | cmp - "$TOP/src/commands/completion.$shell"
    done
    run_qcow2_info completion
    assert_status 64
    run_qcow2_info completion csh
    assert_status 64
    assert_stderr_contains 'bash, zsh or fish'
    run_qcow2_info completion bash zsh
    assert_status 64
}

@test "completion: all commands, and all options of each command's help" {
    offered 0 '' >got
    qcow2_info --help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p' >want
    echo help >>want
    diff want got
    offered 1 help '' | diff <(grep -v help want) -
    local command
    for command in $(<got); do
        [[ $command != help ]] || continue
        offered 1 "$command" - | sort >options
        qcow2_info "$command" --help | sed -nE 's/^  (-[A-Za-z0-9], )?(--[a-z-]+).*/\2/p' | sort | diff - options
    done
    diff <(offered 0 --) <(offered 1 info --)
    assert_equal "$(kind 0 '')" 'files 0'
}

@test "completion: an option is offered once, unless it may be repeated" {
    assert_equal "$(offered 3 map --totals --bitmap=x --t)" '--timeout'
    assert_equal "$(offered 3 map --totals --bitmap=x --b)" "$(printf '%s\n' --bitmap --backing-file)"
    assert_equal "$(offered 2 cat -o --out)" ''
    assert_equal "$(offered 3 cat -o x --out)" ''
    assert_equal "$(offered 2 map -- --tot)" ''
}

@test "completion: values that are words, and codes one after the other" {
    assert_equal "$(offered 2 cat --sparse '')" "$(printf '%s\n' auto always never)"
    assert_equal "$(offered 1 cat --spar=n)" --spar=never
    assert_equal "$(offered 1 check --progress=)" --progress=json
    assert_equal "$(offered 1 completion '')" "$(printf '%s\n' bash zsh fish)"
    qcow2_info audit --list-rules --json | jq -r '.[].code' | diff - <(offered 2 audit --deny '')
    assert_equal "$(offered 2 audit --allow dirty,corr)" dirty,corrupt
    assert_equal "$(offered 2 audit --allow dirty,dir)" ''
}

@test "completion: file and folder names where they are values, and no words where numbers are" {
    assert_equal "$(kind 1 map '')" 'files 0'
    assert_equal "$(kind 2 map --data-file x)" 'files 0'
    assert_equal "$(kind 1 map --data-file=x)" 'files 12'
    assert_equal "$(kind 1 map --backing-file=12:x)" 'files 18'
    assert_equal "$(kind 2 map --confine x)" 'folders 0'
    assert_equal "$(kind 2 map --offset '')" 'none 0'
    assert_equal "$(kind 1 where '')" 'files 0'
    assert_equal "$(kind 2 where disk.qcow2 '')" 'none 0'
    assert_equal "$(kind 2 compare disk.qcow2 '')" 'files 0'
}

@test "completion: snapshots and bitmaps of the image, wherever it is on the line" {
    assert_equal "$(offered 3 map disk.qcow2 --snapshot '')" before-the-flood
    assert_equal "$(offered 2 map --snapshot '' disk.qcow2)" before-the-flood
    assert_equal "$(offered 1 map --since=be -- disk.qcow2)" --since=before-the-flood
    assert_equal "$(offered 3 cat disk.qcow2 --snapshot 1)" 1
    assert_equal "$(offered 3 map disk.qcow2 --bitmap s)" since-backup
    # shellcheck disable=SC2088 # shells leave it to the program
    assert_equal "$(HOME=$PWD offered 3 map '~/disk.qcow2' --bitmap s)" since-backup
    assert_equal "$(offered 4 compare disk.qcow2 hostile.qcow2 --snapshot-b o)" "o it's"
    assert_equal "$(offered 4 compare hostile.qcow2 disk.qcow2 --snapshot-b '')" before-the-flood
    assert_equal "$(offered 4 compare disk.qcow2 hostile.qcow2 --snapshot-a '')" before-the-flood
    assert_equal "$(offered 2 map --snapshot '')" ''
}

@test "completion: another file or a missing one is no error, and a pipe is not read" {
    mkfifo pipe
    local image
    for image in missing pipe . /dev/null - "$TOP/Makefile" http://localhost:1/x; do
        run_qcow2_info completion --word 3 -- map "$image" --snapshot ''
        assert_status 0
        assert_output 'none 0'
        assert_equal "${stderr-}" ''
    done
    run_qcow2_info completion --word 9 -- map
    assert_output ''
}

@test "completion: a name that a terminal should not see is replaced by the id" {
    run_qcow2_info completion --word 3 -- map hostile.qcow2 --snapshot ''
    [[ ${output//[$'\n\t']/} != *[[:cntrl:]]* && $output != *$'\u202e'* ]] || fail "$output"
    offered 3 map hostile.qcow2 --snapshot '' >got
    printf '%s\n' "${HOSTILE[@]}" 19 20 21 | diff - got
}

@test "completion: a name that is ambiguous or the id of another snapshot is replaced by the id" {
    qemu-img create -q -f qcow2 same.qcow2 1M
    local name
    for name in one two one 2; do
        qemu-img snapshot -c "$name" same.qcow2
    done
    # shellcheck disable=SC2119
    offered 3 map same.qcow2 --snapshot '' >got
    while read -r name; do
        qcow2_info map same.qcow2 --snapshot "$name" >/dev/null
    done <got
    assert_equal "$(<got)" "$(printf '%s\n' 1 two 3 4)"
}

# ---- In the shells ------------------------------------------------------------------------------------------

# in_shell SHELL: types the file `lines`, and compares what the shell ran with the file `want`
in_shell() {
    local run
    require_tool "$1" python3
    cat >bash.rc <<'END'
PATH=$PWD/bin:$PATH PS1='READY> ' HISTFILE=
source <(command qcow2-info completion bash)
qcow2-info() { printf '[%s]' "$@" >>got; echo >>got; }
END
    cat >home/.zshrc <<'END'
PATH=$PWD/bin:$PATH PS1='READY> '
autoload -Uz compinit && compinit -u -D
eval "$(command qcow2-info completion zsh)"
qcow2-info() { printf '[%s]' "$@" >>got; echo >>got; }
END
    cat >fish.rc <<'END'
set -gx PATH $PWD/bin $PATH
function fish_prompt; printf 'READY> '; end
function fish_greeting; end
set -g fish_autosuggestion_enabled 0
command qcow2-info completion fish | source
function qcow2-info; printf '[%s]' $argv >>got; echo >>got; end
END
    case $1 in
    bash) run=(bash --noprofile --rcfile bash.rc -i) ;;
    zsh) run=(zsh -d -i) ;;
    fish) run=(fish -N -i -C 'source fish.rc') ;;
    esac
    HOME=$PWD/home ZDOTDIR=$PWD/home XDG_CONFIG_HOME=$PWD/home TERM=xterm \
        python3 "$TOP/tests/helpers/keys.py" got screen "${run[@]}" <lines || fail "$(cat -v screen)" || return
    sed -i 's|folder/|folder|' got # zsh takes the slash away again
    diff want got || fail "$(cat -v screen)" || return
    [[ ! -e pwned ]] || fail 'a name was evaluated'
}

# case_of LINE WANT: a line to type, and the arguments that the shell has then
case_of() {
    printf '%s\n' "$1" >>lines
    printf '%s\n' "$2" >>want
}

common_cases() {
    case_of 'qcow2-info comp\tdisk.qcow2' '[compdisk.qcow2]' # compare or completion
    case_of 'qcow2-info chec\tdisk.qcow2' '[check][disk.qcow2]'
    case_of 'qcow2-info map disk.qcow2 --snapshot be\t' '[map][disk.qcow2][--snapshot][before-the-flood]'
    case_of 'qcow2-info map disk.qcow2 --snapshot=be\t' '[map][disk.qcow2][--snapshot=before-the-flood]'
    case_of 'qcow2-info map disk.qcow2 --snapshot "be\t' '[map][disk.qcow2][--snapshot][before-the-flood]'
    case_of "qcow2-info map disk.qcow2 --snapshot 'be\\t" '[map][disk.qcow2][--snapshot][before-the-flood]'
    case_of 'qcow2-info map disk.qcow2 --bitmap s\t--tot\t' '[map][disk.qcow2][--bitmap][since-backup][--totals]'
    case_of 'qcow2-info map dis\t' '[map][disk.qcow2]'
    case_of 'qcow2-info dis\t' '[disk.qcow2]'
    case_of 'qcow2-info map --confine fol\t' '[map][--confine][folder]'
    case_of 'qcow2-info cat --data-file=dis\t' '[cat][--data-file=disk.qcow2]'
    case_of 'qcow2-info cat --backing-file 1:dis\t' '[cat][--backing-file][1:disk.qcow2]'
    case_of 'qcow2-info cat --sparse=al\tdisk.qcow2' '[cat][--sparse=always][disk.qcow2]'
    case_of 'qcow2-info audit --allow dirty,corr\t' '[audit][--allow][dirty,corrupt]'
    case_of 'qcow2-info help di\t' '[help][digest]'
}

# The image behind the cursor: 11 characters to the left. fish does not tell scripts what is there.
behind_cases() {
    local left='\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02'
    case_of "qcow2-info map --snapshot be disk.qcow2$left\\t" '[map][--snapshot][before-the-flood][disk.qcow2]'
    case_of "qcow2-info map --snapshot=be disk.qcow2$left\\t" '[map][--snapshot=before-the-flood][disk.qcow2]'
}

hostile_cases() {
    local name
    for name in "${HOSTILE[@]}"; do
        case_of "qcow2-info map hostile.qcow2 --snapshot ${name:0:1}\\t" "[map][hostile.qcow2][--snapshot][$name]"
    done
    name=${HOSTILE[0]}
    case_of "qcow2-info map hostile.qcow2 --snapshot=${name:0:1}\\t" "[map][hostile.qcow2][--snapshot=$name]"
    name=${HOSTILE[13]}
    case_of "qcow2-info map hostile.qcow2 --snapshot=${name:0:2}\\t" "[map][hostile.qcow2][--snapshot=$name]"
    # A list on the screen.
    case_of 'qcow2-info map hostile.qcow2 --snapshot \t\t\x15qcow2-info x' '[x]'
}

# Nothing that a name has in it reached the terminal.
assert_harmless_screen() {
    ! grep -aF -e ']0;terminal' -e $'\u202e' screen || fail "$(cat -v screen)"
}

@test "completion: bash" {
    common_cases
    behind_cases
    in_shell bash
}

@test "completion: zsh" {
    common_cases
    behind_cases
    in_shell zsh
}

@test "completion: fish" {
    common_cases
    in_shell fish
}

@test "completion: bash quotes hostile names" {
    hostile_cases
    in_shell bash
    assert_harmless_screen
}

@test "completion: zsh quotes hostile names" {
    hostile_cases
    in_shell zsh
    assert_harmless_screen
}

@test "completion: fish quotes hostile names" {
    hostile_cases
    in_shell fish
    assert_harmless_screen
}

# ---- Installing ---------------------------------------------------------------------------------------------

@test "completion: make install puts the scripts where the shells look for them" {
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$TOP" install-completions BUILD="$PWD/none" DESTDIR="$PWD/root" PREFIX=/usr
    cmp root/usr/share/bash-completion/completions/qcow2-info "$TOP/src/commands/completion.bash"
    cmp root/usr/share/zsh/site-functions/_qcow2-info "$TOP/src/commands/completion.zsh"
    cmp root/usr/share/fish/vendor_completions.d/qcow2-info.fish "$TOP/src/commands/completion.fish"
}
