#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that each check of `make lint` can fail.

A small good tree under the project's own Makefile and settings passes every check. Then one thing at a time is made
bad, and the check meant for it has to fail and say what is wrong.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from tap import case, finish

TOP = pathlib.Path(__file__).resolve().parents[2]

LAYERS = """\
core <>: stddef.h string.h
core/low:
core/high: core/low
edge/world: core/high
main: core/high
    edge/world # goes on
"""
LOW_H = """\
#ifndef LOW_H
#define LOW_H

#include <stddef.h>

/* Bytes before the first dot. */
size_t low_label(const char *text);

#endif
"""
LOW_C = """\
#include "core/low.h"

#include <string.h>

size_t low_label(const char *text) {
    return strcspn(text, ".");
}
"""
HIGH_H = """\
#ifndef HIGH_H
#define HIGH_H

int high_is_short(const char *text);

#endif
"""
HIGH_C = """\
#include "core/high.h"
#include "core/low.h"

int high_is_short(const char *text) {
    return low_label(text) < 4;
}
"""
WORLD_H = """\
#ifndef WORLD_H
#define WORLD_H

void world_say(const char *text);

#endif
"""
WORLD_C = """\
#include "edge/world.h"
#include "core/high.h"

#include <stdio.h>

void world_say(const char *text) {
    puts(high_is_short(text) ? "short" : "long");
}
"""
# A second file of a module needs no line of its own.
WORLD_MORE_C = """\
#include "edge/world.h"

static const char greeting[] = "hello";

void world_greet(void);
void world_greet(void) {
    world_say(greeting);
}
"""
MAIN_C = """\
#include "core/high.h"
#include "edge/world.h"

int main(int argc, char **argv) {
    world_say(argc > 1 ? argv[1] : "");
    return high_is_short("a.b");
}
"""
GOOD = {
    "exporter/LAYERS": LAYERS,
    "exporter/core/low.h": LOW_H,
    "exporter/core/low.c": LOW_C,
    "exporter/core/high.h": HIGH_H,
    "exporter/core/high.c": HIGH_C,
    "exporter/edge/world.h": WORLD_H,
    "exporter/edge/world.c": WORLD_C,
    "exporter/edge/world_more.c": WORLD_MORE_C,
    "exporter/main.c": MAIN_C,
}
CHECKS = ["layers", "headers", "purity", "tidy", "cppcheck", "format"]


def calls(what, header):
    """A core source that calls `what`."""
    return f'#include "core/low.h"\n{header}\nsize_t low_label(const char *text) {{\n    {what};\n    return 0;\n}}\n'


# (what is wrong, the check meant for it, {file: its bad text, None: removed}, what the check has to say)
BAD = [
    (
        "an include that LAYERS does not list",
        "layers",
        {"exporter/edge/world.c": '#include "core/low.h"\n' + WORLD_C},
        "edge/world includes core/low, which LAYERS does not list",
    ),
    (
        "a module that LAYERS does not list",
        "layers",
        {"exporter/core/new.h": ""},
        "core/new.h: no line of LAYERS for core/new",
    ),
    (
        "a cycle",
        "layers",
        {
            "exporter/LAYERS": LAYERS.replace("core/low:", "core/low: core/high"),
            "exporter/core/low.c": '#include "core/high.h"\n' + LOW_C,
        },
        "core/low: core/high does not stand above it",
    ),
    (
        "core that knows an edge",
        "layers",
        {
            "exporter/LAYERS": "core <>: stddef.h string.h\ncore/low:\nedge/world: core/high\n"
            "core/high: core/low edge/world\nmain: core/high edge/world\n",
            "exporter/core/high.c": '#include "edge/world.h"\n' + HIGH_C,
        },
        "core/high: core must not know edge/world",
    ),
    (
        "core that includes a header of the system",
        "layers",
        {"exporter/core/low.c": "#include <time.h>\n" + LOW_C},
        "core/low.c:1: <time.h> is not among the headers that core may include",
    ),
    (
        "an include by another path",
        "layers",
        {"exporter/core/high.c": HIGH_C.replace("core/low.h", "low.h")},
        '"low.h" is no file under exporter/',
    ),
    (
        "an include that is gone but still listed",
        "layers",
        {"exporter/core/high.c": HIGH_C.replace('#include "core/low.h"\n', "")},
        "core/high: does not include core/low any more",
    ),
    (
        "a module that is gone but still listed",
        "layers",
        {"exporter/LAYERS": "core/old:\n" + LAYERS},
        "core/old: there is no such file",
    ),
    (
        "a module listed twice",
        "layers",
        {"exporter/LAYERS": LAYERS + "core/low:\n"},
        "core/low: twice",
    ),
    (
        "a header of the C library that is gone but still listed",
        "layers",
        {"exporter/LAYERS": LAYERS.replace("string.h", "string.h time.h")},
        "nobody includes <time.h>",
    ),
    ("no LAYERS at all", "layers", {"exporter/LAYERS": None}, "no line of LAYERS for core/low"),
    (
        "a header that needs another before it",
        "headers",
        {"exporter/core/low.h": LOW_H.replace("#include <stddef.h>\n", "")},
        "core/low.h does not compile alone",
    ),
    (
        "a header without a guard",
        "headers",
        {"exporter/core/high.h": "enum high { HIGH };\n"},
        "core/high.h does not compile alone",
    ),
    ("a clock in core", "purity", {"exporter/core/low.c": calls("return (size_t)time(NULL) + *text", "#include <time.h>")}, "imports time"),
    (
        "printing in core",
        "purity",
        {"exporter/core/low.c": calls('printf("%s", text)', "#include <stdio.h>")},
        "imports __printf_chk",  # what _FORTIFY_SOURCE makes of it
    ),
    (
        "a file in core",
        "purity",
        {"exporter/core/low.c": calls("return (size_t)open(text, 0)", "#include <fcntl.h>")},
        "imports open",
    ),
    (
        "randomness in core",
        "purity",
        {"exporter/core/low.c": calls("return (size_t)getrandom(&(char){*text}, 1, 0)", "#include <sys/random.h>")},
        "imports getrandom",
    ),
    (
        "a library in core",
        "purity",
        {"exporter/core/low.c": calls("return (size_t)*ares_strerror(*text)", "#include <ares.h>")},
        "imports ares_strerror",
    ),
    (
        "the environment in core",
        "purity",
        {"exporter/core/low.c": calls("return getenv(text) != NULL", "#include <stdlib.h>")},
        "imports getenv",
    ),
    (
        "core that calls an edge without its header",
        "purity",
        {"exporter/core/low.c": calls("world_say(text)", "void world_say(const char *);")},
        "imports world_say",
    ),
    (
        "what only clang-tidy sees: a comparison whose two sides are the same",
        "tidy",
        {"exporter/core/low.c": LOW_C.replace('strcspn(text, ".")', "strlen(text) > strlen(text)")},
        "misc-redundant-expression",
    ),
    (
        "what only clang-tidy sees, in a header whose source passed before",
        "tidy",
        {
            "exporter/core/low.h": LOW_H.replace(
                "#endif", "static inline int low_twice(int n) {\n    return sizeof(n) == sizeof(n) ? n : 2;\n}\n\n#endif"
            )
        },
        "misc-redundant-expression",
    ),
    (
        "a null pointer that the analyzer of clang-tidy follows",
        "tidy",
        {"exporter/core/low.c": LOW_C.replace("return", "if (text == NULL)\n        return (size_t)*text;\n    return")},
        "clang-analyzer-core.NullDereference",
    ),
    (
        "a leak that cppcheck sees",
        "cppcheck",
        {"exporter/edge/world.c": WORLD_C.replace("    puts", '    FILE *f = fopen(text, "r");\n    puts')},
        "[resourceLeak]",
    ),
    (
        "a read behind an array that cppcheck sees",
        "cppcheck",
        {"exporter/main.c": MAIN_C.replace("    return high", "    const char a[2] = {1, 2};\n    return a[2] + high")},
        "[arrayIndexOutOfBounds]",
    ),
    ("a misformatted source", "format", {"exporter/core/low.c": LOW_C.replace("    return", "  return")}, "core/low.c:5:"),
    ("a misformatted header", "format", {"exporter/core/low.h": LOW_H.replace("char *text", "char* text")}, "core/low.h:7:"),
    ("a misformatted test", "format", {"tests/unit/test_low.c": "int  x;\n"}, "tests/unit/test_low.c:1:"),
]


def build_tree(tree):
    for part in ["Makefile", ".clang-tidy", ".clang-format"]:
        shutil.copy(TOP / part, tree)
    for part in [".ci", "tests/lint"]:
        shutil.copytree(TOP / part, tree / part)
    for name, text in GOOD.items():
        write(tree / name, text)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)


@contextlib.contextmanager
def changed(tree, changes):
    """The tree with `changes`, and the good one again afterwards."""
    for name, text in changes.items():
        write(tree / name, text)
    yield
    for name in changes:
        write(tree / name, GOOD.get(name))


def make(tree, word):
    # This test may itself run below a make, whose flags and jobs are not meant for these.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", word], cwd=tree, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def main():
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        build_tree(tree)
        run = make(tree, "lint")
        case("lint passes a good tree", run.returncode == 0, run.stdout)
        for what, check, changes, message in BAD:
            with changed(tree, changes):
                run = make(tree, f"lint-{check}")
            case(f"{check}: {what}", run.returncode != 0 and message in run.stdout, run.stdout)
        for check in CHECKS:
            what, _, changes, message = next(bad for bad in BAD if bad[1] == check)
            with changed(tree, changes):
                run = make(tree, "lint")
            case(f"lint as a whole fails with {check}", run.returncode != 0 and message in run.stdout, run.stdout)
        run = make(tree, "lint")
        case("lint passes the good tree again", run.returncode == 0, run.stdout)
    finish()


if __name__ == "__main__":
    main()
