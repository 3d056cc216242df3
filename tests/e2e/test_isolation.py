# SPDX-License-Identifier: Apache-2.0
"""A bad list costs the others nothing: not one failed check of a good one, beside lists with every fault at once."""

import copy

import fakedns
from exporter import Exporter, config, dns_list
from fakedns import FakeDns, Query, only_tests
from harness import equal, main, scene
from servers import Rbldnsd

GOOD = "good.example.net"
RANGE = "198.51.96.0/20"
N_RANGE = 4096
LISTED = [f"198.51.{x}.{y}" for x in range(96, 112) for y in (0, 77, 255)]
GROUPS = [{"name": "ranges", "ranges": [RANGE], "sweep_interval": "1h"}]
# Long enough that a server that gets no processor is no fault.
PATIENT = {"timeout": "20s", "attempts": 2}
FORMERR = 1


class ClosesTcp(FakeDns):
    """One answer in a hundred is truncated, and TCP is closed as soon as it is open."""

    def __init__(self, world, zone):
        self.n_asked = 0
        super().__init__(world, zone, behave=only_tests(self.hundredth))

    def hundredth(self, server, query):
        self.n_asked += 1
        return server.message(query, flags=fakedns.TC) if self.n_asked % 100 == 0 else fakedns.sound(server, query)

    def serve_connection(self, connection, port):
        with self.lock:
            self.seen.append(fakedns.Seen(0, None, 0, "tcp", port, "", 0))
        connection.close()


class FormerrToEdns(FakeDns):
    """Does not know EDNS, and never answers anything else; it counts the queries that bring something besides a question."""

    def __init__(self, world, zone):
        self.n_edns = 0
        super().__init__(world, zone, behave=fakedns.rcode(FORMERR))

    def answers(self, message, transport, port, when):
        self.n_edns += message[6:12] != b"\0" * 6
        return super().answers(message, transport, port, when)


def slow(server, query):
    """Only every third question is answered, so that the rest waits for its whole time-out."""
    return fakedns.sound(server, query) if server.random.random() < 0.33 else None


def failures(metrics, name):
    return {labels["reason"]: value for labels, value in metrics.all("rbl_list_query_failures_total", list=name) if value}


def demand_good(exporter):
    """The good list's sweep comes to its end with the truth, and no query of it failed.

    Some may have been repeated: on a busy machine an answer comes late without anybody's fault.
    """
    metrics = exporter.wait_for(
        lambda m: m.value("rbl_range_checked_addresses", list="good") == N_RANGE, "the good list's sweep"
    )
    equal(failures(metrics, "good"), {}, "failed checks of the good list")
    metrics = exporter.wait_for_value(len(LISTED), "rbl_range_listed_addresses", list="good")
    equal({labels["ip"] for labels, _ in metrics.all("rbl_range_ip_listed", list="good")}, set(LISTED))
    equal(metrics.state("good"), "ok")
    return metrics


@scene
def beside_lists_with_every_fault(world):
    rbldnsd = Rbldnsd(world, {GOOD: [("ip4set", ["127.0.0.2", *LISTED])]})
    closes = ClosesTcp(world, "closes.example.net")
    bad = {
        "closes": closes,
        "silent": FakeDns(world, "silent.example.net", behave=fakedns.silent),
        "formerr": FormerrToEdns(world, "formerr.example.net"),
        "slow": FakeDns(world, "slow.example.net", behave=only_tests(slow)),
        "gone": FakeDns(world, "gone.example.net"),
    }
    bad["gone"].kill()
    lists = [dns_list(name, server.zone, nameservers=[server.endpoint], budget={"rate": "400/s"}) for name, server in bad.items()]
    lists.insert(2, dns_list("good", GOOD))
    exporter = Exporter(world, config(lists, GROUPS, [rbldnsd.endpoint], PATIENT), ready=False)
    with world.case("beside lists that truncate, close, are silent, say FORMERR, lose answers or are gone, no check of a good list fails"):
        exporter.wait_for(
            lambda m: m.value("rbl_list_query_failures_total", list="closes", reason="network") > 0
            and m.value("rbl_list_query_failures_total", list="formerr", reason="invalid_answer") is not None
            and failures(m, "formerr")
            and failures(m, "gone"),
            "the bad lists fail",
        )
        demand_good(exporter)
    with world.case("no A query goes to TCP but what was truncated, and none by the way of another list"):
        assert closes.queries(transport="tcp")
        for name in ("silent", "formerr", "slow"):
            equal(bad[name].queries(transport="tcp"), [], name)
    with world.case("queries carry no EDNS, so that one FORMERR turns nothing off"):
        assert bad["formerr"].queries(), "nothing was asked"
        equal(bad["formerr"].n_edns, 0, "queries with more than a question")


@scene
def on_the_same_nameserver(world):
    """One nameserver, two lists: the bad one truncates one answer in a hundred, and TCP closes; or says SERVFAIL."""
    server = ClosesTcp(world, "bad.example.net")
    view = copy.copy(server)
    view.zone, view.listed = GOOD, {ip: ["127.0.0.2"] for ip in ["127.0.0.2", *LISTED]}
    faults = [lambda s, q: server.hundredth(s, q), fakedns.rcode(fakedns.SERVFAIL)]

    def behave(bad, query):
        if query.name.lower().endswith(GOOD):
            query.ip = Query.find_ip(query.name.split("."), GOOD)
            return fakedns.sound(view, query)
        return only_tests(faults[0])(bad, query)

    server.behave = behave
    lists = [dns_list("bad", "bad.example.net"), dns_list("good", GOOD)]
    exporter = Exporter(world, config(lists, GROUPS, [server.endpoint], PATIENT))
    with world.case("on the same nameserver a list that truncates and closes TCP costs a good one no check"):
        exporter.wait_for(
            lambda m: m.value("rbl_list_query_failures_total", list="bad", reason="network") > 0, "the bad list fails"
        )
        demand_good(exporter)
    with world.case("a list that fails all the time closes its own breaker, not that of the other"):
        faults[0] = faults[1]
        equal(exporter.reload(config([*lists, dns_list("new", "new.example.net", enabled=False)],
                                     [{**GROUPS[0], "sweep_interval": "1s"}], [server.endpoint], PATIENT)).status, 200)
        exporter.wait_for_state("servfail", "bad")
        exporter.wait_for_looks("good", more=1000)
        metrics = exporter.metrics()
        equal((metrics.state("good"), failures(metrics, "good")), ("ok", {}))


main()
