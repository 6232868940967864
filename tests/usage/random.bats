#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# 300 random images damaged at random places, always the same ones: usage counts each byte of the file
# once, and `where --host` of a few clusters ends by itself. Fresh ones: WHAT=usage N=5000
# tests/random/damage.

# Without sanitizers: the recipes run QEMU for a long time.

load ../helpers/load

# adds_up FIRST: 100 seeds
adds_up() {
    require_tool qemu-img qemu-io jq
    WHAT=usage N=100 SEED=$1 JOBS=1 TMPDIR=$PWD BUILD=$TOP/build "$TOP/tests/random/damage"
}

@test "damage: usage counts each byte once: seeds 200 to 299" { adds_up 200; }
@test "damage: usage counts each byte once: seeds 300 to 399" { adds_up 300; }
@test "damage: usage counts each byte once: seeds 400 to 499" { adds_up 400; }
