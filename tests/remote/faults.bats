#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Servers with faults: each is an error that says what is wrong, and none is waited for without end.
#
# For builds with libcurl.

# shellcheck disable=SC2154 # run_qcow2_info sets them

load ../helpers/load
load ../helpers/tables
load ../helpers/web

setup_file() {
    start_servers || return
    cd "$WWW" || return
    make_new_image image 4M '' 'write -q -P 0x41 0 2M'
}

teardown_file() {
    stop_servers
    check_json
}

# fails FAULT TEXT REQUESTS [OPTION]...: cat ends with an error that has the address, the range and the text,
# after so many requests. Only a test of time-outs sets a short one: a slow machine answers late.
fails() {
    forget_requests
    run_qcow2_info cat --timeout "${TIMEOUT:-60}" --connections 1 "${@:4}" "$FAULTY/$1/image"
    assert_status 1
    [[ ${stderr%%$'\n'*} =~ ^qcow2-info:\ $FAULTY/[^:]*:\ .*bytes\ [0-9]+-[0-9]+:\  ]] ||
        fail "$1" "$(show_run)" || return
    assert_stderr_contains "$2"
    assert_equal "$1 $(requests | wc -l)" "$1 $3"
}

@test "faults: stalls and broken connections are tried three times" {
    local TIMEOUT=1
    fails silent 'no connection, or no bytes, in 1 seconds, 3 times' 3
    fails stall 'no connection, or no bytes, in 1 seconds, 3 times' 3
    fails drip 'no connection, or no bytes, in 1 seconds, 3 times' 3
    TIMEOUT=60
    fails cut 'the body ends early, after 1000 of 65536 bytes, 3 times' 3
    fails close ', 3 times' 3
}

@test "faults: a connection that breaks once is forgotten" {
    forget_requests
    qcow2_info cat "$WWW/image" >want
    qcow2_info cat --timeout 60 "$FAULTY/cut-once/image" >got
    assert_same_bytes want got
    assert_equal "$(requests | sort | uniq -c | sort -rn | awk 'NR == 1 { print $1, $4 }')" '2 bytes=0-65535'
}

@test "faults: a salvage goes on without a range that cannot be had" {
    qcow2_info cat "$WWW/image" >want
    forget_requests
    run_qcow2_info cat --salvage --salvage-log lost -o got "$FAULTY/hole/image"
    assert_status 1
    assert_stderr_contains 'the server answers 503 Service Unavailable, 3 times'
    # One range of at most 256 KiB was asked for three times, no other more than once.
    assert_equal "$(requests | sort | uniq -c | awk '$1 > 1 { n++; c = $1 } END { print n, c }')" '1 3'
    python3 - want got lost <<'END'
import json, sys
want, got = (open(name, "rb").read() for name in sys.argv[1:3])
ranges = [json.loads(line) for line in open(sys.argv[3])]
lost = sum(r["length"] for r in ranges)
assert 0 < lost <= 256 << 10, lost
for r in ranges:
    end = r["start"] + r["length"]
    want = want[:r["start"]] + bytes(r["length"]) + want[end:]
assert want == got
END
}

@test "faults: a salvage gives up when the server has ended" {
    forget_requests
    run_qcow2_info cat --salvage -o got "$FAULTY/gone/image"
    assert_status 1
    assert_stderr_contains ', 3 times'
    # Three that are answered, and eight ranges in a row: at most as many more are on their way by then.
    [[ $(requests | wc -l) -le $((3 + 16 * 3)) ]] || fail "$(requests)"
}

@test "faults: an answer that is not the range asked for" {
    fails whole 'the server does not support ranges' 1
    fails shifted 'the server gives the range 1-65536/' 1
    fails sizeless 'the server does not say which range it gives' 1
    fails rangeless 'the server does not say which range it gives' 1
    fails gzip 'another encoding' 1
    fails parts 'another encoding' 1
}

@test "faults: more and fewer bytes than the range has" {
    fails more 'the server sends more bytes than asked for' 1
    fails longer 'the server announces 65546 bytes for a range of 65536' 1
    fails shorter 'the server announces 65526 bytes for a range of 65536' 1
}

@test "faults: an object that changes" {
    fails tag 'the object changed while it was read' 2
    fails time 'the object changed while it was read' 2
    fails size 'the object changed while it was read' 2
    # Not a finding of the image.
    run_qcow2_info check --data "$FAULTY/tag/image?check"
    assert_status 1
    assert_stderr_contains 'the object changed while it was read'
}

@test "faults: a server that is busy" {
    fails busy 'the server answers 503 Service Unavailable, 3 times' 3
    fails patience 'the server answers 429 Too Many Requests and asks for a pause of 3600 seconds' 1
    qcow2_info cat "$WWW/image" >want
    qcow2_info cat "$FAULTY/busy-once/image" >got
    assert_same_bytes want got
    qcow2_info cat "$FAULTY/limited-once/image" >got
    assert_same_bytes want got
}

@test "faults: errors name the answer of the server" {
    local answer hint
    for answer in '400 Bad Request' '403 Forbidden' '404 Not Found' '410 Gone' '451 Unavailable For Legal Reasons'; do
        forget_requests
        run_qcow2_info cat "$FAULTY/status/image?${answer// /+}"
        assert_status 1
        hint=
        [[ $answer != 403* ]] || hint='; credentials are given by --netrc-file or --header-file'
        assert_equal "$stderr" "qcow2-info: $FAULTY/status/image: bytes 0-65535: the server answers $answer$hint"
        assert_equal "$(requests | wc -l)" 1
    done
    # A reason is a text of a stranger.
    run_qcow2_info cat "$FAULTY/status/image?404+"$'\e[31mred'
    assert_status 1
    [[ $stderr != *$'\e'* ]] || fail "$stderr"
}

@test "faults: headers without end, and bytes that are no answer" {
    fails headers 'the header of the answer has no end' 1
    run_qcow2_info cat --timeout 60 "$FAULTY/garbage/image"
    assert_status 1
    assert_stderr_contains 'bytes 0-65535: '
}

@test "faults: redirects" {
    qcow2_info cat "$WWW/image" >want
    qcow2_info cat "$FAULTY/hops/5/image" >got
    assert_same_bytes want got
    run_qcow2_info cat "$FAULTY/hops/6/image"
    assert_status 1
    assert_stderr_contains 'more than 5 redirects'
    local target
    for target in file:///etc/passwd ftp://127.0.0.1/image 'gopher://127.0.0.1/' http://user:secret@127.0.0.1/image; do
        run_qcow2_info cat "$FAULTY/elsewhere/image?$target"
        assert_status 1
        assert_stderr_contains 'the server redirects to '
        [[ $stderr != *secret* ]] || fail "$stderr"
    done
}

@test "faults: credentials do not follow a redirect to another port" {
    printf 'X-Token: of the test\nAuthorization: Bearer of the test\n' >headers
    printf 'default login me password mine\n' >netrc
    run_qcow2_info cat --length 3 --header-file headers --netrc-file netrc "$FAULTY/secret/image"
    assert_status 1
    assert_stderr_contains '400 Token'
    # nginx sends the request on to the other port.
    run_qcow2_info cat --length 3 --header-file headers --netrc-file netrc \
        "$HTTP/to-faulty/$(<"$SERVERS/port")/secret/image"
    assert_status 0
    assert_output AAA
}

@test "faults: the fetcher ends with its parent, and its end is an error" {
    "$QCOW2_INFO" cat --timeout 60 "$FAULTY/silent/image" 3>&- >out 2>err &
    local parent=$! child=''
    until child=$(pgrep -P $parent) && [[ $(requests) == *silent* ]]; do
        sleep 0.02
    done
    kill -9 "$child"
    wait $parent && fail 'no error'
    grep -q 'the process that fetches has ended' err || fail "$(<err)"
    forget_requests
    "$QCOW2_INFO" cat --timeout 60 "$FAULTY/silent/image?again" 3>&- >out 2>err &
    parent=$! child=''
    until child=$(pgrep -P $parent) && [[ $(requests) == *again* ]]; do
        sleep 0.02
    done
    kill -9 $parent
    while kill -0 "$child" 2>/dev/null && [[ $(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$child/status") != Z ]]; do
        sleep 0.02
    done
}

@test "faults: a fetcher that is silent is an error" {
    "$QCOW2_INFO" cat --timeout 5 "$FAULTY/drip/image?stopped" 3>&- >out 2>err &
    local parent=$! child=''
    until child=$(pgrep -P $parent) && [[ $(requests) == *stopped* ]]; do
        sleep 0.02
    done
    kill -STOP "$child"
    wait $parent && fail 'no error'
    kill -9 "$child"
    grep -q 'the process that fetches has been silent for 10 seconds' err || fail "$(<err)"
}
