#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that tests/run takes nothing for a pass that is none: crashes, silence, lost cases, programs that hang."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from tap import case, finish

RUN = pathlib.Path(__file__).resolve().parents[1] / "run"

# (what the program does, its text, the last line of the runner, what the runner says of it)
PROGRAMS = [
    ("passes two cases", "print('1..2\\nok 1 - a\\nok 2 - b')", "2 passed, 0 failed", "2 cases"),
    ("fails one of two", "print('ok - a\\nnot ok - b'); exit(1)", "1 passed, 1 failed", "not ok - b"),
    ("fails a case and ends well", "print('not ok - a')", "0 passed, 1 failed", "FAIL"),
    ("fails without naming a case", "print('ok - a'); exit(3)", "1 passed, 1 failed", "exit code 3"),
    ("crashes", "print('ok - a', flush=True); import os; os.abort()", "1 passed, 1 failed", "killed by SIGABRT"),
    ("ends early", "print('1..3\\nok - a')", "1 passed, 1 failed", "announced 3 cases and ran 1"),
    ("says nothing", "", "0 passed, 1 failed", "ran no test"),
    ("skips one", "print('ok - a\\nok - b # SKIP no kernel')", "1 passed, 0 failed", "1 skipped"),
    ("skips one as cmocka does", "print('ok 1 - a\\nnot ok 2 # SKIP b')", "1 passed, 0 failed", "1 skipped"),
    ("skips all", "print('ok - b # SKIP no kernel')", "0 passed, 0 failed", "1 skipped"),
    ("hangs", "print('ok - a', flush=True); import time; time.sleep(60)", "1 passed, 1 failed", "still running"),
]
# Its server must neither keep the runner waiting nor live on.
LEAVES_A_SERVER = """
import subprocess
server = subprocess.Popen(["sleep", "60"])
open("server.pid", "w").write(str(server.pid))
print("ok - a")
"""
# By a child, as servers of a test are.
COMPUTES = """
import subprocess
subprocess.run(["/usr/bin/python3", "-c", "import time\\nwhile time.process_time() < 0.3: pass"])
print("ok - a")
"""


def run(top, text, *arguments, kind="e2e"):
    tests = top / "tests"
    (tests / kind).mkdir(parents=True, exist_ok=True)
    shutil.copy(RUN, tests)
    if text is not None:
        (tests / kind / "test_it.py").write_text(text)
    return subprocess.run([tests / "run", *arguments, kind], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def is_running(pid):
    """Whether the process lives; a zombie that nobody has collected yet does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def judge(top, what, text, last, said, *arguments):
    result = run(top, text, *arguments)
    good = " 0 failed" in last and not last.startswith("0 ")
    case(
        f"a program that {what}: {last}",
        result.stdout.endswith(f"\n{last}\n") and said in result.stdout and (result.returncode == 0) == good,
        result.stdout,
    )


def main():
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        result = run(top, None)
        case("no test at all is a failure", result.returncode == 1 and "0 passed, 0 failed" in result.stdout, result.stdout)
        for what, text, last, said in PROGRAMS:
            judge(top, what, text, last, said, "--limit=1")
        judge(top, "passes after a broken build", "print('ok - a')", "1 passed, 1 failed", "FAIL", "--broken-build")

        said = "ok - a\nnot ok - b\n# because\nok - c"
        result = run(top, f"print({said!r})")
        end = "!  e2e/test_it: 1 failed\n!    not ok - b\n!    # because\n2 passed, 1 failed\n"
        case("what failed, and why, is said once more at the end", result.stdout.endswith(end), result.stdout)

        for kind in ("dashboards", "lint"):
            result = run(top, "print('ok - a')", kind=kind)
            case(f"the kind {kind} is run", f"{kind}/test_it" in result.stdout and "1 passed, 0 failed" in result.stdout, result.stdout)

        start = time.monotonic()
        result = run(top, LEAVES_A_SERVER, "--limit=30")
        waited = time.monotonic() - start
        pid = int((top / "server.pid").read_text())
        for _ in range(50):
            if is_running(pid):
                time.sleep(0.02)
        case("what a program leaves behind ends with it", waited < 20 and not is_running(pid), f"{waited} s\n{result.stdout}")

        result = run(top, COMPUTES)
        computed = re.search(r"test_it .* (\d+\.\d+) s CPU\n", result.stdout)
        case("what a program and its children compute is told", computed and float(computed[1]) >= 0.3, result.stdout)

        for inside, last in ((470, "5 passed, 0 failed"), (467, "4 passed, 1 failed")):
            driver = top / "build/tests/scenario_driver"
            driver.parent.mkdir(parents=True, exist_ok=True)
            driver.write_text(f"#!/bin/sh\necho inside {inside} of 500 months\n")
            driver.chmod(0o755)
            (top / "tests/scenario").mkdir(exist_ok=True)
            (top / "tests/scenario/some_months.scn").touch()
            result = run(top, "", "--match=soak", "soak")
            case(
                f"{4 * inside} of 2,000 months inside the bound: {last}",
                result.stdout.endswith(f"\n{last}\n") and (result.returncode == 0) == last.endswith(" 0 failed"),
                result.stdout,
            )

        result = run(top, "print('ok - a')", "--match=other")
        case("a name that no test has is a failure", result.returncode == 1 and "no test to run" in result.stdout, result.stdout)
    finish()


if __name__ == "__main__":
    main()
