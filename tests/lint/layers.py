#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""layers.py TREE: do the includes of TREE say what TREE/LAYERS says? With --suggest: prints what they say.

LAYERS has a line for each module: its name, a colon, the modules it includes. A line that begins with a space goes
on with the one before; # begins a comment. A module may list only what stands above it, so there is no cycle.
Modules of core/ list only modules of core/, and include only those <headers> of the C library that the line
`core <>:` names.

A file belongs to the module of its name without suffix, or to the longest listed one that its name goes on from with
`_`: edge/httpd_gzip.c is a part of edge/httpd as long as edge/httpd_gzip has no line of its own.
"""

import argparse
import pathlib
import re
import sys
import textwrap

SUFFIXES = {".c", ".h", ".inc", ".def"}
INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')
C_HEADERS = "core <>"


class Layers:
    def __init__(self):
        self.modules = {}  # name: (line number, [included])
        self.c_headers = []
        self.errors = []


def read_layers(path):
    layers = Layers()
    text = path.read_text() if path.exists() else ""
    current = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#")[0].rstrip()
        if not line:
            continue
        if not line[0].isspace():
            name, colon, line = line.partition(":")
            if not colon or name in layers.modules:
                layers.errors.append(f"LAYERS:{number}: {name}: " + ("twice" if colon else "expected `module:`"))
                continue
            current = layers.c_headers
            if name != C_HEADERS:
                current = []
                layers.modules[name] = (number, current)
        if current is None:
            layers.errors.append(f"LAYERS:{number}: nothing to go on with")
            continue
        current.extend(line.split())
    return layers


def module_of(stem, modules):
    """The module of the file `stem` (a path without suffix); None if no line covers it."""
    while stem not in modules:
        stem, cut, last = stem.rpartition("_")
        if not cut or "/" in last:
            return None
    return stem


def read_includes(tree):
    """[(file, line number, '"' or '<', what is included)], files as paths inside the tree."""
    found = []
    for path in sorted(tree.rglob("*")):
        if path.suffix in SUFFIXES:
            name = path.relative_to(tree).as_posix()
            found.append((name, 0, "", ""))
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if match := INCLUDE.match(line):
                    found.append((name, number, *match.groups()))
    return found


def stem_of(name):
    return str(pathlib.PurePosixPath(name).with_suffix(""))


def check_layers(layers):
    """The list by itself: order, doubles, core apart."""
    errors = list(layers.errors)
    above = set()
    for name, (number, included) in layers.modules.items():
        for other in included:
            if other not in layers.modules:
                errors.append(f"LAYERS:{number}: {name}: {other} is no module")
            elif other not in above:
                errors.append(f"LAYERS:{number}: {name}: {other} does not stand above it")
            if name.startswith("core/") and not other.startswith("core/"):
                errors.append(f"LAYERS:{number}: {name}: core must not know {other}")
            if included.count(other) > 1:
                errors.append(f"LAYERS:{number}: {name}: {other} is listed twice")
        above.add(name)
    return errors


def check_tree(tree, layers, includes):
    """The files against the list, and the list against the files."""
    errors = []
    used = {name: set() for name in layers.modules}
    present = set()
    c_headers = set()
    for file, number, quote, included in includes:
        module = module_of(stem_of(file), layers.modules)
        if number == 0:
            present.add(module)
            if module is None:
                errors.append(f"{file}: no line of LAYERS for {stem_of(file)}")
        elif quote == "<" and file.startswith("core/"):
            c_headers.add(included)
            if included not in layers.c_headers:
                errors.append(f"{file}:{number}: <{included}> is not among the headers that core may include")
        elif quote == '"':
            other = module_of(stem_of(included), layers.modules)
            if not (tree / included).is_file():
                errors.append(f'{file}:{number}: "{included}" is no file under {tree.name}/')
            elif module and other and other != module:
                used[module].add(other)
                if other not in layers.modules[module][1]:
                    errors.append(f"{file}:{number}: {module} includes {other}, which LAYERS does not list")
    for name, (number, listed) in layers.modules.items():
        if name not in present:
            errors.append(f"LAYERS:{number}: {name}: there is no such file")
        for other in listed:
            if other not in used[name]:
                errors.append(f"LAYERS:{number}: {name}: does not include {other} any more")
    errors += [f"LAYERS: {C_HEADERS}: nobody includes <{header}>" for header in layers.c_headers if header not in c_headers]
    return errors


def suggest(layers, includes):
    """LAYERS as the files say it, in an order without a cycle, as near to the present order as that allows."""
    stems = {stem_of(file) for file, number, _, _ in includes if number == 0}
    # The shortest name covers a stem, unless a longer one is listed already.
    names = [*layers.modules, *sorted(stem for stem in stems if not module_of(stem.rpartition("_")[0], stems))]
    graph = {name: set() for name in names if any(module_of(stem, names) == name for stem in stems)}
    c_headers = sorted({included for file, _, quote, included in includes if quote == "<" and file.startswith("core/")})
    for file, _, quote, included in includes:
        if quote == '"':
            module, other = module_of(stem_of(file), graph), module_of(stem_of(included), graph)
            if other and other != module:
                graph[module].add(other)
    print(textwrap.fill(f"{C_HEADERS}: " + " ".join(c_headers), 110, subsequent_indent="    "))
    done = []
    while len(done) < len(graph):
        ready = [name for name in graph if name not in done and graph[name] <= set(done)]
        if not ready:
            print("# a cycle among: " + " ".join(name for name in graph if name not in done))
            ready = [name for name in graph if name not in done]
        name = min(ready, key=lambda name: (not name.startswith("core/"), not name.startswith("edge/")))
        done.append(name)
        line = f"{name}: " + " ".join(sorted(graph[name], key=done.index if graph[name] <= set(done) else None))
        print(textwrap.fill(line, 110, subsequent_indent="    "))


def main():
    parser = argparse.ArgumentParser(description="checks the includes of a tree against its LAYERS")
    parser.add_argument("--suggest", action="store_true", help="print LAYERS as the files say it")
    parser.add_argument("tree", type=pathlib.Path)
    arguments = parser.parse_args()
    layers = read_layers(arguments.tree / "LAYERS")
    includes = read_includes(arguments.tree)
    if arguments.suggest:
        suggest(layers, includes)
        return 0
    errors = check_layers(layers) + check_tree(arguments.tree, layers, includes)
    for error in errors:
        print(f"layers: {error}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
