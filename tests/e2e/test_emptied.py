# SPDX-License-Identifier: Apache-2.0
"""A list that is emptied in the middle of a sweep: nobody is delisted.

RBL_EMPTIED is at how many moments, drawn by RBL_CHAOS_SEED.
"""

import os
import random

import fakedns
from exporter import Exporter, Metrics, config, dns_list
from harness import equal, main, scene, wait
from hostiledns import HostileDns, HostileZone

N = int(os.environ.get("RBL_EMPTIED", "5"))
SEED = os.environ.get("RBL_CHAOS_SEED") or str(random.randrange(2**32))
RANGE, ADDRESSES = "198.51.100.0/23", [f"198.51.{c}.{d}" for c in (100, 101) for d in range(256)]
SINGLES = [f"192.0.2.{i}" for i in range(32)]
LISTED = {ip: ["127.0.0.2"] for ip in (*ADDRESSES[::2], *SINGLES[::2])}
LISTS = {"one-look": 1, "two-looks": 2}
GROUPS = [
    {"name": "singles", "addresses": SINGLES, "interval": "1s"},
    {"name": "ranges", "ranges": [RANGE], "sweep_interval": "1s"},
]
# The same list with another test entry is asked anew after a reload, and not when its back-off ends.
TESTED = ["127.0.0.1", "127.0.0.3"]
COUNTERS = [f"rbl_{what}_{how}_total" for what in ("ip", "range") for how in ("listings", "delistings")]
NAMES = ["rbl_ip_listed", "rbl_range_listed_addresses", "rbl_range_checked_addresses", "rbl_list_state", *COUNTERS]


class Emptied(HostileZone):
    """Empty from the question `at` on."""

    at = None

    def answer(self, query):
        if self.at is not None and self.n_asked >= self.at:
            self.n_asked += 1
            return fakedns.nothing(self, query)
        return super().answer(query)


class Story:
    def __init__(self, world):
        self.world, self.chance = world, random.Random(SEED)
        self.zones = {name: Emptied(f"{name}.example.net", LISTED) for name in LISTS}
        self.server = HostileDns(world, {zone.zone: zone for zone in self.zones.values()})
        self.exporter = Exporter(world, self.settings(0))
        self.n_scrapes = 0

    def settings(self, turn):
        test = {"interval": "1s", "listed": ["127.0.0.2"], "not_listed": [TESTED[turn % 2]]}
        lists = [dns_list(name, f"{name}.example.net", confirm=n, self_test=test) for name, n in LISTS.items()]
        return config(lists, GROUPS, [self.server.endpoint])

    def look(self):
        """Scrapes, and demands that nobody is newly listed or delisted."""
        metrics = Metrics(self.exporter.get("/metrics?" + "&".join(f"name[]={name}" for name in NAMES)).text)
        self.n_scrapes += 1
        for labels, value in metrics.all("rbl_ip_listed"):
            equal(value, 1 if labels["ip"] in LISTED else 0, f"{labels['ip']} on {labels['list']}")
        for name in COUNTERS:
            equal([sample for sample in metrics.samples.get(name, []) if sample[1]], [], name)
        return metrics

    def wait(self, condition, what):
        wait(lambda: condition(self.look()), lambda: f"{what}\n{self.exporter.log_tail()}", world=self.world, pause=0.1)

    @staticmethod
    def is_whole(metrics):
        told = [metrics.all("rbl_ip_listed", list=name) for name in LISTS]
        listed = [metrics.value("rbl_range_listed_addresses", list=name) for name in LISTS]
        checked = [metrics.value("rbl_range_checked_addresses", list=name) for name in LISTS]
        return (
            all(len(one) == len(SINGLES) for one in told)
            and set(listed) == {len(ADDRESSES) / 2}
            and set(checked) == {len(ADDRESSES)}
        )

    def empty(self):
        """At some question of the next sweep or two; until both lists are known to be silent."""
        begin = {name: zone.n_asked for name, zone in self.zones.items()}
        for zone in self.zones.values():
            zone.at = zone.n_asked + self.chance.randrange(2 * len(ADDRESSES))

        def are_silent(metrics):
            demand = [metrics.value("rbl_range_listed_addresses", list=name) for name in LISTS]
            equal(demand, [len(ADDRESSES) / 2] * len(LISTS), "listed addresses of the range")
            return all(metrics.state(name) == "silent" for name in LISTS)

        self.wait(are_silent, "both lists are silent")
        return {name: self.zones[name].n_asked - self.zones[name].at for name in begin}

    def fill(self, turn):
        for zone in self.zones.values():
            zone.at = None
        equal(self.exporter.reload(self.settings(turn)).status, 200)
        self.wait(lambda m: self.is_whole(m) and all(m.state(name) == "ok" for name in LISTS), "whole again")


@scene
def emptied_in_mid_sweep(world):
    story = Story(world)
    print(f"# seed {SEED}", flush=True)
    story.wait(story.is_whole, "all of the truth")
    with world.case(f"emptied at {N} moments of a sweep: no delisting, and whole when it is filled again"):
        false = []
        for turn in range(1, N + 1):
            false.append(sum(story.empty().values()))
            story.fill(turn)
        print(f"# false negatives that were answered until it was seen: {false}; {story.n_scrapes} scrapes", flush=True)
    with world.case("no log line tells of a delisting"):
        lines = [line for line in story.exporter.log().splitlines() if "delisted" in line]
        equal(lines[:5], [], "lines of the log")


main()
