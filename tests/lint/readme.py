#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""readme.py [--update] BINARY [README]: the reference in the README is what `BINARY reference` prints.

Without --update it says where they differ, which links within it lead nowhere and which sections its contents leave
out, and exits 1.
"""

import argparse
import difflib
import re
import subprocess
import sys

BEGIN = "<!-- reference -->\n"
END = "<!-- /reference -->\n"


def printed(binary):
    text = subprocess.run([binary, "reference"], check=True, stdout=subprocess.PIPE, text=True).stdout
    # The headings of the program are one level too high for a part of the README.
    return "".join("#" + line if line.startswith("##") else line for line in text.splitlines(keepends=True))


def anchor(heading):
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def lost_links(readme):
    """What is wrong with links within the README. Its contents are what stands before the first section."""
    text = re.sub(r"^```.*?^```$", "", readme, flags=re.MULTILINE | re.DOTALL)
    anchors = [anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    sections = [anchor(heading) for heading in re.findall(r"^## (.*)$", text, re.MULTILINE)]
    link = re.compile(r"\]\(#([^)]*)\)")
    contents = link.findall(re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)[0])
    wrong = [f"a link leads to #{name}, which is not there" for name in link.findall(text) if name not in anchors]
    wrong += [f"the contents leave out #{name}" for name in sections if name not in contents and name != "license"]
    if contents != [name for name in sections if name in contents]:
        wrong.append("the contents are in another order than the sections")
    return wrong


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
    wrong = lost_links(readme)
    for what in wrong:
        print(f"{arguments.readme}: {what}")
    if there == wanted:
        return 1 if wrong else 0
    print(f"{arguments.readme}: its reference is not what `rbl_exporter reference` prints; run `make reference`")
    sys.stdout.writelines(difflib.unified_diff(there.splitlines(True), wanted.splitlines(True), "README", "program"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
