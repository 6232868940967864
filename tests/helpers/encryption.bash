# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Encrypted images; load helpers/load first. The passphrase is abc.

# qemu_img_luks ARGUMENT...: qemu-img create with the secret s. It measures how fast the machine
# derives keys, and fails now and then on a busy one.
qemu_img_luks() {
    local try
    for try in 1 2 3 4 5 6 7 8; do
        qemu-img create -q --object secret,id=s,data=abc "$@" 2>luks.err && return
        grep -q 'CPU usage' luks.err || break
        sleep "$try"
    done
    fail "qemu-img create $*: $(cat luks.err)"
}

# make_luks_image FILE [OPTIONS]: a qcow2 image of 1 MiB; OPTIONS are more of qemu-img's -o
make_luks_image() {
    require_tool qemu-img
    qemu_img_luks -f qcow2 \
        -o "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10${2:+,$2}" "$1" 1M
}
