#!/bin/bash
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Checks that no files of the source use each other in a circle: by the functions and data of their
# objects, and by the includes of their headers.
#
#     circles.sh OBJECTS [SOURCE FOLDER]      OBJECTS: the folder that has the objects of src,
#                                             the source: src, seen from the top of the tree

set -euo pipefail
shopt -s nullglob globstar

objects=$(cd "$1" && pwd)
cd "${2:-$(dirname "${BASH_SOURCE[0]}")/../../src}"

# Pairs of objects: one that uses a symbol, and the one that defines it.
uses_of_objects() {
    (cd "$objects" && nm -A -g -- **/*.o) | awk -F '[: ]+' '
        { file = $1; sub(/\.o$/, ".c", file) }
        $(NF - 1) == "U" { used[file, $NF] = file; next }
        { owner[$NF] = file }
        END {
            for (pair in used) {
                split(pair, parts, SUBSEP)
                if (parts[2] in owner && owner[parts[2]] != parts[1]) {
                    print parts[1], owner[parts[2]]
                }
            }
        }'
}

includes_of_headers() {
    local header
    for header in **/*.h; do
        sed -nE 's|^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]*)".*|'"$header"' \1|p' "$header"
    done
}

# Prints the files of each circle, and fails when there is one.
has_no_circle() {
    local loops
    if ! loops=$(sort -u | LC_ALL=C tsort 2>&1 >/dev/null); then
        loops=$(sed 's/^tsort: //; s/^-: input contains a loop:$/one circle:/' <<<"$loops")
        printf '%s: files use each other in circles\n%s\n' "$1" "$loops" >&2
        return 1
    fi
}

bad=0
[[ -n $(echo "$objects"/**/*.o) ]] || { echo "$objects: no objects" >&2 && exit 1; }
uses_of_objects | has_no_circle 'functions and data' || bad=1
includes_of_headers | has_no_circle 'headers' || bad=1
exit $bad
