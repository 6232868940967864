# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What `usage` prints beside what the file and QEMU say; load helpers/load first.

# clusters_in_use IMAGE: how many refcounts of 8, 16, 32 or 64 bits are not 0. Refcounts further than 256 clusters
# behind the end of the file are left out: they are many, and QEMU allocates no such cluster.
clusters_in_use() {
    local c order at end block width left size blocks=()
    c=$((1 << $(field "$1" cluster_bits)))
    order=4
    [[ $(field "$1" version) -lt 3 ]] || order=$(field "$1" refcount_order)
    width=$((1 << (order - 3)))
    at=$(field "$1" refcount_table_offset)
    end=$((at + c * $(field "$1" refcount_table_clusters)))
    left=$((($(stat -c %s "$1") / c + 256) * width))
    for block in $(od -An -v -t u8 --endian=big -j "$at" -N $((end - at)) "$1"); do
        size=$((left < c ? left : c))
        left=$((left - size))
        [[ $block -eq 0 || $size -eq 0 ]] || blocks+=("$block $size")
    done
    for block in "${blocks[@]}"; do
        od -An -v -t "u$width" --endian=big -j "${block% *}" -N "${block#* }" "$1"
    done | tr -s ' ' '\n' | grep -cv '^0*$'
}

# usage_value IMAGE FILTER: one value of its JSON
usage_value() {
    qcow2_info usage --json "$1" | jq -r "def part(\$code): .parts[] | select(.code == \$code); $2"
}

# parts_add_up FILE IMAGE: the JSON in FILE counts each byte of the image once
parts_add_up() {
    jq -e --argjson size "$(stat -c %s "$2")" '.file_size == $size and ([.parts[].bytes] | add) == $size and
        (.parts | length) == 16 and all(.parts[]; .bytes >= 0 and (.bytes == 0 or .clusters > 0))' "$1" >/dev/null ||
        fail "the parts of $2 do not add up to its size" "$(head -c 3000 "$1")"
}
