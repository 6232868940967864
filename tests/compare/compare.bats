#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# qcow2-info compare: its verdict against that of qemu-img compare, its ranges against the raw bytes of both
# disks, what it need not read, and what it reports of a disk that cannot be read.

# Without sanitizers: `make fuzz` runs compare with them.

load ../helpers/load
load ../helpers/tables
load ../helpers/matrix
load ../helpers/judge
load ../helpers/encryption

K=1024

# same_verdict A B [OPTION of qemu-img...]: that of qemu-img, as the exit status
same_verdict() {
    local theirs=0 ours=0 a=$1 b=$2
    shift 2
    qemu-img compare -U -q "$@" -f "$(format_of "$a")" -F "$(format_of "$b")" "$a" "$b" >/dev/null 2>theirs || theirs=$?
    [[ $theirs -le 1 ]] || fail "qemu-img compare: status $theirs: $(<theirs)" || return
    qcow2_info compare ${1:+--strict} "$a" "$b" >verdict 2>&1 || ours=$?
    assert_equal "$a $b: $ours" "$a $b: $((theirs == 1 ? 2 : theirs))"
}

format_of() {
    [[ $(peek "$1" 0 4) == 514649fb ]] && echo qcow2 || echo raw
}

# differing_sectors RAW_A RAW_B: the ranges in which two raw disks differ, in sectors, merged, and at the end
# what --json reports of the whole; what the shorter one lacks are zeros
differing_sectors() {
    require_tool python3 || return
    python3 - "$1" "$2" <<'END'
import sys
a, b = (open(name, "rb").read() for name in sys.argv[1:])
end = max(len(a), len(b))
ranges = []
for at in range(0, end, 512):
    stop = min(at + 512, end)
    if a[at:stop].ljust(stop - at, b"\0") != b[at:stop].ljust(stop - at, b"\0"):
        if ranges and ranges[-1][1] == at:
            ranges[-1][1] = stop
        else:
            ranges.append([at, stop])
for start, stop in ranges:
    print('{"start":%d,"length":%d}' % (start, stop - start))
print('{"identical":%s,"differing_bytes":%d,"compared_bytes":%d,"size_a":%d,"size_b":%d}' % (
    "false" if ranges else "true", sum(stop - start for start, stop in ranges), end, len(a), len(b)))
END
}

# ranges_are_right RAW_A RAW_B ARGUMENT...: --all --json reports the ranges in which the raw disks differ,
# whatever the number of threads, and without --all the first sector of the first one
ranges_are_right() {
    local want jobs first
    want=$(differing_sectors "$1" "$2") || return
    shift 2
    for jobs in 1 2 8; do
        run_qcow2_info compare --all --json --jobs $jobs "$@"
        assert_output "$want" || return
        assert_status $((${#lines[@]} > 1 ? 2 : 0)) || return
    done
    [[ ${#lines[@]} -gt 1 ]] || return 0
    first=${lines[0]%%,*}
    run_qcow2_info compare --json "$@"
    assert_status 2 || return
    assert_equal "${#lines[@]} ${lines[0]%%,*}" "2 $first" || return
    run_qcow2_info compare "$@"
    assert_output_contains "first difference:     at ${first#*:} " || return
}

# A disk of 4 MiB with every kind of cluster, and holes.
make_mixed() {
    make_image "$1" 4M "${2:-}" 'write -q -P 0x11 0 640k' 'write -q -c -P 0x22 1M 512k' 'write -q -z 2M 256k' \
        'write -q -P 0x33 3000k 100k'
}

# ---- The verdict ----------------------------------------------------------------------------------------

# Images that differ in everything but the bytes, or in a few bytes. The name of each group is what its disks
# hold.
make_group() {
    local c
    for c in 512 4096 65536 524288; do
        make_mixed "same.$c" cluster_size=$c || return
    done
    qemu-img convert -f qcow2 -O raw same.65536 same.raw &&
        qemu-img convert -c -f raw -O qcow2 -o compression_type=zlib same.raw same.zlib &&
        qemu-img convert -c -f raw -O qcow2 -o compression_type=zstd,cluster_size=16k same.raw same.zstd &&
        qemu-img convert -f raw -O qcow2 -o extended_l2=on,cluster_size=128k same.raw same.extended &&
        make_layer same.overlay 4M '' same.zlib qcow2 'write -q -P 0x11 64k 64k' 'write -q -z 3200k 64k' || return
    cp same.raw same.longer && truncate -s 5000k same.longer
    cp same.4096 other.byte && write_image other.byte 'write -q -P 0x12 3000k 1' || return
    cp same.raw other.end && printf x >>other.end
    head -c 3M same.raw >other.short
}

@test "compare: the verdict of qemu-img compare on pairs of a group of images" {
    local files a b
    make_group
    files=(same.* other.*)
    [[ ${#files[@]} -eq 13 ]] || fail "${files[*]}"
    for a in "${files[@]}"; do
        for b in same.raw same.zlib same.overlay other.*; do
            same_verdict "$a" "$b"
        done
    done
}

# COMPARE_ALL=1 takes every image of the matrix that is kept, not a sample; but not those with a data file, which
# QEMU looks for in the current folder, nor encrypted ones.
@test "compare: the verdict of qemu-img compare on pairs of images of the matrix" {
    local recipe images=() i j
    open_judge
    if [[ -n ${COMPARE_ALL:-} ]]; then
        mapfile -t images < <(printf '%s\n' "$JUDGED_BELOW"/*/image | grep -vE 'data_file|format=|cipher|far')
    else
        while read -r recipe; do
            # shellcheck disable=SC2086 # several words
            judged $recipe
            images+=("$kept/image")
        done <<'END'
make_overlay_image 4096 compat=1.1 plain short
make_overlay_image 4096 compat=1.1,compression_type=zstd compressed short
make_overlay_image 65536 compat=0.10 compressed chain
make_overlay_image 16384 compat=1.1,extended_l2=on compressed raw-short
make_filled_image 512 compat=1.1
make_filled_image 65536 compat=0.10
make_reserved_image 65536 compat=1.1,preallocation=metadata written
END
    fi
    [[ ${#images[@]} -ge 7 ]] || fail "${images[*]}"
    for ((i = 0; i < ${#images[@]}; i++)); do
        for ((j = i; j < ${#images[@]}; j++)); do
            same_verdict "${images[i]}" "${images[j]}"
        done
    done
}

@test "compare: a longer disk is the same when the rest reads as zeros, which is said" {
    make_mixed image
    qemu-img convert -f qcow2 -O raw image raw
    truncate -s 4097k raw
    run_qcow2_info compare image raw
    assert_status 0
    assert_output_contains 'longer disk:          B, by 1 KiB (1024 bytes) that read as zeros'
    run_qcow2_info compare raw image
    assert_output_contains 'longer disk:          A, by '
    printf x | dd of=raw bs=1 seek=$((4097 * K - 1)) conv=notrunc status=none
    run_qcow2_info compare image raw
    assert_status 2
    assert_output_contains "first difference:     at $((4097 * K - 512)) "
    run_qcow2_info compare --json image raw
    assert_equal "$(tail -n 1 <<<"$output" | jq -c '[.identical, .size_a, .size_b]')" '[false,4194304,4195328]'
}

@test "compare: --strict wants equal sizes and equal allocation" {
    make_mixed image
    cp image copy
    same_verdict image copy -s
    write_image copy 'write -q -z 3500k 64k'
    same_verdict image copy
    same_verdict image copy -s
    run_qcow2_info compare --strict image copy
    assert_status 2
    assert_output_contains "allocation differs:   at $((3456 * K)) "
    run_qcow2_info compare --strict --all --json image copy
    assert_equal "$(jq -c '[.identical, .differing_bytes, .compared_bytes, .allocation_difference]' <<<"$output")" \
        "[false,0,4194304,$((3456 * K))]"
    cp image longer
    qemu-img resize -q longer 5M
    same_verdict image longer
    same_verdict image longer -s
    run_qcow2_info compare --strict image longer
    assert_output_contains 'the disks differ in size'
    # A difference of bytes that comes first is the one that is reported, on any number of threads.
    write_image copy 'write -q -P 0x77 0 1'
    local jobs
    for jobs in 1 2 8; do
        run_qcow2_info compare --strict --json --jobs $jobs image copy
        assert_equal "$(tail -n 1 <<<"$output" | jq .allocation_difference)" null
    done
}

@test "compare: messages name the options of the side" {
    make_mixed image
    head -c 1000 image >odd.raw
    # QEMU adds zeros to a raw file of odd size, and leaves nothing out.
    run_qcow2_info compare odd.raw odd.raw --raw-a --raw-b
    assert_status 0
    assert_equal "${stderr-}" ''
    cp image cut
    truncate -s $(($(host_offset image 0) + 1000)) cut
    run_qcow2_info compare image cut
    assert_status 1
    assert_stderr_contains '--short-end-b reads the missing data'
    run_qcow2_info compare cut image
    assert_status 1
    assert_stderr_contains '--short-end-a reads the missing data'
}

@test "compare: disks without a byte, and disks of one byte" {
    qemu-img create -q -f qcow2 empty 0
    : >empty.raw
    run_qcow2_info compare empty empty.raw
    assert_status 0
    printf x >one
    run_qcow2_info compare --json one empty
    assert_status 2
    assert_equal "${lines[0]}" '{"start":0,"length":1}'
}

# ---- Ranges ---------------------------------------------------------------------------------------------

@test "compare: the ranges are where the raw bytes differ" {
    local c
    for c in 512 65536 524288; do
        make_mixed a cluster_size=$c
        cp a b
        write_image b 'write -q -P 0x44 0 512' 'write -q -P 0x44 1536 1' 'write -q -P 0x44 127k 2k' \
            'write -q -P 0x45 2M 512k' 'write -q -P 0 1M 64k' 'write -q -P 0x46 4194303 1'
        qemu-img convert -f qcow2 -O raw a raw.a
        qemu-img convert -f qcow2 -O raw b raw.b
        ranges_are_right raw.a raw.b a b
        ranges_are_right raw.b raw.a b a
        ranges_are_right raw.a raw.b raw.a b
    done
}

@test "compare: ranges of disks over a raw backing file that ends within a sector" {
    seq 200000 | head -c 100001 >base.a
    make_layer a 1M '' base.a raw 'write -q -P 0x11 300k 64k'
    cp base.a base.b && printf xyz >>base.b
    make_layer b 1100k '' base.b raw 'write -q -P 0x11 300k 64k' 'write -q -P 1 99000 1'
    qemu-img convert -f qcow2 -O raw a raw.a
    qemu-img convert -f qcow2 -O raw b raw.b
    ranges_are_right raw.a raw.b a b
}

@test "compare: random images, as their raw bytes" {
    local seed
    for seed in 1 2 3 4 5 6; do
        RANDOM=$seed
        make_random a && cp a b && change_random b && change_random b
        [[ $((seed % 2)) -eq 0 ]] || qemu-img convert -c -f qcow2 -O qcow2 b other
        [[ $((seed % 2)) -eq 0 ]] || mv other b
        qemu-img convert -f qcow2 -O raw a raw.a
        qemu-img convert -f qcow2 -O raw b raw.b
        ranges_are_right raw.a raw.b a b || fail "seed $seed"
    done
}

# make_random FILE, change_random FILE: as $RANDOM has it
make_random() {
    local sizes=(512 4096 16384 65536)
    rm -f "$1"
    qemu-img create -q -f qcow2 -o cluster_size="${sizes[RANDOM % 4]}" "$1" $((2048 + RANDOM % 512))k || return
    change_random "$1" && change_random "$1"
}

change_random() {
    local commands=() i at
    for ((i = 0; i < 6; i++)); do
        at=$((RANDOM % 1900))
        case $((RANDOM % 3)) in
        0) commands+=("write -q -P $((RANDOM % 3)) ${at}k $((1 + RANDOM % 100))k") ;;
        1) commands+=("write -q -z ${at}k $((1 + RANDOM % 100))k") ;;
        2) commands+=("write -q -P $((RANDOM % 256)) $((at * 1024 + RANDOM % 1024)) $((1 + RANDOM % 600))") ;;
        esac
    done
    qemu-io -t unsafe "${commands[@]/#/-c}" "$1" >/dev/null
}

# ---- Which disks ----------------------------------------------------------------------------------------

@test "compare: snapshots of one file" {
    make_mixed image
    qemu-img snapshot -c one image
    write_image image 'write -q -P 0x55 100k 1k' 'write -q -P 0x55 3900k 100k'
    qemu-img snapshot -c two image
    qemu-img convert -f qcow2 -O raw -l one image raw.one
    qemu-img convert -f qcow2 -O raw image raw.now
    ranges_are_right raw.one raw.now --snapshot-a one image image
    ranges_are_right raw.now raw.one --snapshot-b 1 image image
    ranges_are_right raw.now raw.now --snapshot-a two image image
    ranges_are_right raw.one raw.one --snapshot-a one --snapshot-b one image image
    run_qcow2_info compare --snapshot-b three image image
    assert_status 1
    assert_one_error image 'image B: there is no snapshot "three"'
    run_qcow2_info compare --snapshot-a one raw.now image
    assert_status 1
    assert_one_error raw.now 'image A: a raw file has no snapshots'
}

@test "compare: a file that begins like an image is an image, unless --raw-a or --raw-b is given" {
    make_mixed image
    cp image copy
    write_image copy 'write -q -P 0x66 0 1'
    ranges_are_right image copy --raw-a --raw-b image copy
    qemu-img convert -f qcow2 -O raw image raw
    ranges_are_right image raw --raw-a image raw
    printf 'KDMV%0600d' 0 >vmdk
    run_qcow2_info compare image vmdk
    assert_status 1
    assert_one_error vmdk 'image B: ' 'it looks like a VMDK disk; to read it as raw bytes, use --raw-b'
    run_qcow2_info compare vmdk --raw-a --raw-b vmdk
    assert_status 0
    run_qcow2_info compare --raw-a --snapshot-a 1 image image
    assert_status 64
}

@test "compare: one of them is a pipe" {
    make_mixed image
    qemu-img convert -f qcow2 -O raw image raw
    qcow2_info compare - image <raw
    qcow2_info compare - image < <(cat raw)
    qcow2_info compare raw - < <(cat image)
    run_qcow2_info compare - - <raw
    assert_status 64
    # The size of such a disk is unknown.
    run_qcow2_info compare - image < <(head -c 65M /dev/zero)
    assert_status 1
    assert_one_error - 'image A: a raw disk from a pipe'
}

@test "compare: layers and data files that the command line gives" {
    make_mixed base
    make_layer top 4M '' base qcow2 'write -q -P 0x71 512k 4k'
    qemu-img rebase -q -u -f qcow2 -F qcow2 -b /missing/base top
    run_qcow2_info compare top base
    assert_status 1
    assert_one_error top 'image A: ' '--backing-file-a FILE' '--no-backing-a'
    run_qcow2_info compare --backing-file-a base top base --json
    assert_status 2
    assert_equal "${lines[0]}" "{\"start\":$((512 * K)),\"length\":512}"
    run_qcow2_info compare base --backing-file-b base top --json
    assert_status 2
    qcow2_info compare --no-backing-a --no-backing-b top top
    mkdir outside && mv base outside
    make_layer top 4M '' "$PWD/outside/base" qcow2
    mkdir inside
    run_qcow2_info compare outside/base --confine-b inside top
    assert_status 1
    assert_one_error top 'image B: '
    qcow2_info compare outside/base --confine-b . top
    qemu-img create -q -f qcow2 -o data_file=data with-data 1M
    write_image with-data 'write -q -P 0x72 64k 64k'
    mv data moved
    run_qcow2_info compare with-data with-data --data-file-a moved
    assert_status 1
    assert_one_error with-data 'image B: ' '--data-file-b FILE'
    qcow2_info compare with-data with-data --data-file-a moved --data-file-b moved
    # The data file of a disk is that disk.
    qcow2_info compare --data-file-a moved with-data moved
}

@test "compare: encrypted disks" {
    qcow2_info --version | grep -q '^libgcrypt [0-9]' || skip 'machine: built without libgcrypt'
    make_luks_image one
    qemu_io_encrypted one 'write -q -P 0x81 0 300k'
    qemu_img_luks convert -O raw --image-opts driver=qcow2,file.filename=one,encrypt.key-secret=s raw
    qemu_img_luks convert -f raw -O qcow2 -o "$LUKS" raw two
    printf abc >key
    printf abd >wrong
    qcow2_info compare --key-file-a key one raw
    qcow2_info compare --key-file-a key --key-file-b key one two
    qcow2_info compare --key-file-a key one two --key-fd-b 7 7< <(cat key)
    run_qcow2_info compare --key-file-a key --key-file-b wrong one two
    assert_status 1
    assert_one_error two 'image B: '
    run_qcow2_info compare one raw
    assert_status 1
    assert_one_error one 'image A: ' '--key-file-a FILE'
    qemu_io_encrypted two 'write -q -P 0x82 200k 1k'
    run_qcow2_info compare --key-file-a key --key-file-b key one two --json
    assert_status 2
    assert_equal "${lines[0]}" "{\"start\":$((200 * K)),\"length\":512}"
}

@test "compare: two encrypted disks in one data file" {
    local disk
    qcow2_info --version | grep -q '^libgcrypt [0-9]' || skip 'machine: built without libgcrypt'
    printf abc >key
    for disk in one two; do
        qemu_img_luks create -q -f qcow2 -o "$LUKS,data_file=data,preallocation=metadata" $disk 1M
    done
    qemu_io_encrypted one 'write -q -P 0x81 0 1M'
    for disk in one two; do
        qemu_img_luks convert -O raw --image-opts driver=qcow2,file.filename=$disk,encrypt.key-secret=s $disk.raw
    done
    [[ $(sha256sum <one.raw) != "$(sha256sum <two.raw)" ]]
    run_qcow2_info compare --key-file-a key --key-file-b key one two
    assert_status 2
    qcow2_info compare --key-file-a key --key-file-b key one one
}

# ---- What is not read -----------------------------------------------------------------------------------

# Every byte of the data of a file is changed to what cannot be decoded: whatever reads it finds out.
@test "compare: data that both disks have in the same place is not read" {
    make_image base 1M '' 'write -q -c -P 0x11 0 512k'
    # Compressed data, of a type that cannot be: its first block is reserved in deflate.
    local at
    for ((at = 0; at < 512; at += 64)); do
        poke base "$(host_offset base $((at * K)))" ffffffffffff
    done
    run_qcow2_info cat base
    assert_status 1
    make_layer a 1M '' base qcow2 'write -q -P 0x22 700k 64k'
    make_layer b 1M '' base qcow2 'write -q -P 0x22 700k 64k'
    qcow2_info compare a b
    qcow2_info compare a base --all >got || [[ $? -eq 2 ]]
    grep -q "^ *$((700 * K)) *$((64 * K))$" got
    # The same in snapshots of one file, and with the same file under two names.
    qemu-img snapshot -c one base
    write_image base 'write -q -P 0x33 900k 64k'
    run_qcow2_info compare --snapshot-a one base base --json
    assert_status 2
    assert_equal "${lines[0]}" "{\"start\":$((900 * K)),\"length\":512}"
    ln base other
    qcow2_info compare base other
    cp base copy
    run_qcow2_info compare base copy
    assert_status 1
}

@test "compare: layers that both disks share are not even walked" {
    require_tool strace
    local one many
    qemu-img create -q -f qcow2 -o cluster_size=512 base 64M
    write_image base 'write -q -P 1 0 8M'
    make_layer a 64M '' base qcow2 'write -q -P 2 0 64k'
    make_layer b 64M '' base qcow2 'write -q -P 2 0 64k'
    strace -f -qq -e trace=pread64 -o reads "$QCOW2_INFO" compare --jobs 1 a b
    many=$(wc -l <reads)
    make_image empty 64M cluster_size=512
    make_layer a 64M '' empty qcow2 'write -q -P 2 0 64k'
    make_layer b 64M '' empty qcow2 'write -q -P 2 0 64k'
    strace -f -qq -e trace=pread64 -o reads "$QCOW2_INFO" compare --jobs 1 a b
    one=$(wc -l <reads)
    assert_equal "$many" "$one"
}

@test "compare: a disk that is shorter than the layer below leads to zeros there, not to that layer" {
    make_image base 1M '' 'write -q -P 0x11 0 1M'
    make_layer middle 512k '' base qcow2
    make_layer a 1M '' middle qcow2
    make_layer b 1M '' base qcow2
    qemu-img convert -f qcow2 -O raw a raw.a
    qemu-img convert -f qcow2 -O raw b raw.b
    ranges_are_right raw.a raw.b a b
}

# ---- Faults ---------------------------------------------------------------------------------------------

# fault_is_reported SIDE AT ARGUMENT...: with --all the ranges in front of the guest offset AT, then status 1
# and one line that names the side and the place
fault_is_reported() {
    local side=$1 at=$2 jobs
    shift 2
    for jobs in 1 2 8; do
        run_qcow2_info compare --json --all --jobs $jobs "$@"
        assert_status 1 || return
        assert_stderr_contains "image $side: " || return
        assert_stderr_contains "guest offset $at" || return
        assert_output "$(awk -v at="$at" -F '[:,}]' '/start/ && $2 < at' want)" || return
    done
}

@test "compare: a fault at any place names the side, whatever the number of threads" {
    local at broken
    make_image a 1M cluster_size=4k 'write -q -c -P 0x11 0 1M'
    make_image b 1M cluster_size=4k 'write -q -c -P 0x11 0 100k' 'write -q -c -P 0x12 100k 4k' \
        'write -q -c -P 0x11 104k 496k' 'write -q -c -P 0x12 600k 4k' 'write -q -c -P 0x11 604k 420k'
    qcow2_info compare --all --json a b >want || [[ $? -eq 2 ]]
    assert_equal "$(wc -l <want)" 3
    for at in 0 4 96 104 512 596 604 1020; do
        for broken in a b; do
            cp $broken broken
            # In the table, and in the data.
            if [[ $((at % 8)) -eq 0 ]]; then
                poke_l2_entry broken $((at * K)) $((COPIED | 1 << 40))
            else
                poke broken "$(host_offset broken $((at * K)))" ffffffffffff
            fi
            if [[ $broken == a ]]; then
                fault_is_reported A $((at * K)) broken b
            else
                fault_is_reported B $((at * K)) a broken
            fi
        done
    done
}

@test "compare: without --all, a difference in front of a fault is the answer, and behind it is not" {
    local jobs
    make_image a 1M '' 'write -q -P 0x11 0 1M'
    cp a b
    write_image b 'write -q -P 0x12 500k 1k'
    poke_l2_entry b $((576 * K)) $((COPIED | 1 << 40))
    for jobs in 1 2 8; do
        run_qcow2_info compare --jobs $jobs a b
        assert_status 2
        assert_output_contains "first difference:     at $((500 * K)) "
    done
    poke_l2_entry b $((384 * K)) $((COPIED | 1 << 40))
    for jobs in 1 2 8; do
        run_qcow2_info compare --jobs $jobs a b
        assert_status 1
        assert_output ''
        assert_one_error b 'image B: ' "guest offset $((384 * K))"
    done
}

@test "compare: a file that ends in the middle of its data" {
    make_image a 1M '' 'write -q -P 0x11 0 1M'
    cp a b
    truncate -s $(($(host_offset b $((512 * K))) + 1000)) b
    run_qcow2_info compare a b
    assert_status 1
    assert_one_error b 'image B: ' "guest offset $((512 * K + 1000))"
}

# ---- Options --------------------------------------------------------------------------------------------

@test "compare: text prints the ranges with --all, and the verdict" {
    make_image a 1M '' 'write -q -P 0x11 0 64k'
    cp a b
    write_image b 'write -q -P 0x12 0 1k' 'write -q -P 0x12 512k 1'
    run_qcow2_info compare --all a b
    assert_status 2
    assert_equal "${lines[0]}" '               start                length'
    assert_equal "${lines[1]}" '                   0                  1024'
    assert_equal "${lines[2]}" '              524288                   512'
    assert_equal "${lines[3]}" 'verdict:              the disks differ'
    assert_output_contains 'differing:            1.5 KiB (1536 bytes)'
    run_qcow2_info compare a a
    assert_status 0
    assert_equal "${lines[0]}" 'verdict:              the disks have the same contents'
}

@test "compare: two images are expected" {
    run_qcow2_info compare "$SAMPLE"
    assert_status 64
    assert_stderr_contains 'expected two images'
    run_qcow2_info compare "$SAMPLE" "$SAMPLE" third
    assert_status 64
    assert_stderr_contains 'and "third" is a third'
    run_qcow2_info compare "$SAMPLE" missing
    assert_status 1
    assert_one_error missing 'image B: cannot open'
}

@test "compare: progress" {
    make_image a 1M '' 'write -q -P 0x11 0 1M'
    cp a b
    run_qcow2_info compare --progress=json a b
    assert_status 0
    assert_equal "$(tail -n 1 <<<"${stderr-}")" '{"done":1048576,"total":1048576}'
}

@test "compare: a failed write of the output is status 1" {
    run_qcow2_info compare "$SAMPLE" "$SAMPLE"
    assert_status 0
    ! qcow2_info compare "$SAMPLE" "$SAMPLE" >/dev/full 2>stderr || fail 'status 0'
    grep -q 'cannot write' stderr
}
