#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that tests/mutants/run.py takes a bug for found only when a test has found it, in a small tree of its own; and
that each bug of the real tables still has its place in the sources, which needs no building.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from tap import case, finish

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/mutants"))

from table import BadMutant, read_tables  # noqa: E402

MAKEFILE = """\
build/tests/test_it: build/obj/it.o
\t@mkdir -p build/tests && cc -o $@ $<
build/obj/it.o: exporter/it.c
\t@mkdir -p build/obj && cc -c -o $@ $<
"""
IT = """\
#include <stdio.h>
static int twice(int n) { return 2 * n; }
static int spare(int n) { return n + 1; }
int main(void) {
    puts(twice(2) == 4 ? "ok - a" : "not ok - a");
    return spare(0) < 0;
}
"""
MUTANT = "mutant: {}\nbreaks: a promise\nfile: exporter/it.c\nkill: unit/test_it\n- {}\n+ {}\n"
# (what, old text, new text, last line, what is said)
MUTANTS = [
    ("a bug that a test finds", "2 * n", "3 * n", "1 passed, 0 failed", "killed by unit/test_it"),
    ("a bug that no test finds", "n + 1", "n + 2", "0 passed, 1 failed", "SURVIVED unit/test_it: a promise"),
    ("a bug whose line has gone", "4 * n", "5 * n", "0 passed, 1 failed", "occurs 0 times"),
    ("a bug with two places", "int n", "long n", "0 passed, 1 failed", "occurs 2 times"),
    ("a bug that does not compile", "2 * n", "2 * m", "0 passed, 1 failed", "DOES NOT BUILD"),
    ("a bug that crashes", "return 2 * n", "__builtin_trap(); return n", "1 passed, 0 failed", "killed by SIG"),
]


def make_tree(top, text):
    for folder in ("exporter", "tests/unit", "build/obj", "tables"):
        (top / folder).mkdir(parents=True, exist_ok=True)
    (top / "Makefile").write_text(MAKEFILE)
    (top / "exporter/it.c").write_text(text)
    (top / "tests/unit/test_it.c").touch()
    shutil.copytree(TOP / "tests/mutants", top / "tests/mutants", dirs_exist_ok=True)
    shutil.copy(TOP / "tests/run", top / "tests/run")


def run(top, mutant):
    (top / "tables/it.mutant").write_text(mutant)
    return subprocess.run(
        [sys.executable, "tests/mutants/run.py", "--tables=tables", "--jobs=1"],
        cwd=top, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )


def judge(top, what, mutant, last, said):
    result = run(top, mutant)
    good = last == "1 passed, 0 failed"
    case(
        f"{what}: {last}",
        result.stdout.endswith(f"\n{last}\n") and said in result.stdout and (result.returncode == 0) == good,
        result.stdout,
    )


def has_its_place(mutant):
    try:
        mutant.apply((TOP / mutant.file).read_text(encoding="utf-8"))
    except (BadMutant, OSError) as error:
        return str(error)
    names = [(TOP / "tests" / name) for name in mutant.programs]
    lost = [str(name) for name in names if not any(name.with_suffix(end).exists() for end in (".c", ".scn", ".py"))]
    return f"there is no {' '.join(lost)}" if lost else ""


def main():
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        make_tree(top, IT)
        for what, old, new, last, said in MUTANTS:
            judge(top, what, MUTANT.format("it", old, new), last, said)
            case(f"{what} is taken out again", (top / "build/mutants/0/exporter/it.c").read_text() == IT)
        make_tree(top, IT.replace("2 * n", "3 * n"))
        judge(top, "a test that is red without a bug", MUTANT.format("it", "3 * n", "2 * n"), "0 passed, 1 failed", "red without")
        judge(top, "a table that is not understood", "mutant: it\nfile exporter/it.c\n", "0 passed, 1 failed", "not understood")
        judge(top, "a name that is there twice", "\n".join([MUTANT.format("it", "3 * n", "2 * n")] * 2), "0 passed, 1 failed", "second it")
    mutants = read_tables(TOP / "tests/mutants")
    lost = [f"{mutant.mutant}: {why}" for mutant in mutants if (why := has_its_place(mutant))]
    case("each bug has its place in the sources, and its tests", len(mutants) >= 25 and not lost, "\n".join(lost))
    finish()


if __name__ == "__main__":
    main()
