#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# qcow2-info digest: block digests and flat ones against Python's hashlib over the raw bytes that qemu-img reads,
# lists and their verification, and what cannot be read.

# Without sanitizers: `make fuzz` runs digest with them.

# For builds with libgcrypt.

load ../helpers/load
load ../helpers/tables
load ../helpers/matrix
load ../helpers/judge
load ../helpers/encryption

setup_file() {
    require_tool python3 || return
    # The judge: prints the block digest and the SHA-256 of [OFFSET, OFFSET + LENGTH) of a raw disk.
    cat >"$BATS_FILE_TMPDIR/judge.py" <<'END'
import hashlib, sys
for argument in sys.argv[1:]:
    name, _, span = argument.partition("@")
    data = open(name, "rb").read()
    if span:
        offset, length = map(int, span.split("+"))
        data = data[offset:offset + length]
    root = hashlib.sha256()
    for at in range(0, len(data), 65536):
        root.update(hashlib.sha256(data[at:at + 65536]).digest())
    root.update(len(data).to_bytes(8, "little"))
    print(root.hexdigest(), hashlib.sha256(data).hexdigest())
END
}

# judge RAW[@OFFSET+LENGTH]: sets $blocks and $flat
judge() {
    read -r blocks flat < <(python3 "$BATS_FILE_TMPDIR/judge.py" "$1")
    [[ ${#blocks} -eq 64 && ${#flat} -eq 64 ]]
}

# is_judged RAW[@OFFSET+LENGTH] IMAGE [OPTION...]: both digests of the image, on any number of threads
is_judged() {
    local blocks flat jobs
    judge "$1" || return
    for jobs in 1 2 8; do
        assert_equal "$jobs $(qcow2_info digest --jobs $jobs "${@:2}")" "$jobs $blocks  $2" || return
    done
    assert_equal "$(qcow2_info digest --flat "${@:2}")" "$flat  $2"
}

# ---- Digests ---------------------------------------------------------------------------------------------

# As blksum 0.11.0 prints them.
@test "digest: no bytes, and 1 TiB of zeros" {
    : >empty
    qemu-img create -q -f qcow2 empty.qcow2 0
    qemu-img create -q -f qcow2 long.qcow2 1T
    run_qcow2_info digest empty.qcow2 long.qcow2
    assert_status 0
    assert_output "$(printf '%s  %s\n' \
        af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc empty.qcow2 \
        e3918f867fb182a40237a7b7e30ba90dbd78defcf6ac1c502bff489670e79f85 long.qcow2)"
    is_judged empty empty.qcow2
    truncate -s 9M nine
    qemu-img create -q -f qcow2 nine.qcow2 9M
    is_judged nine nine.qcow2
}

@test "digest: every kind of cluster, whatever the format" {
    local c
    for c in 512 4096 65536 524288; do
        make_image image 4M cluster_size=$c 'write -q -P 0x11 0 640k' 'write -q -c -P 0x22 1M 512k' 'write -q -z 2M 256k' \
            'write -q -P 0x33 3000k 100k' 'write -q -P 0 3500k 100k'
        [[ -e raw ]] || qemu-img convert -f qcow2 -O raw image raw
        is_judged raw image
    done
    qemu-img convert -c -f raw -O qcow2 -o cluster_size=2M raw large
    is_judged raw large
    qemu-img convert -f raw -O qcow2 -o extended_l2=on,cluster_size=128k raw extended
    is_judged raw extended
}

# A block in more extents than a worker takes at once is hashed in order.
@test "digest: blocks that lie in many places" {
    local commands=() at
    for ((at = 0; at < 192; at += 2)); do
        commands+=("write -q -P $((at + 1)) $((at * 512)) 512")
    done
    make_new_image image 300k cluster_size=512 "${commands[@]}" 'write -q -P 0x77 200k 70k'
    qemu-img convert -f qcow2 -O raw image raw
    is_judged raw image
    make_layer over 300k cluster_size=512 image qcow2 'write -q -P 0x66 512 512' 'write -q -P 0x66 66k 512'
    qemu-img convert -f qcow2 -O raw over raw
    is_judged raw over
}

@test "digest: ranges, which begin anywhere" {
    make_image image 2M '' 'write -q -P 0x11 0 300k' 'write -q -c -P 0x22 512k 256k' 'write -q -P 0x33 1500k 100k'
    qemu-img convert -f qcow2 -O raw image raw
    local range
    for range in 0+1 1+65536 1000+70000 65536+65537 100000+1900000 300000+700000 2097151+1; do
        is_judged "raw@$range" image --offset "${range%+*}" --length "${range#*+}"
    done
}

@test "digest: disks of odd sizes, over a raw backing file of another one" {
    local size
    seq 100000 | head -c 100001 >base
    # QEMU makes a disk of whole sectors.
    make_layer image 256k cluster_size=4k base raw
    for size in 1 511 513 65535 65536 65537 200001; do
        poke_field image size $size
        head -c $size base >raw && truncate -s $size raw
        is_judged raw image
    done
}

@test "digest: images of the matrix" {
    local recipe blocks flat kept
    open_judge
    while read -r recipe; do
        # shellcheck disable=SC2086 # several words
        judged $recipe
        qemu-img convert -t unsafe -f qcow2 -O raw "$kept/image" raw
        judge raw
        assert_equal "$(qcow2_info digest "$kept/image")" "$blocks  $kept/image"
        assert_equal "$(qcow2_info digest --flat "$kept/image")" "$flat  $kept/image"
    done <<'END'
make_overlay_image 512 compat=1.1 plain short
make_overlay_image 4096 compat=1.1,compression_type=zstd compressed short
make_overlay_image 65536 compat=0.10 compressed chain
make_overlay_image 16384 compat=1.1,extended_l2=on compressed raw-short
make_filled_image 512 compat=1.1
make_filled_image 2097152 compat=1.1
make_reserved_image 65536 compat=1.1,preallocation=metadata written
END
}

@test "digest: a snapshot, and an encrypted disk" {
    make_image image 1M '' 'write -q -P 0x11 0 300k'
    qemu-img convert -f qcow2 -O raw image raw
    qemu-img snapshot -c one image
    write_image image 'write -q -P 0x22 100k 100k'
    is_judged raw image --snapshot one
    make_luks_image secret
    qemu_io_encrypted secret 'write -q -P 0x33 0 100k'
    qemu_img_luks convert -O raw --image-opts driver=qcow2,file.filename=secret,encrypt.key-secret=s raw
    printf abc >key
    is_judged raw secret --key-file key
    run_qcow2_info digest secret
    assert_status 1
    assert_output ''
    assert_one_error secret '--key-file'
}

# ---- Lists -----------------------------------------------------------------------------------------------

@test "digest: several disks, as JSON, and a disk that cannot be opened" {
    cp "$SAMPLE" a
    cp "$SAMPLE" b
    run_qcow2_info digest a missing b
    assert_status 1
    assert_equal "${#lines[@]} ${lines[0]%% *}" "2 ${lines[1]%% *}"
    assert_equal "${lines[0]##* }${lines[1]##* }" ab
    assert_one_error missing 'cannot open'
    run_qcow2_info digest --json a b
    assert_status 0
    assert_equal "$(jq -c '[.filename, .algorithm, .size, (.digest | length)]' <<<"$output")" \
        "$(printf '["a","blkhash-sha256",67108864,64]\n["b","blkhash-sha256",67108864,64]')"
    run_qcow2_info digest --json --flat --length 100 a
    assert_equal "$(jq -c '[.algorithm, .size, .digest]' <<<"$output")" \
        "[\"sha256\",100,\"$(qcow2_info cat --length 100 a | sha256sum | cut -d ' ' -f 1)\"]"
}

@test "digest: --check verifies a list" {
    cp "$SAMPLE" a
    make_image b 1M '' 'write -q -P 0x11 0 300k'
    qcow2_info digest a b >list
    run_qcow2_info digest --check list
    assert_status 0
    assert_output $'a: OK\nb: OK'
    run_qcow2_info digest --check - <list
    assert_status 0
    # The same disk in another format.
    qemu-img convert -c -f qcow2 -O qcow2 b other && mv other b
    run_qcow2_info digest --check list
    assert_status 0
    write_image a 'write -q -P 0x55 1M 512'
    run_qcow2_info digest --check list
    assert_status 2
    assert_output $'a: FAILED\nb: OK'
    assert_one_error list '1 of 2 digests do not match'
    run_qcow2_info digest --check list --json
    assert_equal "$(jq -c . <<<"$output")" "$(printf '{"filename":"a","result":"differs"}\n{"filename":"b","result":"matches"}')"
    run_qcow2_info digest --flat --check list
    assert_one_error list '2 of 2 digests do not match; --flat and disk options must be those that the list was made with'
    rm b
    run_qcow2_info digest --check list
    assert_status 1
    assert_output $'a: FAILED\nb: FAILED open or read'
    # sha256sum's own lists, of a raw disk in an image.
    qemu-img convert -f qcow2 -O raw a raw
    sha256sum --binary raw | sed 's/raw$/a/' >flat
    run_qcow2_info digest --flat --check flat
    assert_status 0
}

@test "digest: names that a line cannot hold are escaped, and found again" {
    local names=($'a\nb' 'a\b' $'a\eb' $'a\rb' 'a  b' ' a' $'a\xffb' $'a\u200eb' $'a\u202eb' 'ü b' 'plain name') name
    for name in "${names[@]}"; do
        cp "$SAMPLE" "$name"
    done
    run_qcow2_info digest "${names[@]}"
    assert_status 0
    assert_equal ${#lines[@]} ${#names[@]}
    [[ $output != *$'\e'* && $output != *$'\u202e'* ]] || fail "$output"
    cp "$SAMPLE" "${names[0]}"
    # As sha256sum has them, where it escapes.
    assert_equal "$(cut -c 66- <<<"${lines[0]}") $(cut -c 66- <<<"${lines[1]}")" '  a\nb   a\\b'
    assert_equal "$(cut -c 65- <<<"${lines[10]}")" '  plain name'
    printf '%s\n' "$output" >list
    run_qcow2_info digest --check list
    assert_status 0
    assert_equal "$(grep -c ': OK$' <<<"$output")" ${#names[@]}
}

@test "digest: a file that is not a list is refused, with the line" {
    local hex line
    cp "$SAMPLE" a
    qcow2_info digest a >good
    read -r hex _ <good
    for line in '' x "$hex" "$hex a" "${hex%?}  a" "${hex%?}g  a" "\\$hex  a\\q" "\\$hex  a\\x0" "\\$hex  a\\x00" "\\$hex  \\u{110000}" "\\$hex  a\\"; do
        { cat good && printf '%s\n' "$line"; } >list
        run_qcow2_info digest --check list
        assert_status 1
        assert_output ''
        assert_one_error list 'line 2 is not a digest and a name'
    done
    : >list
    run_qcow2_info digest --check list
    assert_status 1
    assert_one_error list 'the list is empty'
    head -c 2M /dev/zero >list
    run_qcow2_info digest --check list
    assert_status 1
    run_qcow2_info digest --check good a
    assert_status 64
    assert_stderr_contains '"a" is one too many'
    run_qcow2_info digest --check missing
    assert_status 1
}

# ---- What cannot be read ---------------------------------------------------------------------------------

@test "digest: a fault at any place is an error, whatever the number of threads" {
    local at jobs
    make_image image 1M '' 'write -q -P 0x11 0 512k' 'write -q -c -P 0x22 512k 512k'
    for at in 0 64 448 512 960; do
        cp image broken
        if [[ $at -lt 512 ]]; then
            poke_l2_entry broken $((at * 1024)) $((COPIED | 1 << 40))
        else
            poke broken "$(host_offset broken $((at * 1024)))" ffffffffffff
        fi
        for jobs in 1 2 8; do
            run_qcow2_info digest --jobs $jobs image broken image
            assert_status 1
            assert_equal "${#lines[@]}" 2
            assert_one_error broken "guest offset $((at * 1024))"
        done
    done
}

@test "digest: from a pipe, progress, and an output that is full" {
    run_qcow2_info digest --progress=json <"$SAMPLE"
    assert_status 0
    assert_equal "$(tail -n 1 <<<"${stderr-}")" '{"done":67108864,"total":67108864}'
    assert_equal "$output" "$(qcow2_info digest - < <(cat "$SAMPLE"))"
    run_qcow2_info digest - - <"$SAMPLE"
    assert_status 64
    ! qcow2_info digest "$SAMPLE" >/dev/full 2>stderr || fail 'status 0'
    grep -q 'cannot write' stderr
}
