#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""isolation.py [--addresses=N] [--rounds=N]: what a bad list costs the sweep of a good one.

The good list is held by rbldnsd and asked as fast as it may. Its sweep is played in turns alone, beside a second list
that is as sound, and beside bad ones: one that answers one question in a hundred with TC=1 and closes TCP, one that is
silent, one that says SERVFAIL; their self-tests are right, so that they are asked on and on. The second list has the same
addresses, a rate, and a nameserver in a process of its own. What a bad list costs is the difference to the sound one:
any list costs its questions. Medians are printed, of the time and of the processor time of all the exporter's threads,
which a busy machine changes least. Nothing is asserted about time; a failed check of the good list is the end.
"""

import argparse
import multiprocessing
import socket
import statistics
import struct
import threading

import bench
import harness
from exporter import Exporter, config, dns_list
from servers import Rbldnsd, encode_name

GOOD, BAD = "good.example.net", "bad.example.net"
TESTS = (b"\x011\x010\x010\x03127", b"\x012\x010\x010\x03127")
TC, SERVFAIL = 0x0200, 2


def parse_arguments():
    parser = argparse.ArgumentParser(allow_abbrev=False, description="What a bad list costs a good one.")
    parser.add_argument("--addresses", type=int, default=262144, metavar="N", help="a power of two (default 262144)")
    bench.add_rounds(parser, 5)
    parser.add_argument("--rate", default="5000/s", metavar="N/s", help="of the second list (default 5000/s)")
    return parser.parse_args()


# --- The bad list ---


def sound(message, flags=0, rcode=None):
    """127.0.0.2 is listed, nothing else is; the zone is spelled as it was asked."""
    at = 12
    for _ in range(4):
        at += 1 + message[at]
    end = message.index(b"\0", at) + 5
    listed = message[12:at].startswith(TESTS[1]) and rcode is None
    head = struct.pack(">HHHHH", 0x8500 | flags | (rcode if rcode is not None else 0 if listed else 3), 1, listed, not listed, 0)
    answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + bytes((127, 0, 0, 2))
    names = encode_name("ns." + BAD) + encode_name("root." + BAD)
    soa = encode_name(BAD) + struct.pack(">HHIH", 6, 1, 1, len(names) + 20) + names + struct.pack(">IIIII", 1, 60, 60, 60, 1)
    return message[:2] + head + message[12:end] + (answer if listed else soa)


def one_in_hundred(message, n_asked):
    return sound(message, flags=TC if n_asked % 100 == 0 else 0)


def silent(message, n_asked):
    return sound(message) if message[12:].startswith(TESTS) else None


def servfail(message, n_asked):
    return sound(message, rcode=None if message[12:].startswith(TESTS) else SERVFAIL)


def serve(udp, tcp, answer):
    def close_all():
        while True:
            tcp.accept()[0].close()

    threading.Thread(target=close_all, daemon=True).start()
    n_asked = 0
    while True:
        message, client = udp.recvfrom(4096)
        n_asked += 1
        reply = answer(message, n_asked)
        if reply is not None:
            udp.sendto(reply, client)


class Second:
    """The server of the second list, in a process of its own."""

    def __init__(self, answer):
        address = harness.take_address()
        port = harness.free_port(address)
        self.endpoint = f"{address}:{port}"
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        with udp, tcp:
            udp.bind((address, port))
            tcp.bind((address, port))
            tcp.listen(64)
            self.process = multiprocessing.Process(target=serve, args=(udp, tcp, answer), daemon=True)
            self.process.start()

    def stop(self):
        self.process.kill()
        self.process.join()


# --- Sweeps ---

KINDS = {
    "alone": None,
    "sound": lambda message, n_asked: sound(message),
    "TC=1 in 100": one_in_hundred,
    "silent": silent,
    "SERVFAIL": servfail,
}


def sweep(world, rbldnsd, kind, arguments):
    """One sweep beside one kind of list: (seconds, processor seconds until its end was seen)."""
    lists = [dns_list("good", GOOD)]
    second = None
    if KINDS[kind] is not None:
        second = Second(KINDS[kind])
        lists.append(dns_list("second", BAD, nameservers=[second.endpoint], budget={"rate": arguments.rate}))
    bits = 32 - (arguments.addresses.bit_length() - 1)
    groups = [{"name": "net", "ranges": [f"198.16.0.0/{bits}"], "sweep_interval": "1h"}]
    exporter = Exporter(world, config(lists, groups, [rbldnsd.endpoint], {"timeout": "5s", "attempts": 3}), ready=False)
    name = "rbl_range_sweep_last_duration_seconds"
    metrics = harness.wait(
        lambda: (m := exporter.metrics()).value(name, list="good") is not None and m, "the sweep", world=world, pause=0.2
    )
    used = bench.processor_seconds(exporter.pid)
    checked = metrics.value("rbl_range_checked_addresses", list="good")
    harness.equal(checked, arguments.addresses, f"{kind}: checked addresses of the good list")
    exporter.stop()
    if second is not None:
        second.stop()
    return metrics.value(name, list="good"), used


def measure(world, arguments):
    figures = {kind: [] for kind in KINDS}
    rbldnsd = Rbldnsd(world, {GOOD: [("ip4set", ["127.0.0.2"])]})
    for number in range(arguments.rounds):
        for kind in KINDS:
            bench.tell(f"round {number + 1} of {arguments.rounds}: beside {kind}")
            figures[kind].append(sweep(world, rbldnsd, kind, arguments))
    rbldnsd.stop()
    medians = {kind: [statistics.median(column) for column in zip(*rows)] for kind, rows in figures.items()}
    print(f"\nA sweep of {arguments.addresses} addresses beside a list with {arguments.rate}, {arguments.rounds} rounds")
    print(f"{'beside':<12} {'seconds':>8} {'to sound':>9} {'CPU s':>7} {'to sound':>9}")
    for kind, row in medians.items():
        against = [f"{100 * (value / base - 1):+.1f} %" for value, base in zip(row, medians["sound"])]
        print(f"{kind:<12} {row[0]:>8.2f} {against[0]:>9} {row[1]:>7.2f} {against[1]:>9}")
    print(flush=True)


if __name__ == "__main__":
    bench.play_in("isolation", measure, parse_arguments())
