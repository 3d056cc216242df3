# SPDX-License-Identifier: Apache-2.0
"""Clients that mean no good, and what has to hold beside them: checks go on, a sweep keeps its rate, a good client is
answered, memory is bounded, and afterwards everything is as it was."""

import contextlib
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import time

import harness
from exporter import Exporter, Metrics, Response, config, dns_list, is_sanitized
from fakedns import FakeDns
from servers import Rbldnsd

ZONE = "bl.example.net"
SWEPT_ZONE, SWEPT = "swept.example.net", "10.0.0.0/12"  # more than can be swept meanwhile
SWEEP_RATE = 200  # queries a second; half a second of it can be made up for
SWEEP_SHARE = 0.7  # of the rate that the sweep has undisturbed in the same run
GROWTH_MB = 50  # of the exporter's memory, whatever is done to it
SINGLES = 1500  # addresses, so that /metrics is larger than what sockets take at once
TRIES = 5  # of a good client while others take its place before it has said anything: at 5,000 a second that is soon
# A good client is promised an answer within 0.1 s, and checks are made every second; that is shown. On whatever machine,
# only a broken program lets a good client wait most of the time for answers that take this long, or a check so long.
# A wait begins when the client is connected: while thousands connect at once, its SYN may get lost, and its own system
# sends the next ones after 1, 3 and 7 s.
SLOW_S, LATE_S = 3, 10
ALONE_S = 1.0  # how long the sweep is watched undisturbed
RESET = struct.pack("ii", 1, 0)


def start(world, program=Exporter, **keys):
    server = FakeDns(world, ZONE, {"192.0.2.1": ["127.0.0.2"]})
    many = [f"198.18.{i // 250}.{1 + i % 250}" for i in range(SINGLES)]
    groups = [
        {"name": "few", "addresses": ["192.0.2.1"], "lists": ["bl"]},
        {"name": "many", "addresses": many, "interval": "1h", "lists": ["bl"]},
        {"name": "swept", "ranges": [SWEPT], "lists": ["swept"]},
    ]
    # A process of its own: what this one is busy with must not look like a sweep that is held up.
    rbldnsd = Rbldnsd(world, {SWEPT_ZONE: [("ip4set", ["127.0.0.2"])]})
    budget = {"rate": f"{SWEEP_RATE}/s", "burst": SWEEP_RATE // 2}
    lists = [dns_list("bl", ZONE), dns_list("swept", SWEPT_ZONE, budget=budget, nameservers=[rbldnsd.endpoint])]
    exporter = program(world, config(lists, groups, [server.endpoint]), **keys)
    exporter.wait_for_value(1, "rbl_ip_listed", ip="192.0.2.1")
    exporter.wait_for(lambda m: swept(m) > SWEEP_RATE, "a sweep")
    return exporter


def swept(metrics):
    return metrics.value("rbl_range_checked_addresses", group="swept", list="swept")


def allow_descriptors(wanted):
    """How many sockets this process may have open, at most `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted + 500 if hard == resource.RLIM_INFINITY else min(wanted + 500, hard)
    if most > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return min(wanted, max(most, soft) - 500)


def source(number):
    """The address of hostile client `number`: no server of a test has one of those."""
    return f"127.{240 + number // 62500}.{number // 250 % 250}.{1 + number % 250}"


def connect(exporter, number, receive_buffer=None):
    tcp = socket.socket()
    tcp.settimeout(harness.LIMIT_S)
    if receive_buffer:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    tcp.bind((source(number), 0))
    tcp.connect((exporter.host, exporter.port))
    return tcp


class Flood:
    """So many idle connections from as many addresses, out of a process of their own: they come fast, and hold up none
    of the threads here."""

    def __init__(self, exporter, count):
        command = [sys.executable, os.path.abspath(__file__), exporter.host, str(exporter.port), str(count)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def is_there(self):
        """Waits until all have connected."""
        return self.process.stdout.readline() != ""

    def n_ended(self):
        """How many the server has ended; to be asked once."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


class Target:
    def __init__(self, host, port):
        self.host, self.port = host, int(port)


def run_flood(host, port, count):
    allow_descriptors(count)
    sockets = [connect(Target(host, port), number) for number in range(count)]
    print("all", flush=True)
    if sys.stdin.readline():
        print(sum(is_ended(tcp) for tcp in sockets), flush=True)


def is_ended(tcp):
    """Whether the server has ended this connection by now; what came on it is thrown away."""
    tcp.settimeout(0)
    try:
        while tcp.recv(65536):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def send(tcp, data):
    with contextlib.suppress(OSError):  # the server may have had enough
        tcp.send(data)


def abort(tcp):
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    tcp.close()


class GoodClient:
    """Asks again and again, each time on a connection of its own, from an address of its own."""

    def __init__(self, exporter):
        self.exporter = exporter
        self.address = harness.take_address()
        self.second_address = harness.take_address()  # two connections of one address have less of a claim
        self.durations = []
        self.waits = []  # the part of them after it was connected
        self.n_again = 0
        self.error = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def get(self, path, address=None):
        """As a program does that wants an answer: again, if it was cut off or told that it is not the moment."""
        for left in reversed(range(TRIES)):
            try:
                response = self.get_once(path, address or self.address)
                if response.status != 503 or left == 0:
                    return response
            except ConnectionError:
                if left == 0:
                    raise
            self.n_again += 1
            time.sleep(0.2)

    def get_once(self, path, address):
        begin = time.monotonic()
        received = b""
        with self.exporter.connect(harness.LIMIT_S, address) as tcp:
            connected = time.monotonic()
            tcp.sendall(f"GET {path} HTTP/1.1\r\nHost: good\r\nConnection: close\r\n{self.exporter.credentials}\r\n".encode())
            while chunk := tcp.recv(65536):
                received += chunk
        if not received:
            raise ConnectionError(f"{path}: no response")
        if address == self.address:
            self.durations.append(time.monotonic() - begin)
            self.waits.append(time.monotonic() - connected)
        return Response(received)

    def run(self):
        try:
            while not self.stopping.is_set():
                for path in ("/-/healthy", "/metrics"):
                    harness.equal(self.get(path).status, 200, path)
                time.sleep(0.05)
        except Exception as error:
            self.error = error

    def metrics(self):
        return Metrics(self.get("/metrics", self.second_address).text)

    def stop(self):
        self.stopping.set()
        self.thread.join()


def n_descriptors(exporter):
    return len(os.listdir(f"/proc/{exporter.pid}/fd"))


def memory(exporter):
    with open(f"/proc/{exporter.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024


class Sweep:
    """How fast the sweep goes, from one look to the next."""

    def __init__(self, good):
        self.good = good
        self.look()

    def look(self):
        self.count, self.time = swept(self.good.metrics()), time.monotonic()

    def rate(self, least_s=0.0):
        """Addresses a second since the last look; waits until that is so long ago."""
        time.sleep(max(0.0, self.time + least_s - time.monotonic()))
        count, begin = self.count, self.time
        self.look()
        return (self.count - count) / (self.time - begin)


def withstand(world, exporter, what, attack):
    """A case: `attack(queries)` is done beside a good client; it should go on until `queries()`, the number of DNS
    queries since it began, has grown enough, and leave nothing open. One that is over soon is repeated."""
    with world.case(what):
        good = GoodClient(exporter)
        try:
            harness.wait(lambda: good.error or len(good.durations) >= 6, "a good client is served", world=world)
            sweep = Sweep(good)
            rate_alone = sweep.rate(ALONE_S)
            before, files, memory_before = good.metrics(), n_descriptors(exporter), memory(exporter)
            n_alone, begin = len(good.durations), time.monotonic()

            def queries():
                assert good.error is None, f"a good client beside it: {type(good.error).__name__}: {good.error}"
                world.check_alive()
                return good.metrics().value("rbl_list_queries_total", list="bl") - asked

            asked = before.value("rbl_list_queries_total", list="bl")
            while (attacked := time.monotonic() - begin) < ALONE_S:
                attack(queries)
            rate = sweep.rate()
            lag = good.metrics().value("rbl_scheduler_lag_seconds")
            harness.wait(lambda: queries() >= 4, "checks go on", world=world)
            grown = memory(exporter) - memory_before
            lasted = time.monotonic() - begin
        finally:
            good.stop()
        assert good.error is None, f"a good client beside it: {type(good.error).__name__}: {good.error}"
        harness.equal(exporter.get("/-/healthy").status, 200)
        harness.wait(lambda: n_descriptors(exporter) <= files, lambda: f"{n_descriptors(exporter)} files", world=world)
        durations = sorted(good.durations[n_alone:])
        p99 = durations[len(durations) * 99 // 100]
        waited = sum(wait for wait in good.waits[n_alone:] if wait > SLOW_S) / lasted
        print(
            f"# {what}: memory +{grown:.1f} MB; beside it {len(durations)} answers, {good.n_again} tried again, "
            f"p99 {p99 * 1000:.1f} ms, the longest {durations[-1]:.1f} s, slow ones {waited * 100:.0f} % of the time, checks {lag:.3f} s late; in "
            f"{attacked:.1f} s the sweep had {rate:.0f} addresses a second, {rate_alone:.0f} before",
            flush=True,
        )
        if is_sanitized():
            return
        assert grown <= GROWTH_MB, f"memory has grown by {grown:.1f} MB"
        assert waited <= 0.75, f"a good client has waited for answers of over {SLOW_S} s {waited * 100:.0f} % of the time"
        assert rate >= SWEEP_SHARE * rate_alone, f"the sweep had {rate:.0f} addresses a second, {rate_alone:.0f} undisturbed"
        assert lag <= LATE_S, f"the check that is due longest has been waiting for {lag:.1f} s"


if __name__ == "__main__":
    run_flood(sys.argv[1], sys.argv[2], int(sys.argv[3]))
