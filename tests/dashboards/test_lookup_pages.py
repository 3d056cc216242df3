#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The look-up pages in the dashboards are those of the lists that the exporter knows, and the check of that can fail.
`make pages` writes them, and Alertmanager's, for the lists of a configuration."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import real
from real import BINARY

import list_pages
import lookup_pages
import servers
from tap import case, finish

LONG = "a_list_with_a_name_that_is_wider_than_its_column"
CONFIG = f"""
lists:
  - {{name: own, zone: bl.example.net, delist_url: "https://example.net/remove"}}
  - {{name: pageless, zone: bl.example.org}}
  - {{name: {LONG}, zone: {"long." * 12}example.net, delist_url: "https://example.net/{{{{ip}}}}"}}
  - {{name: good, zone: wl.example.net, kind: allowlist, delist_url: "https://example.net/good"}}
  - {{name: barracuda, zone: b.example.net, delist_url: "https://example.net/mine"}}
  - {{use: spamcop, delist_url: "https://example.net/spamcop"}}
groups:
  - {{name: outbound, addresses: [192.0.2.1]}}
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


TEMPLATES = real.ROOT / "config" / "alertmanager" / "templates"


def make_pages(folder, *arguments):
    """`make pages` with copies in `folder`. Nothing is built: other tests are running what is."""
    command = ["make", "--no-print-directory", "--old-file=all", "pages", f"BUILD={os.path.dirname(BINARY)}"]
    command += [f"DASHBOARDS={folder}", f"TEMPLATES={folder}", *arguments]
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CONFIG")}
    return subprocess.run(command, cwd=real.ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def notified(folder, name):
    """Where a notification about the list sends people, as Alertmanager renders it."""
    text = f'--template.text={{{{ template "rbl.delisting_page" "{name}" }}}}'
    command = [servers.find_program("amtool"), "template", "render", f"--template.glob={folder}/*.tmpl", text]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip()


WRITTEN = {
    "own": "https://example.net/remove",
    LONG: "https://example.net/{{ip}}",
    "barracuda": "https://example.net/mine",
    "spamcop": "https://example.net/spamcop",
    "spamhaus_zen": "https://check.spamhaus.org/",
}


def texts(folder):
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def check_make(folder):
    for path in (*real.FOLDER.glob("*.json"), *TEMPLATES.glob("*.tmpl")):
        shutil.copy(path, folder)
    shipped = texts(folder)
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as config:
        config.write(CONFIG)
        config.flush()
        done = make_pages(folder, f"CONFIG={config.name}")
        case("make pages says what it has written", done.returncode == 0 and f"{folder}/rbl_lists.tmpl" in done.stdout, done.stdout)
        found = {name: set(shown(folder / "overview.json", name)) for name in WRITTEN}
        case("the dashboards then have the pages of the configuration", found == {n: {p} for n, p in WRITTEN.items()}, str(found))
        found = {name: notified(folder, name) for name in WRITTEN}
        case("and Alertmanager's templates, too", found == WRITTEN, str(found))
        found = {name: notified(folder, name) for name in ("pageless", "good", "example_rbl")}
        wanted = {"pageless": "http://localhost:10554/", "good": "http://localhost:10554/", "example_rbl": "https://example.net/remove"}
        case("what they do not know is asked of rbl.own_delisting_page", found == wanted, str(found))
        written = texts(folder)
        config.write("lists: 1\n")
        config.flush()
        done = make_pages(folder, f"CONFIG={config.name}")
        said = done.returncode != 0 and config.name in done.stdout
        case("a configuration with an error is said, and nothing written", said and texts(folder) == written, done.stdout)
    done = make_pages(folder)
    case("without CONFIG they are as shipped again", done.returncode == 0 and texts(folder) == shipped, done.stdout)
    for argument in (f"DASHBOARDS={folder}/none", f"TEMPLATES={folder}/none"):
        done = make_pages(folder, argument)
        said = done.returncode != 0 and f"{folder}/none" in done.stdout and "name the" in done.stdout
        case(f"{argument.split('=')[0]} that are not there are said", said, done.stdout)


def check_reader():
    for name, table in (
        ("another table is refused", "GROUP RANGE\nx y\n"),
        ("so is a page that is none", "NAME STATUS ZONE KIND BUDGET DELISTING\nown enabled bl.example.net blocklist 5/s\n"),
    ):
        try:
            case(name, False, str(list_pages.parse(table)))
        except ValueError as error:
            case(name, True, str(error))


def main():
    check_reader()
    with tempfile.TemporaryDirectory() as name:
        check_make(pathlib.Path(name))
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
