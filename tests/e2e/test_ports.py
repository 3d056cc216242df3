# SPDX-License-Identifier: Apache-2.0
"""What somebody who forges answers would have to guess: the port, the number and the spelling of every question."""

import fakedns
from exporter import Exporter, config, dns_list
from harness import equal, main, scene
from hostiledns import HostileDns, HostileZone, Late

ZONE = "bl.example.net"
RANGE, N_RANGE = "198.18.0.0/21", 2048
LISTED = [f"198.18.{i // 16}.{i * 16 % 256}" for i in range(60)]
PER_PORT = 1000  # questions at most
RATE = 400  # a second, so that a port is in use for longer than the second between two looks


def slow(zone, query):
    """Late enough for the next questions to be under way: a socket without any is closed, and the next has another port."""
    return Late(0.25, fakedns.sound(zone, query))


def address_of(seen):
    return ".".join(reversed(seen.name.split(".")[:4]))


def looks_by_address(queries):
    looks = {}
    for seen in sorted(queries, key=lambda seen: seen.time):
        looks.setdefault(address_of(seen), []).append(seen)
    return looks


@scene
def a_sweep(world):
    zone = HostileZone(ZONE, {ip: ["127.0.0.2"] for ip in LISTED})
    zone.sicken(slow, spares_tests=False)
    server = HostileDns(world, {ZONE: zone})
    groups = [{"name": "ranges", "ranges": [RANGE], "sweep_interval": "1h", "interval": "1h"}]
    bl = dns_list("bl", ZONE, budget={"rate": f"{RATE}/s", "burst": 20})
    exporter = Exporter(world, config([bl], groups, [server.endpoint], {"timeout": "3s"}))
    exporter.wait_for(
        lambda m: m.value("rbl_range_checked_addresses", list="bl") == N_RANGE
        and m.value("rbl_range_listed_addresses", list="bl") == len(LISTED),
        "all of the range",
    )
    queries = server.queries(kind=fakedns.A)
    looks = looks_by_address(queries)
    ports = {}
    for seen in queries:
        ports.setdefault(seen.port, []).append(seen)
    with world.case(f"a sweep takes a new port for each {PER_PORT} questions at most"):
        assert len(queries) >= N_RANGE + len(LISTED), len(queries)
        assert max(map(len, ports.values())) <= PER_PORT, {port: len(of) for port, of in ports.items()}
        assert max(map(len, ports.values())) > PER_PORT // 10, "each port was used for a few only: nothing was tested"
    with world.case("numbers and spellings are drawn anew for each question"):
        assert len({seen.id for seen in queries}) > 0.9 * len(queries)
        zones = {seen.name[-len(ZONE) :] for seen in queries}
        assert len(zones) > 0.2 * len(queries), len(zones)  # of 4,096 that there are
        equal({zone.lower() for zone in zones}, {ZONE})
    with world.case("a listing is looked at twice, from another port, with another number and spelling"):
        pairs = [looks[ip][:2] for ip in LISTED]
        equal({len(pair) for pair in pairs}, {2})
        same = {
            what: sum(getattr(first, what) == getattr(second, what) for first, second in pairs)
            for what in ("port", "id", "name")
        }
        # By chance alone one of 60 pairs has the same number once in 1,000 runs, the same spelling once in 60.
        assert same["port"] == 0 and same["id"] <= 1 and same["name"] <= 2, same


main()
