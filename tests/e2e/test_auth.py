# SPDX-License-Identifier: Apache-2.0
"""Passwords under fire: floods of wrong ones, large bodies, and an end in the middle of it."""

import base64
import socket
import threading
import warnings

import harness
from exporter import Exporter, Response, config
from harness import equal, main, scene

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

QUIET = config(
    [{"name": "bl", "zone": "bl.example.net", "self_test": {"interval": "1h"}}],
    [{"name": "g", "addresses": ["192.0.2.1"]}],
    ["127.0.0.1:9"],
    defaults={"interval": "1h"},
)


def users(cost, **passwords):
    salt = f"$2b${cost:02}$abcdefghijklmnopqrstuu"
    return "basic_auth_users:\n" + "".join(f"  {u}: {crypt.crypt(p, salt)}\n" for u, p in passwords.items())


def start(world, web_config):
    path = world.write("web.yml", web_config)
    exporter = Exporter(world, QUIET, [f"--web.config.file={path}"], serves=False)
    harness.wait(lambda: is_up(exporter), exporter.log_tail, world=world)
    return exporter


def is_up(exporter):
    try:
        exporter.connect().close()
    except OSError:
        return False
    return True


def call(exporter, user, source=None, method="GET", path="/metrics", body=b""):
    """Sends a request; its connection."""
    token = base64.b64encode(user.encode()).decode()
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic {token}\r\n"
    connection = exporter.connect(timeout=harness.LIMIT_S, source=source)
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def answer(connection):
    received = b""
    with connection:
        while chunk := connection.recv(65536):
            received += chunk
    return Response(received)


def ask(exporter, user, **options):
    return answer(call(exporter, user, **options))


class Flood:
    """Wrong passwords, each another one, from these addresses, until the end of the block.

    More than can be hashed, and no more than leaves this process time for the clients that are looked at.
    """

    def __init__(self, exporter, sources):
        self.exporter = exporter
        self.over = threading.Event()
        self.answers = []
        self.threads = [threading.Thread(target=self.play, args=(source,)) for source in sources]

    def play(self, source):
        n = 0
        while not self.over.wait(0.02):
            n += 1
            self.answers.append(ask(self.exporter, f"alice:{source}-{n}", source=source))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def check(self):
        statuses = {response.status for response in self.answers}
        assert statuses <= {401, 429, 503}, statuses
        for response in self.answers:
            equal("retry-after" in response.headers, response.status != 401, response.status)
            equal("www-authenticate" in response.headers, response.status == 401, response.status)


@scene
def floods(world):
    exporter = start(world, users(9, alice="wonderland", bob="builder"))
    equal(ask(exporter, "alice:wonderland").status, 200)
    for what, sources in (
        ("one address", ["127.0.0.2"] * 6),
        ("many addresses", [f"127.0.3.{i + 1}" for i in range(6)]),
    ):
        with world.case(f"a flood of wrong passwords from {what} keeps out nobody whose password is known"):
            with Flood(exporter, sources) as flood:
                harness.wait(lambda: len(flood.answers) > 20, exporter.log_tail, world=world)
                for _ in range(10):
                    equal(ask(exporter, "alice:wonderland").status, 200)
            flood.check()
    with world.case("nor somebody who comes for the first time"):
        with Flood(exporter, ["127.0.0.2"] * 6) as flood:
            harness.wait(lambda: len(flood.answers) > 20, exporter.log_tail, world=world)
            equal(ask(exporter, "bob:builder", source="127.0.0.3").status, 200)
        flood.check()


@scene
def bodies(world):
    exporter = start(world, users(4, alice="wonderland", bob="builder", carol="piano"))
    large = b"text of a bounce\n" * 20000
    with world.case("a large body is read once its password has been tried"):
        for user in ("alice:wonderland", "bob:builder"):
            response = ask(exporter, user, method="POST", path="/api/v1/bounces", body=large)
            # It has come whole; on a machine with much else to do the bounce is not read in time.
            assert response.status in (200, 400, 422, 503), response.text
    with world.case("who has a wrong one learns nothing about the path"):
        for path in ("/api/v1/bounces", "/nowhere", "/metrics"):
            response = ask(exporter, f"alice:wrong {path}", method="POST", path=path, body=large)
            equal((response.status, response.text), (401, "401 a user and a password are needed\n"), path)
    with world.case("a client that has said all it has to say is answered"):
        connection = call(exporter, "carol:piano", method="POST", path="/nowhere", body=b"hello")
        connection.shutdown(socket.SHUT_WR)
        equal(answer(connection).status, 404)


@scene
def the_end(world):
    hash_of_nothing = "$2b$20$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"  # a try takes a minute or more
    exporter = start(world, f"basic_auth_users: {{alice: {hash_of_nothing}}}\n")
    waiting = []

    def places_are_taken():
        """The answer comes at once to who finds no place."""
        connection = call(exporter, f"alice:{len(waiting)}")
        connection.settimeout(1)
        try:
            taken = connection.recv(1, socket.MSG_PEEK) != b""
        except TimeoutError:
            waiting.append(connection)
            return False
        connection.close()
        return taken

    with world.case("a stop in the middle of a hash tells who waits, and waits for no hash"):
        harness.wait(places_are_taken, exporter.log_tail, world=world)
        exporter.stop()
        for connection in waiting:
            connection.settimeout(harness.LIMIT_S)
            response = answer(connection)
            assert response.status == 503 and "retry-after" in response.headers, response.text


main()
