# SPDX-License-Identifier: Apache-2.0
"""What the web server answers, to whom, and that nobody can hold it up."""

import gzip
import os
import socket
import threading
import time

import fakedns
from exporter import OPENMETRICS, Exporter, Metrics, config, dns_list
from fakedns import FakeDns
from harness import equal, main, scene, wait
from servers import Rbldnsd

ZONE = "bl.example.net"
GROUPS = [{"name": "singles", "addresses": ["192.0.2.1", "192.0.2.2"]}]
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def start(world, **keys):
    rbldnsd = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2", "192.0.2.1"])]})
    text = config([dns_list("bl", ZONE)], GROUPS, [rbldnsd.endpoint])
    exporter = Exporter(world, text, **keys)
    exporter.wait_for_value(1, "rbl_ip_listed", ip="192.0.2.1")
    exporter.wait_for_value(0, "rbl_ip_listed", ip="192.0.2.2")
    return rbldnsd, exporter


def series(text):
    """The names and labels of all samples."""
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


@scene
def formats(world):
    _, exporter = start(world)
    accepts = [
        ("", TEXT_TYPE),
        ("*/*", TEXT_TYPE),
        ("text/plain", TEXT_TYPE),
        ("text/html,application/xhtml+xml,*/*;q=0.8", TEXT_TYPE),
        (OPENMETRICS, OPENMETRICS_TYPE),
        ("application/openmetrics-text", OPENMETRICS_TYPE),
        (f"{OPENMETRICS},application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5", OPENMETRICS_TYPE),
        (f"{OPENMETRICS};q=0.1, text/plain;q=0.9", TEXT_TYPE),
        ("application/openmetrics-text;version=9.9.9", TEXT_TYPE),
        (f"{OPENMETRICS};q=0", TEXT_TYPE),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;q=1,*/*;q=0.1", TEXT_TYPE),
        ("this is; no, accept; header;;;q=,,", TEXT_TYPE),
    ]
    with world.case("Accept decides on the format and its Content-Type"):
        for accept, expected in accepts:
            headers = {"Accept": accept} if accept else {}
            response = exporter.get("/metrics", **headers)
            equal((response.status, response.headers["content-type"]), (200, expected), f"Accept: {accept}")
            ends = response.text.endswith("\n# EOF\n")
            equal(ends, expected == OPENMETRICS_TYPE, f"# EOF after Accept: {accept}")
            assert "accept" in response.headers["vary"].lower(), response.headers
    with world.case("gzip holds the same series, and only whom it was promised to gets it"):
        for accept in ("text/plain", OPENMETRICS):
            packed = exporter.get("/metrics", Accept=accept, Accept_Encoding="gzip")
            equal(packed.headers.get("content-encoding"), "gzip")
            plain = exporter.get("/metrics", Accept=accept)
            equal(plain.headers.get("content-encoding"), None)
            equal(series(gzip.decompress(packed.body).decode()), series(plain.text), "series")
            assert len(packed.body) < len(plain.body) / 2
        for encoding in ("identity", "gzip;q=0", "br", "x-gzipped"):
            response = exporter.get("/metrics", Accept_Encoding=encoding)
            equal(response.headers.get("content-encoding"), None, f"Accept-Encoding: {encoding}")
    with world.case("HEAD is GET without a body"):
        for path in ("/metrics", "/", "/-/healthy", "/-/ready"):
            got, head = exporter.get(path), exporter.request("HEAD", path)
            equal((head.status, head.body), (got.status, b""), path)
            equal(head.headers["content-type"], got.headers["content-type"], path)
            assert int(head.headers["content-length"]) > 0, path


@scene
def endpoints(world):
    _, exporter = start(world)
    with world.case("each endpoint answers"):
        for path in ("/metrics", "/metrics?x=1&y", "/", "/-/healthy", "/-/ready"):
            equal(exporter.get(path).status, 200, path)
    with world.case("the status page is HTML that shows the listing and needs nothing from elsewhere"):
        page = exporter.get("/")
        assert page.headers["content-type"].startswith("text/html"), page.headers
        for text in ("192.0.2.1", "bl", "/metrics", ZONE):
            assert text in page.text, f"{text} is not on the page"
        for text in ("<script", "src=", "@import"):
            assert text not in page.text.lower(), f"{text} is on the page"
    with world.case("other paths are not found"):
        paths = ["/metric", "/metrics/", "//metrics", "/METRICS", "/metrics%00", "/metrics%00x", "/%6detrics", "/.."]
        paths += ["/../metrics", "/./metrics", "/-", "/-/", "/-/health", "/configs", "/index.html", "/x" * 2000]
        paths += ["/metrics;x", "/metrics%3Fx", "/\xff\xfe", "/api/v1/query", "/-/quit", "/debug/pprof"]
        for path in paths:
            equal(exporter.get(path).status, 404, path[:80])
    with world.case("other methods are not allowed, and Allow says which are"):
        for method, path, allow in (
            ("POST", "/metrics", {"GET", "HEAD"}),
            ("PUT", "/", {"GET", "HEAD"}),
            ("DELETE", "/-/healthy", {"GET", "HEAD"}),
            ("GET", "/-/reload", {"POST"}),
            ("HEAD", "/-/reload", {"POST"}),
            ("PUT", "/-/reload", {"POST"}),
        ):
            response = exporter.request(method, path)
            equal(response.status, 405, f"{method} {path}")
            equal({word.strip() for word in response.headers["allow"].split(",")}, allow, f"{method} {path}")
        equal(exporter.request("POST", "/nothing").status, 404)
    with world.case("a connection can be used again"):
        request = f"GET /-/healthy HTTP/1.1\r\nHost: {exporter.endpoint}\r\n\r\n".encode()
        with exporter.connect() as tcp:
            for _ in range(5):
                tcp.sendall(request)
                received = b""
                while b"healthy." not in received:
                    chunk = tcp.recv(4096)
                    assert chunk, received
                    received += chunk


@scene
def before_the_first_self_tests(world):
    server = FakeDns(world, ZONE, {"192.0.2.1": ["127.0.0.2"]}, behave=fakedns.silent)
    text = config([dns_list("bl", ZONE)], GROUPS, [server.endpoint], resolver={"timeout": "3s", "attempts": 3})
    exporter = Exporter(world, text, ready=False)
    with world.case("it is alive but not ready before the first self-tests are done"):
        response = exporter.get("/-/ready")
        equal(response.status, 503)
        equal(exporter.get("/-/healthy").status, 200)
        metrics = exporter.metrics()
        equal((metrics.value("rbl_exporter_ready"), metrics.state("bl")), (0, "unknown"))
        equal(metrics.all("rbl_ip_listed"), [])
    with world.case("and ready afterwards"):
        server.behave = fakedns.sound
        wait(exporter.is_ready, "readiness", world=world)
        metrics = exporter.wait_for_state("ok", "bl")
        equal(metrics.value("rbl_exporter_ready"), 1)


@scene
def reloads(world):
    rbldnsd, exporter = start(world)
    groups = [*GROUPS, {"name": "more", "addresses": ["192.0.2.3"]}]
    good = config([dns_list("bl", ZONE)], groups, [rbldnsd.endpoint])
    bad = "lists:\n  - name: bl\n    zone: bl.example.net\n    tier: pager\n"
    bad += "groups:\n  - name: g\n    ranges: [192.0.2.1/24]\n"
    with world.case("a bad configuration is refused with all its errors, and the old one keeps running"):
        response = exporter.reload(bad)
        equal(response.status, 500)
        for place in (":4:11: ", ":7:14: "):
            assert f"{exporter.config_path}{place}" in response.text, response.text
        assert "192.0.2.0/24" in response.text, response.text
        metrics = exporter.metrics()
        equal(metrics.value("rbl_exporter_config_last_reload_successful"), 0)
        equal(metrics.value("rbl_ip_listed", ip="192.0.2.1"), 1)
        assert any(m["level"] == "error" and m.get("place") == "7:14" for m in exporter.messages()), exporter.log()
        exporter.wait_for_looks("bl")
    with world.case("a good one takes its place and keeps verdicts and counters"):
        before = exporter.metrics()
        equal(exporter.reload(good).status, 200)
        after = exporter.metrics()
        equal(after.value("rbl_exporter_config_last_reload_successful"), 1)
        for name in ("rbl_exporter_config_last_reload_success_timestamp_seconds", "rbl_list_queries_total"):
            assert after.value(name) >= before.value(name), name
        equal(after.value("rbl_ip_listed", ip="192.0.2.1"), 1)
        equal(after.value("rbl_ip_listed", ip="192.0.2.2"), 0)
        exporter.wait_for_value(0, "rbl_ip_listed", group="more", ip="192.0.2.3")
    with world.case("a page of another site cannot have it reloaded, programs and the exporter's own pages can"):
        before = exporter.n_reloads()
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            response = exporter.request("POST", "/-/reload", headers)
            equal(response.status, 403, headers)
            assert "another site" in response.text, response.text
        equal(exporter.n_reloads(), before)
        for headers in ({}, {"Origin": f"http://{exporter.endpoint}", "Sec-Fetch-Site": "same-origin"}):
            equal(exporter.request("POST", "/-/reload", headers).status, 200, headers)
    with world.case("a configuration that is empty or gone is an error like any other"):
        equal(exporter.reload("").status, 500)
        os.remove(exporter.config_path)
        equal(exporter.request("POST", "/-/reload").status, 500)
        equal(exporter.metrics().value("rbl_exporter_config_last_reload_successful"), 0)
        equal(exporter.reload(good).status, 200)


@scene
def hostile_requests(world):
    _, exporter = start(world)
    host = f"Host: {exporter.endpoint}\r\nConnection: close\r\n".encode()
    reload = b"POST /-/reload HTTP/1.1\r\n" + host
    with world.case("what is too large is refused"):
        for what, raw in (
            ("a header of 1 MB", b"GET /metrics HTTP/1.1\r\n" + host + b"X: " + b"a" * 1000000 + b"\r\n\r\n"),
            ("a header of 20 KB", b"GET /metrics HTTP/1.1\r\n" + host + b"X: " + b"a" * 20000 + b"\r\n\r\n"),
            ("10,000 headers", b"GET /metrics HTTP/1.1\r\n" + host + b"X: y\r\n" * 10000 + b"\r\n"),
            ("a path of 100 KB", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n" + host + b"\r\n"),
        ):
            response = exporter.send(raw)
            assert response is None or response.status in (400, 413, 414, 431), f"{what}: {response.status}"
        response = exporter.request("POST", "/-/reload", {"Content-Length": "10000000"})
        equal(response.status, 413, "a body of 10 MB")
    with world.case("what is no HTTP gets an error or nothing"):
        raws = (
            b"\r\n\r\n\r\n",
            b"\0" * 1000,
            b"GET\r\n\r\n",
            b"GET /metrics\r\n\r\n",
            b"GET  /metrics  HTTP/1.1\r\n\r\n",
            b"GET /metrics HTTP/9.9\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\n\r\n",
            b"GET /metrics\0x HTTP/1.1\r\n" + host + b"\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
            b"GET /metrics HTTP/1.1\r\n" + host + b"Host: other\r\n\r\n",
            b"BREW /metrics HTTP/1.1\r\n" + host + b"\r\n",
            reload + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            reload + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            reload + b"Content-Length: -5\r\n\r\n",
            reload + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            b"GET /metrics HTTP/1.1\r\n" + host + b"Content-Length: 5\r\n\r\nhello",
        )
        # All at once: an incomplete request is only given up after its time.
        connections = [exporter.connect() for _ in raws]
        for raw, tcp in zip(raws, connections):
            tcp.sendall(raw)
            tcp.shutdown(socket.SHUT_WR)
        for raw, tcp in zip(raws, connections):
            with tcp:
                try:
                    received = tcp.recv(100)
                except ConnectionResetError:
                    received = b""
            assert not received or received.split(b" ")[1][:1] in (b"4", b"5"), f"{raw[:60]!r}: {received!r}"
    with world.case("none of it has done any harm"):
        equal(exporter.get("/-/healthy").status, 200)
        equal(exporter.metrics().value("rbl_exporter_config_last_reload_successful"), 1)
        exporter.wait_for_looks("bl")


class Dripping:
    """A client that sends a byte now and then, and never ends its request."""

    def __init__(self, exporter, source):
        self.tcp = exporter.connect(source=source)
        self.request = b"GET /metrics HTTP/1.1\r\nX-Slow: " + b"a" * 10000
        self.closed = False
        self.at = 0

    def drip(self):
        if self.closed:
            return
        try:
            self.tcp.send(self.request[self.at : self.at + 1])
            self.tcp.settimeout(0.001)
            self.closed = self.tcp.recv(100) == b""
        except TimeoutError:
            pass
        except OSError:
            self.closed = True
        self.at += 1


@scene
def slow_clients(world):
    _, exporter = start(world)
    clients = [Dripping(exporter, exporter.host) for _ in range(20)]
    reader = exporter.connect()  # asks again and again, and never reads
    reader.settimeout(0.001)
    stop = threading.Event()

    def drip():
        request = f"GET /metrics HTTP/1.1\r\nHost: {exporter.endpoint}\r\n\r\n".encode()
        while not stop.is_set():
            for client in clients:
                client.drip()
            try:
                reader.send(request)
            except OSError:
                pass
            time.sleep(0.1)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        with world.case("while 20 clients send a byte at a time, checks go on and scrapes are answered"):
            queries = exporter.metrics().value("rbl_list_queries_total", list="bl")
            durations = []
            for _ in range(20):
                begin = time.monotonic()
                exporter.metrics()
                durations.append(time.monotonic() - begin)
                time.sleep(0.1)
            exporter.wait_for(lambda m: m.value("rbl_list_queries_total", list="bl") >= queries + 4, "more queries")
            assert not any(client.closed for client in clients[:1]), "the clients were not slow at all"
            print(f"# slowest scrape beside slow clients: {max(durations) * 1000:.1f} ms", flush=True)
        with world.case("in the end such clients are shown the door"):
            wait(lambda: all(client.closed for client in clients), "20 closed connections", world=world)
    finally:
        stop.set()
        thread.join()
        reader.close()
        for client in clients:
            client.tcp.close()


@scene
def parallel_scrapes(world):
    _, exporter = start(world)
    errors = []

    def scrape():
        try:
            for _ in range(25):
                Metrics(exporter.get("/metrics").text)
        except Exception as error:
            errors.append(error)

    with world.case("16 clients scrape at once"):
        threads = [threading.Thread(target=scrape) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors[0]


main()
