#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""delisting.py [--update] [--template=FILE] BINARY [FLAG...]: Alertmanager's delisting pages are those of `BINARY lists`.

A notification knows the name of a list and not its page. They are those of the built-in lists; with --config.file=FILE
as a FLAG also those of the configuration. Without --update it says where they differ and exits 1.
"""

import argparse
import difflib
import pathlib
import sys

import list_pages

TEMPLATE = pathlib.Path(__file__).resolve().parents[2] / "config" / "alertmanager" / "templates" / "rbl_lists.tmpl"

HEAD = """\
{{/*
SPDX-License-Identifier: Apache-2.0

Where to get off a list, by its name: the built-in lists with such a page, and those of your configuration if you have
this file written by `make pages CONFIG=my.yml`. For any other list rbl.own_delisting_page of rbl.tmpl is asked.
*/}}
{{ define "rbl.delisting_page" }}
"""
TAIL = """\
{{- else }}{{ template "rbl.own_delisting_page" . }}{{ end }}
{{- end }}
"""


def template(lists):
    """Of lists that say something bad of an address. What the template language would take for its own is quoted."""
    text, word = HEAD, "if"
    for one in sorted(lists):
        if one.page and one.kind != "allowlist":
            page = one.page.replace("{{", '{{ "{{" }}')
            text += f'{{{{- {word} eq . "{one.name}" }}}}{page}\n'
            word = "else if"
    return text + TAIL


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--template", type=pathlib.Path, default=TEMPLATE)
    parser.add_argument("binary")
    parser.add_argument("flags", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    wanted = template(list_pages.read(arguments.binary, arguments.flags))
    try:
        there = arguments.template.read_text(encoding="utf-8")
    except FileNotFoundError:
        sys.exit(f"{arguments.template}: there is no such file; name the one that holds the delisting pages")
    if arguments.update:
        arguments.template.write_text(wanted, encoding="utf-8")
        return 0
    if there == wanted:
        return 0
    print(f"{arguments.template}: not the delisting pages of `rbl_exporter lists`; run `make reference`")
    sys.stdout.writelines(difflib.unified_diff(there.splitlines(True), wanted.splitlines(True), "template", "program"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
