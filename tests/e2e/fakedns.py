# SPDX-License-Identifier: Apache-2.0
"""A small DNS server, for lists that answer as no decent server would.

It holds one list: a zone and what is listed there (hostiledns.py has a server of many). How a query is answered is decided by `behave`, a function from
(server, query) to bytes, None (silence) or a list of datagrams; the functions below are the faults that the tests
play. It keeps a record of all queries.
"""

import collections
import contextlib
import ipaddress
import random
import socket
import struct
import threading
import time

import harness
from servers import encode_name

A, TXT, SOA, CNAME = 1, 16, 6, 5
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
QR, AA, TC, RD = 0x8000, 0x0400, 0x0200, 0x0100
SO_TIMESTAMPNS = 35

Seen = collections.namedtuple("Seen", "time ip kind transport port name id")


class Query:
    """A question as it came."""

    def __init__(self, message, transport, zone):
        self.message = message
        self.id, self.flags, n_questions, _, _, self.n_more = struct.unpack_from(">HHHHHH", message)
        labels, at = [], 12
        while message[at] != 0:
            labels.append(message[at + 1 : at + 1 + message[at]].decode("latin-1"))
            at += 1 + message[at]
        self.kind, self.dns_class = struct.unpack_from(">HH", message, at + 1)
        self.question = message[12 : at + 5]
        self.name = ".".join(labels)
        self.transport = transport
        self.ip = self.find_ip(labels, zone)
        assert n_questions == 1

    @staticmethod
    def find_ip(labels, zone):
        """The address that is asked about; None if it is none or of another zone."""
        n_zone = zone.count(".") + 1
        if ".".join(labels[-n_zone:]).lower() != zone:
            return None
        labels = labels[:-n_zone][::-1]
        if len(labels) == 4:
            return ".".join(labels)
        if len(labels) == 32:
            ip = ipaddress.IPv6Address(int("".join(labels), 16))
            return f"::ffff:{ip.ipv4_mapped}" if ip.ipv4_mapped else str(ip)
        return None


def record(kind, data, name=b"\xc0\x0c", ttl=1):
    return name + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def address_record(text):
    return record(A, ipaddress.IPv4Address(text).packed)


class Zone:
    """A list: `listed` maps addresses to answers; 127.0.0.2 is listed unless taken out."""

    def __init__(self, zone, listed=None, behave=None):
        self.zone = zone
        self.listed = {"127.0.0.2": ["127.0.0.2"], "::ffff:127.0.0.2": ["127.0.0.2"], **(listed or {})}
        self.behave = behave or sound
        self.texts = {}
        self.random = random.Random(zone)

    def message(self, query, flags=0, rcode=NOERROR, answers=(), authority=(), number=None, question=None, more=()):
        number = query.id if number is None else number
        question = query.question if question is None else question
        counts = (1, len(answers), len(authority), len(more))
        head = struct.pack(">HHHHHH", number, QR | AA | RD | flags | rcode, *counts)
        return head + question + b"".join(answers) + b"".join(authority) + b"".join(more)

    def soa(self, owner=None):
        names = encode_name("ns.example.net") + encode_name("hostmaster.example.net")
        return record(SOA, names + struct.pack(">IIIII", 1, 60, 60, 60, 1), name=encode_name(owner or self.zone))

    def positive(self, query, addresses):
        return self.message(query, answers=[address_record(a) for a in addresses])

    def negative(self, query, authority=True):
        return self.message(query, rcode=NXDOMAIN, authority=[self.soa()] if authority else [])


class FakeDns(Zone):
    """A server that holds one list. Without `tcp` it refuses connections."""

    def __init__(self, world, zone="bl.example.net", listed=None, behave=None, address=None, tcp=True, port=None):
        super().__init__(zone, listed, behave)
        self.world = world
        self.name = f"fake DNS server of {zone}"
        self.seen = []
        self.lock = threading.Lock()
        self.address = address or harness.take_address()
        self.port = port or harness.free_port(self.address)
        self.closing = False
        self.error = None
        self.udp = socket.socket(harness.family_of(self.address), socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        # The kernel's word for when a query came: this process may be late.
        self.udp.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.udp.bind((self.address, self.port))
        self.tcp = socket.socket(harness.family_of(self.address), socket.SOCK_STREAM)
        if tcp:
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.tcp.bind((self.address, self.port))
            self.tcp.listen(64)
        serves = (self.serve_udp, self.serve_tcp) if tcp else (self.serve_udp,)
        self.threads = [threading.Thread(target=serve, daemon=True) for serve in serves]
        for thread in self.threads:
            thread.start()
        world.add(self)

    @property
    def endpoint(self):
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    # What a world wants of a server
    def poll(self):
        return self.error

    def log_tail(self):
        return ""

    def stop(self):
        self.kill()
        assert self.error is None, f"{self.name}: {self.error}"

    def kill(self):
        if self in self.world.running:
            self.world.running.remove(self)
        self.closing = True
        for end in (self.udp, self.tcp):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def serve_udp(self):
        while not self.closing:
            try:
                message, control, _, client = self.udp.recvmsg(4096, 128)
            except OSError:
                continue
            if client is None:  # closed
                return
            seconds, nanoseconds = struct.unpack("qq", control[0][2])
            for answer in self.answers(message, "udp", client[1], seconds + nanoseconds / 1e9):
                self.deliver_udp(answer, client)

    def deliver_udp(self, answer, client):
        try:
            self.udp.sendto(answer, client)
        except OSError:
            pass

    def serve_tcp(self):
        while not self.closing:
            try:
                connection, client = self.tcp.accept()
            except OSError:
                continue
            threading.Thread(target=self.serve_connection, args=(connection, client[1]), daemon=True).start()

    def serve_connection(self, connection, port):
        with connection, contextlib.suppress(ConnectionError), connection.makefile("rb") as stream:
            while len(size := stream.read(2)) == 2:
                message = stream.read(struct.unpack(">H", size)[0])
                for answer in self.answers(message, "tcp", port, time.time()):
                    try:
                        if self.deliver_tcp(answer, connection) is False:
                            return
                    except OSError:
                        return

    def deliver_tcp(self, answer, connection):
        """Sends one answer; False: and the connection ends here."""
        connection.sendall(struct.pack(">H", len(answer)) + answer)

    def answers(self, message, transport, port, when):
        try:
            query = Query(message, transport, self.zone)
            with self.lock:
                self.seen.append(Seen(when, query.ip, query.kind, transport, port, query.name, query.id))
            answer = self.answer(query)
        except Exception as error:  # the server is ours: its bugs must not look like a fault that was played
            self.error = f"{type(error).__name__}: {error}"
            return []
        if answer is None:
            return []
        return answer if isinstance(answer, list) else [answer]

    def answer(self, query):
        return self.behave(self, query)

    def queries(self, **fields):
        """What was asked so far, all or those with these fields."""
        with self.lock:
            seen = list(self.seen)
        return [s for s in seen if all(getattr(s, key) == value for key, value in fields.items())]


# ---- behaviours ----


def is_test(query):
    """Whether the question is one of the self-test's; some tests use 127.0.0.3 for what is not listed."""
    return query.ip is not None and query.ip.removeprefix("::ffff:") in ("127.0.0.1", "127.0.0.2", "127.0.0.3")


def sound(server, query):
    """As a list should answer."""
    addresses = server.listed.get(query.ip)
    if not addresses:
        return server.negative(query)
    if query.kind == TXT:
        text = server.texts.get(query.ip)
        data = text if isinstance(text, bytes) else (text or "").encode()
        return server.message(query, answers=[record(TXT, bytes([len(data)]) + data)] if text else [])
    return server.positive(query, addresses)


def silent(_server, _query):
    return None


def rcode(number):
    return lambda server, query: server.message(query, rcode=number)


def everything(address):
    """The same address for every question: a wildcard, a refusal code, a rewritten NXDOMAIN."""
    return lambda server, query: server.positive(query, [address])


def nothing(server, query):
    """An emptied list."""
    return server.negative(query)


def only_tests(bad):
    """Self-tests are answered well, everything else by `bad`."""
    return lambda server, query: (sound if is_test(query) else bad)(server, query)


def wrong_id(server, query):
    good = sound(server, query)
    return struct.pack(">H", query.id ^ 1) + good[2:]


def lowered(server, query):
    """The question comes back in lower case, as some middle boxes send it."""
    good = sound(server, query)
    return good[:12] + query.question[:-4].lower() + query.question[-4:] + good[12 + len(query.question) :]


def truncated(server, query):
    """Over UDP nothing but the news that it did not fit."""
    return sound(server, query) if query.transport == "tcp" else server.message(query, flags=TC)


def without_soa(server, query):
    return sound(server, query) if query.ip in server.listed else server.negative(query, authority=False)


def foreign_soa(server, query):
    """NXDOMAIN of the parent: what an expired zone looks like."""
    if query.ip in server.listed:
        return sound(server, query)
    return server.message(query, rcode=NXDOMAIN, authority=[server.soa("net")])


def not_refused(message):
    """The same, unless it says REFUSED: that closes a list, and rightly so."""
    if len(message) > 3 and message[3] & 15 == REFUSED:
        message = message[:3] + bytes([message[3] ^ REFUSED ^ SERVFAIL]) + message[4:]
    return message


def noise(server, query):
    """Random bytes; behind nothing, behind the right number, or behind a header and question that fit."""
    data = server.random.randbytes(server.random.choice((0, 1, 11, 12, 40, 200, 512)))
    choice = server.random.randrange(6)
    if choice == 0:
        return data
    if choice == 1:
        return not_refused(struct.pack(">H", query.id) + data)
    counts = [server.random.choice((0, 1, 2, 255, 65535)) for _ in range(3)]
    rcodes = (NOERROR, NXDOMAIN, server.random.randrange(16))
    flags = QR | AA | RD | server.random.choice(rcodes)
    return not_refused(struct.pack(">HHHHHH", query.id, flags, 1, *counts) + query.question + data)


def mutated(server, query):
    """A sound answer with one to three bytes changed, cut, or with bytes behind it."""
    good = sound(server, query)
    choice = server.random.randrange(6)
    if choice == 0:
        return good[: server.random.randrange(len(good))]
    if choice == 1:
        return good + server.random.randbytes(server.random.randrange(1, 20))
    bad = bytearray(good)
    for _ in range(server.random.randrange(1, 4)):
        at = server.random.randrange(len(bad))
        bad[at] ^= server.random.randrange(1, 256)
    return not_refused(bytes(bad))
