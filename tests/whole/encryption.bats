#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Passphrases: where they come from, which key slot they open, and what is said when they do not.
#
# For builds with libgcrypt.

load ../helpers/load
load ../helpers/tables
load ../helpers/effort
load ../helpers/encryption

# The images that most tests begin with: LUKS, with one key slot and with three.
setup_file() {
    require_libgcrypt
    export IMAGES=$BATS_FILE_TMPDIR
    cd "$IMAGES" || return
    head -c 128k /dev/urandom >noise
    create_qcow2 -o "$LUKS" image 1M
    qemu_io_encrypted image 'write -q -s noise 0 128k'
    # Slots 0, 3 and 7, with the passphrases abc, three and seven.
    cp image slots
    add_passphrase three three
    add_passphrase seven seven
    amend slots encrypt.state=active,encrypt.new-secret=three,encrypt.keyslot=3,encrypt.iter-time=10
    amend slots encrypt.state=active,encrypt.new-secret=seven,encrypt.keyslot=7,encrypt.iter-time=10
}

setup() {
    enter_test || return
    printf abc >key
}

# amend IMAGE OPTIONS: qemu-img amend of its key slots
amend() {
    local qemu_image=()
    qemu_opens "$1"
    qemu_img_luks amend -o "$2" "${qemu_image[@]: -2}"
}

# make_data [OPTIONS]: an image with 128 KiB of noise: LUKS with the passphrase abc, or as OPTIONS say
make_data() {
    if [[ $# -eq 0 ]]; then
        cp "$IMAGES/image" "$IMAGES/noise" .
        return
    fi
    create_qcow2 -o "$1" image 1M
    head -c 128k /dev/urandom >noise
    qemu_io_encrypted image 'write -q -s noise 0 128k'
}

make_slots() {
    cp "$IMAGES/slots" image
    cp "$IMAGES/noise" .
}

# assert_reads IMAGE OPTION...: the noise of make_data
assert_reads() {
    qcow2_info cat "${@:2}" --length 128K "$1" | cmp - noise || fail "cat ${*:2} $1"
}

# ---- Where the passphrase comes from -----------------------------------------------------------------

@test "encryption: the passphrase from a file, standard input and a descriptor" {
    make_data
    assert_reads image --key-file key
    assert_reads image --key-file - <key
    assert_reads image --key-fd 0 <key
    assert_reads image --key-fd 7 7<key
    assert_reads image --key-file <(printf abc)
    assert_reads image --key-fd 7 7< <(printf a; sleep 0.1; printf bc)
}

@test "encryption: a descriptor that others use stays open" {
    local status=0
    make_data
    "$QCOW2_INFO" cat --key-fd 2 image 2<key | cmp -n 131072 - noise
    # The error goes to the file from which the passphrase was read, and not into the image.
    printf wrong >key
    "$QCOW2_INFO" cat --key-fd 2 image 2<>key >ours || status=$?
    assert_equal "$status" 1
    grep -q '^wrongqcow2-info: image: ' key || fail "the error went elsewhere: $(<key)"
}

@test "encryption: the image from standard input, and the passphrase from elsewhere" {
    make_data
    assert_reads - --key-file key <image
    assert_reads - --key-file key < <(cat image)
    run_qcow2_info cat --key-file - - <image
    assert_status 64
    assert_stderr_contains 'standard input cannot be read for two purposes'
    run_qcow2_info cat --key-file 0:- --key-fd 0 image <key
    assert_status 64
}

@test "encryption: a newline belongs to the passphrase, unless it is to be stripped" {
    make_data
    echo abc >line
    cannot cat --key-file line image 'key material is damaged; it ends with a newline, which --key-strip-newline drops'
    assert_reads image --key-file line --key-strip-newline
    assert_reads image --key-file key --key-strip-newline
    # One newline, not two.
    printf 'abc\n\n' >line
    cannot cat --key-file line --key-strip-newline image 'opens none of the LUKS key slots'
    # One that is part of the passphrase.
    SECRETS=(--object 'secret,id=s,file=line')
    make_data "$LUKS"
    assert_reads image --key-file line
}

@test "encryption: a passphrase may contain any byte that QEMU accepts" {
    LC_ALL=C awk 'BEGIN { for (i = 1; i < 128; i++) printf "%c", i }' >key
    [[ $(wc -c <key) -eq 127 ]]
    SECRETS=(--object 'secret,id=s,file=key')
    make_data "$LUKS"
    assert_reads image --key-file key
}

@test "encryption: a passphrase without a byte" {
    add_passphrase nothing ''
    create_qcow2 -o "${LUKS/=s,/=nothing,}" image 1M
    head -c 128k /dev/urandom >noise
    SECRET=nothing qemu_io_encrypted image 'write -q -s noise 0 128k'
    : >key
    assert_reads image --key-file key
    printf abc >key
    cannot cat --key-file key image 'opens none'
}

@test "encryption: passphrases up to 1 MiB" {
    head -c 100000 /dev/urandom | base64 -w 0 >key
    SECRETS=(--object 'secret,id=s,file=key')
    make_data "$LUKS"
    assert_reads image --key-file key
    truncate -s $((1 << 20)) key
    cannot cat --key-file key image 'opens none'
    truncate -s +1 key
    cannot cat --key-file key image 'the passphrase is longer than'
    cannot cat --key-file /dev/zero image 'the passphrase is longer than'
}

@test "encryption: the passphrase of AES is the key: cut, or filled up" {
    local passphrase
    for passphrase in a abcdefghijklmnop abcdefghijklmnopqrstuvwxyz; do
        printf %s $passphrase >key
        SECRETS=(--object 'secret,id=s,file=key')
        make_data "$AES"
        assert_reads image --key-file key
    done
    head -c 16 key >start
    assert_reads image --key-file start
    # Any other one is a key, too: of other bytes.
    printf x >key
    qcow2_info cat --key-file key --length 128K image >other
    ! cmp -s other noise || fail 'another passphrase reads the same'
}

@test "encryption: key files that cannot be read" {
    make_data
    cannot cat --key-file nothing image 'nothing: cannot open'
    cannot cat --key-file . image '.: cannot read'
    cannot cat --key-fd 99 image 'cannot read'
}

@test "encryption: wrong usage of key options" {
    make_data
    local options
    for options in '--key-fd x' '--key-fd -1' '--key-file key --key-file key' '--key-file key --key-fd 7' \
        '--key-file 1:key --key-file 01:key' '--key-file 99999999999999999999:key' \
        '--max-kdf-iterations 0' '--max-kdf-iterations 4294967296' '--key-file'; do
        # shellcheck disable=SC2086
        run_qcow2_info cat image $options
        assert_status 64
        assert_output ''
    done
    for options in '--key-file key' '--key-fd 7' --key-strip-newline '--max-kdf-iterations 1'; do
        # shellcheck disable=SC2086
        run_qcow2_info info image $options
        assert_status 64
        # shellcheck disable=SC2086
        run_qcow2_info check image $options
        assert_status 64
    done
    run_qcow2_info map --key-file key image
    assert_status 64
    for options in - /dev/stdin /dev/fd/0; do
        run_qcow2_info cat --key-file $options - <image
        assert_status 64
        assert_stderr_contains 'standard input cannot be read for two purposes'
    done
}

@test "encryption: a key for an image that is not encrypted is not needed, and does no harm" {
    qemu-img create -q -f qcow2 image 1M
    qcow2_info cat --key-file key image | cmp - <(head -c 1M /dev/zero)
}

# ---- Layers ------------------------------------------------------------------------------------------

# make_layers: top on base, with the passphrases abc and xyz
make_layers() {
    add_passphrase b xyz
    printf xyz >base-key
    head -c 128k /dev/urandom >noise
    create_qcow2 -o encrypt.format=luks,encrypt.key-secret=b,encrypt.iter-time=10 base 1M
    SECRET=b qemu_io_encrypted base 'write -q -s noise 0 128k'
    create_qcow2 -u -b base -F qcow2 -o "$LUKS" top 1M
    QEMU_BACKING=backing.encrypt.key-secret=b qemu_io_encrypted top 'write -q -s noise 512k 64k'
}

@test "encryption: each layer has its own passphrase" {
    make_layers
    export QEMU_BACKING=backing.encrypt.key-secret=b
    decrypts_equal top --key-file 0:key --key-file 1:base-key
    decrypts_equal top --key-file 1:base-key --key-file key
    decrypts_equal top --key-file base-key --key-file 0:key
    qcow2_info cat --key-file 1:- --key-file 0:key top <base-key | cmp - theirs
    qcow2_info cat --key-file 1:base-key --key-fd 7 top 7<key | cmp - theirs
    assert_equal "$(qcow2_info info --backing-chain --check-key --key-file key --key-file 1:base-key --json top |
        jq -c '[.[].encryption.key_slot]')" '[0,0]'
}

@test "encryption: the layer whose key is missing or wrong is named" {
    make_layers
    cannot cat --key-file key top 'top: backing file base: the passphrase opens none'
    cannot cat --key-file 0:key top 'top: backing file base: guest data is encrypted'
    cannot cat --key-file base-key top 'top: the passphrase opens none'
    cannot cat --key-file key --key-file 2:base-key top 'no layer 2'
    # Without its backing file the top needs its own passphrase only.
    qcow2_info cat --no-backing --key-file key top >/dev/null
}

@test "encryption: a file whose name begins like a layer number" {
    make_data
    cp key 1:key
    assert_reads image --key-file ./1:key
}

# ---- The terminal ------------------------------------------------------------------------------------

# at_terminal ANSWER COMMAND: runs a shell command on a terminal of its own, where ANSWER is typed once it
# asks, and $SECOND_ANSWER, if there is one, once it asks again. Where ON_QUESTION is a command, that is run
# instead of typing. What the terminal shows is in the file screen, the status of the command in $status.
at_terminal() {
    require_tool script
    mkfifo typed 2>/dev/null || true
    rm -f ended
    status=0
    : >screen
    # The terminal stays open until the command ends.
    {
        asked 1 && ${ON_QUESTION:-type_text} "$1"
        [[ -z ${SECOND_ANSWER:-} ]] || ! asked 2 || type_text "$SECOND_ANSWER"
        until [[ -e ended ]]; do
            sleep 0.05
        done
    } >typed &
    local typist=$!
    timeout -k 5 "$PROGRAM_SECONDS" script -qefc "$2" screen <typed >/dev/null || status=$?
    : >ended
    wait $typist
}

# asked COUNT: waits until there are so many questions; fails when the command ends before
asked() {
    while [[ $(grep -ao 'Passphrase of [^:]*: ' screen | wc -l) -lt $1 ]]; do
        [[ ! -e ended ]] || return
        sleep 0.05
    done
}

type_text() {
    # shellcheck disable=SC2059 # it may have escapes
    printf "$1"
}

@test "encryption: the passphrase is asked for on the terminal, without echo" {
    make_data
    at_terminal 'abc\n' "'$QCOW2_INFO' cat -o ours image"
    assert_status 0
    cmp -n 131072 ours noise
    grep -q 'Passphrase of image: ' screen
    ! grep -q abc screen || fail 'it is shown' "$(cat screen)"
    at_terminal 'wrong\n' "'$QCOW2_INFO' cat -o ours image"
    assert_status 1
    grep -q 'opens none' screen
    at_terminal 'abc\n' "'$QCOW2_INFO' info --check-key image"
    assert_status 0
    grep -q 'opens key slot 0' screen
}

@test "encryption: the terminal has its echo back, also after an interrupt" {
    make_data
    local answer
    for answer in 'abc\n' '\003' '\034'; do
        at_terminal "$answer" "'$QCOW2_INFO' cat -o ours image; echo status \$?; stty -a; sleep 1"
        grep -Eq '[^-]echo ' screen || fail "no echo after $answer" "$(cat screen)"
    done
    at_terminal '\003' "'$QCOW2_INFO' cat -o ours image; echo status \$?"
    ! grep -q 'status 0' screen || fail 'an interrupt was no end' "$(cat screen)"
}

# signal_it SIGNAL: to the process whose number is in the file pid
signal_it() {
    kill -s "$1" "$(<pid)"
}

@test "encryption: the terminal has its echo back after a signal from elsewhere" {
    make_data
    local signal
    for signal in TERM USR1; do
        ON_QUESTION="signal_it $signal" at_terminal '' \
            "sh -c 'echo \$\$ >pid; exec \"\$QCOW2_INFO\" cat -o ours image'; stty -a; sleep 1"
        grep -q 'Passphrase of image: ' screen || fail 'nothing was asked' "$(cat screen)"
        grep -Eq '[^-]echo ' screen || fail "no echo after $signal" "$(cat screen)"
    done
}

@test "encryption: a passphrase from standard input, when that is the terminal, is a line without echo" {
    make_data
    local option
    for option in '--key-file -' '--key-file 0:/dev/stdin' '--key-file /dev/tty' '--key-fd 0'; do
        rm -f ours
        at_terminal 'abc\n' "'$QCOW2_INFO' cat $option -o ours image; stty -a"
        cmp -n 131072 ours noise
        [[ $(grep -o 'Passphrase of ' screen | wc -l) -eq 1 ]] || fail "$option" "$(cat screen)"
        ! grep -q abc screen || fail "$option: it is shown" "$(cat screen)"
        grep -Eq '[^-]echo ' screen || fail "$option: no echo afterwards" "$(cat screen)"
    done
}

@test "encryption: no answer is no passphrase" {
    make_data "$AES"
    at_terminal '\004' "'$QCOW2_INFO' cat -o ours image"
    assert_status 1
    grep -q 'no passphrase was typed' screen || fail "$(cat screen)"
    [[ ! -s ours ]]
    # An empty line is one.
    at_terminal '\n' "'$QCOW2_INFO' cat -o ours image"
    assert_status 0
    [[ -s ours ]]
}

@test "encryption: stopped at the question, the process asks again when it goes on" {
    make_data
    # A shell with job control stops it, and lets it go on.
    SECOND_ANSWER='abc\n' at_terminal '\032' "bash -ic \"'$QCOW2_INFO' cat -o ours image; stty -a; fg <<<abc\"; sleep 1"
    [[ $(grep -o 'Passphrase of image: ' screen | wc -l) -ge 2 ]] || fail "$(cat screen)"
    grep -Eq '[^-]echo ' screen || fail 'no echo while it is stopped' "$(cat screen)"
}

@test "encryption: there is no prompt where no key is needed" {
    make_data
    qemu-img create -q -f qcow2 plain 1M
    local command
    for command in 'map image' 'map --totals image' 'info image' 'check image' 'check --data image' \
        'cat --key-file key -o ours image' 'cat -o ours plain' 'info --backing-chain image'; do
        at_terminal '' "'$QCOW2_INFO' $command"
        assert_status 0
        ! grep -q Passphrase screen || fail "$command asks" "$(cat screen)"
    done
}

# ---- Key slots ---------------------------------------------------------------------------------------

# slot_of PASSPHRASE: which one `info` says that it opens, in both forms
slot_of() {
    local slot
    slot=$(printf %s "$1" | qcow2_info info --json --check-key --key-file - image | jq .encryption.key_slot) || return
    printf %s "$1" | qcow2_info info --check-key --key-file - image >text || return
    grep -q "^  passphrase:         opens key slot $slot\$" text || return
    echo "$slot"
}

@test "encryption: several key slots, each opens the image" {
    make_slots
    local passphrase
    for passphrase in abc three seven; do
        printf %s $passphrase >key
        assert_reads image --key-file key
    done
}

@test "encryption: info --check-key reports which slot the passphrase opens" {
    make_slots
    assert_equal "$(slot_of abc)" 0
    assert_equal "$(slot_of three)" 3
    assert_equal "$(slot_of seven)" 7
    printf wrong >key
    cannot info --check-key --key-file key image 'opens none of the LUKS key slots in use (3)'
    cannot info --check-key --key-file key --json image 'opens none of the LUKS key slots in use (3)'
}

@test "encryption: info --check-key reports the slots of a chain, but no slot for AES" {
    local options
    for options in "$AES $LUKS" "$LUKS $AES"; do
        rm -f base image
        create_qcow2 -o "${options#* }" base 1M
        create_qcow2 -u -b base -F qcow2 -o "${options% *}" image 1M
        run_qcow2_info info --backing-chain --check-key --key-file key --json image
        assert_status 0
        if [[ $options == "$AES "* ]]; then
            assert_equal "$(jq -c '[.. | .encryption? // empty | .key_slot]' <<<"$output")" '[null,0]'
        else
            assert_equal "$(jq -c '[.. | .encryption? // empty | .key_slot]' <<<"$output")" '[0,null]'
        fi
        run_qcow2_info info --backing-chain --check-key --key-file key image
        [[ $(grep -c 'opens key slot 0$' <<<"$output") -eq 1 && $output != *'slot -1'* ]] || fail "$output"
    done
}

@test "encryption: a passphrase that was removed does not open the image" {
    make_slots
    amend image encrypt.state=inactive,encrypt.keyslot=3
    printf three >key
    cannot cat --key-file key image 'opens none of the LUKS key slots in use (2)'
    assert_equal "$(slot_of seven)" 7
}

@test "encryption: --check-key with AES, and without encryption" {
    make_data "$AES"
    cannot info --check-key --key-file key image 'which accepts any passphrase'
    qemu-img create -q -f qcow2 image 1M
    cannot info --check-key --key-file key image 'the image is not encrypted'
}

@test "encryption: info reports that the image is readable, and no key slot without --check-key" {
    make_data
    run_qcow2_info info --json image
    assert_status 0
    assert_equal "$(jq -c '[.readable, .problems, (.encryption | has("key_slot"))]' <<<"$output")" '[true,[],false]'
    make_data "$AES"
    run_qcow2_info info --json image
    assert_equal "$(jq -c '[.readable, .problems, .encryption]' <<<"$output")" '[true,[],{"method":"aes"}]'
}

# ---- What is wrong with a key or a header ------------------------------------------------------------

@test "encryption: no key" {
    make_data
    cannot cat image 'image: guest data is encrypted; give the passphrase with --key-file FILE'
    cannot info --check-key image 'image: guest data is encrypted; give the passphrase with --key-file FILE'
    make_data "$AES"
    cannot cat image 'image: guest data is encrypted; give the passphrase with --key-file FILE'
}

@test "encryption: with a wrong key no byte is written" {
    make_data
    printf wrong >key
    cannot cat --key-file key image 'image: the passphrase opens none of the LUKS key slots in use (1)'
    cannot cat --key-file key -o ours image 'opens none'
    [[ ! -e ours ]] || fail 'the output was made'
    : >key
    cannot cat --key-file key image 'opens none'
    cannot cat --salvage --key-file key image 'opens none'
    cannot check --data --key-file key image 'opens none'
}

@test "encryption: damaged key material is as good as a wrong passphrase" {
    make_data
    local header
    header=$(luks_header image)
    poke image $((header + $(peek_be32 image $((header + 248))) * 512 + 100000)) 00112233
    cannot cat --key-file key image 'or their key material is damaged'
    make_data
    poke image $((header + 112)) 00112233
    cannot cat --key-file key image 'or their key material is damaged'
}

@test "encryption: a damaged key slot is named, and the others are tried" {
    make_slots
    local header slot
    header=$(luks_header image)
    slot=$((header + 208 + 3 * 48))
    # field, its value, the reported place, the message
    while read -r at value place words; do
        cp image damaged
        poke_be32 damaged $((slot + at)) "$value"
        printf three >key
        cannot cat --key-file key damaged "belongs to a key slot that was skipped: $words"
        assert_stderr_contains "(at offset $((slot + place)))"
        printf seven >key
        assert_reads damaged --key-file key
    done <<'END'
4 0 0 LUKS key slot 3 has 0 iterations
4 0xffffffff 4 LUKS key slot 3 needs
40 0 40 the key material of LUKS key slot 3 lies outside the encryption header
40 0xffffffff 40 the key material of LUKS key slot 3 lies outside the encryption header
44 0 0 LUKS key slot 3 has
44 4001 44 LUKS key slot 3 has 4001 stripes, above 4000
44 0xffffffff 44 LUKS key slot 3 has 4294967295 stripes, above 4000
END
    # A state that is none is that of no slot in use.
    cp image damaged
    poke_be32 damaged "$slot" 1
    printf three >key
    cannot cat --key-file key damaged 'opens none of the LUKS key slots in use (2)'
    # When no other one is left, only the fault is reported.
    make_data
    poke_be32 image $(($(luks_header image) + 208 + 4)) 0
    cannot cat --key-file key image 'image: LUKS key slot 0 has 0 iterations'
    # There is no prompt then.
    cannot cat image 'image: LUKS key slot 0 has 0 iterations'
    qcow2_info info --json image | jq -e '.readable == false' >/dev/null || fail 'it is called readable'
    poke_be32 image $(($(luks_header image) + 208)) 0xdead
    cannot cat --key-file key image 'no LUKS key slot is in use'
}

@test "encryption: damaged headers, each with its place" {
    make_data
    local header offset
    header=$(luks_header image)
    while read -r at hex words; do
        cp image damaged
        poke damaged $((header + at)) "$hex"
        cannot cat --key-file key damaged "$words"
        offset=$((header + at))
        [[ $words == *supported* ]] || assert_stderr_contains "(at offset $offset)"
        # There is no prompt for a passphrase that cannot help.
        cannot cat damaged "$words"
        run_qcow2_info info --json damaged
        assert_status 0
        assert_equal "$(jq .readable <<<"$output")" false
    done <<'END'
0 4c554b54 there is no LUKS header
6 0002 the LUKS header has version 2
8 6165740000 cipher "aet" with keys of 256 bits is not supported
40 78747a cipher mode "xtz" is not supported
44 626c6f626200 IV generator "blobb" is not supported
72 73686133 hash "sha356" is not supported
108 00000000 the LUKS master key has no bytes
108 00000041 the LUKS master key has 65 bytes, above 64
108 ffffffff the LUKS master key has 4294967295 bytes, above 64
164 00000000 the LUKS master key has no iterations
END
    poke_be32 image $((header + 164)) 0xffffffff
    cannot cat --key-file key image 'the LUKS master key needs 4294967295 iterations of key derivation, above 50000000; to allow more, use --max-kdf-iterations'
}

@test "encryption: a header that is missing, too short, or cut off" {
    make_data
    local header
    header=$(luks_header image)
    cp image damaged
    poke_be64 damaged 128 591
    cannot cat --key-file key damaged 'the encryption header has 591 bytes, too few'
    cp image damaged
    poke damaged 112 0537be78
    cannot cat --key-file key damaged 'LUKS encryption without a usable encryption header pointer'
    cp image damaged
    poke_be64 damaged 120 $((1 << 40))
    cannot cat --key-file key damaged 'the encryption header at 1099511627776'
    # Tables and data first, so that only the header can be missing.
    create_qcow2 -o "$AES" small 1M
    poke_field small crypt_method 2
    poke small 112 "0537be77 00000010 $(printf %016x $((header))) $(printf %016x 2068480)"
    truncate -s $((header + 591)) small
    dd if=image of=small bs=1 skip="$header" seek="$header" count=591 conv=notrunc status=none
    cannot cat --key-file key small "(at offset $((header + 591)))"
}

@test "encryption: key material that is cut off" {
    make_data
    local header size
    header=$(luks_header image)
    size=$((header + $(peek_be32 image $((header + 248))) * 512 + 255999))
    # The material of slot 0 moves to the end of a file that is one byte too short for it.
    truncate -s $size image
    cannot cat --salvage --key-file key image 'the key material of LUKS key slot 0'
    assert_stderr_contains "(at offset $size)"
    truncate -s +1 image
    cannot cat --salvage --key-file key image 'opens none'
}

# slot_iterations NUMBER: what it costs to try this slot of a header with a key of 64 bytes and sha256: two
# blocks of the hash, and one for the digest of the master key
slot_iterations() {
    local header
    header=$(luks_header image)
    echo $((2 * $(peek_be32 image $((header + 208 + 48 * $1 + 4))) + $(peek_be32 image $((header + 164)))))
}

@test "encryption: more iterations are spent when they are allowed" {
    # More for the key slot than for the master key, which has QEMU's least number.
    make_data "${LUKS/iter-time=10/iter-time=100}"
    local iterations
    iterations=$(slot_iterations 0)
    cannot cat --key-file key --max-kdf-iterations $((iterations - 1)) image \
        "LUKS key slot 0 needs $iterations iterations of key derivation, above $((iterations - 1)); to allow more, use --max-kdf-iterations"
    assert_reads image --key-file key --max-kdf-iterations "$iterations"
    run_qcow2_info info --check-key --key-file key --max-kdf-iterations "$iterations" image
    assert_status 0
    run_qcow2_info check --data --key-file key --max-kdf-iterations "$iterations" image
    assert_status 0
    cannot check --data --key-file key --max-kdf-iterations 1 image 'the LUKS master key needs'
}

@test "encryption: all key slots share the iterations, and a slot that is skipped is named" {
    make_slots
    local all
    all=$(($(slot_iterations 0) + $(slot_iterations 3)))
    printf three >key
    assert_reads image --key-file key --max-kdf-iterations "$all"
    cannot cat --key-file key --max-kdf-iterations $((all - 1)) image \
        "the passphrase is wrong, or belongs to a key slot that was skipped: LUKS key slot 3 needs $(slot_iterations 3) iterations of key derivation after the $(slot_iterations 0) of other key slots, above $((all - 1))"
    # A slot that is too dear does not keep a cheaper one behind it from being tried.
    poke_be32 image $(($(luks_header image) + 208 + 4)) 0xffffffff
    assert_reads image --key-file key
    poke_be32 image $(($(luks_header image) + 208 + 3 * 48 + 4)) 0xfffffffe
    # More than one: each is named.
    cannot cat --key-file key image 'that was skipped: LUKS key slot 0 needs'
    assert_stderr_contains 'key slot 3 was skipped, too (at offset'
}

@test "encryption: hostile iterations and stripes cost no work" {
    make_data
    local header field
    header=$(luks_header image)
    for field in 164 212 252; do
        cp image damaged
        poke_be32 damaged $((header + field)) 0xffffffff
        (limit_effort 50 && cannot cat --key-file key damaged above)
    done
}

@test "encryption: info reports iterations beyond the limit, which can be raised" {
    make_data
    local at
    at=$(($(luks_header image) + 212))
    poke_be32 image $at 25000001
    run_qcow2_info info --json image
    assert_status 0
    assert_equal "$(jq -c '.readable, [.problems[] | .code, .offset]' <<<"$output")" "true
[\"limit\",$at]"
    assert_output_contains --max-kdf-iterations
}

# ---- check -------------------------------------------------------------------------------------------

@test "encryption: cat does not write over the file of the passphrase" {
    make_data
    ln key hard-link
    ln -s key link
    for file in key hard-link link; do
        run --separate-stderr qcow2_info cat --key-file key -o "$file" image
        assert_status 1
        assert_one_error "$file" 'the output is also the passphrase file'
        run --separate-stderr qcow2_info cat --key-file 0:link --salvage --salvage-log "$file" -o out image
        assert_status 1
        assert_one_error image "salvage log $file: the output is also the passphrase file"
        assert_equal "$(<key)" abc
    done
    qcow2_info cat --key-file - image <key >/dev/null
    qcow2_info cat --key-file key -o out image
    cmp -n 131072 out noise
}

@test "encryption: check --data with and without a key" {
    local format
    for format in "$LUKS" "$AES"; do
        make_data "$format"
        run_qcow2_info check --data --key-file key image
        assert_status 0
        run_qcow2_info check --data image
        assert_status 0
    done
}

@test "encryption: check --data finds the data that an encrypted image lacks" {
    make_data
    local end
    end=$(qcow2_info map --json --host-offsets --length 128K image | jq -s '.[-1] | .offset + .length')
    truncate -s $((end - 1000)) image
    run_qcow2_info check --data --json --key-file key image
    assert_status 2
    # Of the sector that is cut nothing is left.
    assert_equal "$(jq -c '[.findings[] | select(.code == "unreadable-data") | .guest_offset]' <<<"$output")" \
        '[130048,130072]'
    run --separate-stderr qcow2_info cat --salvage --key-file key -o ours image
    assert_status 1
    assert_stderr_contains '1024 bytes cannot be read'
    cmp -n 130048 ours noise
}

# ---- Secrets -----------------------------------------------------------------------------------------

# running_cat: starts cat of the image into a pipe that is not read to its end; sets $pid
running_cat() {
    mkfifo out
    "$QCOW2_INFO" cat --key-file key image >out 3>&- &
    pid=$!
    exec 8<out
    head -c 1000 <&8 >/dev/null
}

end_cat() {
    exec 8<&-
    wait "$pid" || true
}

# make_secret: an image with a passphrase that occurs nowhere else
make_secret() {
    printf 'Jackdaws love my big sphinx of quartz' >key
    # shellcheck disable=SC2034 # qemu_opens has them
    SECRETS=(--object 'secret,id=s,file=key')
    create_qcow2 -o "$LUKS" image 64M
    qemu_io_encrypted image 'write -q -P 1 0 64M'
}

@test "encryption: a process that holds a key dumps no core" {
    make_secret
    running_cat
    run cat "/proc/$pid/limits"
    end_cat
    [[ $output =~ 'Max core file size '\ +0\ +0\  ]] || fail "$output"
}

# The process hides itself from other users' eyes.
only_root() {
    [[ $EUID -eq 0 ]] || skip 'machine: only root can look into the process'
}

@test "encryption: memory with keys is locked and not dumped" {
    only_root
    make_secret
    running_cat
    run cat "/proc/$pid/smaps"
    end_cat
    local locked='\ lo\ '
    # Sanitizers lock nothing.
    ! grep -aq '__asan_init\|__tsan_init' "$QCOW2_INFO" || locked=''
    [[ $output =~ VmFlags:[a-z\ ]*${locked}[a-z\ ]*dd ]] || fail 'no memory is locked and kept out of dumps'
}

@test "encryption: the passphrase is wiped from memory once the image is open" {
    only_root
    make_secret
    running_cat
    local line from to permissions
    while read -r line permissions _; do
        from=$((0x${line%-*})) to=$((0x${line#*-}))
        # Sanitizers have some that are larger than any memory.
        [[ $permissions == rw* && $((to - from)) -lt $((1 << 30)) ]] || continue
        dd if="/proc/$pid/mem" bs=4096 skip=$((from / 4096)) count=$(((to - from) / 4096)) status=none 2>>dd.log
    done <"/proc/$pid/maps" >memory
    end_cat
    # Otherwise nothing was read.
    grep -aq 'key-file' memory || fail 'the memory of the process could not be read' "$(cat dd.log)"
    ! grep -aq 'big sphinx' memory || fail 'the passphrase is still there'
}
