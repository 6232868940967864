# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Compares what `qcow2-info check --json` and `qemu-img check --output=json` say of images:
#
#     jq -R -s -r -f check.jq <RECORDS
#
# A record is what note_checks() in check.bash writes: a label, our status and QEMU's, how many snapshots the
# header says that there are, both reports, and what both wrote to standard error. Prints for each, behind its
# label, "same"; or "rule: NAME" for each of the rules below that explains a difference; or "DIFFERENCE"
# with what differs.

def answer($our_status; $their_status; $snapshots; $ours; $theirs; $errors; $messages):

def listed: $ours[0].findings // [];
def count(condition): [listed[] | select(condition)] | length;
def codes: [listed[].code];
def found($code): any(codes[]; . == $code);
def said($text): $messages | contains($text);

# ---- Corruptions that only we report: taken off before the numbers are compared -------------------

def only_ours: {
    # QEMU notices that a cluster has too many references, and no more when its refcount is as high.
    "overlap": "a host cluster used for two purposes",
    # QEMU reads the zero bit in version 2 images, too.
    "zero-bit-version-2": "the zero bit in a version 2 image",
    # QEMU reads and writes the data file at any offset.
    "data-file-offset": "an offset in the data file that is not the guest offset",
    # QEMU reads zeros where a file ends early, and counts only what lies a whole cluster beyond.
    "cut-short": "a table or data that the file ends in, or just before",
    # A cluster on which a refcount block lies by mistake was reported as "overlap" too.
    "undecodable-cluster": "decoded with --data only",
    "unreadable-data": "read with --data only"
};

# QEMU says once that there are snapshots, we name each.
def more_snapshots: [count(.code == "snapshots-data-file") - 1, 0] | max;

def our_corruptions: count(.severity == "corruption" and (.code | in(only_ours) | not)) - more_snapshots;

# The exit status that our findings would have without those that only we make.
def our_verdict:
    if $our_status != 0 and $our_status != 2 and $our_status != 3 then $our_status
    elif our_corruptions > 0 then 2
    elif $ours[0].leaks > 0 then 3
    else 0 end;

# ---- Rules for what cannot be compared by numbers ------------------------------------------------
# Each: a name, when it applies, and which pairs of verdicts, ours and theirs, it allows.

def l1_entry_without_offset:
    any(listed[]; (.place | startswith("L1 entry")) and .host_offset == 0);

# Of these tables we count nothing of what they refer to.
def table_unreadable:
    any(listed[]; .code == "snapshot-l1" or .code == "l2-table-unaligned" or .code == "snapshot-table"
        or ((.code == "out-of-file" or .code == "cut-short")
            and (.place | test("(L1 table|L2 table|snapshot table|bitmap table|bitmap directory)$|^snapshot [0-9]+ of "))));

def their($name): $theirs[0][$name] // 0;

def rules: [
    {name: "L1 entry without an offset: QEMU takes the header of the image for an L2 table",
     when: l1_entry_without_offset,
     allows: [[2, 2], [0, 2], [3, 2], [2, 1], [0, 1], [3, 1]]},
    {name: "L2 table not aligned: QEMU goes through it all the same, we leave it alone",
     when: found("l2-table-unaligned"), allows: [[2, 2], [2, 1]]},
    {name: "dirty: the refcounts may be out of date, which is not corruption",
     when: found("stale-refcount"), allows: [[0, 0], [0, 2], [0, 3], [2, 2], [2, 3]]},
    {name: "QEMU does not open the image at all, we report what can be read",
     when: (found("cannot-be-opened") and said("Could not open")), allows: [[2, 1]]},
    {name: "snapshot table past the end of the file: QEMU takes zeros for snapshots",
     when: any(listed[]; .code == "out-of-file" and (.place | test("^snapshot [0-9]+ of "))),
     allows: [[2, 0], [2, 3], [2, 2]]},
    {name: "L2 table cut inside an entry: QEMU takes the missing bytes for zeros",
     when: any(listed[]; .code == "cut-short" and (.place | endswith(" of an L2 table"))), allows: [[2, 2]]},
    {name: "refcount block past 2^63: QEMU cannot read there, we take its refcounts for 0",
     when: ((found("refcount-block-out-of-file") or found("refcount-table-reserved-bits"))
            and said("Can't get refcount")),
     allows: [[2, 1]]},
    {name: "snapshots at offset 0: QEMU takes the header of the image for their table",
     when: (found("snapshot-table") and $snapshots > 0), allows: [[2, 2]]},
    {name: "snapshot table beyond the limits: QEMU does not check, we read as many as there may be",
     when: (found("snapshot-table") and (said("snapshot table too large") or said("Snapshot table is too big"))),
     allows: [[2, 1]]},
    {name: "a table that cannot be read: QEMU takes zeros for it, we do not call a leak what it may refer to",
     when: ($ours[0].leaks == 0 and their("leaks") > 0 and table_unreadable), allows: [[2, 2]]},
    {name: "snapshot table entry with an L1 table past 2^63: QEMU gives up the whole check",
     when: (found("snapshot-l1") and said("I/O error in check_refcounts_l1")), allows: [[2, 1]]},
    {name: "encryption: QEMU does not check without the passphrase",
     when: said("encrypt.key-secret' is required"), allows: [[0, 1], [2, 1], [3, 1]]},
    {name: "L1 table past 2^56: QEMU takes zeros for it, we do not open the image",
     when: ($ours == [] and ($errors | contains("l1_table_offset"))), allows: [[1, 2], [1, 3]]},
    {name: "bitmap: QEMU gives up the whole check, we report it and continue",
     when: found("bitmap"), allows: [[2, 1], [2, 2]]}
];

def explained($ours; $theirs):
    [rules[] | select(.when and (.allows | any(. == [$ours, $theirs]))) | .name];

# ---- Numbers --------------------------------------------------------------------------------------

def pairs: [
    ["corruptions", our_corruptions, their("corruptions")],
    ["leaks", $ours[0].leaks, their("leaks")],
    ["image end offset", $ours[0].image_end_offset, their("image-end-offset")],
    ["total clusters", $ours[0].total_clusters, their("total-clusters")],
    ["allocated clusters", $ours[0].allocated_clusters, their("allocated-clusters")],
    ["compressed clusters", $ours[0].compressed_clusters, their("compressed-clusters")],
    ["fragmented clusters", $ours[0].fragmented_clusters, their("fragmented-clusters")]
];

def numbers_that_differ:
    [pairs[] | select(.[1] != .[2]) | "\(.[0]): ours \(.[1]), qemu-img's \(.[2])"];

def consistent:
    ($ours[0].corruptions + $ours[0].leaks + $ours[0].warnings == (listed | length))
    and ($ours[0].leaked_bytes >= $ours[0].leaks)
    and ($our_status == if $ours[0].check_errors > 0 then 1 elif $ours[0].corruptions > 0 then 2
                        elif $ours[0].leaks > 0 then 3 else 0 end);

def summary: listed | group_by(.code) | map("\(length) \(.[0].code): \(.[0].place)");

def difference($what):
    "DIFFERENCE: \($what | join("; ")) (status \($our_status), qemu-img's \($their_status))",
    (summary[] | "  ours: " + .), ($messages | split("\n")[:8][] | "  theirs: " + .);

if $their_status > 63 then "rule: qemu-img did not end by itself (status \($their_status))"
elif $ours == [] and $our_status == 1 and $their_status == 1 then "same"
elif $ours != [] and (consistent | not) then difference(["our numbers and our status contradict each other"])
elif our_verdict == 1 and $their_status == 1 then "same"
else
    explained(our_verdict; $their_status) as $rules
    | if $rules != [] then $rules[] | "rule: " + .
      elif $ours == [] then difference(["we print nothing: " + $errors])
      elif our_verdict != $their_status then difference(["verdict"])
      elif numbers_that_differ != [] then difference(numbers_that_differ)
      else ([codes[] | select(in(only_ours))] | unique) as $own
        | if $own == [] then "same" else $own[] | "rule: only we report: " + only_ours[.] end
      end
end;

# ---- Records ---------------------------------------------------------------------------------------

# What a program printed: an array of one document, or of none.
def documents: if test("^[[:space:]]*$") then [] else [fromjson] end;

split("\u001e")[:-1][] | split("\u001f") as [$name, $ours, $theirs, $snapshots, $report, $their_report, $errors, $messages]
| $name + (
    try ($report | documents) as $documents | ($their_report | documents) as $their_documents
        | answer($ours | tonumber; $theirs | tonumber; $snapshots | tonumber; $documents; $their_documents; $errors; $messages)
    catch "DIFFERENCE: cannot be compared: \(.)")
