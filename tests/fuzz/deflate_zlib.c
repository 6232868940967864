// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "deflate_zlib.h"

#undef WITH_LIBDEFLATE
#define WITH_LIBDEFLATE 0
#define codec_deflate   codec_deflate_zlib

#include "codec/deflate.c" // NOLINT(bugprone-suspicious-include): the same code, built otherwise
