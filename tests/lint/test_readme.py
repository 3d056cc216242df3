#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The README's reference and Alertmanager's delisting pages are the program's own, and the checks of that can fail."""

import os
import pathlib
import subprocess
import sys
import tempfile

from tap import case, finish

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BINARY = os.environ.get("RBL_EXPORTER", str(ROOT / "build" / "rbl_exporter"))


TEMPLATE = ROOT / "config" / "alertmanager" / "templates" / "rbl_lists.tmpl"


def check(*arguments, tool="readme.py"):
    command = [sys.executable, str(HERE / tool), *map(str, arguments)]
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
        right = readme.read_text()
        for what, contents, said in (
            ("a link that leads nowhere", "[a](#one) [b](#no-such-part) [c](#two-really)", "#no-such-part, which"),
            ("a section that the contents leave out", "[a](#one)", "leave out #two-really"),
            ("another order of the contents", "[c](#two-really) [a](#one)", "another order"),
        ):
            readme.write_text(f"{contents}\n\n## One\n\n## Two, really?\n\n```\n## none\n```\n{right}")
            done = check(BINARY, readme)
            case(f"{what} is found", done.returncode == 1 and said in done.stdout, done.stdout)
        readme.write_text("nothing\n")
        case("a README without the marks is refused", check(BINARY, readme).returncode == 1)
        done = check(BINARY, tool="delisting.py")
        case("the delisting pages of the templates are those of the built-in lists", done.returncode == 0, done.stdout)
        template = pathlib.Path(folder) / "rbl_lists.tmpl"
        template.write_text(TEMPLATE.read_text().replace("https://senderscore.org/rtbl/", "https://example.net/"))
        done = check(f"--template={template}", BINARY, tool="delisting.py")
        found = done.returncode == 1 and '+{{- else if eq . "senderscore_bl" }}https://senderscore.org/rtbl/' in done.stdout
        case("another delisting page is found", found, done.stdout)
        check("--update", f"--template={template}", BINARY, tool="delisting.py")
        case("--update mends the templates", template.read_text() == TEMPLATE.read_text())
    finish()


if __name__ == "__main__":
    main()
