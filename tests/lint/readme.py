#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""readme.py [--update] BINARY [README]: the reference in the README is what `BINARY reference` prints.

Without --update it says where they differ and exits 1.
"""

import argparse
import difflib
import subprocess
import sys

BEGIN = "<!-- reference -->\n"
END = "<!-- /reference -->\n"


def printed(binary):
    text = subprocess.run([binary, "reference"], check=True, stdout=subprocess.PIPE, text=True).stdout
    # The headings of the program are one level too high for a part of the README.
    return "".join("#" + line if line.startswith("##") else line for line in text.splitlines(keepends=True))


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("binary")
    parser.add_argument("readme", nargs="?", default="README.md")
    arguments = parser.parse_args()
    with open(arguments.readme, encoding="utf-8") as file:
        readme = file.read()
    if BEGIN not in readme or END not in readme:
        print(f"{arguments.readme}: the marks {BEGIN.strip()} and {END.strip()} are missing")
        return 1
    head, rest = readme.split(BEGIN, 1)
    there, tail = rest.split(END, 1)
    wanted = printed(arguments.binary)
    if arguments.update:
        with open(arguments.readme, "w", encoding="utf-8") as file:
            file.write(head + BEGIN + wanted + END + tail)
        return 0
    if there == wanted:
        return 0
    print(f"{arguments.readme}: its reference is not what `rbl_exporter reference` prints; run `make reference`")
    sys.stdout.writelines(difflib.unified_diff(there.splitlines(True), wanted.splitlines(True), "README", "program"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
