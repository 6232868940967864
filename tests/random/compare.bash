# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What a recipe calls to compare qcow2-info with qemu-img. The first difference ends the recipe. To be
# sourced in the folder of the images; $QCOW2_INFO is the program, $RANDOM_TOP the folder of this file.
# Files called "ours", "theirs", "theirs.map", "part", "errors" and "applied" in the folder belong to these functions.

export LC_ALL=C.UTF-8 TZ=UTC

# shellcheck source=tests/helpers/check.bash
. "${RANDOM_TOP%/random}/helpers/check.bash"

# round=1 once the recipe has made a raw layer that does not end with a sector: see maps.awk.
rounding=''

differ() {
    echo "DIFFERENCE: $*"
    exit 1
}

# count WHAT: for the runner, who adds up what was compared
count() {
    echo "COUNT $1"
}

# Ends the recipe when the program failed or printed anything on standard error but the warning about a disk
# that ends within a sector, as disks do that QEMU makes over such raw layers.
must_be_silent() {
    local status=$1
    shift
    [[ $status -eq 0 ]] || differ "$*: status $status: $(head -c 2000 errors)"
    ! grep -qv ': warning: .* no multiple of 512: ' errors || differ "$*: status $status: $(head -c 2000 errors)"
}

# oracle ARGUMENT...: qemu-img has to manage
oracle() {
    qemu-img "$@" || differ "qemu-img $*: failed"
}

# their_bytes IMAGE: to the file "theirs". QEMU has made images that it cannot read itself, with
# resize --preallocation: then neither can we, and the recipe ends well.
their_bytes() {
    qemu-img convert -f qcow2 -O raw "$1" theirs && return
    "$QCOW2_INFO" cat "$1" 2>errors >ours && differ "cat $1: works where qemu-img fails"
    cat errors
    count unreadable
    exit 0
}

# our_bytes WAY EXPECTED IMAGE [OPTION]...: what cat writes is what is in the file EXPECTED
our_bytes() {
    local way=$1 expected=$2 status=()
    shift 2
    case $way in
    pipe)
        "$QCOW2_INFO" cat "$@" 2>errors | cmp - "$expected"
        status=("${PIPESTATUS[@]}")
        # 141: cmp had seen enough
        ((status[0] == 141)) || must_be_silent "${status[0]}" "cat $*"
        ((status[0] == 0 && status[1] == 0)) || differ "cat $* | other bytes"
        count disks
        return
        ;;
    redirected)
        "$QCOW2_INFO" cat "$@" >ours 2>errors
        ;;
    file)
        "$QCOW2_INFO" cat "$@" -o ours 2>errors
        ;;
    esac
    must_be_silent $? "cat $* ($way)"
    cmp ours "$expected" || differ "cat $* ($way): other bytes"
    rm -f ours
    count disks
}

# compare_bytes WAY IMAGE [OPTION]...: the whole disk
compare_bytes() {
    their_bytes "$2"
    our_bytes "$1" theirs "${@:2}"
}

# compare_part FROM TO WAY IMAGE [OPTION]...: FROM and TO count in 65536ths of the disk. To follow a
# compare_bytes of the same disk, whose bytes are still there.
compare_part() {
    local size from to
    size=$(stat -c %s theirs)
    from=$((size * $1 / 65536))
    to=$((size * $2 / 65536))
    tail -c "+$((from + 1))" theirs | head -c "$((to - from))" >part
    our_bytes "$3" part "${@:4}" --offset "$from" --length "$((to - from))"
}

# compare_far OFFSET LENGTH WAY IMAGE: a range of a disk too large to be written, in whole sectors
compare_far() {
    oracle convert -O raw --image-opts \
        "driver=raw,offset=$1,size=$2,file.driver=qcow2,file.file.driver=file,file.file.filename=$4" theirs
    our_bytes "$3" theirs "${@:4}" --offset "$1" --length "$2"
}

# their_map IMAGE: to the file "theirs.map"
their_map() {
    oracle map --output=json "$1" >theirs.map
}

# our_map VARIABLES IMAGE [OPTION]...: prints where map says something else than "theirs.map", with
# status 1; the words in VARIABLES are for maps.awk
our_map() {
    local word variables=()
    for word in $1; do
        variables+=(-v "$word")
    done
    shift
    "$QCOW2_INFO" map --host-offsets --json "$@" >ours 2>errors
    must_be_silent $? "map $*"
    awk -f "$RANDOM_TOP/maps.awk" "${variables[@]}" theirs.map ours && count maps
}

# maps_equal THEIRS VARIABLES IMAGE [OPTION]...: as our_map, after qemu-img's map of THEIRS. Once more when
# everything is on disk, where they differ: a write into space that was only reserved leaves holes
# around it which some file systems fill later on, between our look and qemu-img's.
maps_equal() {
    local theirs=$1
    shift
    their_map "$theirs"
    our_map "$@" && return
    sync -- layer* && count settled
    their_map "$theirs"
    our_map "$@" || differ "map ${*:2}"
}

# compare_check IMAGE: check says what qemu-img check says. Of images that QEMU has made without being
# killed only one thing is known that it makes wrong and does not see: data beside compressed clusters
# in one host cluster, which overwrite each other.
compare_check() {
    local answer
    answer=$(compare_checks "$1") || differ "check $1: $answer"
    case $answer in
    same | *"a host cluster used for two purposes" | *"rule: dirty"*) ;;
    *) differ "check $1: $answer" ;;
    esac
}

# compare_map IMAGE
compare_map() {
    compare_check "$1"
    maps_equal "$1" "$rounding" "$1"
}

# compare_map_part FROM TO IMAGE: as compare_part, after a compare_map
compare_map_part() {
    local size from to
    [[ ! $rounding ]] || return 0
    size=$(awk -f "$RANDOM_TOP/maps.awk" -v size=1 theirs.map)
    from=$((size * $1 / 65536))
    to=$((size * $2 / 65536))
    our_map "from=$from to=$to" "$3" --offset "$from" --length "$((to - from))" || differ "map $3, $from to $to"
}

# compare_alone WAY IMAGE: without its backing file
compare_alone() {
    local alone="json:{'driver':'qcow2','file':{'driver':'file','filename':'$2'},'backing':null}"
    oracle convert -O raw "$alone" theirs
    our_bytes "$1" theirs "$2" --no-backing
    maps_equal "$alone" '' "$2" --no-backing
}

# compare_snapshot WAY IMAGE SNAPSHOT: against a copy that was reverted to it, because
# `qemu-img convert -l` keeps to the size of the active disk. The copy has other holes than the image.
# Where QEMU cannot revert there is nothing to compare with.
compare_snapshot() {
    cp --sparse=always "$2" applied
    qemu-img snapshot -a "$3" applied || return 0
    count snapshots
    their_bytes applied
    our_bytes "$1" theirs "$2" --snapshot "$3"
    maps_equal applied "holes=1 $rounding" "$2" --snapshot "$3"
}

# compare_odd CUT WAY IMAGE: a disk that ends CUT bytes earlier, inside a sector. QEMU rounds such a
# size down, so that the expected bytes are those of the image as it was.
compare_odd() {
    local size hex
    their_bytes "$3"
    size=$(($(stat -c %s theirs) - $1))
    ((size >= 0)) || return 0
    truncate -s "$size" theirs
    cp --sparse=always "$3" applied
    printf -v hex '%016x' "$size"
    # shellcheck disable=SC2001,SC2059 # the format is the bytes
    printf "$(sed 's/../\\x&/g' <<<"$hex")" | dd of=applied bs=8 seek=3 conv=notrunc status=none
    our_bytes "$2" theirs applied
}
