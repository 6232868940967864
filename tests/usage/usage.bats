#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# usage: its parts, its two forms, backing chains, and images that are damaged. The matrix holds its sums
# and what it measures against QEMU: whole/matrix.bats. Snapshots: usage/snapshots.bats.

load ../helpers/load
load ../helpers/matrix
load ../helpers/tables
load ../helpers/usage

setup_file() {
    require_tool qemu-img qemu-io jq
}

# clusters IMAGE CODE: of that part
clusters() {
    usage_value "$1" "part(\"$2\").clusters"
}

@test "parts: zero clusters keep host clusters" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 256k' 'write -q -z 64k 128k'
    assert_equal "$(clusters image active-data),$(clusters image zero-reserved)" 2,2
}

@test "parts: a cluster that a zero cluster keeps and a snapshot reads is shared data" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 64k'
    qemu-img snapshot -q -c one image
    write_image image 'write -q -z 0 64k'
    assert_equal "$(clusters image shared-data),$(clusters image zero-reserved)" 1,0
}

@test "parts: extended entries without allocated subclusters keep a cluster" {
    make_image image 1M extended_l2=on
    write_image image 'write -q -P 1 0 64k' 'write -q -z 0 64k'
    assert_equal "$(clusters image active-data),$(clusters image zero-reserved)" 0,1
}

# After data was written and thrown away, clusters in front of the last one are free.
@test "parts: free clusters, and leaked clusters, which qemu-img check -r leaks frees" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 512k' 'discard -q 64k 192k'
    assert_equal "$(clusters image free),$(clusters image leaked)" 3,0
    poke_number image "$(l2_entry_at image 0)" 8 0
    assert_equal "$(clusters image free),$(clusters image leaked)" 3,1
    qemu-img check -q -r leaks image
    assert_equal "$(clusters image free),$(clusters image leaked)" 4,0
}

@test "parts: bytes behind the image" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 64k'
    truncate -s +1000 image
    assert_equal "$(usage_value image 'part("trailing") | [.bytes, .clusters] | @csv')" 1000,1
    truncate -s +65000 image
    assert_equal "$(usage_value image 'part("trailing") | [.bytes, .clusters] | @csv')" 66000,2
    qcow2_info usage --json image >json
    parts_add_up json image
}

@test "parts: a cluster with two uses counts for the first" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 128k'
    # The second cluster of the disk lies where the L1 table does.
    local l1
    l1=$(field image l1_table_offset)
    poke_number image "$(l2_entry_at image 65536)" 8 "$l1"
    qcow2_info usage --json image >json
    parts_add_up json image
    assert_equal "$(usage_value image '[part("conflicting", "l1-tables", "active-data", "leaked").clusters] | @csv')" 1,1,1,1
    assert_equal "$(usage_value image 'part("conflicting").bytes')" 0
}

@test "parts: a LUKS header and bitmaps" {
    make_image image 1M ''
    qemu-img bitmap --add image one
    qemu-img bitmap --add image two
    # A directory and two tables; new bitmaps have no bits.
    assert_equal "$(clusters image bitmaps)" 3
    # Without the feature bit they are lost.
    poke_number image 88 8 0
    assert_equal "$(clusters image bitmaps),$(clusters image leaked)" 0,3
}

@test "compressed clusters: host bytes beside guest bytes" {
    seq 100000 140000 | head -c 262144 >text
    qemu-img convert -c -f raw -O qcow2 text image
    run_qcow2_info usage --json image
    assert_status 0
    assert_equal "$(jq .compressed.guest_bytes <<<"$output")" 262144
    # What check says of the stored sizes: the sum of the descriptors.
    local i entry sum=0
    for i in 0 1 2 3; do
        entry=$(l2_entry image $((i * 65536)))
        sum=$((sum + ((entry >> 54 & 255) + 1) * 512 - (entry & 511)))
    done
    assert_equal "$(jq .compressed.host_bytes <<<"$output")" $sum
}

@test "a backing chain: each layer, and the sum" {
    qemu-img create -q -f raw base 300k
    qemu-img create -q -f qcow2 -b base -F raw middle 1M
    qemu-img create -q -f qcow2 -b middle -F qcow2 top 1M
    write_image middle 'write -q -P 1 512k 64k'
    write_image top 'write -q -P 1 0 128k'
    run_qcow2_info usage --json --backing-chain top
    assert_status 0
    local sizes
    sizes=$(($(stat -c %s top) + $(stat -c %s middle) + $(stat -c %s base)))
    assert_equal "$(jq -c '[.layers[].filename]' <<<"$output")" '["top","middle","base"]'
    assert_equal "$(jq -c '[.sum.file_size, ([.sum.parts[].bytes] | add), .sum.layers]' <<<"$output")" "[$sizes,$sizes,3]"
    local i=0 layer format
    for layer in top middle base; do
        format=qcow2
        [[ $layer != base ]] || format=raw
        { qemu-img measure -f $format --output=json -O raw $layer && qemu-img measure -f $format --output=json -O qcow2 $layer; } |
            jq -sS 'map(with_entries(.key |= gsub("-"; "_"))) | {raw: .[0], qcow2: .[1]}' >theirs
        jq -S ".layers[$i].measure" <<<"$output" | diff -u theirs - || fail "$layer"
        i=$((i + 1))
    done
    run_qcow2_info usage --backing-chain top
    assert_status 0
    assert_output_contains '3 layers: file size'
}

@test "measure: bitmaps of several granularities" {
    make_image image 10G ''
    local g
    for g in 512 65536 1M 16M; do qemu-img bitmap --add -g $g image "bitmap-$g" || return; done
    assert_equal "$(usage_value image .measure.qcow2.bitmaps)" \
        "$(qemu-img measure --output=json -O qcow2 image | jq .bitmaps)"
}

@test "measure: disks around the limits of L1 and refcount tables" {
    local size
    for size in 0 512 65536 512M 536936448 32T 2251799813685248; do
        qemu-img create -q -f qcow2 -o cluster_size=2M image $size || return
        qemu-img measure --output=json -O qcow2 image | jq -cS 'with_entries(.key |= gsub("-"; "_"))' >theirs
        usage_value image .measure.qcow2 | jq -cS . | diff theirs - || fail "$size" || return
    done
}

@test "measure: a missing backing file leaves it out, and the status is 1" {
    make_image base 1M ''
    make_layer image 1M compat=1.1 base qcow2
    rm base
    run_qcow2_info usage --json image
    assert_status 1
    assert_equal "$(jq -c '[.measure, ([.parts[].bytes] | add) == .file_size]' <<<"$output")" '[null,true]'
    assert_stderr_contains 'backing file base'
    run_qcow2_info usage --json --no-backing image
    assert_status 0
    assert_equal "$(jq .measure.raw.required <<<"$output")" 1048576
}

@test "text: the largest part comes first, and bars grow with the parts" {
    make_image image 16M ''
    write_image image 'write -q -P 1 0 8M'
    qemu-img snapshot -q -c 'one snapshot' image
    write_image image 'write -q -P 2 0 2M'
    run_qcow2_info usage image
    assert_status 0
    [[ ${lines[0]} == 'image: file size '* ]] || fail "$(show_run)"
    [[ ${lines[1]} =~ ^shared-data\ +6\ MiB\ +[0-9.]+%\ \ (#+)$ ]] || fail "$(show_run)"
    local longest=${#BASH_REMATCH[1]}
    [[ ${lines[2]} =~ ^(active|snapshot)-data\ +2\ MiB\ +[0-9.]+%\ \ (#+)$ ]] || fail "$(show_run)"
    assert_equal $((${#BASH_REMATCH[2]} * 3 / 3)) $(((longest + 1) / 3))
    assert_output_contains 'FREED IF DELETED'
    assert_output_contains 'Deleting snapshot 1 (one snapshot) frees 2.13 MiB inside the file: qemu-img snapshot -d TAG.'
}

@test "text: advice to delete a snapshot names a tag that qemu-img accepts, unless others have it" {
    make_image image 16M ''
    write_image image 'write -q -P 1 0 1M'
    qemu-img snapshot -q -c one image
    write_image image 'write -q -P 2 0 1M'
    qemu-img snapshot -q -c two image
    run_qcow2_info usage image
    assert_output_contains 'Deleting snapshot 1 (one) frees'
    assert_output_contains 'qemu-img snapshot -d TAG'
    # It takes no id.
    ! qemu-img snapshot -d 1 image 2>/dev/null || fail 'qemu-img deletes by id'
    LC_ALL=C sed -i 's/2two/2one/' image
    run_qcow2_info usage image
    assert_output_contains 'Deleting snapshot 1 (one) frees 1.13 MiB inside the file: others have its tag'
}

# Leaked and free clusters may then be data of the guest, which a repair frees for good.
@test "text: beside a table that cannot be read, the only advice is to copy the file" {
    make_image image 16M ''
    write_image image 'write -q -P 1 0 4M'
    poke_number image "$(l1_entry_at image 0)" 8 $((1 << 40))
    run_qcow2_info usage image
    assert_status 1
    [[ ${lines[${#lines[@]} - 1]} == *'copy the file before any repair.' ]] || fail "$(show_run)"
    [[ $output != *'check -r'* ]] || fail "$(show_run)"
}

# qemu-img convert leaves them out.
@test "text: advice to copy the disk says that snapshots are lost" {
    make_image image 16M ''
    write_image image 'write -q -P 1 0 4M' 'discard -q 0 3M'
    qemu-img snapshot -q -c one image
    run_qcow2_info usage image
    assert_output_contains 'only a copy without snapshots makes the file smaller'
}

@test "text: advice in the order of the space it frees, two sentences at most" {
    make_image image 16M ''
    write_image image 'write -q -P 1 0 4M' 'discard -q 0 3M'
    poke_number image "$(l2_entry_at image $((3 << 20)))" 8 0
    run_qcow2_info usage image
    local count=${#lines[@]}
    [[ ${lines[count - 2]} == '3 MiB is free inside the file'* ]] || fail "$(show_run)"
    [[ ${lines[count - 1]} == '64 KiB is leaked'* ]] || fail "$(show_run)"
}

@test "a name cannot steer a terminal" {
    make_image image 1M ''
    qemu-img snapshot -q -c $'a\e[31mb' image
    run_qcow2_info usage image
    assert_status 0
    assert_output_contains 'a\x1b[31mb'
}

@test "an L2 table past the end of the file: the rest is added up, status 1" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 64k'
    poke_number image "$(l1_entry_at image 0)" 8 $((1 << 40))
    run_qcow2_info usage --json image
    assert_status 1
    assert_stderr_contains "L2 table at $((1 << 40))"
    assert_equal "$(jq -c '[.errors > 0, .measure.qcow2, ([.parts[].bytes] | add) == .file_size]' <<<"$output")" '[true,null,true]'
}

@test "an L1 table that cannot be one, or a refcount width beyond all: still each byte counts once" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 64k'
    cp image other
    poke_field image l1_table_offset $((65536 * 3 + 512))
    poke_field other refcount_order 9
    local file
    for file in image other; do
        run_qcow2_info usage --json $file
        assert_status 1
        printf '%s\n' "$output" >json
        parts_add_up json $file
    done
}

@test "a pipe: the bytes that were read are counted" {
    make_image image 1M ''
    write_image image 'write -q -P 1 0 64k'
    run_qcow2_info usage --json - <image
    assert_status 0
    assert_equal "$(jq .file_size <<<"$output")" "$(stat -c %s image)"
}

@test "usage: progress counts the disks of all layers and snapshots" {
    make_image base 1M '' 'write -q 0 64k'
    cp "$SAMPLE" image
    qemu-img rebase -u -b base -F qcow2 image
    local size snapshots
    size=$(qemu-img info --output=json image | jq '."virtual-size"')
    snapshots=$(qemu-img info --output=json image | jq '.snapshots | length')
    run_qcow2_info usage --backing-chain --progress=json image
    assert_status 0
    assert_equal "$(tail -n 1 <<<"${stderr-}")" \
        "{\"done\":$(((1 + snapshots) * size + (1 << 20))),\"total\":$(((1 + snapshots) * size + (1 << 20)))}"
    run_qcow2_info usage --backing-chain image
    assert_equal "${stderr-}" ''
}

@test "usage errors" {
    run_qcow2_info usage --backing-chain --no-backing image
    assert_status 64
    run_qcow2_info usage --chart=svg one two
    assert_status 64
    run_qcow2_info usage --help
    assert_status 0
    assert_output_contains '--backing-chain'
}
