#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Several images in one call: the same answers as one by one, in the order given, whatever happens to any
# of them.

load ../helpers/load
load ../helpers/tables
load ../helpers/encryption

# Of a test that failed, a process may still wait for a FIFO.
teardown() {
    local process
    for process in $(jobs -p); do
        kill "$process" || true
    done
}

# one_by_one COMMAND... -- IMAGE...: what single calls print, in compact JSON with the name first
one_by_one() {
    local command=()
    while [[ $1 != -- ]]; do
        command+=("$1")
        shift
    done
    shift
    local image
    for image; do
        qcow2_info "${command[@]}" --json "$image" 2>/dev/null | jq -cS --arg name "$image" \
            'if type == "array" then {layers: .} else . end | {filename: $name} + .' || true
    done
}

# make_slow: slow is a FIFO; an image behind it waits until feed_slow
make_slow() {
    mkfifo slow
    exec 7<>slow
}

feed_slow() {
    cat "$SAMPLE" >slow
    exec 7>&-
}

# reader_of FIFO: sets $reader to the process of the program that has opened it, once there is one
reader_of() {
    local process started=$SECONDS
    reader=''
    while [[ -z $reader ]]; do
        ((SECONDS - started < PROGRAM_SECONDS)) || fail "nobody reads $1" || return
        for process in $(pgrep -x qcow2-info); do
            if find "/proc/$process/fd" -lname "$PWD/$1" 2>/dev/null | grep -q .; then
                reader=$process
            fi
        done
    done
}

# gone PROCESS: waits until it is
gone() {
    local started=$SECONDS
    while [[ -e /proc/$1 ]] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; do
        ((SECONDS - started < PROGRAM_SECONDS)) || fail "process $1 is still there" || return
        sleep 0.05
    done
}

@test "several: every command prints the same about each image as about a single one" {
    local command
    cp "$SAMPLE" a
    make_image base 1M '' 'write -q -P 0x41 0 128k'
    make_layer over 1M '' base qcow2 'write -q -P 0x42 64k 128k'
    cp a './-b c'
    echo junk >junk
    # What is not on disk yet changes how much a file takes there.
    sync -- a base over './-b c'
    for command in info audit check 'check --data' usage digest 'digest --flat' 'info --backing-chain' 'usage --backing-chain'; do
        # shellcheck disable=SC2086 # words
        run_qcow2_info $command a --json over junk missing -- '-b c' base
        assert_status 1
        # shellcheck disable=SC2086
        assert_equal "$(jq -cS . <<<"$output")" "$(one_by_one $command -- a over './-b c' base | sed 's|"./-b c"|"-b c"|g')"
        assert_equal "${#lines[@]}" 4
        [[ ${stderr-} == *': junk: '*$'\n''qcow2-info: missing: '* ]] || fail "${stderr-}"
    done
}

@test "several: text has a heading for each image, digests are a list" {
    cp "$SAMPLE" a
    cp "$SAMPLE" $'b\e[31m'
    local command
    for command in info audit check usage; do
        run_qcow2_info $command a $'b\e[31m'
        assert_status 0
        assert_output "a:"$'\n'"$(qcow2_info $command a)"$'\n\n''b\x1b[31m:'$'\n'"$(qcow2_info $command $'b\e[31m')"
    done
    cp a b
    run_qcow2_info digest a b
    assert_output "$(qcow2_info digest a)"$'\n'"$(qcow2_info digest b)"
}

@test "several: the exit status is the worst: not done, then bad, then leaks" {
    cp "$SAMPLE" good
    make_image leaky 1M '' 'write -q 0 64k'
    cp leaky corrupt
    poke_l2_entry leaky 0 0
    poke_l2_entry corrupt 0 $((COPIED | 1 << 40))
    echo junk >junk
    run_qcow2_info check good good
    assert_status 0
    run_qcow2_info check leaky good
    assert_status 3
    run_qcow2_info check leaky corrupt good leaky
    assert_status 2
    run_qcow2_info check leaky junk corrupt
    assert_status 1
}

@test "several: output is in the order given, however long the first image takes" {
    make_slow
    cp "$SAMPLE" a
    cp "$SAMPLE" b
    printf 'a\nb\nmissing\n' >list
    "$QCOW2_INFO" digest --json --jobs 2 slow a b missing --from-file list >got 2>errors 7>&- &
    reader_of slow
    # The others can be done by now, but wait.
    assert_equal "$(<got)$(<errors)" ''
    feed_slow
    ! wait $! || fail 'status 0'
    assert_equal "$(jq -r .filename got | xargs)" 'slow a b a b'
    assert_equal "$(wc -l <errors)" 2
}

@test "several: a process that dies is an error of its image alone" {
    make_slow
    cp "$SAMPLE" a
    "$QCOW2_INFO" info --json --jobs 2 a slow a >got 2>errors 7>&- &
    local program=$! status=0
    reader_of slow
    kill -KILL "$reader"
    wait $program || status=$?
    assert_equal $status 1
    assert_equal "$(jq -r .filename got | xargs)" 'a a'
    grep -q '^qcow2-info: slow: the process that reads it was ended by signal 9' errors || fail "$(<errors)"
    exec 7>&-
}

@test "several: all processes end with the program" {
    local status=0
    make_slow
    "$QCOW2_INFO" info slow slow 2>errors 7>&- &
    local program=$!
    reader_of slow
    kill -TERM $program
    wait $program || status=$?
    assert_equal $status 143
    gone "$reader"
    exec 7>&-
}

@test "several: an output that cannot be written ends the work" {
    local status=0
    make_slow
    cp "$SAMPLE" a
    qcow2_info info a slow slow >/dev/full 2>errors 7>&- || status=$?
    assert_equal $status 1
    assert_equal "$(<errors)" 'qcow2-info: cannot write the output: No space left on device'
    exec 7>&-
    # A reader that has seen enough.
    yes a | head -n 2000 >list
    qcow2_info info --json --from-file list 2>errors | head -n 1 >got
    assert_equal "$(wc -l <got)$(<errors)" 1
}

@test "several: waiting output is bounded, and all of it is printed" {
    local i
    make_image big 512M '' 'write -q 0 64k'
    # Each entry of the L2 table is a finding.
    python3 - "$(l2_table_at big 0)" <<'EOF'
import struct, sys
with open("big", "r+b") as image:
    image.seek(int(sys.argv[1]))
    image.write(b"".join(struct.pack(">Q", 1 << 63 | 1 << 40 | i << 16 | 2) for i in range(8192)))
EOF
    qcow2_info check --json --max-findings 1000000 big | jq -c . >one || true
    assert_equal "$(jq '.findings | length > 8000' one)" true
    for ((i = 0; i < 60; i++)); do
        echo big
    done >list
    make_slow
    python3 - "$QCOW2_INFO" 7>&- <<'EOF' &
import resource, subprocess, sys
done = subprocess.run([sys.argv[1], "check", "--json", "--max-findings", "1000000", "--jobs", "2", "slow",
                       "--from-file", "list"], stdout=open("got", "wb"))
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=open("used", "w"))
EOF
    local program=$!
    reader_of slow
    feed_slow
    wait $program
    read -r status kilobytes <used
    assert_equal "$status" 2
    assert_equal "$(tail -n +2 got | wc -l)" 60
    tail -n +2 got | uniq | jq -c . | cmp - one
    # All that waits would be this much.
    [[ $(wc -c <got) -gt $((100 << 20)) ]] || fail "$(wc -c <got) bytes are too few for this test"
    is_instrumented || [[ $kilobytes -lt $((80 << 10)) ]] || fail "$kilobytes KiB"
}

# ---- Lists -----------------------------------------------------------------------------------------------

@test "several: --from-file: lines, or with -0 names that end with a NUL byte, in a file or a pipe" {
    local odd=$'a name\nof two lines'
    cp "$SAMPLE" a
    cp "$SAMPLE" "$odd"
    cp "$SAMPLE" ' b '
    printf 'a\n\n b ' >list
    run_qcow2_info --json --from-file list
    assert_status 0
    assert_equal "$(jq -c .filename <<<"$output")" $'"a"\n" b "'
    run_qcow2_info info --from-file list a --json
    assert_equal "$(jq -c .filename <<<"$output")" $'"a"\n"a"\n" b "'
    printf '%s\0' "$odd" '' a >list0
    run_qcow2_info audit --json -0 --from-file - <list0
    assert_status 0
    assert_equal "$(jq -c .filename <<<"$output")" $'"a name\\nof two lines"\n"a"'
    find . -name 'a' -print0 | qcow2_info check --null --from-file=- --json >got
    assert_equal "$(jq -c .filename got)" '"./a"'
    # A list of one name is a list.
    echo a | qcow2_info audit --json --from-file - >got
    assert_equal "$(wc -l <got) $(jq -r .filename got)" '1 a'
    run_qcow2_info info --from-file /dev/null
    assert_status 0
    assert_output ''
}

@test "several: a list that is bad is an error, and its other names are read" {
    cp "$SAMPLE" a
    { printf 'a\n'; head -c 4096 /dev/zero | tr '\0' x; printf '\na\n-\n'; head -c 100000 /dev/zero | tr '\0' y; printf '\na\0b\na\n'; } >list
    run_qcow2_info info --json --from-file list
    assert_status 1
    assert_equal "$(jq -r .filename <<<"$output" | xargs)" 'a a a'
    assert_equal "$(grep -o 'line .*' <<<"${stderr-}" | cut -c 1-30)" 'line 2 is longer than 4095 byt
line 4 is -; a file of this na
line 5 is longer than 4095 byt
line 6 has a NUL byte; -0 read'
    # The longest name that there can be.
    { head -c 4095 /dev/zero | tr '\0' x; printf '\na'; } >list
    run_qcow2_info info --json --from-file list
    assert_stderr_contains 'File name too long'
    assert_equal "$(jq -r .filename <<<"$output")" a
    run_qcow2_info info --from-file missing
    assert_status 1
    assert_one_error missing 'cannot open'
    run_qcow2_info info --from-file .
    assert_status 1
    assert_one_error . 'cannot read'
}

@test "several: an answer comes as soon as its name was read" {
    cp "$SAMPLE" a
    mkfifo names answers
    qcow2_info audit --json --from-file - <names >answers &
    exec 7>names 8<answers
    local i answer
    for i in 1 2 3; do
        echo a >&7
        IFS= read -r answer <&8
        assert_equal "$(jq -c '[.filename, .safe]' <<<"$answer")" '["a",true]'
    done
    exec 7>&-
    wait $!
}

@test "several: command lines that are refused" {
    cp "$SAMPLE" a
    run_qcow2_info info - a - <"$SAMPLE"
    assert_status 64
    assert_stderr_contains 'standard input cannot be read for two purposes'
    run_qcow2_info info - --from-file - <"$SAMPLE"
    assert_status 64
    run_qcow2_info check --data --key-file - --from-file - <"$SAMPLE"
    assert_status 64
    run_qcow2_info info -0 a
    assert_status 64
    assert_stderr_contains '--null needs --from-file'
    run_qcow2_info a check
    assert_status 64
    assert_stderr_contains 'write the command before the image: check a'
    run_qcow2_info usage --chart=svg a a
    assert_status 64
    run_qcow2_info map a a
    assert_status 64
    run_qcow2_info digest --json a - a <"$SAMPLE"
    assert_status 0
    assert_equal "$(jq -r .filename <<<"$output" | xargs)" 'a - a'
}

# ---- Keys ------------------------------------------------------------------------------------------------

@test "several: a passphrase from standard input opens all images" {
    make_luks_image a
    cp a b
    cp "$SAMPLE" c
    run_qcow2_info digest --json --key-file - a c b < <(printf abc)
    assert_status 0
    assert_equal "$(jq -r .filename <<<"$output" | xargs)" 'a c b'
    run_qcow2_info info --check-key --json --key-file - a b < <(printf abc)
    assert_status 0
    assert_equal "$(jq -c .encryption.key_slot <<<"$output")" $'0\n0'
}
