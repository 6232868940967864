# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Compares what the program prints of an image of the matrix with its judge, in one run of jq:
#
#     jq -n -r -f matrix.jq --arg codes 'CODE ...' --argjson no_offsets BOOLEAN --argjson bytes FILE_SIZE
#         --slurpfile our_map FILE --slurpfile their_map FILE
#         --slurpfile our_check FILE --slurpfile their_check FILE --slurpfile our_audit FILE
#         --slurpfile our_usage FILE --slurpfile their_measure FILE
#
# Prints the commands that disagree, one a line.

def goes_on($next):
    .start + .length == $next.start
    and ([.depth, .present, .zero] == ($next | [.depth, .present, .zero]))
    and (if .offset == null then $next.offset == null else $next.offset == .offset + .length end);

# Neighbours that go on in guest and host are one.
def merged:
    reduce .[] as $next ([];
        if length > 0 and (last | goes_on($next)) then .[-1].length += $next.length else . + [$next] end);

# QEMU names no offset of compressed data, and none of encrypted data.
def ours: map({start, length, depth, present: .allocated, zero,
    offset: (if .compressed or $no_offsets then null else .offset end)}) | merged;
def theirs: map({start, length, depth, present, zero,
    offset: (if $no_offsets then null else .offset end)}) | merged;

def figures: [.["image-end-offset"], .["total-clusters"], .["allocated-clusters"] // 0,
    .["compressed-clusters"] // 0, .["fragmented-clusters"] // 0, .["check-errors"] // 0,
    .corruptions // 0, .leaks // 0];
def our_figures: with_entries(.key |= gsub("_"; "-")) | figures;

# The one thing that check finds in a sound image: a file that goes on where the image ends, for QEMU too.
def expected_findings: if $bytes > $their_check[0]["image-end-offset"] then ["trailing-bytes"] else [] end;

def their_measure: $their_measure | map(with_entries(.key |= gsub("-"; "_"))) | {raw: .[0], qcow2: .[1]};

# Each byte of a sound image counts once, and nothing behind the end that QEMU knows is in use.
def adds_up: ([.parts[].bytes] | add) == $bytes and
    all(.parts[] | select(.code == "leaked" or .code == "conflicting"); .clusters == 0) and
    (.parts[] | select(.code == "trailing").bytes) == ([0, $bytes - $their_check[0]["image-end-offset"]] | max) and
    .errors == 0;

(select(($our_map | ours) != ($their_map[0] | theirs)) | "map"),
(select([$our_check[0].findings[].code] != expected_findings or ($our_check[0] | our_figures) != ($their_check[0] | figures)) | "check"),
(select($our_usage[0].measure != their_measure) | "measure"),
(select($our_usage[0] | adds_up | not) | "usage"),
(select([$our_audit[0].findings[].code] | unique | join(" ") != $codes) | "audit")
