#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""growth.py [--rounds=N]: what grows, and how, with addresses, lists, the share that is listed, and single addresses.

Costs are per 100,000 checks, so where a table keeps its numbers the cost is in proportion. `questions` counts what was
asked per check: a listing is confirmed, so it is asked twice. Processor time and memory are what is beyond those of an
exporter that watches one address on the same lists. Single addresses are timed from the start of the exporter until all
are known, and have a page that grows with them.
"""

import sys
import time

import bench
import harness

ADDRESSES = [1 << n for n in range(10, 21, 2)]
LISTS = (1, 2, 5, 10, 20)
SHARES = (0, 50, 100)  # per cent; halves of a range are ranges
SINGLES = (10, 100, 1000, 10000, 100000)
ON_LISTS = 32768  # addresses, where the number of lists grows
ON_SHARES = 32768


class Scene:
    """Where the exporters of a table run, and what one holds that has nearly nothing to do."""

    def __init__(self, world, host):
        self.world = world
        self.host = host
        self.bases = {}

    def base(self, endpoint, n_lists):
        """(bytes, processor seconds), measured once for so many lists."""
        if n_lists not in self.bases:
            row = self.run(endpoint, n_lists, {"ranges": [f"{bench.FIRST}/32"]}, 1)
            self.bases[n_lists] = row["resident"], row["used"]
        return self.bases[n_lists]

    def run(self, endpoint, n_lists, group, n_addresses):
        exporter = bench.start_exporter(self.world, endpoint, n_lists, group, host=self.host)
        try:
            row = bench.swept(self.world, exporter, n_lists, n_addresses)
            row["used"] = bench.thread_seconds(exporter.pid)
            row["asked"] = bench.total(exporter.metrics(), "rbl_list_queries_total")
            return row
        finally:
            exporter.stop()

    def sweep(self, endpoint, n_lists, n_addresses):
        memory, used = self.base(endpoint, n_lists)
        row = self.run(endpoint, n_lists, {"ranges": [bench.range_of(n_addresses)]}, n_addresses)
        n_checks = n_lists * n_addresses
        row["cpu"] = max(0, row["used"] - used) * bench.PER / n_checks
        row["more"] = row["resident"] - memory
        row["asked"] /= n_checks
        return row


def show(title, rows, base):
    """Ratios are to the row `base`."""
    headings = ["wall s", f"to {base}", "CPU s", f"to {base}", "questions", "MB more", "asked again"]
    cells = [
        (label, [
            f"{row['wall']:.3f}", bench.ratio(row["wall"], rows[base]["wall"]),
            f"{row['cpu']:.3f}", bench.ratio(row["cpu"], rows[base]["cpu"]),
            f"{row['asked']:.2f}", bench.megabytes(row["more"]), f"{row['retries']:.0f}",
        ])
        for label, row in rows.items()
    ]  # fmt: skip
    bench.print_table(title, headings, cells)


def by_addresses(scene, rbldnsd, rounds):
    contenders = {f"{n:,}": lambda n=n: scene.sweep(rbldnsd.endpoint, 1, n) for n in ADDRESSES}
    show("Addresses, on 1 list", bench.play(contenders, rounds), f"{ADDRESSES[3]:,}")


def by_lists(scene, rbldnsd, rounds):
    contenders = {f"{n}": lambda n=n: scene.sweep(rbldnsd.endpoint, n, ON_LISTS) for n in LISTS}
    show(f"Lists, with {ON_LISTS:,} addresses each", bench.play(contenders, rounds), f"{LISTS[0]}")


def by_share(world, scene, rounds):
    servers = {0: bench.Lists(world, 1)}
    for share in SHARES[1:]:
        servers[share] = bench.Lists(world, 1, [bench.range_of(ON_SHARES * share // 100)])
    contenders = {f"{share} %": lambda s=share: scene.sweep(servers[s].endpoint, 1, ON_SHARES) for share in SHARES}
    show(f"Listed share of {ON_SHARES:,} addresses, on 1 list", bench.play(contenders, rounds), "0 %")
    for server in servers.values():
        server.stop()


# --- Single addresses ---


def singles(scene, endpoint, n_addresses):
    memory, used = scene.base(endpoint, 1)
    addresses = [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(n_addresses)]
    begin = time.monotonic()
    exporter = bench.start_exporter(scene.world, endpoint, 1, {"addresses": addresses}, host=scene.host)
    names = ("rbl_list_queries_total", "rbl_scheduler_inflight_queries", "rbl_scheduler_overdue_checks")
    harness.wait(
        lambda: (m := bench.look(exporter, *names)).value(names[0], list="bl0") >= n_addresses
        and m.value(names[1]) == m.value(names[2]) == 0,
        "all addresses are known",
        limit=bench.LIMIT_S,
        world=scene.world,
        pause=0.02,
    )
    wall = time.monotonic() - begin
    time.sleep(bench.SETTLE_S)
    more = bench.thread_seconds(exporter.pid) - used
    row = {"wall": wall, "cpu": more, "more": bench.resident(exporter.pid) - memory}
    begin = bench.thread_seconds(exporter.pid)
    lines = exporter.get("/metrics").text.splitlines()
    row["page"] = 1000 * (bench.thread_seconds(exporter.pid) - begin)
    n_known = sum(line.startswith("rbl_ip_listed{") for line in lines)
    exporter.stop()
    harness.equal(n_known, n_addresses, "addresses that are known")
    return {**row, "lines": len(lines)}


def each(row, n_addresses):
    """Processor time and memory of an address; of few it is lost in what varies from start to start."""
    if n_addresses < 1000:
        return None, None
    return f"{1e6 * row['cpu'] / n_addresses:.1f}", f"{row['more'] / n_addresses:.0f}"


def by_singles(scene, rbldnsd, rounds):
    rows = bench.play({f"{n:,}": lambda n=n: singles(scene, rbldnsd.endpoint, n) for n in SINGLES}, rounds)
    cells = [
        (label, [
            f"{row['wall']:.2f}", f"{1000 * row['cpu']:.1f}", bench.megabytes(row["more"]),
            *each(row, int(label.replace(",", ""))), f"{row['lines']:,.0f}", f"{row['page']:.2f}",
        ])
        for label, row in rows.items()
    ]  # fmt: skip
    headings = ["start to known s", "CPU ms more", "MB more", "us each", "bytes each", "lines of a page", "page CPU ms"]
    bench.print_table("Single addresses, on 1 list", headings, cells)


def measure(world, rounds):
    rbldnsd = bench.Lists(world, max(LISTS))
    scene = Scene(world, harness.take_address())
    by_addresses(scene, rbldnsd, rounds)
    by_lists(scene, rbldnsd, rounds)
    by_share(world, scene, rounds)
    by_singles(scene, rbldnsd, rounds)


if __name__ == "__main__":
    bench.play_in("growth", measure, bench.rounds_of(sys.modules[__name__].__doc__.partition("\n")[0], usual=1))
