# SPDX-License-Identifier: Apache-2.0
"""The exporter under test, its configuration, and what it serves."""

import json
import os
import re
import signal
import socket
import subprocess

import harness

BINARY = os.path.abspath(os.environ.get("RBL_EXPORTER", os.path.join(harness.TOP, "build", "rbl_exporter")))
OPENMETRICS = "application/openmetrics-text; version=1.0.0"

_SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)')
_PAIR = re.compile(r'([a-z][a-z0-9_]*)=("(?:[^"\\]|\\.)*"|\S*)')
_ESCAPE = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


def is_sanitized():
    """Whether the binary was built with a sanitizer: slower, and not to be measured."""
    if os.environ.get("RBL_SANITIZED") == "1":
        return True
    with open(BINARY, "rb") as file:
        program = file.read()
    return b"__asan_init" in program or b"__tsan_init" in program


def dns_list(name, zone, **keys):
    """A list as the tests want it: as fast as it may, tested every second."""
    return {"name": name, "zone": zone, "budget": {"rate": "unlimited"}, "self_test": {"interval": "1s"}, **keys}


def config(lists, groups, nameservers, resolver=None, **top):
    """A configuration as text; JSON is YAML."""
    resolver = {"nameservers": nameservers, "timeout": "500ms", "attempts": 2, **(resolver or {})}
    defaults = {"interval": "1s", "sweep_interval": "1h", **top.pop("defaults", {})}
    return json.dumps({"resolver": resolver, "defaults": defaults, "lists": lists, "groups": groups, **top}, indent=1)


class Metrics:
    """What a scrape gave."""

    def __init__(self, text):
        self.text = text
        self.samples = {}
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            match = _SAMPLE.match(line)
            assert match, f"no sample: {line!r}"
            name, labels, value = match.groups()
            pairs = {k: re.sub(r"\\.", lambda e: _ESCAPE[e[0]], v) for k, v in _LABEL.findall(labels or "")}
            self.samples.setdefault(name, []).append((pairs, float(value)))

    def all(self, name, **labels):
        """The samples of `name` that have these labels: [(all labels, value)]."""
        return [s for s in self.samples.get(name, []) if all(s[0].get(k) == v for k, v in labels.items())]

    def value(self, name, **labels):
        """The value of the one sample that has these labels, None if there is none."""
        found = self.all(name, **labels)
        assert len(found) < 2, f"{name}{labels}: {len(found)} samples"
        return found[0][1] if found else None

    def state(self, name):
        """The state of list `name`."""
        states = [labels["state"] for labels, value in self.all("rbl_list_state", list=name) if value == 1]
        assert len(states) == 1, f"list {name} is in states {states}"
        return states[0]


class Response:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        parts = lines[0].split(" ", 2)
        assert parts[0].startswith("HTTP/1."), f"no HTTP response: {raw[:80]!r}"
        self.status = int(parts[1])
        self.headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        if self.headers.get("transfer-encoding") == "chunked":
            self.body = _unchunk(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8")


def _unchunk(body):
    out = b""
    while True:
        size, _, rest = body.partition(b"\r\n")
        n = int(size, 16)
        if n == 0:
            return out
        out += rest[:n]
        body = rest[n + 2 :]


def alone(arguments):
    """The arguments of a command that asks no exporter that somebody else may have started on this machine."""
    asks = any(argument in ("check", "bounce") for argument in arguments)
    return [*arguments] if not asks or any("--send" in argument for argument in arguments) else ["--send=none", *arguments]


def run(*arguments, limit=harness.LIMIT_S, **options):
    """The exporter as a command that ends by itself: (exit code, standard output, standard error)."""
    arguments = alone(arguments)
    done = subprocess.run(
        [BINARY, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=limit,
        **options,
    )
    for alarm in harness.ALARMS:
        assert alarm.encode() not in done.stderr, done.stderr.decode("utf-8", "replace")
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


class Exporter(harness.Process):
    """The daemon with a configuration of the test; waits until it serves and, unless told otherwise, is ready.

    Each has a store of its own, unless it is given the folder of another one, and an address of its own, unless it
    is given that of one that has ended.
    """

    program = BINARY
    credentials = ""  # a line of the header, for who has to have some

    def __init__(self, world, config_text, flags=(), ready=True, serves=True, wrapper=(), storage=None, host=None, **popen):
        self.storage = storage or world.fresh_folder("storage")
        self.config_path = world.write("exporter.yml", config_text)
        self.host = host or harness.take_address()
        self.port = harness.free_port(self.host)
        address = f"--web.listen-address={self.host}:{self.port}"
        keep = f"--storage.path={self.storage}"
        super().__init__(
            world, "exporter", [*wrapper, self.program, f"--config.file={self.config_path}", address, keep, *flags], **popen
        )
        if serves:
            harness.wait(self.is_healthy, lambda: "the exporter serves\n" + self.log_tail(), world=world)
        if serves and ready:
            harness.wait(self.is_ready, lambda: "the exporter is ready\n" + self.log_tail(), world=world)

    def is_healthy(self):
        try:
            return self.get("/-/healthy").status == 200
        except OSError:
            return False

    def is_ready(self):
        return self.get("/-/ready").status == 200

    @property
    def endpoint(self):
        return f"{self.host}:{self.port}"

    def connect(self, timeout=20, source=None):
        return socket.create_connection((self.host, self.port), timeout, source and (source, 0))

    def send(self, raw, timeout=20):
        """Sends bytes as they are; the response, or None if the server closed without one."""
        with self.connect(timeout) as tcp:
            try:
                tcp.sendall(raw)
            except OSError:  # it may have answered before it has read all
                pass
            received = b""
            try:
                while chunk := tcp.recv(65536):
                    received += chunk
            except ConnectionResetError:
                pass
        return Response(received) if received else None

    def request(self, method, path, headers=None, body=b""):
        headers = {"Host": self.endpoint, "Connection": "close", **(headers or {})}
        if body or method == "POST":
            headers.setdefault("Content-Length", str(len(body)))
        head = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        response = self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        assert response, f"{method} {path}: no response"
        return response

    def get(self, path, **headers):
        return self.request("GET", path, {key.replace("_", "-"): value for key, value in headers.items()})

    def metrics(self):
        response = self.get("/metrics")
        assert response.status == 200, f"/metrics: {response.status}"
        return Metrics(response.text)

    def wait_for(self, condition, what, limit=harness.LIMIT_S):
        """Scrapes until `condition(metrics)` is true, and returns those metrics."""
        last = []

        def look():
            last[:] = [self.metrics()]
            return condition(last[0]) and last[0]

        def describe():
            text = "\n".join(line for line in last[0].text.splitlines() if line.startswith(("rbl_list_s", "rbl_ip_l")))
            return f"{what}\n{text[:4000]}\n{self.log_tail()}"

        return harness.wait(look, describe, limit, self.world, pause=0.1)

    def wait_for_value(self, expected, name, **labels):
        return self.wait_for(lambda m: m.value(name, **labels) == expected, f"{name}{labels} is {expected}")

    def wait_for_state(self, expected, name):
        return self.wait_for(lambda m: m.state(name) == expected, f"list {name} is {expected}")

    def wait_for_looks(self, *names, more=10):
        """Waits until each list has been asked `more` more queries, so that it had the time to change its mind."""
        before = self.metrics()
        goal = {name: before.value("rbl_list_queries_total", list=name) + more for name in names}
        return self.wait_for(
            lambda m: all(m.value("rbl_list_queries_total", list=name) >= goal[name] for name in names),
            f"{more} more queries to {names}",
        )

    def messages(self, message=None):
        """The lines of the log as dictionaries, all or those with this msg."""
        lines = []
        whole, _, _being_written = self.log().rpartition("\n")
        for line in whole.split("\n"):
            pairs = {k: json.loads(v) if v.startswith('"') else v for k, v in _PAIR.findall(line)}
            if "msg" in pairs and (message is None or pairs["msg"] == message):
                lines.append(pairs)
        return lines

    def wait_for_message(self, message, **pairs):
        def look():
            return [m for m in self.messages(message) if all(m.get(k) == v for k, v in pairs.items())]

        return harness.wait(look, lambda: f"log line {message!r} {pairs}\n{self.log_tail()}", world=self.world)[-1]

    def reload(self, config_text):
        """POST /-/reload with a new configuration in place; the response."""
        self.world.write("exporter.yml", config_text)
        return self.request("POST", "/-/reload")

    def hang_up(self, config_text=None):
        """SIGHUP; waits until the reload is done, well or not."""
        if config_text is not None:
            self.world.write("exporter.yml", config_text)
        n_before = self.n_reloads()
        self.send_signal(signal.SIGHUP)
        harness.wait(lambda: self.n_reloads() > n_before, lambda: f"a reload\n{self.log_tail()}", world=self.world)

    def n_reloads(self):
        endings = ("configuration reloaded", "configuration not reloaded: the old one keeps running")
        return sum(m["msg"] in endings for m in self.messages())
