# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# An image of 1 MiB, called image, that QEMU has open meanwhile; load ../helpers/load first. Who uses it
# has a teardown that calls release.

# hold [OPTION...]: qemu-io keeps image open until release. It has it open once it answers.
hold() {
    mkfifo commands
    qemu-io "$@" -f qcow2 image <commands >answers 2>&1 3>&- &
    holder=$!
    exec 9>commands
    echo length >&9
    until grep -q '1 MiB' answers; do
        kill -0 "$holder" || fail "qemu-io does not answer: $(<answers)" || return
        sleep 0.05
    done
}

release() {
    [[ -n ${holder:-} ]] || return 0
    echo quit >&9 || true
    exec 9>&-
    wait "$holder" || true
    holder=
}
