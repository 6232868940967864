#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# qcow2-info map: what it prints, line by line, for images whose extents are known beforehand.

load ../helpers/load
load ../helpers/tables
load ../helpers/effort

# A disk of 2 MiB over one of 1.5 MiB over a sparse raw file of 2 MiB, all in clusters of 64 KiB.
# qemu-img puts the first five clusters of metadata in front, and what is written first comes next.
make_chain() {
    truncate -s 2M base
    [[ $(stat -c %b base) -eq 0 ]] || skip 'machine: the file system keeps no holes'
    qemu-io -f raw -c 'write -q -P 1 0 192k' -c 'write -q -P 1 1M 64k' base
    make_layer middle 1536k '' base raw \
        'write -q -P 2 64k 64k' \
        'write -q -z 256k 64k' \
        'write -q -c -P 3 320k 64k'
    make_layer image 2M '' middle qcow2 \
        'write -q -P 4 128k 64k' \
        'write -q -z 512k 64k' \
        'write -q -P 5 576k 64k' \
        'write -q -z 576k 64k' \
        'write -q -c -P 6 704k 64k' \
        'write -q -P 7 640k 64k'
}

# A disk of 512 MiB with 8192 extents: a zero cluster, a hole, a zero cluster, ...
make_fragmented() {
    make_image image 512M '' 'write -q -z 0 64k'
    printf '\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0' >entries
    local i
    for ((i = 0; i < 12; i++)); do
        cat entries entries >twice
        mv twice entries
    done
    dd if=entries of=image bs=64k oflag=seek_bytes seek="$(l2_table_at image 0)" conv=notrunc status=none
}

# ---- Lines --------------------------------------------------------------------------------------------

@test "map --json: an object a line, each as long as its answers stay the same" {
    make_chain
    run_qcow2_info map --json image
    assert_status 0
    assert_equal "${stderr-}" ''
    assert_output '{"start":0,"length":196608,"allocated":true,"zero":false,"compressed":false}
{"start":196608,"length":131072,"allocated":true,"zero":true,"compressed":false}
{"start":327680,"length":65536,"allocated":true,"zero":false,"compressed":true}
{"start":393216,"length":262144,"allocated":true,"zero":true,"compressed":false}
{"start":655360,"length":65536,"allocated":true,"zero":false,"compressed":false}
{"start":720896,"length":65536,"allocated":true,"zero":false,"compressed":true}
{"start":786432,"length":262144,"allocated":true,"zero":true,"compressed":false}
{"start":1048576,"length":65536,"allocated":true,"zero":false,"compressed":false}
{"start":1114112,"length":458752,"allocated":true,"zero":true,"compressed":false}
{"start":1572864,"length":524288,"allocated":false,"zero":true,"compressed":false}'
}

@test "map --host-offsets --json: with layer, offset and file" {
    make_chain
    run_qcow2_info map --host-offsets --json image
    assert_status 0
    assert_output '{"start":0,"length":65536,"allocated":true,"zero":false,"compressed":false,"depth":2,"offset":0,"file":"base"}
{"start":65536,"length":65536,"allocated":true,"zero":false,"compressed":false,"depth":1,"offset":327680,"file":"middle"}
{"start":131072,"length":65536,"allocated":true,"zero":false,"compressed":false,"depth":0,"offset":327680,"file":"image"}
{"start":196608,"length":65536,"allocated":true,"zero":true,"compressed":false,"depth":2,"offset":196608,"file":"base"}
{"start":262144,"length":65536,"allocated":true,"zero":true,"compressed":false,"depth":1,"offset":null,"file":"middle"}
{"start":327680,"length":65536,"allocated":true,"zero":false,"compressed":true,"depth":1,"offset":393216,"file":"middle"}
{"start":393216,"length":131072,"allocated":true,"zero":true,"compressed":false,"depth":2,"offset":393216,"file":"base"}
{"start":524288,"length":65536,"allocated":true,"zero":true,"compressed":false,"depth":0,"offset":null,"file":"image"}
{"start":589824,"length":65536,"allocated":true,"zero":true,"compressed":false,"depth":0,"offset":393216,"file":"image"}
{"start":655360,"length":65536,"allocated":true,"zero":false,"compressed":false,"depth":0,"offset":524288,"file":"image"}
{"start":720896,"length":65536,"allocated":true,"zero":false,"compressed":true,"depth":0,"offset":458752,"file":"image"}
{"start":786432,"length":262144,"allocated":true,"zero":true,"compressed":false,"depth":2,"offset":786432,"file":"base"}
{"start":1048576,"length":65536,"allocated":true,"zero":false,"compressed":false,"depth":2,"offset":1048576,"file":"base"}
{"start":1114112,"length":458752,"allocated":true,"zero":true,"compressed":false,"depth":2,"offset":1114112,"file":"base"}
{"start":1572864,"length":524288,"allocated":false,"zero":true,"compressed":false,"depth":0,"offset":null,"file":"image"}'
    maps_equal image
}

@test "map: the same in columns, under a heading" {
    make_chain
    run_qcow2_info map image
    assert_status 0
    assert_output '  start   length  status
      0   196608  data
 196608   131072  zero
 327680    65536  compressed
 393216   262144  zero
 655360    65536  data
 720896    65536  compressed
 786432   262144  zero
1048576    65536  data
1114112   458752  zero
1572864   524288  hole'
}

@test "map --host-offsets: the same in columns" {
    make_chain
    run_qcow2_info map --host-offsets --length 640K image
    assert_status 0
    assert_output '  start   length  status      depth  host offset       file
      0    65536  data            2  0                 base
  65536    65536  data            1  327680            middle
 131072    65536  data            0  327680            image
 196608    65536  zero            2  196608            base
 262144    65536  zero            1  -                 middle
 327680    65536  compressed      1  393216            middle
 393216   131072  zero            2  393216            base
 524288    65536  zero            0  -                 image
 589824    65536  zero            0  393216            image'
}

@test "map: columns are as wide as the disk needs" {
    make_image image 100T cluster_size=2M
    run_qcow2_info map image
    assert_output '          start           length  status
              0  109951162777600  hole'
    make_image small 1K ''
    run_qcow2_info map small
    assert_output ' start  length  status
     0    1024  hole'
}

# ---- Totals ------------------------------------------------------------------------------------------

@test "map --totals: bytes and percent of each status" {
    make_chain
    run_qcow2_info map --totals image
    assert_status 0
    assert_output 'data         15.62%  320 KiB (327680 bytes)
compressed    6.25%  128 KiB (131072 bytes)
zero         53.12%  1.06 MiB (1114112 bytes)
hole         25.00%  512 KiB (524288 bytes)
total       100.00%  2 MiB (2097152 bytes)'
}

@test "map --totals --json: one object with bytes of each status" {
    make_chain
    run_qcow2_info map --totals --json image
    assert_status 0
    assert_equal "$(jq -c . <<<"$output")" \
        '{"data":327680,"compressed":131072,"zero":1114112,"hole":524288,"total":2097152,"extents":10}'
}

@test "map --totals: of a range" {
    make_chain
    run_qcow2_info map --totals --json --offset 192K --length 192K image
    assert_equal "$(jq -c . <<<"$output")" \
        '{"data":0,"compressed":65536,"zero":131072,"hole":0,"total":196608,"extents":2}'
}

@test "map --totals: of an empty disk" {
    make_image image 0 ''
    run_qcow2_info map --totals image
    assert_status 0
    assert_output 'data          0.00%  0 bytes
compressed    0.00%  0 bytes
zero          0.00%  0 bytes
hole          0.00%  0 bytes
total         0.00%  0 bytes'
    run_qcow2_info map --totals --json image
    assert_equal "$(jq -c . <<<"$output")" \
        '{"data":0,"compressed":0,"zero":0,"hole":0,"total":0,"extents":0}'
}

# ---- Ranges ----------------------------------------------------------------------------------------

@test "map: --offset and --length clip the first and the last extent" {
    make_chain
    run_qcow2_info map --json --offset 100000 --length 300001 image
    assert_status 0
    assert_output '{"start":100000,"length":96608,"allocated":true,"zero":false,"compressed":false}
{"start":196608,"length":131072,"allocated":true,"zero":true,"compressed":false}
{"start":327680,"length":65536,"allocated":true,"zero":false,"compressed":true}
{"start":393216,"length":6785,"allocated":true,"zero":true,"compressed":false}'
}

@test "map: a range within one extent is that part of it" {
    make_chain
    run_qcow2_info map --json --host-offsets --offset 131073 --length 1 image
    assert_output '{"start":131073,"length":1,"allocated":true,"zero":false,"compressed":false,"depth":0,"offset":327681,"file":"image"}'
    # Of a compressed cluster no part has an offset of its own: it is that of the stream.
    run_qcow2_info map --json --host-offsets --offset 720900 --length 10 image
    assert_output '{"start":720900,"length":10,"allocated":true,"zero":false,"compressed":true,"depth":0,"offset":458752,"file":"image"}'
}

@test "map: --offset alone goes to the end, --length alone begins at the start" {
    make_chain
    run_qcow2_info map --json --offset 1MiB image
    assert_equal "${#lines[@]} ${lines[0]}" \
        '3 {"start":1048576,"length":65536,"allocated":true,"zero":false,"compressed":false}'
    run_qcow2_info map --json --length 64k image
    assert_output '{"start":0,"length":65536,"allocated":true,"zero":false,"compressed":false}'
}

@test "map: a length past the end is clipped" {
    make_chain
    run_qcow2_info map --json --offset 2M --length 1 image
    assert_status 0
    assert_output ''
    run_qcow2_info map --json --offset 2097151 --length 18446744073709551615 image
    assert_output '{"start":2097151,"length":1,"allocated":false,"zero":true,"compressed":false}'
}

@test "map: an offset past the end is an error" {
    make_chain
    run_qcow2_info map --offset 2097153 image
    assert_status 1
    assert_output ''
    assert_one_error image 2097153 2097152
}

@test "map: a length of 0 has no extents" {
    make_chain
    run_qcow2_info map --json --length 0 image
    assert_status 0
    assert_output ''
}

@test "map: an empty disk has no extents" {
    make_image image 0 ''
    run_qcow2_info map --json image
    assert_status 0
    assert_output ''
    run_qcow2_info map image
    assert_status 0
    assert_output ' start  length  status'
}

@test "map: the size of the disk need not be a multiple of anything" {
    make_image image 1M '' 'write -q -P 1 512k 512k'
    poke_field image size 1000001
    run_qcow2_info map --json image
    assert_output '{"start":0,"length":524288,"allocated":false,"zero":true,"compressed":false}
{"start":524288,"length":475713,"allocated":true,"zero":false,"compressed":false}'
}

# ---- What is one extent --------------------------------------------------------------------------------

@test "map: clusters out of order are one extent, with host offsets they are not" {
    make_image image 256K '' 'write -q -P 1 64k 64k' 'write -q -P 2 0 64k' 'write -q -P 3 128k 128k'
    run_qcow2_info map --json image
    assert_output '{"start":0,"length":262144,"allocated":true,"zero":false,"compressed":false}'
    run_qcow2_info map --json --host-offsets image
    assert_output '{"start":0,"length":65536,"allocated":true,"zero":false,"compressed":false,"depth":0,"offset":393216,"file":"image"}
{"start":65536,"length":65536,"allocated":true,"zero":false,"compressed":false,"depth":0,"offset":327680,"file":"image"}
{"start":131072,"length":131072,"allocated":true,"zero":false,"compressed":false,"depth":0,"offset":458752,"file":"image"}'
}

@test "map: compressed clusters are one extent; with host offsets each is an extent" {
    make_image image 512K '' 'write -q -c -P 1 128k 256k'
    run_qcow2_info map --json image
    assert_equal "$(jq -c '[.start, .length, .compressed]' <<<"$output")" '[0,131072,false]
[131072,262144,true]
[393216,131072,false]'
    run_qcow2_info map --json --host-offsets image
    assert_equal "$(jq -c '[.start, .length, .compressed]' <<<"$output")" '[0,131072,false]
[131072,65536,true]
[196608,65536,true]
[262144,65536,true]
[327680,65536,true]
[393216,131072,false]'
}

@test "map: zeros with and without a host cluster are one extent, with host offsets they are not" {
    make_image image 256K '' 'write -q -P 1 0 128k' 'write -q -z 0 64k' 'write -q -z -u 64k 64k' 'write -q -z 128k 128k'
    run_qcow2_info map --json image
    assert_output '{"start":0,"length":262144,"allocated":true,"zero":true,"compressed":false}'
    run_qcow2_info map --json --host-offsets image
    assert_output '{"start":0,"length":65536,"allocated":true,"zero":true,"compressed":false,"depth":0,"offset":327680,"file":"image"}
{"start":65536,"length":196608,"allocated":true,"zero":true,"compressed":false,"depth":0,"offset":null,"file":"image"}'
}

@test "map: subclusters are listed one by one" {
    make_image image 128K extended_l2=on 'write -q -P 1 0 64k' 'write -q -z 2k 4k' 'write -q -P 2 70k 2k'
    run_qcow2_info map --json --host-offsets image
    assert_equal "$(jq -c '[.start, .length, .allocated, .zero, .offset]' <<<"$output")" '[0,2048,true,false,327680]
[2048,4096,true,true,329728]
[6144,59392,true,false,333824]
[65536,6144,false,true,393216]
[71680,2048,true,false,399360]
[73728,57344,false,true,401408]'
    maps_equal image
}

@test "map: thousands of extents" {
    make_fragmented
    run_qcow2_info map --json image
    assert_status 0
    assert_equal "${#lines[@]}" 8192
    assert_equal "${lines[0]}" '{"start":0,"length":65536,"allocated":true,"zero":true,"compressed":false}'
    assert_equal "${lines[8191]}" '{"start":536805376,"length":65536,"allocated":false,"zero":true,"compressed":false}'
    maps_equal image
}

@test "map: an empty disk of a pebibyte" {
    make_image image 1P cluster_size=2M 'write -q -P 1 700T 2M'
    run_qcow2_info map --json image
    assert_equal "$(jq -c '[.start, .length, .allocated]' <<<"$output")" '[0,769658139443200,false]
[769658139443200,2097152,true]
[769658141540352,356241765302272,false]'
}

# ---- Layers --------------------------------------------------------------------------------------------

@test "map: --no-backing shows the image alone" {
    make_chain
    run_qcow2_info map --no-backing image
    assert_status 0
    assert_output '  start   length  status
      0   131072  hole
 131072    65536  data
 196608   327680  hole
 524288   131072  zero
 655360    65536  data
 720896    65536  compressed
 786432  1310720  hole'
}

@test "map: holes of a raw backing file are zeros that it states" {
    truncate -s 1M base
    qemu-io -f raw -c 'write -q -P 1 256k 128k' base
    [[ $(stat -c %b base) -lt 1024 ]] || skip 'machine: the file system keeps no holes'
    make_layer image 1M '' base raw
    run_qcow2_info map image
    assert_output '  start   length  status
      0   262144  zero
 262144   131072  data
 393216   655360  zero'
}

@test "map: behind a raw backing file of odd size is a hole" {
    seq 100000 | head -c 100001 >base
    make_layer image 1M '' base raw
    run_qcow2_info map --host-offsets image
    assert_output '  start   length  status      depth  host offset       file
      0   100001  data            1  0                 base
 100001   948575  hole            0  -                 image'
}

@test "map: data lies in the data file, zeros and holes in the image" {
    make_image image 512K data_file=data 'write -q -P 1 0 128k' 'write -q -P 2 256k 64k' 'write -q -z 320k 64k'
    run_qcow2_info map --json --host-offsets image
    assert_equal "$(jq -c '[.start, .length, .allocated, .zero, .offset, .file]' <<<"$output")" '[0,131072,true,false,0,"data"]
[131072,131072,false,true,null,"image"]
[262144,65536,true,false,262144,"data"]
[327680,65536,true,true,null,"image"]
[393216,131072,false,true,null,"image"]'
}

@test "map: names are printed as in the image, relative to the current folder" {
    mkdir -p images/deep
    make_image images/base 128K '' 'write -q -P 1 0 64k'
    (cd images/deep && make_layer image 128K '' ../base qcow2)
    run_qcow2_info map --json --host-offsets images/deep/image
    assert_equal "$(jq -r .file <<<"${lines[0]}")" images/deep/../base
    make_layer image 128K '' "$PWD/images/base" qcow2
    run_qcow2_info map --json --host-offsets image
    assert_equal "$(jq -r .file <<<"${lines[0]}")" "$PWD/images/base"
}

@test "map: names with quotes, control characters and bad UTF-8 make valid lines" {
    local name=$'a "b" \\ c\n\t\x01 \xff d'
    make_image "$name" 128K '' 'write -q -P 1 0 128k'
    run_qcow2_info map --json --host-offsets "$name"
    assert_status 0
    assert_equal "${#lines[@]}" 1
    assert_equal "$(jq -r .file <<<"$output")" $'a "b" \\ c\n\t\x01 \xef\xbf\xbd d'
    run_qcow2_info map --host-offsets "$name"
    assert_equal "${#lines[@]}" 2
    [[ ! $output =~ [[:cntrl:]] || ${output//$'\n'/} != *[[:cntrl:]]* ]] || fail "$output"
}

@test "map: the image is standard input" {
    make_image image 128K '' 'write -q -P 1 64k 64k'
    qcow2_info map --json --host-offsets image >named
    run_qcow2_info map --json --host-offsets - <image
    assert_status 0
    assert_equal "$(jq -c 'del(.file)' <<<"$output")" "$(jq -c 'del(.file)' named)"
    run_qcow2_info map --json < <(cat image)
    assert_status 0
    assert_equal "${#lines[@]}" 2
}

# ---- Faults ------------------------------------------------------------------------------------------------

# A disk of 1 MiB, all data.
make_data() {
    make_image image 1M "${1:-}" 'write -q -P 1 0 1M'
}

# extents_end_at FAULT TEXT...: the extents up to the guest offset FAULT, then one error with each TEXT
extents_end_at() {
    local fault=$1
    shift
    run_qcow2_info map --json image
    assert_status 1 || return
    assert_one_error image "$@" || return
    assert_equal "$(jq -s 'map(.length) | add // 0' <<<"$output")" "$fault" || return
    run_qcow2_info map image
    assert_status 1 || return
    assert_one_error image "$@" || return
    run_qcow2_info map --totals image
    assert_status 1 || return
    assert_output '' || return
    assert_one_error image "$@"
}

@test "map faults: data past the end of the file" {
    make_data
    truncate -s $(($(host_offset image 524288) + 100)) image
    extents_end_at 524388 'guest offset 524388' "$(stat -c %s image)"
}

@test "map faults: an L2 table past the end of the file" {
    make_data cluster_size=512
    poke_be64 image "$(l1_entry_at image 524288)" $((COPIED | 1 << 40))
    extents_end_at 524288 'guest offset 524288' $((1 << 40))
}

@test "map faults: a file that ends within an L2 table" {
    make_data cluster_size=512
    move_l2_to_end image 524288
    local table
    table=$(l2_table_at image 524288)
    truncate -s $((table + 80)) image
    extents_end_at $((524288 + 5120)) "guest offset $((524288 + 5120))" "$table"
}

@test "map faults: a file that ends within its L1 table" {
    make_data cluster_size=512
    truncate -s $(($(field image l1_table_offset) + 8)) image
    extents_end_at 0 'L1 table'
}

@test "map faults: an entry with an unaligned offset" {
    make_data
    poke_l2_entry image 524288 $((COPIED | 0x50200))
    extents_end_at 524288 'guest offset 524288' "$(l2_entry_at image 524288)" aligned
}

@test "map faults: the zero bit in version 2" {
    make_data compat=0.10
    poke_l2_entry image 524288 1
    extents_end_at 524288 'guest offset 524288' "$(l2_entry_at image 524288)" 'zero bit'
}

@test "map faults: contradicting subclusters" {
    make_data extended_l2=on
    poke_subclusters image 524288 0x00000001ffffffff
    extents_end_at 524288 'guest offset 524288' "$(l2_entry_at image 524288)" subcluster
}

@test "map faults: data in a data file at another offset" {
    make_data data_file=data
    poke_l2_entry image 524288 $((COPIED | 0x50000))
    extents_end_at 524288 'guest offset 524288' 'data file'
}

@test "map faults: a data file that is too short" {
    make_data data_file=data
    truncate -s 524288 data
    extents_end_at 524288 'guest offset 524288' 'data file'
}

@test "map faults: a fault in a backing file names the layer" {
    make_data
    mv image base
    make_layer image 1M '' base qcow2
    poke_l2_entry base 524288 $((COPIED | 1 << 40))
    extents_end_at 524288 'backing file base' 'guest offset 524288' $((1 << 40))
}

@test "map faults: a fault outside the range is no error" {
    make_data
    poke_l2_entry image 524288 $((COPIED | 1 << 40))
    run_qcow2_info map --json --length 512K image
    assert_status 0
    assert_output '{"start":0,"length":524288,"allocated":true,"zero":false,"compressed":false}'
    run_qcow2_info map --json --offset 576K image
    assert_status 0
    assert_output '{"start":589824,"length":458752,"allocated":true,"zero":false,"compressed":false}'
}

@test "map faults: a compressed cluster is not decoded" {
    make_image image 128K '' 'write -q -c -P 1 0 64k'
    poke image "$(host_offset image 0)" ffffffffffffffff
    run_qcow2_info map --json image
    assert_status 0
    assert_equal "${#lines[@]}" 2
}

@test "map faults: layers that cannot be opened are named" {
    make_layer image 1M '' missing qcow2
    run_qcow2_info map image
    assert_status 1
    assert_output ''
    assert_one_error image 'backing file missing' 'No such file'
    make_layer other 1M '' image qcow2
    make_layer image 1M '' other qcow2
    run_qcow2_info map other
    assert_status 1
    assert_output ''
    assert_one_error other 'backing file other' 'the backing chain contains'
}

@test "map faults: missing, a folder, empty, and no qcow2 image" {
    mkdir folder
    : >empty
    seq 100000 >text
    local file
    for file in missing folder empty text; do
        run_qcow2_info map $file
        assert_status 1
        assert_output ''
        assert_one_error $file
    done
}

@test "map faults: a full device" {
    make_fragmented
    local status=0
    qcow2_info map --json image >/dev/full 2>stderr || status=$?
    assert_equal "$status" 1
    grep -q 'No space left' stderr
    assert_equal "$(wc -l <stderr)" 1
    status=0
    qcow2_info map --totals image >/dev/full 2>stderr || status=$?
    assert_equal "$status" 1
}

@test "map: a reader that goes away ends it quietly" {
    make_fragmented
    local statuses
    timeout "$PROGRAM_SECONDS" env --default-signal=PIPE "$QCOW2_INFO" map --json image 2>stderr | head -n 1 >first
    statuses=("${PIPESTATUS[@]}")
    assert_equal "${statuses[0]}" 141
    assert_equal "$(wc -l <first)" 1
    assert_equal "$(<stderr)" ''
}

@test "map: output that cannot be written ends it, not the end of the disk" {
    make_image image 64T '' 'write -q -P 1 0 64k'
    local table
    # Billions of extents: every L2 entry leads to the one cluster.
    table=$(l2_table_at image 0)
    copied_entries 8192 "$(host_offset image 0)" 0 | place image "$table"
    copied_entries 131072 "$table" 0 | place image "$(field image l1_table_offset)"
    run bash -c "ulimit -t $(effort 50)"'; "$QCOW2_INFO" map --json --host-offsets image >/dev/full'
    assert_status 1
    assert_output_contains 'No space left'
    assert_equal "${#lines[@]}" 1
}
