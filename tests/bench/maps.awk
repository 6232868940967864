# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Brings a map, as `qemu-img map --output=json` or `qcow2-info map --json` prints it, into a form that
# is the same text for the same map, in one pass over millions of lines:
#
#     awk -f maps.awk [-v places=1] <MAP
#
# Printed is the end of each run of the disk with the same answers: is it there, does it read as zeros;
# with `places` (qcow2-info map --host-offsets) also the layer and the host offset.

function print_extent() {
    if (length_so_far) {
        printf "%.0f %s", at, answer
        if (places && has_place) {
            printf " %.0f", place
        }
        printf "\n"
    }
}

BEGIN {
    FS = "[][{}\":, ]+"
}

{
    for (i = 2; i < NF; i += 2) {
        value[$i] = $(i + 1)
    }
    if (!("start" in value)) {
        next
    }
    present = "present" in value ? value["present"] : value["allocated"]
    new_answer = present " " value["zero"] (places ? " " value["depth"] : "")
    # QEMU has no offset for what is compressed.
    new_has_place = "offset" in value && value["offset"] != "null" && value["compressed"] != "true"
    if (new_answer != answer || places && (new_has_place != has_place ||
            has_place && value["offset"] != place + length_so_far)) {
        print_extent()
        answer = new_answer
        has_place = new_has_place
        place = value["offset"]
        length_so_far = 0
    }
    length_so_far += value["length"]
    at = value["start"] + value["length"]
    delete value["offset"]
}

END {
    print_extent()
}
