#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that tests/fuzz/run.py reports what a fuzzer finds, by programs that behave as fuzzers do."""

import pathlib
import shutil
import subprocess
import tempfile

from tap import case, finish

RUN = pathlib.Path(__file__).resolve().parents[1] / "fuzz" / "run.py"
STATISTICS = """
echo '#4	INITED cov: 5 ft: 6 corp: 3/9b exec/s: 0 rss: 29Mb'
echo '#1234	DONE   cov: 77 ft: 88 corp: 3/9b exec/s: 617 rss: 29Mb'
echo 'stat::number_of_executed_units: 1234'
echo 'stat::average_exec_per_sec:     617'
"""
# What libFuzzer does with -artifact_prefix.
FIND = 'for a in "$@"; do case $a in -artifact_prefix=*) echo bad >"${a#*=}%s-0123";; esac; done\n'
TABLE = "one                             1,234        617        88"

# (what the fuzzer does, its script, its exit code, what is said of it)
FUZZERS = [
    ("finds nothing", STATISTICS, 0, [f"{TABLE}        0\n"]),
    ("crashes", FIND % "crash" + "echo '==1==ERROR: no'\n" + STATISTICS + "exit 77", 1, [f"{TABLE}        1\n", "ERROR: no", "replays/replay_one"]),
    ("leaks, and ends well", FIND % "leak" + STATISTICS, 1, [f"{TABLE}        1\n", "leak-0123"]),
    ("is slow but not too slow", FIND % "slow-unit" + STATISTICS, 0, [f"{TABLE}        0\n"]),
    ("ends with a failure", STATISTICS + "exit 1", 1, ["FAIL one: exit code 1"]),
    ("does nothing", "", 1, ["did not run"]),
]


def run(top, script, *arguments):
    build = top / "build"
    (build / "tests").mkdir(parents=True, exist_ok=True)
    if script is not None:
        (build / "tests/fuzz_one").write_text("#!/bin/sh\n" + script)
        (build / "tests/fuzz_one").chmod(0o755)
    return subprocess.run(
        [top / "tests/fuzz/run.py", f"--build={build}", "--replays=replays", "--time=1", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def main():
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        seeds = top / "tests/fuzz/corpus/one"
        seeds.mkdir(parents=True)
        (seeds / "seed").write_text("a")
        (top / "tests/fuzz/dict").mkdir()
        (top / "tests/fuzz/dict/one.dict").write_text('"a"\n')
        (top / "tests/fuzz/fuzz_one.c").write_text("/* FUZZ: -max_len=7 */\n")
        shutil.copy(RUN, top / "tests/fuzz")

        result = run(top, None)
        case("no target at all is a failure", result.returncode == 1 and "no target to run" in result.stdout, result.stdout)
        for what, script, code, said in FUZZERS:
            result = run(top, script)
            case(f"a fuzzer that {what}", result.returncode == code and all(text in result.stdout for text in said), result.stdout)

        run(top, 'echo "$@"; for a in "$@"; do last=$a; done; ls "$last"; touch "$last/found"\n' + STATISTICS)
        log = (top / "build/log/one").read_text()
        wanted = ("-max_total_time=1", "-max_len=7", "one.dict", "\nseed\n")
        case("it gets its time, options, words and seeds", all(text in log for text in wanted), log)
        case("what it finds goes to a copy of the corpus", [path.name for path in seeds.iterdir()] == ["seed"])
        result = run(top, STATISTICS, "--match=two")
        case("a name that no target has is a failure", result.returncode == 1, result.stdout)
    finish()


if __name__ == "__main__":
    main()
