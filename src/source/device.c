// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

// Only on Linux; on other systems no device supports requests.

#include "source/device.h"

#include "base/checked.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#endif

bool device_open(int fd, struct device *device)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_APPEND) || fstat(fd, &status) != 0 || !S_ISBLK(status.st_mode)) {
        return false;
    }
    off_t place = lseek(fd, 0, SEEK_CUR);
    off_t end = lseek(fd, 0, SEEK_END);
    if (place < 0 || end < 0 || lseek(fd, place, SEEK_SET) < 0) {
        return false;
    }
    *device = (struct device){.fd = fd, .size = (uint64_t)end};
    return true;
}

#ifdef __linux__
// In the order of the attempts. All of them zero the range; the first one also frees the space, and
// with the last one the kernel writes the zeros if the device cannot.
static const struct {
    int mode; // of fallocate(); 0: BLKZEROOUT
} ways[] = {
    {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
    {FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE},
    {0},
};

static bool request(const struct device *device, uint64_t offset, uint64_t length)
{
    int result;
    do {
        if (ways[device->way].mode != 0) {
            result = fallocate(device->fd, ways[device->way].mode, (off_t)offset, (off_t)length);
        } else {
            uint64_t range[] = {offset, length};
            result = ioctl(device->fd, BLKZEROOUT, range);
        }
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

bool device_zero(struct device *device, uint64_t offset, uint64_t length)
{
    // For a range past the end, the kernel would zero the existing part and report success.
    if (!range_inside(offset, length, device->size)) {
        return false;
    }
    for (; device->way < sizeof ways / sizeof ways[0]; device->way++) {
        if (request(device, offset, length)) {
            return true;
        }
    }
    return false;
}
#else
bool device_zero(struct device *device, uint64_t offset, uint64_t length)
{
    (void)device, (void)offset, (void)length;
    return false;
}
#endif
