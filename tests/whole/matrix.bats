#!/usr/bin/env bats
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Images of every kind that qemu-img makes: cat prints the bytes that qemu-img reads, map prints the map of
# qemu-img to the last host offset, check finds what qemu-img check finds, and audit reports what each kind
# is known for and nothing else. Over versions, compression, backing files and all cluster sizes from 512
# bytes to 2 MiB; then extended L2 entries, external data files, preallocation, snapshots with bitmaps,
# and every width of refcounts. Which sizes a kind has is in sizes_of() of helpers/matrix.

# Without sanitizers: its images are sound, and each command runs with them on others.

load ../helpers/load
load ../helpers/matrix
load ../helpers/judge

setup_file() {
    open_judge
}

# ---- Versions, compression and backing files -----------------------------------------------------

@test "matrix: version 2, no backing file" { agree all overlay compat=0.10 plain none; }
@test "matrix: version 2, deflate, no backing file" { agree all overlay compat=0.10 compressed none; }
@test "matrix: version 3, no backing file" { agree all overlay compat=1.1 plain none; }
@test "matrix: version 3, deflate, no backing file" { agree all overlay compat=1.1 compressed none; }
@test "matrix: version 3, zstd, no backing file" { agree all overlay compat=1.1,compression_type=zstd compressed none; }

@test "matrix: version 2, a shorter backing file" { agree sixth1 overlay compat=0.10 plain short; }
@test "matrix: version 2, deflate, a shorter backing file" { agree sixth2 overlay compat=0.10 compressed short; }
@test "matrix: version 3, a shorter backing file" { agree sixth3 overlay compat=1.1 plain short; }
@test "matrix: version 3, deflate, a shorter backing file" { agree sixth4 overlay compat=1.1 compressed short; }
@test "matrix: version 3, zstd, a shorter backing file" { agree sixth5 overlay compat=1.1,compression_type=zstd compressed short; }

@test "matrix: version 2, a backing file of its size" { agree sixth2 overlay compat=0.10 plain equal; }
@test "matrix: version 2, deflate, a backing file of its size" { agree sixth3 overlay compat=0.10 compressed equal; }
@test "matrix: version 3, a backing file of its size" { agree sixth4 overlay compat=1.1 plain equal; }
@test "matrix: version 3, deflate, a backing file of its size" { agree sixth5 overlay compat=1.1 compressed equal; }
@test "matrix: version 3, zstd, a backing file of its size" { agree sixth6 overlay compat=1.1,compression_type=zstd compressed equal; }

@test "matrix: version 2, a longer backing file" { agree sixth3 overlay compat=0.10 plain long; }
@test "matrix: version 2, deflate, a longer backing file" { agree sixth4 overlay compat=0.10 compressed long; }
@test "matrix: version 3, a longer backing file" { agree sixth5 overlay compat=1.1 plain long; }
@test "matrix: version 3, deflate, a longer backing file" { agree sixth6 overlay compat=1.1 compressed long; }
@test "matrix: version 3, zstd, a longer backing file" { agree sixth1 overlay compat=1.1,compression_type=zstd compressed long; }

@test "matrix: version 2, a raw backing file of odd size" { agree sixth4 overlay compat=0.10 plain raw-short; }
@test "matrix: version 2, deflate, a raw backing file of odd size" { agree sixth5 overlay compat=0.10 compressed raw-short; }
@test "matrix: version 3, a raw backing file of odd size" { agree sixth6 overlay compat=1.1 plain raw-short; }
@test "matrix: version 3, deflate, a raw backing file of odd size" { agree sixth1 overlay compat=1.1 compressed raw-short; }
@test "matrix: version 3, zstd, a raw backing file of odd size" { agree sixth2 overlay compat=1.1,compression_type=zstd compressed raw-short; }

@test "matrix: version 2, a raw backing file that ends in a cluster" { agree sixth5 overlay compat=0.10 plain raw-sectors; }
@test "matrix: version 2, deflate, a raw backing file that ends in a cluster" { agree sixth6 overlay compat=0.10 compressed raw-sectors; }
@test "matrix: version 3, a raw backing file that ends in a cluster" { agree sixth1 overlay compat=1.1 plain raw-sectors; }
@test "matrix: version 3, deflate, a raw backing file that ends in a cluster" { agree sixth2 overlay compat=1.1 compressed raw-sectors; }
@test "matrix: version 3, zstd, a raw backing file that ends in a cluster" { agree sixth3 overlay compat=1.1,compression_type=zstd compressed raw-sectors; }

@test "matrix: version 2, a longer raw backing file" { agree sixth6 overlay compat=0.10 plain raw-long; }
@test "matrix: version 2, deflate, a longer raw backing file" { agree sixth1 overlay compat=0.10 compressed raw-long; }
@test "matrix: version 3, a longer raw backing file" { agree sixth2 overlay compat=1.1 plain raw-long; }
@test "matrix: version 3, deflate, a longer raw backing file" { agree sixth3 overlay compat=1.1 compressed raw-long; }
@test "matrix: version 3, zstd, a longer raw backing file" { agree sixth4 overlay compat=1.1,compression_type=zstd compressed raw-long; }

@test "matrix: version 2, a chain of qcow2 and raw" { agree sixth1 overlay compat=0.10 plain chain; }
@test "matrix: version 2, deflate, a chain of qcow2 and raw" { agree sixth2 overlay compat=0.10 compressed chain; }
@test "matrix: version 3, a chain of qcow2 and raw" { agree sixth3 overlay compat=1.1 plain chain; }
@test "matrix: version 3, deflate, a chain of qcow2 and raw" { agree sixth4 overlay compat=1.1 compressed chain; }
@test "matrix: version 3, zstd, a chain of qcow2 and raw" { agree sixth5 overlay compat=1.1,compression_type=zstd compressed chain; }

@test "matrix: version 2, deflate, a backing file of unnamed format, found to be qcow2" { agree third1 overlay compat=0.10 compressed long-unnamed; }
@test "matrix: version 3, a backing file of unnamed format, found to be qcow2" { agree third2 overlay compat=1.1 plain long-unnamed; }
@test "matrix: version 3, zstd, a backing file of unnamed format, found to be qcow2" { agree third3 overlay compat=1.1,compression_type=zstd compressed long-unnamed; }
@test "matrix: version 2, a backing file of unnamed format, found to be raw" { agree third1 overlay compat=0.10 plain raw-sectors-unnamed; }
@test "matrix: version 3, deflate, a backing file of unnamed format, found to be raw" { agree third2 overlay compat=1.1 compressed raw-sectors-unnamed; }
@test "matrix: version 3, zstd, a backing file of unnamed format, found to be raw" { agree third3 overlay compat=1.1,compression_type=zstd compressed raw-sectors-unnamed; }

# ---- Extended L2 entries -------------------------------------------------------------------------

@test "matrix: extended L2, no backing file" { agree all overlay compat=1.1,extended_l2=on plain none; }
@test "matrix: extended L2, deflate, no backing file" { agree all overlay compat=1.1,extended_l2=on compressed none; }
@test "matrix: extended L2, zstd, no backing file" { agree all overlay compat=1.1,extended_l2=on,compression_type=zstd compressed none; }
@test "matrix: extended L2, a shorter backing file" { agree third1 overlay compat=1.1,extended_l2=on plain short; }
@test "matrix: extended L2, deflate, a shorter backing file" { agree third2 overlay compat=1.1,extended_l2=on compressed short; }
@test "matrix: extended L2, zstd, a shorter backing file" { agree third3 overlay compat=1.1,extended_l2=on,compression_type=zstd compressed short; }
@test "matrix: extended L2, a longer backing file" { agree third2 overlay compat=1.1,extended_l2=on plain long; }
@test "matrix: extended L2, deflate, a longer backing file" { agree third3 overlay compat=1.1,extended_l2=on compressed long; }
@test "matrix: extended L2, zstd, a longer backing file" { agree third1 overlay compat=1.1,extended_l2=on,compression_type=zstd compressed long; }
@test "matrix: extended L2, a raw backing file of odd size" { agree third3 overlay compat=1.1,extended_l2=on plain raw-short; }
@test "matrix: extended L2, deflate, a raw backing file of odd size" { agree third1 overlay compat=1.1,extended_l2=on compressed raw-short; }
@test "matrix: extended L2, zstd, a raw backing file of odd size" { agree third2 overlay compat=1.1,extended_l2=on,compression_type=zstd compressed raw-short; }
@test "matrix: extended L2, a raw backing file that ends in a cluster" { agree third1 overlay compat=1.1,extended_l2=on plain raw-sectors; }
@test "matrix: extended L2, deflate, a raw backing file that ends in a cluster" { agree third2 overlay compat=1.1,extended_l2=on compressed raw-sectors; }
@test "matrix: extended L2, zstd, a raw backing file that ends in a cluster" { agree third3 overlay compat=1.1,extended_l2=on,compression_type=zstd compressed raw-sectors; }
@test "matrix: extended L2, a chain of qcow2 and raw" { agree third2 overlay compat=1.1,extended_l2=on plain chain; }
@test "matrix: extended L2, deflate, a chain of qcow2 and raw" { agree third3 overlay compat=1.1,extended_l2=on compressed chain; }
@test "matrix: extended L2, zstd, a chain of qcow2 and raw" { agree third1 overlay compat=1.1,extended_l2=on,compression_type=zstd compressed chain; }

# ---- External data files -------------------------------------------------------------------------

@test "matrix: data file" { agree all overlay compat=1.1,data_file=image.data plain none; }
@test "matrix: raw data file" { agree all overlay compat=1.1,data_file=image.data,data_file_raw=on plain none; }
@test "matrix: data file, a shorter backing file" { agree third1 overlay compat=1.1,data_file=image.data plain short; }
@test "matrix: data file, a raw backing file of odd size" { agree third2 overlay compat=1.1,data_file=image.data plain raw-short; }
@test "matrix: data file, a raw backing file that ends in a cluster" { agree third3 overlay compat=1.1,data_file=image.data plain raw-sectors; }
@test "matrix: data file, extended L2" { agree all overlay compat=1.1,data_file=image.data,extended_l2=on plain none; }
@test "matrix: data file, extended L2, a chain of qcow2 and raw" { agree third3 overlay compat=1.1,data_file=image.data,extended_l2=on plain chain; }
@test "matrix: raw data file, extended L2" { agree third3 overlay compat=1.1,data_file=image.data,data_file_raw=on,extended_l2=on plain none; }
@test "matrix: data file, all preallocated" { agree third3 overlay compat=1.1,data_file=image.data,preallocation=metadata plain none; }

# ---- Preallocation -------------------------------------------------------------------------------

@test "matrix: preallocated tables" { agree all overlay compat=1.1,preallocation=metadata plain none; }
@test "matrix: preallocated file" { agree third2 overlay compat=1.1,preallocation=falloc plain none; }
@test "matrix: preallocated tables, version 2" { agree third3 overlay compat=0.10,preallocation=metadata plain none; }
@test "matrix: version 2, 16 MiB, preallocation metadata, new" { agree sixth1 reserved compat=0.10,preallocation=metadata new; }
@test "matrix: version 2, 16 MiB, preallocation falloc, new" { agree sixth3 reserved compat=0.10,preallocation=falloc new; }
@test "matrix: version 2, 16 MiB, preallocation full, new" { agree sixth5 reserved compat=0.10,preallocation=full new; }
@test "matrix: version 2, 16 MiB, preallocation metadata, written" { agree sixth2 reserved compat=0.10,preallocation=metadata written; }
@test "matrix: version 2, 16 MiB, preallocation falloc, written" { agree sixth4 reserved compat=0.10,preallocation=falloc written; }
@test "matrix: version 2, 16 MiB, preallocation full, written" { agree sixth6 reserved compat=0.10,preallocation=full written; }
@test "matrix: version 3, 16 MiB, preallocation metadata, new" { agree sixth2 reserved compat=1.1,preallocation=metadata new; }
@test "matrix: version 3, 16 MiB, preallocation falloc, new" { agree sixth4 reserved compat=1.1,preallocation=falloc new; }
@test "matrix: version 3, 16 MiB, preallocation full, new" { agree sixth6 reserved compat=1.1,preallocation=full new; }
@test "matrix: version 3, 16 MiB, preallocation metadata, written" { agree sixth3 reserved compat=1.1,preallocation=metadata written; }
@test "matrix: version 3, 16 MiB, preallocation falloc, written" { agree sixth5 reserved compat=1.1,preallocation=falloc written; }
@test "matrix: version 3, 16 MiB, preallocation full, written" { agree sixth1 reserved compat=1.1,preallocation=full written; }
@test "matrix: zstd, 16 MiB, preallocation metadata, new" { agree sixth3 reserved compression_type=zstd,preallocation=metadata new; }
@test "matrix: zstd, 16 MiB, preallocation falloc, new" { agree sixth5 reserved compression_type=zstd,preallocation=falloc new; }
@test "matrix: zstd, 16 MiB, preallocation full, new" { agree sixth1 reserved compression_type=zstd,preallocation=full new; }
@test "matrix: zstd, 16 MiB, preallocation metadata, written" { agree sixth4 reserved compression_type=zstd,preallocation=metadata written; }
@test "matrix: zstd, 16 MiB, preallocation falloc, written" { agree sixth6 reserved compression_type=zstd,preallocation=falloc written; }
@test "matrix: zstd, 16 MiB, preallocation full, written" { agree sixth2 reserved compression_type=zstd,preallocation=full written; }
@test "matrix: lazy refcounts, 16 MiB, preallocation metadata, new" { agree sixth4 reserved lazy_refcounts=on,preallocation=metadata new; }
@test "matrix: lazy refcounts, 16 MiB, preallocation falloc, new" { agree sixth6 reserved lazy_refcounts=on,preallocation=falloc new; }
@test "matrix: lazy refcounts, 16 MiB, preallocation full, new" { agree sixth2 reserved lazy_refcounts=on,preallocation=full new; }
@test "matrix: lazy refcounts, 16 MiB, preallocation metadata, written" { agree sixth5 reserved lazy_refcounts=on,preallocation=metadata written; }
@test "matrix: lazy refcounts, 16 MiB, preallocation falloc, written" { agree sixth1 reserved lazy_refcounts=on,preallocation=falloc written; }
@test "matrix: lazy refcounts, 16 MiB, preallocation full, written" { agree sixth3 reserved lazy_refcounts=on,preallocation=full written; }
@test "matrix: extended L2, 16 MiB, preallocation metadata, new" { agree third3 reserved extended_l2=on,preallocation=metadata new; }
@test "matrix: extended L2, 16 MiB, preallocation falloc, new" { agree third1 reserved extended_l2=on,preallocation=falloc new; }
@test "matrix: extended L2, 16 MiB, preallocation full, new" { agree third2 reserved extended_l2=on,preallocation=full new; }
@test "matrix: extended L2, 16 MiB, preallocation metadata, written" { agree third3 reserved extended_l2=on,preallocation=metadata written; }
@test "matrix: extended L2, 16 MiB, preallocation falloc, written" { agree third1 reserved extended_l2=on,preallocation=falloc written; }
@test "matrix: extended L2, 16 MiB, preallocation full, written" { agree third2 reserved extended_l2=on,preallocation=full written; }

# ---- Snapshots, bitmaps, and every width of refcounts --------------------------------------------

@test "matrix: version 3, nothing written" { agree all empty compat=1.1; }
@test "matrix: version 3, filled" { agree all filled compat=1.1; }
@test "matrix: version 2, nothing written" { agree third2 empty compat=0.10; }
@test "matrix: version 2, filled" { agree third1 filled compat=0.10; }
@test "matrix: zstd, nothing written" { agree third3 empty compression_type=zstd; }
@test "matrix: zstd, filled" { agree third2 filled compression_type=zstd; }
@test "matrix: data file, nothing written" { agree third1 empty data_file=image.data; }
@test "matrix: data file, filled" { agree third3 filled data_file=image.data; }
@test "matrix: refcounts of 1 bit, nothing written" { agree third2 empty refcount_bits=1; }
@test "matrix: refcounts of 1 bit, filled" { agree third1 filled refcount_bits=1; }
@test "matrix: refcounts of 2 bits, nothing written" { agree third3 empty refcount_bits=2; }
@test "matrix: refcounts of 2 bits, filled" { agree third2 filled refcount_bits=2; }
@test "matrix: refcounts of 4 bits, nothing written" { agree third1 empty refcount_bits=4; }
@test "matrix: refcounts of 4 bits, filled" { agree third3 filled refcount_bits=4; }
@test "matrix: refcounts of 8 bits, nothing written" { agree third2 empty refcount_bits=8; }
@test "matrix: refcounts of 8 bits, filled" { agree third1 filled refcount_bits=8; }
@test "matrix: refcounts of 32 bits, nothing written" { agree third3 empty refcount_bits=32; }
@test "matrix: refcounts of 32 bits, filled" { agree third2 filled refcount_bits=32; }
@test "matrix: refcounts of 64 bits, nothing written" { agree third1 empty refcount_bits=64; }
@test "matrix: refcounts of 64 bits, filled" { agree third3 filled refcount_bits=64; }
@test "matrix: extended L2, filled" { agree all filled extended_l2=on; }
@test "matrix: data file, extended L2, filled" { agree all filled data_file=image.data,extended_l2=on; }

# ---- Far edges between L2 tables -----------------------------------------------------------------

@test "matrix: version 2, far edges" { agree third1 far compat=0.10; }
@test "matrix: version 3, far edges" { agree all far compat=1.1; }
@test "matrix: extended L2, far edges" { agree all far compat=1.1,extended_l2=on; }
