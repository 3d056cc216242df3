#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""sweep.py [--rounds=N]: a sweep of the exporter beside what else can ask as many questions.

All ask the same rbldnsd for the same reversed names. The yardstick is raw_loop, the least that has to be done; dnsperf
is Debian's, with the same window (of massdns Debian 12 has no package). The exporter has lists without a budget and finds
its window itself, and it proves its answers. Then all three with an unbound between, one that knows nothing (cold) and
one that knows all (warm). Wall and processor time are per 100,000 checks, of the
process alone; the exporter's is from its start until its store was quiet. It is an error if a check of it has no answer.
"""

import re
import sys

import bench
import harness
from servers import Unbound, find_program

ADDRESSES = 262144
OF_TWENTY = 65536  # on 20 lists: five times as many checks as on one
THROUGH_UNBOUND = 32768
CACHES = "msg-cache-size: 128m\n  rrset-cache-size: 256m"


def reversed_names(n_addresses, zone):
    a, b, _, _ = bench.FIRST.split(".")
    return (f"{n & 255}.{n >> 8 & 255}.{int(b) + (n >> 16)}.{a}.{zone}" for n in range(n_addresses))


def write_names(world, n_addresses):
    lines = "".join(name + " A\n" for name in reversed_names(n_addresses, "bl0.example.net"))
    return world.write(f"names_{n_addresses}", lines)


def dnsperf(endpoint, names):
    host, port = endpoint.split(":")
    options = ["-n", "1", "-c", "1", "-T", "1", "-q", str(bench.WINDOW), "-t", "2"]
    output, cpu = bench.timed([find_program("dnsperf"), "-s", host, "-p", port, "-d", names, *options])
    sent, lost, seconds = (
        re.search(rf"{what}: +([0-9.]+)", output)[1] for what in ("Queries sent", "Queries lost", r"Run time \(s\)")
    )
    return bench.per_check({"wall": float(seconds), "cpu": cpu, "lost": int(lost)}, int(sent))


class Between:
    """An unbound in front of the lists, new for each contender; the first run through it is cold, the second warm."""

    def __init__(self, world, rbldnsd):
        self.world = world
        self.zones = {zone: rbldnsd.endpoint for zone in rbldnsd.zones[:1]}
        self.unbound = None

    def cold(self, contender):
        if self.unbound is not None:
            self.unbound.stop()
        self.unbound = Unbound(self.world, self.zones, more=CACHES)
        return contender(self.unbound.endpoint)

    def warm(self, contender):
        return contender(self.unbound.endpoint)


def direct(world, rbldnsd, host):
    """{label: contender} of those that ask rbldnsd itself."""
    at, zone = rbldnsd.endpoint, rbldnsd.zones[0]
    names = write_names(world, ADDRESSES)
    contenders = {
        "raw loop, sendmmsg and recvmmsg": lambda: bench.raw_loop(at, zone, ADDRESSES),
        "raw loop, send and recv": lambda: bench.raw_loop(at, zone, ADDRESSES, batch=1),
        "dnsperf": lambda: dnsperf(at, names),
    }
    for n_lists, n_addresses in ((1, ADDRESSES), (20, OF_TWENTY)):
        for store in (False, True):
            label = f"rbl_exporter, {n_lists} list{'s' if n_lists > 1 else ''}, {'on disk' if store else 'memory only'}"
            contenders[label] = lambda n=n_lists, a=n_addresses, s=store: bench.sweep(world, at, n, a, s, host)
    return contenders


def through_unbound(world, rbldnsd, host):
    between, zone = Between(world, rbldnsd), rbldnsd.zones[0]
    names = write_names(world, THROUGH_UNBOUND)
    asking = {
        "raw loop": lambda at: bench.raw_loop(at, zone, THROUGH_UNBOUND),
        "dnsperf": lambda at: dnsperf(at, names),
        "rbl_exporter, on disk": lambda at: bench.sweep(world, at, 1, THROUGH_UNBOUND, True, host),
    }
    contenders = {}
    for label, contender in asking.items():
        contenders[f"{label}, cold"] = lambda c=contender: between.cold(c)
        contenders[f"{label}, warm"] = lambda c=contender: between.warm(c)
    return contenders


def show(title, rows, base_of, memory):
    """base_of(label): the row that this one's ratios are to."""
    headings = ["wall s", "to raw", "CPU s", "to raw", "MB more", "unanswered", "asked again"]
    cells = []
    for label, row in rows.items():
        base = rows[base_of(label)]
        more = row["resident"] - memory[20 if " 20 " in label else 1] if "resident" in row else None
        cells.append((label, [
            f"{row['wall']:.3f}",
            bench.ratio(row["wall"], base["wall"]),
            f"{row['cpu']:.3f}",
            bench.ratio(row["cpu"], base["cpu"]),
            bench.megabytes(more) if more is not None else None,
            f"{row['lost']:.0f}",
            f"{row['retries']:.0f}" if "retries" in row else None,
        ]))  # fmt: skip
    bench.print_table(title, headings, cells)


def measure(world, rounds):
    rbldnsd, host = bench.Lists(world, 20), harness.take_address()
    memory = {n_lists: bench.base_memory(world, rbldnsd.endpoint, n_lists, host) for n_lists in (1, 20)}
    rows = bench.play(direct(world, rbldnsd, host), rounds)
    title = f"Sweep of {ADDRESSES:,} addresses (on 20 lists {OF_TWENTY:,})"
    show(title, rows, lambda label: "raw loop, sendmmsg and recvmmsg", memory)
    rows = bench.play(through_unbound(world, rbldnsd, host), rounds)
    title = f"Sweep of {THROUGH_UNBOUND:,} addresses through unbound"
    show(title, rows, lambda label: f"raw loop, {label.rpartition(' ')[2]}", memory)


if __name__ == "__main__":
    bench.play_in("sweep", measure, bench.rounds_of(sys.modules[__name__].__doc__.partition("\n")[0]))
