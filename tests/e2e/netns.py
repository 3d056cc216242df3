# SPDX-License-Identifier: Apache-2.0
"""A network of its own for a test program: routes, losses and port 53 are then nobody else's."""

import ctypes
import os
import subprocess

from servers import find_program

CLONE_NEWNET = 0x40000000


def run(*command):
    subprocess.run([find_program(command[0]), *command[1:]], check=True, capture_output=True, text=True)


def why_not(*programs):
    """Makes a network namespace for this process, which ends with it; the reason why there is none, or None."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        for program in ("ip", *programs):
            find_program(program)
    except AssertionError as error:
        return str(error)
    if libc.unshare(CLONE_NEWNET) != 0:
        return f"no network namespace: {os.strerror(ctypes.get_errno())}"
    run("ip", "link", "set", "lo", "up")
    return None
