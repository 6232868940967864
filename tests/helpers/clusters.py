#!/usr/bin/env python3
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
"""Prints what each cluster of a small sound image is used for, as tests/helpers/chart.py needs it.

    clusters.py IMAGE

The image has refcounts of 16 bits, no compressed clusters and no extended L2 entries.
"""
import json
import struct
import sys

KINDS = [
    ["header", "H", False],
    ["l1-tables", "1", False],
    ["l2-tables", "2", False],
    ["refcounts", "R", False],
    ["snapshot-table", "S", False],
    ["encryption-header", "E", False],
    ["bitmaps", "B", False],
    ["active-data", "#", False],
    ["shared-data", "=", False],
    ["snapshot-data", "s", False],
    ["vm-state", "V", False],
    ["zero-reserved", "0", False],
    ["leaked", "!", False],
    ["free", ".", True],
    ["trailing", "~", True],
]
OFFSET = 0x00FFFFFFFFFFFE00

image = open(sys.argv[1], "rb").read()
bits, size = struct.unpack_from(">IQ", image, 20)
cluster = 1 << bits
count = -(-len(image) // cluster)
use = [None] * count
owners = [set() for _ in range(count)]


def table(offset, entries):
    return struct.unpack_from(f">{entries}Q", image, offset)


def set_use(offset, length, kind):
    for number in range(offset // cluster, -(-(offset + length) // cluster)):
        use[number] = kind


def walk(l1_offset, l1_size, owner):
    set_use(l1_offset, l1_size * 8, "l1-tables")
    for l1 in table(l1_offset, l1_size):
        if l1 & OFFSET:
            set_use(l1 & OFFSET, cluster, "l2-tables")
            for l2 in table(l1 & OFFSET, cluster // 8):
                if l2 & OFFSET:
                    owners[(l2 & OFFSET) // cluster].add(owner)
                    if l2 & 1:
                        use[(l2 & OFFSET) // cluster] = use[(l2 & OFFSET) // cluster] or "zero-reserved"
                    else:
                        use[(l2 & OFFSET) // cluster] = "data"


set_use(0, cluster, "header")
l1_size, l1_offset, refcount_offset, refcount_clusters, snapshots, at = struct.unpack_from(">IQQIIQ", image, 36)
walk(l1_offset, l1_size, "active")
first = at
for snapshot in range(snapshots):
    l1_offset, l1_size, id_size, name_size = struct.unpack_from(">QIHH", image, at)
    (extra,) = struct.unpack_from(">I", image, at + 36)
    walk(l1_offset, l1_size, snapshot)
    end = at + 40 + extra + id_size + name_size
    at = -(-end // 8) * 8
if snapshots:
    set_use(first, end - first, "snapshot-table")
set_use(refcount_offset, refcount_clusters * cluster, "refcounts")
refcounts = [0] * count
for index, block in enumerate(table(refcount_offset, refcount_clusters * cluster // 8)):
    if block:
        set_use(block, cluster, "refcounts")
        for i, refcount in enumerate(struct.unpack_from(f">{cluster // 2}H", image, block)):
            if index * cluster // 2 + i < count:
                refcounts[index * cluster // 2 + i] = refcount

last = max(i for i in range(count) if use[i] or refcounts[i])
ranges = []
for i in range(count):
    kind = use[i]
    if kind == "data":
        kind = {(True, False): "active-data", (True, True): "shared-data", (False, True): "snapshot-data"}[
            "active" in owners[i], bool(owners[i] - {"active"})
        ]
    kind = kind or ("leaked" if refcounts[i] else "free" if i < last else "trailing")
    ranges.append([i * cluster, min(cluster, len(image) - i * cluster), kind])
json.dump({"kinds": KINDS, "ranges": ranges}, sys.stdout)
