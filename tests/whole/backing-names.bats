#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# How the name of a backing file leads to a file: paths, file: and json: names as qemu-img reads them,
# names that are refused, long chains and loops.

# Without sanitizers: names go through them in unit tests and in `make fuzz`.

load ../helpers/load
load ../helpers/tables
load ../helpers/matrix

# make_base FILE BYTE [FORMAT]: 1 MiB of this byte
make_base() {
    local format=${3:-qcow2}
    qemu-img create -q -f "$format" "$1" 1M && qemu_io "$format" "$1" "write -q -P $2 0 1M"
}

# make_named IMAGE NAME [FORMAT]: an empty image whose backing file has this name, which no
# program has checked; without FORMAT the image names no format
make_named() {
    local template=.template-${3:-none}
    if [[ ! -e $BATS_TEST_TMPDIR/$template ]]; then
        require_tool qemu-img qemu-io jq
        (cd "$BATS_TEST_TMPDIR" && qemu-img create -q -u -f qcow2 -b unnamed -F "${3:-qcow2}" "$template" 1M &&
            { [[ -n ${3:-} ]] || forget_backing_format "$template"; }) || return
    fi
    cp "$BATS_TEST_TMPDIR/$template" "$1" || return
    printf %s "$2" | dd of="$1" bs=64k oflag=seek_bytes seek=2048 conv=notrunc status=none || return
    poke_field "$1" backing_file_offset 2048
    poke_field "$1" backing_file_size "$(printf %s "$2" | wc -c)"
}

# reads_byte IMAGE CHARACTER: its first byte is this, and all bytes are those that qemu-img reads
reads_byte() {
    run_qcow2_info cat --length 1 "$1"
    assert_status 0 || return
    assert_output "$2" || return
    guest_bytes_equal "$1"
}

# refused_layer TEXT...: cat and map of image end with one line that names the layer
refused_layer() {
    local command
    for command in cat map; do
        run_qcow2_info "$command" image
        assert_status 1 || return
        assert_output '' || return
        assert_one_error image 'backing file' "$@" || return
    done
}

# ---- Paths ------------------------------------------------------------------------------------------

@test "backing names: relative to the folder of the image, from anywhere" {
    mkdir images other
    make_base images/base 0x41
    make_base other/base 0x42
    make_base base 0x43
    make_named images/image base qcow2
    reads_byte images/image A
    reads_byte "$PWD/images/image" A
    reads_byte ./images//image A
    cd other
    reads_byte ../images/image A
    cd ../images
    reads_byte image A
}

@test "backing names: relative to the folder through a linked folder" {
    mkdir -p real/images
    make_base real/images/base 0x41
    make_base real/base 0x42
    make_base base 0x43
    ln -s real/images link
    make_named link/image base qcow2
    reads_byte link/image A
    # What lies above the linked folder is what lies above the folder itself.
    make_named link/image ../base qcow2
    reads_byte link/image B
}

@test "backing names: relative to the folder of a link to the image" {
    mkdir real links
    make_base real/base 0x41
    make_base links/base 0x42
    make_named real/image base qcow2
    ln -s ../real/image links/image
    reads_byte links/image B
    reads_byte real/image A
}

@test "backing names: each relative to its own image" {
    mkdir -p a/b c
    make_base c/base 0x41
    make_base base 0x42
    make_base a/base 0x43
    make_named c/middle base qcow2
    make_named a/b/image ../../c/middle qcow2
    reads_byte a/b/image A
}

@test "backing names: absolute" {
    mkdir images
    make_base base 0x41
    make_base images/base 0x42
    make_named images/image "$PWD/base" qcow2
    reads_byte images/image A
}

@test "backing names: a name with spaces, quotes and bytes above 127" {
    make_base $'a "base" \'of\' 100% \xc3\xa4\xff' 0x41
    make_named image $'a "base" \'of\' 100% \xc3\xa4\xff' qcow2
    reads_byte image A
}

@test "backing names: a colon behind a slash is no protocol" {
    mkdir folder
    make_base folder/nbd:base 0x41
    make_named image folder/nbd:base qcow2
    reads_byte image A
    make_base ./nbd:base 0x42
    make_named image ./nbd:base qcow2
    reads_byte image B
}

@test "backing names: file: is relative to the current folder" {
    mkdir images
    make_base base 0x41
    make_base images/base 0x42
    make_named images/image file:base qcow2
    reads_byte images/image A
    cd images
    reads_byte image B
}

@test "backing names: file: with an absolute path" {
    mkdir images
    make_base base 0x41
    make_named images/image "file:$PWD/base" qcow2
    cd images
    reads_byte image A
}

# ---- json: --------------------------------------------------------------------------------------------

# Each name of a qcow2 base, and each of a raw one, in an image that names no format.
all_names_read() {
    local name
    for name in "$@"; do
        make_named image "json:$name"
        reads_byte image A || fail "json:$name" || return
    done
}

@test "backing names: json: with nested objects" {
    make_base base 0x41
    all_names_read '{"driver":"qcow2","file":{"driver":"file","filename":"base"}}' \
        '{"file":{"filename":"base","driver":"file"},"driver":"qcow2"}' \
        '{"driver":"qcow2","file":{"driver":"raw","file":{"driver":"file","filename":"base"}}}' \
        $' {\n "driver" : "qcow2",\t"file": { "driver": "file", "filename": "b\\u0061se" } }'
}

@test "backing names: json: with dotted keys" {
    make_base base 0x41
    all_names_read '{"driver":"qcow2","file.driver":"file","file.filename":"base"}' \
        '{"file.filename":"base","driver":"qcow2"}' \
        '{"driver":"qcow2","file.driver":"raw","file.file.driver":"file","file.file.filename":"base"}'
}

@test "backing names: json: with dotted keys in nested objects" {
    make_base base 0x41
    all_names_read '{"driver":"qcow2","file":{"driver":"raw","file.driver":"file","file.filename":"base"}}'
}

@test "backing names: json: of a raw file" {
    make_base base 0x41 raw
    all_names_read '{"driver":"raw","file":{"driver":"file","filename":"base"}}' \
        '{"driver":"raw","file.driver":"file","file.filename":"base"}' \
        '{"driver":"file","filename":"base"}'
}

@test "backing names: json: raw over a qcow2 file reads it as raw" {
    make_base base 0x41
    make_named image 'json:{"driver":"raw","file":{"driver":"file","filename":"base"}}'
    reads_byte image Q
}

@test "backing names: json: without a driver probes the file" {
    make_base base 0x41
    make_named image 'json:{"file":{"driver":"file","filename":"base"}}'
    reads_byte image A
    rm base
    make_base base 0x42 raw
    reads_byte image B
}

@test "backing names: json: options that change no bytes are allowed" {
    make_base base 0x41
    all_names_read '{"driver":"qcow2","read-only":true,"file":{"driver":"file","filename":"base","locking":"auto"}}' \
        '{"driver":"qcow2","node-name":"n","file.filename":"base","file.node-name":"m"}' \
        '{"driver":"qcow2","file":{"driver":"file","filename":"base","cache":{"direct":false,"no-flush":false}}}'
}

@test "backing names: json: is relative to the current folder" {
    mkdir images
    make_base base 0x41
    make_base images/base 0x42
    make_named images/image 'json:{"driver":"qcow2","file":{"driver":"file","filename":"base"}}'
    reads_byte images/image A
    cd images
    reads_byte image B
}

@test "backing names: json: with an absolute path" {
    mkdir images
    make_base base 0x41
    make_named images/image "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"$PWD/base\"}}"
    cd images
    reads_byte image A
}

@test "backing names: the format that the image names stands above the driver in json:" {
    make_base base 0x41
    make_named image 'json:{"driver":"raw","file":{"driver":"file","filename":"base"}}' qcow2
    reads_byte image A
    make_named image 'json:{"driver":"qcow2","file":{"driver":"file","filename":"base"}}' raw
    reads_byte image Q
}

# ---- Names that are refused -----------------------------------------------------------------------------

@test "backing names: protocols are refused and named" {
    local name
    for name in nbd://localhost:10809/disk nbd:unix:/run/socket:exportname=x https://example.org/disk.qcow2 \
        ssh://example.org/disk rbd:pool/disk fat:folder nbd+unix:///disk?socket=s \
        host_device:/dev/sda host_cdrom:/dev/cdrom; do
        mkdir -p "$(dirname "$name")"
        make_base "./$name" 0x41 # not to be taken for it
        make_named image "$name" qcow2
        refused_layer "$name"
    done
}

@test "backing names: json: of a protocol is refused, and the driver named" {
    local driver
    for driver in nbd https ssh rbd null-co nvme blkdebug; do
        make_named image "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"$driver\",\"filename\":\"base\"}}"
        refused_layer "\"$driver\""
    done
}

@test "backing names: json: of another image format is refused, and the driver named" {
    make_base base 0x41 raw
    local driver
    for driver in vmdk vdi qcow luks quorum; do
        make_named image "json:{\"driver\":\"$driver\",\"file\":{\"driver\":\"file\",\"filename\":\"base\"}}"
        refused_layer "\"$driver\""
    done
    make_named image 'json:{"driver":"raw","file":{"driver":"qcow2","file":{"filename":"base"}}}'
    refused_layer '"qcow2"'
}

@test "backing names: json: with an option that moves bytes is refused, and the option named" {
    make_base base 0x41 raw
    local option
    for option in offset size; do
        make_named image "json:{\"driver\":\"raw\",\"$option\":65536,\"file\":{\"filename\":\"base\"}}"
        refused_layer "\"$option\""
        make_named image "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"raw\",\"$option\":65536,\"file.filename\":\"base\"}}"
        refused_layer "\"file.$option\""
    done
}

@test "backing names: json: with an unknown option is refused, and the option named" {
    make_base base 0x41
    make_named image 'json:{"driver":"qcow2","colour":"red","file":{"filename":"base"}}'
    refused_layer '"colour"'
    make_named image 'json:{"driver":"qcow2","file":{"filename":"base","colour":{"deep":"red"}}}'
    refused_layer '"file.colour.deep"'
    make_named image 'json:{"driver":"qcow2","backing":{"driver":"qcow2"},"file":{"filename":"base"}}'
    refused_layer '"backing.driver"'
}

@test "backing names: json: that names no file, or not one" {
    make_base base 0x41
    make_named image 'json:{"driver":"qcow2"}'
    refused_layer filename
    make_named image 'json:{}'
    refused_layer filename
    make_named image 'json:{"driver":"qcow2","file":{"driver":"file"}}'
    refused_layer filename
    make_named image 'json:{"driver":"qcow2","filename":"base","file":{"filename":"base"}}'
    refused_layer 'two files'
    make_named image 'json:{"driver":"qcow2","file":{"filename":"base"},"file.filename":"other"}'
    refused_layer 'file.filename'
    make_named image 'json:{"driver":"qcow2","file":{"filename":7}}'
    refused_layer 'file.filename'
}

@test "backing names: json: that is no object" {
    local text
    for text in '' '[]' '"base"' '7' 'null' '{' '{"driver":"qcow2",}' '{"driver"}' \
        '{"driver":"qcow2","file":["base"]}' '{"driver":["qcow2"],"file":{"filename":"base"}}'; do
        make_named image "json:$text"
        refused_layer 'json: name'
    done
}

@test "backing names: json: that is deeper than any file" {
    local text='{"filename":"base"}' i
    for ((i = 0; i < 8; i++)); do
        text="{\"file\":$text}"
    done
    make_named image "json:$text"
    refused_layer levels
    make_named image 'json:{"file.file.file.file.file.file.filename":"base"}'
    refused_layer levels
    for ((i = 0; i < 80; i++)); do
        text="{\"file\":$text}"
    done
    make_named image "json:$text"
    refused_layer
}

@test "backing names: a long name leaves room for the message" {
    local long
    printf -v long 'x%.0s' {1..900}
    make_named image "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"nbd\",\"filename\":\"$long\"}}"
    refused_layer 'unsupported driver "nbd"'
    make_named image "./././././././././././${long:0:200}/${long:0:200}/${long:0:200}/missing" qcow2
    refused_layer 'No such file'
}

# ---- Chains ---------------------------------------------------------------------------------------------

@test "backing names: a chain of 1000 layers" {
    make_chain 999
    write_image l0500.q 'write -q -P 0x42 512 512'
    # The descriptors that a process has by default.
    ulimit -n 1024
    run_qcow2_info cat --offset 511 --length 2 l0999.q
    assert_status 0
    assert_output AB
    run_qcow2_info map --json --host-offsets l0999.q
    assert_status 0
    assert_equal "$(jq -s -c '.[] | [.start, .length, .layer // .depth, .allocated]' <<<"$output" | head -n 2)" \
        '[0,512,999,true]
[512,512,499,true]'
    run_qcow2_info cat -o out l0999.q
    assert_status 0
    assert_equal "$(stat -c %s out)" 65536
}

@test "backing names: too few descriptors for a chain: the error names the layer" {
    make_chain 100
    ulimit -n 50
    local command
    for command in cat map; do
        run_qcow2_info "$command" l0100.q
        assert_status 1
        assert_output ''
        assert_one_error l0100.q 'Too many open files'
        # 50 descriptors are enough for more than 35 layers below the image, and for fewer than 50.
        [[ ${stderr-} =~ backing\ file\ l00(5[1-9]|6[0-4])\.q: ]] || fail "${stderr-}"
    done
    run_qcow2_info cat --length 1 l0030.q
    assert_status 0
    assert_output A
}

@test "backing names: a long chain uses descriptors up to the hard limit" {
    make_chain 100
    ulimit -Sn 50
    run_qcow2_info cat --length 1 l0100.q
    assert_status 0
    assert_output A
}

@test "backing names: a layer that is missing in the middle is named" {
    make_chain 5
    rm l0002.q
    run_qcow2_info cat l0005.q
    assert_status 1
    assert_output ''
    assert_one_error l0005.q 'backing file l0002.q' 'No such file'
    run_qcow2_info map l0005.q
    assert_status 1
    assert_output ''
    assert_one_error l0005.q 'backing file l0002.q' 'No such file'
    run_qcow2_info cat --no-backing --length 1 -o out l0005.q
    assert_status 0
}

# ---- Loops ------------------------------------------------------------------------------------------------

@test "backing names: an image that is its own backing file" {
    make_named image image qcow2
    refused_layer 'backing file image' 'the backing chain contains image twice'
}

@test "backing names: a loop of two" {
    make_named image middle qcow2
    make_named middle image qcow2
    refused_layer 'backing file image' 'the backing chain contains image twice'
}

@test "backing names: a loop of three" {
    make_named image middle qcow2
    make_named middle base qcow2
    make_named base image qcow2
    refused_layer 'backing file image' 'the backing chain contains image twice'
}

@test "backing names: a loop that does not come back to the image" {
    make_named image middle qcow2
    make_named middle base qcow2
    make_named base middle qcow2
    refused_layer 'backing file middle' 'the backing chain contains middle twice'
}

@test "backing names: a loop through a symbolic link" {
    make_named image link qcow2
    ln -s image link
    refused_layer 'backing file link' 'the backing chain contains image twice'
}

@test "backing names: a loop through a hard link" {
    make_named image hard qcow2
    ln image hard
    refused_layer 'backing file hard' 'the backing chain contains image twice'
}

@test "backing names: a loop of three through a linked folder" {
    mkdir folder
    ln -s folder linked
    make_named image folder/middle qcow2
    make_named folder/middle base qcow2
    make_named folder/base ../linked/middle qcow2
    refused_layer 'linked/middle' 'the backing chain contains folder/middle twice'
}

@test "backing names: a loop through an absolute path, file: and json:" {
    local name
    for name in "$PWD/image" file:image 'json:{"driver":"qcow2","file":{"driver":"file","filename":"image"}}'; do
        make_named image "$name" qcow2
        refused_layer 'the backing chain contains image twice'
    done
}

@test "backing names: an image that is its own raw backing file" {
    make_named image image raw
    refused_layer 'the backing chain contains image twice'
}

@test "backing names: with --no-backing a loop is no error" {
    make_named image image qcow2
    run_qcow2_info cat --no-backing -o out image
    assert_status 0
    assert_equal "$(stat -c %s out)" 1048576
}
