#!/bin/sh
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Shows qcow2-info (from PATH) on the sample image: each command, then what it prints.

set -eu

cd "$(dirname "$0")/../.."
image=tests/sample/sample.qcow2

show() {
    printf '\n$ %s\n' "$1"
    sh -c "$1"
}

show "qcow2-info $image"
show "qcow2-info map $image"
show "qcow2-info cat --length 437 $image"
show "qcow2-info cat $image | sha256sum -c tests/sample/sample.sha256"
