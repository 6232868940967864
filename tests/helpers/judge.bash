# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Images that are made once and kept, each with what QEMU reports of it; load helpers/load first, and
# helpers/check before the checks at the end.
#
# A kept image is a folder: $JUDGE/KEY/RECIPE, where KEY is a hash of QEMU's version and of the helpers,
# which hold all recipes, and RECIPE is the command that made it. A change of either makes new ones. The
# folder holds
#
#     image          the image, and beside it whatever else the recipe made
#     raw            digest of the guest bytes that qemu-img convert reads, of a disk up to 1 GiB
#     map            what qemu-img map prints, in the common form of helpers/load
#     check.theirs   what qemu-img check prints, check.messages on standard error, check.status
#
# The program under test never writes there: builds with and without sanitizers share the folder.

JUDGE=${JUDGE:-$BUILD/judge}

# For setup_file: sets $JUDGED_BELOW, the folder of all kept images of this QEMU and these recipes.
open_judge() {
    local key
    require_tool qemu-img qemu-io jq || return
    key=$({ qemu-img --version && cat "$TOP"/tests/helpers/*.bash; } | sha256sum | head -c 16) || return
    export JUDGED_BELOW=$JUDGE/$key
    mkdir -p "$JUDGED_BELOW"
}

# recipe_name FUNCTION ARGUMENT...: the name of its folder
recipe_name() {
    local name=$*
    name=${name#make_judged }
    name=${name//encrypt./}
    name=${name//,/+}
    echo "${name//[^A-Za-z0-9=.+:_-]/_}"
}

# kept FUNCTION ARGUMENT...: runs the function in the folder of that name, unless that is there already,
# and sets $kept to the folder. A folder is complete or absent: it is made under another name and renamed,
# so that files that run at the same time share it, and one that was interrupted leaves nothing.
kept() {
    local new
    kept=$JUDGED_BELOW/$(recipe_name "$@")
    [[ ! -d $kept ]] || return 0
    new=$(mktemp -d "$JUDGED_BELOW/new.XXXXXX") || return
    if ! (cd "$new" && "$@"); then
        rm -rf "$new"
        fail "cannot make: $*"
        return
    fi
    mv -T "$new" "$kept" 2>/dev/null || rm -rf "$new"
    [[ -d $kept ]]
}

# judged FUNCTION ARGUMENT...: the same for a function that makes the file image, with QEMU's judgement
judged() {
    kept make_judged "$@"
}

make_judged() {
    "$@" || return
    rm -f qemu-io.log
    local qemu_image our_key
    opens image || return
    [[ $(field image size) -gt $((1 << 30)) ]] || their_bytes || return
    their_map map || return
    their_check
    ((check_status <= 63)) || fail "qemu-img check: status $check_status"
}

their_bytes() {
    timeout -k 5 "$PROGRAM_SECONDS" qemu-img convert -t unsafe "${qemu_image[@]}" -O raw raw.bytes || return
    digest <raw.bytes >raw
    rm raw.bytes
}

digest() {
    b2sum -l 128 | head -c 32
}

# their_map FILE: QEMU's map of image in the common form; uses $qemu_image
their_map() {
    timeout -k 5 "$PROGRAM_SECONDS" qemu-img map "${qemu_image[@]}" --output=json >"$1.qemu" || return
    jq -c --argjson no_offsets "$(no_offsets)" "$THEIR_MAP" "$1.qemu" >"$1" || return
    rm "$1.qemu"
}

# opens IMAGE: qemu_opens, and sets $our_key to nothing where the image takes no key
opens() {
    qemu_opens "$1" || return
    [[ $(field "$1" crypt_method) != 0 ]] || our_key=()
}

# QEMU names no offsets of encrypted data.
no_offsets() {
    [[ ${#our_key[@]} -eq 0 ]] && echo false || echo true
}

# their_check: sets $check_status too
their_check() {
    timeout -k 5 "$PROGRAM_SECONDS" qemu-img check --output=json "${qemu_image[@]}" >check.theirs 2>check.messages
    check_status=$?
    echo "$check_status" >check.status
}

# ---- The program on the image in the folder $kept ------------------------------------------------

# cat_is_judged: into a pipe and, up to clusters of 64 KiB, into a file
cat_is_judged() {
    local sum qemu_image our_key
    opens "$kept/image" || return
    sum=$(set -o pipefail && qcow2_info cat "${our_key[@]}" "$kept/image" | digest) || fail "cat: status $?" || return
    assert_equal "$sum" "$(<"$kept/raw")" || fail 'cat: not the bytes that qemu-img reads' || return
    [[ $(field "$kept/image" cluster_bits) -le 16 ]] || return 0
    rm -f ours
    qcow2_info cat "${our_key[@]}" -o ours "$kept/image" || fail "cat -o: status $?" || return
    assert_equal "$(digest <ours)" "$(<"$kept/raw")" || fail 'cat -o: not the bytes that qemu-img reads'
}

# map_is_judged: a write into space that was only reserved leaves holes around it, which some file systems
# fill later. So, where the maps differ, QEMU maps the image once more when everything is on disk.
map_is_judged() {
    local qemu_image our_key
    opens "$kept/image" || return
    our_map && ! cmp -s map.ours "$kept/map" || return 0
    find "$kept" -type f -exec sync {} + && our_map && their_map map.theirs || return
    diff -u --label 'qemu-img map' --label 'qcow2-info map' map.theirs map.ours | head -n 40 >&2
    cmp -s map.theirs map.ours || fail 'map: not what qemu-img reports'
}

our_map() {
    qcow2_info map --host-offsets --json "$kept/image" >map.raw || fail "map: status $?" || return
    jq -s -c --argjson no_offsets "$(no_offsets)" "$OUR_MAP" map.raw >map.ours
}

# check_is_judged: check reports what qemu-img check reports, without any rule that excuses a difference
check_is_judged() {
    local answer
    cp "$kept"/check.{theirs,messages} .
    limited_check --json --max-findings 1000000 "$kept/image" >check.ours 2>check.errors
    answer=$(explain_checks "$kept/image" $? "$(<"$kept/check.status")")
    [[ $answer == same ]] || fail "check: $answer"
}

# audit_is_judged CODE...: audit reports these findings, in any order, and no other
audit_is_judged() {
    local status=0 codes
    qcow2_info audit --json "$kept/image" >audit.ours || status=$?
    codes=$(jq -r '[.findings[].code] | unique | join(" ")' audit.ours)
    assert_equal "$codes" "$(printf '%s\n' "$@" | sort -u | paste -s -d ' ')" || fail 'audit' || return
    assert_equal "$status" $(($# > 0 ? 2 : 0)) || fail 'audit: status'
}
