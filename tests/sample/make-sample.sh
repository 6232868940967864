#!/bin/bash
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Makes sample.qcow2 anew, with qemu-img and qemu-io, and writes the checksum of its guest bytes to
# sample.sha256. The image is a version 3 one of 64 MiB with clusters of 4 KiB, and holds
#
#     at 0         a page of text, in a cluster of its own
#     at 64 KiB    128 KiB of compressed text
#     at 1 MiB     64 KiB that were written, then zeroed: zero clusters; then 64 KiB of byte 0x7a
#     at 8 MiB     16 KiB of the byte 0x51, written after the snapshot
#     at 62 MiB    the last words, in a cluster of its own
#     elsewhere    nothing: holes
#
# and beside these an internal snapshot "before-the-flood", which does not have the bytes at 8 MiB,
# and a persistent dirty bitmap "since-backup", which has only them. The date of the snapshot is set
# to a fixed one, so that the same qemu-img makes the same bytes. The one here was made by qemu-img
# 7.2 of Debian 12.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
image=${1:-sample.qcow2}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# write_text FILE OFFSET [OPTION]: the file, padded with zeros to whole clusters, to the image.
# Each cluster is a write of its own: compressed ones then stand in the file in the same order always.
write_text() {
    local size at commands=()
    size=$(stat -c %s "$1")
    size=$(((size + 4095) / 4096 * 4096))
    truncate -s "$size" "$1"
    for ((at = 0; at < size; at += 4096)); do
        dd if="$1" of="$scratch/cluster.$at" bs=4096 skip=$((at / 4096)) count=1 status=none
        commands+=(-c "write -q ${3:-} -s $scratch/cluster.$at $(($2 + at)) 4096")
    done
    qemu-io -f qcow2 "${commands[@]}" "$image"
}

cat >"$scratch/first" <<'TEXT'
A disk is long, and mostly air:
a megabyte of nothing there,
a table here, a table there,
and now and then, a byte.

    The first look finds the second one,
    the second where the clusters run;
    and what was never once begun
    is zeros, read as white.

So if you see this, all went well:
the map has led us through the shell
of sixty-four-bit words that tell
the guest's day from its night.

-- the first cluster of sample.qcow2
TEXT

for ((line = 1; line <= 2048; line++)); do
    printf 'This is line %04d of 2048, and each has 64 bytes, when counted.\n' "$line"
done >"$scratch/middle"

printf 'That was all. Thank you for reading to the end.\n' >"$scratch/last"

rm -f "$image"
qemu-img create -q -f qcow2 -o compat=1.1,cluster_size=4096 "$image" 64M

write_text "$scratch/first" 0
write_text "$scratch/middle" $((64 << 10)) -c
write_text "$scratch/last" $((62 << 20))
qemu-io -f qcow2 -c 'write -q -P 0x7a 1M 128k' -c 'write -q -z 1M 64k' "$image"

qemu-img snapshot -c before-the-flood "$image"
qemu-img bitmap -f qcow2 --add "$image" since-backup
qemu-io -f qcow2 -c 'write -q -P 0x51 8M 16k' "$image"

# The snapshot's date: 2026-01-01 00:00:00 UTC (1767225600, 0x6955b900), and 0 ns. The table's
# offset is the eight bytes at 64 of the header; an entry has seconds at 16, nanoseconds at 20.
table=$(od -An -tu8 --endian=big -j 64 -N 8 "$image" | tr -d ' ')
printf '\x69\x55\xb9\x00\0\0\0\0' |
    dd of="$image" bs=1 seek=$((table + 16)) conv=notrunc status=none

qemu-img check -q "$image"
qemu-img convert -f qcow2 -O raw "$image" "$scratch/raw"
if [[ $image == sample.qcow2 ]]; then
    sha256sum <"$scratch/raw" >sample.sha256
fi
