#!/usr/bin/env python3
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
"""Runs a program whose standard output is a pseudo-terminal, and prints what it writes there.

    terminal.py COLUMNS PROGRAM ARGUMENT...

Newlines are kept as they are. Exits with the status of the program.
"""
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

controller, terminal = pty.openpty()
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
modes = termios.tcgetattr(terminal)
modes[1] &= ~termios.OPOST
termios.tcsetattr(terminal, termios.TCSANOW, modes)
program = subprocess.Popen(sys.argv[2:], stdout=terminal)
os.close(terminal)
while True:
    try:
        written = os.read(controller, 65536)
    except OSError:  # the program has closed the terminal
        break
    if not written:
        break
    sys.stdout.buffer.write(written)
sys.stdout.buffer.flush()
sys.exit(program.wait())
