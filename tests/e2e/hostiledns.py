# SPDX-License-Identifier: Apache-2.0
"""A hostile DNS server: many lists in one process, each with a fault of its own (dnsfaults.py says which there are).

The zone in the name that is asked about says which list it is. Each list has a truth (`listed`), and a fault that can be
put on and taken off at run time, either for all questions or for all but those of the self-test. What was asked is
kept, as by any FakeDns. A behaviour may answer with more than bytes: with what is to be sent late, from elsewhere, or
as no decent server speaks TCP; the classes below.
"""

import heapq
import itertools
import socket
import struct
import threading
import time

import fakedns
import harness
from fakedns import FakeDns, Query, Zone


class Late:
    """The same, so many seconds later."""

    def __init__(self, seconds, answer):
        self.seconds, self.answer = seconds, answer


class Forged:
    """A datagram from another port, or from another address, than the one that was asked."""

    def __init__(self, answer, address=False):
        self.answer, self.address = answer, address


class Stream:
    """Bytes of a TCP connection as they are, in pieces with a pause between them; then it stays open, is closed
    or reset."""

    def __init__(self, pieces, pause=0.0, end=None):
        self.pieces, self.pause, self.end = pieces, pause, end


class HostileZone(Zone):
    """A list with a fault: `play` is a behaviour, None while it is healed; `spares_tests`: the self-test is
    answered well."""

    def __init__(self, zone, listed):
        super().__init__(zone, listed, None)
        self.play = None
        self.spares_tests = False
        self.began = time.monotonic()
        self.held = None
        self.n_asked = 0

    def sicken(self, play, spares_tests):
        self.began, self.spares_tests, self.held = time.monotonic(), spares_tests, None
        self.play = play

    def heal(self):
        self.play = None

    def answer(self, query):
        self.n_asked += 1
        play = self.play
        if play is None or (self.spares_tests and fakedns.is_test(query)):
            return fakedns.sound(self, query)
        return play(self, query)


class Postman:
    """Sends what is late."""

    def __init__(self):
        self.heap, self.numbers, self.more = [], itertools.count(), threading.Condition()
        self.closing = False
        threading.Thread(target=self.run, daemon=True).start()

    def take(self, seconds, send):
        with self.more:
            heapq.heappush(self.heap, (time.monotonic() + seconds, next(self.numbers), send))
            self.more.notify()

    def close(self):
        with self.more:
            self.closing = True
            self.more.notify()

    def run(self):
        while True:
            with self.more:
                if self.closing:
                    return
                left = self.heap[0][0] - time.monotonic() if self.heap else None
                if left is None or left > 0:
                    self.more.wait(left)
                    continue
                send = heapq.heappop(self.heap)[2]
            send()


class HostileDns(FakeDns):
    """Serves `zones`, {name: HostileZone}, which other servers may share."""

    def __init__(self, world, zones, address=None, tcp=True):
        self.zones = zones
        self.postman = Postman()
        self.elsewhere = []
        super().__init__(world, "hostile.example.net", address=address, tcp=tcp)
        for other in (self.address, harness.take_address()) if ":" not in self.address else ():
            end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            end.bind((other, 0))
            self.elsewhere.append(end)

    def kill(self):
        super().kill()
        self.postman.close()
        for end in self.elsewhere:
            end.close()

    def answer(self, query):
        labels = query.name.split(".")
        for n_address in (4, 32):
            zone = self.zones.get(".".join(labels[n_address:]).lower())
            if zone:
                query.ip = Query.find_ip(labels, zone.zone)
                return zone.answer(query)
        raise AssertionError(f"asked about {query.name}, which is in no zone")

    def deliver_udp(self, answer, client):
        if isinstance(answer, Late):
            self.postman.take(answer.seconds, lambda: self.deliver_udp(answer.answer, client))
        elif isinstance(answer, Forged):
            try:
                self.elsewhere[answer.address].sendto(answer.answer, client)
            except OSError:
                pass
        else:
            super().deliver_udp(answer, client)

    def deliver_tcp(self, answer, connection):
        if not isinstance(answer, Stream):
            return super().deliver_tcp(answer, connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in answer.pieces:
            connection.sendall(piece)
            if answer.pause:
                time.sleep(answer.pause)
        if answer.end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return None if answer.end is None else False
