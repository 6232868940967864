#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# where: from a guest offset to its byte, and from a host offset to what refers to it.

load ../helpers/load
load ../helpers/matrix
load ../helpers/tables

setup_file() {
    require_tool qemu-img qemu-io jq
}

# where_json OPTION...: sets $output to one object a line
where_json() {
    run_qcow2_info where --json "$@"
}

# at FILTER: of the object in $output
at() {
    jq -rc "$1" <<<"$output"
}

@test "the way: L1 entry, L2 entry, refcount, and the byte" {
    make_image image 2G ''
    write_image image 'write -q -P 1 1G 64k'
    where_json image $(((1 << 30) + 1000))
    assert_status 0
    assert_equal "$(at '.layers[0].l1 | [.index, .offset]')" "[2,$(l1_entry_at image $((1 << 30)))]"
    assert_equal "$(at .layers[0].l1.value)" "$(printf '0x%016x' "$(peek_be64 image "$(l1_entry_at image $((1 << 30)))")")"
    assert_equal "$(at '.layers[0].l2 | [.index, .offset]')" "[0,$(l2_entry_at image $((1 << 30)))]"
    assert_equal "$(at .layers[0].l2.value)" "$(printf '0x%016x' "$(l2_entry image $((1 << 30)))")"
    assert_equal "$(at '[.layers[0].refcount, .kind, .filename]')" '[1,"data","image"]'
    # QEMU says the same of the place.
    local offset
    offset=$(qemu-img map --output=json image | jq 'map(select(.start == 1073741824))[0].offset')
    assert_equal "$(at .host_offset)" $((offset + 1000))
    assert_equal "$(od -An -tu1 -j $((offset + 1000)) -N 1 image | tr -d ' ')" 1
}

@test "kinds: zero, hole, compressed, and subclusters" {
    make_image image 1M extended_l2=on
    write_image image 'write -q -P 1 0 64k' 'write -q -z 8k 4k' 'write -q -z 128k 64k' 'write -q -c -P 3 192k 64k'
    where_json image 0 8K 64K 128K 200K
    assert_status 0
    assert_equal "$(at .kind | tr '\n' ' ')" 'data zero hole zero compressed '
    assert_equal "$(at .layers[0].l2.subcluster | tr '\n' ' ')" '0 4 0 0 4 '
    assert_equal "$(at 'select(.kind == "compressed") | .stored_size > 0 and .stored_size < 65536')" true
    assert_equal "$(at 'select(.guest_offset == 8192).layers[0].l2.subclusters')" 0x00000030ffffffcf
}

@test "a chain: each layer in turn, and where it ends" {
    printf 'a raw file' >base
    qemu-img create -q -f qcow2 -b base -F raw middle 1M
    qemu-img create -q -f qcow2 -b middle -F qcow2 top 1M
    write_image middle 'write -q -P 1 512k 64k'
    where_json top 3 512K 64K
    assert_status 0
    assert_equal "$(at '[.layers[].says] | join(" ")' | tr '\n' ',')" \
        'unallocated unallocated data,unallocated data,unallocated unallocated past-end,'
    assert_equal "$(at '[.kind, .filename, .host_offset] | @csv' | head -n 1)" '"data","base",3'
    where_json --no-backing top 3
    assert_equal "$(at '.kind')" hole
}

@test "a snapshot: its own tables" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 64k'
    qemu-img snapshot -q -c one image
    write_image image 'write -q -P 2 0 64k'
    local new old
    where_json image 0 && new=$(at .host_offset)
    where_json --snapshot one image 0 && old=$(at .host_offset)
    assert_equal "$(od -An -tu1 -j "$new" -N 1 image)$(od -An -tu1 -j "$old" -N 1 image)" '   2   1'
    where_json --host image "$old"
    assert_equal "$(at '[.purpose, .refcount, (.references[] | .snapshot, .guest_offset)]')" '["data",1,"1",0]'
}

@test "a host cluster that the active disk and snapshots share: every one is listed" {
    make_image image 1M ''
    write_image image 'write -q -P 1 64k 64k'
    local i
    for i in 1 2 3; do qemu-img snapshot -q -c "tag$i" image || return; done
    where_json image 64K
    where_json --host image "$(at .host_offset)"
    assert_status 0
    assert_equal "$(at '[.refcount, .reference_count, [.references[].snapshot], ([.references[].guest_offset] | unique)]')" \
        '[4,4,[null,"1","2","3"],[65536]]'
    run_qcow2_info where --host image "$(at .host_offset)"
    assert_output_contains 'guest offset 65536 in the active disk'
    assert_output_contains 'guest offset 65536 in snapshot 3'
}

@test "--host inside a cluster: the guest offset and the byte lead back" {
    make_image image 1M ''
    write_image image 'write -q -P 1 64k 128k'
    where_json image 70000
    run_qcow2_info where --host image "$(at .host_offset)"
    assert_output_contains ', byte 4464: data, '
    assert_output_contains 'guest offset 65536 in the active disk'
}

@test "--host of compressed data: each line has the stored bytes that where prints for the guest offset" {
    seq 100000 140000 | head -c 262144 >text
    qemu-img convert -c -f raw -O qcow2 text image
    run_qcow2_info where image 65536
    local stored=${lines[${#lines[@]} - 1]#*in image }
    [[ $stored == 'at '*' bytes stored' ]] || fail "$(show_run)" || return
    where_json image 65536
    run_qcow2_info where --host image "$(at .host_offset)"
    assert_output_contains "compressed $stored, guest offset 65536 in the active disk"
}

@test "--host without a reference: a table that cannot be read is named as a possible one" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 64k'
    where_json image 0
    local host
    host=$(at .host_offset)
    poke_number image "$(l1_entry_at image 0)" 8 $((1 << 40))
    run_qcow2_info where --host image "$host"
    assert_status 1
    assert_output_contains ': leaked, refcount 1'
    assert_output_contains '  a table that cannot be read may refer to it'
}

@test "where: offsets before the image: the error says what comes first" {
    make_image image 1M ''
    run_qcow2_info where 64k image
    assert_status 64
    assert_stderr_contains 'not "image"; write the image before it'
    run_qcow2_info where image offset
    assert_status 64
    [[ ${stderr-} != *'write the image'* ]] || fail "$(show_run)"
}

@test "the purpose of each metadata cluster" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 64k'
    qemu-img snapshot -q -c one image
    qemu-img bitmap --add image bitmap
    local places=(0 "$(field image l1_table_offset)" "$(field image refcount_table_offset)"
        "$(field image snapshots_offset)" "$(l2_table_at image 0)")
    places+=("$(peek_be64 image "${places[2]}")" "$(peek_be64 image "${places[3]}")")
    where_json --host image "${places[@]}"
    assert_status 0
    assert_equal "$(at .purpose | tr '\n' ' ')" 'header l1-table refcount-table snapshot-table l2-table refcount-block l1-table '
    assert_equal "$(at '.references[].table' | tr '\n' ' ')" \
        'format header header header l1-table l1-table refcount-table snapshot-table '
}

@test "free, leaked and past the end" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 192k' 'discard -q 64k 64k'
    local first free
    where_json image 0 && first=$(at .host_offset)
    free=$((first + 65536))
    poke_number image "$(l2_entry_at image 0)" 8 0
    where_json --host image "$first" $free $((1 << 40))
    assert_status 0
    assert_equal "$(at '[.purpose, .refcount] | @csv' | tr '\n' ' ')" '"leaked",1 "free",0 "past-end",0 '
}

@test "a broken table is followed up to the fault, status 1" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 128k'
    cp image other
    poke_number image "$(l2_entry_at image 65536)" 8 $((65536 * 5 + 512))
    where_json image 64K
    assert_status 1
    assert_equal "$(at '[.layers[0].says, .fault.code, .kind, .layers[0].l2.value]')" '["broken","corrupt",null,"0x0000000000050200"]'
    assert_stderr_contains 'L2 entry 1'
    where_json image 0
    assert_status 0
    poke_number other "$(l1_entry_at other 0)" 8 $((1 << 40))
    where_json other 0
    assert_status 1
    assert_equal "$(at '[.layers[0].l1.l2_offset, .layers[0].l2, .fault.code]')" "[$((1 << 40)),null,\"truncated\"]"
    run_qcow2_info where other 0
    assert_status 1
    assert_output_contains '  broken: L2 table at'
}

@test "data past the end of the file is a fault" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 128k'
    truncate -s $((5 * 65536)) image
    where_json image 64K
    assert_status 1
    assert_equal "$(at .fault.code)" truncated
}

# back_and_forth IMAGE: of 20 places of the disk, guest to host and back
back_and_forth() {
    local offsets hosts
    offsets=$(qemu-img map --output=json "$1" | jq -r '.[] | select(.data and .depth == 0) | .start + (.length / 2 | floor)' | head -n 20)
    [[ $offsets ]] || return 0
    # shellcheck disable=SC2086 # several words
    qcow2_info where --json "$1" $offsets >ways || fail "where $1: status $?" || return
    # What is in a data file is at no host offset of the image.
    jq -c --arg image "$1" 'select(.filename == $image)' ways >guest || return
    [[ -s guest ]] || return 0
    hosts=$(jq -r .host_offset guest)
    # shellcheck disable=SC2086
    qcow2_info where --host --json "$1" $hosts >host || fail "where --host $1: status $?" || return
    jq -n -e --slurpfile guest guest --slurpfile host host '
        [range($guest | length) | . as $i | $guest[$i].guest_offset as $at | $host[$i] |
            any(.references[]; .snapshot == null and .guest_offset <= $at and $at < .guest_offset + 2097152
                and (.purpose == "data" or .purpose == "compressed"))
            and .refcount == .reference_count] | all' >/dev/null ||
        fail "$1: not there and back" "$(cat guest host)"
}

@test "there and back: images of each cluster size, with compressed clusters" {
    local c
    for c in "${CLUSTER_SIZES[@]}"; do
        make_filled_image "$c" compat=1.1 && back_and_forth image || return
    done
}

@test "there and back: random images" {
    local seed image
    seq 100000 140000 >text && gzip -nc text >noise
    for seed in 3 4 5; do
        mkdir $seed && cd $seed && ln ../text ../noise . || return
        "$TOP/tests/random/recipe" $seed >recipe && bash ./recipe >log 2>&1 </dev/null || true
        for image in *.qcow2; do
            qemu-img check -q "$image" >/dev/null 2>&1 || continue
            back_and_forth "$image" || return
        done
        cd ..
    done
}

@test "a guest offset costs a few reads, whatever the image" {
    require_tool strace
    make_image image 64G ''
    write_image image 'write -q -P 1 0 64k' 'write -q -P 1 63G 64k'
    ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" strace -f -e trace=pread64,preadv,read -o trace "$QCOW2_INFO" where --no-sandbox image 63G >/dev/null
    [[ $(grep -c pread trace) -lt 20 ]] || fail "$(cat trace)"
}

@test "where: usage errors, and an offset past the end" {
    make_image image 1M ''
    run_qcow2_info where image
    assert_status 64
    run_qcow2_info where image 12x
    assert_status 64
    run_qcow2_info where image 0x
    assert_status 64
    run_qcow2_info where --host --snapshot one image 0
    assert_status 64
    run_qcow2_info where image 1M
    assert_status 1
    assert_stderr_contains 'offset 1048576 is past the end of the disk at 1048576'
    run_qcow2_info where image 0xfffff
    assert_status 0
}
