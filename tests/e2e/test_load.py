# SPDX-License-Identifier: Apache-2.0
"""How many queries leave, counted where they arrive, by the kernel's clock; and what a forger would have to guess.

In any t seconds no more than rate * t + burst, whatever happens: a process that stands still, a reload, an outage, a
breaker that closes.
"""

import signal
import time

import fakedns
from exporter import Exporter, config, dns_list
from fakedns import FakeDns
from harness import busiest, equal, main, scene, wait

ZONE = "bl.example.net"
RATE, BURST = 40, 5
BUDGET = {"rate": f"{RATE}/s", "burst": BURST}
# Between the program's clock and the kernel's lies what the machine does meanwhile: a process that gets no processor
# between the two may be late by that with one turn's queries.
LATE_S = 0.5
WINDOWS_S = (0.1, 1, 3)


def demand_rate(server):
    times = [seen.time for seen in server.queries(transport="udp")]
    for window in WINDOWS_S:
        most = busiest(times, window)
        allowed = RATE * (window + LATE_S) + BURST
        assert most <= allowed, f"{most} queries within {window} s, {allowed} are allowed"


def wait_for_more(world, server, n):
    goal = len(server.seen) + n
    wait(lambda: len(server.seen) >= goal, lambda: f"{n} more queries", world=world)


def start(world):
    """A list with a rate, and a sweep that would send as fast as it may; the server and the exporter."""
    server = FakeDns(world, ZONE)
    groups = [{"name": "ranges", "ranges": ["198.51.96.0/20"], "sweep_interval": "1h"}]
    exporter = Exporter(world, config([dns_list("bl", ZONE, budget=BUDGET)], groups, [server.endpoint]))
    wait_for_more(world, server, RATE)
    return server, exporter


@scene
def the_rate(world):
    server, exporter = start(world)
    with world.case("no more queries than the rate and a burst, in any window"):
        wait_for_more(world, server, RATE)
        demand_rate(server)
    with world.case("... nor after SIGSTOP and SIGCONT"):
        exporter.send_signal(signal.SIGSTOP)
        time.sleep(2)
        exporter.send_signal(signal.SIGCONT)
        wait_for_more(world, server, 2 * RATE)
        demand_rate(server)
    with world.case("... nor after reloads"):
        for _ in range(10):
            equal(exporter.request("POST", "/-/reload").status, 200)
        wait_for_more(world, server, RATE)
        demand_rate(server)


def play_breaker(world, name, fault, state):
    server, exporter = start(world)
    with world.case(f"... nor when a breaker closes after {name}, and nothing but self-tests is asked meanwhile"):
        server.behave = fault
        exporter.wait_for_state(state, "bl")
        exporter.wait_for(lambda m: m.value("rbl_scheduler_inflight_queries") == 0, "nothing in flight")
        n_before = len(server.seen)
        wait_for_more(world, server, 2)
        asked = {seen.ip for seen in server.queries()[n_before:]}
        assert asked <= {"127.0.0.1", "127.0.0.2"}, asked
        server.behave = fakedns.sound
        exporter.wait_for_state("ok", "bl")
        wait_for_more(world, server, 2 * RATE)
        demand_rate(server)


@scene
def after_servfail(world):
    play_breaker(world, "SERVFAIL", fakedns.rcode(fakedns.SERVFAIL), "servfail")


@scene
def after_silence(world):
    play_breaker(world, "silence", fakedns.silent, "timeout")


@scene
def what_a_forger_has_to_guess(world):
    """Ports, numbers and the case of names, of a sweep at full speed."""
    n_addresses = 4096
    server = FakeDns(world, ZONE)
    ids = []
    answers = server.answers

    def answers_and_ids(message, *rest):
        ids.append(int.from_bytes(message[:2], "big"))
        return answers(message, *rest)

    server.answers = answers_and_ids
    groups = [{"name": "ranges", "ranges": ["198.51.96.0/20"], "sweep_interval": "1h"}]
    exporter = Exporter(world, config([dns_list("bl", ZONE)], groups, [server.endpoint], {"timeout": "20s"}))
    exporter.wait_for(lambda m: m.value("rbl_range_checked_addresses", list="bl") == n_addresses, "the sweep")
    seen = server.queries(transport="udp")
    with world.case("no source port carries more than 1,000 queries"):
        ports = {}
        for query in seen:
            ports[query.port] = ports.get(query.port, 0) + 1
        assert max(ports.values()) <= 1000, ports
        assert len(ports) >= len(seen) / 1000, ports
    with world.case("numbers come from all of 16 bits"):
        for bit in range(16):
            share = sum(number >> bit & 1 for number in ids) / len(ids)
            assert 0.4 < share < 0.6, f"bit {bit} is set in {share:.0%} of {len(ids)} numbers"
        n_different = len(set(ids))
        # Of n drawn from 65,536 about n - n * n / 131,072 are different.
        expected = len(ids) - len(ids) ** 2 / 131072
        assert n_different > 0.95 * expected, f"{n_different} different numbers of {len(ids)}, {expected:.0f} expected"
        in_order = sum(b == (a + 1) % 65536 for a, b in zip(ids, ids[1:]))
        assert in_order < 10, f"{in_order} numbers follow the one before"
    with world.case("each letter of a name is in upper case about half of the time"):
        letters = [i for i, letter in enumerate(reversed(seen[0].name)) if letter.isalpha()]
        equal(len(letters), len(ZONE.replace(".", "")))
        for i in letters:
            share = sum(query.name[-1 - i].isupper() for query in seen) / len(seen)
            assert 0.4 < share < 0.6, f"letter {i} from the end: {share:.0%} of {len(seen)}"
        spellings = {query.name[-len(ZONE):] for query in seen}
        n_all = 2 ** len(letters)
        expected = n_all * (1 - (1 - 1 / n_all) ** len(seen))
        assert len(spellings) > 0.95 * expected, f"{len(spellings)} spellings, {expected:.0f} expected"


main()
