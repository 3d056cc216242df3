# SPDX-License-Identifier: Apache-2.0
"""Resolvers between the exporter and a list: one of two lies, one strips what it does not trust, one is asked by IPv6."""

import fakedns
from exporter import Exporter, config, dns_list
from fakedns import FakeDns, only_tests
from harness import equal, main, scene
from servers import Rbldnsd, Unbound

ZONE = "bl.example.net"
LISTED, CLEAN = "192.0.2.1", "192.0.2.2"
GROUPS = [{"name": "singles", "addresses": [LISTED, CLEAN]}]


def verdicts(listed, clean):
    return lambda m: (
        m.value("rbl_ip_listed", ip=LISTED) == listed and m.value("rbl_ip_listed", ip=CLEAN) == clean
    )


def demand_truth(exporter):
    metrics = exporter.metrics()
    assert verdicts(1, 0)(metrics), metrics.all("rbl_ip_listed")
    for name in ("rbl_ip_listings_total", "rbl_ip_delistings_total"):
        equal([value for _, value in metrics.all(name)], [0.0], name)


def failures(metrics, reason):
    return metrics.value("rbl_list_query_failures_total", list="bl", reason=reason) or 0


def play_liar(world, name, lie):
    """The one of two resolvers that is asked first lies from the start."""
    truth = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2", LISTED])]})
    liar = FakeDns(world, ZONE, behave=lie)
    exporter = Exporter(world, config([dns_list("bl", ZONE)], GROUPS, [liar.endpoint, truth.endpoint]), ready=False)
    with world.case(f"of two resolvers one {name}: the truth, and nothing else"):
        exporter.wait_for(verdicts(1, 0), "the truth by way of the other")
        exporter.wait_for_looks("bl", more=20)
        demand_truth(exporter)
        assert liar.queries(), "the liar was not asked"


@scene
def one_lists_the_world(world):
    play_liar(world, "lists the world", fakedns.everything("127.0.0.2"))


@scene
def one_knows_nobody(world):
    play_liar(world, "knows nobody", fakedns.nothing)


def contrary(server, query):
    """What is listed is not, and what is not is."""
    if query.kind == fakedns.TXT:
        return fakedns.sound(server, query)
    return server.negative(query) if query.ip in server.listed else server.positive(query, ["127.0.0.2"])


@scene
def one_lies_but_for_its_self_tests(world):
    first, second = (FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]}) for _ in range(2))
    exporter = Exporter(world, config([dns_list("bl", ZONE)], GROUPS, [first.endpoint, second.endpoint]))
    exporter.wait_for(verdicts(1, 0), "the first verdicts")

    def asked(server, more):
        before = {ip: len(server.queries(ip=ip)) for ip in (LISTED, CLEAN)}
        exporter.wait_for(
            lambda m: demand_truth(exporter) or all(len(server.queries(ip=ip)) >= n + more for ip, n in before.items()),
            f"{more} more questions about each address",
        )

    with world.case("of two resolvers one lies, and its self-tests are right: the other is asked, and nothing is published"):
        first.behave = only_tests(contrary)
        asked(second, 3)
        equal(exporter.metrics().state("bl"), "ok")
    with world.case("... nor when the other is slow, and the liar is asked again and again before it has answered"):
        n_failed = failures(exporter.metrics(), "timeout")
        second.behave = only_tests(fakedns.silent)
        asked(first, 3)
        assert failures(exporter.metrics(), "timeout") > n_failed, "the other was not asked"
    with world.case("what both say is published"):
        for server in (first, second):
            server.listed = {ip: codes for ip, codes in server.listed.items() if ip != LISTED}
            server.behave = fakedns.sound
        exporter.wait_for(verdicts(0, 0), "the delisting")


def expired(server, query):
    """Whatever is asked: no such name, says the zone above."""
    return server.message(query, rcode=fakedns.NXDOMAIN, authority=[server.soa("net")])


@scene
def unbound_strips_a_foreign_soa(world):
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]})
    unbound = Unbound(world, {ZONE: server.endpoint})
    exporter = Exporter(world, config([dns_list("bl", ZONE)], GROUPS, [unbound.endpoint]))
    exporter.wait_for(verdicts(1, 0), "the first verdicts, by way of unbound")
    with world.case("what comes through unbound without an SOA delists nobody"):
        server.listed.pop(LISTED)
        server.behave = only_tests(fakedns.foreign_soa)
        exporter.wait_for(lambda m: failures(m, "invalid_answer") > 5, "answers without an SOA")
        demand_truth(exporter)
    with world.case("nor does a zone that has expired behind it"):
        server.behave = expired
        exporter.wait_for(lambda m: m.state("bl") != "ok", "the list is not believed")
        demand_truth(exporter)


@scene
def a_resolver_on_ipv6(world):
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]}, address="::1")
    exporter = Exporter(world, config([dns_list("bl", ZONE)], GROUPS, [server.endpoint]))
    with world.case("a resolver on ::1 is asked"):
        exporter.wait_for(verdicts(1, 0), "the truth by IPv6")
    with world.case("... also over TCP, where an answer is truncated"):
        server.behave = fakedns.truncated
        exporter.wait_for(lambda m: server.queries(transport="tcp", ip=CLEAN), "a question over TCP")
        exporter.wait_for_looks("bl")
        demand_truth(exporter)


main()
