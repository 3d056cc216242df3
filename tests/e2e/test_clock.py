# SPDX-License-Identifier: Apache-2.0
"""A wall clock that jumps, by libfaketime, between lives and in the middle of one.

The monotonic clock stays what it is, as on a machine whose time is set. What is known stays, nothing is published, no
budget is filled up by a jump, and no moment lies in the future.
"""

import glob
import os
import time

from exporter import Exporter, config, dns_list, is_sanitized
from fakedns import FakeDns
from harness import equal, main, report, scene

HOUR, YEAR = 3600, 365 * 86400
LISTED, CLEAN = "192.0.2.1", "192.0.2.2"
RANGE = "198.51.100.0/24"
QUERIES = 500000
# These lie ahead by what they are, or are the wall clock of a moment of this life, as it was then.
AHEAD = ("rbl_list_quota_reset_timestamp_seconds", "rbl_exporter_config_last_reload_success_timestamp_seconds")


class Clock:
    """An offset to the wall clock of whom has `environment`."""

    def __init__(self, world):
        self.path = world.path("clock")
        libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        assert libraries, "package faketime is not installed"
        self.environment = {
            "LD_PRELOAD": libraries[0],
            "FAKETIME_TIMESTAMP_FILE": self.path,
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DISABLE_SHM": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # it makes waits by the monotonic clock end at once
        }
        self.jump(0)

    def jump(self, offset):
        self.offset = offset
        with open(self.path + ".new", "w", encoding="ascii") as file:
            file.write(f"{offset:+d}\n")
        os.replace(self.path + ".new", self.path)

    def now(self):
        return time.time() + self.offset


class Watched:
    """A daemon with a list of which it knows something, and a budget of which it has spent."""

    def __init__(self, world):
        self.world = world
        self.clock = Clock(world)
        self.server = FakeDns(world, "bl.example.net", {LISTED: ["127.0.0.2"], "198.51.100.7": ["127.0.0.2"]})
        budget = {"queries": QUERIES, "per": "1d", "rate": "200/s"}
        lists = [dns_list("bl", "bl.example.net", budget=budget, self_test={"interval": "1h"})]
        groups = [
            {"name": "singles", "addresses": [LISTED, CLEAN], "interval": "1s"},
            {"name": "ranges", "ranges": [RANGE], "sweep_interval": "1d", "interval": "1h"},
        ]
        self.text = config(lists, groups, [self.server.endpoint], defaults={"confirm": 1})
        self.storage = world.fresh_folder("storage")
        self.exporter = None
        self.n_asked = 0
        self.begin()
        metrics = self.exporter.wait_for(
            lambda m: m.value("rbl_ip_listed", ip=LISTED) == 1
            and m.value("rbl_ip_listed", ip=CLEAN) == 0
            and m.value("rbl_range_sweep_last_completion_timestamp_seconds", range=RANGE) is not None,
            "everything is known",
        )
        self.flips = self.count_flips(metrics)
        self.checked = metrics.value("rbl_range_checked_addresses", range=RANGE)
        self.used = metrics.value("rbl_list_quota_used_queries", list="bl")

    def begin(self):
        self.exporter = Exporter(self.world, self.text, storage=self.storage, ready=False, env=self.clock.environment)

    def restart(self, offset):
        self.exporter.stop()
        self.clock.jump(offset)
        self.begin()

    @staticmethod
    def count_flips(metrics):
        return [
            metrics.value(name, group="singles") for name in ("rbl_ip_listings_total", "rbl_ip_delistings_total")
        ]

    def judge(self):
        """What is shown now, and after some more looks."""
        for _ in range(2):
            metrics = self.exporter.metrics()
            equal(metrics.value("rbl_storage_up"), 1, "the store")
            equal(metrics.value("rbl_ip_listed", ip=LISTED), 1, LISTED)
            equal(metrics.value("rbl_ip_listed", ip=CLEAN), 0, CLEAN)
            equal(self.count_flips(metrics), self.flips, "changes that were published")
            checked = metrics.value("rbl_range_checked_addresses", range=RANGE)
            assert checked >= self.checked, f"{self.checked} addresses of the range were known, {checked} are"
            used = metrics.value("rbl_list_quota_used_queries", list="bl")
            assert used >= self.used, f"{self.used} queries were spent, now {used}"
            self.checked, self.used = checked, used
            # A scrape may still show what was put together before the jump.
            self.exporter.wait_for(lambda m: not find_unsound_times(m, self.clock.now()), "all times are sound")
            self.exporter.wait_for_looks("bl", more=2)
        # What was sent in all is what counts: no jump brought any of it back.
        n_asked = len(self.server.queries())
        self.exporter.wait_for(
            lambda m: m.value("rbl_list_quota_used_queries", list="bl") >= n_asked, f"{n_asked} queries are counted"
        )


def find_unsound_times(metrics, now):
    """What is below zero, or lies ahead though it has happened."""
    samples = [(name, value) for name, all_of_it in metrics.samples.items() for _, value in all_of_it]
    ahead = [
        (name, value - now)
        for name, value in samples
        if name.endswith("_timestamp_seconds") and name not in AHEAD and value > now + 5
    ]
    return ahead + [sample for sample in samples if sample[1] < 0]


def jumps(world, *offsets):
    watched = Watched(world)
    for offset in offsets:
        with world.case(f"a clock that is set to {offset / HOUR:+.1f} h in mid-life changes nothing that is known"):
            watched.clock.jump(offset)
            watched.judge()
        with world.case(f"and a restart at {offset / HOUR:+.1f} h publishes nothing and spends nothing twice"):
            watched.restart(offset)
            watched.judge()


# A sanitizer wants to be the first library: it is not played then.
played = (lambda function: function) if is_sanitized() else scene


@played
def in_mid_life(world):
    jumps(world, 5 * HOUR, -5 * HOUR)


@played
def in_mid_life_by_years(world):
    jumps(world, 3 * YEAR, -3 * YEAR)


@played
def between_lives(world):
    watched = Watched(world)
    for offset in (-HOUR, -3 * YEAR, HOUR):
        with world.case(f"a clock that is set to {offset / HOUR:+.1f} h between two lives changes nothing that is known"):
            watched.restart(offset)
            watched.judge()


if is_sanitized():
    report("the clock jumps", skipped="a sanitizer wants to be the first library")
main()
