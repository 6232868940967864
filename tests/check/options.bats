#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# check: its options, exit statuses, output, and the kinds of images that it takes.

# Without sanitizers: the findings run with them in findings.bats.

load ../helpers/load
load ../helpers/tables
load ../helpers/effort

C=65536

make_plain() {
    make_image image $((16 * C)) "${1:-}" "write -P 1 0 $((3 * C))"
}

# Forgets the clusters at 1 and 2: two leaks.
leak_two() {
    poke_l2_entry "$1" $C 0
    poke_l2_entry "$1" $((2 * C)) 0
}

@test "check: a sound image in text" {
    make_plain
    run_qcow2_info check image
    assert_status 0
    assert_equal "${stderr-}" ''
    assert_output 'verdict:              the image is sound
corruptions:          0
leaks:                0
warnings:             0
check errors:         0
clusters of the disk: 16
  allocated:          3 (18.75%)
  compressed:         0 (0.00%)
  fragmented:         0 (0.00%)
leaked:               0 bytes
end of the image:     512 KiB (524288 bytes)'
}

@test "check: findings in text: one a line, then the meaning of each kind, then the figures" {
    make_plain
    leak_two image
    poke_l2_entry image 0 "$(host_offset image 0)"
    run_qcow2_info check image
    assert_status 2
    assert_equal "${lines[0]}" "corruption copied-flag-wrong: host offset $((5 * C)), guest offset 0, L2 entry 0 of the table at $((4 * C)) (the active L1 table): 0x0000000000050000"
    assert_equal "${lines[1]}" "leak leaked-data: host offset $((6 * C)), cluster 6: refcount 1, 0 references, holds data"
    assert_output_contains 'leaked-data (2): '
    assert_output_contains 'copy the file before any repair'
    assert_output_contains 'verdict:              the image is corrupt'
    assert_output_contains 'corruptions:          1'
    assert_output_contains 'leaks:                2'
    assert_output_contains 'leaked:               128 KiB (131072 bytes)'
}

@test "check: --json: every key, in order" {
    make_plain
    leak_two image
    run_qcow2_info check --json image
    assert_status 3
    assert_equal "$(jq -c keys_unsorted <<<"$output")" '["filename","corruptions","leaks","warnings","check_errors","image_end_offset","total_clusters","allocated_clusters","compressed_clusters","fragmented_clusters","leaked_bytes","leaked_data_clusters","leaked_data_bytes","leaked_unread_bytes","unseen_references","findings"]'
    assert_equal "$(jq -c 'del(.findings)' <<<"$output")" '{"filename":"image","corruptions":0,"leaks":2,"warnings":0,"check_errors":0,"image_end_offset":524288,"total_clusters":16,"allocated_clusters":1,"compressed_clusters":0,"fragmented_clusters":0,"leaked_bytes":131072,"leaked_data_clusters":2,"leaked_data_bytes":131072,"leaked_unread_bytes":0,"unseen_references":0}'
    assert_equal "$(jq -c '.findings[0] | keys_unsorted' <<<"$output")" \
        '["code","severity","message","meaning","count","offset","guest_offset","place","host_offset","cure"]'
}

@test "check: exit statuses: 0 sound, 0 warnings, 3 leaks, 2 corruption, 2 both, 1 not checked" {
    make_plain
    run_qcow2_info check image
    assert_status 0
    cp image damaged
    truncate -s +1M damaged
    run_qcow2_info check damaged
    assert_status 0
    assert_output_contains 'warnings:             1'
    leak_two damaged
    run_qcow2_info check damaged
    assert_status 3
    assert_output_contains 'leaked clusters may hold guest data'
    poke_l2_entry damaged 0 "$(host_offset image 0)"
    run_qcow2_info check damaged
    assert_status 2
    table=$(field image refcount_table_offset)
    poke_be64 damaged "$table" $(($(peek_be64 image "$table") + 512))
    run_qcow2_info check damaged
    assert_status 1
    assert_output_contains 'not all of the image could be checked'
    assert_one_error damaged 'not aligned'
}

@test "check: an image that cannot be checked at all: status 1 and one line" {
    printf 'no image' >text
    run_qcow2_info check text
    assert_status 1
    assert_output ''
    assert_one_error text 'not a qcow2 image'
    run_qcow2_info check missing
    assert_status 1
    assert_one_error missing
    make_plain
    poke_field image refcount_order 7
    run_qcow2_info check image
    assert_status 1
    assert_one_error image 'refcount_order'
    make_plain
    poke_field image refcount_table_clusters 0xffffffff
    run_qcow2_info check image
    assert_status 1
    assert_one_error image 'refcount'
    make_plain
    poke_field image incompatible_features $((1 << 40))
    run_qcow2_info check image
    assert_status 1
    assert_one_error image
}

@test "check: snapshots that cannot be found are not checked" {
    make_plain
    qemu-img snapshot -c one image
    poke_field image snapshots_offset $(($(field image snapshots_offset) + 8))
    run_qcow2_info check --json image
    assert_status 1
    assert_equal "$(jq .check_errors <<<"$output")" 1
}

@test "check: --max-findings: the list is cut, the counts are not" {
    make_image image 64M '' "write -P 1 0 64M"
    poke_be64 image "$(l1_entry_at image 0)" 0
    run_qcow2_info check --json image
    assert_status 3
    assert_equal "$(jq -c '[.leaks, (.findings | length)]' <<<"$output")" '[1025,1000]'
    for max in 0 1 2 3 1024 1025 1026 1000000; do
        run_qcow2_info check --json --max-findings $max image
        assert_status 3
        assert_equal "$(jq -c '[.leaks, .leaked_bytes, (.findings | length)]' <<<"$output")" \
            "[1025,$((1025 * C)),$((max < 1026 ? max : 1026))]" # the L1 table is empty, too
    done
    run_qcow2_info check --max-findings 2 image
    assert_output_contains '... and 1024 more'
    assert_output_contains 'leaked-data (1025)'
    run_qcow2_info check --max-findings=0 image
    assert_status 3
    assert_output_contains '... and 1026 more'
}

@test "check: usage errors" {
    make_plain
    for options in --frob '--max-findings x' '--max-findings -1' '--max-findings 1000001' '--jobs 0' '--jobs x' \
        '--max-findings' '--data=1'; do
        # shellcheck disable=SC2086 # several words
        run_qcow2_info check image $options
        assert_status 64
        assert_output ''
        assert_stderr_contains 'qcow2-info'
    done
    run_qcow2_info check --help
    assert_status 0
    assert_output_contains '--max-findings N'
    assert_output_contains '--data'
    assert_output_contains 'Exit status:'
}

@test "check: standard input: a file, a pipe" {
    make_plain
    leak_two image
    run_qcow2_info check --json - <image
    assert_status 3
    run bash -c 'cat image | "$QCOW2_INFO" check --json'
    assert_equal "$status" 3
}

@test "check: only the start of an image from a pipe: the rest is not checked" {
    make_image image 128M '' "write -P 1 0 80M"
    run --separate-stderr bash -c 'cat image | timeout "$PROGRAM_SECONDS" "$QCOW2_INFO" check -'
    assert_status 1
    assert_output_contains 'not all of the image could be checked'
    assert_stderr_contains 'only its first'
    [[ $stderr != *$'\n'* ]] || fail "more than one line: $stderr"
    make_plain
    for bytes in 100 1000 65536 100000 200000 300000 400000; do
        run --separate-stderr bash -c "head -c $bytes image | \"\$QCOW2_INFO\" check -"
        assert_status 1
        [[ $stderr != *$'\n'* ]] || fail "more than one line: $stderr"
    done
}

@test "check: a full disk for the output is an error" {
    make_plain
    run bash -c '"$QCOW2_INFO" check image >/dev/full'
    assert_equal "$status" 1
}

@test "check: an image without write permission is checked, and unchanged" {
    make_plain
    leak_two image
    sha256sum image >before
    chmod 400 image
    run_qcow2_info check --data image
    assert_status 3
    sha256sum -c --quiet before
}

@test "check: names of snapshots are made safe for a terminal, and JSON stays valid" {
    make_plain
    qemu-img snapshot -c one image
    at=$(field image snapshots_offset)
    l1=$(peek_be64 image "$at")
    # The id, one byte after 40 fixed and 24 extra ones.
    poke image $((at + 40 + 24)) 1b
    poke_be64 image "$l1" $(($(peek_be64 image "$l1") | 1))
    run_qcow2_info check image
    assert_status 2
    [[ $output != *$'\x1b'* ]] || fail 'an escape'
    run_qcow2_info check --json image
    jq -e '.findings[] | select(.code == "l1-reserved-bits")' <<<"$output" >/dev/null
    poke image $((at + 40 + 24)) ff
    run_qcow2_info check --json image
    jq -e '.findings[] | select(.code == "l1-reserved-bits")' <<<"$output" >/dev/null
}

@test "check: --data reads every kind of cluster of a sound image" {
    make_image image 16M '' "write -P 1 0 1M" "write -c -P 2 1M 1M" "write -z 2M 1M"
    qemu-img snapshot -c one image
    write_image image "write -P 3 512k 1M"
    for jobs in 1 2 7; do
        run_qcow2_info check --data --jobs $jobs image
        assert_status 0
        assert_equal "${stderr-}" ''
    done
}

@test "check: --data: many damaged clusters, the same with every number of threads" {
    make_image image 16M '' "write -c -P 2 0 8M" "write -P 3 8M 64k"
    for ((i = 0; i < 128; i += 3)); do
        poke image "$(host_offset image $((i * C)))" ffff
    done
    run_qcow2_info check --data --jobs 1 --json image
    assert_status 2
    first=$output
    assert_equal "$(jq '[.findings[] | select(.code == "undecodable-cluster")] | length' <<<"$first")" 43
    for jobs in 2 5; do
        run_qcow2_info check --data --jobs $jobs --json image
        assert_equal "$output" "$first"
    done
}

@test "check: --data reads the external data file; without it that file need not be there" {
    make_image image 1M data_file=data "write -P 1 0 $((3 * C))"
    run_qcow2_info check image
    assert_status 0
    run_qcow2_info check --data image
    assert_status 0
    rm data
    run_qcow2_info check image
    assert_status 0
    run_qcow2_info check --data image
    assert_status 1
    assert_stderr_contains data
}

@test "check: a backing file need not be there" {
    make_layer image 1M '' missing raw
    run_qcow2_info check --data image
    assert_status 0
}

@test "check: encrypted images: AES and LUKS, also with --data" {
    require_tool qemu-img qemu-io
    for format in aes luks; do
        secret=(--object 'secret,id=s,data=pass')
        qemu-img create -q "${secret[@]}" -f qcow2 -o encrypt.format=$format,encrypt.key-secret=s image 1M
        qemu-io "${secret[@]}" -c "write -P 1 0 $((3 * C))" \
            --image-opts driver=qcow2,file.filename=image,encrypt.key-secret=s >/dev/null
        run_qcow2_info check --json image
        assert_status 0
        assert_equal "$(jq -c '[.allocated_clusters, .warnings]' <<<"$output")" '[3,0]'
        run qemu-img check "${secret[@]}" --output=json --image-opts driver=qcow2,file.filename=image,encrypt.key-secret=s
        theirs=$(jq '."image-end-offset"' <<<"$output")
        run_qcow2_info check --json image
        assert_equal "$(jq .image_end_offset <<<"$output")" "$theirs"
        cp image damaged
        poke_l2_entry damaged $C 0
        run_qcow2_info check damaged
        assert_status 3
    done
    # The LUKS header is counted: without the extension its clusters are lost.
    at=112
    [[ $(peek image $at 4) == 0537be77 ]] || fail 'no encryption extension'
    host=$(peek_be64 image $((at + 8)))
    poke_l2_entry image $C $((COPIED | host))
    run_qcow2_info check image
    assert_status 2
    assert_output_contains 'the encryption header'
}

@test "check: every refcount width" {
    for bits in 1 2 4 8 16 32 64; do
        make_plain refcount_bits=$bits
        run_qcow2_info check --json image
        assert_status 0
        # One too high where it can be counted, and 0.
        at=$(host_offset image $C)
        block=$(peek_be64 image "$(field image refcount_table_offset)")
        cluster=$((at / C))
        if ((bits >= 8)); then
            poke_number image $((block + cluster * bits / 8)) $((bits / 8)) 0
        else
            byte=$((block + cluster * bits / 8))
            shift=$((cluster * bits % 8))
            poke_number image $byte 1 $(($(peek_number image $byte 1) & ~(((1 << bits) - 1) << shift)))
        fi
        run_qcow2_info check --json image
        assert_status 2
        assert_equal "$(jq -r '.findings[] | "\(.code) \(.host_offset)"' <<<"$output" | tr '\n' ' ')" \
            "copied-flag-wrong $at refcount-too-low $at "
        ((bits > 1)) || continue
        # A snapshot needs refcounts of 2.
        make_plain refcount_bits=$bits
        qemu-img snapshot -c one image
        run_qcow2_info check image
        assert_status 0
    done
}

@test "check: 64-bit refcounts at their largest" {
    make_plain refcount_bits=64
    block=$(peek_be64 image "$(field image refcount_table_offset)")
    poke image $((block + 7 * 8)) ffffffffffffffff
    run_qcow2_info check --json image
    assert_status 2
    assert_equal "$(jq -c '[.leaks, .corruptions]' <<<"$output")" '[1,1]'
    assert_output_contains 'refcount 18446744073709551615, 1 reference'
}

# limited UNITS KIB OPTION...: check with so much work and so much address space
limited() (
    limit_effort "$1" "$2" && exec timeout -k 5 "$PROGRAM_SECONDS" "$QCOW2_INFO" check "${@:3}"
)

@test "check: an empty sparse file of 15 TiB is checked at once, in little memory" {
    for c in 65536 512 2097152; do
        qemu-img create -q -f qcow2 -o cluster_size=$c image 16M
        truncate -s 15T image || skip 'machine: the file system has no files of 15 TiB'
        run --separate-stderr limited 20 200000 --json image
        assert_status 0
        assert_equal "$(jq -r '.findings[].code' <<<"$output")" trailing-bytes
    done
}

@test "check: tables that refer to each other millions of times take only seconds" {
    # 4 Mi L1 entries that name one L2 table, which is full, in a file that seems to be large.
    make_image image 512M '' "write -P 1 0 $C"
    l2=$(l2_table_at image 0)
    for ((length = 8; length < C; length *= 2)); do
        dd if=image of=image bs=64k iflag=skip_bytes,count_bytes oflag=seek_bytes conv=notrunc status=none \
            skip="$l2" count=$length seek=$((l2 + length))
    done
    printf -v entry '%016x' $((COPIED | l2))
    poke image $((1 << 24)) "$entry"
    for ((length = 8; length < 32 << 20; length *= 2)); do
        dd if=image of=image bs=64k iflag=skip_bytes,count_bytes oflag=seek_bytes conv=notrunc status=none \
            skip=$((1 << 24)) count=$length seek=$(((1 << 24) + length))
    done
    poke_field image l1_size 4194304
    poke_field image l1_table_offset $((1 << 24))
    truncate -s 15T image || skip 'machine: the file system has no files of 15 TiB'
    run --separate-stderr limited 600 400000 --json --max-findings 3 image
    assert_status 1
    assert_equal "$(jq .leaks <<<"$output")" 0
    assert_stderr_contains 'refer to each other too often'
    assert_equal "$(wc -l <<<"$stderr")" 1
}

@test "check: snapshots that share one large L1 table in a hole end at once" {
    make_image image 16M ''
    qemu-img snapshot -c one image
    at=$(field image snapshots_offset)
    poke_be64 image "$at" $((1 << 40))
    poke_be32 image $((at + 8)) 4194304
    # 16384 of them, one after another; each has 72 bytes.
    entry=$(peek image "$at" 72)
    poke image $((1 << 30)) "$entry"
    for ((count = 1; count < 16384; count *= 2)); do
        dd if=image of=image bs=64k iflag=skip_bytes,count_bytes oflag=seek_bytes conv=notrunc status=none \
            skip=$((1 << 30)) count=$((count * 72)) seek=$(((1 << 30) + count * 72))
    done
    poke_field image nb_snapshots 16384
    poke_field image snapshots_offset $((1 << 30))
    truncate -s 15T image || skip 'machine: the file system has no files of 15 TiB'
    run --separate-stderr limited 200 400000 --max-findings 3 image
    assert_status 2
}

# ---- Progress ------------------------------------------------------------------------------------------

# Of the progress lines in a file: the percentages are in order and end with 100% of TOTAL:
# assert_progress FILE TOTAL
assert_progress() {
    local percents
    percents=$(tr '\r' '\n' <"$1" | sed -nE 's/^ *([0-9]+)%  .*/\1/p')
    assert_equal "$percents" "$(sort -n <<<"$percents")" || return
    assert_equal "$(tail -n 1 <<<"$percents")" 100 || return
    tr '\r' '\n' <"$1" | grep -q "^100%  $2 of $2  " || fail "no line with $2:" "$(<"$1")"
}

@test "check: progress counts the disk and all snapshots, however large, and never decreases" {
    make_image image 16M '' 'write -P 1 0 16M'
    local i options
    for i in 1 2 3; do
        qemu-img snapshot -c s$i image
    done
    qemu-img resize -q --shrink image 1M
    for options in '' '--data --jobs 1' '--data --jobs 4'; do
        # shellcheck disable=SC2086 # several words
        qcow2_info check $options --progress image 2>shown >out
        assert_progress shown '49 MiB'
    done
}

@test "check: progress of a disk without data, and of one without bytes" {
    make_image image 1T ''
    qcow2_info check --progress image 2>shown >out
    assert_progress shown '1 TiB'
    make_image image 0 ''
    qcow2_info check --progress image 2>shown >out
    assert_progress shown '0 bytes'
}

@test "check: progress as JSON ends with the disk and all snapshots, whatever is found" {
    local options
    make_image image 16M '' 'write -P 1 0 16M'
    qemu-img snapshot -c one image
    leak_two image
    for options in '' --data '--json --jobs 4 --data'; do
        # shellcheck disable=SC2086 # several words
        qcow2_info check $options --progress=json image 2>shown >out || assert_equal $? 3
        assert_equal "$(tail -n 1 shown)" '{"done":33554432,"total":33554432}'
        jq -e -s 'map(.done) | . == sort' shown >sorted
    done
}

# All L1 entries lead to one full L2 table, whose entries lead to one cluster: a small
# file that takes seconds.
make_slow() {
    make_image image 1T '' 'write -P 1 0 64k'
    local table
    table=$(l2_table_at image 0)
    copied_entries 8192 "$(host_offset image 0)" 0 | place image "$table"
    copied_entries 2048 "$table" 0 | place image "$(field image l1_table_offset)"
}

@test "check: progress is shown during the walk through the tables" {
    command -v script >/dev/null || skip 'machine: no program script'
    make_slow
    # A terminal, which is shown more than a line a second.
    script -qec "'$QCOW2_INFO' check --progress image >out" /dev/null </dev/null >shown || true
    assert_progress shown '1 TiB'
    [[ $(tr '\r' '\n' <shown | grep -cE '^ *[0-9]{1,2}%  [0-9.]+ [KMGT]iB of 1 TiB  [0-9.]+ [KMGT]iB/s  [0-9]+:[0-9]{2}:[0-9]{2} left') -ge 1 ]] ||
        fail "$(<shown)"
}

@test "check: progress is shown by default on a terminal" {
    command -v script >/dev/null || skip 'machine: no program script'
    make_slow
    script -qec "'$QCOW2_INFO' check --json image >out" /dev/null </dev/null >shown || true
    grep -qE '[0-9]+%  [0-9.]+ [KMGT]iB of 1 TiB  ' shown || fail "$(<shown)"
    script -qec "'$QCOW2_INFO' check --json --no-progress image >out" /dev/null </dev/null >shown || true
    [[ ! -s shown ]] || fail "$(<shown)"
}
