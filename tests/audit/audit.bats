#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# audit: its options, exit statuses and output, what it opens, and what it takes for an image.

load ../helpers/load
load ../helpers/tables
load ../helpers/audit

C=65536

setup() {
    enter_test || return
    require_tool qemu-img qemu-io jq
}

make_small() {
    make_image image 1M '' "write -P 1 0 $((2 * C))"
}

# An image with two unsafe findings and a note.
make_bad() {
    make_layer image 1M '' base qcow2
    poke_field image incompatible_features 1
    poke_field image compatible_features 4
}

assert_usage() {
    local text
    assert_status 64 || return
    assert_output '' || return
    for text in "$@"; do
        assert_stderr_contains "$text" || return
    done
}

# ---- Output ----------------------------------------------------------------------------------------

@test "audit: a safe image in text" {
    make_small
    truncate -s 512K image
    run_qcow2_info audit image
    assert_status 0
    assert_equal "${stderr-}" ''
    assert_equal "${lines[0]}" 'verdict:              safe'
    assert_equal "${lines[1]}" 'complete:             yes'
    assert_equal "${lines[2]}" 'virtual size:         1 MiB (1048576 bytes)'
    [[ ${lines[3]} == 'actual size:          '*' bytes)' ]]
    assert_equal ${#lines[@]} 4
}

@test "audit: an unsafe image in text: unsafe findings first" {
    make_bad
    run_qcow2_info audit image
    assert_status 2
    assert_equal "${stderr-}" ''
    assert_equal "${lines[0]}" "unsafe backing-file: the backing file is \"base\" (at offset $(field image backing_file_offset))"
    [[ ${lines[1]} == 'unsafe dirty: '*' (at offset 72)' ]]
    [[ ${lines[2]} == 'note unknown-compatible-feature: compatible feature bit 2 '*' (at offset 80)' ]]
    assert_equal "${lines[3]}" 'verdict:              unsafe'
    assert_equal ${#lines[@]} 7
}

@test "audit: --json: every key, in order" {
    make_bad
    audited image
    assert_status 2
    assert_equal "${stderr-}" ''
    assert_equal "$(jq -c keys_unsorted <<<"$output")" '["safe","complete","virtual_size","actual_size","findings"]'
    assert_equal "$(jq -c '[.findings[] | keys_unsorted] | unique' <<<"$output")" \
        '[["code","severity","message","meaning","count","offset","guest_offset"]]'
    assert_equal "$(jq -c '[.safe, .complete, .virtual_size]' <<<"$output")" '[false,true,1048576]'
    assert_equal "${audited_codes-}" 'backing-file dirty unknown-compatible-feature'
}

@test "audit: actual_size is the actual-size of qemu-img" {
    make_small
    audited image
    assert_equal "$(jq .actual_size <<<"$output")" "$(qemu-img info --output=json image | jq '."actual-size"')"
}

@test "audit: a repeated finding is reported once, with a count" {
    make_image image 1M ''
    local name
    for name in 1 2 3 4; do
        qemu-img snapshot -c $'\e'$name image
    done
    audited image
    assert_equal "${audited_codes-}" name-control
    assert_equal "$(jq -c '.findings[0] | .count, (.message | contains("more"))' <<<"$output")" $'4\nfalse'
    run_qcow2_info audit image
    assert_output_contains '(and 3 more)'
}

@test "audit: names in findings cannot forge a line, in text or JSON" {
    make_image image 1M ''
    qemu-img snapshot -c $'x\nverdict:              safe\e[2J\xe2\x80\xae' image
    run_qcow2_info audit image
    assert_status 2
    [[ $output != *$'\e'* && $output != *$'\xe2\x80\xae'* ]]
    assert_equal "$(grep -c '^verdict:' <<<"$output")" 1
    assert_output_contains 'x\x0averdict:\x20\x20'
    assert_output_contains '\x20\x20safe\x1b[2J\u{202e}'
    run_qcow2_info audit --json image
    [[ $output != *$'\e'* && $output != *$'\xe2\x80\xae'* ]]
    assert_equal "$(jq -r '.findings[0].code' <<<"$output")" name-control
}

@test "audit: a name that fills the message keeps the number of others" {
    make_image image 1M ''
    local long
    printf -v long '%0250d' 0
    qemu-img snapshot -c $'\e'"$long"1 image
    qemu-img snapshot -c $'\e'"$long"2 image
    audited image
    assert_equal "$(jq '.findings[0].count' <<<"$output")" 2
    run_qcow2_info audit image
    assert_output_contains '(and 1 more)'
}

@test "audit: output that cannot be written is an error" {
    make_small
    local status=0
    qcow2_info audit image >/dev/full 2>stderr || status=$?
    assert_equal "$status" 1
    grep -q 'No space left' stderr
    status=0
    qcow2_info audit --list-rules >/dev/full 2>stderr || status=$?
    assert_equal "$status" 1
}

# ---- Policy ----------------------------------------------------------------------------------------

@test "audit: --allow: findings of these rules are listed and not unsafe" {
    make_bad
    audited image --allow backing-file
    assert_status 2
    assert_equal "$(jq -c '[.safe, (.findings[] | .code, .severity)]' <<<"$output")" \
        '[false,"dirty","unsafe","unknown-compatible-feature","note","backing-file","allowed"]'
    audited image --allow backing-file,dirty
    assert_status 0
    assert_equal "$(jq -c '[.safe, (.findings[].severity)]' <<<"$output")" '[true,"note","allowed","allowed"]'
    run_qcow2_info audit --allow dirty --allow backing-file image
    assert_status 0
    assert_output_contains 'allowed backing-file: '
    assert_output_contains 'verdict:              safe'
}

@test "audit: --deny: a note makes the image unsafe" {
    make_small
    poke_field image compatible_features 4
    audited image --deny unknown-compatible-feature,trailing-data
    assert_status 2
    assert_equal "$(jq -c '[.safe, (.findings[] | .code, .severity)]' <<<"$output")" \
        '[false,"unknown-compatible-feature","unsafe"]'
}

@test "audit: --deny incomplete refuses a pipe" {
    make_small
    run --separate-stderr bash -c 'cat image | "$QCOW2_INFO" audit --deny incomplete'
    assert_status 2
    assert_output_contains 'unsafe incomplete: '
}

@test "audit: a code that no rule has is wrong usage, and is named" {
    make_small
    local option
    for option in --allow --deny; do
        run_qcow2_info audit $option backing-file,no-such-rule image
        assert_usage '"no-such-rule"' --list-rules --help
        run_qcow2_info audit $option '' image
        assert_usage '""'
        run_qcow2_info audit $option dirty, image
        assert_usage '""'
        run_qcow2_info audit $option Dirty image
        assert_usage '"Dirty"'
        run_qcow2_info audit $option $'\e[2J' image
        assert_usage '\x1b[2J'
        [[ $stderr != *$'\e'* ]]
    done
}

@test "audit: one code both allowed and denied is wrong usage" {
    make_small
    run_qcow2_info audit --allow dirty,corrupt --deny corrupt image
    assert_usage '"corrupt"' both
    run_qcow2_info audit --deny corrupt --allow corrupt image
    assert_usage '"corrupt"' both
    run_qcow2_info audit --deny corrupt,corrupt image
    assert_status 0
}

@test "audit: --max-virtual-size: as large is safe, a byte larger is not" {
    make_small
    audited image --max-virtual-size 1M
    assert_status 0
    audited image --max-virtual-size 1048575
    assert_status 2
    assert_equal "${audited_codes-}" virtual-size
    make_image image $((20 << 40)) ''
    audited image
    assert_status 2
    audited image --max-virtual-size 20T
    assert_status 0
    for option in '' x 1.5T -1; do
        run_qcow2_info audit --max-virtual-size "$option" image
        assert_usage "\"$option\"" 'number of bytes'
    done
}

@test "audit: --max-virtual-size holds for snapshots too" {
    make_image image 2M ''
    qemu-img snapshot -c one image
    # Shrunk by hand: qemu-img does not while there are snapshots.
    poke_field image size 1048576
    audited image --max-virtual-size 1M
    assert_equal "${audited_codes-}" virtual-size
    assert_equal "$(jq '.findings[0].offset' <<<"$output")" "$(field image snapshots_offset)"
}

@test "audit: --list-rules: each with code, severity, meaning and gain" {
    run_qcow2_info audit --list-rules
    assert_status 0
    assert_equal "${stderr-}" ''
    local text=$output
    run_qcow2_info audit --list-rules --json
    assert_status 0
    jq -e 'length > 30 and all(.[]; (.code | test("^[a-z][a-z0-9-]*$")) and (.severity | IN("unsafe", "note"))
        and (.meaning | length > 10) and (.gain | length > 5)) and (map(.code) | unique | length) == length' <<<"$output"
    assert_equal "$(jq -r '.[] | "\(.code) (\(.severity)): \(.meaning).\n    Gain: \(.gain)."' <<<"$output")" "$text"
}

@test "audit: --list-rules prints the severities of --allow and --deny" {
    run_qcow2_info audit --list-rules --json --allow dirty --deny incomplete
    assert_equal "$(jq -c '[.[] | select(.code == "dirty" or .code == "incomplete") | .severity]' <<<"$output")" \
        '["allowed","unsafe"]'
}

@test "audit: --list-rules takes no image" {
    make_small
    run_qcow2_info audit --list-rules image
    assert_usage --list-rules '"image"'
}

# ---- What it opens ---------------------------------------------------------------------------------

@test "audit: no other file is opened" {
    require_tool strace
    local reference
    strace -o probe true 2>strace.log || skip "machine: strace cannot trace: $(head -n 1 strace.log)"
    for reference in bait "$PWD/bait" 'json:{"driver":"raw","file":{"driver":"file","filename":"bait"}}'; do
        rm -f image bait
        make_layer image 1M '' "$reference" raw
        echo secret >bait
        # LeakSanitizer does not work under strace.
        ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 timeout -k 5 "$PROGRAM_SECONDS" \
            strace -f -e trace=file,network -o trace "$QCOW2_INFO" audit image >out || [[ $? -eq 2 ]]
        grep -q '"image"' trace || fail 'the trace does not show the image:' "$(<trace)"
        ! grep bait trace || fail "with the backing file $reference"
        # What is opened after the image is nothing at all, but what counts coverage.
        ! sed '1,/"image"/d; /\.gcda"/d' trace | grep -E 'open|socket|connect' || fail 'more is opened'
    done
}

@test "audit: names of pipes and devices are not opened" {
    mkfifo bait
    local name
    for name in bait /dev/tty nbd:unix:/tmp/none ssh://127.0.0.1/x; do
        make_layer image 1M '' "$name" raw
        # It would wait for the other end of the pipe.
        audited image
        assert_status 2
        name_data_file image "$name"
        audited image
        assert_status 2
    done
}

# ---- What is no image ------------------------------------------------------------------------------

@test "audit: a file that is not a qcow2 image could not be inspected" {
    local file
    : >empty
    mkdir directory
    head -c 100000 /dev/urandom >raw
    printf '# Disk DescriptorFile\nversion=1\n' >vmdk
    printf 'QFI\xfb\0\0\0\1%0100d' 0 >version-1
    printf 'QFI\xfb\0\0\0\3' >short
    for file in empty directory raw vmdk version-1 short missing; do
        run_qcow2_info audit "$file"
        assert_status 1
        assert_output ''
        assert_one_error "$file"
        run_qcow2_info audit --json "$file"
        assert_status 1
        assert_output ''
    done
}

@test "audit: the error names the format that the file seems to have" {
    printf '# Disk DescriptorFile\nversion=1\n' >image
    run_qcow2_info audit image
    assert_one_error image 'not a qcow2 image' 'VMDK descriptor'
}

# ---- A pipe ----------------------------------------------------------------------------------------

@test "audit: a whole image through a pipe" {
    make_small
    run --separate-stderr bash -c 'cat image | "$QCOW2_INFO" audit --json -'
    assert_status 0
    assert_equal "$(jq -c '[.safe, .complete, .virtual_size, .actual_size]' <<<"$output")" '[true,false,1048576,null]'
    assert_equal "$(codes)" incomplete
    run --separate-stderr bash -c 'cat image | "$QCOW2_INFO" audit'
    assert_status 0
    assert_output_contains 'actual size:          unknown'
}

@test "audit: the first bytes of an image are enough for rules about them" {
    make_bad
    local size
    for size in 1000 4096 65536 196608; do
        run --separate-stderr bash -c "head -c $size image | \"\$QCOW2_INFO\" audit --json"
        assert_status 2
        assert_equal "$(codes)" 'backing-file dirty unknown-compatible-feature incomplete'
        assert_equal "$(jq .complete <<<"$output")" false
    done
    make_small
    for size in 112 512 65536 200000 262144; do
        run --separate-stderr bash -c "head -c $size image | \"\$QCOW2_INFO\" audit --json"
        assert_status 0
        assert_equal "$(codes)" incomplete
    done
}

@test "audit: a file as standard input is read as a file" {
    make_small
    run --separate-stderr bash -c '"$QCOW2_INFO" audit --json <image'
    assert_status 0
    assert_equal "$(jq -c '[.safe, .complete, .findings]' <<<"$output")" '[true,true,[]]'
}

# make_upload MIB: the file upload, an image of a little more than so many MiB of data
make_upload() {
    make_image upload 128M '' "write -q -P 0x41 0 ${1}M"
}

@test "--drain: tee before info, check and audit stores the whole upload" {
    local command
    # Beyond what any command keeps of a pipe, and within.
    for size in 1 100; do
        make_upload $size
        for command in 'audit --drain' 'audit --drain --json' 'info --drain' 'check --drain --max-findings 0' \
            'check --data --drain --max-findings 0'; do
            rm -f stored
            # shellcheck disable=SC2086
            tee stored <upload | qcow2_info $command >/dev/null 2>&1 || true
            cmp stored upload || fail "$command of $size MiB"
        done
    done
}

@test "--drain: the upload is stored whole, also when it is no image or cannot be read" {
    local command upload
    head -c 100M /dev/zero >nothing
    make_upload 100
    poke upload 4 00000009
    for command in audit info check; do
        for upload in nothing upload; do
            rm -f stored
            tee stored <$upload | qcow2_info "$command" --drain >/dev/null 2>&1 || true
            cmp stored $upload || fail "$command $upload"
        done
    done
}

@test "--drain: a pipe that is within the limit is judged as the file" {
    local command image status_of_file status_of_pipe
    make_upload 1
    head -c 300000 upload >./cut
    head -c 70000 upload >cut-more
    : >empty
    for image in upload cut cut-more empty "$SAMPLE"; do
        for command in 'audit --json' 'audit --deny incomplete' 'info --json' 'check --json' 'check --data' check; do
            status_of_file=0 status_of_pipe=0
            # A regular file that is given as standard input has the same name in what is printed.
            # shellcheck disable=SC2086
            qcow2_info $command <"$image" >want 2>want.err || status_of_file=$?
            # shellcheck disable=SC2002,SC2086 # a pipe is the point
            cat "$image" | qcow2_info $command --drain >got 2>got.err || status_of_pipe=$?
            assert_equal "$command $image: $status_of_pipe" "$command $image: $status_of_file"
            # Only a file takes room on a disk.
            diff <(grep -vE 'actual|allocated' want) <(grep -vE 'actual|allocated' got) || fail "$command $image"
            diff want.err got.err || fail "$command $image"
        done
    done
}

@test "--drain: beyond the limit, the size is still that of the whole pipe" {
    make_upload 100
    # shellcheck disable=SC2002 # a pipe is the point
    cat upload | qcow2_info info --drain --json >got
    assert_equal "$(jq .file_size got)" "$(stat -c %s upload)"
    # shellcheck disable=SC2002 # a pipe is the point
    cat upload | qcow2_info info --json >got
    assert_equal "$(jq .file_size got)" null
}

@test "--drain: a named pipe; for a file it has no effect" {
    make_upload 1
    mkfifo pipe
    cat upload >pipe &
    run_qcow2_info audit --json --drain pipe
    wait
    assert_equal "$status $(jq .complete <<<"$output")" '0 true'
    qcow2_info audit --json upload >want
    qcow2_info audit --json --drain upload | cmp - want
}
