# SPDX-License-Identifier: Apache-2.0
"""Lists whose answers are damaged by chance (chaosdns.py): nothing false is ever said, and no error makes a transition.

RBL_CHAOS is how many questions are answered, RBL_CHAOS_SEED which faults they meet; always the same unless one of them
is set.
"""

import json
import os
import random
import sys
import time

from chaosdns import faults, is_listed
from exporter import Exporter, Metrics, config, dns_list
from harness import Process, equal, main, scene, wait

HERE = os.path.dirname(os.path.abspath(__file__))
N = int(os.environ.get("RBL_CHAOS", "100000"))
SEED = os.environ.get("RBL_CHAOS_SEED") or (str(random.randrange(2**32)) if "RBL_CHAOS" in os.environ else "20261128")
SHARE = "0.2"
SINGLES = [f"192.0.2.{i}" for i in range(256)]
RANGE, RANGE_SIZE = "198.18.0.0/20", 4096
GROUPS = [
    {"name": "singles", "addresses": SINGLES, "interval": "1s"},
    {"name": "ranges", "ranges": [RANGE], "sweep_interval": "1s"},
]
# Long names: of those, no forger finds the spelling by chance.
LISTS = {"one-look": 1, "two-looks": 2, "closing": 2}
# The same list with another test entry is asked anew after a reload, and not when its back-off ends.
TESTED = ["127.0.0.1", "127.0.0.3"]
NAMES = (
    "rbl_ip_listed rbl_range_ip_listed rbl_range_checked_addresses rbl_range_listed_addresses rbl_ip_listings_total "
    "rbl_ip_delistings_total rbl_range_listings_total rbl_range_delistings_total rbl_list_query_failures_total "
    "rbl_list_queries_total"
).split()


def zone_of(name):
    return f"{name}.of-a-list-that-is-asked-and-answers-by-chance.example.net"


class Server(Process):
    def __init__(self, world, name):
        options = ["closing"] if name == "closing" else []
        command = [sys.executable, os.path.join(HERE, "chaosdns.py"), zone_of(name), SEED, SHARE, *options]
        super().__init__(world, f"chaos_{name}", command, env={"PYTHONPATH": HERE, "PYTHONDONTWRITEBYTECODE": "1"})
        wait(lambda: "\n" in self.log(), lambda: f"{name} serves", world=world)
        self.endpoint = json.loads(self.log().splitlines()[0])["endpoint"]

    def end(self):
        self.stop()
        told = json.loads(self.log().splitlines()[-1])
        equal(told["error"], None, f"error of {self.name}")
        return told["played"]


class Chaos:
    def __init__(self, world):
        self.world = world
        self.servers = {name: Server(world, name) for name in LISTS}
        self.exporter = Exporter(world, self.settings(), ready=False)
        self.false, self.n_scrapes, self.n_reloads = set(), 0, 0

    def settings(self, tested=TESTED[0]):
        lists = [
            dns_list(name, zone_of(name), confirm=confirm, nameservers=[self.servers[name].endpoint])
            for name, confirm in LISTS.items()
        ]
        lists[-1]["self_test"] |= {"listed": ["127.0.0.2"], "not_listed": [tested]}
        return config(lists, GROUPS, [self.servers["one-look"].endpoint], {"timeout": "200ms", "attempts": 1})

    def look(self):
        """Scrapes; notes what is false."""
        response = self.exporter.get("/metrics?" + "&".join(f"name[]={name}" for name in NAMES))
        equal(response.status, 200)
        metrics = Metrics(response.text)
        self.n_scrapes += 1
        for labels, value in metrics.all("rbl_ip_listed") + metrics.all("rbl_range_ip_listed"):
            if value != is_listed(labels["ip"]):
                self.false.add(f"{labels['list']}: {labels['ip']} is {value}")
        for name in LISTS:
            n_clean = self.of_range(metrics, "checked", name) - self.of_range(metrics, "listed", name)
            if n_clean > RANGE_SIZE / 2:
                self.false.add(f"{name}: {n_clean} addresses are clean")
        for name in NAMES:
            if name.endswith("listings_total"):
                self.false |= {f"{name} {labels} is {value}" for labels, value in metrics.all(name) if value}
        return metrics

    @staticmethod
    def of_range(metrics, what, name):
        return metrics.value(f"rbl_range_{what}_addresses", list=name) or 0

    def is_whole(self, metrics, name):
        return (
            len(metrics.all("rbl_ip_listed", list=name)) == len(SINGLES)
            and self.of_range(metrics, "checked", name) == RANGE_SIZE
            and self.of_range(metrics, "listed", name) == RANGE_SIZE / 2
        )

    def reopen(self):
        """A list that has refused is asked again."""
        self.n_reloads += 1
        equal(self.exporter.reload(self.settings(TESTED[self.n_reloads % 2])).status, 200)

    def demand_nothing_false(self):
        assert not self.false, f"seed {SEED}:\n" + "\n".join(sorted(self.false)[:40])

    def answers(self, metrics):
        """How many questions have been answered somehow."""
        queries = sum(value for _, value in metrics.all("rbl_list_queries_total"))
        return queries - sum(value for _, value in metrics.all("rbl_list_query_failures_total", reason="timeout"))

    def play(self):
        n_answers, whole = [0], set()

        def look():
            metrics = self.look()
            n_answers.append(self.answers(metrics))
            whole.update(name for name in LISTS if self.is_whole(metrics, name))
            if self.n_scrapes % 20 == 0:
                self.reopen()
            return self.false or (n_answers[-1] >= N and whole >= LISTS.keys() - {"closing"})

        wait(look, lambda: f"{N} answers: {n_answers[-1]}, whole: {whole}", 90 + N / 100, self.world, pause=0.3)
        self.demand_nothing_false()
        return n_answers[-1]


@scene
def answers_damaged_by_chance(world):
    chaos = Chaos(world)
    print(f"# seed {SEED}", flush=True)
    begin = time.monotonic()
    with world.case(f"{N} answers, every fifth damaged by chance: nothing false, no transition"):
        n = chaos.play()
        seconds = time.monotonic() - begin
        print(f"# {n:.0f} answers in {seconds:.1f} s, {n / seconds:.0f} a second, {chaos.n_scrapes} scrapes", flush=True)
    with world.case("all faults have been played, but for three by chance"):
        chaos.exporter.stop()
        played = [server.end() for server in chaos.servers.values()]
        *open_ones, closing = [{name for one in played for name in kind if name in one} for kind in faults(closing=True)]
        missing = {name for kind in faults(closing=False) for name in kind} - set().union(*open_ones)
        assert N < 100000 or len(missing) < 4, sorted(missing)  # each seldom one seven times, on average
        assert N < 100000 or closing, "no list was closed"
        print(f"# {sum(one['sound'] for one in played)} sound of {sum(sum(one.values()) for one in played)}", flush=True)


main()
