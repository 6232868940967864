#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Encrypted images in a build that cannot read them: it says what it lacks, and does all the rest.
#
# For builds without libgcrypt.

load ../helpers/load
load ../helpers/encryption

# Both kinds, each with 128 KiB of data.
setup_file() {
    export IMAGES=$BATS_FILE_TMPDIR
    cd "$IMAGES" || return
    create_qcow2 -o "$LUKS" luks 1M
    create_qcow2 -o "$AES" aes 1M
    qemu_io_encrypted luks 'write -q -P 1 0 128k'
    qemu_io_encrypted aes 'write -q -P 1 0 128k'
}

setup() {
    enter_test || return
    cp "$IMAGES"/{luks,aes} .
    printf abc >key
}

@test "without libgcrypt: --version says so" {
    run_qcow2_info --version
    assert_output_contains 'libgcrypt not built in'
}

@test "without libgcrypt: digest names the missing library" {
    cp "$SAMPLE" image
    cannot digest image 'digests need libgcrypt, which was not built in'
}

@test "without libgcrypt: cat names the missing library, with and without a key" {
    local method
    for method in luks aes; do
        cannot cat --key-file key $method "$method: guest data is encrypted ($method): reading encrypted data needs libgcrypt, which was not built in"
        cannot cat $method 'needs libgcrypt'
        cannot cat --key-file key -o ours $method 'needs libgcrypt'
        [[ ! -e ours ]] || fail 'the output was made'
        cannot check --data --key-file key $method 'needs libgcrypt'
    done
    cannot info --check-key --key-file key luks 'needs libgcrypt'
}

@test "without libgcrypt: an encrypted backing file is named" {
    qemu-img create -q -u -f qcow2 -b luks -F qcow2 top 1M
    cannot cat --key-file key top 'top: backing file luks: guest data is encrypted (luks): reading encrypted data needs libgcrypt'
    qcow2_info cat --no-backing top >/dev/null
}

@test "without libgcrypt: info has all facts, and the problem" {
    local method
    for method in luks aes; do
        run_qcow2_info --json $method
        assert_status 0
        assert_equal "$(jq -c '[.readable, .problems[0].code, .problems[0].offset, (.problems | length), .encryption.method]' <<<"$output")" \
            "[false,\"unsupported-encryption\",32,1,\"$method\"]"
    done
    run_qcow2_info luks
    assert_output_contains '  cipher:             aes-256'
    assert_output_contains 'readable:             no: guest data is encrypted (luks): reading encrypted data needs libgcrypt'
}

@test "without libgcrypt: map and check need no key" {
    local method
    for method in luks aes; do
        maps_equal --no-offsets $method
        run_qcow2_info check --data $method
        assert_status 0
    done
}
