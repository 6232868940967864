#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Web addresses where the program was built without the library for them.
#
# For builds without libcurl.

load ../helpers/load

@test "absent: a web address is an error that names the library" {
    local command
    for command in info map cat check audit usage; do
        run_qcow2_info "$command" http://127.0.0.1/disk.qcow2
        assert_status 1
        assert_output ''
        assert_stderr_contains 'http://127.0.0.1/disk.qcow2: a web address needs libcurl, which is not built in'
    done
}
