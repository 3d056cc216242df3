# SPDX-License-Identifier: Apache-2.0
"""The servers around the exporter: rbldnsd (a list), unbound (a resolver), Prometheus, Alertmanager, and what receives
notifications."""

import datetime
import email
import email.policy
import http.server
import json
import os
import shutil
import signal
import socket
import socketserver
import struct
import sys
import threading
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


def answers(url):
    """Whether a web server answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


class Rbldnsd(harness.Process):
    """Zones are {name: [(type of data set, lines), ...]}; every zone gets an SOA unless it brings one or says None.

    A data set of type `acl` says who is answered, and how: ["127.0.0.9 :127.255.255.255:not you"]. The folder is world-readable because rbldnsd gives up its privileges; it looks for new data every second.
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
        self.kinds = {(zone, i): kind for zone, sets in zones.items() for i, (kind, _) in enumerate(sets)}
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
            if self.kinds[(zone, i)] != "acl":
                file.write(self.soa if self.with_soa else "$TTL 1\n")
            file.writelines(line + "\n" for line in lines)
        os.chmod(path + ".new", 0o644)
        # It compares whole seconds.
        self.n_rewrites += 1
        past = 1_700_000_000 + self.n_rewrites
        os.utime(path + ".new", (past, past))
        os.replace(path + ".new", path)


class Unbound(harness.Process):
    """A resolver in front of other servers: {zone: endpoint}, which it asks from the address that it is asked at.
    `filters` turns rebinding protection on, `more` are more lines of its configuration."""

    def __init__(self, world, zones, filters=False, more=""):
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
  outgoing-interface: {self.address}
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
  qname-minimisation: no
  {'private-address: 127.0.0.0/8' if filters else ''}
  {more}
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
    """A Prometheus that scrapes `targets` (host:port) and evaluates the files `rules` every second.

    `others` are more jobs, {name: targets}; a target None is this Prometheus. `options` are more keys of jobs; `scrapes`
    are whole ones.
    """

    def __init__(self, world, targets, rules=(), alertmanagers=(), others=None, options=None, scrapes=()):
        self.address = harness.take_address()
        self.port = harness.free_port(self.address)
        jobs = {"rbl_exporter": targets, **(others or {})}
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": list(rules),
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
            "scrape_configs": [
                {
                    "job_name": name,
                    "static_configs": [{"targets": [target or self.endpoint for target in found]}],
                    **(options or {}).get(name, {}),
                }
                for name, found in jobs.items()
            ]
            + list(scrapes),
        }
        path = world.write("prometheus.yml", json.dumps(config))
        command = [
            find_program("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={world.path('prometheus')}",
            f"--web.listen-address={self.endpoint}",
        ]
        super().__init__(world, "prometheus", command, env={"GOMAXPROCS": "2"})
        harness.wait(self.is_ready, "prometheus answers", world=world, limit=60)

    @property
    def endpoint(self):
        return f"{self.address}:{self.port}"

    def is_ready(self):
        return answers(f"http://{self.endpoint}/-/ready")

    def api(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        url = f"http://{self.endpoint}/api/v1/{path}?{query}"
        with urllib.request.urlopen(url, timeout=harness.LIMIT_S) as response:
            answer = json.load(response)
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression):
        """The result of an instant query: [(labels, value)]."""
        return [(r["metric"], float(r["value"][1])) for r in self.api("query", query=expression)["result"]]

    def rules(self):
        """Every rule as the API tells it; alerting rules have `alerts`."""
        return [rule for group in self.api("rules")["groups"] for rule in group["rules"]]

    def health(self):
        """Of each target: (health, the last error)."""
        return [(t["health"], t["lastError"]) for t in self.api("targets")["activeTargets"]]


class Alertmanager(harness.Process):
    """An Alertmanager with the configuration file `path`; it gossips with nobody."""

    def __init__(self, world, path, flags=("--data.retention=400h",)):
        self.address = harness.take_address()
        self.port = harness.free_port(self.address)
        command = [
            find_program("prometheus-alertmanager"),
            f"--config.file={path}",
            f"--storage.path={world.path('alertmanager')}",
            f"--web.listen-address={self.endpoint}",
            f"--web.external-url=http://{self.endpoint}",
            "--cluster.listen-address=",
            *flags,
        ]
        super().__init__(world, "alertmanager", command, env={"GOMAXPROCS": "2"})
        harness.wait(self.is_ready, lambda: f"alertmanager answers\n{self.log_tail()}", world=world, limit=60)

    @property
    def endpoint(self):
        return f"{self.address}:{self.port}"

    def is_ready(self):
        return answers(f"http://{self.endpoint}/-/ready")

    def post(self, alerts, resolved=False):
        """Posts alerts as Prometheus does: [(labels, annotations)], firing for an hour, or over now."""
        now = datetime.datetime.now(datetime.timezone.utc)
        ends = now if resolved else now + datetime.timedelta(hours=1)
        body = [{"labels": labels, "annotations": notes, "endsAt": ends.isoformat()} for labels, notes in alerts]
        request = urllib.request.Request(
            f"http://{self.endpoint}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=harness.LIMIT_S) as response:
            harness.equal(response.status, 200)

    def alerts(self):
        """[(labels, whether a cause keeps it quiet)]"""
        with urllib.request.urlopen(f"http://{self.endpoint}/api/v2/alerts", timeout=harness.LIMIT_S) as response:
            return [(a["labels"], bool(a["status"]["inhibitedBy"])) for a in json.load(response)]


class Listener:
    """A server of this process, in a thread of its own; in a world it is stopped like any other."""

    def __init__(self, world, name, server_class, handler):
        self.world = world
        self.name = name
        class Server(server_class):
            daemon_threads = True

            def handle_error(self, request, client_address):
                if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that is killed is no error of ours
                    super().handle_error(request, client_address)

        self.server = Server((harness.take_address(), 0), handler)
        self.endpoint = "%s:%d" % self.server.server_address
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        world.add(self)

    def poll(self):
        return None

    def stop(self):
        self.kill()

    def kill(self):
        if self in self.world.running:
            self.world.running.remove(self)
            self.server.shutdown()
            self.server.server_close()


class HttpReceiver(Listener):
    """Takes what is posted: (path, headers, decoded JSON), by `hook` if there is one, and keeps it in `received`."""

    def __init__(self, world, hook=None):
        self.received = received = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if hook is not None:  # before anybody who waits for it finds it
                    hook(self.path, self.headers, body)
                received.append((self.path, self.headers, body))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        super().__init__(world, "http receiver", http.server.ThreadingHTTPServer, Handler)

    def bodies(self, path):
        return [body for where, _, body in list(self.received) if where == path]


class MailReceiver(Listener):
    """Takes mail by SMTP, by `hook` if there is one, and keeps it in `received`: (envelope recipients,
    email.message.EmailMessage)."""

    def __init__(self, world, hook=None):
        self.received = received = []

        class Handler(socketserver.StreamRequestHandler):
            def say(self, line):
                self.wfile.write(line.encode() + b"\r\n")

            def data(self):
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line[1:] if line.startswith(b".") else line)
                return email.message_from_bytes(b"".join(lines), policy=email.policy.default)

            def handle(self):
                recipients = []
                self.say("220 mail.example.net ESMTP")
                while line := self.rfile.readline().decode().strip():
                    verb = line.upper()
                    if verb.startswith("RCPT TO:"):
                        recipients.append(line[8:].strip("<> "))
                    if verb == "DATA":
                        self.say("354 go on")
                        mail = (recipients, self.data())
                        if hook is not None:
                            hook(*mail)
                        received.append(mail)
                        recipients = []
                    self.say("221 bye" if verb == "QUIT" else "250 ok")
                    if verb == "QUIT":
                        return

        super().__init__(world, "mail receiver", socketserver.ThreadingTCPServer, Handler)
