# SPDX-License-Identifier: Apache-2.0
"""Allocations that fail: what preload/allocfail.c is told while a program runs.

RBL_ALLOCATIONS=all lets every single one of a phase fail, instead of a spread over it.
"""

import mmap
import os

from exporter import BINARY

LIBRARY = os.path.join(os.path.dirname(BINARY), "tests", "allocfail.so")
ALL = os.environ.get("RBL_ALLOCATIONS") == "all"
OWNER, COUNT, FIRST, LAST, FAILED = range(5)  # as in preload/allocfail.c
# What TLS stands on ends the process by itself, and offers no way around it: libtasn1 4.19 uses the nodes that it
# allocates without a look whether it got them, and GMP calls abort().
SPARED = os.environ.get("RBL_ALLOCATIONS_SPARED", "libtasn1.so libgmp.so")
FOR_EVER = (1 << 64) - 1


class Allocations:
    """Those of the first process that is started with `env`."""

    def __init__(self, world, name="allocations"):
        path = world.write(name, bytes(5 * 8))
        self.env = {"LD_PRELOAD": LIBRARY, "ALLOCFAIL": path, "ALLOCFAIL_SPARED": SPARED}
        with open(path, "r+b") as file:
            self.words = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")

    def adopt_next(self):
        """The next process that starts is the one."""
        self.words[OWNER] = 0

    def has_owner(self):
        return self.words[OWNER] != 0

    def count_from_here(self):
        self.words[FIRST] = 0
        self.words[COUNT] = 0
        self.words[FAILED] = 0

    def fail(self, n, for_ever=False):
        """Lets the n-th from now on fail, from 1, and all behind it if so `for_ever`."""
        self.count_from_here()
        self.words[LAST] = FOR_EVER if for_ever else n
        self.words[FIRST] = n

    def end(self):
        """There is memory again; how many have failed."""
        self.words[FIRST] = 0
        return self.words[FAILED]

    @property
    def count(self):
        return self.words[COUNT]

    @property
    def failed(self):
        return self.words[FAILED]


def spread(n, few):
    """Which of `n` allocations fail: all, or so many, of which the first and the last are two."""
    if ALL or n <= few:
        return range(1, n + 1)
    return sorted({1 + i * (n - 1) // (few - 1) for i in range(few)})
