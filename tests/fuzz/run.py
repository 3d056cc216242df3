#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzzers that `make fuzz` has built, each for a while, and prints a table of what they did.

A target NAME is BUILD/tests/fuzz_NAME. It begins with the seeds of tests/fuzz/corpus/NAME, the words of
tests/fuzz/dict/NAME.dict, and what earlier runs have found (BUILD/corpus/NAME); nothing in the tree changes. Options of its
own for libFuzzer stand near the top of its source: /* FUZZ: -max_len=512 */. What it says is in BUILD/log/NAME.

An input that crashes it, leaks, hangs or eats memory lies in BUILD/crashes/NAME. Exit code 1: there was one, or a target
did not run.
"""

import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parent
SOURCE_LINES = 20  # in which options are looked for
LOG_LINES = 30  # of a target that failed, shown
OPTIONS = ["-print_final_stats=1", "-timeout=30", "-rss_limit_mb=2048", "-max_len=4096"]
COLUMNS = "{:<22} {:>14} {:>10} {:>9} {:>8}  {}"


class Target:
    def __init__(self, program, build):
        self.program = program
        self.name = program.name[len("fuzz_") :]
        self.corpus = build / "corpus" / self.name
        self.crashes = build / "crashes" / self.name
        self.log = build / "log" / self.name
        self.executions = self.per_second = self.features = 0
        self.exit_code = None

    def command(self, seconds):
        command = [self.program, *OPTIONS, *own_options(self.name), f"-max_total_time={seconds}"]
        dictionary = TESTS / "dict" / f"{self.name}.dict"
        if dictionary.exists():
            command.append(f"-dict={dictionary}")
        return [*command, f"-artifact_prefix={self.crashes}/", self.corpus]

    def prepare(self):
        """A corpus to work on. What the last run has crashed on is a matter of that run."""
        for folder in (self.corpus, self.crashes, self.log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        for old in self.crashes.iterdir():
            old.unlink()
        for seed in (TESTS / "corpus" / self.name).glob("*"):
            shutil.copy(seed, self.corpus)

    def run(self, seconds):
        self.prepare()
        with open(self.log, "wb") as log:
            try:
                process = subprocess.run(self.command(seconds), stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
                self.exit_code = process.returncode
            except OSError as error:
                log.write(f"does not start: {error.strerror}\n".encode())
        self.read_log()

    def read_log(self):
        text = self.log.read_text(errors="replace")
        executions = re.findall(r"^stat::number_of_executed_units:\s+(\d+)", text, re.MULTILINE)
        per_second = re.findall(r"^stat::average_exec_per_sec:\s+(\d+)", text, re.MULTILINE)
        features = re.findall(r"^#(\d+)\s.* ft: (\d+)", text, re.MULTILINE)
        # A fuzzer that crashed at once has no statistics but its progress.
        self.executions = int(executions[-1] if executions else features[-1][0] if features else 0)
        self.per_second = int(per_second[-1]) if per_second else 0
        self.features = int(features[-1][1]) if features else 0

    def found(self):
        # slow-unit-*: under the limit of time, and no failure
        return sorted(path for path in self.crashes.iterdir() if not path.name.startswith("slow-unit-"))

    def failed(self):
        return self.exit_code != 0 or self.executions == 0 or bool(self.found())

    def show(self, replays):
        said = self.log.read_text(errors="replace").splitlines()
        wrong = [i for i, line in enumerate(said) if re.search(r"ERROR: |runtime error: |Assertion ", line)]
        start = max(0, wrong[0] if wrong else len(said) - LOG_LINES)
        print(f"FAIL {self.name}: exit code {self.exit_code}; all that it said is in {self.log}")
        print("".join(f"     | {line}\n" for line in said[start : start + LOG_LINES]), end="")
        for path in self.found():
            print(f"     the input is {path}; to replay it: {replays}/replay_{self.name} {path}")


def own_options(name):
    source = TESTS / f"fuzz_{name}.c"
    head = source.read_text().splitlines()[:SOURCE_LINES] if source.exists() else []
    return [option for line in head for m in [re.match(r"/\* FUZZ: (.*) \*/$", line)] if m for option in shlex.split(m.group(1))]


def print_table(targets):
    print(COLUMNS.format("target", "executions", "exec/s", "features", "crashes", ""))
    for target in targets:
        note = "did not run" if target.executions == 0 else ""
        figures = (target.executions, target.per_second, target.features, len(target.found()))
        print(COLUMNS.format(target.name, *(f"{figure:,}" for figure in figures), note).rstrip())
    total = sum(target.executions for target in targets)
    print(COLUMNS.format("all", f"{total:,}", "", "", f"{sum(len(t.found()) for t in targets):,}", "").rstrip())


def parse_arguments():
    parser = argparse.ArgumentParser(description="runs the fuzzers", allow_abbrev=False)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="where tests/fuzz_* are, and what is found goes")
    parser.add_argument("--replays", default="build/tests", help="where the programs that replay an input are")
    parser.add_argument("--time", type=int, default=60, help="seconds for each target")
    parser.add_argument("--match", default="", help="only targets with one of these texts, with commas between them, in their name")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    # A leak is a crash; a program that is refused memory has to live with it.
    os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1")
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    targets = [Target(program, arguments.build) for program in sorted((arguments.build / "tests").glob("fuzz_*"))]
    targets = [target for target in targets if any(text in target.name for text in arguments.match.split(","))]
    for target in targets:
        print(f"  FUZZ  {target.name}", flush=True)
        target.run(arguments.time)
        if target.failed():
            target.show(arguments.replays)
    if not targets:
        print("no target to run")
        return 1
    print_table(targets)
    return 1 if any(target.failed() for target in targets) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
