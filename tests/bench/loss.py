#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""loss.py [--addresses=N] [--rounds=N] [--loss=N,N...] [--against=PROGRAM]: what lost packets cost a sweep.

One list, held by rbldnsd and asked as fast as it may, in a network namespace that loses some per cent of the questions. A
sweep is played with each share of losses in turns, and behind an unbound that has nothing in its cache, with the window of
`auto` and with a fixed one of 100. `--against` plays each with another exporter as well, such as one of yesterday. Medians
are printed, and the worst; nothing is asserted about time, and a check that is left out is told.
"""

import argparse
import ctypes
import os
import statistics
import subprocess
import sys

import bench
import harness
from exporter import BINARY, Exporter, config, dns_list
from servers import Rbldnsd, Unbound, find_program

ZONE = "bl.example.net"
CLONE_NEWNET = 0x40000000


def parse_arguments():
    parser = argparse.ArgumentParser(allow_abbrev=False, description="What lost packets cost a sweep.")
    parser.add_argument("--addresses", type=int, default=262144, metavar="N", help="a power of two (default 262144)")
    bench.add_rounds(parser, 5)
    parser.add_argument("--loss", default="0,1,5", metavar="N,N", help="per cent of the questions (default 0,1,5)")
    parser.add_argument("--against", metavar="PROGRAM", help="another exporter to compare with")
    parser.add_argument("--timeout", default="2s", metavar="TIME", help="resolver.timeout (default 2s)")
    parser.add_argument("--cold", type=int, default=32768, metavar="N", help="addresses behind a cold unbound; 0: none")
    return parser.parse_args()


def run(*command):
    subprocess.run([find_program(command[0]), *command[1:]], check=True, capture_output=True, text=True)


def enter_namespace():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        sys.exit(f"no network namespace: {os.strerror(ctypes.get_errno())}")
    run("ip", "link", "set", "lo", "up")
    run("nft", "add", "table", "ip", "loss")
    run("nft", "add chain ip loss input { type filter hook input priority 0 ; }")


def lose(endpoint, percent):
    run("nft", "flush", "chain", "ip", "loss", "input")
    address, port = endpoint.split(":")
    if percent > 0:
        run("nft", f"add rule ip loss input ip daddr {address} udp dport {port} numgen random mod 1000 < {10 * percent:.0f} drop")


def sweep(world, program, endpoint, n_addresses, resolver):
    """(seconds, queries, retries, time-outs, addresses left out)"""
    bits = 32 - (n_addresses.bit_length() - 1)
    groups = [{"name": "net", "ranges": [f"198.16.0.0/{bits}"], "sweep_interval": "1h"}]
    text = config([dns_list("bl", ZONE)], groups, [endpoint], {"attempts": 3, **resolver})
    Exporter.program = program
    exporter = Exporter(world, text, ready=False)
    name = "rbl_range_sweep_last_duration_seconds"
    metrics = harness.wait(
        lambda: (m := exporter.metrics()).value(name, list="bl") is not None and m, "the sweep", world=world, pause=0.2, limit=3600
    )
    left_out = n_addresses - metrics.value("rbl_range_checked_addresses", list="bl")
    exporter.stop()
    return (
        metrics.value(name, list="bl"),
        metrics.value("rbl_list_queries_total", list="bl"),
        metrics.value("rbl_list_query_retries_total", list="bl"),
        metrics.value("rbl_list_query_failures_total", list="bl", reason="timeout"),
        left_out,
    )


def cold_sweep(world, program, rbldnsd, n_addresses, resolver):
    unbound = Unbound(world, {ZONE: rbldnsd.endpoint})
    row = sweep(world, program, unbound.endpoint, n_addresses, resolver)
    unbound.stop()
    return row


def play_round(world, rbldnsd, arguments, programs, figures):
    fixed = {"timeout": arguments.timeout}
    for percent in arguments.loss.split(","):
        lose(rbldnsd.endpoint, float(percent))
        for label, program in programs.items():
            row = sweep(world, program, rbldnsd.endpoint, arguments.addresses, fixed)
            figures.setdefault(f"{percent} % lost{label}", []).append(row)
    lose(rbldnsd.endpoint, 0)
    for window in ("auto", 100):
        for label, program in programs.items():
            if arguments.cold > 0:
                row = cold_sweep(world, program, rbldnsd, arguments.cold, {**fixed, "max_in_flight": window})
                figures.setdefault(f"cold unbound, {window}{label}", []).append(row)


def measure(world, arguments):
    programs = {"": BINARY, **({", against": arguments.against} if arguments.against else {})}
    figures = {}
    rbldnsd = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2"])]})
    for number in range(arguments.rounds):
        bench.tell(f"round {number + 1} of {arguments.rounds}")
        play_round(world, rbldnsd, arguments, programs, figures)
    rbldnsd.stop()
    print(f"A sweep of {arguments.addresses} addresses, {arguments.rounds} rounds")
    print(f"{'':<28} {'seconds':>8} {'worst':>8} {'queries':>8} {'retries':>8} {'failed':>8} {'left out':>8}")
    for kind, rows in figures.items():
        seconds, queries, retries, failed, _ = (statistics.median(column) for column in zip(*rows))
        worst, left_out = max(row[0] for row in rows), sum(row[4] for row in rows)
        print(f"{kind:<28} {seconds:>8.2f} {worst:>8.2f} {queries:>8.0f} {retries:>8.0f} {failed:>8.0f} {left_out:>8.0f}")


if __name__ == "__main__":
    given = parse_arguments()
    enter_namespace()
    bench.play_in("loss", measure, given)
