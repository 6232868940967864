# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Types lines in a shell on a pseudo-terminal:
#
#     python3 keys.py GOT SCREEN SHELL ARGUMENT... <LINES
#
# Each line of standard input is typed, with \t for the tab key and \x02 for control-B, and ended with the return key. The next one is
# typed when the file GOT has one more line: what is run has to add one. SCREEN becomes all that the terminal was
# sent. Nothing depends on how long anything takes, but for a limit that ends a test that hangs.

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

COLUMNS, ROWS, SECONDS = 200, 50, float(os.environ.get("PROGRAM_SECONDS", "1800"))


def unescape(match):
    return "\t" if match[1] == "t" else chr(int(match[1][1:], 16))


def start(argv):
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execvp(argv[0], argv)
    return terminal


def read_some(terminal, screen):
    """Keeps what the terminal was sent. False when the shell has ended."""
    if select.select([terminal], [], [], 0.02)[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            return False
        screen.write(data)
        screen.flush()
        return len(data) > 0
    return True


def count_lines(path):
    with open(path, "rb") as file:
        return file.read().count(b"\n")


def wait(terminal, screen, is_done, end):
    while not is_done():
        if time.monotonic() > end or not read_some(terminal, screen):
            return False
    return True


def main():
    got, shown, argv = sys.argv[1], sys.argv[2], sys.argv[3:]
    end = time.monotonic() + SECONDS
    open(got, "wb").close()
    lines = [re.sub(r"\\(t|x[0-9a-f]{2})", unescape, line.rstrip("\n")) for line in sys.stdin]
    with open(shown, "w+b") as screen:
        terminal = start(argv)

        # The first prompt.
        wait(terminal, screen, lambda: os.path.getsize(shown) > 0 and b"READY>" in open(shown, "rb").read(), end)
        for number, line in enumerate(lines, 1):
            os.write(terminal, line.encode() + b"\r")
            if not wait(terminal, screen, lambda: count_lines(got) >= number, end):
                sys.exit(f"no answer to: {line!r}")
        os.write(terminal, b"exit\r")
        wait(terminal, screen, lambda: False, end)


main()
