#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every message that a configuration can get is in a table of the tests, and the check of that can fail."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from tap import case, finish

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def check(root):
    done = subprocess.run([sys.executable, str(HERE / "messages.py"), str(root)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old} is not in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")


code, said = check(ROOT)
case("each error and warning that a configuration can get is in a table of the tests", code == 0, said)
with tempfile.TemporaryDirectory() as folder:
    copy = pathlib.Path(folder)
    shutil.copytree(ROOT / "exporter", copy / "exporter")
    for name in ("unit", "e2e"):
        shutil.copytree(ROOT / "tests" / name, copy / "tests" / name)
    code, said = check(copy)
    case("a copy is as good", code == 0, said)
    reader = copy / "exporter" / "core" / "settings_read.c"
    change(reader, '"no list is enabled"', '"all of the lists %s have been forgotten"')
    code, said = check(copy)
    case("a new message is found", code == 1 and "have been forgotten' is in no table" in said, said)
    change(reader, '"all of the lists %s have been forgotten"', '"no list is enabled"')
    change(copy / "tests" / "unit" / "test_edge_config_limits.c", "more than 250 lists", "")
    code, said = check(copy)
    case("so is one whose row is gone", code == 1 and "'more than %d lists' is in no table" in said, said)
    shutil.rmtree(copy / "exporter")
    code, said = check(copy)
    case("and a check that finds no messages at all fails", code == 1, said)
finish()
