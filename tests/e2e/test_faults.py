# SPDX-License-Identifier: Apache-2.0
"""Lists, resolvers and networks that fail or lie: no false listing, no false delisting, nothing lost.

Truth in every scene: 192.0.2.1 (and what else the scene puts on its list) is listed, other addresses are not.
"""

import json
import time

import fakedns
from exporter import Exporter, config, dns_list
from fakedns import FakeDns, only_tests
from harness import equal, main, scene, wait
from servers import Rbldnsd, Unbound

ZONE = "bl.example.net"
# A list of the same zone under another name is the same list, renamed.
OTHER_ZONE, THIRD_ZONE = "other.example.net", "third.example.net"
LISTED, CLEAN = "192.0.2.1", "192.0.2.2"
GROUPS = [{"name": "singles", "addresses": [LISTED, CLEAN]}]


def settings(server, groups=GROUPS, name="bl", resolver=None, zone=ZONE, **keys):
    return config([dns_list(name, zone, **keys)], groups, [server.endpoint], resolver)


def retested(server, **keys):
    """The same with another self-test address, so that a reload tests the list at once and not after its back-off."""
    return settings(server, self_test={"interval": "1s", "listed": "127.0.0.2", "not_listed": "127.0.0.3"}, **keys)


def both(listed=1, clean=0):
    """Whether the two addresses have these verdicts; None is none."""
    return lambda m: (
        m.value("rbl_ip_listed", ip=LISTED) == listed and m.value("rbl_ip_listed", ip=CLEAN) == clean
    )


def demand_truth(exporter):
    """The truth, all of it, and no transition ever."""
    metrics = exporter.metrics()
    assert both()(metrics), metrics.all("rbl_ip_listed")
    demand_no_transition(metrics)


def demand_no_transition(metrics):
    for name in ("rbl_ip_listings_total", "rbl_ip_delistings_total"):
        equal([value for _, value in metrics.all(name)], [0.0], name)


def start(world, listed=(), **keys):
    """A list that is sound so far, and an exporter that has seen the truth."""
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"], **{ip: ["127.0.0.2"] for ip in listed}})
    exporter = Exporter(world, settings(server, **keys))
    exporter.wait_for(both(), "the first verdicts")
    return server, exporter


@scene
def refusal_codes(world):
    server, exporter = start(world)
    with world.case("a refusal code closes the list and is counted"):
        server.behave = fakedns.everything("127.255.255.254")
        exporter.wait_for_state("refused", "bl")
        metrics = exporter.wait_for_value(0, "rbl_list_up", list="bl")
        assert metrics.value("rbl_list_query_failures_total", list="bl", reason="blocked_answer") > 0
    with world.case("verdicts survive a refusal"):
        demand_truth(exporter)
    with world.case("a list that refuses is left alone"):
        n_before = len(server.seen)
        wait(lambda: exporter.metrics(), "a scrape")
        exporter.wait_for(lambda m: m.value("rbl_scheduler_inflight_queries") == 0, "nothing in flight")
        n_before = len(server.seen)
        for _ in range(20):
            wait(lambda: exporter.metrics(), "a scrape", pause=0.1)
        assert len(server.seen) - n_before <= 2, f"{len(server.seen) - n_before} queries"
    with world.case("and is believed again after a good self-test"):
        server.behave = fakedns.sound
        equal(exporter.reload(retested(server)).status, 200)
        exporter.wait_for_state("ok", "bl")
        exporter.wait_for_looks("bl")
        demand_truth(exporter)


@scene
def refused_by_rcode(world):
    server, exporter = start(world)
    with world.case("rcode REFUSED closes the list, and verdicts survive"):
        server.behave = fakedns.rcode(fakedns.REFUSED)
        metrics = exporter.wait_for_state("refused", "bl")
        assert metrics.value("rbl_list_query_failures_total", list="bl", reason="refused") > 0
        demand_truth(exporter)


@scene
def a_wildcard(world):
    server, exporter = start(world)
    with world.case("a list that suddenly lists the world raises nothing"):
        server.behave = fakedns.everything("127.0.0.2")
        exporter.wait_for_state("wildcard", "bl")
        demand_truth(exporter)
    with world.case("a list that lists the world from the start gives no verdict at all"):
        other = FakeDns(world, OTHER_ZONE, behave=fakedns.everything("127.0.0.2"))
        equal(exporter.reload(settings(other, name="other", zone=OTHER_ZONE)).status, 200)
        metrics = exporter.wait_for_state("wildcard", "other")
        equal(metrics.all("rbl_ip_listed"), [])
    with world.case("a resolver that rewrites what does not exist raises nothing"):
        rewriting = FakeDns(world, THIRD_ZONE, behave=fakedns.everything("146.112.61.108"))
        equal(exporter.reload(settings(rewriting, name="rewritten", zone=THIRD_ZONE)).status, 200)
        metrics = exporter.wait_for_state("wildcard", "rewritten")
        equal(metrics.all("rbl_ip_listed"), [])


@scene
def only_misses_rewritten(world):
    """The self-test is right; what is not listed comes back as an address of a search engine."""
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]})
    server.behave = lambda s, q: fakedns.sound(s, q) if q.ip in s.listed or fakedns.is_test(q) else s.positive(
        q, ["198.51.100.80"]
    )
    exporter = Exporter(world, settings(server))
    with world.case("an answer outside of 127.0.0.0/8 is no verdict, while the rest of the list works"):
        exporter.wait_for_value(1, "rbl_ip_listed", ip=LISTED)
        exporter.wait_for(
            lambda m: m.value("rbl_list_query_failures_total", list="bl", reason="invalid_answer") > 0, "a failure"
        )
        equal(exporter.metrics().value("rbl_ip_listed", ip=CLEAN), None)


@scene
def an_emptied_list(world):
    ranges = [*GROUPS, {"name": "ranges", "ranges": ["198.51.100.0/28"], "sweep_interval": "1s"}]
    server, exporter = start(world, listed=["198.51.100.3"], groups=ranges)
    exporter.wait_for_value(1, "rbl_range_ip_listed", ip="198.51.100.3")
    with world.case("an emptied list delists nobody"):
        server.behave = fakedns.nothing
        metrics = exporter.wait_for_state("silent", "bl")
        demand_truth(exporter)
        equal(metrics.value("rbl_range_ip_listed", ip="198.51.100.3"), 1)
        equal(metrics.value("rbl_range_delistings_total", range="198.51.100.0/28"), 0)
    with world.case("the log says what may be the cause"):
        line = exporter.wait_for_message("list cannot be believed, its verdicts are frozen", state="silent")
        assert "private-address" in line["advice"], line
    with world.case("a list that is back delists whom it has delisted meanwhile"):
        del server.listed[LISTED]
        server.behave = fakedns.sound
        equal(exporter.reload(retested(server, groups=ranges)).status, 200)
        exporter.wait_for_state("ok", "bl")
        exporter.wait_for(both(0, 0), "the delisting")
        exporter.wait_for_value(1, "rbl_ip_delistings_total", list="bl")


@scene
def an_expired_zone(world):
    server, exporter = start(world)
    with world.case("negative answers with the SOA of another zone delist nobody"):
        del server.listed[LISTED]
        server.behave = only_tests(fakedns.foreign_soa)
        exporter.wait_for(
            lambda m: m.value("rbl_list_query_failures_total", list="bl", reason="invalid_answer") > 3, "failures"
        )
        demand_truth(exporter)
    with world.case("nor do negative answers without any SOA"):
        server.behave = only_tests(fakedns.without_soa)
        exporter.wait_for_looks("bl", more=20)
        demand_truth(exporter)


@scene
def silence(world):
    server, exporter = start(world)
    with world.case("a server that falls silent freezes the verdicts"):
        server.behave = fakedns.silent
        exporter.wait_for_state("timeout", "bl")
        demand_truth(exporter)
        metrics = exporter.metrics()
        assert metrics.value("rbl_list_query_failures_total", list="bl", reason="timeout") > 0
        assert metrics.value("rbl_list_query_retries_total", list="bl") > 0
    with world.case("and is believed again when it is back"):
        server.behave = fakedns.sound
        exporter.wait_for_state("ok", "bl")
        server.listed[CLEAN] = ["127.0.0.2"]
        exporter.wait_for(both(1, 1), "the new listing")


def failures(exporter, reason):
    return exporter.metrics().value("rbl_list_query_failures_total", list="bl", reason=reason) or 0


@scene
def a_closed_port(world):
    server, exporter = start(world)
    with world.case("a server that is gone freezes the verdicts"):
        before = {reason: failures(exporter, reason) for reason in ("network", "timeout")}
        server.kill()
        exporter.wait_for_state("timeout", "bl")
        demand_truth(exporter)
    with world.case("the refusal of the port is heard at once: no question waits until its time is over"):
        assert failures(exporter, "network") > before["network"], "nothing was refused"
        late = failures(exporter, "timeout") - before["timeout"]
        assert late <= len(GROUPS[0]["addresses"]), f"{late} time-outs: more than the server may have taken with it"
    with world.case("only self-tests are sent meanwhile, and checks go on when it is back"):
        n_before = failures(exporter, "network")
        exporter.wait_for(lambda m: failures(exporter, "network") >= n_before + 2, "two more self-tests")
        again = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"], CLEAN: ["127.0.0.2"]}, address=server.address, port=server.port)
        back = time.time()
        exporter.wait_for_state("ok", "bl")
        first = again.queries()[0]
        assert fakedns.is_test(first), first
        print(f"# the first question came {first.time - back:.1f} s after the server was back", flush=True)
        exporter.wait_for(both(1, 1), "the new listing")


@scene
def servfail(world):
    server, exporter = start(world)
    with world.case("SERVFAIL freezes the verdicts, until it ends"):
        server.behave = fakedns.rcode(fakedns.SERVFAIL)
        metrics = exporter.wait_for_state("servfail", "bl")
        assert metrics.value("rbl_list_query_failures_total", list="bl", reason="servfail") > 0
        demand_truth(exporter)
        server.behave = fakedns.sound
        exporter.wait_for_state("ok", "bl")
        demand_truth(exporter)
    with world.case("one list's fault leaves another list alone"):
        good = FakeDns(world, "good.example.net", {LISTED: ["127.0.0.2"]})
        server.behave = fakedns.rcode(fakedns.SERVFAIL)
        lists = [
            dns_list("bl", ZONE),
            dns_list("good", "good.example.net", nameservers=[good.endpoint]),
        ]
        equal(exporter.reload(config(lists, GROUPS, [server.endpoint])).status, 200)
        exporter.wait_for_state("servfail", "bl")
        exporter.wait_for_state("ok", "good")
        exporter.wait_for_value(1, "rbl_ip_listed", ip=LISTED, list="good")
        exporter.wait_for_value(0, "rbl_ip_listed", ip=CLEAN, list="good")
        exporter.wait_for_looks("good", more=20)


@scene
def rebinding_protection(world):
    rbldnsd = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2", LISTED])]})
    unbound = Unbound(world, {ZONE: rbldnsd.endpoint}, filters=True)
    exporter = Exporter(world, settings(unbound))
    with world.case("a resolver that filters 127.0.0.0/8 makes nobody look clean"):
        metrics = exporter.wait_for(lambda m: m.state("bl") in ("silent", "servfail"), "the list is not believed")
        equal(metrics.all("rbl_ip_listed"), [])
        equal(metrics.value("rbl_list_up", list="bl"), 0)
        exporter.wait_for_message("list cannot be believed, its verdicts are frozen", list="bl")
    with world.case("a resolver that answers such names with nothing is told by its cause"):
        server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]})
        server.behave = lambda s, q: s.message(q, authority=[s.soa()]) if q.ip in s.listed else s.negative(q)
        equal(exporter.reload(settings(server, name="filtered")).status, 200)
        metrics = exporter.wait_for_state("silent", "filtered")
        equal(metrics.all("rbl_ip_listed"), [])


@scene
def truncated_answers(world):
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]}, behave=fakedns.truncated)
    exporter = Exporter(world, settings(server))
    with world.case("a truncated answer is asked for again over TCP"):
        exporter.wait_for(both(), "the truth over TCP")
        assert server.queries(transport="tcp", ip=LISTED)
        assert server.queries(transport="udp", ip=LISTED)
    with world.case("... and so is the reason of a listing"):
        reason = "r" * 250  # a longer text would be cut by the exporter

        def told():
            lists = json.loads(exporter.get(f"/api/v1/addresses/{CLEAN}").text)["lists"]
            return [row for row in lists if row.get("txt") == reason]

        server.texts[CLEAN] = reason
        server.listed[CLEAN] = ["127.0.0.2"]
        wait(told, lambda: exporter.get(f"/api/v1/addresses/{CLEAN}").text, world=world)
        assert server.queries(transport="tcp", ip=CLEAN, kind=fakedns.TXT)


@scene
def odd_but_right(world):
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]}, behave=fakedns.lowered)
    exporter = Exporter(world, settings(server))
    with world.case("a resolver that always answers in lower case is accepted"):
        exporter.wait_for(both(), "the truth in lower case")
    with world.case("names are asked in mixed case, from changing ports, with changing numbers"):
        names = {seen.name for seen in wait(lambda: len(server.seen) > 20 and server.queries(ip=LISTED), "queries")}
        assert len(names) > 1, names
        assert len({name.lower() for name in names}) == 1, names
    with world.case("once it kept the case, answers in another case are forgeries"):
        server.behave = fakedns.sound
        exporter.wait_for_looks("bl", more=20)
        server.listed[CLEAN] = ["127.0.0.2"]
        server.behave = only_tests(fakedns.lowered)
        exporter.wait_for(
            lambda m: m.value("rbl_list_query_failures_total", list="bl", reason="invalid_answer") > 3, "failures"
        )
        demand_truth(exporter)


@scene
def forged_answers(world):
    server, exporter = start(world)
    server.listed[CLEAN] = ["127.0.0.2"]
    del server.listed[LISTED]
    with world.case("answers to another question change nothing"):
        server.behave = only_tests(
            lambda s, q: fakedns.wrong_id(s, q)
            if s.random.random() < 0.5
            else s.message(q, question=b"\x07another" + q.question, answers=[fakedns.address_record("127.0.0.2")])
        )
        exporter.wait_for_looks("bl", more=20)
        demand_truth(exporter)
    with world.case("one bad record spoils the answer"):
        cname = fakedns.record(fakedns.CNAME, b"\x03www\x07example\x03net\x00")
        good = fakedns.address_record("127.0.0.2")
        for bad in (cname, fakedns.address_record("192.0.2.80")):
            server.behave = only_tests(lambda s, q, bad=bad: s.message(q, answers=[good, bad]))
            exporter.wait_for_looks("bl", more=10)
            demand_truth(exporter)
    with world.case("one refusal among thousands of addresses is a refusal"):
        many = [good] * 4000 + [fakedns.address_record("127.255.255.255")]
        server.behave = only_tests(
            lambda s, q: s.message(q, answers=many) if q.transport == "tcp" else s.message(q, flags=fakedns.TC)
        )
        exporter.wait_for_state("refused", "bl")
        demand_truth(exporter)


def play_storm(world, bad, name, n_answers=3000):
    """A range of which half is listed, every look is published at once, and a third of the answers is `bad`: few enough
    for the list to stay open."""
    truth = {f"198.51.{x}.{y}" for x in range(100, 104) for y in range(0, 256, 2)}
    server = FakeDns(world, ZONE, {ip: ["127.0.0.2"] for ip in truth})
    server.behave = only_tests(lambda s, q: bad(s, q) if s.random.random() < 0.33 else fakedns.sound(s, q))
    groups = [{"name": "ranges", "ranges": ["198.51.100.0/22"], "sweep_interval": "1s"}]
    exporter = Exporter(world, settings(server, groups, confirm=1, resolver={"timeout": "200ms"}))
    with world.case(f"{name}: thousands of them, no false verdict, and the sweep goes on"):
        wait(lambda: len(server.seen) > n_answers, lambda: f"{len(server.seen)} of {n_answers} answers", world=world)
        metrics = exporter.metrics()
        found = {labels["ip"] for labels, _ in metrics.all("rbl_range_ip_listed")}
        assert found <= truth, f"falsely listed: {sorted(found - truth)[:10]}"
        n_checked = metrics.value("rbl_range_checked_addresses", list="bl")
        n_listed = metrics.value("rbl_range_listed_addresses", list="bl")
        assert n_checked - n_listed <= 1024 - len(truth), f"{n_checked} checked, {n_listed} listed"
        equal(metrics.value("rbl_range_delistings_total", list="bl"), 0)
        equal(metrics.value("rbl_range_listings_total", list="bl"), 0)
    with world.case(f"{name}: the whole truth when they have ended"):
        server.behave = fakedns.sound
        exporter.wait_for(
            lambda m: m.value("rbl_range_listed_addresses", list="bl") == len(truth)
            and m.value("rbl_range_checked_addresses", list="bl") == 1024,
            "all addresses checked",
        )


@scene
def noise(world):
    play_storm(world, fakedns.noise, "random bytes")


@scene
def mutations(world):
    play_storm(world, fakedns.mutated, "damaged answers")


main()
