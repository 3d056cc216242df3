#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--rounds=N] [NAME...]: plays the benches, all or those named, and prints one table of what they found.

The machine, the versions and the load come first; each bench then adds its part, as soon as it has it. How far it is
goes to standard error. Nothing is written but below the folder for temporary files, and that is removed.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BENCHES = ("sweep", "pacing", "memory", "serving", "growth", "scrape", "isolation", "loss")
# dpkg-query prints them in the order of the alphabet.
PACKAGES = (
    *("dnsperf", "libc-ares2", "libmicrohttpd12", "libsqlite3-0"),
    *("nginx", "prometheus-node-exporter", "rbldnsd", "unbound", "wrk"),
)


def parse_arguments():
    parser = argparse.ArgumentParser(allow_abbrev=False, description="Plays the benches.")
    parser.add_argument("--rounds", type=int, metavar="N", help="of each bench (default: what each is good with)")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)} (default: all)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHES]
    if unknown or (arguments.rounds is not None and arguments.rounds < 1):
        parser.error(f"no such bench: {unknown[0]}" if unknown else "--rounds: at least 1")
    return arguments


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(": ")[2].strip() for line in file if line.startswith("model name")]
    return models[0] if models else platform.machine()


def describe():
    with open("/etc/os-release", encoding="utf-8") as file:
        system = dict(line.rstrip().split("=", 1) for line in file if "=" in line)["PRETTY_NAME"].strip('"')
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    print(f"machine   {os.cpu_count()} x {processor()}, {gigabytes:.0f} GB, {system}, Linux {platform.release()}")
    print(f"program   {output(os.environ['RBL_EXPORTER'], '--version').splitlines()[0]}")
    versions = output("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES).splitlines()
    print(f"versions  {', '.join(versions[:5])},")
    print(f"          {', '.join(versions[5:])}")
    print(f"load      {os.getloadavg()[0]:.2f} before the first bench\n", flush=True)


def play(name, environment):
    """Whether it ended well. It ends with this program, and not before it has cleaned up."""
    begin = time.monotonic()
    process = subprocess.Popen([sys.executable, os.path.join(HERE, name + ".py")], env=environment)
    try:
        ended_well = process.wait() == 0
        print(f"bench: {name} took {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        return ended_well
    except BaseException:
        process.terminate()
        process.wait()
        raise


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    environment = dict(os.environ)
    if arguments.rounds is not None:
        environment["BENCH_ROUNDS"] = str(arguments.rounds)
    begin = time.monotonic()
    describe()
    failed = [name for name in BENCHES if name in (arguments.names or BENCHES) and not play(name, environment)]
    print(f"load      {os.getloadavg()[0]:.2f} behind the last bench, {time.monotonic() - begin:.0f} s later")
    if failed:
        print(f"failed    {', '.join(failed)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
