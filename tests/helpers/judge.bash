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
#     raw            digest of the guest bytes that qemu-img convert reads; not of make_far_image
#     map            what qemu-img map prints
#     measure        what qemu-img measure prints for a copy as raw, then as qcow2
#     check.theirs   what qemu-img check prints, and check.messages on standard error; its status is 0
#
# The program under test never writes there: builds with and without sanitizers share the folder. There are
# hundreds of images: so what is done for each starts few processes.

JUDGE=${JUDGE:-$BUILD/judge}

# For setup_file: sets $JUDGED_BELOW, the folder of all kept images of this QEMU and these recipes, and
# $SANITIZED to something where the program has a sanitizer in it.
open_judge() {
    local key
    require_tool qemu-img qemu-io jq || return
    key=$({ qemu-img --version && cat "$TOP"/tests/helpers/*.bash; } | sha256sum | head -c 16) || return
    export JUDGED_BELOW=$JUDGE/$key
    export SANITIZED=''
    ! is_sanitized || SANITIZED=yes
    mkdir -p "$JUDGED_BELOW"
}

# kept FUNCTION ARGUMENT...: runs the function in the folder of that name, unless that is there already,
# and sets $kept to the folder. A folder is complete or absent: it is made under another name and renamed,
# so that files that run at the same time share it, and one that was interrupted leaves nothing.
kept() {
    local new name=$*
    name=${name#make_judged }
    name=${name//encrypt./}
    # A comma means something in QEMU's names of files.
    name=${name//,/+}
    kept=$JUDGED_BELOW/${name//[^A-Za-z0-9=.+:_-]/_}
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
    opens image "$*" || return
    if [[ $1 != make_far_image ]]; then
        qemu-img convert -t unsafe "${qemu_image[@]}" -O raw raw.bytes && digest raw <raw.bytes || return
        rm raw.bytes
    fi
    # shellcheck disable=SC2094 # "map" is a word here, and a file
    qemu-img map "${qemu_image[@]}" --output=json >map && qemu_measures >measure &&
        qemu-img check --output=json "${qemu_image[@]}" >check.theirs 2>check.messages
}

# qemu_measures: prints how large qemu-img says that copies of $qemu_image are
qemu_measures() {
    qemu-img measure --output=json -O raw "${qemu_image[@]}" && qemu-img measure --output=json -O qcow2 "${qemu_image[@]}"
}

# digest FILE: writes that of standard input there
digest() {
    b2sum -l 128 >"$1"
}

# opens IMAGE RECIPE: qemu_opens, and sets $our_key to nothing where the image takes no key
opens() {
    qemu_opens "$1" || return
    [[ $2 == *encrypt.format* ]] || our_key=()
}

# ---- The program on the image in the folder $kept ------------------------------------------------

# cat_is_judged C RECIPE: into a pipe and, up to clusters of 64 KiB, into a file
cat_is_judged() {
    local qemu_image our_key want got statuses
    opens "$kept/image" "$2" && read -r want _ <"$kept/raw" || return
    "$QCOW2_INFO" cat "${our_key[@]}" "$kept/image" | digest sum
    statuses=("${PIPESTATUS[@]}")
    [[ ${statuses[0]} -eq 0 ]] || fail "cat: status ${statuses[0]}" || return
    read -r got _ <sum
    [[ $got == "$want" ]] || fail 'cat: not the bytes that qemu-img reads' || return
    [[ $1 -le 65536 ]] || return 0
    "$QCOW2_INFO" cat "${our_key[@]}" -o "ours.$1" "$kept/image" || fail "cat -o: status $?" || return
    digest sum <"ours.$1"
    read -r got _ <sum
    [[ $got == "$want" ]] || fail 'cat -o: not the bytes that qemu-img reads'
}

# tables_are_judged RECIPE CODE...: map prints QEMU's map, check reports what qemu-img check reports, usage
# measures as qemu-img measure does and counts each byte of the file once, and audit reports findings with
# these codes, which are in order, and no others
tables_are_judged() {
    local different status=0 recipe=$1
    shift
    "$QCOW2_INFO" map --host-offsets --json "$kept/image" >map.ours || fail "map: status $?" || return
    "$QCOW2_INFO" check --json "$kept/image" >check.ours || fail "check: status $?" || return
    "$QCOW2_INFO" usage --json "$kept/image" >usage.ours || fail "usage: status $?" || return
    "$QCOW2_INFO" audit --json "$kept/image" >audit.ours || status=$?
    [[ $status -eq $(($# > 0 ? 2 : 0)) ]] || fail "audit: status $status" || return
    different=$(compare_tables "$kept/map" "$kept/measure" "$@") || fail "$different" || return
    # QEMU maps the last bytes of a raw file that does not end in a sector as a whole one.
    [[ $recipe != *raw-short* ]] || different=${different/map/}
    # A write into space that was only reserved leaves holes around it, which some file systems fill later.
    # So, where the maps differ, QEMU maps the image once more when everything is on disk.
    if [[ $different == *map* || $different == *measure* ]]; then
        find "$kept" -type f -exec sync {} +
        "$QCOW2_INFO" map --host-offsets --json "$kept/image" >map.ours
        "$QCOW2_INFO" usage --json "$kept/image" >usage.ours
        local qemu_image our_key
        opens "$kept/image" "$recipe" && qemu-img map "${qemu_image[@]}" --output=json >map.theirs &&
            qemu_measures >measure.theirs || return
        different=$(compare_tables map.theirs measure.theirs "$@")
        [[ $recipe != *raw-short* ]] || different=${different/map/}
    fi
    [[ -z $different ]] || fail 'not what qemu-img reports, or findings of audit that were not expected:' \
        "$different" "$(head -c 2000 audit.ours)" "$(diff -u "$kept/map" map.ours)" "$(cat "$kept/measure")" \
        "$(head -c 3000 usage.ours)"
}

# compare_tables MAP MEASURE CODE...: prints the commands that disagree
compare_tables() {
    local no_offsets=false
    [[ $recipe != *encrypt.format* ]] || no_offsets=true
    jq -n -r --arg codes "${*:3}" --argjson no_offsets $no_offsets \
        --argjson bytes "$(stat -c %s "$kept/image")" --slurpfile our_map map.ours --slurpfile their_map "$1" \
        --slurpfile our_check check.ours --slurpfile their_check "$kept/check.theirs" \
        --slurpfile our_usage usage.ours --slurpfile their_measure "$2" \
        --slurpfile our_audit audit.ours -f "$TOP/tests/helpers/matrix.jq" 2>&1
}
