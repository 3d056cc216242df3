# SPDX-License-Identifier: Apache-2.0
"""The real servers around the exporter: rbldnsd (a list), unbound (a resolver), Prometheus."""

import json
import os
import shutil
import signal
import socket
import struct
import urllib.parse
import urllib.request

import harness


def find_program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    assert path, f"{name} is not installed"
    return path


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def ask(address, port, name, kind=1, timeout=0.3):
    """One DNS query over UDP; the raw answer, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(timeout)
        try:
            udp.connect((address, port))
            udp.send(struct.pack(">HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + encode_name(name) + struct.pack(">HH", kind, 1))
            return udp.recv(65535)
        except OSError:
            return None


class Rbldnsd(harness.Process):
    """Zones are {name: [(type of data set, lines), ...]}; every zone gets an SOA unless it brings one or says None.

    The folder is world-readable because rbldnsd gives up its privileges; it looks for new data every second.
    """

    # It has no handler for SIGTERM in some versions: then it dies of it, which is as it should be.
    good_codes = (0, -signal.SIGTERM)
    soa = "$SOA 1 ns.example.net hostmaster.example.net 1 60 60 60 1\n$NS 1 ns.example.net\n$TTL 1\n"

    def __init__(self, world, zones, soa=True):
        self.address = harness.take_address()
        self.port = harness.free_port(self.address)
        self.world = world
        self.with_soa = soa
        self.n_rewrites = 0
        self.folder = world.path(f"rbldnsd_{self.address}")
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o755)
        specs = []
        for zone, sets in zones.items():
            for i, (kind, lines) in enumerate(sets):
                self.write(zone, i, lines)
                specs.append(f"{zone}:{kind}:{self.file_name(zone, i)}")
        command = [find_program("rbldnsd"), "-n", "-c", "1", "-t", "1", "-w", self.folder]
        command += ["-b", f"{self.address}/{self.port}"]
        super().__init__(world, f"rbldnsd_{self.address}", command + specs)
        first = next(iter(zones))
        harness.wait(
            lambda: ask(self.address, self.port, "1.0.0.127." + first), f"{self.name} answers", world=world
        )

    @property
    def endpoint(self):
        return f"{self.address}:{self.port}"

    @staticmethod
    def file_name(zone, i):
        return f"{zone}.{i}"

    def write(self, zone, i, lines):
        """Gives the i-th data set of a zone new data; rbldnsd notices within a second or two."""
        path = os.path.join(self.folder, self.file_name(zone, i))
        with open(path + ".new", "w") as file:
            file.write(self.soa if self.with_soa else "$TTL 1\n")
            file.writelines(line + "\n" for line in lines)
        os.chmod(path + ".new", 0o644)
        # It compares whole seconds.
        self.n_rewrites += 1
        past = 1_700_000_000 + self.n_rewrites
        os.utime(path + ".new", (past, past))
        os.replace(path + ".new", path)


class Unbound(harness.Process):
    """A resolver in front of other servers: {zone: endpoint}. `filters` turns rebinding protection on."""

    def __init__(self, world, zones, filters=False):
        self.address = harness.take_address()
        self.port = harness.free_port(self.address)
        folder = world.path(f"unbound_{self.address}")
        os.mkdir(folder)
        stubs = "".join(
            f'stub-zone:\n  name: "{zone}"\n  stub-addr: {endpoint.replace(":", "@")}\n  stub-prime: no\n'
            for zone, endpoint in zones.items()
        )
        with open(os.path.join(folder, "unbound.conf"), "w") as file:
            file.write(f"""server:
  interface: {self.address}@{self.port}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-daemonize: no
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  num-threads: 1
  module-config: "iterator"
  do-ip6: no
  {'private-address: 127.0.0.0/8' if filters else ''}
remote-control:
  control-enable: no
{stubs}""")
        command = [find_program("unbound"), "-d", "-p", "-c", os.path.join(folder, "unbound.conf")]
        super().__init__(world, f"unbound_{self.address}", command)
        first = next(iter(zones))
        harness.wait(
            lambda: ask(self.address, self.port, "1.0.0.127." + first), f"{self.name} answers", world=world
        )

    @property
    def endpoint(self):
        return f"{self.address}:{self.port}"


class Prometheus(harness.Process):
    """A Prometheus that scrapes `targets` (host:port) and evaluates the files `rules` every second."""

    def __init__(self, world, targets, rules=()):
        self.address = harness.take_address()
        self.port = harness.free_port(self.address)
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": list(rules),
            "scrape_configs": [{"job_name": "rbl_exporter", "static_configs": [{"targets": targets}]}],
        }
        path = world.write("prometheus.yml", json.dumps(config))
        command = [
            find_program("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={world.path('prometheus')}",
            f"--web.listen-address={self.address}:{self.port}",
        ]
        super().__init__(world, "prometheus", command, env={"GOMAXPROCS": "2"})
        harness.wait(self.is_ready, "prometheus answers", world=world, limit=60)

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}:{self.port}/-/ready", timeout=2) as response:
                return response.status == 200
        except OSError:
            return False

    def api(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        url = f"http://{self.address}:{self.port}/api/v1/{path}?{query}"
        with urllib.request.urlopen(url, timeout=10) as response:
            answer = json.load(response)
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression):
        """The result of an instant query: [(labels, value)]."""
        return [(r["metric"], float(r["value"][1])) for r in self.api("query", query=expression)["result"]]

    def health(self):
        """Of each target: (health, the last error)."""
        return [(t["health"], t["lastError"]) for t in self.api("targets")["activeTargets"]]
