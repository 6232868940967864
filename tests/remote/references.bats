#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# What images at web addresses, and local ones, may name.
#
# For builds with libcurl.

load ../helpers/load
load ../helpers/tables
load ../helpers/web

setup_file() {
    start_servers || return
    mkdir "$WWW/sub" && cd "$WWW" || return
    make_new_image base.qcow2 1M '' 'write -q -P 0x41 0 1M'
    make_new_image sub/lower.qcow2 1M '' 'write -q -P 0x42 0 1M'
    make_new_image sub/with-data.qcow2 1M data_file=data.raw 'write -q -P 0x43 0 1M'
    # make_new_image made it where the name leads to from here.
    [[ -e sub/data.raw ]] || mv data.raw sub/data.raw
}

teardown_file() {
    stop_servers
    check_json
}

# naming NAME FILE: an image that names a backing file, which need not be there
naming() {
    qemu-img create -q -u -f qcow2 -b "$1" -F qcow2 "$2" 1M
}

# begins_with ADDRESS LETTER [OPTION]...
begins_with() {
    run_qcow2_info cat --length 3 "${@:3}" "$1"
    assert_status 0
    assert_output "$2$2$2"
}

# refused ADDRESS TEXT...
refused() {
    local text
    forget_requests
    run_qcow2_info cat "$1"
    assert_status 1
    assert_output ''
    for text in "${@:2}"; do
        assert_stderr_contains "$text"
    done
    # Nothing but the image was asked for.
    assert_equal "$(grep -vc " ${1#"$HTTP"} " "$SERVERS/access.log")" 0
}

@test "references: relative names are resolved as RFC 3986 says" {
    local name
    for name in base.qcow2 ./base.qcow2 sub/../base.qcow2 /base.qcow2 "$HTTP/base.qcow2" "//${HTTP#*//}/base.qcow2" \
        '../../base.qcow2' 'base.qcow2?query' 'base.qcow2#fragment' 'sub/%2e%2e/base.qcow2'; do
        naming "$name" "$WWW/image"
        begins_with "$HTTP/image" A
    done
    naming ../base.qcow2 "$WWW/sub/image"
    begins_with "$HTTP/sub/image" A
    naming lower.qcow2 "$WWW/sub/image"
    begins_with "$HTTP/sub/image" B
    begins_with "$HTTP/sub/image?signature=x/y" B
    cp "$WWW/base.qcow2" "$WWW/a b.qcow2"
    naming 'a b.qcow2' "$WWW/image"
    begins_with "$HTTP/image" A
}

@test "references: a data file is found beside a remote image" {
    begins_with "$HTTP/sub/with-data.qcow2" C
}

@test "references: only files of the same origin are opened" {
    local name
    naming /etc/passwd "$WWW/image" # an absolute path is one on the server
    refused_absent() {
        run_qcow2_info cat "$HTTP/image"
        assert_status 1
        assert_stderr_contains "backing file $HTTP/etc/passwd: bytes 0-65535: the server answers 404"
    }
    refused_absent
    for name in file:/etc/passwd file:///etc/passwd 'json:{"driver":"file","filename":"/etc/passwd"}' \
        nbd://127.0.0.1/disk ftp://127.0.0.1/disk "$FAULTY/none/base.qcow2" "$HTTPS/base.qcow2" \
        http://localhost/base.qcow2 //localhost/base.qcow2 c:base.qcow2; do
        naming "$name" "$WWW/image"
        refused "$HTTP/image" "backing file $name"
        assert_equal "$(requests)" ''
    done
}

@test "references: with an address on the command line its origin can be named by nobody else" {
    naming "$FAULTY/none/base.qcow2" "$WWW/image"
    forget_requests
    run_qcow2_info cat --backing-file "1:$FAULTY/none/base.qcow2" "$HTTP/image"
    assert_status 1
    assert_stderr_contains 'lies at another origin than the image'
    assert_equal "$(requests)" ''
}

@test "references: a local image contacts a server only with --remote-references" {
    naming "$HTTP/base.qcow2" image
    forget_requests
    run_qcow2_info cat image
    assert_status 1
    assert_stderr_contains "\"$HTTP/base.qcow2\" is a web address, which a file may name only with --remote-references"
    assert_equal "$(<"$SERVERS/access.log")" ''
    begins_with image A --remote-references
}

@test "references: no credentials for a server that only a local image names" {
    printf 'X-Token: of the test\n' >headers
    printf 'default login me password mine\n' >netrc
    naming "$FAULTY/secret/base.qcow2" image
    begins_with image A --remote-references --header-file headers --netrc-file netrc
    run_qcow2_info cat --header-file headers "$FAULTY/secret/base.qcow2"
    assert_status 1
    assert_stderr_contains '400 Token'
}

@test "references: info and audit open no other file" {
    naming base.qcow2 "$WWW/image"
    forget_requests
    qcow2_info info "$HTTP/image" >/dev/null
    qcow2_info audit --allow backing-file "$HTTP/image" >/dev/null || [[ $? -eq 2 ]]
    [[ $(<"$SERVERS/access.log") != *base.qcow2* ]] || fail 'followed'
    run_qcow2_info info --backing-chain --json "$HTTP/image"
    assert_status 0
    assert_equal "$(jq -c 'map(.filename)' <<<"$output")" "[\"$HTTP/image\",\"$HTTP/base.qcow2\"]"
}

@test "references: layers that are given may be addresses and files" {
    naming nowhere image
    naming nowhere "$WWW/image"
    begins_with image A --backing-file "$HTTP/base.qcow2"
    begins_with "$HTTP/image" A --backing-file "$WWW/base.qcow2"
    begins_with "$HTTP/image" A --backing-file "$FAULTY/none/base.qcow2"
    begins_with "$WWW/sub/with-data.qcow2" C --data-file "$HTTP/sub/data.raw"
    begins_with "$HTTP/sub/with-data.qcow2" C --data-file "$WWW/sub/data.raw"
}

@test "references: --confine accepts the start of an address" {
    local name
    naming lower.qcow2 "$WWW/sub/image"
    begins_with "$HTTP/sub/image" B --confine "$HTTP/sub"
    begins_with "$HTTP/sub/image" B --confine "$HTTP/sub/"
    begins_with "$HTTP/sub/image" B --confine "$HTTP"
    for name in ../base.qcow2 /subway/base.qcow2 /base.qcow2 '%2e%2e/base.qcow2' '..%2fbase.qcow2' '%252e%252e/base.qcow2'; do
        naming "$name" "$WWW/sub/image"
        run_qcow2_info cat --confine "$HTTP/sub" "$HTTP/sub/image"
        assert_status 1
        assert_stderr_contains "backing file \"$name\""
        assert_stderr_contains "lies outside of $HTTP/sub"
    done
    naming base.qcow2 image
    cp "$WWW/base.qcow2" base.qcow2
    run_qcow2_info cat --confine "$HTTP/sub" image
    assert_status 1
    assert_stderr_contains "lies outside of $HTTP/sub"
    naming lower.qcow2 "$WWW/sub/image"
    run_qcow2_info cat --confine . "$HTTP/sub/image"
    assert_status 1
    assert_stderr_contains 'lies outside of .'
}

@test "references: a loop of addresses" {
    naming b.qcow2 "$WWW/a.qcow2"
    naming sub/../a.qcow2 "$WWW/b.qcow2"
    run_qcow2_info cat "$HTTP/a.qcow2"
    assert_status 1
    assert_stderr_contains "the backing chain contains $HTTP/a.qcow2 twice"
}
