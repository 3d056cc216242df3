# SPDX-License-Identifier: Apache-2.0
"""A hostile server whose list answers by chance, fast: soundly, or by a fault of dnsfaults.py.

    chaosdns.py ZONE SEED SHARE [closing]

is a process of its own, so that it has a processor to itself. Its list holds every address whose last octet is even. SHARE of
all questions is answered by a fault; `closing`: now and then also by one that refuses, which rightly closes a list.
The first line that it prints is where it serves, the last, after SIGTERM, how often it played what.

Which fault it is follows from the seed, the address and how often it has been asked about, and stays for three questions:
a confirmation meets the same fault as what it is to confirm. What a fault leaves of an answer is the contrary of the truth, but
never a valid contrary: no parser could tell that from a lie of the list. So the faults in LIES are not played, and what a
mutation changes always includes something that spoils the message.
"""

import collections
import json
import random
import signal
import sys
import threading
import zlib

import fakedns
from dnsfaults import LIES, MODES, changed, lie
from fakedns import Query, address_record
from hostiledns import HostileDns, HostileZone
from servers import encode_name

RUN = 3
# One in so many faults, of those that cost a time-out or a connection, and of those that close the list.
SELDOM, CLOSING = 20, 400


def is_listed(ip):
    return int(ip.rpartition(".")[2]) % 2 == 0


class Truth:
    """`listed` of a zone, without an end."""

    def get(self, ip, default=None):
        if ip is None or (ip.startswith("127.") and ip != "127.0.0.2") or not is_listed(ip):
            return default
        return ["127.0.0.2"]


def spoiled(zone, query):
    """The contrary of the truth with one byte changed that it needs, and up to two others."""
    message = lie(zone, query)
    end = 12 + len(query.question)
    needed = [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, *range(12, end)]
    at = zone.random.choice(needed)
    message = changed(message, at, message[at] ^ zone.random.choice([n for n in range(1, 256) if n != 0x20]))
    for _ in range(zone.random.randrange(3) if len(message) > end else 0):
        at = zone.random.randrange(end, len(message))
        message = changed(message, at, message[at] ^ zone.random.randrange(1, 256))
    return fakedns.not_refused(message)


def faults(closing):
    """{name: behaviour}: the frequent ones, the seldom ones, and those that close the list."""
    frequent, seldom, closers = {"mutated": fakedns.mutated, "spoiled": spoiled}, {}, {}
    for name, mode in MODES.items():
        if name in LIES:
            continue
        slow = mode.server == "tcp" or not ("invalid_answer" in mode.reasons or mode.whole)
        if "refused" in mode.states and not name.startswith("tc_"):
            closers[name] = mode.play
        elif slow or name in SLOW:
            seldom[name] = mode.play
        else:
            frequent[name] = mode.play
    return frequent, seldom, closers if closing else {}


# Not taken for an answer by the resolver, which then waits.
SLOW = {
    "wrong_id", "wrong_name", "wrong_type", "wrong_class", "no_question", "no_question_at_all", "two_questions", "echo", "qr_zero",
    "empty_datagram", "tiny_datagram", "spoofed_port", "spoofed_address", "race", "reorder", "delay", "jitter",
}  # fmt: skip


class Chance:
    """What is played for an address at its nth question."""

    def __init__(self, seed, share, closing):
        self.seed, self.share = seed, share
        self.kinds = [dict(kind) for kind in faults(closing)]
        self.names = [sorted(kind) for kind in self.kinds]

    def draw(self, ip, n):
        """(name, number for all else that is left to chance), or None for a sound answer."""
        number = zlib.crc32(f"{self.seed} {ip} {(n + zlib.crc32(ip.encode())) // RUN}".encode())
        if number >= self.share * 2**32:
            return None
        rest = zlib.crc32(b"which", number)
        kind = 2 if self.names[2] and rest % CLOSING == 0 else 1 if rest % SELDOM == 0 else 0
        names = self.names[kind]
        return kind, names[rest // SELDOM % len(names)], rest + n


class World:
    """As much of a scene as a server wants."""

    def __init__(self):
        self.running = []

    def add(self, server):
        self.running.append(server)


class ChaosDns(HostileDns):
    def __init__(self, zone, chance):
        self.chance = chance
        self.sound = HostileZone(zone, {})
        self.sound.listed = Truth()
        self.zone_size = len(encode_name(zone)) + 4
        self.asked, self.played, self.mode_zones = {}, collections.Counter(), {}
        self.endings = {
            True: (b"\x85\0\0\1\0\1\0\0\0\0", address_record("127.0.0.2")),
            False: (b"\x85\3\0\1\0\0\0\1\0\0", self.sound.soa()),
        }
        super().__init__(World(), {zone: self.sound})

    def serve_udp(self):
        while not self.closing:
            try:
                message, client = self.udp.recvfrom(4096)
            except OSError:
                continue
            if client is None:
                return
            for answer in self.answers(message, "udp", client[1], 0):
                self.deliver_udp(answer, client)

    def answers(self, message, transport, port, when):
        name = message[12 : -self.zone_size]
        seen = self.asked.get(name)
        if seen is None:
            query = Query(message, transport, self.sound.zone)
            seen = self.asked[name] = [query.ip, bool(self.sound.listed.get(query.ip)), fakedns.is_test(query), 0]
        seen[3] += transport == "udp"
        drawn = None if seen[2] else self.chance.draw(seen[0], seen[3])
        if drawn is None and message[-4:] == b"\0\1\0\1" and message[11] == 0:
            self.played["sound"] += 1
            head, tail = self.endings[seen[1]]
            return (message[:2] + head + message[12:] + tail,)
        return self.by_fault(Query(message, transport, self.sound.zone), drawn)

    def by_fault(self, query, drawn):
        if drawn is None:
            return (fakedns.sound(self.sound, query),)
        kind, name, number = drawn
        self.played[name] += 1
        zone = self.mode_zones.get(name)
        if zone is None:
            zone = self.mode_zones[name] = HostileZone(self.sound.zone, {})
            zone.listed = self.sound.listed
        zone.n_asked += 1
        zone.random.seed(number)
        try:
            answer = self.chance.kinds[kind][name](zone, query)
        except Exception as error:  # a bug of ours must not look like silence
            self.error = f"{name}: {type(error).__name__}: {error}"
            return ()
        return () if answer is None else answer if isinstance(answer, list) else (answer,)


def main():
    zone, seed, share, *closing = sys.argv[1:]
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    server = ChaosDns(zone, Chance(seed, float(share), bool(closing)))
    print(json.dumps({"endpoint": server.endpoint}), flush=True)
    signal.sigwait([signal.SIGTERM])
    print(json.dumps({"played": server.played, "error": server.error}), flush=True)


if __name__ == "__main__":
    main()
