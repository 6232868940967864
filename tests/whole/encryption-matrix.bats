#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Every kind of encrypted image that qemu-img makes: each command agrees with qemu-img, as in matrix.bats.
#
# For builds with libgcrypt.

# Without sanitizers: the ciphers are those of the library, and encryption.bats uses them.

load ../helpers/load
load ../helpers/matrix
load ../helpers/encryption
load ../helpers/judge

setup_file() {
    require_libgcrypt
    open_judge
}

# ---- Ciphers ------------------------------------------------------------------------------------

# cipher_decrypts NAME MODE IV HASH: IV may have a hash behind a colon. A build without nettle has no twofish
# with 192 bits, and says so.
cipher_decrypts() {
    local kept
    judged make_cipher_image "$@" encrypt.format=luks || return
    if [[ $1 == twofish-192 ]] && qcow2_info --version | grep -qx 'nettle not built in'; then
        printf abc >key
        cannot cat --key-file key "$kept/image" 'cipher "twofish" with keys of 192 bits is not supported'
        return
    fi
    cat_is_judged 4096 encrypt.format=luks || fail "cipher $*"
}

# ciphers_decrypt: of each line of standard input
ciphers_decrypt() {
    local name mode iv hash
    while read -r name mode iv hash; do
        cipher_decrypts "$name" "$mode" "$iv" "$hash" </dev/null || return
    done
}

# all_modes NAME: of a cipher that has keys of 128, 192 and 256 bits: each size with each mode, each mode
# with each generator, and every hash. qemu-img 7.2 makes images with 192 bits in mode xts only. For essiv
# the hash has to be as long as some key of the cipher: md5 has 128 bits, and sha256 has 256.
all_modes() {
    sed "s/^/$1-/" <<'END' | ciphers_decrypt
128 ecb plain64 sha1
256 ecb essiv:sha256 sha224
128 cbc plain sha256
128 cbc essiv:md5 sha512
128 cbc essiv:sha256 sha256
256 cbc plain64 sha384
256 cbc essiv:sha256 sha1
256 cbc essiv:md5 sha1
128 ctr plain64 ripemd160
256 ctr plain md5
256 ctr essiv:sha256 sha256
128 xts essiv:md5 sha224
128 xts plain sha1
128 xts plain64 sha256
192 xts plain64 sha512
192 xts plain sha256
192 xts essiv:sha256 sha256
256 xts plain sha384
256 xts plain64 sha256
256 xts plain64:sha512 ripemd160
256 xts essiv:sha256 sha512
END
}

@test "encryption: aes in every mode" {
    all_modes aes
}

@test "encryption: serpent in every mode" {
    all_modes serpent
}

@test "encryption: twofish in every mode" {
    all_modes twofish
}

@test "encryption: cast5 in every mode" {
    ciphers_decrypt <<'END'
cast5-128 ecb plain sha1
cast5-128 ecb plain64 sha224
cast5-128 cbc plain sha256
cast5-128 cbc plain64 sha512
cast5-128 ctr plain md5
cast5-128 ctr plain64 ripemd160
cast5-128 cbc essiv:md5 sha1
cast5-128 ctr essiv:md5 sha256
END
}

@test "encryption: every hash for the largest key" {
    local hash
    for hash in md5 sha1 sha224 sha256 sha384 sha512 ripemd160; do
        cipher_decrypts aes-256 xts plain64 $hash
    done
}

# ---- Images -------------------------------------------------------------------------------------

@test "encryption: LUKS, every cluster size" { agree all overlay "$LUKS" compressed none; }
@test "encryption: LUKS, compat 0.10" { agree third1 overlay "$LUKS,compat=0.10" compressed none; }
@test "encryption: LUKS, extended L2 entries" { agree all overlay "$LUKS,extended_l2=on" compressed none; }
@test "encryption: LUKS, extended L2 entries on a longer backing file" { agree third2 overlay "$LUKS,extended_l2=on" compressed long; }
@test "encryption: LUKS on a plain qcow2 backing file" { agree third1 overlay "$LUKS" compressed equal; }
@test "encryption: LUKS on a raw backing file that is no whole number of sectors" { agree third3 overlay "$LUKS" compressed raw-short; }
@test "encryption: LUKS on a raw backing file that ends in a cluster" { agree third2 overlay "$LUKS" compressed raw-sectors; }
@test "encryption: AES, every cluster size" { agree all overlay "$AES" compressed none; }
@test "encryption: AES, compat 0.10" { agree third1 overlay "$AES,compat=0.10" compressed none; }
@test "encryption: AES, extended L2 entries, every cluster size" { agree all overlay "$AES,extended_l2=on" compressed equal; }
@test "encryption: AES on a plain chain" { agree third1 overlay "$AES" compressed chain; }

# make_chain C TOP MIDDLE BASE: three layers of which each has these options
make_chain() {
    local c=$1
    rm -f base middle top
    create_qcow2 -o "cluster_size=$(other_cluster_size "$c"),$4" base $((20 * c + 512)) &&
        write_base qcow2 base "$c" $((20 * c + 512)) &&
        create_qcow2 -u -b base -F qcow2 -o "cluster_size=$c,$3" middle $((22 * c)) &&
        QEMU_BACKING=$(backing_key base) qemu_io_encrypted middle "write -q -P 0x61 $((2 * c)) $c" \
            "write -q -P 0x62 $((6 * c + 512)) 512" "write -q -z $((12 * c)) $c" &&
        create_qcow2 -u -b middle -F qcow2 -o "cluster_size=$c,$2" top $((24 * c)) &&
        QEMU_BACKING=$(backing_key middle base) qemu_io_encrypted top "write -q -P 0x63 $((4 * c)) $c" \
            "write -q -P 0x64 $((21 * c)) 512"
}

# backing_key FILE...: the options of QEMU for these layers
backing_key() {
    local prefix=backing file options=''
    for file; do
        [[ $(field "$file" crypt_method) == 0 ]] || options+=,$prefix.encrypt.key-secret=s
        prefix+=.backing
    done
    echo "${options#,}"
}

@test "encryption: chains of encrypted and plain layers" {
    local c layers
    for c in 512 65536; do
        for layers in "$LUKS $LUKS $LUKS" "$LUKS compat=1.1 $AES" "compat=1.1 $AES $LUKS" "$AES $LUKS compat=1.1"; do
            export QEMU_BACKING=''
            # shellcheck disable=SC2086 # three of them
            make_chain "$c" $layers || fail "clusters of $c, $layers: cannot be made"
            QEMU_BACKING=$(backing_key middle base)
            decrypts_equal top || fail "clusters of $c, $layers"
        done
    done
}

@test "encryption: snapshots, of images whose clusters have moved since" {
    local format c snapshot kept qemu_image=() our_key=()
    for format in "$LUKS" "$AES" "$LUKS,extended_l2=on"; do
        for c in 512 65536; do
            [[ $c -ge 16384 || $format != *extended_l2* ]] || continue
            rm -f disk image
            make_base "$c" equal
            create_qcow2 -o "cluster_size=$c,$format" -b disk -F qcow2 image "$(disk_size "$c")"
            kept make_text
            write_overlay image "$c" compressed
            qemu_opens image
            qemu-img snapshot -q -c before "${qemu_image[@]}"
            qemu_io_encrypted image "write -q -P 0x71 $c $((3 * c))" "write -q -P 0x72 $((9 * c)) 512" \
                "discard -q $((5 * c)) $c"
            qemu-img snapshot -q -c after "${qemu_image[@]}"
            qemu_io_encrypted image "write -q -P 0x73 $((2 * c)) $c"
            decrypts_equal image
            for snapshot in before after; do
                qemu_convert image theirs -l "$snapshot"
                qcow2_info cat "${our_key[@]}" --snapshot $snapshot image | cmp - theirs ||
                    fail "clusters of $c, $format: snapshot $snapshot"
            done
        done
    done
}

@test "encryption: VM states" {
    local options at qemu_image=() our_key=()
    for options in "$LUKS" "$AES" "$LUKS,compat=0.10" "$AES,cluster_size=512"; do
        seq -f 'VM state line %6.0f' 2000 >text
        rm -f image
        create_qcow2 -o "$options" image 3M
        qemu_io_encrypted image 'write -q -P 0x11 0 64k' 'write -q -b -s text 0 24k'
        qemu_opens image
        qemu-img snapshot -q -c s "${qemu_image[@]}"
        qemu_io_encrypted image 'write -q -P 0x22 0 64k' 'write -q -b -P 0x33 0 24k'
        at=$(field image snapshots_offset)
        poke_be64 image $((at + 40)) 24000 # extra data begin with the size
        qcow2_info cat --key-file <(printf abc) --vm-state --snapshot s image | cmp - <(head -c 24000 text) ||
            fail "$options"
    done
}

@test "encryption: external data files, also raw ones" {
    local c format raw
    for format in "$LUKS" "$AES"; do
        for raw in on off; do
            for c in 512 65536; do
                [[ $format == "$AES" || $c$raw == 512on || $c$raw == 65536off ]] || continue
                rm -f image data
                create_qcow2 -o "cluster_size=$c,$format,data_file=data,data_file_raw=$raw" image $((24 * c))
                qemu_io_encrypted image "write -q -P 0x41 $c $((3 * c))" "write -q -P 0x42 $((20 * c)) 512"
                decrypts_equal image || fail "$format, raw $raw, clusters of $c"
            done
        done
    done
}

@test "encryption: preallocated clusters are not zeros, as in QEMU" {
    local format
    for format in "$LUKS" "$AES"; do
        rm -f image
        create_qcow2 -o "$format,preallocation=metadata" image 1M
        decrypts_equal image
        ! cmp -s ours <(head -c 1M /dev/zero) || fail 'zeros'
        maps_equal --no-offsets image
    done
}

@test "encryption: places far beyond 4 GiB, where the vectors of plain begin again" {
    local iv qemu_image=() our_key=()
    truncate -s 3T data
    for iv in plain plain64; do
        create_qcow2 -o "cluster_size=2M,data_file=data,$LUKS,encrypt.cipher-alg=aes-256,encrypt.ivgen-alg=$iv" \
            image 3T
        qemu_io_encrypted image 'write -q -P 0x51 2T 2M' 'write -q -P 0x52 0 2M'
        qemu_opens image
        qemu-io "${qemu_image[@]}" -c 'read -q -P 0x51 2T 2M'
        qcow2_info cat "${our_key[@]}" --offset 2T --length 2M image | cmp - <(head -c 2M /dev/zero | tr '\0' '\121') ||
            fail "vectors of $iv"
        rm -f image
    done
}

@test "encryption: parts of a sector" {
    local offset length
    create_qcow2 -o "cluster_size=512,$LUKS" image 64k
    head -c 64k /dev/urandom >noise
    qemu_io_encrypted image 'write -q -s noise 0 64k'
    printf abc >key
    for offset in 0 1 511 512 513 1000; do
        for length in 1 2 511 512 513 1023 1024 1025 3000; do
            qcow2_info cat --key-file key --offset $offset --length $length image |
                cmp - <(tail -c +$((offset + 1)) noise | head -c $length) || fail "$length bytes at $offset"
        done
    done
}

@test "encryption: parts of a sector at the ends of a long range" {
    local offset
    create_qcow2 -o "$LUKS" image 4M
    head -c 3M /dev/urandom >noise
    qemu_io_encrypted image 'write -q -s noise 0 3M'
    printf abc >key
    for offset in 1 513 65535; do
        tail -c +$((offset + 1)) noise | head -c $((3 * 1024 * 1024 - offset - 700)) >part
        set -- --key-file key --offset $offset --length "$(stat -c %s part)"
        qcow2_info cat "$@" image | cmp - part || fail "from $offset, into a pipe"
        qcow2_info cat "$@" -o ours image
        cmp ours part || fail "from $offset, into a file"
    done
}

@test "encryption: a disk that ends within a sector has its last bytes" {
    make_luks_image image
    head -c 1M /dev/urandom >noise
    qemu_io_encrypted image 'write -q -s noise 0 1M'
    poke_field image size $((1000 * 1000 + 1))
    printf abc >key
    qcow2_info cat --key-file key image | cmp - <(head -c 1000001 noise)
    qcow2_info cat --key-file key -o ours image
    cmp ours <(head -c 1000001 noise)
}

@test "encryption: any number of threads and any way to write give the same bytes" {
    local jobs sparse
    create_qcow2 -o "$LUKS" image 20M
    head -c 9M /dev/urandom >noise
    qemu_io_encrypted image 'write -q -s noise 1M 9M' 'write -q -P 0 12M 2M'
    qemu_convert image theirs
    printf abc >key
    for jobs in 1 2 3 16; do
        qcow2_info cat --key-file key --jobs $jobs image | cmp - theirs
        for sparse in auto always never; do
            qcow2_info cat --key-file key --jobs $jobs --sparse $sparse -o ours image
            cmp ours theirs || fail "$jobs threads, sparse $sparse"
        done
    done
    # Zeros that were encrypted are zeros again.
    qcow2_info cat --key-file key --sparse always -o ours image
    [[ $(du -k ours | cut -f 1) -lt $((10 * 1024)) ]] || fail 'no holes'
}
