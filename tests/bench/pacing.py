#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pacing.py [--rounds=N]: the rate that a list is asked at beside the one that is configured, and what waiting costs.

Questions are counted by the exporter, from one that was just asked to another. With 20 lists each has the rate; the
least and the most of them are told besides the mean. The share of a processor is that of all the exporter's threads, in
between, while nobody scrapes.
"""

import statistics
import sys
import time

import bench
import harness

ADDRESSES = 262144
BEGIN_S = 2  # self-tests and the first burst are over
# (rate of each list, lists, seconds that are measured)
RATES = ((10, 1, 5), (10, 20, 8), (1000, 1, 2), (50000, 1, 2))


def asked(exporter):
    metrics = bench.look(exporter, "rbl_list_queries_total")
    return {labels["list"]: value for labels, value in metrics.all("rbl_list_queries_total")}


def counted(exporter):
    """(seconds, {list: questions}), of a moment at which the first list was just asked."""
    before = asked(exporter)
    name = next(iter(before))
    while (found := asked(exporter))[name] == before[name]:
        time.sleep(0.002)
    return time.monotonic(), found


def paced(world, endpoint, host, rate, n_lists, seconds):
    lists = {"budget": {"rate": f"{rate}/s"}, "self_test": {"interval": "1h"}}
    group = {"ranges": [bench.range_of(ADDRESSES)]}
    exporter = bench.start_exporter(world, endpoint, n_lists, group, host=host, lists=lists, ready=True)
    time.sleep(BEGIN_S)
    begin, first = counted(exporter)
    used, since = bench.thread_seconds(exporter.pid), time.monotonic()
    time.sleep(seconds)
    share = 100 * (bench.thread_seconds(exporter.pid) - used) / (time.monotonic() - since)
    end, last = counted(exporter)
    exporter.stop()
    rates = [(last[name] - first[name]) / (end - begin) for name in first]
    return {
        "mean": statistics.fmean(rates),
        "least": min(rates),
        "most": max(rates),
        "share": share,
    }


def measure(world, rounds):
    rbldnsd, host = bench.Lists(world, 20), harness.take_address()
    contenders, configured = {}, {}
    for rate, n_lists, seconds in RATES:
        label = f"{rate:,}/s on {n_lists} list{'s' if n_lists > 1 else ''}"
        configured[label] = rate
        contenders[label] = lambda r=rate, n=n_lists, s=seconds: paced(world, rbldnsd.endpoint, host, r, n, s)
    rows = [
        (label, [f"{row['mean']:,.1f}", f"{row['mean'] / configured[label]:.4f}", f"{row['least']:,.1f}",
                 f"{row['most']:,.1f}", f"{row['share']:.2f}"])
        for label, row in bench.play(contenders, rounds).items()
    ]  # fmt: skip
    title = f"Pacing, {ADDRESSES:,} addresses"
    bench.print_table(title, ["asked a second", "to configured", "least", "most", "% of a CPU"], rows)


if __name__ == "__main__":
    bench.play_in("pacing", measure, bench.rounds_of(sys.modules[__name__].__doc__.partition("\n")[0]))
