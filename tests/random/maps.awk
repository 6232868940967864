# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Compares two maps, byte by byte of the disk:
#
#     awk -f maps.awk [-v from=N -v to=N] [-v holes=1] [-v round=1] THEIRS OURS
#
# THEIRS is what `qemu-img map --output=json` prints, OURS what `qcow2-info map --host-offsets --json`
# prints, for [from, to) or the whole disk. Both print one extent a line. Prints the first difference
# and exits with 1. jq could do the same and takes ten times as long. With -v size=1 it only prints the
# size of the disk in THEIRS.
#
# holes: whether data clusters that are holes of the host file are called zero is left out of it. For
# QEMU those are "zero" and "data" at once.
#
# round: QEMU rounds the size of a raw file up to a sector, and includes the rest of that sector. Here it
# belongs to the extent before it, and ours are rounded likewise.

function field(name,    value) {
    if (!match($0, "\"" name "\": *[^,} ]+")) {
        return "null"
    }
    value = substr($0, RSTART, RLENGTH)
    sub(/^"[^"]*": */, "", value)
    return value
}

function sector(at) {
    return int((at + 511) / 512) * 512
}

function differ(at, what) {
    printf "map differs at %.0f: %s\n", at, what
    printf "  qemu-img:   %s\n", (i < count["theirs"] ? line["theirs", i] : "nothing")
    printf "  qcow2-info: %s\n", (j < count["ours"] ? line["ours", j] : "nothing")
    failed = 1
    exit 1
}

# What side says of the byte at `at`, in its extent n, as text: only equal answers are equal text.
function offset_at(side, n, at) {
    return offset[side, n] == "null" ? "null" : sprintf("%.0f", offset[side, n] + (at - start[side, n]))
}

# Extents that go on and give the same answers should have been one. Each compressed one stands alone.
function is_split(n) {
    return compressed[n] != "true" && compressed[n - 1] != "true" &&
        present["ours", n] == present["ours", n - 1] && zero["ours", n] == zero["ours", n - 1] &&
        depth["ours", n] == depth["ours", n - 1] &&
        offset_at("ours", n, start["ours", n]) == offset_at("ours", n - 1, start["ours", n])
}

FNR == 1 {
    side = files++ ? "ours" : "theirs"
}

round && side == "theirs" && field("start") % 512 != 0 {
    n = count[side] - 1
    end[side, n] += field("length")
    next
}

/"start"/ {
    n = count[side]++
    line[side, n] = $0
    start[side, n] = field("start") + 0
    end[side, n] = start[side, n] + field("length")
    present[side, n] = field(side == "ours" ? "allocated" : "present")
    zero[side, n] = field("zero")
    depth[side, n] = field("depth")
    offset[side, n] = field("offset")
    if (side == "ours" && round) {
        if (offset[side, n] != "null") {
            offset[side, n] += sector(start[side, n]) - start[side, n]
        }
        start[side, n] = sector(start[side, n])
        end[side, n] = sector(end[side, n])
    }
    if (side == "ours") {
        compressed[n] = field("compressed")
    } else {
        data[n] = field("data")
    }
}

END {
    if (failed) {
        exit 1
    }
    if (size) {
        printf "%.0f\n", count["theirs"] ? end["theirs", count["theirs"] - 1] : 0
        exit
    }
    i = j = 0
    at = from + 0
    if (to == "") {
        to = count["theirs"] ? end["theirs", count["theirs"] - 1] : 0
    }
    if (count["ours"] && start["ours", 0] != at) {
        differ(at, "our map does not begin there")
    }
    while (at < to) {
        while (i < count["theirs"] && end["theirs", i] <= at) {
            i++
        }
        while (j < count["ours"] && end["ours", j] <= at) {
            j++
            if (j < count["ours"] && start["ours", j] != end["ours", j - 1]) {
                differ(at, "our extents do not follow each other")
            }
            if (j < count["ours"] && is_split(j)) {
                differ(at, "our extent should be one with the one before it")
            }
        }
        if (i >= count["theirs"] || j >= count["ours"]) {
            differ(at, "one map ends")
        }
        if (present["theirs", i] != present["ours", j]) {
            differ(at, "present")
        }
        if (depth["theirs", i] != depth["ours", j]) {
            differ(at, "depth")
        }
        if (zero["theirs", i] != zero["ours", j] && !(holes && data[i] == "true")) {
            differ(at, "zero")
        }
        if (compressed[j] != "true" && offset_at("theirs", i, at) != offset_at("ours", j, at)) {
            differ(at, "offset")
        }
        if (compressed[j] == "true" && offset["theirs", i] != "null") {
            differ(at, "offset of a compressed extent")
        }
        at = end["theirs", i] < end["ours", j] ? end["theirs", i] : end["ours", j]
    }
    if (count["ours"] && end["ours", count["ours"] - 1] != to) {
        j = count["ours"] - 1
        differ(to, "our map does not end there")
    }
}
