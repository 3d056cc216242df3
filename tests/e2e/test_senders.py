#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which addresses of a range send mail, by the host names that a DNS server gives them, and what follows from it.

Truth: every fourth address of the range has a sender's host name, some of them beside another name; the rest has
other names or none.
"""

import time

import fakedns
from exporter import Exporter, config, dns_list
from fakedns import FakeDns, record
from harness import equal, main, scene, wait
from servers import encode_name

PTR = 12
ZONE = "bl.example.net"
RANGE, N, N_SENDERS = "198.51.100.0/26", 64, 16
LISTED = "198.51.100.4"
PATTERN = "*.outbound.protection.outlook.com"


def last_octet(ip):
    return int(ip.rsplit(".", 1)[1])


def is_sender(ip):
    return last_octet(ip) % 4 == 0


def names_of(ip):
    n = last_octet(ip)
    if is_sender(ip):
        sender = f"mail-x{n}.OUTBOUND.protection.outlook.com"
        return [f"alias{n}.example.net", sender] if n % 8 == 0 else [sender]
    return [f"host{n}.outbound.protection.outlook.com.example.net"] if n % 4 == 1 else []


def host_names(server, query):
    names = names_of(query.ip) if query.kind == PTR else []
    if not names:
        return server.negative(query)
    return server.message(query, answers=[record(PTR, encode_name(name)) for name in names])


def start_servers(world, behave=host_names):
    return FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]}), FakeDns(world, "in-addr.arpa", behave=behave)


def settings(blocklist, names, only_ptr=PATTERN, rate="5/s"):
    group = {"name": "ms", "ranges": [RANGE], **({"only_ptr": only_ptr} if only_ptr else {})}
    keys = {"nameservers": [blocklist.endpoint], "self_test": {"interval": "1h"}, "budget": {"rate": rate}}
    return config([dns_list("bl", ZONE, **keys)], [group], [names.endpoint])


def senders(metrics):
    return metrics.value("rbl_range_sender_addresses", group="ms", range=RANGE)


def checked(metrics):
    return metrics.value("rbl_range_checked_addresses", range=RANGE, list="bl")


def checks(blocklist):
    return [s for s in blocklist.queries(kind=fakedns.A) if s.ip.startswith("198.51.100.")]


def wait_for_walk(exporter, **pairs):
    return exporter.wait_for_message("host names were asked for", **pairs)


@scene
def first(world):
    blocklist, names = start_servers(world)
    exporter = Exporter(world, settings(blocklist, names))
    with world.case("the addresses of a range with a sender's host name are counted"):
        equal(senders(exporter.metrics()) <= N_SENDERS, True)
        exporter.wait_for(lambda m: senders(m) == N_SENDERS, "all senders are known")
        known_at = time.time()
        wait_for_walk(exporter, asked=str(N), senders=str(N_SENDERS), without_answer="0")
    with world.case("each was asked about once, slowly, and the list not at all for that"):
        seen = names.queries(kind=PTR)
        equal(sorted(s.ip for s in seen), sorted(f"198.51.100.{n}" for n in range(N)))
        assert max(s.time for s in seen) - min(s.time for s in seen) > (N - 20) / 20 * 0.8, "too fast"
        equal([s for s in blocklist.seen if s.kind == PTR], [])
    with world.case("the sweep asks about senders, and then about the rest"):
        exporter.wait_for(lambda m: checked(m) == N, "all is checked", limit=60)
        seen = [s for s in checks(blocklist) if s.ip != LISTED]  # which is looked at every second
        last_sender = max(min(s.time for s in seen if s.ip == ip) for ip in {s.ip for s in seen if is_sender(s.ip)})
        rest = [s for s in seen if not is_sender(s.ip) and s.time > known_at]
        equal([s.ip for s in rest if s.time < last_sender], [])
        assert len(rest) > N // 4, f"of the rest {len(rest)} were left, the test shows nothing"
        equal(len({s.ip for s in checks(blocklist)}), N)
    with world.case("what is listed of it is found as ever"):
        exporter.wait_for_value(1, "rbl_range_listed_addresses", range=RANGE, list="bl")
    with world.case("a restart forgets no sender, and asks for no host name"):
        exporter.stop()
        n_asked = len(names.seen)
        again = Exporter(world, settings(blocklist, names), storage=exporter.storage)
        equal(senders(again.metrics()), N_SENDERS)
        time.sleep(1.5)
        equal(len(names.seen), n_asked)
    with world.case("another pattern is a question of its own"):
        equal(again.reload(settings(blocklist, names, only_ptr="alias*")).status, 200)
        again.wait_for(lambda m: senders(m) == N_SENDERS // 2, "those with an alias are known")
        wait(lambda: len(names.seen) == n_asked + N, "all were asked about once more")
    with world.case("without only_ptr there is no such metric"):
        equal(again.reload(settings(blocklist, names, only_ptr=None)).status, 200)
        equal(senders(again.metrics()), None)


@scene
def crash(world):
    blocklist, names = start_servers(world)
    exporter = Exporter(world, settings(blocklist, names))
    with world.case("a crash costs what was learnt since it was last kept, and no more"):
        exporter.wait_for(lambda m: senders(m) and senders(m) > 2, "some senders are known")
        exporter.kill()
        again = Exporter(world, settings(blocklist, names), storage=exporter.storage)
        again.wait_for(lambda m: senders(m) == N_SENDERS, "all senders are known")
        wait_for_walk(again)
        assert len(names.queries(kind=PTR)) <= 2 * N


def is_quiet(server, seconds=1.5):
    n_asked = len(server.seen)
    time.sleep(seconds)
    return len(server.seen) == n_asked


@scene
def silent(world):
    blocklist, names = start_servers(world, behave=fakedns.silent)
    exporter = Exporter(world, settings(blocklist, names))
    with world.case("nameservers that do not answer are let alone, and that is told"):
        exporter.wait_for_message("no question for a host name is answered: the nameservers are let alone for a while, "
                                  "and known senders stay known", because="no answer in time", pause="1m")
        assert wait(lambda: is_quiet(names), "nothing more is asked") and len(names.seen) <= 2 * 64, len(names.seen)
    with world.case("no sender is known, which the metric says, and the sweep goes on"):
        exporter.wait_for(lambda m: checked(m) == N, "all is checked", limit=60)
        equal(senders(exporter.metrics()), 0)
    with world.case("what had no answer is asked after a restart"):
        exporter.stop()
        names.behave = host_names
        again = Exporter(world, settings(blocklist, names), storage=exporter.storage)
        again.wait_for(lambda m: senders(m) == N_SENDERS, "all senders are known")


@scene
def one_bad(world):
    def without_some(server, query):
        if query.ip and last_octet(query.ip) in (8, 9):
            return fakedns.rcode(fakedns.SERVFAIL)(server, query)
        return host_names(server, query)

    blocklist, names = start_servers(world, behave=without_some)
    exporter = Exporter(world, settings(blocklist, names, rate="unlimited"))
    with world.case("addresses without an answer are not known to be senders, and checked all the same"):
        wait_for_walk(exporter, asked=str(N), senders=str(N_SENDERS - 1), without_answer="2")
        equal(senders(exporter.metrics()), N_SENDERS - 1)
        exporter.wait_for(lambda m: checked(m) == N, "all is checked")


main()
