#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The README's reference is the program's own, and the check of that can fail."""

import os
import pathlib
import subprocess
import sys
import tempfile

from tap import case, finish

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BINARY = os.environ.get("RBL_EXPORTER", str(ROOT / "build" / "rbl_exporter"))


def check(*arguments):
    command = [sys.executable, str(HERE / "readme.py"), *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def main():
    done = check(BINARY, ROOT / "README.md")
    case("the reference in the README is what the program prints", done.returncode == 0, done.stdout)
    with tempfile.TemporaryDirectory() as folder:
        readme = pathlib.Path(folder) / "README.md"
        readme.write_text("before\n<!-- reference -->\n| no_such_key |\n<!-- /reference -->\nafter\n")
        done = check(BINARY, readme)
        case("a line that differs is found", done.returncode == 1 and "-| no_such_key |" in done.stdout, done.stdout)
        done = check("--update", BINARY, readme)
        text = readme.read_text()
        mended = text.startswith("before\n") and text.endswith("after\n") and "rbl_ip_listed" in text
        case("--update mends it and nothing else", mended and check(BINARY, readme).returncode == 0, text)
        readme.write_text("nothing\n")
        case("a README without the marks is refused", check(BINARY, readme).returncode == 1)
    finish()


if __name__ == "__main__":
    main()
