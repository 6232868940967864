// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Zeroes ranges of a block device by a request, so that no zeros are sent to it and it may free the
// space.

#ifndef SOURCE_DEVICE_H
#define SOURCE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

// Requests begin and end at multiples of this many bytes: a page of the page cache, and a multiple
// of usual blocks.
enum { DEVICE_UNIT = 4096 };

struct device {
    int fd;        // open for writing, and not for appending
    uint64_t size; // bytes
    unsigned way;  // index of the kind of request; when one fails, the next is used
};

// False when `fd` is not a block device to which bytes can be written at any offset.
bool device_open(int fd, struct device *device);

// Makes [offset, offset + length) read as zeros; both are multiples of DEVICE_UNIT. False when the
// device does not support the request, or the range ends past its end: the caller then writes the
// zeros.
bool device_zero(struct device *device, uint64_t offset, uint64_t length);

#endif
