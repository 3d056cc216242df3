#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""scrape.py [--addresses=N] [--lists=N] [--rounds=N]: what scrapes of a large configuration cost.

Starts rbldnsd with the lists and the exporter with the addresses, waits until all is known, and prints medians and 99th
percentiles. Each scrape is a connection of its own, timed from connect to the last byte, and stands beside a static
server that sends the same bytes, in the same run: what that one takes is the price of connection, kernel and client. The
column CPU is what all threads of the exporter used per scrape, which a busy machine changes least. Nothing is asserted
about time: it ends with 0 when all could be measured.

A rendering is shared for nine times as long as it cost, so "rendered" scrapes wait until the latest has had its time,
and "shared" ones do not.
"""

import argparse
import multiprocessing
import os
import socket
import time

import bench
import harness
from exporter import Exporter, config, dns_list
from servers import Rbldnsd

REST_S = 1.0  # a rendering is shared no longer
FLOOD_S = 5.0
SCRAPERS = 8
MEGABYTE = 1 << 20


def parse_arguments():
    parser = argparse.ArgumentParser(allow_abbrev=False, description="What scrapes cost.")
    parser.add_argument("--addresses", type=int, default=10000, metavar="N", help="named one by one (default 10000)")
    parser.add_argument("--lists", type=int, default=5, metavar="N", help="each address is on 1 in 20 (default 5)")
    bench.add_rounds(parser, 15)
    return parser.parse_args()


# --- Scrapes ---


def scrape(endpoint, path="/metrics", gzip=False, into=bytearray(64 * MEGABYTE)):
    """One scrape: (seconds, bytes with headers, the first 400 of them)."""
    encoding = "Accept-Encoding: gzip\r\n" if gzip else ""
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n{encoding}\r\n".encode()
    view = memoryview(into)
    at = 0
    begin = time.perf_counter()
    with socket.create_connection(endpoint, 60) as tcp:
        tcp.sendall(request)
        while n := tcp.recv_into(view[at:]):
            at += n
    seconds = time.perf_counter() - begin
    head = bytes(into[:400])
    assert head.startswith(b"HTTP/1.1 200 "), head
    assert (b"Content-Encoding: gzip" in head) == gzip, head
    return seconds, at, head


def body(endpoint, path="/metrics", gzip=False):
    into = bytearray(64 * MEGABYTE)
    _, n, _ = scrape(endpoint, path, gzip, into)
    return bytes(into[:n])


def serve(listener, answer):
    """A static server: one response for every request, however it is asked."""
    while True:
        tcp, _ = listener.accept()
        with tcp:
            tcp.recv(65536)
            tcp.sendall(answer)


class Static:
    """That server, in a process of its own."""

    def __init__(self, answer):
        listener = socket.create_server((harness.take_address(), 0))
        self.endpoint = listener.getsockname()
        self.process = multiprocessing.Process(target=serve, args=(listener, answer), daemon=True)
        self.process.start()
        listener.close()

    def stop(self):
        self.process.kill()
        self.process.join()


# --- Tables ---


def at_share(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def row(what, times, n_bytes=None, cpu_ms=None):
    size = f"{n_bytes / MEGABYTE:.2f}" if n_bytes else ""
    cpu = f"{cpu_ms:.1f}" if cpu_ms is not None else ""
    median, last = (at_share(times, share) * 1000 for share in (0.5, 0.99))
    print(f"{what:<42} {median:9.1f} {last:9.1f} {cpu:>9} {size:>9}   n={len(times)}", flush=True)


def cpu_ms(pid):
    return 1000 * bench.thread_seconds(pid)


def rendered(what, rounds, exporter, *arguments):
    times = []
    before = cpu_ms(exporter.pid)
    for _ in range(rounds):
        time.sleep(REST_S)
        seconds, n_bytes, _ = scrape((exporter.host, exporter.port), *arguments)
        times.append(seconds)
    row(f"{what}, rendered", times, n_bytes, (cpu_ms(exporter.pid) - before) / rounds)


def shared(what, rounds, endpoint, *arguments):
    """Each right behind one that was rendered, or shares."""
    pairs = [(scrape(endpoint, *arguments), scrape(endpoint, *arguments)) for _ in range(rounds)]
    row(f"{what}, shared", [second[0] for _, second in pairs], pairs[-1][1][1])


def static(what, rounds, endpoint, *arguments):
    server = Static(body(endpoint, *arguments))
    results = [scrape(server.endpoint, *arguments) for _ in range(rounds)]
    server.stop()
    row(f"{what}, static server", [seconds for seconds, _, _ in results], results[-1][1])


# --- Checks go on ---


def flood(endpoint, until, times):
    mine = []
    while time.monotonic() < until:
        mine.append(scrape(endpoint)[0])
    times.put(mine)


def checks_made(exporter):
    metrics = exporter.get("/metrics?name[]=rbl_list_queries_total").text
    return sum(float(line.rpartition(" ")[2]) for line in metrics.splitlines() if not line.startswith("#"))


def rate_of_checks(exporter, n_scrapers, endpoint):
    """Checks per second over FLOOD_S, and how long the scrapes of so many clients took meanwhile."""
    times = multiprocessing.Queue()
    begin, before = time.monotonic(), checks_made(exporter)
    until = begin + FLOOD_S
    clients = [multiprocessing.Process(target=flood, args=(endpoint, until, times)) for _ in range(n_scrapers)]
    for client in clients:
        client.start()
    taken = [seconds for _ in clients for seconds in times.get()]
    for client in clients:
        client.join()
    time.sleep(max(0, until - time.monotonic()))
    after, end = checks_made(exporter), time.monotonic()
    return (after - before) / (end - begin), taken


# --- The whole ---


def start(world, arguments):
    addresses = [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(arguments.addresses)]
    zones = [f"bl{n}.example.net" for n in range(arguments.lists)]
    listed = {zone: ["127.0.0.2", *addresses[n::20]] for n, zone in enumerate(zones)}
    rbldnsd = Rbldnsd(world, {zone: [("ip4set", lines)] for zone, lines in listed.items()})
    lists = [{**dns_list(f"bl{n}", zone), "confirm": 1} for n, zone in enumerate(zones)]

    def text(interval):
        groups = [{"name": "singles", "addresses": addresses, "interval": interval}]
        return config(lists, groups, [rbldnsd.endpoint])

    exporter = Exporter(world, text("1h"), flags=["--web.max-requests=100"])
    harness.wait(
        lambda: len(exporter.get("/metrics?name[]=rbl_ip_listed").text.splitlines()) - 2
        == arguments.addresses * arguments.lists,
        "all addresses are known",
        limit=600,
        world=world,
        pause=0.5,
    )
    return exporter, text


def resident(exporter):
    return exporter.metrics().value("process_resident_memory_bytes") / MEGABYTE


def measure(world, arguments):
    exporter, text = start(world, arguments)
    endpoint = (exporter.host, exporter.port)
    n_series = sum(not line.startswith("#") for line in exporter.metrics().text.splitlines())
    print(f"{n_series} series: {arguments.addresses} addresses on {arguments.lists} lists; load {os.getloadavg()[0]:.2f}")
    print(f"{'milliseconds':<42} {'median':>9} {'p99':>9} {'CPU':>9} {'MB':>9}")
    for what, gzip in (("plain", False), ("gzip", True)):
        rendered(what, arguments.rounds, exporter, "/metrics", gzip)
        shared(what, arguments.rounds, endpoint, "/metrics", gzip)
        static(what, arguments.rounds, endpoint, "/metrics", gzip)
    for name in ("rbl_ip_listed", "rbl_list_up"):
        rendered(f"name[]={name}", arguments.rounds, exporter, f"/metrics?name[]={name}")
    print(f"resident memory: {resident(exporter):.1f} MB")
    harness.equal(exporter.reload(text("1s")).status, 200)
    time.sleep(REST_S)
    alone, _ = rate_of_checks(exporter, 0, endpoint)
    flooded, times = rate_of_checks(exporter, SCRAPERS, endpoint)
    row(f"plain, {SCRAPERS} clients for {FLOOD_S:.0f} s while checks go on", times)
    server = Static(body(endpoint))
    beside_static, times = rate_of_checks(exporter, SCRAPERS, server.endpoint)
    server.stop()
    row("the same from the static server", times)
    print(f"checks a second: {alone:.0f} without scrapes, {flooded:.0f} with them, "
          f"{beside_static:.0f} beside the static server")
    print(f"resident memory: {resident(exporter):.1f} MB")


def main():
    bench.play_in("scrape", measure, parse_arguments())


if __name__ == "__main__":
    main()
