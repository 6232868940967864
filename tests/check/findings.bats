#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Each kind of finding: damage made by one named field or entry, and what check says of it.

# Without sanitizers: leaks.bats and unseen.bats run check with them, and `make fuzz` on any image.

load ../helpers/load
load ../helpers/tables
load ../helpers/effort
load ../helpers/encryption

C=65536

# checked IMAGE [OPTION]...: runs check --json; the findings are then in found.json, one a line
checked() {
    run_qcow2_info check --json "$@"
    printf '%s\n' "$output" >check.json
    jq -c '.findings[]' check.json >found.json || fail "$(show_run)"
}

# assert_codes CODE...: these codes were found, each once, in this order
assert_codes() {
    assert_equal "$(jq -r .code found.json | tr '\n' ' ')" "${*:+$* }" || fail "$(show_run)"
}

# assert_only CODE: nothing but this was found, any number of times
assert_only() {
    assert_equal "$(jq -r .code found.json | sort -u | tr '\n' ' ')" "$1 " || fail "$(show_run)"
}

# assert_finding CODE SEVERITY HOST GUEST: one with this code has these, each "none" when it is not there
assert_finding() {
    jq -se --arg code "$1" --arg severity "$2" --arg host "$3" --arg guest "$4" \
        'any(.[]; .code == $code and .severity == $severity
            and (.host_offset // "none" | tostring) == $host
            and (.guest_offset // "none" | tostring) == $guest
            and (.place | length) > 0 and (.message | length) > 0 and (.cure | length) > 0)' \
        found.json >/dev/null || fail "no $1 ($2) at host $3, guest $4" "$(show_run)"
}

# assert_place CODE TEXT: the place of a finding with this code contains TEXT
assert_place() {
    jq -se --arg code "$1" --arg text "$2" 'any(.[]; .code == $code and (.place | contains($text)))' \
        found.json >/dev/null || fail "no $1 with the place: $2" "$(show_run)"
}

# Data at guest 0, 1 and 2 clusters.
make_plain() {
    make_image image $((16 * C)) "${1:-}" "write -P 1 0 $((3 * C))"
}

# refcount_at IMAGE CLUSTER: where the 16-bit refcount of a cluster is, in the first block
refcount_at() {
    echo $(($(peek_be64 "$1" "$(field "$1" refcount_table_offset)") + $2 * 2))
}

# end_of IMAGE: the size of the file
end_of() {
    stat -c %s "$1"
}

@test "findings: none in a sound image" {
    make_plain
    checked image
    assert_status 0
    assert_codes
}

@test "findings: refcount-too-low" {
    make_plain
    at=$(host_offset image $C)
    poke_be16 image "$(refcount_at image $((at / C)))" 0
    poke_l2_entry image $C "$at"
    checked image
    assert_status 2
    assert_codes refcount-too-low
    assert_finding refcount-too-low corruption "$at" none
    assert_place refcount-too-low 'guest data'
    assert_place refcount-too-low 'refcount 0, 1 reference'
}

@test "findings: refcount-too-low for clusters that no refcount block covers" {
    make_plain
    poke_be64 image "$(field image refcount_table_offset)" 0
    checked image
    assert_status 2
    jq -se 'any(.[]; .code == "refcount-too-low" and .host_offset == 0)' found.json
    jq -se 'any(.[]; .code == "copied-flag-wrong")' found.json
}

@test "findings: refcount-overflow" {
    make_image image 2M refcount_bits=1 "write -P 1 0 $((2 * C))"
    at=$(host_offset image 0)
    poke_l2_entry image $C "$((COPIED | at))"
    checked image
    assert_status 2
    assert_finding refcount-overflow corruption "$at" $C
    assert_finding leaked-data leak $((at + C)) none
    assert_codes refcount-overflow leaked-data
}

@test "findings: leaked-cluster: a cluster without data" {
    make_image image $((16 * C)) '' "write -P 0 0 $((3 * C))"
    at=$(host_offset image $C)
    poke_l2_entry image $C 0
    checked image
    assert_status 3
    assert_codes leaked-cluster
    assert_finding leaked-cluster leak "$at" none
    assert_equal "$(jq -c '[.leaked_bytes, .leaked_data_clusters, .leaked_data_bytes]' check.json)" "[$C,0,0]"
}

@test "findings: leaked-data: a leaked cluster with one byte of data" {
    make_image image $((16 * C)) '' "write -P 0 0 $((3 * C))"
    at=$(host_offset image $C)
    poke_l2_entry image $C 0
    for byte in 0 4095 4096 $((C - 1)); do
        cp image damaged
        poke damaged $((at + byte)) 01
        checked damaged
        assert_status 3
        assert_codes leaked-data
        assert_finding leaked-data leak "$at" none
        assert_equal "$(jq -c '[.leaked_bytes, .leaked_data_clusters, .leaked_data_bytes]' check.json)" "[$C,1,$C]"
    done
}

@test "findings: empty-table and leaked-unread" {
    command -v strace >/dev/null || skip 'machine: no strace'
    make_plain
    at=$(l2_table_at image 0)
    dd if=/dev/zero of=image bs=$C seek=$((at / C)) count=1 conv=notrunc status=none
    checked image
    assert_status 3
    assert_codes empty-table leaked-data leaked-data leaked-data
    assert_finding empty-table warning "$at" 0
    # No more than 256 MiB of leaked clusters are read. These are zeros, and no holes.
    make_new_image image 320M '' 'write -P 0 0 320M'
    poke_be64 image "$(l1_entry_at image 0)" 0
    ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" run --separate-stderr strace -f -qq -o trace -P image -e trace=pread64 "$QCOW2_INFO" check --json image
    printf '%s\n' "$output" >check.json
    jq -c '.findings[]' check.json >found.json
    assert_status 3
    assert_finding leaked-unread warning none none
    jq -e '.leaks == 5121 and .leaked_data_clusters == 1
        and .leaked_unread_bytes >= 64 * 1048576 and .leaked_unread_bytes < 66 * 1048576' check.json || fail "$(head -20 check.json)"
    assert_equal "$(awk '$NF > 0 { sum += $NF } END { print (sum < 258 * 1048576) }' trace)" 1
}

@test "findings: overlap names both uses" {
    make_plain
    l2=$(l2_table_at image 0)
    at=$(host_offset image $C)
    poke_l2_entry image $C "$l2"
    poke_be16 image "$(refcount_at image $((l2 / C)))" 2
    poke_be64 image "$(l1_entry_at image 0)" "$l2"
    checked image
    assert_status 2
    assert_codes overlap leaked-data
    assert_finding overlap corruption "$l2" $C
    assert_place overlap 'guest data'
    assert_place overlap 'an L2 table'
    assert_finding leaked-data leak "$at" none
}

@test "findings: overlap with each part of the metadata" {
    make_image image 4M '' "write -P 1 0 $((3 * C))"
    qemu-img snapshot -c one image
    qemu-img bitmap --add -g 65536 image dirty
    at=$(field image snapshots_offset)
    write_image image "write -P 2 0 $C"
    entry=$(l2_entry_at image 0)
    for pair in "0:the header" "$(field image l1_table_offset):an L1 table" \
        "$(field image snapshots_offset):the snapshot table" \
        "$(field image refcount_table_offset):the refcount table" \
        "$(peek_be64 image "$(field image refcount_table_offset)"):a refcount block"; do
        [[ ${pair%%:*} -ne 0 ]] || continue
        cp image damaged
        poke_be64 damaged "$entry" $((COPIED | ${pair%%:*}))
        checked damaged
        assert_status 2
        assert_place overlap "${pair#*:}"
    done
}

@test "findings: copied-flag-wrong in an L2 entry" {
    make_plain
    at=$(host_offset image $C)
    poke_l2_entry image $C "$at"
    checked image
    assert_status 2
    assert_codes copied-flag-wrong
    assert_finding copied-flag-wrong corruption "$at" $C
    assert_place copied-flag-wrong 'L2 entry 1 of the table at'
}

@test "findings: copied-flag-wrong in an L1 entry" {
    make_plain
    at=$(l2_table_at image 0)
    poke_be64 image "$(l1_entry_at image 0)" "$at"
    checked image
    assert_status 2
    assert_codes copied-flag-wrong
    assert_finding copied-flag-wrong corruption "$at" 0
    assert_place copied-flag-wrong 'L1 entry 0 of the active L1 table'
}

@test "findings: copied-flag-wrong: COPIED on a cluster that a snapshot shares" {
    make_plain
    qemu-img snapshot -c one image
    at=$(host_offset image $C)
    poke_l2_entry image $C $((COPIED | at))
    checked image
    assert_status 2
    assert_codes copied-flag-wrong
    assert_finding copied-flag-wrong corruption "$at" $C
}

@test "findings: out-of-file: data" {
    make_plain
    end=$(($(end_of image) + C))
    poke_l2_entry image $((4 * C)) "$end"
    checked image
    assert_status 2
    assert_codes out-of-file
    assert_finding out-of-file corruption "$end" $((4 * C))
}

@test "findings: out-of-file: data that begins where the file ends" {
    make_plain
    end=$(end_of image)
    poke_l2_entry image $((4 * C)) "$end"
    checked image
    assert_status 2
    assert_codes out-of-file
    assert_finding out-of-file corruption "$end" $((4 * C))
    # Also when the last cluster is not whole.
    make_plain
    truncate -s -100 image
    poke_l2_entry image $((4 * C)) "$end"
    checked image
    assert_finding out-of-file corruption "$end" $((4 * C))
}

@test "findings: out-of-file: L2 table, L1 table, refcount table, snapshots" {
    make_plain
    far=$((1 << 40))
    cp image damaged
    poke_be64 damaged "$(l1_entry_at image 0)" "$far"
    checked damaged
    assert_status 2
    assert_finding out-of-file corruption "$far" 0
    cp image damaged
    poke_field damaged l1_table_offset "$far"
    checked damaged
    assert_status 2
    assert_finding out-of-file corruption "$far" none
    cp image damaged
    poke_field damaged refcount_table_offset "$far"
    checked damaged
    assert_status 2
    assert_finding out-of-file corruption "$far" none
    cp image damaged
    poke_field damaged nb_snapshots 1
    poke_field damaged snapshots_offset "$far"
    checked damaged
    assert_status 2
    assert_finding out-of-file corruption "$far" none
}

@test "findings: cut-short: data, an L2 table, a refcount block; not data beyond the end of the disk" {
    make_plain
    at=$(host_offset image $((2 * C)))
    assert_equal "$(end_of image)" $((at + C))
    cp image damaged
    truncate -s -1 damaged
    checked damaged
    assert_status 2
    assert_codes cut-short
    assert_finding cut-short corruption "$at" $((2 * C))
    run_qcow2_info cat damaged
    assert_status 1

    # The disk ends inside that cluster, and so may the file.
    make_image image $((2 * C + 512)) '' "write -P 1 0 $((2 * C + 512))"
    at=$(host_offset image $((2 * C)))
    truncate -s $((at + 512)) image
    checked image
    assert_status 0
    assert_codes
    truncate -s -1 image
    checked image
    assert_codes cut-short

    make_plain
    move_l2_to_end image 0
    truncate -s -4096 image
    checked image
    assert_status 2
    assert_finding cut-short corruption "$(l2_table_at image 0)" 0
}

@test "findings: cut-short: of an extended entry only the allocated subclusters have to be there" {
    make_image image 1M extended_l2=on "write -P 1 0 2048"
    at=$(host_offset image 0)
    truncate -s $((at + 2048)) image
    checked image
    assert_codes
    truncate -s -1 image
    checked image
    assert_status 2
    assert_codes cut-short
    assert_finding cut-short corruption "$at" 0
}

@test "findings: cut-short: a compressed cluster that begins behind the file, in its last cluster" {
    make_plain
    end=$(end_of image)
    printf x >>image
    # The same as cat says: of these 512 bytes there is none.
    poke_l2_entry image 0 $((1 << 62 | end + 512))
    run_qcow2_info cat image
    assert_status 1
    checked image
    assert_status 2
    assert_finding cut-short corruption $((end + 512)) 0
    # One byte of it may be all that its decoder needs.
    truncate -s $((end + 513)) image
    checked image
    jq -e 'all(.findings[]; .code != "cut-short")' <<<"$output" >/dev/null
}

@test "findings: l1-reserved-bits" {
    make_plain
    at=$(l2_table_at image 0)
    poke_be64 image "$(l1_entry_at image 0)" $((COPIED | at | 1 << 56))
    checked image
    assert_status 2
    assert_codes l1-reserved-bits
    assert_finding l1-reserved-bits corruption "$at" 0
}

@test "findings: l1-without-table: a repair would write to the header" {
    local bits name
    for bits in $COPIED $((1 << 56)) 1; do
        make_image image 1G '' "write -P 1 0 $C"
        poke_be64 image "$(l1_entry_at image $((512 << 20)))" "$bits"
        checked image
        assert_status 2
        assert_only l1-without-table
        assert_finding l1-without-table corruption 0 $((512 << 20))
        # QEMU finds corruptions too, and its repair leaves none mended.
        run -2 qemu-img check image
        cp image repaired
        run qemu-img check -r all repaired
        [[ $status -ne 0 ]] || fail "qemu-img repairs $bits"
        qemu-img convert -O qcow2 image copy
        checked copy
        assert_status 0
    done
    # In a snapshot too; and no advice about the same image is to repair it.
    make_plain
    qemu-img snapshot -c one image
    poke_be64 image "$(peek_be64 image "$(field image snapshots_offset)")" "$COPIED"
    poke_l2_entry image $C $(($(l2_entry image $C) | 2))
    checked image
    assert_status 2
    jq -e 'any(.findings[]; .code == "l1-without-table")' <<<"$output" >/dev/null
    run_qcow2_info check image
    assert_status 2
    for name in 'qemu-img check -r' 'or repair'; do
        [[ $output != *"$name"* ]] || fail "$output"
    done
}

@test "findings: l2-reserved-bits, each bit" {
    make_plain
    at=$(host_offset image $C)
    for bit in 1 2 3 4 5 6 7 8 56 57 58 59 60 61; do
        poke_l2_entry image $C $((COPIED | at | 1 << bit))
        checked image
        assert_status 2
        assert_codes l2-reserved-bits
        assert_finding l2-reserved-bits corruption "$at" $C
    done
}

@test "findings: l2-table-unaligned" {
    make_plain
    at=$(l2_table_at image 0)
    poke_be64 image "$(l1_entry_at image 0)" $((COPIED | at + 512))
    checked image
    assert_status 2
    assert_finding l2-table-unaligned corruption $((at + 512)) 0
}

@test "findings: cluster-unaligned" {
    make_plain
    at=$(host_offset image $C)
    poke_l2_entry image $C $((COPIED | at + 512))
    checked image
    assert_status 2
    assert_finding cluster-unaligned corruption $((at + 512)) $C
}

@test "findings: compressed-copied" {
    make_image image 1M '' "write -c -P 1 0 $C"
    entry=$(l2_entry image 0)
    poke_l2_entry image 0 $((entry | COPIED))
    checked image
    assert_status 2
    assert_codes compressed-copied
    assert_finding compressed-copied corruption "$(host_offset image 0)" 0
}

@test "findings: compressed-data-file" {
    make_image image 1M data_file=data "write -P 1 0 $C"
    poke_l2_entry image 0 $((COMPRESSED | 0x50000))
    checked image
    assert_status 2
    assert_codes compressed-data-file
    assert_finding compressed-data-file corruption $((0x50000)) 0
}

@test "findings: compressed-subclusters" {
    make_image image 1M extended_l2=on "write -c -P 1 0 $C"
    poke_subclusters image 0 1
    checked image
    assert_status 2
    assert_codes compressed-subclusters leaked-data
    assert_finding compressed-subclusters corruption "$(host_offset image 0)" 0
}

@test "findings: subclusters-conflict" {
    make_image image 1M extended_l2=on "write -P 1 0 $C"
    poke_subclusters image 0 0x00000001ffffffff
    checked image
    assert_status 2
    assert_codes subclusters-conflict
    assert_finding subclusters-conflict corruption "$(host_offset image 0)" 0
}

@test "findings: subclusters-without-cluster" {
    make_image image 1M extended_l2=on "write -P 1 0 $C"
    poke_subclusters image $C 1
    checked image
    assert_status 2
    assert_codes subclusters-without-cluster
    assert_finding subclusters-without-cluster corruption 0 $C
}

@test "findings: zero-bit-version-2" {
    make_plain compat=0.10
    at=$(host_offset image $C)
    poke_l2_entry image $C $((COPIED | at | 1))
    checked image
    assert_status 2
    assert_codes zero-bit-version-2
    assert_finding zero-bit-version-2 corruption "$at" $C
}

@test "findings: data-file-offset" {
    make_image image 1M data_file=data "write -P 1 0 $((2 * C))"
    poke_l2_entry image $C $((COPIED | 5 * C))
    checked image
    assert_status 2
    assert_codes data-file-offset
    assert_finding data-file-offset corruption $((5 * C)) $C
}

@test "findings: refcount-table-reserved-bits" {
    make_plain
    at=$(field image refcount_table_offset)
    block=$(peek_be64 image "$at")
    poke_be64 image "$at" $((block | 2))
    checked image
    assert_status 2
    assert_finding refcount-table-reserved-bits corruption "$block" none
    # The block has no reference and the refcount 1.
    assert_codes refcount-table-reserved-bits leaked-data
}

@test "findings: refcount-block-unaligned: and the refcounts in it are not known" {
    make_plain
    at=$(field image refcount_table_offset)
    block=$(peek_be64 image "$at")
    poke_be64 image "$at" $((block + 512))
    checked image
    assert_status 1
    assert_finding refcount-block-unaligned corruption $((block + 512)) none
    assert_equal "$(jq '[.findings[] | select(.code == "refcount-too-low")] | length' check.json)" 0
    assert_equal "$(jq '.check_errors > 0' check.json)" true
}

@test "findings: refcount-block-out-of-file" {
    make_plain
    poke_be64 image $(($(field image refcount_table_offset) + 8)) $((1 << 40))
    checked image
    assert_status 2
    assert_codes refcount-block-out-of-file
    assert_finding refcount-block-out-of-file corruption $((1 << 40)) none
    assert_place refcount-block-out-of-file 'refcount table entry 1'
}

@test "findings: refcount-block-shared" {
    make_plain
    table=$(field image refcount_table_offset)
    block=$(peek_be64 image "$table")
    poke_be64 image $((table + 8)) "$block"
    checked image
    assert_status 2
    assert_finding refcount-block-shared corruption "$block" none
    assert_finding refcount-too-low corruption "$block" none
    assert_codes refcount-block-shared refcount-too-low
}

@test "findings: encryption-header: no header, and a key slot that cannot open the image" {
    make_luks_image image
    checked image
    assert_status 0
    local at
    at=$(luks_header image)
    cp image damaged
    poke damaged "$at" 00
    checked damaged
    assert_status 2
    assert_codes encryption-header
    assert_finding encryption-header corruption "$at" none
    assert_place encryption-header 'no LUKS header'
    cp image damaged
    poke_be32 damaged $((at + 208 + 4)) 0
    checked damaged
    assert_status 2
    assert_codes encryption-header
    assert_finding encryption-header corruption $((at + 208)) none
    assert_place encryption-header 'LUKS key slot 0 has 0 iterations'
    # The missing part is reported with the reference to it.
    cp image damaged
    truncate -s $((at + 100)) damaged
    checked damaged
    assert_finding out-of-file corruption "$at" none
    ! grep -q encryption-header found.json || fail 'the same is reported twice'
}

@test "findings: snapshots-data-file" {
    make_image image 1M '' "write -P 1 0 $C"
    qemu-img snapshot -c one image
    make_image other 1M data_file=data
    # A table with one snapshot, of another image, at the end.
    at=$((($(end_of other) + C - 1) / C * C))
    dd if=image of=other bs=$C skip=$(($(field image snapshots_offset) / C)) seek=$((at / C)) count=1 conv=notrunc,sync status=none
    poke_be64 other "$at" "$(field other l1_table_offset)"
    poke_field other snapshots_offset "$at"
    poke_field other nb_snapshots 1
    checked other
    assert_status 2
    assert_finding snapshots-data-file corruption "$at" none
}

# make_snapshots COUNT SIZE: an image with a table of COUNT snapshots of SIZE bytes, zeros but for the length
# of the name
make_snapshots() {
    local entry at i
    make_plain
    at=$(end_of image)
    poke_be16 image $((at + 14)) $(($2 - 56))
    poke_be32 image $((at + 36)) 16
    entry=$(peek image "$at" 48)
    truncate -s $((at + $1 * $2)) image
    for ((i = 1; i < $1; i++)); do
        poke image $((at + i * $2)) "$entry"
    done
    poke_field image nb_snapshots "$1"
    poke_field image snapshots_offset "$at"
}

@test "findings: snapshot-table: above 64 MiB, and too many snapshots; the names may be as long as they are" {
    make_snapshots 1100 65000
    checked image --max-findings 1000000
    assert_status 2
    assert_finding snapshot-table corruption $(($(field image snapshots_offset) + 1033 * 65000)) none
    assert_equal "$(jq .check_errors check.json)" 0
    # QEMU refuses such a table as well.
    run qemu-img check image
    [[ $status -ne 0 && $output == *'too big'* ]] || fail "$output"
    make_snapshots 400 65000
    checked image
    jq -e '[.check_errors, any(.findings[]; .code == "snapshot-table")] == [0, false]' check.json || fail "$(show_run)"
    make_plain
    poke_field image nb_snapshots 65537
    poke_field image snapshots_offset $((1 << 30))
    truncate -s 2G image
    checked image --max-findings 1000000
    assert_status 2
    assert_finding snapshot-table corruption 60 none
    run qemu-img check image
    [[ $status -ne 0 && $output == *'too large'* ]] || fail "$output"
}

@test "findings: snapshot-table: an invalid location" {
    make_plain
    cp image damaged
    poke_field damaged nb_snapshots 1
    checked damaged
    assert_status 2
    assert_finding snapshot-table corruption 64 none
    run qemu-img check -q damaged
    assert_equal "$status" 2
    poke_field damaged snapshots_offset $((1 << 56))
    checked damaged
    assert_status 2
    assert_finding snapshot-table corruption 64 none
    run qemu-img check -q damaged
    assert_equal "$status" 2
    poke_field damaged snapshots_offset 7
    checked damaged
    assert_status 1
    assert_finding snapshot-table corruption 64 none
    run qemu-img check -q damaged
    assert_equal "$status" 1
}

@test "findings: cannot-be-opened: an invalid location of a table, even of an empty one" {
    local place
    make_plain
    # Below 2^63 QEMU takes zeros for what is there.
    for place in 7 512 $((-C)) $((1 << 56)); do
        cp image damaged
        poke_field damaged snapshots_offset "$place"
        checked damaged
        if [[ $place -ne $((1 << 56)) ]]; then
            assert_status 2
            assert_codes cannot-be-opened
            assert_finding cannot-be-opened corruption 64 none
        else
            assert_status 0
            assert_codes header
            assert_finding header warning 64 none
        fi
        run_qcow2_info --json damaged
        jq -e 'any(.problems[]; .offset == 64)' <<<"$output" >/dev/null || fail "$(show_run)"
    done
    # Each of these is for QEMU the reason not to open the image.
    poke_field image snapshots_offset 7
    run qemu-img info image
    [[ $status -ne 0 && $output == *'napshot table offset invalid'* ]] || fail "$output"
    make_image image 0 ''
    poke_field image l1_size 0
    poke_field image l1_table_offset 7
    checked image
    assert_finding cannot-be-opened corruption 40 none
    run qemu-img info image
    [[ $status -ne 0 && $output == *'L1 table offset invalid'* ]] || fail "$output"
    make_plain
    poke_field image refcount_table_clusters 0
    poke_field image refcount_table_offset 7
    checked image
    assert_finding cannot-be-opened corruption 48 none
}

@test "findings: snapshot-incomplete" {
    make_plain
    qemu-img snapshot -c one image
    at=$(field image snapshots_offset)
    poke_be32 image $((at + 36)) 8
    checked image
    assert_status 2
    assert_codes snapshot-incomplete
    assert_finding snapshot-incomplete corruption "$at" none
}

@test "findings: snapshot-l1: unaligned, and too large" {
    make_plain
    qemu-img snapshot -c one image
    at=$(field image snapshots_offset)
    cp image damaged
    poke_be64 damaged "$at" $(($(peek_be64 image "$at") + 512))
    checked damaged
    assert_status 2
    assert_finding snapshot-l1 corruption "$at" none
    cp image damaged
    poke_be32 damaged $((at + 8)) $((4194304 + 1))
    checked damaged
    assert_status 2
    assert_finding snapshot-l1 corruption "$at" none
}

# Where the table of the only bitmap is.
bitmap_directory() {
    local at=112
    while [[ $(peek_be32 "$1" $at) -ne $((0x23852875)) ]]; do
        at=$((at + 8 + ($(peek_be32 "$1" $((at + 4))) + 7) / 8 * 8))
    done
    peek_be64 "$1" $((at + 8 + 16))
}

make_bitmap_image() {
    make_image image 16M ''
    qemu-img bitmap --add -g 65536 image dirty
    write_image image "write -P 1 0 1M"
}

@test "findings: bitmap: an entry of its table" {
    make_bitmap_image
    checked image
    assert_codes
    directory=$(bitmap_directory image)
    table=$(peek_be64 image "$directory")
    poke_be64 image "$table" 4
    checked image
    assert_status 2
    assert_finding bitmap corruption "$table" none
}

@test "findings: bitmap: a table with 2^32 - 1 entries ends at once, in a large file, too" {
    make_bitmap_image
    directory=$(bitmap_directory image)
    poke_be32 image $((directory + 8)) 0xffffffff
    truncate -s 1T image
    limit_effort 50
    checked image
    assert_status 2
    assert_finding bitmap corruption $((directory + 8)) none
}

@test "findings: bitmap: granularity, type, flags, a directory that is longer than its entries" {
    make_bitmap_image
    directory=$(bitmap_directory image)
    for what in '17 63' '16 7' '12 255'; do
        cp image damaged
        poke_number damaged $((directory + ${what% *})) 1 "${what#* }"
        checked damaged
        assert_status 2
        assert_only bitmap
        assert_finding bitmap corruption $((directory + ${what% *})) none
    done
}

@test "findings: undecodable-cluster, in the active disk, only with --data" {
    make_image image 1M '' "write -c -P 1 0 $C" "write -c -P 2 $C $C" "write -P 3 $((2 * C)) $C"
    at=$(host_offset image $C)
    poke image "$at" ffffffffffffffff
    checked image
    assert_status 0
    assert_codes
    qemu-img check -q image
    checked image --data
    assert_status 2
    assert_codes undecodable-cluster
    assert_finding undecodable-cluster corruption "$at" $C
    run_qcow2_info cat image
    assert_status 1
}

@test "findings: undecodable-cluster, in a snapshot that alone has it" {
    make_image image 1M '' "write -c -P 1 0 $C" "write -c -P 2 $C $C"
    qemu-img snapshot -c one image
    at=$(host_offset image $C)
    write_image image "write -P 3 $C $C"
    poke image "$at" ffffffffffffffff
    qemu-img check -q image
    checked image
    assert_codes
    checked image --data
    assert_status 2
    assert_codes undecodable-cluster
    assert_finding undecodable-cluster corruption "$at" $C
}

@test "findings: undecodable-cluster: zstd" {
    make_image image 1M compression_type=zstd "write -c -P 1 0 $C" "write -P 3 $C $C"
    at=$(host_offset image 0)
    poke image "$at" ffffffffffffffff
    checked image --data
    assert_status 2
    assert_codes undecodable-cluster
    assert_finding undecodable-cluster corruption "$at" 0
}

@test "findings: zero-bit-extended: a warning, as the subclusters decide" {
    make_image image 1M extended_l2=on "write -P 1 0 $C"
    poke_l2_entry image 0 $(($(l2_entry image 0) | 1))
    checked image
    assert_status 0
    assert_codes zero-bit-extended
    qemu-img check -q image
}

@test "findings: zero-offset-copied" {
    make_plain
    poke_l2_entry image $((5 * C)) $((COPIED))
    checked image
    assert_status 0
    assert_codes zero-offset-copied
    assert_finding zero-offset-copied warning 0 $((5 * C))
}

@test "findings: dirty and stale-refcount: stale lazy refcounts are not corruption" {
    require_tool qemu-img qemu-io jq
    qemu-img create -q -f qcow2 -o lazy_refcounts=on image 1M
    qemu-io -t unsafe -f qcow2 -c "write -P 1 0 $((2 * C))" -c flush -c 'sigraise 9' image >/dev/null 2>&1 || true
    assert_equal $(($(field image incompatible_features) & 1)) 1
    run qemu-img check -q image
    assert_equal "$status" 2
    checked image
    assert_status 0
    assert_equal "$(jq -r '.findings[].code' check.json | sort -u | tr '\n' ' ')" 'dirty stale-refcount '
    assert_finding dirty warning 72 none
    assert_finding stale-refcount warning "$(host_offset image 0)" none
    assert_finding stale-refcount warning "$(host_offset image 0)" 0
    run_qcow2_info check image
    assert_status 0
    assert_output_contains 'the image is sound'
    assert_output_contains 'lazy refcounts'
    run_qcow2_info cat image --length 64K -o bytes
    assert_status 0
}

@test "findings: dirty: refcounts that are too high are stale, too" {
    make_plain lazy_refcounts=on
    poke_field image incompatible_features 1
    checked image
    assert_status 0
    assert_codes dirty
    at=$(host_offset image $C)
    poke_l2_entry image $C 0
    checked image
    assert_status 0
    assert_codes dirty stale-refcount
    assert_finding stale-refcount warning "$at" none
}

@test "findings: corrupt-bit" {
    make_plain
    poke_field image incompatible_features 2
    checked image
    assert_status 0
    assert_codes corrupt-bit
    assert_finding corrupt-bit warning 72 none
}

@test "findings: header: an extension twice; bitmaps without the autoclear bit; a bit without bitmaps" {
    make_layer image 1M '' base raw
    at=112
    [[ $(peek image $at 4) == e2792aca ]]
    length=$(peek_be32 image $((at + 4)))
    copy=$(peek image $at $((8 + (length + 7) / 8 * 8)))
    # The name of the backing file lies behind: the second copy takes the place of the feature names.
    next=$((at + 8 + (length + 7) / 8 * 8))
    poke image $next "$copy"
    poke image $((next + ${#copy} / 2)) 0000000000000000
    checked image
    assert_status 0
    assert_only header
    make_bitmap_image
    poke_field image autoclear_features 0
    checked image
    assert_place header 'bitmap'
    assert_status 3 # the clusters of the bitmaps are not in use any more
    make_plain
    poke_field image autoclear_features 1
    checked image
    assert_only header
    assert_status 0
}

@test "findings: trailing-bytes" {
    make_plain
    end=$(end_of image)
    truncate -s $((end + 3 * C + 5)) image
    checked image
    assert_status 0
    assert_codes trailing-bytes
    assert_finding trailing-bytes warning "$end" none
    assert_place trailing-bytes "$((3 * C + 5)) bytes"
}

@test "findings: data past the end of the data file" {
    require_tool qemu-img qemu-io
    qemu-img create -q -f qcow2 -o data_file=data.raw image 1M
    qemu-io -f qcow2 -c 'write -P 1 0 1M' image >/dev/null
    truncate -s 900000 data.raw
    checked image
    assert_status 0
    checked --data image
    assert_status 2
    assert_codes unreadable-data
    assert_finding unreadable-data corruption 900000 900000
    assert_place unreadable-data '148576 bytes'
}

@test "findings: partial-sector: a virtual size that is no multiple of 512" {
    make_image image 1M '' "write -P 1 0 $C"
    poke_field image size $((1048576 - 1))
    checked image
    assert_status 0
    assert_codes partial-sector
    jq -se '.[0].severity == "warning"' found.json
    # QEMU leaves out the partial sector.
    assert_equal "$(qemu-img info --output=json image | jq '."virtual-size"')" $((1048576 - 512))
}

@test "findings: every code of the program has a case here" {
    cases=$(grep -oE '[a-z0-9]+(-[a-z0-9]+)*' "$BATS_TEST_FILENAME" | sort -u)
    while read -r code; do
        grep -qx -- "$code" <<<"$cases" || fail "no case for $code"
    done < <(grep -oE '\{"[a-z0-9-]+", SEVERITY' "$TOP/src/check/finding.c" | grep -oE '[a-z0-9-]{3,}')
}
