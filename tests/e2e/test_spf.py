# SPDX-License-Identifier: Apache-2.0
"""Groups whose ranges come out of an SPF record, from a server that plays DNS."""

import signal
import time

from exporter import Exporter, config, dns_list
from fakedns import NXDOMAIN, SERVFAIL, TC, TXT, FakeDns, record, sound
from harness import equal, main, scene, wait

ZONE = "bl.example.net"
DOMAIN = "spf.example.net"
LISTED = "198.51.100.7"
NET, SMALL = "198.51.100.0/28", "192.0.2.0/30"
CHANGED = "rbl_group_ranges_last_change_timestamp_seconds"
UDP_SIZE = 512


class SpfDns(FakeDns):
    """A list, and TXT records: `txt` maps names to lists of records, each a list of strings, or to an rcode or None."""

    def __init__(self, world, txt):
        super().__init__(world, ZONE, {LISTED: ["127.0.0.2"]}, self.play)
        self.txt = dict(txt)
        self.is_dead = False

    def play(self, _server, query):
        if self.is_dead:
            return None
        if query.ip is not None or query.name.lower().endswith(ZONE):
            return sound(self, query)
        records = self.txt.get(query.name.lower(), NXDOMAIN)
        if records is None:
            return None
        if isinstance(records, int):
            return self.message(query, rcode=records)
        data = [b"".join(bytes([len(s)]) + s.encode() for s in strings) for strings in records]
        answer = self.message(query, answers=[record(TXT, d) for d in data] if query.kind == TXT else [])
        cut = query.transport == "udp" and len(answer) > UDP_SIZE
        return self.message(query, flags=TC) if cut else answer

    def set(self, name, *strings):
        """One record of these strings, beside others that mean nothing here."""
        self.txt[name] = [["some-verification=1"], list(strings), [""]]

    def asked(self, name=DOMAIN):
        return [s for s in self.queries(kind=TXT) if s.name.lower() == name]


def settings(server, domain=DOMAIN, **group):
    lists = [dns_list("bl", ZONE, families=["ipv4"])]
    groups = [{"name": "out", "spf": domain, "sweep_interval": "2s", **group}]
    return config(lists, groups, [server.endpoint], defaults={"confirm": 1})


def ranges(metrics):
    return {labels["range"]: int(value) for labels, value in metrics.all("rbl_range_addresses", group="out")}


def wait_for_ranges(exporter, expected):
    return exporter.wait_for(lambda m: ranges(m) == expected, f"the ranges are {expected}")


def said(exporter, text):
    return [m for m in exporter.messages() if text in m["msg"]]


def wait_for_word(exporter, text, n=1):
    return wait(lambda: len(said(exporter, text)) >= n and said(exporter, text), lambda: f"{n} times {text!r} in the log:\n{exporter.log_tail()}", world=exporter.world)


def look_again(exporter, server, name=DOMAIN):
    """A reload, after which the record is looked up at once."""
    before = len(server.asked(name))
    equal(exporter.request("POST", "/-/reload").status, 200)
    wait(lambda: len(server.asked(name)) > before, f"{name} is looked up", world=exporter.world)


@scene
def a_record_and_what_becomes_of_it(world):
    server = SpfDns(world, {})
    server.set(DOMAIN, "v=spf1 ip4:198.51", ".100.0/28 include:a.test -all")
    server.set("a.test", "v=spf1 ip4:192.0.2.1/30 ip6:2001:db8::/32 -ip4:203.0.113.0/24 ~all")
    exporter = Exporter(world, settings(server))
    with world.case("the ranges of a record and of what it includes are watched"):
        metrics = wait_for_ranges(exporter, {NET: 16, SMALL: 4})
        exporter.wait_for_value(1, "rbl_range_listed_addresses", range=NET)
        changed = metrics.value(CHANGED, group="out")
        assert abs(changed - time.time()) < 60, changed
        first = said(exporter, "has its ranges out of an SPF record")
        equal([(m["group"], m["domain"], m["ranges"], m["ipv4_addresses"]) for m in first], [("out", DOMAIN, "3", "20")])
        equal(said(exporter, "cannot be used"), [])
    with world.case("the look-ups are no list's: its budget does not count them"):
        # What is sent is counted before it arrives: between two sweeps both are the same, or never.
        count = lambda: (sum(s.name.lower().endswith(ZONE) for s in server.queries()), exporter.metrics().value("rbl_list_queries_total", list="bl"))
        wait(lambda: (n := count()) and n[0] == n[1], lambda: f"as many queries of the list are counted as came: {count()}", world=world)
    with world.case("a look that finds the same changes nothing"):
        listings = exporter.metrics().value("rbl_range_listings_total", range=NET)
        for _ in range(2):
            look_again(exporter, server)
        time.sleep(2)
        metrics = exporter.metrics()
        equal(ranges(metrics), {NET: 16, SMALL: 4})
        equal(metrics.value(CHANGED, group="out"), changed)
        equal(metrics.value("rbl_range_listings_total", range=NET), listings)
        equal(said(exporter, "an SPF record has changed"), [])
    with world.case("a change of the record is picked up, told with what came and went, and dated"):
        time.sleep(1)
        server.set("a.test", "v=spf1 ip4:192.0.2.64/31 ip6:2001:db8::/32 ?all")
        look_again(exporter, server, "a.test")
        metrics = wait_for_ranges(exporter, {NET: 16, "192.0.2.64/31": 2})
        assert metrics.value(CHANGED, group="out") > changed, metrics.value(CHANGED, group="out")
        word = wait_for_word(exporter, "an SPF record has changed")[0]
        told = ("ranges_before", "ranges", "ipv4_addresses_before", "ipv4_addresses", "came", "gone")
        equal([word[key] for key in told], ["3", "3", "20", "18", "192.0.2.64/31", SMALL])
    with world.case("private ranges of a record are left out, and told once"):
        server.set(DOMAIN, f"v=spf1 ip4:{NET} ip4:10.0.0.0/8 ip4:192.168.7.1 -all")
        look_again(exporter, server)
        wait_for_ranges(exporter, {NET: 16})
        word = wait_for_word(exporter, "names private or other special ranges")[0]
        equal((word["group"], word["ranges"]), ("out", "10.0.0.0/8, 192.168.7.1/32"))
        look_again(exporter, server)
        server.set(DOMAIN, f"v=spf1 ip4:{NET} ip4:{SMALL} ip4:192.168.7.1 ip4:10.0.0.0/8 -all")
        look_again(exporter, server)
        wait_for_ranges(exporter, {NET: 16, SMALL: 4})
        equal(len(said(exporter, "names private or other special ranges")), 1)
    with world.case("a record that does not fit into UDP is read over TCP"):
        nets = [f"203.0.113.{i}" for i in range(0, 256, 4)]
        text = "v=spf1 " + " ".join(f"ip4:{net}/30" for net in nets) + " -all"
        assert len(text) > 1000
        server.set(DOMAIN, *[text[i : i + 255] for i in range(0, len(text), 255)])
        look_again(exporter, server)
        wait_for_ranges(exporter, {f"{net}/30": 4 for net in nets})
        assert {"udp", "tcp"} <= {s.transport for s in server.asked()}


@scene
def a_record_that_cannot_be_used(world):
    server = SpfDns(world, {})
    server.set(DOMAIN, f"v=spf1 ip4:{NET} -all")
    exporter = Exporter(world, settings(server))
    wait_for_ranges(exporter, {NET: 16})
    exporter.wait_for_value(1, "rbl_range_listed_addresses", range=NET)
    failure = "an SPF record cannot be used: its last good ranges are kept"
    good = [["v=spf1 include:a.test -all"]]
    spoilt = [
        ("that leads back to itself", {DOMAIN: good, "a.test": [["v=spf1 include:spf.example.net"]]}, "a loop"),
        ("with an error", {DOMAIN: [["v=spf1 ip4:1.2.3.4/33 -all"]]}, "ip4:1.2.3.4/33 has a prefix length"),
        ("that is there twice", {DOMAIN: [["v=spf1 -all"], ["v=spf1 ip4:1.2.3.4"]]}, "2 of its TXT records"),
        ("that is gone", {DOMAIN: NXDOMAIN}, "does not exist"),
        ("that is no SPF record any more", {DOMAIN: [["hello"]]}, "none of its TXT records"),
        ("that names no addresses", {DOMAIN: [["v=spf1 mx -all"]]}, "names no addresses, and these terms are not followed: mx of"),
        ("that names only what no mail comes from", {DOMAIN: [["v=spf1 ip4:10.0.0.0/8 -all"]]}, "no addresses that mail comes from, only 10.0.0.0/8"),
        ("that names more than is swept", {DOMAIN: [["v=spf1 ip4:1.0.0.0/8 ip4:2.0.0.0/8 -all"]]}, "16777216 addresses, 1.0.0.0/8, and no more than 1048576"),
        ("that the nameserver cannot find", {DOMAIN: SERVFAIL}, "SERVFAIL"),
        ("without an answer", {DOMAIN: good, "a.test": None}, "no answer in time"),
    ]
    for n, (what, txt, word) in enumerate(spoilt, 1):
        with world.case(f"a record {what} leaves the last good ranges, and is told once"):
            server.txt = dict(txt)
            equal(exporter.request("POST", "/-/reload").status, 200)
            last = wait_for_word(exporter, failure, n)[-1]
            assert word in last["error"] and last["group"] == "out" and last["retry_in"] == "10m", last
            assert last["last_good"].endswith("Z"), last
            metrics = exporter.metrics()
            equal(ranges(metrics), {NET: 16})
            equal(metrics.value("rbl_range_listed_addresses", range=NET), 1)
    with world.case("when it can be used again its ranges are the new ones, and what was known of others is not lost"):
        server.txt = {}
        server.set(DOMAIN, f"v=spf1 ip4:{NET} ip4:{SMALL} a:host.test -all")
        look_again(exporter, server)
        wait_for_ranges(exporter, {NET: 16, SMALL: 4})
        word = wait_for_word(exporter, "has terms that are not followed")[0]
        equal(word["terms"], f"a:host.test of {DOMAIN}")
        equal(exporter.metrics().value("rbl_range_listed_addresses", range=NET), 1)
    with world.case("a group that gets another name has its ranges at once, with what was known of them"):
        server.is_dead = True
        equal(exporter.reload(settings(server, name="renamed")).status, 200)
        metrics = exporter.metrics()
        equal({labels["range"] for labels, _ in metrics.all("rbl_range_addresses", group="renamed")}, {NET, SMALL})
        equal(metrics.value("rbl_range_listed_addresses", group="renamed", range=NET), 1)


@scene
def a_start_without_dns(world):
    server = SpfDns(world, {})
    server.set(DOMAIN, f"v=spf1 ip4:{NET} -all")
    exporter = Exporter(world, settings(server))
    wait_for_ranges(exporter, {NET: 16})
    exporter.wait_for_value(1, "rbl_range_listed_addresses", range=NET)
    exporter.wait_for_value(16, "rbl_range_checked_addresses", range=NET)
    changed = exporter.metrics().value(CHANGED, group="out")
    time.sleep(2.5)  # a second until it is on the disk, and some for slow machines
    exporter.send_signal(signal.SIGKILL)
    exporter.kill()
    server.is_dead = True
    exporter = Exporter(world, settings(server), storage=exporter.storage, ready=False)
    with world.case("after a crash the ranges are there, dated as before, with what was known of them"):
        metrics = exporter.metrics()
        equal(ranges(metrics), {NET: 16})
        equal(metrics.value(CHANGED, group="out"), changed)
        equal(metrics.value("rbl_range_listed_addresses", range=NET), 1)
        equal(metrics.value("rbl_range_checked_addresses", range=NET), 16)
    with world.case("that the record cannot be had is told, with the age of what is used instead"):
        word = wait_for_word(exporter, "an SPF record cannot be used: its last good ranges are kept")[0]
        assert "no answer in time" in word["error"], word
        assert word["age"], word
    server.is_dead = False
    with world.case("the record of another domain is not taken for this one's"):
        exporter.stop()
        exporter = Exporter(world, settings(server, "other.test"), storage=exporter.storage)
        wait_for_word(exporter, "an SPF record cannot be used: its group has no ranges from it")
        equal(ranges(exporter.metrics()), {})
    with world.case("of a group that goes over to another domain the old ranges stay until the new record is read"):
        equal(exporter.reload(settings(server)).status, 200)
        wait_for_ranges(exporter, {NET: 16})
        server.set("other.test", f"v=spf1 ip4:{NET} ip4:{SMALL}")
        equal(exporter.reload(settings(server, "other.test")).status, 200)
        equal(ranges(exporter.metrics()).get(NET), 16)
        wait_for_ranges(exporter, {NET: 16, SMALL: 4})
        equal(exporter.reload(settings(server, "gone.test")).status, 200)
        wait_for_ranges(exporter, {})


@scene
def many_groups_and_a_nameserver_of_the_list(world):
    server = SpfDns(world, {})
    of_list = FakeDns(world, ZONE)
    for i in range(30):
        server.set(f"d{i}.test", f"v=spf1 ip4:203.0.113.{i} include:common.test")
    server.set("common.test", "v=spf1 ip4:198.51.100.0/29")
    lists = [dns_list("bl", ZONE, families=["ipv4"], nameservers=[of_list.endpoint])]
    groups = [{"name": f"g{i}", "spf": f"d{i}.test", "interval": "1h", "sweep_interval": "1h"} for i in range(30)]
    exporter = Exporter(world, config(lists, groups, [server.endpoint]))
    with world.case("records are asked for at general nameservers that no list uses, many at a time"):
        exporter.wait_for(lambda m: len(m.all("rbl_range_addresses")) == 60, "two ranges of each group")
        equal(server.queries(kind=1), [])
        equal([s for s in of_list.queries(kind=TXT) if not s.name.lower().endswith(ZONE)], [])


main()
