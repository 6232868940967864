#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# The sandbox around every command: it is there, with all threads in it, and makes no difference to what
# is printed and written. What it denies is in unit/test_sandbox.c.

load ../helpers/load
load ../helpers/tables

# Of a test that failed, a process may still wait for a pipe without a reader.
teardown() {
    local process
    for process in $(jobs -p); do
        kill "$process" || true
    done
}

# make_full_pipe: the descriptor 7 is a full pipe, so that a writer waits
make_full_pipe() {
    mkfifo full
    exec 7<>full
    # All that fits, whatever that is, a page at a time.
    dd if=/dev/zero of=full bs=4k oflag=nonblock 2>dd.log || true
    grep -q 'Resource temporarily unavailable' dd.log || fail "the pipe is not full: $(<dd.log)"
}

# waiting PROCESS: waits until the program runs as this process, and then waits for the pipe
waiting() {
    local started=$SECONDS still=0
    while ((still < 10 && SECONDS - started < PROGRAM_SECONDS)); do
        sleep 0.02
        [[ -e /proc/$1/comm ]] || fail 'the process ended' || return
        still=$((still + 1))
        if [[ $(<"/proc/$1/comm") != qcow2-info ]] || grep -qs '^State:.[RD]' /proc/"$1"/task/*/status; then
            still=0
        fi
    done
    [[ $still -eq 10 ]] || fail "process $1 does not come to rest"
}

# status_field FILE NAME
status_field() {
    sed -n "s/^$2:[[:space:]]*//p" "$1"
}

# The field Seccomp of a process with the full sandbox of --version: 2 is a filter.
filter_mode() {
    if qcow2_info --version | grep -q '^sandbox: .*, seccomp,'; then echo 2; else echo 0; fi
}

# The commands that --help lists.
commands() {
    qcow2_info --help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

# image_and_bait: image, and base, which it is written over
image_and_bait() {
    make_image base 1M '' 'write -q -P 0x41 0 128k'
    make_layer image 1M '' base qcow2 'write -q -P 0x42 64k 128k' 'write -q -c -P 0x43 512k 64k'
}

@test "sandbox: --version prints its parts, in this build and on this kernel" {
    run_qcow2_info --version
    assert_status 0
    assert_output_contains libseccomp
    local landlock='(landlock \(ABI [1-9][0-9]*\)|no landlock \((not offered by this kernel|instrumented build)\))'
    local seccomp='(seccomp|no seccomp \((not offered by this kernel|not built in|instrumented build)\))'
    [[ ${lines[-1]} =~ ^sandbox:\ $landlock,\ $seccomp,\ no\ new\ privileges$ ]] || fail "$output"
}

@test "sandbox: every command is in it before it prints, and not with --no-sandbox" {
    local command mode list
    image_and_bait
    make_full_pipe
    mode=$(filter_mode)
    list=$(commands)
    [[ $list == *info*map*cat*check* ]] || fail "not the list of commands: $list"
    for command in $list; do
        # Their answers do not fill a pipe.
        [[ $command != where && $command != completion ]] || continue
        [[ $command != compare ]] || command+=' image'
        # shellcheck disable=SC2086 # two words
        "$QCOW2_INFO" $command image >&7 7>&- &
        waiting $!
        assert_equal "$command $(status_field /proc/$!/status NoNewPrivs)" "$command 1"
        assert_equal "$command $(status_field /proc/$!/status Seccomp)" "$command $mode"
        kill $!
        wait $! || true
        # shellcheck disable=SC2086
        "$QCOW2_INFO" $command --no-sandbox image >&7 7>&- &
        waiting $!
        assert_equal "$command $(status_field /proc/$!/status NoNewPrivs)" "$command 0"
        assert_equal "$command $(status_field /proc/$!/status Seccomp)" "$command 0"
        kill $!
        wait $! || true
    done
}

@test "sandbox: all options that keep files open longer end in it" {
    local arguments mode
    image_and_bait
    make_full_pipe
    mode=$(filter_mode)
    for arguments in 'info --backing-chain image' 'map --no-backing image' 'check --data image' \
        'cat --salvage --salvage-log log image' 'cat -o - image' 'cat -o /dev/fd/7 image'; do
        # shellcheck disable=SC2086
        "$QCOW2_INFO" $arguments >&7 &
        waiting $!
        assert_equal "$arguments: $(status_field /proc/$!/status Seccomp)" "$arguments: $mode"
        assert_equal "$arguments: $(status_field /proc/$!/status NoNewPrivs)" "$arguments: 1"
        kill $!
        wait $! || true
    done
}

@test "sandbox: info, check and audit are in it when they read the first bytes" {
    local arguments
    # They report problems on standard error, and then they end.
    echo 'This is no image.' >text
    make_full_pipe
    for arguments in 'info text' 'check text' 'audit text' 'map --no-backing --bitmap x text'; do
        # shellcheck disable=SC2086
        "$QCOW2_INFO" $arguments 2>&7 7>&- &
        waiting $!
        assert_equal "$arguments: $(status_field /proc/$!/status NoNewPrivs)" "$arguments: 1"
        assert_equal "$arguments: $(status_field /proc/$!/status Seccomp)" "$arguments: $(filter_mode)"
        kill $!
        wait $! || true
    done
}

@test "sandbox: all threads are in it" {
    local mode task count=0
    image_and_bait
    make_full_pipe
    mode=$(filter_mode)
    "$QCOW2_INFO" cat --jobs 8 image >&7 7>&- &
    waiting $!
    for task in "/proc/$!/task"/*/status; do
        assert_equal "$(status_field "$task" NoNewPrivs) $(status_field "$task" Seccomp)" "1 $mode"
        count=$((count + 1))
    done
    [[ $count -ge 9 ]] || fail "only $count threads"
    kill $!
    wait $! || true
}

@test "sandbox: signals end it as they end any program" {
    local name
    image_and_bait
    make_full_pipe
    for name in INT TERM HUP; do
        local status=0
        # A background job of a shell ignores SIGINT, so it is given back first.
        env --default-signal=INT "$QCOW2_INFO" cat --jobs 8 image >&7 7>&- &
        waiting $!
        kill -s $name $!
        wait $! || status=$?
        assert_equal "$name $status" "$name $((128 + $(kill -l $name)))"
    done
}

@test "sandbox: info, check and audit never open the file that an image names" {
    image_and_bait
    # A file system notes when a file is read that was not read since it was written.
    local old='2001-01-01 00:00:00' command
    touch -a -d "$old" base
    qcow2_info cat --length 1 image >/dev/null
    [[ $(stat -c %X base) -ne $(date -d "$old" +%s) ]] || skip 'machine: times of reading are not kept'
    for command in info 'info --json' check 'check --data' 'map --no-backing' 'cat --no-backing' \
        'audit --allow backing-file' 'info --no-sandbox' 'check --data --no-sandbox'; do
        touch -a -d "$old" base
        # shellcheck disable=SC2086
        qcow2_info $command image >/dev/null || fail "$command: status $?"
        assert_equal "$command $(stat -c %X base)" "$command $(date -d "$old" +%s)"
    done
}

# ---- It makes no difference --------------------------------------------------------------------------

# no_difference LINE...: each line of shell, with q standing for the program, ends with the same status,
# prints the same and leaves the same files in the current folder with and without the sandbox. The
# images are in the folder above.
no_difference() {
    local line
    for line in "$@"; do
        run_line "$line" with && run_line "$line" without --no-sandbox || return
        ! grep -qE '^(124|139|159)$' with/status || fail "$line: status $(<with/status)" || return
        diff -r with without >difference || fail "$line" "$(head -n 20 difference)" || return
    done
}

# run_line LINE RESULT [OPTION]: runs it in the folder run, which then is called RESULT
run_line() {
    local result=$2
    local option=("${@:3}")
    rm -rf run "$result"
    mkdir run
    (
        # shellcheck disable=SC2317 # the lines call it
        q() { qcow2_info "$@" "${option[@]}"; }
        set +e -o pipefail
        cd run && eval "$1"
        echo $? >&9
    ) >printed 2>errors 9>status
    mkdir -p run
    mv printed errors status run
    mv run "$result"
}

@test "sandbox: info prints the same with it and without it" {
    image_and_bait
    cp "$SAMPLE" sample
    no_difference 'q info ../sample' 'q info --json ../sample' 'q ../sample' 'q info --json <../sample' \
        'cat ../sample | q info --json' 'q info --backing-chain ../image' 'cd ..; q info --json image' \
        'q info --json - <../image' 'q info missing' 'q info .' 'q info ../sample >/dev/full' \
        'q info ../sample >&-' 'q info /dev/null' 'head -c 100 ../sample | q info' \
        'mkdir a; cd a; rmdir ../a; q info --json <../../image' 'PWD=/somewhere q info --json ../image'
}

@test "sandbox: map and check print the same with it and without it" {
    image_and_bait
    cp "$SAMPLE" sample
    head -c 100000 sample >cut.qcow2
    no_difference 'q map ../sample' 'q map --json --host-offsets ../image' 'q map --totals ../image' \
        'q map --bitmap since-backup ../sample' 'q map --snapshot before-the-flood ../sample' \
        'q map ../cut.qcow2' 'q map ../image >/dev/full' 'q map ../image | head -n 1' 'q map <../sample' \
        'cat ../sample | q map' \
        'q check ../sample' 'q check --data --jobs 8 ../sample' 'q check --data --json --jobs 1 ../image' \
        'q check ../cut.qcow2' 'q check --data ../cut.qcow2' 'q check --data ../sample >/dev/full'
}

@test "sandbox: audit prints the same with it and without it" {
    image_and_bait
    cp "$SAMPLE" sample
    head -c 100000 sample >cut.qcow2
    no_difference 'q audit ../sample' 'q audit --json ../image' 'q audit --json <../image' 'q audit ../cut.qcow2' \
        'cat ../sample | q audit --json' 'q audit missing' 'q audit ../sample >/dev/full' 'q audit --list-rules'
}

@test "sandbox: cat writes the same with it and without it" {
    local jobs sparse
    image_and_bait
    cp "$SAMPLE" sample
    for jobs in 1 2 8; do
        no_difference "q cat --jobs $jobs ../sample | sha256sum" "q cat --jobs $jobs -o out ../sample" \
            "q cat --jobs $jobs ../image >out" "q cat --jobs $jobs ../image | cat >out" \
            "q cat --jobs $jobs ../image >/dev/full" "q cat --jobs $jobs -o /dev/full ../image" \
            "q cat --jobs $jobs ../sample | head -c 10" "echo first >out; q cat --jobs $jobs ../image >>out"
    done
    for sparse in auto always never; do
        no_difference "q cat --jobs 8 --sparse $sparse -o out ../sample; stat -c %b out" \
            "q cat --sparse $sparse ../image >out; stat -c %b out"
    done
}

@test "sandbox: cat writes the same of chains, data files, snapshots and VM states" {
    local i
    image_and_bait
    for ((i = 1; i <= 30; i++)); do
        make_layer layer$i 1M '' "$([[ $i -gt 1 ]] && echo layer$((i - 1)) || echo image)" qcow2 \
            "write -q -P $i $((i * 32))k 4k"
    done
    make_image outside 1M data_file=data,data_file_raw=on 'write -q -P 0x45 0 300k'
    cp "$SAMPLE" sample
    no_difference 'q cat ../layer30 | sha256sum' 'q cat --jobs 8 -o out ../layer30' 'q cat -o out ../outside' \
        'q cat ../outside >out' 'q cat --data-file ../data ../outside | sha256sum' 'q map ../layer30' \
        'q check --data ../outside' 'q cat --snapshot before-the-flood ../sample | sha256sum' \
        'q cat --snapshot before-the-flood --vm-state ../sample' 'rm -f ../base; q cat ../layer30'
}

@test "sandbox: cat writes the same of an image that is cut short" {
    local jobs
    head -c 100000 "$SAMPLE" >cut.qcow2
    for jobs in 1 8; do
        no_difference "q cat --jobs $jobs ../cut.qcow2 | sha256sum" "q cat --jobs $jobs -o out ../cut.qcow2" \
            "q cat --jobs $jobs --salvage --salvage-log log -o out ../cut.qcow2" \
            "q cat --jobs $jobs --salvage --salvage-log log ../cut.qcow2 | sha256sum" \
            "q cat --salvage --salvage-log /dev/full -o out ../cut.qcow2" \
            "q cat --salvage --salvage-log missing/log -o out ../cut.qcow2" 'q cat -o missing/out ../cut.qcow2' \
            'q cat -o ../cut.qcow2 ../cut.qcow2'
    done
}

@test "sandbox: the progress is shown in it" {
    image_and_bait
    run_qcow2_info cat --progress -o out image
    assert_status 0
    assert_stderr_contains '100%'
    run_qcow2_info check --data --progress image
    assert_status 0
    assert_stderr_contains '100%'
}
