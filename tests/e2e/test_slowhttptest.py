# SPDX-License-Identifier: Apache-2.0
"""slowhttptest, the tool that people try servers with: slow headers, slow bodies and slow reading of a large page."""

import subprocess

import harness
import hostile
from harness import main, scene

CONNECTIONS = 400
SECONDS = 6

MODES = [
    ("slow headers", "/metrics", ["-H", "-i", "1", "-x", "24"]),
    ("slow bodies", "/api/v1/bounces", ["-B", "-i", "1", "-s", "60000", "-x", "10", "-t", "POST"]),
    ("slow reading", "/metrics", ["-X", "-w", "1", "-y", "64", "-n", "1", "-z", "16", "-k", "3"]),
]


def run(exporter, path, flags):
    """It connects from the address that the kernel chooses, 127.0.0.1; nobody else here may."""
    url = f"http://{exporter.endpoint}{path}"
    common = ["-c", str(CONNECTIONS), "-r", "200", "-l", str(SECONDS), "-p", "3", "-u", url]
    return subprocess.run(
        ["slowhttptest", *flags, *common],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=harness.LIMIT_S,
        check=False,
    )


@scene
def slowhttptest(world):
    exporter = hostile.start(world)
    for what, path, flags in MODES:

        def attack(queries, path=path, flags=flags):
            done = run(exporter, path, flags)
            ends = ("Hit test time limit", "No open connections left")
            assert any(end in done.stdout for end in ends), f"{done.stdout}\n{done.stderr}"
            queries()

        hostile.withstand(world, exporter, f"{what} by slowhttptest", attack)


main()
