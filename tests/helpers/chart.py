#!/usr/bin/env python3
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
"""Compares a chart with what is known about each byte.

    chart.py KNOWN CHART...

KNOWN is JSON: {"kinds": [[NAME, MARK, BACKGROUND]...], "ranges": [[START, LENGTH, NAME]...]}. The
ranges are in order and without a gap. Each CHART is a file that the program has printed, as text or
as SVG. Exits with 1, and says why, when one differs.
"""
import json
import re
import sys
import xml.etree.ElementTree as xml

SVG = "{http://www.w3.org/2000/svg}"
UNITS = {"byte": 1, "bytes": 1}
for power, letter in enumerate("KMGTPE", start=1):
    UNITS[letter + "iB"] = 1024**power


def must(holds, *what):
    if not holds:
        sys.exit(" ".join(map(str, what)))


def size_of(text):
    number, unit = text.split()
    return int(number) * UNITS[unit]


def exact(text):
    """The bytes of "64 KiB (65536 bytes)" or "512 bytes"."""
    return int(re.search(r"(\d+) bytes?\)?$", text)[1])


class Known:
    def __init__(self, known):
        self.kinds = [kind[0] for kind in known["kinds"]]
        self.marks = {kind[0]: kind[1] for kind in known["kinds"]}
        self.background = {kind[0] for kind in known["kinds"] if kind[2]}
        self.ranges = known["ranges"]
        self.start = self.ranges[0][0]
        self.end = self.ranges[-1][0] + self.ranges[-1][1]

    def between(self, start, end):
        """The bytes of each kind in a range."""
        sums = {}
        for first, length, kind in self.ranges:
            overlap = min(end, first + length) - max(start, first)
            if overlap > 0:
                sums[kind] = sums.get(kind, 0) + overlap
        return sums

    def most(self, sums):
        return max(self.kinds, key=lambda kind: sums.get(kind, 0))

    def look(self, sums):
        """The kind that prevails, and of a background the other one that is pointed out."""
        most = self.most(sums)
        others = {kind: size for kind, size in sums.items() if kind not in self.background}
        mixed = most in self.background and others
        return most, self.most(others) if mixed else None

    def cells(self, size):
        """The cells of this size, in line with multiples of it."""
        at = self.start
        while at < self.end:
            end = min(at // size * size + size, self.end)
            yield at, end
            at = end


def check_text(known, text):
    heading, grid, legend = text.rstrip("\n").split("\n\n")
    cell = size_of(heading.rsplit("a cell is ", 1)[1])
    rows = [re.fullmatch(r" *(\d+ \w+)  (.*)", row) for row in grid.split("\n")]
    origin = known.start // cell * cell
    for number, row in enumerate(rows):
        want = origin + number * len(rows[0][2]) * cell
        must(size_of(row[1]) == want, "row", number, "is at", row[1], "instead of", want)
        must(number == len(rows) - 1 or len(row[2]) == len(rows[0][2]), "a short row", row[0])
    want = ""
    for start, end in known.cells(cell):
        most, other = known.look(known.between(start, end))
        want += ":" if other else known.marks[most]
    must("".join(row[2] for row in rows) == want, "cells:\n" + grid + "\nwant:\n" + want)
    check_legend(known, legend, ":" in want)


def check_legend(known, legend, mixed):
    sums = known.between(known.start, known.end)
    want = [
        f"{known.marks[kind]} {kind} {100 * sums[kind] / (known.end - known.start):.2f}% {sums[kind]}"
        for kind in known.kinds
        if kind in sums
    ]
    want.append(f"total 100.00% {known.end - known.start}")
    lines = legend.split("\n")
    if mixed:
        must(lines.pop().startswith(":  mostly "), "the legend does not explain :")
    got = [" ".join(line.split()[:-4] if "(" in line else line.split()[:-2]) for line in lines]
    got = [f"{begin} {exact(line)}" for begin, line in zip(got, lines)]
    must(got == want, "legend:", got, "want:", want)


def check_svg(known, text):
    svg = xml.fromstring(text)
    must(svg.find(SVG + "title").text, "no title")
    must(not [node for node in svg.iter() if node.tag == SVG + "script"], "a script")
    must("href" not in text and "url(" not in text, "refers to something else")
    names = {}
    swatches = [node for node in svg.iter() if node.tag in (SVG + "rect", SVG + "text")]
    for swatch, name in zip(swatches, swatches[1:]):
        if swatch.get("width") == "12" and name.text in known.kinds:
            names[swatch.get("class")] = name.text
    cells = [node for node in swatches if node.get("class", "").startswith("cell ")]
    at = known.start
    for cell in cells:
        place, *lines = cell.find(SVG + "title").text.split("\n")
        start = int(re.search(r" at (\d+) \(0x", place)[1])
        end = start + exact(place.split(" at ")[0])
        must(start == at, "a cell at", start, "instead of", at)
        got = {line.split(": ")[0]: exact(line) for line in lines}
        want = known.between(start, end)
        must(got == want, "cell at", start, "has", got, "want", want)
        shown = names[cell.get("class").split()[1]]
        must(shown == known.look(want)[0], "cell at", start, "is shown as", shown)
        at = end
    must(at == known.end, "the cells end at", at)
    dots = [names[node.get("class").split()[1]] for node in swatches if node.get("class", "").startswith("dot ")]
    looks = [known.look(known.between(*bounds))[1] for bounds in known.cells(cell_size(text))]
    must(dots == [other for other in looks if other], "dots:", dots)


def cell_size(text):
    return size_of(re.search(r"a cell is (\d+ \w+)", text)[1])


known = Known(json.load(open(sys.argv[1])))
for path in sys.argv[2:]:
    text = open(path).read()
    (check_svg if text.startswith("<svg") else check_text)(known, text)
