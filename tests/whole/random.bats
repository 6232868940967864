#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Random images that always are the same ones: cat and map say what qemu-img says. `make check-random`
# does this with fresh ones. Recipes that differ are kept in build/random.

# Without sanitizers: it compares with QEMU.

load ../helpers/load

# no_differences FIRST: compares six seeds
no_differences() {
    require_tool qemu-img qemu-io
    N=6 SEED=$1 JOBS=1 TMPDIR=$PWD "$TOP/tests/random/run"
}

@test "random: seeds 1 to 6" { no_differences 1; }
@test "random: seeds 7 to 12" { no_differences 7; }
@test "random: seeds 13 to 18" { no_differences 13; }
@test "random: seeds 19 to 24" { no_differences 19; }
@test "random: seeds 25 to 30" { no_differences 25; }
@test "random: seeds 31 to 36" { no_differences 31; }
@test "random: seeds 37 to 42" { no_differences 37; }
@test "random: seeds 43 to 48" { no_differences 43; }
@test "random: seeds 49 to 54" { no_differences 49; }
@test "random: seeds 55 to 60" { no_differences 55; }
@test "random: seeds 61 to 66" { no_differences 61; }
@test "random: seeds 67 to 72" { no_differences 67; }

@test "random: changed images that audit calls safe" {
    require_tool qemu-img
    KEPT=$PWD "$TOP/tests/random/safe" "$(dirname "$(readlink -f "$QCOW2_INFO")")/fuzz/driver" 0 60
}
