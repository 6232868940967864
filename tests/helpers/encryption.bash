# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Encrypted images; load ../helpers/load first, and helpers/matrix before this when both are. The
# passphrase is abc; QEMU knows it as the secret s, other ones as the secrets of add_passphrase.

LUKS=encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10
# shellcheck disable=SC2034 # for the tests
AES=encrypt.format=aes,encrypt.key-secret=s
SECRETS=(--object 'secret,id=s,data=abc')

# ---- Making images ------------------------------------------------------------------------------

# qemu_img_luks COMMAND ARGUMENT...: qemu-img COMMAND with the secrets
qemu_img_luks() {
    qemu-img "$1" "${SECRETS[@]}" "${@:2}"
}

# In the place of that of helpers/matrix.
create_qcow2() {
    qemu_img_luks create -q -f qcow2 "$@"
}

# make_luks_image FILE [OPTIONS]: a qcow2 image of 1 MiB; OPTIONS are more of qemu-img's -o
make_luks_image() {
    require_tool qemu-img
    create_qcow2 -o "$LUKS${2:+,$2}" "$1" 1M
}

# make_cipher_image NAME MODE IV HASH: a recipe, see helpers/judge: a disk that ends within a cluster. IV may
# have a hash behind a colon.
make_cipher_image() {
    local options=encrypt.cipher-alg=$1,encrypt.cipher-mode=$2,encrypt.hash-alg=$4
    options+=,encrypt.ivgen-alg=${3%:*}
    [[ $3 != *:* ]] || options+=,encrypt.ivgen-hash-alg=${3#*:}
    create_qcow2 -o "cluster_size=4k,$LUKS,$options" image 90k &&
        qemu_io_encrypted image 'write -q -P 0x11 0 9k' 'write -q -P 0x22 40k 20k' 'write -q -P 0x33 87k 3k'
}

# add_passphrase SECRET TEXT: one more for qemu-img and qemu-io
add_passphrase() {
    SECRETS+=(--object "secret,id=$1,data=$2")
}

# luks_header FILE: prints where the LUKS header is
luks_header() {
    local at=112 type
    [[ $(field "$1" version) == 3 ]] || at=72
    while type=$(peek "$1" "$at" 4) && [[ $type != 0537be77 ]]; do
        [[ $type && $type != 00000000 ]] || fail "$1 has no pointer to a LUKS header" || return
        at=$((at + 8 + ($(peek_be32 "$1" $((at + 4))) + 7) / 8 * 8))
    done
    peek_be64 "$1" $((at + 8))
}

# ---- Opening images -----------------------------------------------------------------------------

# More options for QEMU, about the layers below: "backing.encrypt.key-secret=s".
QEMU_BACKING=''

# In the place of that of helpers/load: IMAGE may be encrypted, with the passphrase abc, or that of $SECRET
# for QEMU.
qemu_opens() {
    qemu_image=("${SECRETS[@]}" --image-opts
        "driver=qcow2,file.filename=$1$(encrypt_option "$1")${QEMU_BACKING:+,$QEMU_BACKING}")
    our_key=(--key-file "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/.passphrase")
    printf abc >"${our_key[1]}"
}

encrypt_option() {
    [[ $(field "$1" crypt_method) == 0 ]] || printf ',encrypt.key-secret=%s' "${SECRET:-s}"
}

# qemu_io_encrypted FILE COMMAND...: qemu-io on a qcow2 image with the secrets
qemu_io_encrypted() {
    local file=$1 arguments=() command qemu_image our_key
    shift
    for command in "$@"; do
        arguments+=(-c "$command")
    done
    qemu_opens "$file" || return
    if ! timeout -k 5 "$PROGRAM_SECONDS" qemu-io -t unsafe "${arguments[@]}" "${qemu_image[@]}" \
        >qemu-io.log 2>&1 || [[ -s qemu-io.log ]]; then
        fail "qemu-io $file: $(cat qemu-io.log)"
    fi
}

# qemu_convert FILE OUTPUT [OPTION]...: what QEMU reads
qemu_convert() {
    local qemu_image our_key
    qemu_opens "$1" || return
    timeout -k 5 "$PROGRAM_SECONDS" qemu-img convert "${@:3}" "${qemu_image[@]}" -O raw "$2"
}

# decrypts_equal IMAGE [OPTION]...: cat, into a pipe and into a file, gives what QEMU reads; OPTIONS
# are cat's key options, by default the passphrase abc
decrypts_equal() {
    local image=$1 qemu_image our_key statuses
    shift
    qemu_opens "$image" || return
    [[ $# -eq 0 ]] || our_key=("$@")
    qemu_convert "$image" theirs || return
    qcow2_info cat "${our_key[@]}" "$image" | cmp - theirs && statuses=("${PIPESTATUS[@]}") ||
        fail "cat ${our_key[*]} $image: not the bytes that QEMU reads" || return
    [[ ${statuses[0]} -eq 0 ]] || fail "cat $image: status ${statuses[0]}" || return
    qcow2_info cat "${our_key[@]}" -o ours "$image" || fail "cat -o: status $?" || return
    cmp ours theirs || fail "cat ${our_key[*]} -o $image: not the bytes that QEMU reads"
}

# cannot OPTION... WORDS: the program, without a terminal, fails with status 1, prints nothing, and has
# these words on standard error
cannot() {
    run --separate-stderr setsid -w timeout -k 5 "$PROGRAM_SECONDS" "$QCOW2_INFO" "${@:1:$#-1}"
    assert_status 1
    assert_output ''
    assert_stderr_contains "${!#}"
    [[ $(wc -l <<<"${stderr-}") -eq 1 ]] || fail 'more than one line' "$(show_run)"
}

# For setup_file of tests that are for builds with libgcrypt.
require_libgcrypt() {
    qcow2_info --version | grep -q '^libgcrypt [0-9]' || fail 'these tests are for builds with libgcrypt'
}
