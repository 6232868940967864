#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# The corpus of the fuzz harnesses, and images that are changed by seeds: every command on each of
# them, within 50 units of CPU time and 256 MiB of addresses. What has to hold is in tests/fuzz,
# and what ended a program is the last line that it printed.

# Without sanitizers: `make fuzz` takes its corpus through them.

load ../helpers/load
load ../helpers/effort

FUZZ=$TOP/tests/fuzz
PROGRAMS=$(dirname "$(readlink -f "$QCOW2_INFO")")/fuzz

# A build with sanitizers is many times slower, and tries so many seeds less.
part() {
    case $(readlink -f "$QCOW2_INFO") in
    */default/*) echo "$1" ;;
    *) echo $(($1 / 10)) ;;
    esac
}

# corpus_of HARNESS: its files, one a line
corpus_of() {
    local folders=("$FUZZ/corpus/$1")
    if "$PROGRAMS/driver" --images | grep -qx "$1"; then
        folders+=("$FUZZ/corpus/image")
    fi
    find "${folders[@]}" -type f 2>/dev/null | sort
}

# files_in images|parsers: the corpus of the harnesses that take images, or of the others, one file a line
files_in() {
    local folder kind
    for folder in "$FUZZ"/corpus/*; do
        kind=parsers
        ! { echo image && "$PROGRAMS/driver" --images; } | grep -qx "${folder##*/}" || kind=images
        [[ $1 != "$kind" ]] || find "$folder" -type f
    done | sort
}

# replay HARNESS...: all of its corpus, in one process each
replay() {
    local harness files
    for harness; do
        mapfile -t files < <(corpus_of "$harness")
        [[ ${#files[@]} -gt 0 ]] || fail "there is no corpus for $harness" || return
        timeout "$PROGRAM_SECONDS" "$PROGRAMS/driver" "$harness" "${files[@]}" >log 2>&1 ||
            fail "$(tail -n 20 log)" || return
        assert_equal "$(grep -c "^$harness: " log)" ${#files[@]} || return
    done
}

# judge [--every N] IMAGE...: every command on them, or one command in N on each, the next image the next
# commands; with the files that some of them name beside them
judge() {
    local every=() seconds
    if [[ $1 == --every ]]; then
        every=("$1" "$2")
        shift 2
    fi
    cp "$FUZZ/corpus/image/plain" base
    cp "$FUZZ/corpus/image/overlay-on-raw" overlay
    head -c 16384 /dev/zero >raw.data
    seconds=$(effort 50) || return
    timeout "$PROGRAM_SECONDS" "$PROGRAMS/judge" "${every[@]}" "$seconds" "$(readlink -f "$QCOW2_INFO")" documents "$@" >log 2>&1 ||
        fail "$(tail -n 20 log)" || return
    judges_every_command || return
    jq -n 'reduce inputs as $document (0; . + 1)' documents
}

# judges_every_command: those that --help lists are those in log, but completion, and where, whose offset follows the image;
# it has a harness of its own
judges_every_command() {
    "$QCOW2_INFO" --help | sed -n '/^Commands/,/^$/s/^  \([a-z-]*\)  .*/\1/p' | grep -vxe where -e completion | sort >commands
    [[ $(wc -l <commands) -ge 5 ]] || fail 'no commands in --help' || return
    awk '{ print $1 }' log | sort -u | diff commands - || fail 'other commands were judged than there are'
}

# judge_seeds FIRST COUNT
judge_seeds() {
    local count
    require_tool jq
    count=$(part "$2")
    mkdir changed
    "$PROGRAMS/driver" --write changed "$1" "$count" "$FUZZ"/corpus/image/* || return
    run judge --every 4 changed/*
    assert_status 0 || return
    # An image that can be opened at all gives nearly two documents.
    [[ $output -gt $count ]] || fail "$count images, and only $output documents of JSON"
}

@test "fuzz: the parsers and the decoders take their corpus" {
    replay header feature extension entry refcount snapshot bitmap luks key-slot name digest-list address answer reply deflate deflate-zlib deflate-both zstd
}

@test "fuzz: whole commands take images in memory" {
    local harness
    mapfile -t harnesses < <("$PROGRAMS/driver" --images)
    for harness in info map check cat audit; do
        [[ " ${harnesses[*]} " == *" $harness "* ]] || fail "$harness is not among: ${harnesses[*]}"
    done
    replay "${harnesses[@]}"
}

@test "fuzz: whole commands take images that seeds have changed" {
    local harness count
    count=$(part 2000)
    while read -r harness; do
        timeout "$PROGRAM_SECONDS" "$PROGRAMS/driver" --try "$harness" 0 "$count" "$FUZZ"/corpus/image/* >log 2>&1 ||
            fail "$(tail -n 20 log)"
    done < <("$PROGRAMS/driver" --images)
}

@test "fuzz: the parsers and the decoders take inputs that seeds have changed" {
    local harness files count
    count=$(part 2000)
    while read -r harness _; do
        mapfile -t files < <(corpus_of "$harness")
        timeout "$PROGRAM_SECONDS" "$PROGRAMS/driver" --try "$harness" 0 "$count" "${files[@]}" >log 2>&1 ||
            fail "$(tail -n 20 log)"
    done < <("$PROGRAMS/driver" --list | grep -vwFf <("$PROGRAMS/driver" --images))
}

@test "fuzz: a seed does the same each time, and most seeds change something" {
    local changed=0 seed
    mkdir one two
    "$PROGRAMS/driver" --write one 100 60 "$FUZZ/corpus/image/everything"
    "$PROGRAMS/driver" --write two 130 30 "$FUZZ/corpus/image/everything"
    for ((seed = 130; seed < 160; seed++)); do
        cmp one/$seed two/$seed
    done
    for ((seed = 100; seed < 160; seed++)); do
        cmp -s one/$seed "$FUZZ/corpus/image/everything" || changed=$((changed + 1))
    done
    [[ $changed -gt 50 ]] || fail "$changed of 60"
}

@test "fuzz: the sound images of the corpus are sound" {
    local name
    for name in plain mixed version-2 zstd refcounts-1-bit refcounts-64-bit two-l2-tables odd-size \
        empty lazy snapshots bitmaps everything extended-l2; do
        cp "$FUZZ/corpus/image/$name" image
        run_qcow2_info check --data image
        assert_status 0
        guest_bytes_equal image
    done
}

@test "hostile: every command on every image of the corpus" {
    local files
    require_tool jq
    mapfile -t files < <(files_in images)
    run judge "${files[@]}"
    assert_status 0
}

# To a command they are files that are no images.
@test "hostile: commands in turn on the corpus of the parsers" {
    local files
    require_tool jq
    mapfile -t files < <(files_in parsers)
    [[ ${#files[@]} -gt 100 ]]
    run judge --every 4 "${files[@]}"
    assert_status 0
}

@test "hostile: commands in turn on the images that seeds 0 to 499 make" {
    judge_seeds 0 500
}

@test "hostile: commands in turn on the images that seeds 500 to 999 make" {
    judge_seeds 500 500
}
