#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""messages.py ROOT: whether each error and warning that a configuration can get is in a table of the tests.

What can be said stands in the sources as the literals of calls such as settings_error(r, node, "...%s..."). The tables of
the tests hold pieces of messages. A message counts as tested if a piece has 14 characters in a row of its longest part
between two %s, or all of it where that is shorter. Prints those that none has; ends with 1 then.
"""

import pathlib
import re
import sys

SOURCES = [
    "core/settings*.c", "core/catalog.c", "core/web_config*.c", "core/ip_range.c", "edge/yaml.c",
    "app_config.c", "app_web_config*.c",
]  # fmt: skip
TESTS = [
    "unit/test_settings*.c", "unit/test_edge_settings.c", "unit/test_edge_config.c", "unit/test_edge_yaml.c",
    "unit/test_edge_web_config.c", "unit/test_edge_app_web_config*.c", "unit/test_catalog.c", "unit/test_ip*.c",
    "e2e/test_config*.py", "e2e/test_web_config*.py", "e2e/test_lists.py", "e2e/test_safelists.py", "e2e/test_tls.py",
    "unit/test_edge_safelists.c", "unit/test_edge_config_limits.c", "e2e/test_bad_files.py",
]  # fmt: skip
CALL = re.compile(r"\b(?:settings_error|web_error|problems_error|problems_warn|fail_at_mark|snprintf|settings_note)\s*\(")
LITERALS = re.compile(r'(?:"(?:[^"\\\n]|\\.)*"\s*)+')
HOLE = re.compile(r"%(?:[-+0 #]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t)?[diouxXeEfFgGcsp]|%)")
ENOUGH = 14


def text_of(literals):
    """Adjacent literals as the one text that they are."""
    parts = re.findall(r'"((?:[^"\\\n]|\\.)*)"', literals)
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), "".join(parts))


def call_at(code, start):
    """The arguments of the call whose parenthesis is open at `start`."""
    depth, at = 1, start
    while depth > 0:
        literal = LITERALS.match(code, at) if code[at] == '"' else None
        if literal:
            at = literal.end()
            continue
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        at += 1
    return code[start : at - 1]


def messages(path):
    """(line, text) of each text in a call that says what is wrong."""
    code = path.read_text(encoding="utf-8")
    code = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), code, flags=re.S)
    for call in CALL.finditer(code):
        arguments = call_at(code, call.end())
        for literals in LITERALS.finditer(arguments):
            yield code.count("\n", 0, call.start()) + 1, text_of(literals[0])


def pieces(path):
    """What the tables of a test hold, and whatever else it has in quotes."""
    code = path.read_text(encoding="utf-8")
    yield from (text_of(literals[0]) for literals in LITERALS.finditer(code))
    yield from re.findall(r"'((?:[^'\\\n]|\\.)*)'", code)


def is_tested(message, table):
    fixed = HOLE.split(message)
    longest = max(fixed, key=len)
    if len(longest.strip()) < 4:
        return True  # the words come from elsewhere
    if len(longest) < ENOUGH:  # too little to tell it from others: all of it then
        return re.search("[^\0]{0,80}?".join(re.escape(part) for part in fixed), table) is not None
    return any(longest[at : at + ENOUGH] in table for at in range(len(longest) - ENOUGH + 1))


def main(root):
    table = "\0".join(
        piece for pattern in TESTS for path in sorted((root / "tests").glob(pattern)) for piece in pieces(path)
    )
    n, missing = 0, []
    for pattern in SOURCES:
        for path in sorted((root / "exporter").glob(pattern)):
            for line, message in messages(path):
                n += 1
                if not is_tested(message, table):
                    missing.append(f"{path.relative_to(root)}:{line}: {message!r} is in no table of the tests")
    print("\n".join(missing + [f"{n} texts, {len(missing)} of them untested"]))
    return 1 if missing or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
