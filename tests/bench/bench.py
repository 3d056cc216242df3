# SPDX-License-Identifier: Apache-2.0
"""What the benches share: their options, what a process has used, rounds and their medians, one sweep, the table.

Whatever is compared is played in turns, each contender once in every round, so that what else the machine does meets
all of them; a figure is the median of the rounds. Ratios are what to read: they change least from machine to machine.
"""

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness  # noqa: E402 (found by the line above)
from exporter import BINARY, Exporter, Metrics, config, dns_list  # noqa: E402
from servers import Rbldnsd  # noqa: E402

RAW_LOOP = os.path.join(os.path.dirname(BINARY), "tests", "raw_loop")
WINDOW = 100  # open questions of the yardsticks; rbldnsd's socket buffer holds about 150
BATCH = 32
MEGABYTE = 1 << 20
PER = 100000  # checks that costs are given for
SETTLE_S = 1.5  # what was learnt last is on the disk after a second
FIRST = "198.16.0.0"
LIMIT_S = 600
CONFIRM_S = 60  # behind a sweep, until its listings are confirmed


def default_rounds(usual):
    """How many rounds there are where --rounds says nothing."""
    return int(os.environ.get("BENCH_ROUNDS") or usual)


def add_rounds(parser, usual):
    rounds = default_rounds(usual)
    parser.add_argument("--rounds", type=int, default=rounds, metavar="N", help="of each kind (default %(default)s)")


def rounds_of(description, usual=3):
    """The one option of most benches."""
    parser = argparse.ArgumentParser(allow_abbrev=False, description=description)
    add_rounds(parser, usual)
    return parser.parse_args().rounds


def play_in(name, measure, *arguments):
    """Plays a bench in a world of its own, and leaves nothing behind, also when it is told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    world = harness.World(name, prefix="rbl_exporter_bench_")
    try:
        measure(world, *arguments)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        world.destroy()


# --- What a process has used ---


def processor_seconds(pid):
    """User and system time since it began, in hundredths."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def thread_seconds(pid):
    """The same to the nanosecond, of the threads that are there: for what is short."""
    threads = f"/proc/{pid}/task"
    used = 0
    for thread in os.listdir(threads):
        with open(f"{threads}/{thread}/schedstat", encoding="ascii") as file:
            used += int(file.read().split()[0])
    return used / 1e9


def resident(pid, key="VmRSS"):
    """Bytes; VmHWM is the most that it ever was."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(rf"^{key}:\s+(\d+) kB$", file.read(), re.MULTILINE)[1]) * 1024


# --- Rounds ---


def tell(text):
    """How far it is, for who waits; the table alone goes to standard output."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def play(contenders, rounds):
    """{label: function} -> {label: {key: median of what the function returned}}; of `lost` the most."""
    rows = {label: [] for label in contenders}
    for number in range(rounds):
        for label, contender in contenders.items():
            tell(f"round {number + 1} of {rounds}: {label}")
            rows[label].append(contender())
    return {label: medians(of_label) for label, of_label in rows.items()}


def medians(rows):
    return {key: (max if key == "lost" else statistics.median)(row[key] for row in rows) for key in rows[0]}


# --- The table ---


def print_table(title, headings, rows):
    """rows: [(label, [cell, ...])]; a cell is a text, None is empty."""
    cells = [[cell if cell is not None else "" for cell in row] for _, row in rows]
    widths = [max(len(heading), *(len(row[n]) for row in cells)) for n, heading in enumerate(headings)]
    label = max(len(title), 50, *(len(name) for name, _ in rows))
    print(f"{title:<{label}}" + "".join(f"  {h:>{w}}" for h, w in zip(headings, widths)))
    for (name, _), row in zip(rows, cells):
        print(f"{name:<{label}}" + "".join(f"  {c:>{w}}" for c, w in zip(row, widths)))
    print(flush=True)


def ratio(value, base):
    """With as many digits as say something."""
    if base == 0:
        return "-"
    return f"{value / base:.{0 if value >= 100 * base else 2 if value >= base / 10 else 4}f}"


def megabytes(n_bytes):
    return f"{n_bytes / MEGABYTE:.1f}"


# --- Lists, yardsticks, one sweep ---


class Lists(Rbldnsd):
    """rbldnsd with lists bl0, bl1, ..., whose answers a resolver may keep for an hour."""

    soa = "$SOA 3600 ns.example.net hostmaster.example.net 1 3600 3600 3600 3600\n$NS 3600 ns.example.net\n$TTL 3600\n"

    def __init__(self, world, n_lists, listed=()):
        self.zones = [f"bl{n}.example.net" for n in range(n_lists)]
        super().__init__(world, {zone: [("ip4set", ["127.0.0.2", *listed])] for zone in self.zones})


def timed(command):
    """Runs it to its end: (what it printed, the processor seconds it used)."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command[0]} ended with {process.returncode}"
    return output, used.ru_utime + used.ru_stime


def per_check(row, n_checks):
    """Wall and processor time per 100,000 checks."""
    scale = PER / n_checks
    return {**row, "wall": row["wall"] * scale, "cpu": row["cpu"] * scale}


def raw_loop(endpoint, zone, n_addresses, batch=BATCH):
    host, port = endpoint.split(":")
    output, _ = timed([RAW_LOOP, host, port, zone, FIRST, str(n_addresses), str(WINDOW), str(batch)])
    wall, cpu, answered = output.split()
    return per_check({"wall": float(wall), "cpu": float(cpu), "lost": n_addresses - int(answered)}, n_addresses)


def range_of(n_addresses):
    return f"{FIRST}/{32 - (n_addresses.bit_length() - 1)}"


def start_exporter(world, endpoint, n_lists, group, store=True, host=None, lists=None, **options):
    """One with lists bl0, bl1, ... (each with the keys `lists`), asked as fast as they may, the window not configured.

    Without a store its folder is a file: it then works from memory.
    """
    keys = {"self_test": {"interval": "1m"}, **(lists or {})}
    text = config(
        [dns_list(f"bl{n}", f"bl{n}.example.net", **keys) for n in range(n_lists)],
        [{"name": "net", "interval": "1h", **group}],
        [endpoint],
        {"timeout": "2s", "attempts": 3},
    )
    storage = None if store else world.write("no_folder", "")
    return Exporter(world, text, storage=storage, host=host, **{"ready": False, **options})


def look(exporter, *names):
    """A scrape of these metrics only."""
    return Metrics(exporter.get("/metrics?" + "&".join(f"name[]={name}" for name in names)).text)


def total(metrics, name):
    return sum(value for _, value in metrics.all(name))


def sweep(world, endpoint, n_lists, n_addresses, store=True, host=None):
    """One sweep of all lists by an exporter that has just started.

    `cpu` is all that the process used from its start until the store was quiet, `resident` what it holds then, `lost`
    the checks that have no verdict, `retries` the questions that had to be asked again.
    """
    exporter = start_exporter(world, endpoint, n_lists, {"ranges": [range_of(n_addresses)]}, store, host)
    try:
        return swept(world, exporter, n_lists, n_addresses)
    finally:
        exporter.stop()


def swept(world, exporter, n_lists, n_addresses):
    """Waits for the end of the first sweep of `exporter`; its figures as sweep() has them."""
    ended, lasted = (f"rbl_range_sweep_last_{name}" for name in ("completion_timestamp_seconds", "duration_seconds"))
    metrics = harness.wait(
        lambda: len((m := look(exporter, ended, lasted)).all(ended)) == n_lists and m,
        "the sweep",
        limit=LIMIT_S,
        world=world,
        pause=0.2,
    )
    ends = [metrics.value(ended, list=f"bl{n}") for n in range(n_lists)]
    begin = min(end - metrics.value(lasted, list=f"bl{n}") for n, end in enumerate(ends))
    end = max(max(ends), all_known(exporter, n_addresses * n_lists))
    time.sleep(SETTLE_S)
    row = {"wall": end - begin, "cpu": processor_seconds(exporter.pid), "resident": resident(exporter.pid)}
    metrics = exporter.metrics()
    row["lost"] = n_addresses * n_lists - total(metrics, "rbl_range_checked_addresses")
    row["retries"] = total(metrics, "rbl_list_query_retries_total")
    harness.equal(row["lost"], 0, "checks without an answer")
    return per_check(row, n_addresses * n_lists)


def all_known(exporter, n_checks):
    """When all checks were seen to have a verdict, 0 if they have at once: listings are confirmed behind the sweep."""
    name = "rbl_range_checked_addresses"
    if total(look(exporter, name), name) == n_checks:
        return 0
    last = time.time() + CONFIRM_S
    while time.time() < last and total(look(exporter, name), name) < n_checks:
        time.sleep(0.05)
    return time.time()


def base_memory(world, endpoint, n_lists, host=None):
    """What an exporter with these lists holds that watches one address."""
    exporter = start_exporter(world, endpoint, n_lists, {"addresses": [FIRST]}, host=host, ready=True)
    time.sleep(SETTLE_S)
    try:
        return resident(exporter.pid)
    finally:
        exporter.stop()
