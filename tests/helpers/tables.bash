# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# L1 and L2 entries of an image by guest offset, and faults made with them, for bats files that
# begin with:  load ../helpers/load
#              load ../helpers/tables

# shellcheck disable=SC2034 # who loads this uses them
OFFSET_MASK=0x00fffffffffffe00 COPIED=0x8000000000000000 COMPRESSED=0x4000000000000000

cluster_size() {
    echo $((1 << $(field "$1" cluster_bits)))
}

# read_geometry IMAGE: sets, from one read of the header, $c to the cluster size, $entry_size to the bytes of
# an L2 entry (16 with extended L2 entries, incompatible feature bit 4), $coverage to the guest bytes that
# one L2 table maps, and $l1_table to where the L1 table is
read_geometry() {
    local hex
    read_hex "$1" 0 80 || return
    c=$((1 << 0x${hex:40:8})) l1_table=$((0x${hex:80:16})) entry_size=8
    [[ $((0x${hex:8:8})) -lt 3 || $((0x${hex:144:16} >> 4 & 1)) -eq 0 ]] || entry_size=16
    coverage=$((c * c / entry_size))
}

# Guest bytes that one L2 table maps.
l2_coverage() {
    local c entry_size coverage l1_table
    read_geometry "$1" && echo "$coverage"
}

# find_l1_entry IMAGE GUEST: sets $l1_entry to where in the file the L1 entry of a guest offset is, and what
# read_geometry sets
find_l1_entry() {
    read_geometry "$1" && l1_entry=$((l1_table + 8 * ($2 / coverage)))
}

# find_l2_entry IMAGE GUEST: the same, and sets $l2_table and $l2_entry to where the L2 table and the entry are
find_l2_entry() {
    local hex
    find_l1_entry "$@" && read_hex "$1" "$l1_entry" 8 || return
    l2_table=$((0x$hex & OFFSET_MASK))
    l2_entry=$((l2_table + entry_size * ($2 % coverage / c)))
}

# l1_entry_at, l2_table_at, l2_entry_at IMAGE GUEST: print where in the file they are
l1_entry_at() {
    local c entry_size coverage l1_table l1_entry
    find_l1_entry "$@" && echo "$l1_entry"
}

l2_table_at() {
    local c entry_size coverage l1_table l1_entry l2_table l2_entry
    find_l2_entry "$@" && echo "$l2_table"
}

l2_entry_at() {
    local c entry_size coverage l1_table l1_entry l2_table l2_entry
    find_l2_entry "$@" && echo "$l2_entry"
}

# l2_entry IMAGE GUEST: the entry itself, and poke_l2_entry IMAGE GUEST VALUE
l2_entry() {
    local c entry_size coverage l1_table l1_entry l2_table l2_entry
    find_l2_entry "$@" && peek_be64 "$1" "$l2_entry"
}

# copied_entries COUNT OFFSET STEP: prints the bytes of entries with COPIED, of L1 or L2 tables, for
# OFFSET, OFFSET + STEP, and so on. A loop of thousands is slow in bash.
copied_entries() {
    LC_ALL=C awk -v count="$1" -v offset="$2" -v step="$3" 'BEGIN {
        for (i = 0; i < count; i++) {
            printf "%c", 128
            for (shift = 6; shift >= 0; shift--)
                printf "%c", int((offset + i * step) / 256 ^ shift) % 256
        }
    }'
}

# place FILE OFFSET: writes standard input there
place() {
    dd of="$1" bs=64k iflag=fullblock oflag=seek_bytes seek="$(($2))" conv=notrunc status=none
}

poke_l2_entry() {
    local c entry_size coverage l1_table l1_entry l2_table l2_entry
    find_l2_entry "$@" && poke_be64 "$1" "$l2_entry" "$3"
}

# poke_subclusters IMAGE GUEST VALUE: the bitmap of an extended entry
poke_subclusters() {
    local c entry_size coverage l1_table l1_entry l2_table l2_entry
    find_l2_entry "$@" && poke_be64 "$1" $((l2_entry + 8)) "$3"
}

# host_offset IMAGE GUEST: where in the file the data of a guest offset is, compressed or not
host_offset() {
    local c entry_size coverage l1_table l1_entry l2_table l2_entry entry offset_bits
    find_l2_entry "$@" && entry=$(peek_be64 "$1" "$l2_entry") || return
    if [[ $((entry >> 62 & 1)) -eq 1 ]]; then
        # 62 bits, less those that count sectors: cluster_bits - 8.
        for ((offset_bits = 70; 1 << (70 - offset_bits) < c; offset_bits--)); do :; done
        echo $((entry & ((1 << offset_bits) - 1)))
    else
        echo $(((entry & OFFSET_MASK) + $2 % c))
    fi
}

# guest_offset IMAGE HOST: of an image full of data, the guest offset of the cluster at a host offset
guest_offset() {
    local guest=0 size
    size=$(cluster_size "$1")
    while [[ $(host_offset "$1" $guest) -ne $2 ]]; do
        guest=$((guest + size))
        [[ $guest -lt $(field "$1" size) ]] || fail "no data lie at $2" || return
    done
    echo $guest
}

# move_l2_to_end IMAGE GUEST: moves the L2 table of a guest offset to the end of the file, where the
# file can be cut inside it without losing data
move_l2_to_end() {
    local c from to
    c=$(cluster_size "$1")
    from=$(l2_table_at "$1" "$2")
    to=$((($(stat -c %s "$1") + c - 1) / c * c))
    dd if="$1" of="$1" bs="$c" skip=$((from / c)) seek=$((to / c)) count=1 conv=notrunc status=none || return
    truncate -s $((to + c)) "$1"
    poke_be64 "$1" "$(l1_entry_at "$1" "$2")" $((COPIED | to))
}

# write_image FILE COMMAND...: one qemu-io that runs all the commands
write_image() {
    local file=$1 arguments=() command
    shift
    for command in "$@"; do
        arguments+=(-c "$command")
    done
    qemu-io -t unsafe -f qcow2 "${arguments[@]}" "$file" >qemu-io.log 2>&1 || fail "$(<qemu-io.log)"
}

# make_image FILE SIZE OPTIONS [COMMAND...]: an image made by qemu-img create with these -o options and
# written by qemu-io
#
# The same image is made once a file: QEMU starts slowly.
make_image() {
    local kept=$BATS_FILE_TMPDIR/made/${*:2}
    require_tool qemu-img qemu-io jq || return
    # Not where a copy would be another image: reserved space, a data file, contents of a file of the test. And
    # a name has to be one for a file.
    if [[ $* == *preallocation* || $* == *data_file* || $* == *' -s '* || ${*:2} == */* || ${#kept} -gt 240 ]]; then
        make_new_image "$@"
        return
    fi
    [[ -e $kept ]] || { mkdir -p "$BATS_FILE_TMPDIR/made" && make_new_image "$kept" "${@:2}"; } || return
    rm -f "$1" && cp -- "$kept" "$1"
}

make_new_image() {
    local file=$1 size=$2 options=$3
    shift 3
    qemu-img create -q -f qcow2 ${options:+-o "$options"} "$file" "$size" || return
    [[ $# -eq 0 ]] || write_image "$file" "$@"
}

# make_layer FILE SIZE OPTIONS BASE FORMAT [COMMAND...]: the same on a backing file, which need not exist
# when there are no commands
make_layer() {
    local file=$1 size=$2 options=$3 base=$4 format=$5
    shift 5
    require_tool qemu-img qemu-io jq
    qemu-img create -q -u -f qcow2 ${options:+-o "$options"} -b "$base" -F "$format" "$file" "$size" || return
    [[ $# -eq 0 ]] || write_image "$file" "$@"
}

# make_chain COUNT: l0001.q to l<COUNT>.q, each over the one before it; l0000.q has a byte at its start. A
# layer is another one's bytes with another name in it.
make_chain() {
    local escaped name_at head tail i
    make_image l0000.q 64K cluster_size=512 'write -q -P 0x41 0 512'
    make_layer l0001.q 64K cluster_size=512 l0000.q qcow2
    name_at=$(field l0001.q backing_file_offset)
    assert_equal "$(peek l0001.q "$name_at" 7)" 6c303030302e71 || return
    escaped=$(od -An -v -tx1 l0001.q | tr -d '\n' | sed 's/ /\\x/g')
    head=${escaped:0:name_at*4}
    tail=${escaped:(name_at + 7)*4}
    for ((i = 2; i <= $1; i++)); do
        # shellcheck disable=SC2059 # the format is the bytes
        printf "$head$(printf 'l%04d.q' $((i - 1)))$tail" >"$(printf 'l%04d.q' $i)"
    done
}

# What qemu-img reads, for a sound image, before it is damaged: make_raw IMAGE FILE
make_raw() {
    qemu-img convert -t unsafe -f qcow2 -O raw "$1" "$2"
}

# Standard error of the last run_qcow2_info is one line, which names the file and contains each TEXT:
# assert_one_error FILE TEXT...
assert_one_error() {
    local file=$1 text
    shift
    [[ ${stderr-} == "qcow2-info: $file: "* && $stderr != *$'\n'* ]] ||
        fail "expected one line that begins: qcow2-info: $file: " "$(show_run)" || return
    for text in "$@"; do
        assert_stderr_contains "$text" || return
    done
}

# bytes_end_at IMAGE RAW FAULT TEXT...: cat prints what RAW has up to the guest offset FAULT, to a pipe and
# to a file, and then ends with status 1 and one line with each TEXT
bytes_end_at() {
    local image=$1 raw=$2 fault=$3 jobs
    shift 3
    for jobs in 1 4; do
        qcow2_info cat --jobs $jobs "$image" 2>stderr | cat >piped || return
        run_qcow2_info cat --jobs $jobs -o filed "$image"
        assert_status 1 || return
        assert_output '' || return
        assert_one_error "$image" "$@" || return
        assert_equal "$(<stderr)" "$stderr" || return
        assert_equal "$(stat -c %s piped) $(stat -c %s filed)" "$fault $fault" || return
        cmp -n "$fault" piped "$raw" || return
        cmp -n "$fault" filed "$raw" || return
    done
}
