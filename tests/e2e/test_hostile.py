# SPDX-License-Identifier: Apache-2.0
"""Every fault of DNS at once, one list each, on one hostile server: nothing false, ever.

The modes of dnsfaults.py are played from the start, healed, played again over verdicts that are known, and healed once
more, while the truth changes. All the time /metrics is compared with the truth and with what each mode allows, and a
good list beside them has to be right.
"""

import json
import time

from dnsfaults import MODES, Mode
from exporter import Exporter, config, dns_list
from fakedns import sound
from harness import equal, main, scene, wait
from hostiledns import HostileDns, HostileZone

LISTED, CLEAN = ("192.0.2.1", "192.0.2.3", "2001:db8::1"), ("192.0.2.2", "192.0.2.4", "2001:db8::2")
DELISTED, NEWLY = "192.0.2.3", "192.0.2.4"  # in the end
RANGE = "198.51.100.0/28"
RANGE_LISTED = [f"198.51.100.{i}" for i in range(0, 16, 2)]
GROUPS = [
    {"name": "singles", "addresses": [*LISTED, *CLEAN], "interval": "1s"},
    {"name": "ranges", "ranges": [RANGE], "sweep_interval": "2s"},
]
CLOSED = ("refused", "wildcard", "silent")
# The same list with another test entry is asked anew after a reload, and not when its back-off ends.
TESTED, TESTED_ANEW = "127.0.0.1", "127.0.0.3"


def zone_name(name):
    return f"{name.replace('_', '-')}.example.net"


class Lists:
    """One list for each mode, and a good one, with the servers that they need."""

    def __init__(self, world):
        good = Mode("good", sound, frozenset({"timeout"}), frozenset({"ok", "unknown", "timeout"}), True, False, False, "shared", {})
        self.modes = {**MODES, "good": good}
        self.truth = {name: {ip: True for ip in (*LISTED, *RANGE_LISTED)} for name in self.modes}
        listed = {ip: ["127.0.0.2"] for ip in (*LISTED, *RANGE_LISTED)}
        self.zones = {name: HostileZone(zone_name(name), dict(listed)) for name in self.modes}
        self.by_zone = {zone.zone: zone for zone in self.zones.values()}
        self.servers = {"shared": HostileDns(world, self.by_zone), "no_tcp": HostileDns(world, self.by_zone, tcp=False)}
        self.servers["ipv6"] = HostileDns(world, self.by_zone, address="::1")
        for mode in MODES.values():
            if mode.server == "tcp":
                self.servers[mode.name] = HostileDns(world, self.by_zone)
        self.changing = False

    def server_of(self, mode):
        return self.servers[mode.name if mode.server == "tcp" else mode.server]

    def settings(self, tested):
        lists = []
        for name, mode in self.modes.items():
            keys = {k: v.format(zone=zone_name(name)) if k == "allow_cname" else v for k, v in mode.keys.items()}
            prefixes = ["", "::ffff:"] if "families" in keys else [""]
            test = {"listed": [p + "127.0.0.2" for p in prefixes], "not_listed": [p + tested for p in prefixes]}
            keys |= {"self_test": {"interval": "1s", **test}, "nameservers": [self.server_of(mode).endpoint]}
            lists.append(dns_list(name, zone_name(name), **keys))
        return config(lists, GROUPS, [self.servers["shared"].endpoint], {"timeout": "400ms"})

    def sicken(self, mid_way):
        for name, mode in MODES.items():
            if mid_way or not mode.later:
                self.zones[name].sicken(mode.play, spares_tests=mid_way and not mode.blind)

    def heal(self):
        for zone in self.zones.values():
            zone.heal()

    def change_truth(self):
        """From now on one address less and one more is listed."""
        self.changing = True
        for zone in self.zones.values():
            zone.listed[NEWLY] = zone.listed.pop(DELISTED)

    def is_true(self, name, ip, value):
        if self.changing and ip in (DELISTED, NEWLY):
            return True
        return value == (1 if self.zones[name].listed.get(ip) else 0)

    def addresses(self, name):
        v6 = "families" in self.modes[name].keys
        return [ip for ip in (*LISTED, *CLEAN) if v6 or ":" not in ip]

    def is_whole(self, metrics, name):
        """Whether all of the truth about a list is told."""
        found = {labels["ip"]: value for labels, value in metrics.by_list["rbl_ip_listed"].get(name, ())}
        told = all(found.get(ip) == (1 if self.zones[name].listed.get(ip) else 0) for ip in self.addresses(name))
        ranges = {labels["ip"] for labels, _ in metrics.by_list["rbl_range_ip_listed"].get(name, ())}
        checked = metrics.by_list["rbl_range_checked_addresses"].get(name, [({}, 0)])[0][1]
        return told and ranges == set(RANGE_LISTED) and checked == 16


WANTED = (
    "rbl_ip_listed rbl_range_ip_listed rbl_range_checked_addresses rbl_range_listed_addresses rbl_ip_listings_total "
    "rbl_ip_delistings_total rbl_range_listings_total rbl_range_delistings_total rbl_list_query_failures_total "
    "rbl_list_state rbl_list_last_health_check_timestamp_seconds"
).split()


def read(exporter):
    """The samples that matter, by name and list."""
    metrics = exporter.metrics()
    metrics.by_list = {name: {} for name in WANTED}
    for name in WANTED:
        for labels, value in metrics.samples.get(name, ()):
            metrics.by_list[name].setdefault(labels["list"], []).append((labels, value))
    return metrics


def falsehoods(lists, metrics):
    """What a scrape says that is not so, or that a mode does not allow."""
    found = []
    for name, mode in lists.modes.items():
        of = {what: metrics.by_list[what].get(name, []) for what in WANTED}
        found += [
            f"{name}: {labels['ip']} is {value}"
            for what in ("rbl_ip_listed", "rbl_range_ip_listed")
            for labels, value in of[what]
            if not lists.is_true(name, labels["ip"], value)
        ]
        n_checked, n_listed = (sum(v for _, v in of[f"rbl_range_{k}_addresses"]) for k in ("checked", "listed"))
        if n_checked - n_listed > 16 - len(RANGE_LISTED):
            found.append(f"{name}: {n_checked} checked and {n_listed} listed")
        if not lists.changing:
            found += [f"{name}: {k} {v}" for k in WANTED if k.endswith("listings_total") for _, v in of[k] if v]
        found += [
            f"{name}: failures by {labels['reason']}"
            for labels, value in of["rbl_list_query_failures_total"]
            if value and labels["reason"] not in mode.reasons
        ]
        state = [labels["state"] for labels, value in of["rbl_list_state"] if value == 1]
        if len(state) != 1 or state[0] not in mode.states:
            found.append(f"{name}: in state {state}")
    return found


class Watch:
    """Scrapes over and over, and notes what is false; each time the exporter has to say that it lives."""

    def __init__(self, world, exporter, lists):
        self.world, self.exporter, self.lists = world, exporter, lists
        self.false, self.slowest_s, self.n_scrapes = [], 0.0, 0
        self.last = read(exporter)
        self.good_known = False

    def look(self):
        begin = time.monotonic()
        equal(self.exporter.get("/-/healthy").status, 200)
        self.slowest_s = max(self.slowest_s, time.monotonic() - begin)
        self.last = read(self.exporter)
        self.n_scrapes += 1
        self.false += falsehoods(self.lists, self.last)
        whole = self.lists.is_whole(self.last, "good")
        if self.good_known and not whole and not self.lists.changing:
            self.false.append("the good list is not whole any more")
        self.good_known = self.good_known or whole
        return self.last

    def wait(self, missing, what):
        """Looks until `missing(metrics)` is empty."""
        last, begin = [], time.monotonic()

        def look():
            late = list(last)
            last[:] = missing(self.look())
            if not last:
                print(f"# {what}: {time.monotonic() - begin:.1f} s; last {late[:9]}", flush=True)
            return not last or bool(self.false)

        wait(look, lambda: f"{what}: {last}\n{self.exporter.log_tail()}", world=self.world, pause=0.4)
        self.demand_nothing_false()

    def demand_nothing_false(self):
        false, self.false = sorted(set(self.false)), []
        assert not false, "\n".join(false[:60])

    def state_of(self, name):
        return [labels["state"] for labels, value in self.last.by_list["rbl_list_state"][name] if value == 1][0]


def not_whole(lists, names):
    return lambda metrics: [name for name in names if not lists.is_whole(metrics, name)]


@scene
def every_mode_at_once(world):
    lists = Lists(world)
    lists.sicken(mid_way=False)
    exporter = Exporter(world, lists.settings(TESTED), ready=False)
    watch = Watch(world, exporter, lists)
    whole = [name for name, mode in lists.modes.items() if mode.whole]
    with world.case(f"{len(MODES)} faults from the start: nothing false, and all of the truth where a fault allows it"):
        watch.wait(not_whole(lists, whole), "all of the truth")
        watch.wait(
            lambda m: [n for n in lists.modes if not m.by_list["rbl_list_last_health_check_timestamp_seconds"].get(n)],
            "a self-test of every list",
        )
    with world.case("healed: all of the truth about every list"):
        lists.heal()
        equal(exporter.reload(lists.settings(TESTED_ANEW)).status, 200)
        watch.wait(not_whole(lists, lists.modes), "all of the truth")
    series = {name: watch.last.by_list["rbl_ip_listed"][name] for name in lists.modes}
    with world.case("the same faults over known verdicts: nothing false, no transition"):
        before = {name: zone.n_asked for name, zone in lists.zones.items()}
        lists.sicken(mid_way=True)
        watch.wait(
            lambda m: [
                name for name, n in before.items() if lists.zones[name].n_asked < n + 20 and watch.state_of(name) not in CLOSED
            ],
            "20 questions to every list that is not closed",
        )
        equal({name: watch.last.by_list["rbl_ip_listed"][name] for name in lists.modes}, series, "series")
    with world.case("what lists said that are not ok any more is kept, and not called fresh"):
        told = json.loads(exporter.get(f"/api/v1/addresses/{LISTED[0]}").text)["lists"]
        closed = [row for row in told if row["state"] in CLOSED]
        equal({(row["verdict"], row["fresh"]) for row in closed}, {("listed", False)}, "verdict and freshness")
        good = [(row["verdict"], row["fresh"]) for row in told if row["list"] == "good"]
        equal(good, [("listed", True)], "verdict and freshness of the good list")
    with world.case("healed again while the truth changes: each list tells just that"):
        lists.change_truth()
        lists.heal()
        equal(exporter.reload(lists.settings(TESTED)).status, 200)
        watch.wait(not_whole(lists, lists.modes), "all of the truth")
        for name in ("rbl_ip_listings_total", "rbl_ip_delistings_total"):
            wrong = {k: v for k, v in watch.last.by_list[name].items() if sum(n for _, n in v) != 1}
            assert not wrong, f"{name}: {wrong}"
    print(f"# {watch.n_scrapes} scrapes, health within {watch.slowest_s:.3f} s, {sum(before.values())} questions at first")


main()
