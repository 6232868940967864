#!/bin/bash
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Checks which folder includes which. A folder may include from itself and from those in its row:
# the ones below it. src/*.c (main) stands on top of all and may include anything.
#
#     borders.sh [SOURCE FOLDER]      default: src, seen from the top of the tree

set -euo pipefail
shopt -s nullglob

cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../../src}"

declare -A below=(
    [base]=''
    [source]='base'
    [format]='base'
    [codec]='base'
    [remote]='base source'
    [image]='base source format codec'
    [tables]='base source format codec image'
    [info]='base source format codec image tables'
    [check]='base source format codec image tables'
    [audit]='base source format codec image tables'
    [usage]='base source format codec image tables'
    [where]='base source format codec image tables'
    [compare]='base source format codec image tables'
    [digest]='base source format codec image tables'
    [print]='base'
    [chart]='base print'
    [output]='base format image info check audit usage where compare digest print chart'
    [cli]='base source remote format codec image tables print'
    [commands]='base source remote format codec image tables info check audit usage where compare digest chart output print cli'
)

bad=0
complain() {
    echo "src/$1: $2" >&2
    bad=1
}

for folder in */; do
    folder=${folder%/}
    if [[ ! -v below[$folder] ]]; then
        complain "$folder" 'a folder that the table in borders.sh does not know'
        continue
    fi
    for file in "$folder"/*.[ch]; do
        while IFS=: read -r line include; do
            target=${include%%/*}
            if [[ $include != */* || $include == *..* ]]; then
                complain "$file:$line" "\"$include\": write it as \"folder/file.h\", seen from src"
            elif [[ ! -f $include ]]; then
                complain "$file:$line" "\"$include\": no such file"
            elif [[ $target != "$folder" && " ${below[$folder]} " != *" $target "* ]]; then
                complain "$file:$line" "\"$include\": $folder may not know $target"
            fi
        done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]*)".*/\1/;T;=;p' "$file" | paste -d: - -)
    done
    for nested in "$folder"/*/; do
        complain "$nested" 'folders are one level deep'
    done
done
exit $bad
