#!/usr/bin/perl
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Prints unseen_ranges.h from the Unicode tables that come with Perl:
#
#     src/base/unseen_ranges.pl >src/base/unseen_ranges.h

use strict;
use warnings;
use Unicode::UCD;

# Controls, separators, and all that a renderer shows nothing of, or a blank that is not U+0020. The braille
# blank has no property that says so. Annotations hide what they annotate.
my $unseen = qr/[\p{Cc}\p{Zl}\p{Zp}\p{Zs}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\x{180e}\x{2800}\x{fff9}-\x{fffb}]/;

sub is_unseen {
    my ($code) = @_;
    return 0 if $code == 0x20 || $code >= 0xd800 && $code <= 0xdfff;
    no warnings 'nonchar';
    return chr($code) =~ $unseen;
}

my $version = Unicode::UCD::UnicodeVersion();
print <<"END";
// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Code points that a reader does not see, or takes for a blank, in order. Made by unseen_ranges.pl
// from the tables of Unicode $version.

#ifndef BASE_UNSEEN_RANGES_H
#define BASE_UNSEEN_RANGES_H

#include <stdint.h>

static const struct {
    uint32_t first, last;
} unseen_ranges[] = {
END
my $first;
for my $code (0 .. 0x110000) {
    my $unseen = $code <= 0x10ffff && is_unseen($code);
    $first = $code if $unseen && !defined $first;
    if (!$unseen && defined $first) {
        printf "    {0x%x, 0x%x},\n", $first, $code - 1;
        undef $first;
    }
}
print "};\n\n#endif\n";
