# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Web servers for the tests of remote images. A file that uses them has
#
#     setup_file() { start_servers; }
#     teardown_file() { stop_servers; check_json; }
#
# What lies in $WWW is served by nginx at $HTTP and $HTTPS, and by a server with faults at
# $FAULTY/FAULT; see faulty.py for the faults. No proxy of this machine is used.

unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY

# wait_for FILE PROCESS: waits until the server has written it
wait_for() {
    local started=$SECONDS
    until [[ -e $1 ]]; do
        kill -0 "$2" && [[ $((SECONDS - started)) -lt $PROGRAM_SECONDS ]] || fail "no server: $1" || return
        sleep 0.02
    done
}

start_servers() {
    local tests=$TOP/tests/helpers plain secure
    export SERVERS=$BATS_FILE_TMPDIR WWW=$BATS_FILE_TMPDIR/www
    mkdir -p "$WWW" "$SERVERS/tmp"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost \
        -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$SERVERS/key.pem" -out "$SERVERS/cert.pem" \
        2>"$SERVERS/openssl.log" || return
    python3 "$tests/nginx.py" "$SERVERS" 3>&- &
    export NGINX_PROCESS=$!
    python3 "$tests/faulty.py" "$SERVERS" 3>&- &
    export FAULTY_PROCESS=$!
    wait_for "$SERVERS/ports" "$NGINX_PROCESS" && wait_for "$SERVERS/port" "$FAULTY_PROCESS" || return
    read -r plain secure <"$SERVERS/ports"
    export HTTP=http://127.0.0.1:$plain HTTPS=https://localhost:$secure CERT=$SERVERS/cert.pem
    FAULTY=http://127.0.0.1:$(<"$SERVERS/port")
    export FAULTY
}

stop_servers() {
    kill "${NGINX_PROCESS:?}" "${FAULTY_PROCESS:?}"
}

# What was asked of the faulty server since the last call of forget_requests.
requests() {
    cat "$SERVERS/requests" 2>/dev/null || true
}

forget_requests() {
    rm -f "$SERVERS/requests"
    : >"$SERVERS/access.log"
}
