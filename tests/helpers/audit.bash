# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the tests of audit share; load ../helpers/load and helpers/tables first.

# For jq: the codes of all findings but for those in $beside.
AUDIT_CODES='([.findings[].code] - ($beside | split(" ")) | join(" "))'

# audited IMAGE OPTION...: runs audit --json, which ends with one of its statuses and prints one object. Sets
# $audited_codes, as codes prints them; $audited_verdict, "SAFE COMPLETE FINDINGS", which are two booleans and a
# count; and of the first finding $audited_severity and $audited_offset.
audited() {
    local image=$1
    shift
    run_qcow2_info audit --json "$@" "$image"
    [[ ${status-} -eq 0 || ${status-} -eq 2 ]] || fail "status $status" "$(show_run)" || return
    local text
    text=$(jq -r --arg beside "${BESIDE-}" "$AUDIT_CODES"', "\(.safe) \(.complete) \(.findings | length)",
        (.findings[0] | .severity, .offset, (.message | type == "string" and length > 10))' <<<"${output-}") ||
        fail 'no JSON object' "$(show_run)" || return
    # shellcheck disable=SC2034 # tests use them
    {
        IFS= read -r audited_codes
        read -r audited_verdict
        read -r audited_severity
        read -r audited_offset
        read -r audited_has_message
    } <<<"$text"
}

# codes: those of the findings in $output, in one line, but for those in $BESIDE: what a test makes beside
# what it is for, such as tables without a refcount
codes() {
    jq -r --arg beside "${BESIDE-}" "$AUDIT_CODES" <<<"${output-}"
}

# count_of CODE: how often the finding applies
count_of() {
    jq --arg code "$1" '.findings[] | select(.code == $code).count' <<<"$output"
}

# assert_only SEVERITY CODE OFFSET [OPTION...]: audit of the file image has this finding and no other;
# OFFSET is a number or null
assert_only() {
    local severity=$1 code=$2 offset=$3 want_status=0 safe=true
    shift 3
    [[ $offset == null ]] || offset=$((offset))
    [[ $severity != unsafe ]] || want_status=2 safe=false
    audited image "$@" || return
    assert_equal "${audited_codes-}" "$code" || return
    assert_equal "${audited_verdict%% *} ${audited_severity-} ${audited_offset-} ${audited_has_message-}" \
        "$safe $severity $offset true" || return
    assert_status $want_status
}

# assert_clean IMAGE: safe, complete, without findings
assert_clean() {
    audited "$1" || return
    assert_status 0 || return
    assert_equal "${stderr-}" '' || return
    assert_equal "${audited_verdict-}" 'true true 0'
}

# poke_text FILE OFFSET TEXT
poke_text() {
    printf %s "$3" | dd of="$1" bs=64k oflag=seek_bytes seek="$(($2))" conv=notrunc status=none
}

# extension_at FILE TYPE: where the header extension of this type, 8 hexadecimal digits, is
extension_at() {
    local at=112 hex
    [[ $(field "$1" version) -ge 3 ]] || at=72
    while read_hex "$1" "$at" 4 && [[ $hex != "$2" ]]; do
        [[ $hex && $hex != 00000000 ]] || fail "$1 has no header extension $2" || return
        at=$((at + 8 + ($(peek_be32 "$1" $((at + 4))) + 7) / 8 * 8))
    done
    echo "$at"
}

# name_data_file FILE NAME: makes FILE an image of 1 MiB whose external data file has this name
name_data_file() {
    local placeholder=${2//?/x}
    qemu-img create -q -f qcow2 -o "data_file=$placeholder" "$1" 1M || return
    poke_text "$1" $(($(extension_at "$1" 44415441) + 8)) "$2"
    rm -f "$placeholder"
}

# repeat_bytes FILE OFFSET SIZE TIMES: what is there comes to stand there so often, one behind another
repeat_bytes() {
    local have=1 count
    while [[ $have -lt $4 ]]; do
        count=$(($4 - have < have ? $4 - have : have))
        dd if="$1" of="$1" bs=64k iflag=skip_bytes,count_bytes oflag=seek_bytes conv=notrunc status=none \
            skip="$2" count=$((count * $3)) seek=$(($2 + have * $3)) || return
        have=$((have + count))
    done
}

# refcount_entry HOST: where the refcount of the cluster at a host offset of the image is
refcount_entry() {
    echo $(($(peek_be64 image "$(field image refcount_table_offset)") + 2 * ($1 / C)))
}

# hex_of VARIABLE TEXT: sets it to the bytes of TEXT, which is ASCII, in hexadecimal
hex_of() {
    local -n hex_of_text=$1
    local byte i
    hex_of_text=''
    for ((i = 0; i < ${#2}; i++)); do
        printf -v byte '%02x' "'${2:i:1}"
        hex_of_text+=$byte
    done
}

# snapshot_entry L1_OFFSET L1_SIZE DISK_SIZE ID: an entry of the snapshot table, in hexadecimal; an id of
# up to 8 characters and no name
snapshot_entry() {
    local id
    hex_of id "$4"
    printf '%016x%08x%04x0000%08x%08x%016x%08x%08x' "$1" "$2" ${#4} 0 0 0 0 24
    printf '%016x%016xffffffffffffffff%s%0*d' 0 "$3" "$id" $((16 - ${#id})) 0
}

# bitmap_entry TABLE_OFFSET TABLE_SIZE NAME: an entry of the bitmap directory, in hexadecimal: enabled, of
# granularity 64 KiB, with a name of up to 8 characters
bitmap_entry() {
    local name
    hex_of name "$3"
    printf '%016x%08x%08x0110%04x%08x%s%0*d' "$1" "$2" 2 ${#3} 0 "$name" $((16 - ${#name})) 0
}
