# SPDX-License-Identifier: Apache-2.0
"""The pages of lists, from the table that `rbl_exporter lists` prints: where to look an address up and get off the list."""

import collections
import subprocess
import sys

# `page` is "" where nobody has told one.
ListPage = collections.namedtuple("ListPage", "name kind page")
COLUMNS = ("NAME", "STATUS", "ZONE", "KIND")


def parse(table):
    """[ListPage] in the order of the table; its first line of a name counts: that of the configuration.

    A long name or zone moves what follows it out of its column, so fields are counted: the first ones hold no space,
    nor does the last one, the page.
    """
    head, *rows = table.split("\n\n")[0].splitlines()  # notes follow
    names = head.split()
    if tuple(names[: len(COLUMNS)]) != COLUMNS or names[-1] != "DELISTING":
        raise ValueError(f"not the table of `rbl_exporter lists`: {head}")
    found = {}
    for row in rows:
        fields = row.split()
        page = "" if fields[-1] == "-" else fields[-1]
        if page and not page.startswith(("http://", "https://")):
            raise ValueError(f"no page of a list: {page}")
        found.setdefault(fields[0], ListPage(fields[0], fields[COLUMNS.index("KIND")], page))
    return list(found.values())


def read(binary, flags=()):
    """Those that `binary` knows, with `flags` such as --config.file=FILE; ends this program if it complains."""
    done = subprocess.run([binary, *flags, "lists"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr.rstrip("\n"))
    return parse(done.stdout)
