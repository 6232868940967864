// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "codec/codec.h"

const char codec_short[] = "the stream ends before the end of the cluster";
const char codec_no_memory[] = "out of memory";
