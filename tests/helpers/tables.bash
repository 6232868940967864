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

# Bytes of an L2 entry: 16 with extended L2 entries (incompatible feature bit 4).
l2_entry_size() {
    if [[ $(field "$1" version) -ge 3 && $(($(field "$1" incompatible_features) >> 4 & 1)) -eq 1 ]]; then
        echo 16
    else
        echo 8
    fi
}

# Guest bytes that one L2 table maps.
l2_coverage() {
    local c
    c=$(cluster_size "$1")
    echo $((c * c / $(l2_entry_size "$1")))
}

# l1_entry_at IMAGE GUEST: where in the file the L1 entry of a guest offset is
l1_entry_at() {
    local index=$(($2 / $(l2_coverage "$1")))
    echo $(($(field "$1" l1_table_offset) + index * 8))
}

# l2_table_at IMAGE GUEST: where in the file the L2 table of a guest offset is
l2_table_at() {
    echo $(($(peek_be64 "$1" "$(l1_entry_at "$1" "$2")") & OFFSET_MASK))
}

# l2_entry_at IMAGE GUEST: where in the file the L2 entry of a guest offset is
l2_entry_at() {
    local index
    index=$(($2 % $(l2_coverage "$1") / $(cluster_size "$1")))
    echo $(($(l2_table_at "$1" "$2") + index * $(l2_entry_size "$1")))
}

# l2_entry IMAGE GUEST: the entry itself, and poke_l2_entry IMAGE GUEST VALUE
l2_entry() {
    peek_be64 "$1" "$(l2_entry_at "$1" "$2")"
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
    poke_be64 "$1" "$(l2_entry_at "$1" "$2")" "$3"
}

# poke_subclusters IMAGE GUEST VALUE: the bitmap of an extended entry
poke_subclusters() {
    poke_be64 "$1" $(($(l2_entry_at "$1" "$2") + 8)) "$3"
}

# host_offset IMAGE GUEST: where in the file the data of a guest offset is, compressed or not
host_offset() {
    local entry bits
    entry=$(l2_entry "$1" "$2")
    if [[ $((entry >> 62 & 1)) -eq 1 ]]; then
        bits=$((62 - ($(field "$1" cluster_bits) - 8)))
        echo $((entry & ((1 << bits) - 1)))
    else
        echo $(((entry & OFFSET_MASK) + $2 % $(cluster_size "$1")))
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
make_image() {
    local file=$1 size=$2 options=$3
    shift 3
    require_tool qemu-img qemu-io jq
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
