#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""memory.py [--rounds=N]: memory and starts of large configurations, and what a reload of 1,000,000 addresses costs.

The four ranges of Microsoft's size on 20 lists are swept once, whatever the number of rounds: memory does not vary. The
embedded configuration runs in a network of its own, which leads nowhere; it stands at what it holds after some seconds.
Starts are timed from before the process is there until its first question has reached a nameserver of this bench.
"""

import os
import socket
import subprocess
import sys
import time

import bench
import harness
from exporter import BINARY, Exporter, config, dns_list

ADDRESSES, LISTS = 262144, 20
MILLION = 1000000
EMBEDDED_S = 6  # self-tests have timed out by then
LIMIT_S = 60


# --- 262,144 addresses on 20 lists ---


def whole(world, rbldnsd, host):
    """The sweep, and a second start from what it kept: rows of the table."""
    base = bench.base_memory(world, rbldnsd.endpoint, LISTS, host)
    exporter = bench.start_exporter(world, rbldnsd.endpoint, LISTS, {"ranges": [bench.range_of(ADDRESSES)]}, host=host)
    row = bench.swept(world, exporter, LISTS, ADDRESSES)
    most = bench.resident(exporter.pid, "VmHWM")
    exporter.stop()
    kept = sum(os.path.getsize(os.path.join(exporter.storage, name)) for name in os.listdir(exporter.storage))
    begin = time.monotonic()
    text = open(exporter.config_path, encoding="utf-8").read()
    again = Exporter(world, text, storage=exporter.storage, host=host, ready=False)
    start = time.monotonic() - begin
    n_known = bench.total(again.metrics(), "rbl_range_checked_addresses")
    again.stop()
    harness.equal(n_known, LISTS * ADDRESSES, "verdicts after a start")
    return [
        ("resident with 1 address on 20 lists, MB", [bench.megabytes(base)]),
        ("resident behind a sweep of 262,144 on 20 lists, MB", [bench.megabytes(row["resident"])]),
        ("the most that was resident, MB", [bench.megabytes(most)]),
        ("bytes beyond the base per (address, list)", [f"{(row['resident'] - base) / (LISTS * ADDRESSES):.2f}"]),
        ("wall s per 100,000 checks of it", [f"{row['wall']:.3f}"]),
        ("CPU s per 100,000 checks of it", [f"{row['cpu']:.3f}"]),
        ("kept on disk, MB", [bench.megabytes(kept)]),
        ("start with all that was kept until it serves, s", [f"{start:.3f}"]),
    ]


# --- The embedded configuration ---


def embedded(world):
    """Bytes, or None where this user may not have a network of its own."""
    alone = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode != 0:
        return None
    command = [*alone, BINARY, f"--storage.path={world.fresh_folder('storage')}"]
    process = harness.Process(world, "embedded", command)
    time.sleep(EMBEDDED_S)
    world.check_alive()
    n_bytes = bench.resident(process.pid)
    process.stop()
    return n_bytes


# --- Starts ---


def first_question(world, host, text):
    """Seconds from before the start until a nameserver has the first question."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((harness.take_address(), 0))
        udp.settimeout(LIMIT_S)
        text = text("%s:%d" % udp.getsockname())
        begin = time.monotonic()
        exporter = Exporter(world, text, host=host, ready=False, serves=False)
        udp.recv(4096)
        seconds = time.monotonic() - begin
    exporter.stop()
    return {"s": seconds}


def lists_of(n_lists):
    return [dns_list(f"bl{n}", f"bl{n}.example.net") for n in range(n_lists)]


def million(world):
    """A file of a million addresses, and the group that has it."""
    lines = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\n" for n in range(MILLION))
    return {"name": "million", "interval": "1h", "files": [world.write("million.txt", "".join(lines))]}


def starts(world, host, rounds, many):
    one = {"name": "one", "addresses": [bench.FIRST]}
    ranges = {"name": "net", "ranges": [bench.range_of(ADDRESSES)]}
    groups = {
        "1 address on 1 list": (1, one),
        "262,144 addresses on 20 lists": (LISTS, ranges),
        "1,000,000 single addresses of a file on 1 list": (1, many),
    }
    contenders = {
        f"{label}, s": lambda n=n, g=group: first_question(world, host, lambda at: config(lists_of(n), [g], [at]))
        for label, (n, group) in groups.items()
    }
    rows = bench.play(contenders, rounds)
    bench.print_table("Start to the first question", ["median"], [(k, [f"{row['s']:.3f}"]) for k, row in rows.items()])


# --- Reloads ---


class Reloads:
    """An exporter whose list is asked once an hour, so that a reload is all that it does."""

    def __init__(self, world, endpoint, host, many):
        self.slow = [dns_list("bl0", "bl0.example.net", budget={"rate": "1/h"}, self_test={"interval": "1h"})]
        self.endpoint = endpoint
        self.without = self.text([])
        self.with_all = self.text([many])
        self.exporter = Exporter(world, self.without, host=host, ready=False)

    def text(self, more):
        return config(self.slow, [{"name": "one", "interval": "1h", "addresses": [bench.FIRST]}, *more], [self.endpoint])

    def reload(self, text):
        pid = self.exporter.pid
        used, begin = bench.thread_seconds(pid), time.monotonic()
        status = self.exporter.reload(text).status
        wall = time.monotonic() - begin
        harness.equal(status, 200, "a reload")
        return {"wall": wall, "cpu": bench.thread_seconds(pid) - used, "resident": bench.resident(pid)}


def reloads(world, endpoint, host, rounds, many):
    r = Reloads(world, endpoint, host, many)
    rows = bench.play(
        {
            "1 address": lambda: r.reload(r.without),
            "1,000,000 more, from a file": lambda: r.reload(r.with_all),
            "1,000,000 as before": lambda: r.reload(r.with_all),
            "1 address, the million leaves": lambda: r.reload(r.without),
        },
        rounds,
    )
    r.exporter.stop()
    cells = [(k, [f"{v['wall']:.3f}", f"{v['cpu']:.3f}", bench.megabytes(v["resident"])]) for k, v in rows.items()]
    bench.print_table("Reload, single addresses on 1 list", ["wall s", "CPU s", "MB behind it"], cells)


def measure(world, rounds):
    rbldnsd, host = bench.Lists(world, LISTS), harness.take_address()
    bench.tell(f"{ADDRESSES:,} addresses on {LISTS} lists, once")
    rows = whole(world, rbldnsd, host)
    n_bytes = embedded(world)
    rows.append(("resident with the embedded configuration, MB", [bench.megabytes(n_bytes) if n_bytes else "not allowed"]))
    bench.print_table("Memory", ["once"], rows)
    many = million(world)
    starts(world, host, rounds, many)
    reloads(world, rbldnsd.endpoint, host, rounds, many)


if __name__ == "__main__":
    bench.play_in("memory", measure, bench.rounds_of(sys.modules[__name__].__doc__.partition("\n")[0]))
