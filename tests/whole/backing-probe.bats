#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Backing files whose format the image does not name: QEMU probes them, and what it takes them for is raw
# and read, or refused and named.

# Without sanitizers: QEMU runs most of the time, and probes go through them in unit tests.

load ../helpers/load
load ../helpers/tables
load ../helpers/audit

setup() {
    enter_test || return
    require_tool qemu-img jq
}

# An overlay of the file $1 that names no format.
make_overlay() {
    truncate -s 64K "$1"
    make_new_image overlay 64K '' ''
    qemu-img rebase -u -b "$1" -F raw overlay
    poke overlay "$(extension_at overlay e2792aca)" e279268f
}

# probed NAME: the file is, for us, what QEMU finds that it is: NAME is what we call it, empty for raw
probed() {
    local format=broken # what is no more than a mark QEMU does not open: it opens all that is raw
    if bash -c 'exec qemu-img info --output=json "$1"' - "$base" >info.json 2>/dev/null; then
        format=$(jq -r .format info.json)
    fi
    run_qcow2_info cat -o ours overlay
    if [[ -z $1 ]]; then
        [[ $format == raw && $status -eq 0 ]] || fail "QEMU: $format" "$(show_run)" || return
        cmp ours "$base"
    else
        [[ $format != raw && $status -eq 1 && ${stderr-} == *"it looks like $1"* ]] ||
            fail "QEMU: $format" "$(show_run)"
    fi
}

# begins NAME TEXT: the same for a file of 64 KiB that begins with a text; its escapes are those of printf
begins() {
    rm -f "$base"
    # shellcheck disable=SC2059
    printf "$2" >"$base"
    truncate -s 64K "$base"
    probed "$1" || fail "begins with: $2"
}

@test "backing probe: VMDK descriptors begin with comments, lines of blanks, and a version" {
    base=base
    make_overlay base
    local vmdk='a VMDK descriptor' rest='CID=12345678\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
    begins "$vmdk" "# Disk DescriptorFile\nversion=1\n$rest"
    begins "$vmdk" "version=1\n$rest"
    begins "$vmdk" "version=3\r\n$rest"
    begins "$vmdk" "#hello\n#\n   \n \r\nversion=2\n$rest"
    begins '' "#hello\n\nversion=1\n$rest"
    begins '' "\nversion=1\n$rest"
    begins '' "version=4\n$rest"
    begins '' " version=1\n$rest"
    begins '' "# Disk DescriptorFile\n$rest"
    begins '' "#$(printf '%0501d' 1)\nversion=1\n$rest"
    begins "$vmdk" "#$(printf '%0500d' 1)\nversion=1\n$rest"
}

@test "backing probe: every format that QEMU finds by its first sector" {
    base=base
    make_overlay base
    local format
    head -c 64K /dev/urandom >raw
    for format in vmdk:VMDK vdi:VDI vpc:VHD vhdx:VHDX qed:QED qcow:qcow parallels:Parallels; do
        qemu-img convert -f raw -O "${format%:*}" raw base 2>/dev/null || continue
        probed "a ${format#*:}"
    done
    begins 'a VMDK disk' 'COWD'
    begins 'a LUKS volume' 'LUKS\xba\xbe\0\1'
    begins '' 'LUKS\xba'
    begins '' 'WithoutFreeSpace'
    begins 'a Parallels disk' 'WithoutFreeSpace\2\0\0\0'
    begins 'a cloop disk' '#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n'
    begins '' '#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$1\n'
    begins '' 'Bochs Virtual HD Image'
    begins 'a Bochs disk' \
        "Bochs Virtual HD Image$(printf '\\0%.0s' {1..10})Redolog$(printf '\\0%.0s' {1..9})Growing$(printf '\\0%.0s' {1..9})\0\0\2\0"
    begins '' 'QFI\xfb\0\0\0\0'
}

@test "backing probe: a DMG is known by its name" {
    base=x.dmg
    make_overlay x.dmg
    head -c 64K /dev/urandom >x.dmg
    probed 'an Apple disk image'
    # A name that is given counts, too; and a format that is named wins.
    mv x.dmg raw
    qcow2_info cat --backing-file raw overlay | cmp - raw
    mv raw x.dmg
    qemu-img rebase -u -b x.dmg -F raw overlay
    qcow2_info cat overlay | cmp - x.dmg
}
