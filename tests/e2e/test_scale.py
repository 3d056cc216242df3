# SPDX-License-Identifier: Apache-2.0
"""Whole ranges at full speed: nothing is missed, scrapes are answered, memory stays small."""

import random
import time

from exporter import Exporter, config, dns_list, is_sanitized
from harness import equal, main, report, scene, wait
from servers import Rbldnsd

ZONE = "bl.example.net"
RANGE = "40.107.0.0/16"
MEGABYTE = 1 << 20


def some_listed(n):
    numbers = random.Random(20261101).sample(range(65536), n - 2)
    return {f"40.107.{x >> 8}.{x & 255}" for x in [*numbers, 0, 65535]}


@scene
def a_whole_range(world):
    listed = some_listed(1500)
    rbldnsd = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2", *sorted(listed)])]})
    groups = [{"name": "microsoft365", "ranges": ["40.107.%.%"]}]
    exporter = Exporter(world, config([dns_list("bl", ZONE)], groups, [rbldnsd.endpoint]))
    durations = []

    def done():
        begin = time.monotonic()
        metrics = exporter.metrics()
        durations.append(time.monotonic() - begin)
        return (
            metrics.value("rbl_range_checked_addresses", range=RANGE) == 65536
            and metrics.value("rbl_range_sweep_last_duration_seconds", range=RANGE) is not None
            and metrics
        )

    with world.case("all 65,536 addresses are checked"):
        metrics = wait(done, "the end of the sweep", limit=90, world=world)
        seconds = metrics.value("rbl_range_sweep_last_duration_seconds", range=RANGE)
        equal(metrics.value("rbl_range_sample_checked_addresses", range=RANGE), 65536)
        print(f"# 65,536 addresses in {seconds:.2f} s; {len(durations)} scrapes meanwhile,", flush=True)
        print(f"# the slowest in {max(durations) * 1000:.1f} ms", flush=True)
    with world.case("exactly those are listed that are on the list"):
        metrics = exporter.wait_for_value(len(listed), "rbl_range_listed_addresses", range=RANGE)
        equal({labels["ip"] for labels, _ in metrics.all("rbl_range_ip_listed")}, listed)
        equal(metrics.value("rbl_range_listings_total", range=RANGE), 0)
        equal(metrics.value("rbl_range_delistings_total", range=RANGE), 0)
    with world.case("series_limit bounds the series, the rest is counted"):
        text = config([dns_list("bl", ZONE)], groups, [rbldnsd.endpoint], defaults={"series_limit": 100})
        equal(exporter.reload(text).status, 200)
        metrics = exporter.metrics()
        shown = [labels["ip"] for labels, _ in metrics.all("rbl_range_ip_listed")]
        lowest = sorted(listed, key=lambda ip: [int(part) for part in ip.split(".")])[:100]
        equal(shown, lowest)
        equal(metrics.value("rbl_range_listed_addresses_omitted", range=RANGE), len(listed) - 100)
        equal(metrics.value("rbl_range_listed_addresses", range=RANGE), len(listed))


@scene
def four_ranges_on_twenty_lists(world):
    name = "262,144 addresses on 20 lists take less than 64 MB"
    if is_sanitized():
        report(name, skipped="a sanitizer takes memory of its own")
        return
    zones = [f"bl{n}.example.net" for n in range(20)]
    rbldnsd = Rbldnsd(world, {zone: [("ip4set", ["127.0.0.2", *sorted(some_listed(300))])] for zone in zones})
    lists = [dns_list(f"bl{n}", zone) for n, zone in enumerate(zones)]
    ranges = ["40.93.%.%", "40.107.%.%", "52.101.0.0/16", "52.103.0.0/16"]
    exporter = Exporter(world, config(lists, [{"name": "m365", "ranges": ranges}], [rbldnsd.endpoint]))
    with world.case(name):
        # By then every page of every list has been touched.
        metrics = exporter.wait_for(
            lambda m: all(value > 20000 for _, value in m.all("rbl_list_queries_total")), "queries", limit=90
        )
        equal(sum(value for _, value in metrics.all("rbl_range_addresses")), 262144)
        resident = metrics.value("process_resident_memory_bytes")
        print(f"# 262,144 addresses on 20 lists: {resident / MEGABYTE:.1f} MB resident", flush=True)
        assert resident < 64 * MEGABYTE, f"{resident / MEGABYTE:.1f} MB"


main()
