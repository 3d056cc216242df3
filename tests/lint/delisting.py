#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""delisting.py [--update] BINARY [TEMPLATE]: Alertmanager's template of delisting pages has those of `BINARY lists`.

A notification knows the name of a list and not its page. Without --update it says where they differ and exits 1.
"""

import argparse
import difflib
import subprocess
import sys

HEAD = """\
{{/*
SPDX-License-Identifier: Apache-2.0

Where to get off a list, by its name: the built-in lists with such a page, written by `make reference`. Lists of your
own are in rbl.own_delisting_page of rbl.tmpl.
*/}}
{{ define "rbl.delisting_page" }}
"""
TAIL = """\
{{- else }}{{ template "rbl.own_delisting_page" . }}{{ end }}
{{- end }}
"""


def pages(binary):
    """[(name of a list, its delisting page)] of the built-in lists that say something bad of an address."""
    text = subprocess.run([binary, "lists"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    head, *rows = text.stdout.split("\n\n", 1)[0].splitlines()
    columns = {name: head.index(name) for name in ("NAME", "STATUS", "KIND", "TIER", "DELISTING")}
    found = []
    for row in rows:
        kind = row[columns["KIND"] : columns["TIER"]].strip()
        page = row[columns["DELISTING"] :].strip()
        if kind != "allowlist" and page != "-":
            found.append((row[: columns["STATUS"]].strip(), page))
    return found


def template(binary):
    text, word = HEAD, "if"
    for name, page in sorted(pages(binary)):
        text += f'{{{{- {word} eq . "{name}" }}}}{page}\n'
        word = "else if"
    return text + TAIL


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("binary")
    parser.add_argument("template", nargs="?", default="config/alertmanager/templates/rbl_lists.tmpl")
    arguments = parser.parse_args()
    wanted = template(arguments.binary)
    if arguments.update:
        with open(arguments.template, "w", encoding="utf-8") as file:
            file.write(wanted)
        return 0
    with open(arguments.template, encoding="utf-8") as file:
        there = file.read()
    if there == wanted:
        return 0
    print(f"{arguments.template}: not the delisting pages of `rbl_exporter lists`; run `make reference`")
    sys.stdout.writelines(difflib.unified_diff(there.splitlines(True), wanted.splitlines(True), "template", "program"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
