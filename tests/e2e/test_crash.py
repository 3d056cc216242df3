# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random instants: what DNS servers saw is compared with what the store says afterwards.

RBL_CRASHES says how often it is killed in each scene; `make soak` does it hundreds of times.
"""

import json
import os
import random
import time

from exporter import Exporter, config, dns_list
from fakedns import FakeDns, is_test
from harness import equal, main, scene, wait

CRASHES = int(os.environ.get("RBL_CRASHES", "20"))
# What is promised is one second; the other is for a machine that has other things to do.
LOST_S = 2.0
SEED = int(os.environ.get("RBL_SEED", "20261127"))
RANGE, N_RANGE = "198.18.0.0/20", 4096
TOGGLED = "192.0.2.1"


class Lives:
    """One exporter after the other on the same store, each killed after a random time."""

    def __init__(self, world, text, seed):
        self.world = world
        self.text = text
        self.random = random.Random(seed)
        self.storage = world.fresh_folder("storage")
        self.host = None
        self.deaths = []

    def begin(self):
        exporter = Exporter(self.world, self.text, storage=self.storage, ready=False, host=self.host)
        self.host = exporter.host  # there are not enough addresses for all lives of a soak
        return exporter

    def end(self, exporter, longest=1.5):
        """Kills it within `longest` seconds, counted from its first answer; returns the moment."""
        time.sleep(self.random.uniform(0, longest))
        exporter.kill()
        self.deaths.append(time.time())
        return self.deaths[-1]


def is_safe(moment, deaths):
    """Whether what happened then was old enough at the next death."""
    return not any(moment < death < moment + LOST_S for death in deaths)


def learnt(server, deaths):
    """The addresses of the range that were asked, and answered at once, long enough before a death."""
    now = time.time() - LOST_S
    seen = [s for s in server.queries() if s.ip.startswith("198.18.") and s.time < now]
    return {s.ip for s in seen if is_safe(s.time, deaths)}


@scene
def in_mid_sweep(world):
    listed = {f"198.18.{x}.{y}": ["127.0.0.2"] for x in range(16) for y in (3, 77)}
    server = FakeDns(world, "bl.example.net", listed)
    # So slow that the sweep lasts as long as the crashes do.
    budget = {"rate": f"{max(10, int(N_RANGE / CRASHES / 0.8))}/s"}
    lists = [dns_list("bl", "bl.example.net", budget=budget, self_test={"interval": "5s"})]
    groups = [{"name": "ranges", "ranges": [RANGE], "sweep_interval": "30d", "interval": "1h"}]
    lives = Lives(world, config(lists, groups, [server.endpoint], defaults={"confirm": 1}), SEED)
    with world.case(f"{CRASHES} crashes in mid-sweep lose no result older than a second"):
        exporter = lives.begin()
        for n in range(CRASHES):
            lives.end(exporter)
            exporter = lives.begin()
            known = exporter.metrics().value("rbl_range_checked_addresses", range=RANGE)
            # A listing counts when it is proven; whatever is said of it may wait for that.
            proven = learnt(server, lives.deaths) - set(listed)
            assert known >= len(proven), f"crash {n}: {len(proven)} were asked, {known} are known"
    ended = time.time()  # what was under way then was asked shortly before
    exporter.stop()
    lives.text = lives.text.replace(budget["rate"], "unlimited")
    exporter = lives.begin()
    with world.case("and what it knew is not asked again"):
        done = lambda m: m.value("rbl_range_sweep_last_completion_timestamp_seconds", range=RANGE) is not None
        exporter.wait_for(done, "the end of the sweep", limit=90)
        times = {}
        for seen in server.queries():
            if not is_test(seen) and seen.ip not in listed:
                times.setdefault(seen.ip, []).append(seen.time)
        for ip, moments in times.items():
            # The last life has no rate, and so repeats what is not answered soon.
            before = [m for m in moments[:-1] if m <= ended - LOST_S / 4]
            again = [m for m in before if is_safe(m, lives.deaths)]
            assert not again, f"{ip} was asked at {moments}"
        equal(len(times) + len(listed), N_RANGE, "addresses that were asked")
        exporter.wait_for_value(len(listed), "rbl_range_listed_addresses", range=RANGE)


@scene
def within_a_budget(world):
    queries, per = 300, 20
    server = FakeDns(world, "bl.example.net")
    budget = {"queries": queries, "per": f"{per}s", "rate": "200/s", "burst": 20}
    lists = [dns_list("bl", "bl.example.net", budget=budget)]
    groups = [{"name": "ranges", "ranges": ["198.18.0.0/15"], "interval": "1s"}]
    lives = Lives(world, config(lists, groups, [server.endpoint]), SEED + 1)
    with world.case(f"{CRASHES} crashes spend no query that the store does not know of"):
        for n in range(CRASHES):
            exporter = lives.begin()
            n_seen = len([s for s in server.queries() if s.time > time.time() - per * 0.95])
            used = exporter.metrics().value("rbl_list_quota_used_queries", list="bl")
            assert used >= n_seen, f"crash {n}: {n_seen} queries were seen, {used} are counted"
            lives.end(exporter)
    with world.case("and no window holds more than the budget"):
        times = sorted(seen.time for seen in server.queries())
        assert len(times) > queries // 4, f"only {len(times)} queries: nothing was tried"
        for first, last in zip(times, times[queries:]):
            assert last - first >= per - 0.5, f"{queries + 1} queries within {last - first:.1f} s"


@scene
def with_transitions(world):
    server = FakeDns(world, "bl.example.net", {TOGGLED: ["127.0.0.2"]})
    lists = [dns_list("bl", "bl.example.net")]
    groups = [{"name": "singles", "addresses": [TOGGLED], "interval": "1s"}]
    text = config(lists, groups, [server.endpoint], defaults={"confirm": 1})
    lives = Lives(world, text, SEED + 2)
    listed = True
    with world.case(f"{CRASHES} crashes lose no transition older than a second"):
        for _ in range(CRASHES):
            exporter = lives.begin()
            goal = 1 if listed else 0
            exporter.wait_for_value(goal, "rbl_ip_listed", ip=TOGGLED)
            listed = not listed
            if listed:
                server.listed[TOGGLED] = ["127.0.0.2"]
            else:
                del server.listed[TOGGLED]
            lives.end(exporter, longest=3)
        exporter = lives.begin()
        exporter.wait_for_value(1 if listed else 0, "rbl_ip_listed", ip=TOGGLED)
        changes = [m for m in exporter.messages() if m["msg"] in ("address listed", "address delisted")]
        moments = [time_of(m["ts"]) for m in changes]
        safe = [moment for moment in moments if is_safe(moment, lives.deaths)]
        answer = json.loads(exporter.get(f"/api/v1/addresses/{TOGGLED}?limit=1000").text)
        kept = [e for e in answer["history"] if e["event"] in ("listed", "delisted")]
        assert len(kept) >= len(safe), f"{len(safe)} were logged long before a crash, {len(kept)} are kept"
        assert len(kept) <= len(changes) + len(lives.deaths), f"{len(kept)} are kept of {len(changes)}"
        # Listed and delisted by turns: none is told twice, none is missing in between.
        words = [e["event"] for e in kept]
        assert all(a != b for a, b in zip(words, words[1:])), words
        metrics = exporter.metrics()
        flips = metrics.value("rbl_ip_listings_total", group="singles") + metrics.value(
            "rbl_ip_delistings_total", group="singles"
        )
        assert len(safe) <= flips <= len(changes) + len(lives.deaths), f"{flips} are counted of {len(changes)}"


def time_of(text):
    """Of a log line's 2026-11-27T12:19:33.095Z."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return time.mktime(time.strptime(whole + "UTC", "%Y-%m-%dT%H:%M:%S%Z")) - time.timezone + float("0." + fraction)


main()
