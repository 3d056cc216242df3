#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lookup_pages.py [--update] [--folder=DASHBOARDS] BINARY [FLAG...]: columns "Look-up page" lead where `BINARY lists` says.

No metric has the address of a list's look-up page: it would be one more label on every series of the list for what
never changes. The tables have the list's name in that column instead, and value mappings make its page of it: the text
that is shown, and what the link of the column opens. A list without a page has an empty cell and no link.

The mappings are those of the built-in lists; with --config.file=FILE as a FLAG also those of the configuration.
Without --update it says where they differ and exits 1.
"""

import argparse
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lint"))
import list_pages  # noqa: E402 (found by the line above)

COLUMN = "Look-up page"


def mappings(lists):
    """Grafana takes the first that matches: the last one is for lists whose page nobody has told."""
    pages = sorted((one.name, one.page) for one in lists if one.page)
    options = {name: {"index": number, "text": page} for number, (name, page) in enumerate(pages)}
    nothing = {"pattern": ".*", "result": {"index": len(options), "text": ""}}
    return [{"type": "value", "options": options}, {"type": "regex", "options": nothing}]


def of_column(dashboard):
    """The properties of each column with look-up pages that are its value mappings."""
    for panel in dashboard["panels"]:
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            if override["matcher"] == {"id": "byName", "options": COLUMN}:
                yield from (found for found in override["properties"] if found["id"] == "mappings")


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "dashboards")
    parser.add_argument("binary")
    parser.add_argument("flags", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    wanted = mappings(list_pages.read(arguments.binary, arguments.flags))
    paths = sorted(arguments.folder.glob("*.json"))
    if not paths:
        sys.exit(f"{arguments.folder}: there is no dashboard (*.json) in it; name the folder that holds them")
    status = 0
    for path in paths:
        there = path.read_text(encoding="utf-8")
        dashboard = json.loads(there)
        for found in of_column(dashboard):
            found["value"] = wanted
        text = json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
        if arguments.update:
            path.write_text(text, encoding="utf-8")
        elif text != there:
            print(f"{path.name}: its look-up pages are not those of `rbl_exporter lists`; run `make reference`")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
