# SPDX-License-Identifier: Apache-2.0
"""Who attacks what stands before a page, TLS and passwords, keeps out nobody who has both, and holds up no check."""

import contextlib
import ssl
import threading
import time
import warnings

import harness
import hostile
import secure
from exporter import Response
from harness import main, scene

COST = 9  # of the password's hash: some hundredths of a second
GUESSERS = 8


def start(world):
    secure.write_web_config(world, COST)
    return hostile.start(world, secure.SecureExporter)


def until_checked(queries, act):
    """Acts again and again until checks have gone on beside it."""
    while queries() < 6:
        act()


def handshake(exporter, number, context):
    """Whether a handshake came to its end."""
    tcp = hostile.connect(exporter, number)
    try:
        with context.wrap_socket(tcp):
            return True
    except OSError:  # SSLError too
        return False
    finally:
        tcp.close()


def old_versions():
    """A client of TLS 1.0 and 1.1, which the exporter does not speak unless it is told to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    return context


def first_message():
    """What a client of TLS says first."""
    hello = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="x").do_handshake()
    return hello.read()


@scene
def handshakes_without_end(world):
    exporter = start(world)
    hello = first_message()

    def unfinished(queries):
        """Some send nothing, some a part of a first message, some all of it and nothing more, some a byte at a time."""
        sockets = [hostile.connect(exporter, number % 20) for number in range(400)]
        for number, tcp in enumerate(sockets[:300]):
            hostile.send(tcp, hello[: len(hello) * (number % 4) // 3])
        pieces = iter(hello)

        def drip():
            piece = bytes([next(pieces, 0)])
            for tcp in sockets[300:]:
                hostile.send(tcp, piece)
            time.sleep(0.1)

        until_checked(queries, drip)
        for tcp in sockets:
            tcp.close()

    hostile.withstand(world, exporter, "400 handshakes that do not end, some a byte at a time", unfinished)


@scene
def no_handshakes(world):
    exporter = start(world)
    hello = first_message()

    def none(queries):
        raws = (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 2000, hello[:5] + b"\xff" * 5000, hello[:60] + hello, hello * 20)
        old = old_versions()

        def act():
            sockets = [hostile.connect(exporter, number % 50) for number in range(100)]
            for number, tcp in enumerate(sockets):
                hostile.send(tcp, raws[number % len(raws)])
            for tcp in sockets:
                hostile.abort(tcp)
            for number in range(20):
                assert not handshake(exporter, number, old), "a handshake of TLS 1.1"

        until_checked(queries, act)

    hostile.withstand(world, exporter, "what is no handshake, and those of TLS 1.0 and 1.1", none)


@scene
def guesses(world):
    exporter = start(world)

    def guess(number, statuses, over):
        turn = 0
        while not over.is_set():
            turn += 1
            raw = f"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {secure.header(f'alice:{number}-{turn}')}\r\n\r\n"
            received = b""
            with contextlib.suppress(OSError), exporter.connect(harness.LIMIT_S, hostile.source(number % 5)) as tcp:
                tcp.sendall(raw.encode())
                while chunk := tcp.recv(65536):
                    received += chunk
            if received:
                statuses.add(Response(received).status)

    def attack(queries):
        over, statuses = threading.Event(), set()
        threads = [threading.Thread(target=guess, args=(number, statuses, over)) for number in range(GUESSERS)]
        for thread in threads:
            thread.start()
        try:
            until_checked(queries, lambda: time.sleep(0.1))
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert 401 in statuses and statuses <= {401, 429, 503}, statuses

    hostile.withstand(world, exporter, f"{GUESSERS} clients that guess passwords without a pause", attack)


main()
