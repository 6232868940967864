// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_FUZZ_DEFLATE_ZLIB_H
#define TESTS_FUZZ_DEFLATE_ZLIB_H

#include "codec/codec.h"

// What codec_deflate is in a build without libdeflate.
extern const struct codec codec_deflate_zlib;

#endif
