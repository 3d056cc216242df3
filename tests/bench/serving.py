#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""serving.py [--rounds=N]: scrapes a second, and what each costs, beside nginx and node_exporter.

nginx serves the very bytes that the exporter has just answered with as a file, plain and gzip_static (its gzip body, as
a .gz), with one process that logs nothing. node_exporter answers with its own page, which it collects and writes anew
for each request; the exporter shares a rendering for as long as it tells (at most a second), so most of these requests
get one that is ready. All are asked by wrk, over 4 connections that stay open. Then what a rendering itself takes: the
processor time of a scrape that has the page written less that of one that shares it, by lines of the page.
"""

import gzip
import os
import re
import statistics
import sys
import time

import bench
import harness
from servers import answers, find_program

# {what a page is called: addresses on 5 lists}; the small one is about as long as node_exporter's
PAGES = {"small page": 60, "large page": 10000}
LISTS = 5
SECONDS = 2
CONNECTIONS = 4
REST_S = 1.1  # a rendering is shared no longer
PAIRS = 5


def start(world, rbldnsd, n_addresses):
    """An exporter that knows all of its addresses and has nothing to do for an hour."""
    addresses = [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(n_addresses)]
    once = {"self_test": {"interval": "1h"}}
    exporter = bench.start_exporter(world, rbldnsd.endpoint, LISTS, {"addresses": addresses}, lists=once)
    name = "rbl_ip_listed"
    harness.wait(
        lambda: len(bench.look(exporter, name).all(name)) == LISTS * n_addresses,
        "all addresses are known",
        limit=bench.LIMIT_S,
        world=world,
        pause=0.5,
    )
    time.sleep(bench.SETTLE_S)
    return exporter


class Nginx(harness.Process):
    """Serves the pages of a folder: NAME, and NAME.gz to who takes gzip."""

    def __init__(self, world, pages):
        self.address = harness.take_address()
        self.port = harness.free_port(self.address)
        folder = world.path("nginx")
        os.mkdir(folder)
        for name, content in pages.items():
            world.write(f"nginx/{name}", content)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"  {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        text = f"""daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
{temporary}  access_log off;
  sendfile on;
  tcp_nopush on;
  gzip_static on;
  keepalive_requests 1000000;
  default_type text/plain;
  server {{
    listen {self.address}:{self.port};
    root {folder};
  }}
}}
"""
        path = world.write("nginx.conf", text)
        super().__init__(world, "nginx", [find_program("nginx"), "-c", path, "-e", "stderr"])
        harness.wait(lambda: answers(f"http://{self.endpoint}/{next(iter(pages))}"), "nginx answers", world=world)

    @property
    def endpoint(self):
        return f"{self.address}:{self.port}"


class NodeExporter(harness.Process):
    good_codes = (0, -15)  # it has no handler for SIGTERM

    def __init__(self, world):
        self.address = harness.take_address()
        self.endpoint = f"{self.address}:{harness.free_port(self.address)}"
        command = [find_program("prometheus-node-exporter"), f"--web.listen-address={self.endpoint}"]
        super().__init__(world, "node_exporter", command)
        harness.wait(lambda: answers(f"http://{self.endpoint}/metrics"), "node_exporter answers", world=world)


def load(server, path, encoding):
    """Requests a second, and processor microseconds of the server per request."""
    command = [find_program("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--timeout", "20s"]
    command += ["-H", f"Accept-Encoding: {encoding}", f"http://{server.endpoint}{path}"]
    used = bench.thread_seconds(server.pid)
    output, _ = bench.timed(command)
    used = bench.thread_seconds(server.pid) - used
    assert "Non-2xx" not in output and "Socket errors" not in output, output
    n_requests = int(re.search(r"(\d+) requests in", output)[1])
    size = re.search(r"requests in [^,]+, ([0-9.]+[KMG]?B) read", output)[1]
    unit = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}[size.lstrip("0123456789.")]
    return {
        "rate": float(re.search(r"Requests/sec: +([0-9.]+)", output)[1]),
        "cpu": 1e6 * used / n_requests,
        "kilobytes": float(size.rstrip("KMGB")) * unit / 1024 / n_requests,
    }


def loads(exporters, nginx, node):
    """{label: contender}, those with the same bytes behind each other."""
    contenders = {}
    for page, exporter in exporters.items():
        for encoding, how in (("identity", "plain"), ("gzip", "gzip")):
            name = page.replace(" ", "_")
            contenders[f"{page}, {how}: nginx"] = lambda n=name, e=encoding: load(nginx, f"/{n}", e)
            contenders[f"{page}, {how}: rbl_exporter"] = lambda x=exporter, e=encoding: load(x, "/metrics", e)
            if page == "small page":
                label = f"{page}, {how}: node_exporter, its own"
                contenders[label] = lambda e=encoding: load(node, "/metrics", e)
    return contenders


def show_loads(rows):
    cells = []
    for label, row in rows.items():
        base = rows[label.partition(":")[0] + ": nginx"]
        cells.append((label, [
            f"{row['rate']:,.0f}", bench.ratio(row["rate"], base["rate"]),
            f"{row['cpu']:,.1f}", bench.ratio(row["cpu"], base["cpu"]), f"{row['kilobytes']:,.1f}",
        ]))  # fmt: skip
    headings = ["scrapes a second", "to nginx", "CPU us each", "to nginx", "KB"]
    bench.print_table(f"Serving over {CONNECTIONS} connections", headings, cells)


def scrape_cost(exporter, headers):
    before = bench.thread_seconds(exporter.pid)
    body = exporter.get("/metrics", **headers).body
    return bench.thread_seconds(exporter.pid) - before, body


def rendering(exporter, encoding):
    """Of pairs of scrapes, the first of which has the page written: nanoseconds a line, milliseconds, lines."""
    headers = {"Accept_Encoding": encoding}
    costs = []
    for _ in range(PAIRS):
        time.sleep(REST_S)
        written, body = scrape_cost(exporter, headers)
        shared, _ = scrape_cost(exporter, headers)
        costs.append(written - shared)
    n_lines = (gzip.decompress(body) if encoding == "gzip" else body).count(b"\n")
    cost = statistics.median(costs)
    return {"ns": 1e9 * cost / n_lines, "ms": 1e3 * cost, "lines": n_lines}


def show_renderings(exporters, rounds):
    contenders = {
        f"{page}, {how}": lambda x=exporter, e=encoding: rendering(x, e)
        for page, exporter in exporters.items()
        for how, encoding in (("plain", "identity"), ("with gzip", "gzip"))
    }
    cells = [
        (label, [f"{row['ns']:.1f}", f"{row['ms']:.2f}", f"{row['lines']:,.0f}"])
        for label, row in bench.play(contenders, rounds).items()
    ]
    bench.print_table("A rendering", ["CPU ns a line", "CPU ms", "lines"], cells)


def measure(world, rounds):
    rbldnsd = bench.Lists(world, LISTS)
    exporters = {page: start(world, rbldnsd, n_addresses) for page, n_addresses in PAGES.items()}
    pages = {}
    for page, exporter in exporters.items():
        name = page.replace(" ", "_")
        pages[name] = exporter.get("/metrics").body
        pages[f"{name}.gz"] = exporter.get("/metrics", Accept_Encoding="gzip").body
    nginx, node = Nginx(world, pages), NodeExporter(world)
    show_loads(bench.play(loads(exporters, nginx, node), rounds))
    show_renderings(exporters, rounds)


if __name__ == "__main__":
    bench.play_in("serving", measure, bench.rounds_of(sys.modules[__name__].__doc__.partition("\n")[0]))
