#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tidy.py --stamps DIR TREE -- FLAGS: clang-tidy over each source of TREE, with the .clang-tidy above it.

A source that passed is not checked again as long as it, the headers of TREE that it includes, the flags, .clang-tidy
and clang-tidy itself stay what they were: DIR holds a digest of all that for each source.
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import sys


def config_of(tree):
    for folder in [tree.resolve(), *tree.resolve().parents]:
        if (folder / ".clang-tidy").exists():
            return folder / ".clang-tidy"
    sys.exit(f"tidy: no .clang-tidy above {tree}")


def digest_of(source, common, flags):
    """Everything that the findings in `source` depend on; None if it does not even preprocess."""
    listing = subprocess.run(["gcc", "-MM", *flags, source], capture_output=True, text=True)
    if listing.returncode != 0:
        return None
    digest = hashlib.sha256(common)
    for path in listing.stdout.split(":", 1)[1].replace("\\\n", " ").split():
        digest.update(path.encode() + b"\0" + pathlib.Path(path).read_bytes())
    return digest.hexdigest()


def check(source, stamp, common, flags):
    """True and "", or False and what clang-tidy said."""
    digest = digest_of(source, common, flags)
    if digest and stamp.exists() and stamp.read_text() == digest:
        return True, ""
    run = subprocess.run(
        ["clang-tidy", "--quiet", "--warnings-as-errors=*", source, "--", *flags],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    if run.returncode != 0 or not digest:
        return False, run.stdout
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest)
    return True, ""


def main():
    parser = argparse.ArgumentParser(description="clang-tidy over a tree, only where something changed")
    parser.add_argument("--stamps", type=pathlib.Path, required=True)
    parser.add_argument("tree", type=pathlib.Path)
    parser.add_argument("flags", nargs="*")
    arguments = parser.parse_args()
    version = subprocess.run(["clang-tidy", "--version"], check=True, capture_output=True).stdout
    common = version + config_of(arguments.tree).read_bytes() + "\0".join(arguments.flags).encode()
    sources = sorted(arguments.tree.rglob("*.c"))

    def check_one(source):
        stamp = arguments.stamps / source.relative_to(arguments.tree).with_suffix(".passed")
        return (source, *check(str(source), stamp, common, arguments.flags))

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, passed, output in pool.map(check_one, sources):
            if not passed:
                bad += 1
                print(f"tidy: {source} does not pass\n{output}", end="")
    return 1 if bad or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
