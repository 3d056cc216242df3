#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one bug at a time and expects a test to find it; the last line is `N passed, N failed`.

A bug that no test finds shows a test that is missing. What is planted, and which tests are to find it, is in
tests/mutants/*.mutant (table.py says how). Each worker has a copy of the sources and objects in a folder of its own under
the build, so that a bug costs one object and the programs named for it. They first run without any bug: if they are
red then, their being red later would say nothing. A bug that no longer applies or does not compile fails, too: it has to
be planted anew where its line has gone.
"""

import argparse
import concurrent.futures
import importlib.machinery
import importlib.util
import os
import queue
import shutil
import subprocess
import sys
import time

from table import BadMutant, read_tables

HERE = os.path.dirname(os.path.abspath(__file__))
COPIED = ("exporter", "config", "tests/unit", "tests/scenario", "tests/fuzz", "tests/e2e")
LIMIT_S = 60  # for what takes no time; what takes longer without a bug has so much more


def load_runner():
    """tests/run as a module: it knows how each kind of test is started and judged."""
    loader = importlib.machinery.SourceFileLoader("tests_run", os.path.join(HERE, os.pardir, "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tests_run", loader))
    loader.exec_module(module)
    return module


tests_run = load_runner()


class Workshop:
    """A copy of the tree in which a bug is planted, built, tried and taken out again."""

    def __init__(self, top, build, folder):
        self.folder = folder
        self.build = os.path.join(folder, "build")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        shutil.copy2(os.path.join(top, "Makefile"), folder)
        for name in COPIED:
            if os.path.isdir(os.path.join(top, name)):
                shutil.copytree(os.path.join(top, name), os.path.join(folder, name))
        for name in ("obj", "version.flags"):
            source = os.path.join(build, name)
            if os.path.isdir(source):  # with their times: make compiles only what changes
                shutil.copytree(source, os.path.join(self.build, name))
            elif os.path.exists(source):
                shutil.copy2(source, self.build)

    def make(self, programs):
        """(whether it was built, what make said); always linked anew, for the last bug may be in them."""
        binary = os.path.join(self.build, "rbl_exporter")
        targets = sorted({self.target(name) for name in programs})
        for target in targets:
            if os.path.exists(os.path.join(self.folder, target)):
                os.unlink(os.path.join(self.folder, target))
        if os.path.exists(binary):
            os.unlink(binary)
        environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        done = subprocess.run(
            ["make", "-s", "-j1", "-C", self.folder, "BUILD=build", "WERROR=", *targets],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )
        return done.returncode == 0, done.stdout

    @staticmethod
    def target(name):
        kind, test = name.split("/")
        if kind == "e2e":
            return "build/rbl_exporter"
        if kind == "scenario":
            return "build/tests/scenario_driver"
        return "build/tests/" + (test.replace("fuzz_", "replay_") if kind == "fuzz" else test)

    def run(self, name, limit_s):
        """The result of one test program with what is built here."""
        kind = name.split("/")[0]
        programs = [p for p in tests_run.find_programs([kind], self.build) if p.name == name]
        if not programs:
            raise BadMutant(f"there is no test {name}")
        environment = dict(os.environ, RBL_EXPORTER=os.path.join(self.build, "rbl_exporter"), CMOCKA_MESSAGE_OUTPUT="TAP")
        return tests_run.Runner(environment, limit_s).run(programs[0])

    def planted(self, mutant):
        return Planted(self, mutant)


class Planted:
    """A bug in a workshop; at the end its source and object are as they were, in their times, too."""

    def __init__(self, workshop, mutant):
        self.source = os.path.join(workshop.folder, mutant.file)
        name, suffix = os.path.splitext(mutant.file)
        if suffix != ".c" or not os.path.exists(self.source):
            raise BadMutant(f"there is no C file {mutant.file} ({mutant.where})")
        self.object = os.path.join(workshop.build, "obj", os.path.relpath(name, "exporter") + ".o")
        with open(self.source, encoding="utf-8") as source:
            self.text = mutant.apply(source.read())

    def __enter__(self):
        for path in (self.source, self.object):
            os.rename(path, path + ".sound")
        with open(self.source, "w", encoding="utf-8") as source:
            source.write(self.text)

    def __exit__(self, *_):
        for path in (self.source, self.object):
            os.replace(path + ".sound", path)


def line(word, name, said):
    print(f"{word:8} {name:40} {said}", flush=True)


def indented(text, most=25):
    return "".join(f"     | {one}\n" for one in text.splitlines()[-most:])


def run_sound(workshop, names):
    """{test: seconds} of those that are green without a bug."""
    start = time.monotonic()
    built, said = workshop.make(names)
    if not built:
        line("FAIL", "without a bug", "does not build\n" + indented(said))
        return {}
    took = {}
    for name in names:
        result = workshop.run(name, 600)
        if result.failed or not result.passed:
            line("FAIL", name, f"is red without a bug\n{indented(result.output)}")
        else:
            took[name] = result.seconds
    print(f"{len(took)} of {len(names)} tests are green without a bug, {time.monotonic() - start:.1f} s", flush=True)
    return took


def try_mutant(workshop, mutant, took):
    """(killed, what to say of it)."""
    red = [name for name in mutant.programs if name not in took]
    if red:
        return False, f"NOT TRIED: {' '.join(red)} is red without it"
    start = time.monotonic()
    try:
        with workshop.planted(mutant):
            built, said = workshop.make(mutant.programs)
            if not built:
                return False, f"DOES NOT BUILD ({mutant.where})\n{indented(said)}"
            for name in mutant.programs:
                result = workshop.run(name, LIMIT_S + 10 * took[name])
                if result.failed:
                    why = result.why or f"{result.failed} red"
                    return True, f"killed by {name} in {time.monotonic() - start:.1f} s ({why})"
    except BadMutant as error:
        return False, str(error)
    return False, f"SURVIVED {' '.join(mutant.programs)}: {mutant.breaks} ({mutant.where})"


def try_all(workshops, mutants, took):
    idle = queue.Queue()
    for workshop in workshops:
        idle.put(workshop)

    def one(mutant):
        workshop = idle.get()
        try:
            return mutant, *try_mutant(workshop, mutant, took)
        finally:
            idle.put(workshop)

    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(len(workshops)) as pool:
        for done in concurrent.futures.as_completed([pool.submit(one, mutant) for mutant in mutants]):
            mutant, killed, said = done.result()
            line("ok" if killed else "FAIL", mutant.mutant, said)
            passed += killed
            failed += not killed
    return passed, failed


def parse_arguments():
    parser = argparse.ArgumentParser(description="plants bugs and expects tests to find them", allow_abbrev=False)
    parser.add_argument("--build", default="build", help="where the objects of the sound program are")
    parser.add_argument("--tables", default=HERE, help="the folder of *.mutant")
    parser.add_argument("--match", default="", help="only mutants with one of these texts, with commas between them, in name or file")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    top = os.getcwd()
    build = os.path.abspath(arguments.build)
    try:
        mutants = read_tables(arguments.tables)
    except BadMutant as error:
        print(f"{error}\n0 passed, 1 failed")
        return 1
    texts = arguments.match.split(",")
    mutants = [m for m in mutants if any(text in f"{m.mutant} {m.file}" for text in texts)]
    if not mutants:
        print("no mutant to try\n0 passed, 0 failed")
        return 1
    jobs = max(1, min(arguments.jobs, len(mutants)))
    workshops = [Workshop(top, build, os.path.join(build, "mutants", str(i))) for i in range(jobs)]
    took = run_sound(workshops[0], sorted({name for mutant in mutants for name in mutant.programs}))
    passed, failed = try_all(workshops, mutants, took)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
