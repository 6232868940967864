// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Zeros on a block device by a request, so that no zero is sent to it and it may give up the space.

#ifndef SOURCE_DEVICE_H
#define SOURCE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

// Requests begin and end at multiples of so many bytes: of the page cache and of usual blocks.
enum { DEVICE_UNIT = 4096 };

struct device {
    int fd;        // open for writing, and not for appending
    uint64_t size; // bytes
    unsigned way;  // the way of the requests; one behind another takes its place when it fails
};

// False when `fd` is no block device to which bytes can be written at any place.
bool device_open(int fd, struct device *device);

// Makes [offset, offset + length) read as zeros; both are multiples of DEVICE_UNIT. False when the
// device does not take the request, or the range ends past its end: the zeros are then to be
// written.
bool device_zero(struct device *device, uint64_t offset, uint64_t length);

#endif
