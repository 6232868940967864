#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# map --chart: each cell is held against what qemu-img says of its bytes.

load ../helpers/load

KINDS='[["data","#",false],["compressed","c",false],["zero","0",false],["hole",".",true]]'
CHANGES='[["changed","#",false],["unchanged",".",true]]'
DIRT='[["dirty","#",false],["clean",".",true]]'

setup_file() {
    require_tool qemu-img qemu-io jq python3
}

setup() {
    enter_test || return
    unset COLUMNS
}

# known KINDS RANGES: what tests/helpers/chart.py compares with
known() {
    printf '{"kinds":%s,"ranges":%s}\n' "$1" "$2" >known # jq rounds large numbers
}

# judged IMAGE [START [LENGTH]]: the same from qemu-img, for a disk or a part of it
judged() {
    local ranges
    ranges=$(qemu-img map -f qcow2 --output=json "$1" | jq -c --argjson at "${2:-0}" --argjson size "${3:-null}" '
        (if $size == null then infinite else $at + $size end) as $stop |
        [.[] | [([.start, $at] | max), ([.start + .length, $stop] | min),
                (if .zero then (if .present then "zero" else "hole" end)
                 elif has("offset") then "data" else "compressed" end)] |
         select(.[0] < .[1]) | [.[0], .[1] - .[0], .[2]]]')
    known "$KINDS" "$ranges"
}

# is_known CHART...: the charts say what is known
is_known() {
    python3 "$TOP/tests/helpers/chart.py" known "$@"
}

# make_mixed IMAGE [OPTION...]: some of everything
make_mixed() {
    qemu-img create -q -f qcow2 "${@:2}" "$1" 40M
    qemu-io -f qcow2 -c 'write -q -P 1 0 3M' -c 'write -q -P 2 3211264 64k' -c 'write -q -c -P 3 8M 64k' \
        -c 'write -q -c -P 4 8454144 64k' -c 'write -q -z 12M 5M' -c 'write -q -P 5 20M 4k' -c 'write -q -P 6 32M 100k' \
        -c 'write -q -P 7 41877504 64k' "$1" && fill_holes "$1"
}

@test "chart: each cell shows the prevailing kind, as in qemu-img map" {
    make_mixed image
    judged image
    qcow2_info map --chart image >text
    qcow2_info map --chart=svg image >svg
    COLUMNS=200 qcow2_info map --chart image >wide
    is_known text svg wide
}

@test "chart: small clusters, subclusters and a backing file" {
    make_mixed base -o cluster_size=4k
    qemu-img create -q -f qcow2 -b base -F qcow2 -o extended_l2=on,cluster_size=64k image 48M
    qemu-io -f qcow2 -c 'write -q -P 9 1M 2k' -c 'write -q -P 9 45M 2M' -c 'write -q -z 2M 64k' image
    judged image
    qcow2_info map --chart image >text
    qcow2_info map --chart=svg image >svg
    is_known text svg
}

@test "chart: a part of the disk" {
    make_mixed image
    judged image 3000000 7000001
    qcow2_info map --chart --offset 3000000 --length 7000001 image >text
    qcow2_info map --chart=svg --offset 3000000 --length 7000001 image >svg
    is_known text svg
}

@test "chart: a disk of few clusters has no more cells" {
    qemu-img create -q -f qcow2 image 192k
    qemu-io -f qcow2 -c 'write -q 64k 64k' image
    run_qcow2_info map --chart image
    assert_equal "${lines[1]}" '0 bytes  .#.'
}

@test "chart: an empty disk" {
    qemu-img create -q -f qcow2 image 0
    run_qcow2_info map --chart image
    assert_status 0
    assert_output_contains 'total    0.00%  0 bytes'
    run_qcow2_info map --chart=svg image
    assert_status 0
    python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.stdin)' <<<"$output"
}

@test "chart: a disk of 2 EiB" {
    qemu-img create -q -f qcow2 -o cluster_size=2M image 64T
    poke_field image size $((1 << 61))
    poke_field image l1_size $((1 << 22))
    poke_field image l1_table_offset $((64 << 20))
    truncate -s 128M image
    known "$KINDS" "[[0,$((1 << 61)),\"hole\"]]"
    qcow2_info map --chart image >text
    qcow2_info map --chart=svg image >svg
    is_known text svg
}

@test "chart: changes since a snapshot" {
    make_mixed image
    qemu-img snapshot -q -c before image
    qemu-io -f qcow2 -c 'write -q -P 8 24M 2M' -c 'write -q -P 8 64k 64k' image
    known "$CHANGES" '[[0,65536,"unchanged"],[65536,65536,"changed"],[131072,25034752,"unchanged"],
        [25165824,2097152,"changed"],[27262976,14680064,"unchanged"]]'
    qcow2_info map --chart --since before image >text
    qcow2_info map --chart=svg --since before image >svg
    is_known text svg
    assert_equal "$(head -n 1 text)" 'image: changes since snapshot before, 40 MiB, a cell is 64 KiB'
    grep -qF '<title>image: changes since snapshot before</title>' svg
}

@test "chart: a dirty bitmap" {
    qemu-img create -q -f qcow2 image 40M
    qemu-img bitmap --add -g 64k image dirt
    qemu-io -f qcow2 -c 'write -q 8M 1M' -c 'write -q 20M 4k' image
    known "$DIRT" '[[0,8388608,"clean"],[8388608,1048576,"dirty"],[9437184,11534336,"clean"],
        [20971520,65536,"dirty"],[21037056,20905984,"clean"]]'
    qcow2_info map --chart --bitmap dirt image >text
    qcow2_info map --chart=svg --bitmap dirt image >svg
    is_known text svg
}

# widest FILE: the longest line of the grid, in characters
widest() {
    awk 'NR > 2 && !NF { exit } NR > 2 && length > most { most = length } END { print most }' "$1"
}

@test "chart: as wide as COLUMNS or the terminal says" {
    local columns width
    make_mixed image
    judged image
    for columns in 40 61 80 133; do
        COLUMNS=$columns qcow2_info map --chart image >text
        width=$(widest text)
        [[ $width -le $columns && $width -gt $((columns - 16)) ]] || fail "COLUMNS=$columns: $width" "$(<text)"
        is_known text
    done
    python3 "$TOP/tests/helpers/terminal.py" 100 "$QCOW2_INFO" map --chart --color never image >text
    width=$(widest text)
    [[ $width -le 100 && $width -gt 84 ]] || fail "$width" "$(<text)"
    is_known text
}

@test "chart: a COLUMNS that makes no sense" {
    local columns
    make_mixed image
    qcow2_info map --chart image >want
    for columns in '' 0 -5 wide 99999999999999999999 10000; do
        COLUMNS=$columns qcow2_info map --chart image | cmp - want || fail "COLUMNS=$columns"
    done
    COLUMNS=1 qcow2_info map --chart image >text
    [[ $(widest text) -le 40 ]]
    COLUMNS=9999 qcow2_info map --chart image >text
    [[ $(widest text) -le 1024 ]]
}

@test "chart: colours fill cells on a terminal, and the marks stay" {
    make_mixed image
    TERM=xterm python3 "$TOP/tests/helpers/terminal.py" 80 "$QCOW2_INFO" map --chart image >colored
    grep -q $'\e\\[97;44m##*\e\\[0m' colored
    sed 's/\x1b\[[0-9;]*m//g' colored >text
    judged image
    is_known text
}

@test "chart: an SVG has no colours of a terminal" {
    run_qcow2_info map --chart=svg --color always "$SAMPLE"
    refute_output_contains $'\e'
}

@test "chart: names cannot break the XML or the terminal" {
    local name=$'<&">\e[31m]]>\n\xff\xef\xbf\xbf\xe2\x80\xae'
    make_mixed "$name"
    qemu-img snapshot -q -c "a<b&\"c" "$name"
    qcow2_info map --chart=svg --since 'a<b&"c' "$name" >svg
    python3 - svg <<'END'
import sys, xml.etree.ElementTree
title = xml.etree.ElementTree.parse(sys.argv[1]).getroot()[0].text
want = '<&">\\x1b[31m]]>\\x0a\\xff\\u{ffff}\\u{202e}: changes since snapshot a<b&"c'
assert title.lower() == want, title
END
    qcow2_info map --chart "$name" >text
    # U+FFFF has no meaning for a terminal.
    tr -d '\357\277' <text | LC_ALL=C tr -d ' -~\n' >rest
    [[ ! -s rest ]] || fail "$(od -An -c rest)" "$(<text)"
    assert_equal "$(sed -n 2p text)" ''
}

@test "chart: a long name fits into the picture" {
    local name
    name=$(printf 'n%.0s' {1..200})
    cp "$SAMPLE" "$name"
    qcow2_info map --chart=svg "$name" | grep 'class="heading"' >heading
    [[ $(wc -m <heading) -lt 130 ]] || fail "$(<heading)"
    grep -q '>…nnn' heading
}

@test "chart: refused for a disk that cannot be read to its end" {
    make_mixed image
    truncate -s 1M image
    run_qcow2_info map --chart image
    assert_status 1
    assert_equal "$output" ''
    [[ $stderr ]]
}

@test "chart: options that it excludes" {
    local option
    for option in --json --totals --host-offsets; do
        run_qcow2_info map --chart $option "$SAMPLE"
        assert_status 64
        assert_stderr_contains '--chart excludes --json, --totals and --host-offsets'
    done
    run_qcow2_info map --chart=png "$SAMPLE"
    assert_status 64
    assert_stderr_contains '--chart takes svg or no value, not "png"'
}
