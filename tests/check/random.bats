#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Random images damaged at random places, always the same ones: check agrees with qemu-img check, or a
# rule in helpers/check.jq says why not. Fresh ones: N=5000 tests/random/damage. Images that differ are
# kept in build/random.

# Without sanitizers: it compares with QEMU.

load ../helpers/load

# no_differences FIRST: 50 seeds
no_differences() {
    require_tool qemu-img qemu-io jq
    N=50 SEED=$1 JOBS=1 TMPDIR=$PWD BUILD=$TOP/build "$TOP/tests/random/damage"
}

@test "damage: seeds 25 to 74" { no_differences 25; }
@test "damage: seeds 75 to 124" { no_differences 75; }
@test "damage: seeds 125 to 174" { no_differences 125; }
