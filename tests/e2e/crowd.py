# SPDX-License-Identifier: Apache-2.0
"""Visitors of an exporter: probes, pages, bounces, and clients that leave in the middle. A crowd of them goes on beside
the test, so that whatever else happens to the exporter meets another request in work.
"""

import contextlib
import socket
import threading

HALVES = 4  # requests that are never finished, at once; an address may have many more connections
LEAST = 10  # answers, on however slow a machine
HEADS = (b"", b"\r\n", b"Content-Length: 99\r\n\r\n1")


class Visitor:
    """`exporter()` is the one to be asked now."""

    def __init__(self, chance, exporter, ips, bounced):
        self.chance, self.exporter, self.ips, self.bounced = chance, exporter, ips, bounced
        self.n_asked = 0

    def demand(self, response, what, *codes):
        assert response.status in codes, f"{what}: {response.status}"
        self.n_asked += 1

    def ask(self):
        ip = self.chance.choice(self.ips)
        paths = ["/", f"/?ip={ip}", f"/check?ip={ip}", "/api/v1/listings", "/api/v1/lists", "/config", "/nothing"]
        path = self.chance.choice([*paths, f"/api/v1/addresses/{ip}"])
        self.demand(self.exporter().get(path), path, *((404,) if path == "/nothing" else (200, 404)))

    def probe(self):
        path = f"/probe?target={self.chance.choice(self.ips)}&module=good"
        self.demand(self.exporter().get(path, X_Prometheus_Scrape_Timeout_Seconds="3"), path, 200, 400, 503)

    def bounce(self):
        ip = self.chance.choice(self.bounced)
        body = f"550 5.7.1 Service unavailable; Client host [{ip}] blocked using good.example.net".encode()
        response = self.exporter().request("POST", "/api/v1/bounces", {"Content-Type": "text/plain"}, body)
        self.demand(response, "a bounce", 200, 429, 503)

    def half(self):
        """The connection of a request that is not whole; None: there is no exporter."""
        exporter = self.exporter()
        with contextlib.suppress(OSError):
            tcp = socket.create_connection((exporter.host, exporter.port), 5)
            with contextlib.suppress(OSError):
                tcp.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + self.chance.choice(HEADS))
            return tcp
        return None

    def hang_up(self):
        """A client that leaves in the middle."""
        if tcp := self.half():
            tcp.close()


class Crowd(threading.Thread):
    """A visitor in a thread of its own, until leave().

    `life()` numbers the exporter that runs, None while it is ended or started: what is asked of one that goes is not
    answered, and none of it may be said of one that lives.
    """

    def __init__(self, visitor, life, longest_pause):
        super().__init__(daemon=True)
        self.visitor, self.life, self.longest_pause = visitor, life, longest_pause
        self.halves, self.errors = [], []
        self.n_cut_off = 0
        self.leaving = threading.Event()
        self.start()

    def run(self):
        v = self.visitor
        acts = [v.ask, v.ask, v.probe, v.probe, v.bounce, v.hang_up, self.linger]
        while not self.leaving.wait(v.chance.uniform(0, self.longest_pause)) and len(self.errors) < 20:
            life = self.life()
            if life is None:
                continue
            try:
                v.chance.choice(acts)()
            except Exception as error:
                if self.life() == life:
                    self.errors.append(f"{type(error).__name__}: {error}")
                else:
                    self.n_cut_off += 1
        for tcp in self.halves:
            tcp.close()

    def linger(self):
        """One more half request; the oldest leaves."""
        self.halves += [tcp for tcp in [self.visitor.half()] if tcp]
        if len(self.halves) > HALVES:
            self.halves.pop(0).close()

    def asks_for_more(self):
        """It has not asked enough yet to say that it was there."""
        return self.visitor.n_asked < LEAST and not self.errors

    def leave(self):
        self.leaving.set()
        self.join()
        return self.errors
