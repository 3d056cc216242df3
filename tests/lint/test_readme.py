#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The README's reference and Alertmanager's delisting pages are the program's own, and the checks of that can fail."""

import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from tap import case, finish

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BINARY = os.environ.get("RBL_EXPORTER", str(ROOT / "build" / "rbl_exporter"))


TEMPLATE = ROOT / "config" / "alertmanager" / "templates" / "rbl_lists.tmpl"


# The first words of a row of the table in "Limits", and what stands in it: a text, or a constant of a header and its unit.
LIMITS = [
    ("connections in all", "edge/httpd.h", "HTTPD_MAX_CONNECTIONS", ""),
    ("of one client address", "edge/httpd.h", "HTTPD_MAX_PER_ADDRESS", ""),
    ("request line and headers", "edge/httpd.h", "HTTPD_MAX_HEADER_BYTES", "KiB"),
    ("parameters", "core/url.h", "URL_SIZE", "KiB"),
    ("parameters", "core/url.h", "URL_PARAMETERS", "of them"),
    ("parameters", "app_web.c", "NAMES_MOST", "`name[]`"),
    ("body", "edge/httpd.h", "HTTPD_MAX_BODY_BYTES", "KiB"),
    ("body", "app_web_internal.h", "APP_WEB_BOUNCE_BYTES", "MiB"),
    ("until a request is complete", "edge/httpd.h", "HTTPD_REQUEST_SECONDS", "s from its first byte"),
    ("reading a response", "edge/httpd_internal.h", "HTTPD_LEAST_PROGRESS", "KiB"),
    ("reading a response", "edge/httpd.h", "HTTPD_REQUEST_SECONDS", "s"),
    ("idle between requests", "edge/httpd.h", "HTTPD_IDLE_SECONDS", "s"),
    ("the answer", "edge/httpd.h", "HTTPD_ANSWER_SECONDS", "s;"),
    ("the answer", "core/probe.h", "PROBE_MOST_SECONDS", "s at most"),
    ("requests in work", "edge/cli.c", "MAX_REQUESTS_LIMIT", ""),
    ("addresses that are checked", "core/checker_probe.h", "PROBES", "a minute"),
    ("addresses that are checked", "core/checker_probe.h", "PROBE_LOOKS", "queries"),
    ("addresses that are checked", "core/checker_probe.h", "PROBE_LOOKS_ALL", "in all"),
    ("passwords that wait", "edge/httpd_guard.h", "HTTPD_TRIALS", ""),
    ("passwords that wait", "edge/httpd.h", "HTTPD_ANSWER_SECONDS", "s |"),
    ("user and password", "core/basic_auth.h", "BASIC_AUTH_MOST", "KiB"),
    ("user and password", "edge/httpd_guard.h", "HTTPD_PASSWORD_BYTES", "bytes"),
]
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20}


def constant(source, name):
    """The value of an enumerator, which is written as a product, a shift or a number."""
    text = (ROOT / "exporter" / source).read_text(encoding="utf-8")
    factors, _, shift = re.search(rf"\b{name} *=\s*([0-9 *<]*[0-9])", text)[1].partition("<<")
    return math.prod(map(int, factors.split("*"))) << int(shift or 0)


def wrong_limits(readme):
    """The limits of the code that their row of the README does not have."""
    table = readme[readme.index("\n## Limits\n") :]
    wrong = []
    for row, source, name, unit in LIMITS:
        cells = re.search(rf"^\| {re.escape(row)}.*$", table, re.MULTILINE)
        stated = f"{constant(source, name) // UNITS.get(unit, 1):,} {unit}".strip()
        if not cells or not re.search(rf"(?<![0-9,]){re.escape(stated)}(?![0-9])", cells[0]):
            wrong.append(f"{row}: {name} is {stated}")
    return wrong


def check(*arguments, tool="readme.py"):
    command = [sys.executable, str(HERE / tool), *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def main():
    done = check(BINARY, ROOT / "README.md")
    case("the reference in the README is what the program prints", done.returncode == 0, done.stdout)
    limits = (ROOT / "README.md").read_text(encoding="utf-8")
    lost = [path for path in re.findall(r"`(tests/[^` ]*)`", limits) if not (ROOT / path).exists()]
    case("the tests that the README names are there", not lost, "\n".join(lost))
    case("the limits of the web server in the README are those of the code", not wrong_limits(limits), "\n".join(wrong_limits(limits)))
    another = wrong_limits(limits.replace("| 512 |", "| 5120 |").replace("16 KiB at least", "8 KiB at least"))
    case("another number is found", [line.split(":")[0] for line in another] == ["connections in all", "reading a response"], "\n".join(another))
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
