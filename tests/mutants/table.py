# SPDX-License-Identifier: Apache-2.0
"""Reads the tables of mutants, tests/mutants/*.mutant.

    mutant: its_name
    breaks: the promise that no longer holds
    file: exporter/core/reply.c
    kill: unit/test_reply scenario/soa
    - the text to replace, which has to occur exactly once,
    -     line by line behind "- "
    + what comes in its place, or nothing

Blank lines lie between mutants; lines that begin with `#` say something to the reader.
"""

import os


class BadMutant(Exception):
    pass


class Mutant:
    def __init__(self, where):
        self.where = where
        self.fields = {}
        self.old = []
        self.new = []

    def __getattr__(self, name):
        if name in ("mutant", "breaks", "file", "kill"):
            return self.fields[name]
        raise AttributeError(name)

    @property
    def programs(self):
        return self.kill.split()

    def take(self, line):
        if line[:2] in ("- ", "+ "):
            (self.old if line[0] == "-" else self.new).append(line[2:])
            return
        key, colon, value = line.partition(": ")
        if not colon or key not in ("mutant", "breaks", "file", "kill") or key in self.fields:
            raise BadMutant(f"{self.where}: not understood: {line}")
        self.fields[key] = value.strip()

    def check(self):
        missing = [key for key in ("mutant", "breaks", "file", "kill") if not self.fields.get(key)]
        if missing or not self.old or self.old == self.new:
            raise BadMutant(f"{self.where}: without {' '.join(missing) or 'a change'}")

    def apply(self, text):
        """`text` of its file with the bug in it."""
        old, new = "\n".join(self.old), "\n".join(self.new)
        if text.count(old) != 1:
            raise BadMutant(f"DOES NOT APPLY: its text occurs {text.count(old)} times in {self.file} ({self.where})")
        return text.replace(old, new)


def read_table(path):
    mutants = []
    mutant = None
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if not line.strip():
                mutant = None
            elif not line.startswith("#"):
                if mutant is None:
                    mutant = Mutant(f"{path}:{number}")
                    mutants.append(mutant)
                mutant.take(line)
    for mutant in mutants:
        mutant.check()
    return mutants


def read_tables(folder):
    """All mutants; their names are different."""
    paths = sorted(name for name in os.listdir(folder) if name.endswith(".mutant"))
    mutants = [mutant for name in paths for mutant in read_table(os.path.join(folder, name))]
    names = [mutant.mutant for mutant in mutants]
    for mutant in mutants:
        if names.count(mutant.mutant) > 1:
            raise BadMutant(f"{mutant.where}: a second {mutant.mutant}")
    return mutants
