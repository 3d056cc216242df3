#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what of the code the tests have run, file by file, from the counts that a build with --coverage has left.

Fails if less than 90 % of the branches of core were taken, or if any branch was not taken of the modules that must not
be wrong about an answer, a configuration or what was kept: they have to be whole. Not counted is what cannot be
reached: the failure of an assert, the branch beside all cases of a switch, what the compiler made of no code, and lines marked GCOVR_EXCL with a reason.
`--missing` names each branch that was not taken in them.
"""

import argparse
import json
import re
import subprocess
import sys

CORE_LEAST = 0.90
ASSERT = r".*\bassert\(.*"
# Over our enums without `default:`, so the branch beside its cases, which the compiler makes, is one that cannot be; each
# case is a line of its own, and counts there.
SWITCH = r".*\bswitch \(.*"
WHOLE = re.compile(r"exporter/(core/(reply\w*|verdict|restore\w*)|edge/(yaml|state_load))\.[ch]")


def read_counts(build):
    """{file: [line]} as gcovr tells it."""
    done = subprocess.run(
        ["gcovr", "--root", ".", "--filter", "exporter/", "--object-directory", f"{build}/obj", f"{build}/obj",
         "--exclude-unreachable-branches", "--exclude-lines-by-pattern", ASSERT, "--exclude-branches-by-pattern", SWITCH, "--json"],
        stdout=subprocess.PIPE, check=True,
    )
    return {one["file"]: one["lines"] for one in json.loads(done.stdout)["files"]}


def count(lines):
    """(lines run, lines, branches taken, branches)"""
    counted = [line for line in lines if not line.get("gcovr/noncode")]
    branches = [branch for line in counted for branch in line["branches"]]
    return (
        sum(line["count"] > 0 for line in counted),
        len(counted),
        sum(branch["count"] > 0 for branch in branches),
        len(branches),
    )


def share(part, whole):
    return f"{part:6} of {whole:6} {100 * part / whole if whole else 100:6.1f} %"


def show(name, counts):
    print(f"{name:40} lines {share(*counts[:2])}   branches {share(*counts[2:])}")


def add(counts):
    return [sum(column) for column in zip(*counts)] if counts else [0, 0, 0, 0]


def missing(name, lines):
    return [
        f"{name}:{line['line_number']}: {sum(b['count'] == 0 for b in line['branches'])} of {len(line['branches'])} branches"
        for line in lines
        if not line.get("gcovr/noncode") and any(branch["count"] == 0 for branch in line["branches"])
    ]


def main():
    parser = argparse.ArgumentParser(description="prints what the tests have run", allow_abbrev=False)
    parser.add_argument("--missing", action="store_true", help="name the branches that were not taken where all have to be")
    parser.add_argument("build")
    arguments = parser.parse_args()
    files = read_counts(arguments.build)
    counts = {name: count(lines) for name, lines in files.items()}
    for name in sorted(counts):
        show(name, counts[name])
    core = add([counts[name] for name in counts if name.startswith("exporter/core/")])
    show("core", core)
    show("all", add(list(counts.values())))
    failed = 0
    if not core[3] or core[2] < CORE_LEAST * core[3]:
        print(f"FAIL core: under {100 * CORE_LEAST:.0f} % of its branches")
        failed += 1
    whole = sorted(name for name in counts if WHOLE.fullmatch(name))
    for name in whole:
        if counts[name][2] < counts[name][3]:
            print(f"FAIL {name}: {counts[name][3] - counts[name][2]} branches were never taken")
            failed += 1
            if arguments.missing:
                print("".join(f"     {text}\n" for text in missing(name, files[name])), end="")
    passed = 1 + len(whole) - failed
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and whole else 1


if __name__ == "__main__":
    sys.exit(main())
