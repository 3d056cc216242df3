# SPDX-License-Identifier: Apache-2.0
"""Whoever wants to keep others from the web server, by numbers, by slowness or by nonsense, does not succeed."""

import contextlib
import itertools
import resource
import socket
import time

import hostile
from exporter import Response
from harness import equal, main, scene, wait

IDLE = 10000
BATCH = 20  # of requests at once: fewer than are answered 503


def request(path="/metrics", method="GET", extra=""):
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{extra}\r\n".encode()


@contextlib.contextmanager
def closing(sockets):
    try:
        yield sockets
    finally:
        for tcp in sockets:
            tcp.close()


@scene
def idle_connections(world):
    exporter = hostile.start(world)
    most = hostile.allow_descriptors(IDLE)

    def attack(queries):
        with hostile.Flood(exporter, most) as flood:
            queries()
            assert flood.is_there(), "the flood has ended early"
            queries()
            held = most - flood.n_ended()
            assert held <= 600, f"{held} of {most} connections are held"

    def waves(queries):
        for _ in range(5):
            with hostile.Flood(exporter, most // 5) as flood:
                assert flood.is_there(), "the flood has ended early"
                queries()

    hostile.withstand(world, exporter, f"{most} idle connections from as many addresses", attack)
    hostile.withstand(world, exporter, f"waves of {most // 5} idle connections", waves)


def drip(connections, queries, pieces):
    """Each sends a piece now and then until checks have gone on beside it; how many were ended meanwhile."""
    alive = list(connections)
    while alive and queries() < 10:
        piece = next(pieces)
        for tcp in alive:
            hostile.send(tcp, piece)
        time.sleep(0.2)
        alive = [tcp for tcp in alive if not hostile.is_ended(tcp)]
    return len(connections) - len(alive)


@scene
def slow_requests(world):
    exporter = hostile.start(world)

    def headers(queries):
        """More than there are places, and no more of an address than it may have."""
        with closing([hostile.connect(exporter, number % 20) for number in range(600)]) as sockets:
            for tcp in sockets:
                hostile.send(tcp, b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-a: ")
            drip(sockets, queries, itertools.repeat(b"a"))

    def one_by_one(queries):
        line = b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + b"X-a: aaaaaaaaaaa\r\n" * 1000
        with closing([hostile.connect(exporter, number % 20) for number in range(600)]) as sockets:
            drip(sockets, queries, (line[i : i + 1] for i in range(len(line))))

    def bodies(queries):
        with closing([hostile.connect(exporter, number % 20) for number in range(600)]) as sockets:
            for number, tcp in enumerate(sockets):
                path, length = ("/api/v1/bounces", 900000) if number % 2 else ("/-/reload", 60000)
                hostile.send(tcp, request(path, "POST", f"Content-Length: {length}\r\n") + b"x" * 5000)
            drip(sockets, queries, itertools.repeat(b"a"))

    hostile.withstand(world, exporter, "600 headers that do not end", headers)
    hostile.withstand(world, exporter, "600 requests a byte at a time", one_by_one)
    hostile.withstand(world, exporter, "600 bodies that do not end", bodies)


@scene
def slow_readers(world):
    exporter = hostile.start(world)

    def begin(sockets):
        """In turns, so that none gets 503 in place of a page that it can read slowly."""
        for at in range(0, len(sockets), BATCH):
            batch = sockets[at : at + BATCH]
            for tcp in batch:
                tcp.sendall(request())
            for tcp in batch:
                tcp.recv(1)

    def readers(queries):
        with closing([hostile.connect(exporter, n % 10, 2048) for n in range(500)]) as sockets:
            begin(sockets)
            while queries() < 10:
                for tcp in sockets[::7]:
                    with contextlib.suppress(OSError):
                        tcp.recv(1, socket.MSG_DONTWAIT)
                time.sleep(0.2)

    hostile.withstand(world, exporter, "500 readers of a large page, a byte at a time or not at all", readers)


@scene
def busy_clients(world):
    exporter = hostile.start(world)

    def pipelines(queries):
        many = 300
        with closing([hostile.connect(exporter, number) for number in range(10)]) as sockets:
            for tcp in sockets:
                tcp.sendall(request("/-/healthy") * many)
            for tcp in sockets:
                received = b""
                while received.count(b"HTTP/1.1 ") < many:
                    chunk = tcp.recv(65536)
                    assert chunk, f"{received.count(b'HTTP/1.1 ')} of {many} answers"
                    received += chunk
                answered = received.count(b"HTTP/1.1 200 ") + received.count(b"HTTP/1.1 503 ")
                equal(answered, many)
        queries()

    def pipelines_unread(queries):
        """Answers that nobody takes stop their own connection only."""
        with closing([hostile.connect(exporter, number, 2048) for number in range(20)]) as sockets:
            while queries() < 8:
                for tcp in sockets:
                    tcp.settimeout(0)
                    hostile.send(tcp, request("/-/ready") * 400)
                time.sleep(0.1)

    def aborts(queries):
        for number in range(600):
            tcp = hostile.connect(exporter, number % 40)
            hostile.send(tcp, request("/api/v1/bounces", "POST", "Content-Length: 900000\r\n") + b"x" * (number * 50))
            hostile.abort(tcp)
        for number in range(200):
            tcp = hostile.connect(exporter, number % 40)
            hostile.send(tcp, request())
            hostile.abort(tcp)
        queries()

    hostile.withstand(world, exporter, "300 requests at once on each of 10 connections", pipelines)
    hostile.withstand(world, exporter, "requests without end whose answers are not read", pipelines_unread)
    hostile.withstand(world, exporter, "800 requests that are broken off", aborts)


REFUSED = range(400, 506)
FOUND = (200,)
POST = b"POST /-/reload HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n"

# What is sent, and what may be answered. No answer is right where an error is.
SHAPES = [
    # methods
    (b"get /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    (b"A" * 5000 + b" / HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED),
    (b" GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    # paths
    (request("/metrics/../-/healthy"), REFUSED),
    (request("/%2e%2e/%2e%2e/etc/passwd"), REFUSED),
    (request("/..%2f..%2fetc/passwd"), REFUSED),
    (request("//x/-/healthy"), REFUSED),
    (request("\\-\\healthy"), REFUSED),
    (request("/-/healthy%0d%0aX-a:%201"), REFUSED),
    (request("/-/healthy#x"), REFUSED),
    (request("-/healthy"), REFUSED),
    (request("http://user@x/-/healthy"), FOUND),
    (request("file:///-/healthy"), REFUSED),
    (request("/" + "a/" * 4000), REFUSED),
    (request("/-/healthy?" + "a=b&" * 100), FOUND),
    # headers
    (GET + b"".join(b"X-%d: y\r\n" % i for i in range(200)) + b"\r\n", FOUND),
    (GET + b"".join(b"X-%d: y\r\n" % i for i in range(3000)) + b"\r\n", REFUSED),
    (GET + b"X: " + b"a" * 15000 + b"\r\n\r\n", FOUND),
    (GET + b"X: " + b"a" * 17000 + b"\r\n\r\n", REFUSED),
    (GET + b"X" * 17000 + b": a\r\n\r\n", REFUSED),
    (GET + b"No colon\r\n\r\n", REFUSED),
    (GET + b"X y: z\r\n\r\n", REFUSED),
    (GET + b"X : z\r\n\r\n", REFUSED),
    (GET + b"X\0: z\r\n\r\n", REFUSED),
    (GET + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", FOUND),
    # how long a body is
    (POST + b"Content-Length: 5, 5\r\n\r\nhello", REFUSED),
    (POST + b"Content-Length: +5\r\n\r\nhello", REFUSED),
    (POST + b"Content-Length: 0x5\r\n\r\nhello", REFUSED),
    (POST + b"Content-Length: 5 5\r\n\r\nhello", REFUSED),
    (POST + b"Content-Length: five\r\n\r\nhello", REFUSED),
    (POST + b"Content-Length: 99999999999999999999999\r\n\r\nhello", REFUSED),
    (POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", REFUSED),
    (POST + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", REFUSED),
    (POST + b"Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n", REFUSED),
    # in which pieces
    (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", REFUSED),
    (POST + b"Transfer-Encoding: identity\r\n\r\n", REFUSED),
    (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", REFUSED),
    (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", REFUSED),
    (POST + b"Transfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n", REFUSED),
    (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", REFUSED),
    (POST + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", REFUSED),
    (POST + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", REFUSED),
    (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello!!0\r\n\r\n", REFUSED),
    (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", REFUSED),
    (POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000f\r\nhello\r\n0\r\n\r\n", REFUSED),
]


def answer(tcp):
    """All that comes until the server ends the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := tcp.recv(65536):
            received += chunk
    return received


@scene
def nonsense(world):
    exporter = hostile.start(world)

    def shapes(queries):
        with closing([hostile.connect(exporter, number) for number in range(len(SHAPES))]) as sockets:
            for tcp, (raw, _) in zip(sockets, SHAPES):
                with contextlib.suppress(OSError):
                    tcp.sendall(raw)
                    tcp.shutdown(socket.SHUT_WR)
            for tcp, (raw, allowed) in zip(sockets, SHAPES):
                received = answer(tcp)
                assert received or allowed is REFUSED, f"{raw[:100]!r}: no answer"
                if received:
                    status = Response(received).status
                    assert status in allowed, f"{raw[:100]!r}: {status}"
        queries()

    def many(queries):
        for turn in range(30):
            with closing([hostile.connect(exporter, number + turn * 7) for number in range(len(SHAPES))]) as sockets:
                for tcp, (raw, _) in zip(sockets, SHAPES):
                    hostile.send(tcp, raw)
        queries()

    def smuggled(queries):
        """What follows a request whose length can be understood in two ways is not taken for another one."""
        hidden = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
        for head in (
            b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
            b"Content-Length : 44\r\n\r\n",
            b"Transfer-Encoding: xchunked\r\n\r\n",
            b"Transfer-Encoding:\tchunked, identity\r\n\r\n",
        ):
            with closing([hostile.connect(exporter, 1)]) as (tcp,):
                hostile.send(tcp, POST + head + hidden)
                with contextlib.suppress(OSError):
                    tcp.shutdown(socket.SHUT_WR)
                received = answer(tcp)
                assert b"healthy." not in received and received.count(b"HTTP/1.1 ") <= 1, (head, received)
        queries()

    hostile.withstand(world, exporter, "requests of all wrong shapes are refused", shapes)
    hostile.withstand(world, exporter, "a thousand of them, broken off", many)
    hostile.withstand(world, exporter, "no request is hidden behind another", smuggled)
    with world.case("none of it has reloaded anything"):
        equal(exporter.n_reloads(), 0)


@scene
def no_descriptors(world):
    exporter = hostile.start(world)

    def attack(queries):
        before = resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE)
        most = hostile.n_descriptors(exporter) + 30
        resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, (most, before[1]))
        try:
            with closing([hostile.connect(exporter, number % 10) for number in range(200)]):
                exporter.wait_for_message(
                    "web clients cannot be let in: idle ones are cut off for them; if it goes on, allow more open "
                    "files (LimitNOFILE= of a systemd service, ulimit -n)",
                    level="warn",
                )
                while queries() < 6:
                    time.sleep(0.1)
        finally:
            resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, before)

    hostile.withstand(world, exporter, "200 idle connections where 30 descriptors are left", attack)
    with world.case("the log says so once a minute at most"):
        wait(lambda: len(exporter.messages()) > 0, "a log", world=world)
        lines = [m for m in exporter.messages() if m["msg"].startswith("web clients cannot be let in")]
        assert len(lines) <= 3, lines


main()
