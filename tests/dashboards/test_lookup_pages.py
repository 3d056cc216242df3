#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The look-up pages in the dashboards are those of the lists that the exporter knows, and the check of that can fail."""

import json
import pathlib
import subprocess
import sys
import tempfile

import real
from real import BINARY

import lookup_pages
from tap import case, finish

CONFIG = """
lists:
  - {name: own, zone: bl.example.net, delist_url: "https://example.net/remove"}
  - {name: pageless, zone: bl.example.org}
groups:
  - {name: outbound, addresses: [192.0.2.1]}
"""


def run(*arguments):
    command = [sys.executable, lookup_pages.__file__, *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def shown(path, name):
    """What each column with look-up pages shows for a list: as Grafana does, what matches first."""
    for found in lookup_pages.of_column(json.loads(path.read_text(encoding="utf-8"))):
        exact, other = found["value"]
        yield exact["options"].get(name, other["options"]["result"])["text"]


def opens(dashboard):
    """What the columns with look-up pages open."""
    for panel in dashboard["panels"]:
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            if override["matcher"]["options"] == lookup_pages.COLUMN:
                yield from (link["url"] for found in override["properties"] if found["id"] == "links" for link in found["value"])


def main():
    done = run(BINARY)
    case("the dashboards have the look-up pages of the built-in lists", done.returncode == 0, done.stdout)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for path in real.FOLDER.glob("*.json"):
            (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        overview = folder / "overview.json"
        before = overview.read_text(encoding="utf-8")
        pages = list(shown(overview, "spamhaus_zen"))
        case("a list shows its page", pages and set(pages) == {"https://check.spamhaus.org/"}, str(pages))
        case("a list without one shows nothing", set(shown(overview, "no_such_list")) == {""})
        links = list(opens(json.loads(before)))
        case("what is shown is what is opened", links and set(links) == {"${__value.text:raw}"}, str(links))

        overview.write_text(before.replace("https://check.spamhaus.org/", "https://elsewhere.example/"), encoding="utf-8")
        done = run(f"--folder={folder}", BINARY)
        case("a page that differs is found", done.returncode == 1 and "overview.json" in done.stdout, done.stdout)
        done = run("--update", f"--folder={folder}", BINARY)
        mended = done.returncode == 0 and overview.read_text(encoding="utf-8") == before
        case("--update mends it and nothing else", mended, done.stdout)

        config = folder / "my.yml"
        config.write_text(CONFIG, encoding="utf-8")
        done = run("--update", f"--folder={folder}", BINARY, f"--config.file={config}")
        case("with a configuration its own lists have their pages too", set(shown(overview, "own")) == {"https://example.net/remove"}, done.stdout)
        case("and built-in ones keep theirs", set(shown(overview, "spamhaus_zen")) == {"https://check.spamhaus.org/"})
        case("a list of one's own without a page shows nothing", set(shown(overview, "pageless")) == {""})
        config.write_text("lists: 1\n", encoding="utf-8")
        done = run("--update", f"--folder={folder}", BINARY, f"--config.file={config}")
        case("a configuration with an error changes nothing and is said", done.returncode == 1 and "my.yml:1" in done.stdout, done.stdout)
    finish()


if __name__ == "__main__":
    main()
