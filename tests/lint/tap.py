# SPDX-License-Identifier: Apache-2.0
"""Cases in the Test Anything Protocol, for the tests of the tools."""

import sys

_cases = []


def case(name, passed, output=""):
    """One case; `output` is shown if it failed."""
    _cases.append(passed)
    print(f"{'ok' if passed else 'not ok'} - {name}", flush=True)
    if not passed:
        print("".join(f"# {line}\n" for line in output.splitlines()), end="")


def finish():
    print(f"1..{len(_cases)}")
    sys.exit(0 if all(_cases) else 1)
