#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Names that come from outside cannot forge output: terminal escapes, line breaks, bidirectional and C1
# controls, bytes that are not UTF-8, quotes and braces. Every command is run on two images that differ in
# nothing but a name, a harmless one and a hostile one of the same length. Whatever is printed must have
# the same shape for both: as many lines, the same structure of JSON, the same status.

# Without sanitizers: names go through them in `make fuzz`.

load ../helpers/load
load ../helpers/tables

# One piece a row. No slash and no NUL: it has to be the name of a file as well.
PIECES=(
    $'\e[31m' $'\e]0;owned\a' $'\e[2K\e[1A\r' $'\b\b\t\v\f\x7f'
    $'\nverdict:              the image is sound\n' $'\nqcow2-info: image: fine\r\n'
    '"},{"safe":true,"x":"' $'\\\\n\\u0022' $'\xc2\x9b31m\xc2\x85\xc2\x90'
    # U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069
    $'\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f' $'\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac'
    $'\xe2\x80\xad\xe2\x80\xae' $'\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9'
    # U+3164, U+00A0
    $'\xe3\x85\xa4\xc2\xa0'
    # Not UTF-8: stray, overlong, surrogate, too large, cut short.
    $'\x9b31m\xff\x80' $'\xc0\x8a\xe0\x80\x8a' $'\xed\xa0\xae\xf4\x90\x80\x80' $'\xe2\x80'
)

# image_commands: those of --help that print about an image
image_commands() {
    qcow2_info --help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -vx completion
}

setup() {
    enter_test || return
    require_tool qemu-img qemu-io jq
    local piece
    HOSTILE=''
    for piece in "${PIECES[@]}"; do
        HOSTILE+=$piece
    done
    HARMLESS=$(printf '%*s' "$(byte_count "$HOSTILE")" '' | tr ' ' p)
    mkdir harmless hostile
    SEEN=$PWD/seen
    : >"$SEEN"
}

byte_count() {
    printf '%s' "$1" | wc -c
}

hex_of() {
    printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
}

# ---- Making the two images ---------------------------------------------------------------------------

# become_hostile [FILE...]: the files in the folder harmless are copied to the folder hostile; in the
# copies, and in their names, each place of HARMLESS has HOSTILE
become_hostile() {
    local file copy hex at found=false
    hex=$(hex_of "$HOSTILE")
    for file in harmless/*; do
        copy=hostile/${file#harmless/}
        copy=${copy//"$HARMLESS"/"$HOSTILE"}
        cp -P "$file" "$copy" || return
        [[ $copy == *"$HOSTILE"* ]] && found=true
        while IFS=: read -r at _; do
            [[ $at ]] || continue
            poke "$copy" "$at" "$hex" || return
            found=true
        done < <(LC_ALL=C grep -abo -- "$HARMLESS" "$copy")
    done
    $found || fail 'the harmless name is nowhere'
}

# ---- Comparing what is printed -------------------------------------------------------------------------

# inert FILE: it is UTF-8, and has nothing that controls a terminal but line feeds
inert() {
    perl "$TOP/tests/helpers/same_shape.pl" inert "$1" || fail "$1 is not inert"
}

# json_shapes FILE...: the structure of the JSON in each, on a line: every key, and the kind of each value; names
# are strings.
json_shapes() {
    jq -cn '[inputs | {file: input_filename, shape: [paths as $path | [$path, (getpath($path) | type)]]}] |
        group_by(.file)[] | map(.shape)' "$@"
}

# same_structure FILE FILE
same_structure() {
    local shapes
    mapfile -t shapes < <(json_shapes "$@")
    assert_equal "${#shapes[@]} files of JSON" '2 files of JSON' && assert_equal "${shapes[1]}" "${shapes[0]}"
}

# runs_in_folder FOLDER WORD...: sets $status
runs_in_folder() {
    status=0
    (cd "$1" && qcow2_info "${@:2}" >"../$1.out" 2>"../$1.err") || status=$?
}

# same_shape WORD...: runs the program with these arguments in both folders and compares; HARMLESS in an
# argument becomes HOSTILE in the second one
same_shape() {
    local kind=lines status problems
    case " $* " in
    *' cat '*) kind=bytes ;;
    *' --json '*) kind=json ;;
    esac
    runs_in_folder harmless "$@"
    echo "$status" >harmless.status
    runs_in_folder hostile "${@//"$HARMLESS"/"$HOSTILE"}"
    echo "$status" >hostile.status
    assert_equal "$* $status" "$* $(<harmless.status)" || return
    problems=$(perl "$TOP/tests/helpers/same_shape.pl" "$kind") || fail "$*: $problems" || return
    if [[ $kind == json && -s harmless.out ]]; then
        same_structure harmless.out hostile.out || fail "$*" || return
    fi
    cat hostile.out hostile.err >>"$SEEN"
}

# The hostile name was printed at all, made safe, by one of the runs before: as text, and as JSON.
assert_reported() {
    local form
    for form in "$@"; do
        grep -qF -- "$form" "$SEEN" || fail "nowhere: $form" || return
    done
}

AS_TEXT='\x1b[31m' AS_JSON='\u001b[31m'

# audit of the hostile image, in text and JSON; how it ends and how much it finds depends on the name
hostile_audit() {
    local json status
    for json in '' --json; do
        # shellcheck disable=SC2086 # no option is no argument
        runs_in_folder hostile audit $json image
        [[ $status -lt 3 ]] || fail "audit $json: status $status" || return
        cp hostile.out harmless.out && cp hostile.err harmless.err
        perl "$TOP/tests/helpers/same_shape.pl" lines || fail "audit $json" || return
        cat hostile.out hostile.err >>"$SEEN"
    done
    # An image that could not be inspected has no findings, in no format.
    [[ ! -s hostile.out ]] || jq -e '.findings | type == "array"' hostile.out >/dev/null || fail 'audit --json: no JSON'
}

# The commands that --help lists, with the options that print more, for an image called image.
every_command() {
    local command
    same_shape info image && same_shape info --json image &&
        same_shape info --backing-chain image && same_shape info --backing-chain --json image &&
        same_shape map image && same_shape map --host-offsets image &&
        same_shape map --host-offsets --json image && same_shape map --totals --json image &&
        same_shape check image && same_shape check --json image && same_shape check --data --json image &&
        same_shape cat image && same_shape cat --salvage image || return
    for command in $(image_commands); do
        # audit reports such a name, so its results differ.
        if [[ $command == audit ]]; then
            hostile_audit || return
            continue
        fi
        # shellcheck disable=SC2046 # none, or a word
        same_shape "$command" image $(more_arguments "$command") || return
    done
}

# more_arguments COMMAND: what it takes behind the image
more_arguments() {
    case $1 in
    where) echo 0 ;;
    compare) echo image ;;
    esac
}

# For many images: those that show most.
some_commands() {
    same_shape info image && same_shape info --json image && same_shape map image
}

# ---- Names that images have -----------------------------------------------------------------------------

@test "hostile names: a missing backing file" {
    make_layer harmless/image 1M '' "$HARMLESS" qcow2
    become_hostile
    every_command
    assert_reported "$AS_TEXT" "$AS_JSON"
}

@test "hostile names: an existing backing file" {
    make_image "harmless/$HARMLESS" 1M '' 'write -q -P 0x41 0 64k' 'write -q -c -P 0x42 64k 64k'
    make_layer harmless/image 1M '' "$HARMLESS" qcow2
    become_hostile
    every_command
    assert_equal "$(<harmless.status)" 0
    assert_reported "$AS_TEXT" "$AS_JSON"
    # It is damaged: the message names it, on standard error and in the log.
    local file
    for file in "harmless/$HARMLESS" "hostile/$HOSTILE"; do
        poke_l2_entry "$file" 0 $((COPIED | 1 << 40))
    done
    every_command
    same_shape cat image
    assert_equal "$(<harmless.status)" 1
    local folder
    for folder in harmless hostile; do
        (cd $folder && qcow2_info cat --salvage --salvage-log ../$folder.log image >/dev/null 2>&1) || true
        inert $folder.log
    done
    same_structure harmless.log hostile.log
    grep -qF "$AS_JSON" hostile.log
}

@test "hostile names: a backing file outside the allowed folder" {
    make_layer harmless/image 1M '' "../$HARMLESS" qcow2
    become_hostile
    same_shape map --confine . image
    assert_equal "$(<hostile.status)" 1
    same_shape cat --confine . image
    same_shape info --backing-chain --json --confine . image
    assert_reported "$AS_TEXT" "$AS_JSON" 'lies outside of'
}

@test "hostile names: a raw backing file" {
    printf '%65536s' x >"harmless/$HARMLESS"
    make_layer harmless/image 64k '' "$HARMLESS" raw
    become_hostile
    every_command
    assert_equal "$(<harmless.status)" 0
    assert_reported "$AS_TEXT" "$AS_JSON"
}

@test "hostile names: the layer of a loop" {
    make_layer harmless/image 1M '' "$HARMLESS" qcow2
    make_layer "harmless/$HARMLESS" 1M '' "$HARMLESS" qcow2
    become_hostile
    every_command
    assert_reported "$AS_TEXT" "$AS_JSON" ' twice'
}

@test "hostile names: the format of a backing file" {
    local piece at
    for piece in "${PIECES[@]}"; do
        # What the format is called has up to 15 bytes.
        HOSTILE=$(printf '%s' "$piece" | head -c 12 && printf .)
        HOSTILE=${HOSTILE%.}
        HARMLESS=$(printf '%*s' "$(byte_count "$HOSTILE")" '' | tr ' ' p)
        make_layer harmless/image 1M '' missing qcow2
        # The extension that names it is the first one. The name is longer, and shorter than it was.
        assert_equal "$(peek harmless/image 112 4)" e2792aca
        poke_be32 harmless/image 116 "${#HARMLESS}"
        poke harmless/image 120 00000000000000000000000000000000
        poke harmless/image 120 "$(hex_of "$HARMLESS")"
        become_hostile
        some_commands
    done
    assert_reported "$AS_TEXT" "$AS_JSON" 'is not supported'
}

@test "hostile names: those that a json: name is made of" {
    # The escapes of JSON, which are no control characters before they are decoded.
    local escapes='\u001b[31m\n\r\u0007\u009b\u202e\u2066\u200f\u061c\ud800' name
    for name in '{"driver":"NAME"}' '{"driver":"qcow2","file":{"driver":"NAME","filename":"x"}}' \
        '{"file.filename":"NAME"}' '{"driver":"qcow2","NAME":"x","file.filename":"x"}' \
        '{"driver":"qcow2","file":{"filename":"x","NAME":{"NAME":"x"}}}' \
        '{"file":{"filename":"NAME","file":{"filename":"x"}}}'; do
        make_layer harmless/image 1M '' unnamed qcow2
        cp harmless/image hostile/image
        put_backing_name harmless/image "json:${name//NAME/pppp}"
        put_backing_name hostile/image "json:${name//NAME/${escapes//\\ud800/}}"
        some_commands || fail "$name"
        put_backing_name hostile/image "json:${name//NAME/$escapes}"
        run_qcow2_info map hostile/image
        assert_status 1
        assert_one_error hostile/image
        printf '%s\n' "${stderr-}" >problem
        inert problem
    done
    assert_reported "$AS_TEXT" "$AS_JSON"
}

# put_backing_name IMAGE NAME
put_backing_name() {
    printf '%s' "$2" | dd of="$1" bs=64k oflag=seek_bytes seek=2048 conv=notrunc status=none || return
    poke_field "$1" backing_file_offset 2048
    poke_field "$1" backing_file_size "$(byte_count "$2")"
}

@test "hostile names: a protocol" {
    make_layer harmless/image 1M '' unnamed qcow2
    put_backing_name harmless/image "nbd:$HARMLESS"
    become_hostile
    every_command
    assert_reported "$AS_TEXT" "$AS_JSON"
}

@test "hostile names: a missing and an existing data file" {
    (cd harmless && make_image image 1M "data_file=$HARMLESS" 'write -q -P 0x41 0 64k')
    become_hostile
    every_command
    assert_equal "$(<harmless.status)" 0
    assert_reported "$AS_TEXT" "$AS_JSON"
    truncate -s 100 "harmless/$HARMLESS" "hostile/$HOSTILE"
    every_command
    rm "harmless/$HARMLESS" "hostile/$HOSTILE"
    : >"$SEEN"
    every_command
    same_shape cat image
    assert_equal "$(<harmless.status)" 1
    assert_reported "$AS_TEXT" "$AS_JSON" 'No such file'
    same_shape map --confine /proc image
    assert_reported 'lies outside of'
}

@test "hostile names: ids and names of snapshots" {
    local at
    make_image harmless/image 1M '' 'write -q -P 0x41 0 64k'
    qemu-img snapshot -c "$HARMLESS" harmless/image
    qemu-img snapshot -c "${HARMLESS}2" harmless/image
    become_hostile
    every_command
    assert_reported "$AS_TEXT" "$AS_JSON"
    : >"$SEEN"
    same_shape map --snapshot missing image
    same_shape cat --snapshot missing image
    assert_reported "$AS_TEXT"
    same_shape cat --snapshot "$HARMLESS" image
    assert_equal "$(<harmless.status)" 0
    # An L1 table that is not aligned, and one whose entries are bad.
    local folder l1
    for folder in harmless hostile; do
        at=$(field $folder/image snapshots_offset)
        l1=$(peek_be64 $folder/image "$at")
        poke_be64 $folder/image "$l1" $(($(peek_be64 $folder/image "$l1") | 1))
    done
    : >"$SEEN"
    every_command
    same_shape check --data image
    assert_reported "$AS_TEXT" "$AS_JSON"
    for folder in harmless hostile; do
        poke_be64 $folder/image "$at" 12345
    done
    : >"$SEEN"
    every_command
    same_shape cat --snapshot "$HARMLESS" image
    same_shape map --snapshot "$HARMLESS" image
    assert_equal "$(<harmless.status)" 1
    assert_reported "$AS_TEXT" "$AS_JSON"
}

@test "hostile names: the id of a snapshot" {
    local at
    HOSTILE=$'\e[31m\n\x9b\xe2\x80\xaeq' HARMLESS=pppppppppp
    HARMLESS=$(printf '%*s' "$(byte_count "$HOSTILE")" '' | tr ' ' p)
    make_image harmless/image 1M '' 'write -q -P 0x41 0 64k'
    # Its name is as long as the two together, and then the id takes a part of it.
    qemu-img snapshot -c "${HARMLESS}name" harmless/image
    at=$(field harmless/image snapshots_offset)
    assert_equal "$(peek_be16 harmless/image $((at + 12)))" 1
    poke_be16 harmless/image $((at + 12)) $((${#HARMLESS} + 1))
    poke_be16 harmless/image $((at + 14)) 4
    become_hostile
    every_command
    same_shape map --snapshot missing image
    same_shape map --snapshot "1$HARMLESS" image
    assert_equal "$(<harmless.status)" 0
    assert_reported "$AS_TEXT" "$AS_JSON"
}

@test "hostile names: bitmaps" {
    local folder at
    make_image harmless/image 1M '' 'write -q -P 0x41 0 64k'
    qemu-img bitmap --add harmless/image "$HARMLESS"
    # Behind the 24 bytes of its entry in the directory.
    at=$(LC_ALL=C grep -abo -- "$HARMLESS" harmless/image)
    at=$((${at%%:*} - 24))
    become_hostile
    every_command
    same_shape map --bitmap missing image
    same_shape map --bitmap "$HARMLESS" image
    assert_equal "$(<harmless.status)" 0
    assert_reported "$AS_TEXT" "$AS_JSON"
    # In use, as the error says; then with a table that is not aligned.
    for folder in harmless hostile; do
        poke_be32 $folder/image $((at + 12)) 1
    done
    same_shape map --bitmap "$HARMLESS" image
    assert_equal "$(<harmless.status)" 1
    every_command
    for folder in harmless hostile; do
        poke_be64 $folder/image $at 12345
    done
    : >"$SEEN"
    every_command
    same_shape map --bitmap "$HARMLESS" --force image
    assert_reported "$AS_TEXT" "$AS_JSON"
}

@test "hostile names: features" {
    local piece name file
    for piece in "${PIECES[@]}"; do
        # A feature name has 46 bytes.
        name=$(printf '%s.' "$piece" | head -c 46)
        make_image harmless/image 1M ''
        assert_equal "$(peek harmless/image 112 4)" 6803f857
        cp harmless/image hostile/image
        # The first name of the table becomes the name of an unknown incompatible bit.
        for file in harmless/image hostile/image; do
            poke $file 120 "00 28 $(printf '%092d' 0)"
            poke_field $file incompatible_features $((1 << 40))
        done
        poke harmless/image 122 "$(hex_of "${HARMLESS:0:$(byte_count "$name")}")"
        poke hostile/image 122 "$(hex_of "$name")"
        some_commands
    done
    assert_equal "$(<harmless.status)" 1
    every_command
    assert_reported "$AS_TEXT" "$AS_JSON" 'is unknown'
}

@test "hostile names: those in a LUKS header" {
    local piece at
    printf secret >key
    qemu-img create -q -f qcow2 --object secret,id=key,file=key \
        -o encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10 harmless/image 1M
    at=$(LC_ALL=C grep -abo LUKS harmless/image | head -n 1)
    at=${at%%:*}
    cp harmless/image hostile/image
    for piece in "${PIECES[@]}"; do
        # The cipher, its mode, the hash and the UUID, which are up to 31 and 39 bytes. A colon has a meaning.
        piece=$(printf '%s.' "${piece//:/;}" | head -c 31)
        local place
        for place in 8 40 72 168; do
            poke harmless/image $((at + place)) "$(hex_of "${HARMLESS:0:$(byte_count "$piece")}")00"
            poke hostile/image $((at + place)) "$(hex_of "$piece")00"
        done
        same_shape info image
        same_shape info --json image
    done
    assert_reported "$AS_TEXT" "$AS_JSON"
}

# ---- Names on the command line --------------------------------------------------------------------------

@test "hostile names: the path of the image" {
    local command
    cp "$SAMPLE" "harmless/$HARMLESS"
    cp "$SAMPLE" harmless/image
    become_hostile
    for command in $(image_commands); do
        # shellcheck disable=SC2046 # none, or a word
        same_shape "$command" "$HARMLESS" $(more_arguments "$command")
        assert_equal "$command $(<harmless.status)" "$command 0"
    done
    same_shape info --json "$HARMLESS"
    same_shape info --backing-chain --json "$HARMLESS"
    same_shape map --host-offsets "$HARMLESS"
    same_shape map --host-offsets --json "$HARMLESS"
    same_shape check --json "$HARMLESS"
    assert_reported "$AS_TEXT" "$AS_JSON"
}

@test "hostile names: the path of an image that is broken, no image, or missing" {
    local command what
    for what in broken none folder missing; do
        case $what in
        broken) head -c 100000 "$SAMPLE" >"harmless/$HARMLESS" && become_hostile ;;
        none) echo text | tee "harmless/$HARMLESS" >"hostile/$HOSTILE" ;;
        folder)
            rm harmless/* hostile/*
            mkdir "harmless/$HARMLESS" "hostile/$HOSTILE"
            ;;
        missing) rmdir harmless/* hostile/* ;;
        esac
        : >"$SEEN"
        for command in $(image_commands); do
            same_shape "$command" "$HARMLESS"
            same_shape "$command" "./$HARMLESS"
        done
        assert_reported "$AS_TEXT"
    done
}

@test "hostile names: the folder of the image" {
    mkdir "harmless/$HARMLESS" "hostile/$HOSTILE"
    make_layer image 1M '' base qcow2
    cp image "harmless/$HARMLESS/image"
    cp image "hostile/$HOSTILE/image"
    local command
    for command in info 'info --json' 'info --backing-chain --json' map 'map --host-offsets --json' check \
        'check --json' cat; do
        # shellcheck disable=SC2086
        same_shape $command "$HARMLESS/image"
    done
    assert_reported "$AS_TEXT" "$AS_JSON"
    : >"$SEEN"
    # The current folder, which stands in the full path.
    same_shape_in info --json image
    assert_reported "$AS_JSON"
}

# same_shape_in WORD...: the same in the folders in the folders
same_shape_in() {
    local status
    (cd "harmless/$HARMLESS" && qcow2_info "$@") >harmless.out && (cd "hostile/$HOSTILE" && qcow2_info "$@") >hostile.out || return
    inert hostile.out && same_structure harmless.out hostile.out || return
    cat hostile.out >>"$SEEN"
}

@test "hostile names: the values of options" {
    cp "$SAMPLE" harmless/image
    cp "$SAMPLE" hostile/image
    local option
    for option in --snapshot --bitmap --offset --length --data-file --confine; do
        same_shape map "$option" "$HARMLESS" image
    done
    for option in --snapshot --offset -o --sparse --jobs --confine; do
        same_shape cat "$option" "$HARMLESS/x" image
    done
    same_shape cat --salvage --salvage-log "$HARMLESS/x" image
    same_shape check --jobs "$HARMLESS" image
    same_shape check --max-findings "$HARMLESS" image
    same_shape info --confine "$HARMLESS" image
    same_shape info image "$HARMLESS"
    # A path: a word of letters alone may be meant as a command.
    same_shape "./$HARMLESS" image
    assert_reported "$AS_TEXT"
}

@test "hostile names: options that there are not" {
    local command option
    for command in $(image_commands); do
        for option in "--$HARMLESS" "--help=$HARMLESS" "--$HARMLESS=x" "-$HARMLESS"; do
            : >"$SEEN"
            same_shape "$command" "$option" image
            assert_equal "$(<hostile.status)" 64
            assert_reported '\x1b'
        done
    done
}
