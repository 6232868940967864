# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the bats files share; each begins with:  load ../helpers/load
#
# Every test starts in an empty folder of its own, which goes away with it. Numbers may be written in
# decimal or with 0x, from 0 to 2^64 - 1.

bats_require_minimum_version 1.5.0

# The top of the source tree, the sample image, the program.
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SAMPLE=$TOP/tests/sample/sample.qcow2
QCOW2_INFO=${QCOW2_INFO:-$TOP/build/qcow2-info}
BUILD=${BUILD:-$TOP/build}
export TOP SAMPLE QCOW2_INFO BUILD

# QEMU's tools with a clock that does not depend on the machine, also when bats runs a file by hand.
[[ $PATH == */steady-qemu/* ]] || PATH=$("$TOP/tests/helpers/steady_qemu" "$BUILD"):$PATH

# A test never hangs: QEMU's tools are ended after so many seconds, with status 124, and tests/run ends a
# file whose program does not end. No machine is so slow that this decides what passes.
export PROGRAM_SECONDS=${PROGRAM_SECONDS:-1800}

# One language for messages, sorting and dates.
export LC_ALL=C.UTF-8 TZ=UTC

# A bats file with a setup of its own calls this first. What the helpers do is done without the trap that
# bats runs before each command, which costs fifty times what the command itself does: when a helper
# fails, bats shows the line of the test that called it.
enter_test() {
    set +T
    cd "$BATS_TEST_TMPDIR" || return
}

setup() {
    enter_test
}

# ---- Running ----------------------------------------------------------------------------------

# The program itself, for pipes and redirections. JSON is kept for check_json; a device gets it directly.
qcow2_info() {
    if [[ " $* " != *' --json '* || ! (-p /dev/stdout || -f /dev/stdout) ]]; then
        "$QCOW2_INFO" "$@"
        return
    fi
    local kept result
    name_kept_json
    "$QCOW2_INFO" "$@" | tee -- "$kept"
    result=${PIPESTATUS[0]}
    printf '%s\n' "$result" "$@" >"$kept.run"
    return "$result"
}

# Runs the program and sets $status, $output (standard output only), $stderr and $lines, as the run of bats
# does, which starts four times as many processes.
run_qcow2_info() {
    output=$("$QCOW2_INFO" "$@" 2>"$BATS_TEST_TMPDIR/.stderr") && status=0 || status=$?
    read -r -d '' stderr <"$BATS_TEST_TMPDIR/.stderr" || true
    # shellcheck disable=SC2034 # tests use it
    IFS=$'\n' read -r -d '' -a lines <<<"$output" || true
    if [[ " $* " == *' --json '* ]]; then
        local kept
        name_kept_json
        printf '%s\n' "$output" >"$kept" && printf '%s\n' "$status" "$@" >"$kept.run"
    fi
}

# ---- JSON and its schemas ---------------------------------------------------------------------

# Sets $kept to a file of its own for what one run prints.
name_kept_json() {
    [[ -d $BATS_FILE_TMPDIR/.json ]] || mkdir -p "$BATS_FILE_TMPDIR/.json"
    kept=$BATS_FILE_TMPDIR/.json/${EPOCHREALTIME/[!0-9]/-}-$BASHPID
}

# All JSON that the program printed in this file is what man/schema says. It runs once, when all tests have,
# because to start Python takes long. A bats file with a teardown_file of its own calls it there.
check_json() {
    local python result
    [[ -d $BATS_FILE_TMPDIR/.json ]] || return 0
    # Another Python may come first that lacks the module, or there is none.
    for python in python3 /usr/bin/python3; do
        result=0
        "$python" "$TOP/tests/helpers/schema.py" "$TOP/man/schema" "$BATS_FILE_TMPDIR/.json" || result=$?
        [[ $result -eq 3 || $result -eq 127 ]] || return "$result"
    done
    [[ -z ${CI:-} ]] || fail "python3-jsonschema is not installed (make deps installs it)"
}

teardown_file() {
    check_json
}

# require_tool NAME...: a tool that is missing skips the test; with CI set, it fails.
require_tool() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null && continue
        [[ -z ${CI:-} ]] || fail "$tool is not installed (make deps installs it)" || return
        skip "$tool is not installed (make deps installs it)"
    done
}

# A program with a sanitizer in it reserves and takes far more memory than it needs itself.
is_sanitized() {
    grep -qE '__[atm]san_init' "$QCOW2_INFO"
}

# One with a sanitizer or with counters of coverage in it is slow.
is_instrumented() {
    grep -qE '__[atm]san_init|__gcov_' "$QCOW2_INFO"
}

# ---- Saying what is wrong ---------------------------------------------------------------------

# fail TEXT: ends the test
fail() {
    printf '%s\n' "$@" >&2
    return 1
}

# Prints what the last run left behind.
show_run() {
    printf 'status: %s\noutput:\n%s\n' "${status-}" "${output-}"
    [[ -z ${stderr-} ]] || printf 'stderr:\n%s\n' "$stderr"
}

assert_status() {
    [[ $status -eq $1 ]] || fail "expected status $1" "$(show_run)"
}

assert_output() {
    [[ $output == "$1" ]] || fail "expected this output:" "$1" "$(show_run)"
}

assert_output_contains() {
    [[ $output == *"$1"* ]] || fail "expected in the output: $1" "$(show_run)"
}

refute_output_contains() {
    [[ $output != *"$1"* ]] || fail "not expected in the output: $1" "$(show_run)"
}

assert_stderr_contains() {
    [[ ${stderr-} == *"$1"* ]] || fail "expected on standard error: $1" "$(show_run)"
}

# assert_equal GOT WANT
assert_equal() {
    [[ $1 == "$2" ]] || fail "got:  $1" "want: $2"
}

assert_same_bytes() {
    cmp -- "$1" "$2" || fail "$1 and $2 differ"
}

# ---- Bytes of a file --------------------------------------------------------------------------

# poke FILE OFFSET HEX: overwrites bytes; the digits of HEX may be spaced
poke() {
    local hex=${3//[[:space:]]/} bytes='' part i at
    local digits=${#hex}
    [[ $hex =~ ^([[:xdigit:]]{2})+$ ]] || fail "poke: not whole bytes in hexadecimal: $3" || return
    # In parts, because bash counts a string from its beginning each time.
    for ((at = 0; at < digits; at += 512)); do
        part=${hex:at:512}
        for ((i = 0; i < ${#part}; i += 2)); do
            bytes+="\\x${part:i:2}"
        done
    done
    # shellcheck disable=SC2059 # the format is the bytes
    printf "$bytes" | dd of="$1" bs=64k oflag=seek_bytes seek="$(($2))" conv=notrunc status=none
}

# peek FILE OFFSET COUNT: prints bytes in hexadecimal, without spaces; read_hex sets $hex to them
peek() {
    local hex
    read_hex "$@" && printf %s "$hex"
}

read_hex() {
    hex=$(od -An -v -tx1 -j "$(($2))" -N "$3" -- "$1") && hex=${hex//[[:space:]]/}
}

# poke_number FILE OFFSET BYTES VALUE: an unsigned big-endian integer
poke_number() {
    local hex
    printf -v hex '%0*x' "$(($3 * 2))" "$4" || fail "poke: not a number: $4" || return
    [[ ${#hex} -eq $(($3 * 2)) ]] || fail "poke: $4 does not fit into $3 bytes" || return
    poke "$1" "$2" "$hex"
}

# peek_number FILE OFFSET BYTES: prints it in decimal
peek_number() {
    local hex
    read_hex "$@" || return
    [[ ${#hex} -eq $(($3 * 2)) ]] || fail "peek: $1 ends before offset $2 + $3" || return
    printf '%u\n' "0x$hex"
}

poke_be16() { poke_number "$1" "$2" 2 "$3"; }
poke_be32() { poke_number "$1" "$2" 4 "$3"; }
poke_be64() { poke_number "$1" "$2" 8 "$3"; }
peek_be16() { peek_number "$1" "$2" 2; }
peek_be32() { peek_number "$1" "$2" 4; }
peek_be64() { peek_number "$1" "$2" 8; }

# ---- Fields of the qcow2 header, by name ------------------------------------------------------

# Each with its offset and its size.
declare -gA HEADER_FIELDS=(
    [magic]='0 4'
    [version]='4 4'
    [backing_file_offset]='8 8'
    [backing_file_size]='16 4'
    [cluster_bits]='20 4'
    [size]='24 8'
    [crypt_method]='32 4'
    [l1_size]='36 4'
    [l1_table_offset]='40 8'
    [refcount_table_offset]='48 8'
    [refcount_table_clusters]='56 4'
    [nb_snapshots]='60 4'
    [snapshots_offset]='64 8'
    [incompatible_features]='72 8'
    [compatible_features]='80 8'
    [autoclear_features]='88 8'
    [refcount_order]='96 4'
    [header_length]='100 4'
    [compression_type]='104 1'
)

# poke_field FILE NAME VALUE
poke_field() {
    local place=${HEADER_FIELDS[$2]:-}
    [[ $place ]] || fail "no header field is called $2" || return
    poke_number "$1" "${place% *}" "${place#* }" "$3"
}

# field FILE NAME: prints its value in decimal
field() {
    local place=${HEADER_FIELDS[$2]:-}
    [[ $place ]] || fail "no header field is called $2" || return
    peek_number "$1" "${place% *}" "${place#* }"
}

# ---- qemu-img and qemu-io as the oracle -------------------------------------------------------

# qemu_opens IMAGE: sets $qemu_image to the arguments with which QEMU's tools open a qcow2 image, and
# $our_key to those that ours needs. Encrypted images have their own; see helpers/encryption.
qemu_opens() {
    qemu_image=(-f qcow2 "$1")
    our_key=()
}

# guest_bytes_equal IMAGE [cat's options]: `qcow2-info cat` prints what qemu-img reads. --offset N
# and --length N (plain numbers) choose the same range of qemu-img's bytes.
guest_bytes_equal() {
    local image=$1 offset=0 length='' i qemu_image our_key
    local ours=$BATS_TEST_TMPDIR/.ours theirs=$BATS_TEST_TMPDIR/.theirs
    shift
    for ((i = 1; i <= $#; i++)); do
        case ${!i} in
        --offset) i=$((i + 1)) && offset=$((${!i})) ;;
        --offset=*) offset=${!i} && offset=$((${offset#*=})) ;;
        --length) i=$((i + 1)) && length=$((${!i})) ;;
        --length=*) length=${!i} && length=$((${length#*=})) ;;
        esac
    done
    require_tool qemu-img
    qemu_opens "$image" || return
    qcow2_info cat "${our_key[@]}" "$@" "$image" >"$ours" || fail "cat $* $image: status $?" || return
    timeout -k 5 "$PROGRAM_SECONDS" qemu-img convert "${qemu_image[@]}" -O raw "$theirs.whole" || return
    tail -c +$((offset + 1)) "$theirs.whole" >"$theirs"
    [[ -z $length || $length -ge $(stat -c %s "$theirs") ]] || truncate -s "$length" "$theirs"
    cmp "$ours" "$theirs" || fail "cat $* $image: not the bytes that qemu-img reads" || return
    rm -f "$ours" "$theirs" "$theirs.whole"
}

# Both maps, brought to one form: [{start, length, depth, present, zero, offset}], where neighbours
# that go on in guest and host are one. qemu-img names no offset for compressed and encrypted data.
MAP_TO_COMMON_FORM='
    def goes_on($next):
        .start + .length == $next.start
        and ([.depth, .present, .zero] == ($next | [.depth, .present, .zero]))
        and (if .offset == null then $next.offset == null
             else $next.offset == .offset + .length end);
    def merged:
        reduce .[] as $next ([];
            if length > 0 and (last | goes_on($next)) then .[-1].length += $next.length
            else . + [$next] end);
'
OUR_MAP="$MAP_TO_COMMON_FORM"'
    map({start, length, depth, present: .allocated, zero,
         offset: (if .compressed or $no_offsets then null else .offset end)}) | merged | .[]'
THEIR_MAP="$MAP_TO_COMMON_FORM"'
    map({start, length, depth, present, zero,
         offset: (if $no_offsets then null else .offset end)}) | merged | .[]'

# maps_equal [--no-offsets] IMAGE [map's options]: `map --host-offsets` says what qemu-img map says.
# --no-offsets leaves host offsets out of it: for encrypted images. Whether space that was only reserved is a
# hole changes with what the kernel keeps in memory: maps that differ are made up to twice more.
maps_equal() {
    local no_offsets=false image qemu_image our_key try
    local ours=$BATS_TEST_TMPDIR/.map.ours theirs=$BATS_TEST_TMPDIR/.map.theirs
    if [[ $1 == --no-offsets ]]; then
        no_offsets=true
        shift
    fi
    image=$1
    shift
    require_tool qemu-img jq
    qemu_opens "$image" || return
    for try in 1 2 3; do
        make_both_maps "$@" || return
        diff -u --label 'qemu-img map' --label 'qcow2-info map' "$theirs" "$ours" >"$ours.diff" && break
        [[ $try -lt 3 ]] || {
            head -n 40 "$ours.diff" >&2
            fail "map $* $image: not what qemu-img says" || return
        }
    done
    rm -f "$ours"* "$theirs"*
}

# make_both_maps [map's options]: those of $image, for maps_equal
make_both_maps() {
    qcow2_info map --host-offsets --json "$@" "$image" >"$ours.raw" ||
        fail "map $* $image: status $?" || return
    timeout -k 5 "$PROGRAM_SECONDS" qemu-img map "${qemu_image[@]}" --output=json >"$theirs.raw" || return
    jq -s -c --argjson no_offsets "$no_offsets" "$OUR_MAP" "$ours.raw" >"$ours" || return
    jq -c --argjson no_offsets "$no_offsets" "$THEIR_MAP" "$theirs.raw" >"$theirs"
}

# fill_holes FILE...: writes each anew, so that no part of it is a hole, or reserved and not written, which is a
# hole or data with what the kernel keeps in memory
fill_holes() {
    local file
    for file; do
        dd if="$file" of="$file.filled" bs=1M status=none && mv -- "$file.filled" "$file" || return
    done
}
