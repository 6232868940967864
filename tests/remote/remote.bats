#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Images at web addresses, on a server that does all as it should.
#
# For builds with libcurl.

# Without sanitizers: faults.bats takes the same ways with them.

# shellcheck disable=SC2154 # run_qcow2_info sets them

load ../helpers/load
load ../helpers/tables
load ../helpers/web

setup_file() {
    start_servers || return
    cd "$WWW" || return
    cp "$SAMPLE" sample.qcow2
    make_new_image base.qcow2 64M '' 'write -q -P 0x41 0 9M' 'write -q -P 0x42 20M 3M'
    make_layer over.qcow2 64M '' base.qcow2 qcow2 'write -q -P 0x43 1M 1M'
    make_new_image zlib.qcow2 32M '' 'write -q -c -P 0x44 0 64k' 'write -q -c -P 0x45 1M 64k' 'write -q -P 0x46 8M 5M'
    make_new_image data.qcow2 16M data_file=data.raw,data_file_raw=off 'write -q -P 0x47 1M 6M'
    : >empty
    head -c 20000 zlib.qcow2 >cut.qcow2
}

teardown_file() {
    stop_servers
    check_json
}

# The answer for the file with its name, its size on disk and its folder made those of the address.
as_remote() {
    sed -e "s|$WWW|$HTTP|g" "$@"
}

@test "remote: every command gives the answer for the local file" {
    local command image
    for image in sample.qcow2 zlib.qcow2 over.qcow2 data.qcow2; do
        for command in map 'map --json --host-offsets' cat check 'check --json --data' 'usage --json'; do
            # shellcheck disable=SC2086
            qcow2_info $command "$WWW/$image" >local 2>local.err && echo 0 >>local || echo $? >>local
            # shellcheck disable=SC2086
            qcow2_info $command "$HTTP/$image" >remote 2>remote.err && echo 0 >>remote || echo $? >>remote
            # A file has a size on disk.
            as_remote local | grep -av '"file_allocated\|"allocated' >want
            grep -av '"file_allocated\|"allocated' remote >got || true
            cmp want got || fail "$command $image" "$(diff -a want got | head -n 20)" || return
            as_remote local.err >want
            assert_same_bytes want remote.err
        done
    done
}

@test "remote: info and audit say the same of an address, but for its name and size on disk" {
    local image
    for image in sample.qcow2 zlib.qcow2 data.qcow2; do
        qcow2_info info --json "$WWW/$image" | jq -S 'del(.. | .filename?, .actual_size?, .allocated_size?, .file?)' >want
        qcow2_info info --json "$HTTP/$image" | jq -S 'del(.. | .filename?, .actual_size?, .allocated_size?, .file?)' >got
        diff want got
        qcow2_info audit --json "$WWW/$image" >want && echo 0 >>want || echo $? >>want
        qcow2_info audit --json "$HTTP/$image" >got && echo 0 >>got || echo $? >>got
        diff <(as_remote want | grep -v '"actual_size"') <(grep -v '"actual_size"' got)
    done
}

@test "remote: the size that a server claims buys no memory and no time" {
    # 20480 clusters of 512 bytes that are 16 MiB from each other, in a file of 15 TiB: 4 KiB of memory for each.
    local tables=320
    make_image image $((tables * 32768)) cluster_size=512
    truncate -s 15T image || skip 'machine: the file system has no files of 15 TiB'
    copied_entries $((tables * 64)) $((1 << 30)) $((16 << 20)) | place image $((1 << 20))
    copied_entries $tables $((1 << 20)) 512 | place image "$(field image l1_table_offset)"
    mv image "$WWW/far.qcow2"
    run_qcow2_info audit --json "$HTTP/far.qcow2"
    rm "$WWW/far.qcow2"
    assert_status 2
    jq -e 'any(.findings[]; .code == "unseen-tables") and (.complete | not)' <<<"$output" >/dev/null || fail "$output"
}

@test "remote: info asks at most twice, for at most 128 KiB, and never by HEAD" {
    forget_requests
    run_qcow2_info info --stats "$HTTP/zlib.qcow2"
    assert_status 0
    [[ $stderr =~ ^qcow2-info:\ ([0-9]+)\ requests,\ ([0-9]+)\ bytes,\ [0-9.]+\ seconds$ ]] || fail "$stderr"
    [[ ${BASH_REMATCH[1]} -le 2 && ${BASH_REMATCH[2]} -le 131072 ]] || fail "$stderr"
    assert_equal "$(wc -l <"$SERVERS/access.log")" "${BASH_REMATCH[1]}"
    assert_equal "$(head -n 1 "$SERVERS/access.log")" 'HTTP/1.1 GET /zlib.qcow2 bytes=0-65535 206'
    [[ $(grep -vc ' GET .* 206$' "$SERVERS/access.log") -eq 0 ]] || fail "$(<"$SERVERS/access.log")"
}

@test "remote: cat asks for neighbouring blocks at once, and never twice for a block" {
    forget_requests
    run_qcow2_info cat --stats -o disk "$HTTP/base.qcow2"
    assert_status 0
    [[ $stderr =~ \ ([0-9]+)\ requests,\ ([0-9]+)\ bytes ]] || fail "$stderr"
    [[ ${BASH_REMATCH[1]} -le 60 && ${BASH_REMATCH[2]} -le $(stat -c %s "$WWW/base.qcow2") ]] || fail "$stderr"
    assert_equal "$(sort "$SERVERS/access.log" | uniq -d)" ''
}

@test "remote: map asks for the tables and little more" {
    run_qcow2_info map --stats "$HTTP/base.qcow2"
    [[ $stderr =~ \ ([0-9]+)\ requests,\ ([0-9]+)\ bytes ]] || fail "$stderr"
    # The header, the L1 table and an L2 table of 64 KiB each, and the end of the file.
    [[ ${BASH_REMATCH[2]} -le $((3 * 65536 * 11 / 10 + 131072)) ]] || fail "$stderr"
}

@test "remote: one connection, one job, and many" {
    local options
    qcow2_info cat "$WWW/over.qcow2" >want
    for options in '--connections 1' '--jobs 1' '--connections 64 --jobs 5' '--connections 2 --jobs 1'; do
        # shellcheck disable=SC2086
        qcow2_info cat $options "$HTTP/over.qcow2" >got
        assert_same_bytes want got
    done
    run_qcow2_info map --connections 65 "$HTTP/over.qcow2"
    assert_status 64
}

@test "remote: https with a certificate that is given; without it the server is refused" {
    local image=$HTTPS/over.qcow2
    forget_requests
    qcow2_info cat --cacert "$CERT" "$image" >got
    qcow2_info cat "$WWW/over.qcow2" >want
    assert_same_bytes want got
    grep -q '^HTTP/2.0 GET ' "$SERVERS/access.log" || fail 'no HTTP/2'
    run_qcow2_info info "$image"
    assert_status 1
    assert_output ''
    assert_stderr_contains "qcow2-info: $image: bytes 0-65535: "
    assert_stderr_contains certificate
    assert_stderr_contains 'are given by --cacert'
    run_qcow2_info info --cacert absent "$image"
    assert_status 1
    assert_stderr_contains '--cacert takes a readable file in PEM format'
}

@test "remote: https on a system without certificates" {
    require_tool strace
    local certificates
    certificates=$(curl-config --ca)
    ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" run --separate-stderr strace -f -qq -o trace -P "$certificates" \
        -e trace=openat -e inject=openat:error=ENOENT "$QCOW2_INFO" info --no-sandbox "$HTTPS/over.qcow2"
    assert_status 1
    assert_output ''
    grep -q 'INJECTED' trace || fail "$certificates is not opened" "$(<trace)"
    assert_stderr_contains 'install the certificates of the system (package ca-certificates), or give others by --cacert'
}

@test "remote: a server without ranges is refused before its object is downloaded" {
    run_qcow2_info map --stats "$HTTP/no-ranges/base.qcow2"
    assert_status 1
    assert_output ''
    assert_stderr_contains "qcow2-info: $HTTP/no-ranges/base.qcow2: bytes 0-65535: the server does not support ranges: download the file first"
    assert_stderr_contains ' 1 requests, '
}

@test "remote: redirects are followed, at most five, and never from https to http" {
    qcow2_info map "$WWW/over.qcow2" >want
    qcow2_info map "$HTTP/moved/over.qcow2" >got
    assert_same_bytes want got
    qcow2_info map --cacert "$CERT" "$HTTP/to-https/base.qcow2" >/dev/null
    run_qcow2_info map "$HTTP/again/base.qcow2"
    assert_status 1
    assert_stderr_contains 'more than 5 redirects'
    run_qcow2_info map --cacert "$CERT" "$HTTPS/to-http/base.qcow2"
    assert_status 1
    assert_stderr_contains 'the server redirects from https to http'
}

@test "remote: a redirect is followed once, not for each range" {
    forget_requests
    qcow2_info cat "$HTTP/moved/base.qcow2" >got
    assert_equal "$(grep -c ' 302$' "$SERVERS/access.log")" 1
}

@test "remote: user and password from a netrc file" {
    run_qcow2_info map "$HTTP/private/base.qcow2"
    assert_status 1
    assert_stderr_contains 'the server answers 401 Unauthorized; credentials are given by --netrc-file or --header-file'
    printf 'machine other login no password wrong\nmachine 127.0.0.1\n  login tester\n  password "of the test"\n' >netrc
    qcow2_info map --netrc-file netrc "$HTTP/private/base.qcow2" >got
    qcow2_info map "$WWW/base.qcow2" >want
    assert_same_bytes want got
    run_qcow2_info map --netrc-file missing "$HTTP/private/base.qcow2"
    assert_status 1
    assert_stderr_contains 'missing: cannot open: No such file'
}

@test "remote: headers from a file, for the first host alone" {
    printf '# for the test\r\nX-Token: of the test\r\n\r\n' >headers
    run_qcow2_info map "$HTTP/token/base.qcow2"
    assert_status 1
    assert_stderr_contains 'the server answers 403 Forbidden'
    qcow2_info map --header-file headers "$HTTP/token/base.qcow2" >got
    qcow2_info map "$WWW/base.qcow2" >want
    assert_same_bytes want got
    # The same server by another name is another host.
    run_qcow2_info map --header-file headers "$HTTP/to-other-host/token/base.qcow2"
    assert_status 1
    assert_stderr_contains 403
    printf 'Range: bytes=0-1\n' >headers
    run_qcow2_info map --header-file headers "$HTTP/token/base.qcow2"
    assert_status 1
    assert_stderr_contains 'headers: line 1 is no header that can be sent'
}

@test "remote: messages name the address without user, password and query" {
    run_qcow2_info map "$HTTP/absent.qcow2?signature=secret"
    assert_status 1
    assert_equal "$stderr" "qcow2-info: $HTTP/absent.qcow2: bytes 0-65535: the server answers 404 Not Found"
    run_qcow2_info map "http://me:secret@127.0.0.1:1/image"
    assert_status 1
    assert_stderr_contains 'qcow2-info: http://127.0.0.1:1/image: the address has a user'
    [[ $stderr != *secret* ]] || fail "$stderr"
    run_qcow2_info info --json "$HTTP/base.qcow2?signature=secret"
    assert_status 0
    refute_output_contains secret
    run_qcow2_info check --json "$HTTP/base.qcow2?signature=secret"
    refute_output_contains secret
}

@test "remote: a proxy from the environment" {
    # nginx takes requests for any host, as a proxy does. No server has this name.
    http_proxy=$HTTP qcow2_info cat http://server.invalid/zlib.qcow2 >got
    qcow2_info cat "$WWW/zlib.qcow2" | cmp - got
    http_proxy=$HTTP no_proxy=server.invalid run_qcow2_info cat http://server.invalid/zlib.qcow2
    assert_status 1
    assert_stderr_contains 'http://server.invalid/zlib.qcow2'
}

@test "remote: empty and cut objects are like such files" {
    local image
    for image in empty cut.qcow2; do
        run_qcow2_info check "$WWW/$image"
        local want=$status:$output:${stderr//$WWW/$HTTP}
        run_qcow2_info check "$HTTP/$image"
        assert_equal "$status:$output:$stderr" "$want"
    done
}

@test "remote: a server that is not there" {
    run_qcow2_info info http://127.0.0.1:9/image
    assert_status 1
    assert_stderr_contains "qcow2-info: http://127.0.0.1:9/image: bytes 0-65535: "
    run_qcow2_info info 'http://host with blanks/image'
    assert_status 1
    assert_stderr_contains 'the address has byte 0x20'
}

@test "remote: the output cannot be an address" {
    run_qcow2_info cat -o "$HTTP/new" "$HTTP/base.qcow2"
    assert_status 1
}

@test "remote: compare accepts addresses for both disks" {
    qcow2_info compare "$HTTP/zlib.qcow2" "$WWW/zlib.qcow2"
    qcow2_info compare "$WWW/over.qcow2" "$HTTP/over.qcow2"
    run_qcow2_info compare "$HTTP/over.qcow2" "$HTTP/base.qcow2"
    assert_status 2
}

@test "remote: digest accepts addresses; a list may name only servers of the command line" {
    qcow2_info digest "$WWW/zlib.qcow2" | sed "s|$WWW|$HTTP|" >want
    qcow2_info digest "$HTTP/zlib.qcow2?signature=secret" >got
    diff want got
    forget_requests
    run_qcow2_info digest --check want
    assert_status 1
    assert_stderr_contains 'no address of the command line is on this server'
    assert_equal "$(<"$SERVERS/access.log")" ''
}
