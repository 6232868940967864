# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Compares what the program printed for a harmless and for a hostile name: the files harmless.out,
# harmless.err, hostile.out and hostile.err in the current folder.
#
#     same_shape.pl bytes    standard output is the same bytes
#     same_shape.pl lines    standard output has as many lines, and is inert
#     same_shape.pl json     standard output is inert; the caller compares its structure
#     same_shape.pl inert FILE    only this: the file is inert
#
# Inert: UTF-8, and nothing that controls a terminal but line feeds. Prints each thing that is wrong, exits 1.

use strict;
use warnings;

my ($kind, $file) = @ARGV;
my $wrong = 0;

sub wrong {
    print "@_\n";
    $wrong = 1;
}

sub content {
    my ($name) = @_;
    open my $file, '<:raw', $name or die "$name: $!\n";
    local $/;
    my $bytes = <$file>;
    return defined $bytes ? $bytes : '';
}

# U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069: they reorder or break lines
my $controls = qr/[\x00-\x09\x0b-\x1f\x7f-\x9f\x{61c}\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}]/;

sub inert {
    my ($name, $bytes) = @_;
    my $text = $bytes;
    if (!utf8::decode($text) || $text =~ /[\x{d800}-\x{dfff}\x{110000}-\x{7fffffff}]/) {
        wrong("$name is not UTF-8");
    }
    elsif ($text =~ $controls) {
        wrong(sprintf '%s has the control U+%04X', $name, ord $&);
    }
}

sub same_lines {
    my ($name, %bytes) = @_;
    my ($harmless, $hostile) = map { $bytes{"$_.$name"} =~ tr/\n// } 'harmless', 'hostile';
    wrong("$name has $hostile lines, and $harmless for the harmless name") if $hostile != $harmless;
}

if ($kind eq 'inert') {
    inert($file, content($file));
    exit $wrong;
}
my %bytes = map { $_ => content($_) } 'harmless.out', 'hostile.out', 'harmless.err', 'hostile.err';
for my $name (sort keys %bytes) {
    inert($name, $bytes{$name}) if $name =~ /err$/ || $kind ne 'bytes';
}
same_lines('err', %bytes);
same_lines('out', %bytes) if $kind eq 'lines';
wrong('standard output differs') if $kind eq 'bytes' && $bytes{'harmless.out'} ne $bytes{'hostile.out'};
for my $line (split /\n/, $bytes{'hostile.err'}) {
    wrong("on standard error: $line") if $line !~ /^(qcow2-info|Try): /;
}
exit $wrong;
