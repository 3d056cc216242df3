#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""purity.py OBJECT...: core computes, so its objects may import nothing but memory, text and each other.

No clock, file, socket, randomness, printing, environment, locale or library: what is not named here is an error.
"""

import re
import subprocess
import sys

ALLOWED = set(
    """
    malloc calloc realloc reallocarray free strdup strndup
    memcpy memmove memset explicit_bzero memcmp memchr memrchr memmem mempcpy rawmemchr
    strlen strnlen strcmp strncmp strcasecmp strncasecmp strchr strrchr strchrnul strstr strcasestr strspn strcspn
    strpbrk strcpy strncpy stpcpy strcat strncat
    snprintf vsnprintf strtod strtol strtoll
    qsort qsort_r bsearch
    __assert_fail __stack_chk_fail _GLOBAL_OFFSET_TABLE_
    """.split()
)
# What _FORTIFY_SOURCE and the headers make of them.
VARIANT = re.compile(r"__(\w+)_chk|__isoc\d+_(\w+)")
# Arithmetic that the compiler calls a function for, such as __divti3.
ARITHMETIC = re.compile(r"__[a-z]+[sdt]i[234]")


def symbols(objects):
    """[(object, type letter, name)] as nm prints them."""
    listing = subprocess.run(
        ["nm", "--print-file-name", "--portability", *objects], check=True, capture_output=True, text=True
    ).stdout
    found = []
    for line in listing.splitlines():
        path, name, letter = line.split()[:3]
        found.append((path.rstrip(":"), letter, name))
    return found


def is_allowed(name):
    variant = VARIANT.fullmatch(name)
    plain = (variant.group(1) or variant.group(2)) if variant else name
    return plain in ALLOWED or ARITHMETIC.fullmatch(name) is not None


def main():
    found = symbols(sys.argv[1:]) if len(sys.argv) > 1 else []
    if not found:
        print("purity: no object to look at")
        return 1
    own = {name for _, letter, name in found if letter.isupper() and letter != "U"}
    bad = [(path, name) for path, letter, name in found if letter in "Uvw" and name not in own and not is_allowed(name)]
    for path, name in bad:
        print(f"purity: {path} imports {name}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
