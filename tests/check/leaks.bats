#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Leaked clusters: a table that was overwritten with zeros leaves its clusters behind as leaks. Never sound
# then, and never the advice to repair. QEMU counts the leaks; `qemu-img check -r leaks` shows what is lost.

load ../helpers/load
load ../helpers/tables

C=65536

# zero IMAGE OFFSET [LENGTH]: overwrites a cluster
zero() {
    dd if=/dev/zero of="$1" bs=64k iflag=count_bytes,fullblock oflag=seek_bytes seek="$2" count="${3:-$C}" conv=notrunc status=none
}

# not_sound IMAGE CLUSTERS TEXT...: leaks alone, as many as QEMU finds, CLUSTERS of which hold data, and each
# TEXT; no advice to repair
not_sound() {
    local image=$1 clusters=$2 text
    shift 2
    run_qcow2_info check --json "$image"
    assert_status 3 || return
    assert_equal "$(jq -c '[.leaked_data_clusters, .leaked_data_bytes]' <<<"$output")" "[$clusters,$((clusters * C))]" ||
        fail "$(show_run)" || return
    assert_equal "$(jq .leaks <<<"$output")" "${LEAKS-$(qemu-img check --output=json "$image" | jq .leaks)}" || return
    ! grep -q -e '-r leaks' -e '-r all' <<<"$output" || fail "$(show_run)" || return
    run_qcow2_info check "$image"
    assert_status 3 || return
    ! grep -q -e 'sound' -e '-r leaks' -e '-r all' <<<"$output" || fail "$(show_run)" || return
    assert_output_contains 'copy the file before any repair' || return
    for text in "$@"; do
        assert_output_contains "$text" || return
    done
}

# space_only IMAGE: leaks alone, and the advice to repair them
space_only() {
    run_qcow2_info check "$1"
    assert_status 3 || return
    assert_output_contains 'the data is sound, but space is lost' || return
    assert_output_contains 'qemu-img check -r leaks' || return
    ! grep -q 'empty-table' <<<"$output" || fail "$(show_run)"
}

@test "leaks: an emptied L2 table, of each version and kind" {
    local options
    for options in '' compat=0.10 extended_l2=on refcount_bits=1 refcount_bits=64; do
        make_image image 64M "$options" 'write -P 1 0 1M'
        zero image "$(l2_table_at image 0)"
        not_sound image 16 empty-table 'an L2 table below the active L1 table' 'guest data may have lost its tables'
    done
    # What the advice is for: after a repair the data is gone.
    qemu-img check -q -r leaks image || true
    run_qcow2_info check image
    assert_status 0
}

@test "leaks: an emptied L1 table, and one L1 entry of two" {
    make_image image 1G '' 'write -P 1 0 1M' 'write -P 2 600M 128k'
    cp image damaged
    zero damaged "$(field image l1_table_offset)"
    not_sound damaged 20 empty-table 'host offset 196608, guest offset 0, the active L1 table'
    poke_be64 image "$(l1_entry_at image $((600 << 20)))" 0
    not_sound image 3 'leaked clusters may hold guest data'
}

@test "leaks: an emptied L1 table of a snapshot, whose data is its own or shared" {
    make_image image 64M '' 'write -P 1 0 256k'
    qemu-img snapshot -c one image
    local l1
    l1=$(peek_be64 image "$(field image snapshots_offset)")
    cp image shared
    zero shared "$l1"
    # The L2 table and the data, which the disk has as well.
    not_sound shared 5 empty-table 'the L1 table of snapshot 1'
    write_image image 'write -P 2 0 256k'
    zero image "$l1"
    not_sound image 5 empty-table 'the L1 table of snapshot 1'
}

@test "leaks: an emptied snapshot table, and no snapshot table" {
    make_image image 64M compat=0.10 'write -P 1 0 256k'
    qemu-img snapshot -c one image
    write_image image 'write -P 2 0 256k'
    cp image damaged
    zero damaged "$(field image snapshots_offset)"
    run_qcow2_info check damaged
    assert_output_contains 'empty-table'
    assert_output_contains 'the snapshot table'
    assert_output_contains 'copy the file before any repair'
    ! grep -q -e '-r leaks' -e '-r all' -e sound <<<"$output" || fail "$(show_run)"
    poke_field image nb_snapshots 0
    # Its table, its L1 table, its L2 table and data.
    not_sound image 7
}

@test "leaks: compressed data that shares its cluster with compressed data of another table" {
    make_image image 1G '' 'write -c -P 1 0 64k' 'write -c -P 2 600M 64k'
    assert_equal $(($(host_offset image 0) / C)) $(($(host_offset image $((600 << 20))) / C))
    cp image damaged
    zero damaged "$(l2_table_at image 0)"
    not_sound damaged 1 empty-table
    poke_l2_entry image 0 0
    not_sound image 1
}

@test "leaks: an emptied L1 table of an image with a data file; an encrypted image" {
    make_image image 64M data_file=data 'write -P 1 0 1M'
    zero image "$(field image l1_table_offset)"
    not_sound image 1 empty-table
    local format secret=(--object 'secret,id=s,data=pass')
    for format in aes luks; do
        qemu-img create -q "${secret[@]}" -f qcow2 -o encrypt.format=$format,encrypt.key-secret=s image 64M
        qemu-io "${secret[@]}" -c 'write -P 0 0 1M' \
            --image-opts driver=qcow2,file.filename=image,encrypt.key-secret=s >/dev/null
        zero image "$(l2_table_at image 0)"
        # Even zeros are random bytes on disk.
        LEAKS=16 not_sound image 16 empty-table
    done
}

@test "leaks: corruption and a dirty image do not hide them, nor is their repair advised" {
    make_image image 64M '' 'write -P 1 0 1M' 'write -P 2 32M 64k'
    cp image damaged
    poke_l2_entry damaged $C 0
    poke_l2_entry damaged 0 "$(host_offset image 0)" # without COPIED
    run_qcow2_info check damaged
    assert_status 2
    assert_output_contains 'the image is corrupt: copy the file before any repair'
    ! grep -q -e '-r all' -e '-r leaks' <<<"$output" || fail "$(show_run)"
    zero image "$(l2_table_at image 0)"
    # A program that opens it for writing frees them.
    poke_field image incompatible_features 1
    run_qcow2_info check image
    assert_status 0
    assert_output_contains 'guest data may have lost its tables: copy the file'
    assert_output_contains 'clusters with data: 17'
    ! grep -q -e sound -e 'the next program' <<<"$output" || fail "$(show_run)"
}

@test "leaks: empty tables alone are no finding: of a new disk, its snapshot, after a discard" {
    local options
    for options in '' compat=0.10 extended_l2=on; do
        make_image image 64M "$options"
        qemu-img snapshot -c one image
        run_qcow2_info check image
        assert_status 0
        assert_output_contains 'the image is sound'
        make_image image 64M "$options" 'write -P 1 0 1M' 'discard 0 1M'
        poke_l2_entry image 0 0
        run_qcow2_info check image
        assert_status 0
        assert_output_contains 'the image is sound'
        ! grep -q empty-table <<<"$output" || fail "$(show_run)"
    done
    make_image image 64M preallocation=metadata
    run_qcow2_info check image
    assert_status 0
    assert_output_contains 'warnings:             0'
}

@test "leaks: clusters without data, in a hole or written: only space is lost" {
    make_image image 64M preallocation=metadata
    zero image "$(l2_table_at image 0)"
    space_only image
    make_image image 64M '' 'write -P 0 0 1M'
    zero image "$(l2_table_at image 0)"
    space_only image
    assert_equal "$(run_qcow2_info check --json image && jq .leaks <<<"$output")" 16
}

@test "leaks: the most important findings are listed first, however few are listed" {
    make_image image 64M '' 'write -P 1 0 1M'
    zero image "$(l2_table_at image 0)"
    run_qcow2_info check --json --max-findings 1 image
    assert_equal "$(jq -c '[.findings[].code] + [.leaks, .warnings]' <<<"$output")" '["empty-table",16,1]'
    run_qcow2_info check --max-findings 0 image
    assert_output_contains '... and 17 more'
    assert_output_contains 'empty-table (1)'
}
