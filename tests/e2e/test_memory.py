# SPDX-License-Identifier: Apache-2.0
"""Memory that runs out: allocations of the whole process, libraries included, fail once or for ever.

In each phase some dozens of its allocations fail, one after the other; with RBL_ALLOCATIONS=all every single one does
(`make soak SOAK=allocations`). What does not end within its limit hangs; what ends by a signal has crashed.
"""

import base64
import gzip
import json
import os
import resource
import signal
import ssl
import subprocess
import time
import warnings

import harness
from allocations import ALL, LIBRARY, Allocations, spread
from exporter import BINARY, Exporter, Metrics, Response, config, dns_list, is_sanitized
from fakedns import FakeDns
from harness import equal, main, scene, wait
from tls import self_signed

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

ZONE = "bl.example.net"
LISTED, CLEAN = "192.0.2.1", "192.0.2.2"
RANGE = "198.51.100.0/28"
IN_RANGE = {f"198.51.100.{n}" for n in range(3, 16, 4)}
EXIT_S = 20  # of SIGTERM; 2 are promised, to a machine that has nothing else to do
MODES = (("once", False), ("for ever", True))
KEYS = ("rbl_ip_listed", "rbl_range_ip_listed", "rbl_range_addresses", "rbl_list_state")
TRANSITIONS = ("rbl_ip_listings_total", "rbl_ip_delistings_total", "rbl_range_listings_total", "rbl_range_delistings_total")


def server_of(world):
    return FakeDns(world, ZONE, {ip: ["127.0.0.2"] for ip in {LISTED, *IN_RANGE}})


def settings(server, name="singles", **defaults):
    groups = [
        {"name": name, "addresses": [LISTED, CLEAN]},
        {"name": "ranges", "ranges": [RANGE], "sweep_interval": "1s"},
    ]
    defaults = {"interval": "1h", **defaults}
    return config([dns_list("bl", ZONE, self_test={"interval": "1s"})], groups, [server.endpoint], defaults=defaults)


def truth(metrics):
    """What tells of listings, as it should be."""
    found = {labels["ip"]: value for labels, value in metrics.all("rbl_ip_listed")}
    listed = {labels["ip"] for labels, value in metrics.all("rbl_range_ip_listed") if value == 1}
    return found == {LISTED: 1, CLEAN: 0} and listed == IN_RANGE


def demand_no_falsehood(metrics):
    """Nothing false; what is not known may be missing."""
    found = {labels["ip"]: value for labels, value in metrics.all("rbl_ip_listed")}
    for ip, value in found.items():
        equal(value, {LISTED: 1, CLEAN: 0}[ip], f"rbl_ip_listed of {ip}")
    for labels, _ in metrics.all("rbl_range_ip_listed"):
        assert labels["ip"] in IN_RANGE, f"falsely listed: {labels}"
    for name in TRANSITIONS:
        assert all(value == 0 for _, value in metrics.all(name)), metrics.all(name)


def series(metrics):
    return {(name, tuple(sorted(labels.items()))) for name in metrics.samples for labels, _ in metrics.samples[name]}


class Daemon(Exporter):
    """An exporter whose allocations fail when they are told to."""

    def __init__(self, world, text, *arguments, **options):
        self.allocations = Allocations(world)
        super().__init__(world, text, *arguments, env=self.allocations.env, **options)
        wait(self.allocations.has_owner, "the library that counts allocations is in the program", world=world)

    def try_get(self, path="/metrics", method="GET", body=b"", **headers):
        """The response; None: the connection ended without a whole one, which no client takes for an answer."""
        headers = {"Host": self.endpoint, "Connection": "close", "Content-Length": str(len(body)), **headers}
        head = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in headers.items())
        try:
            response = self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body, timeout=harness.LIMIT_S)
        except TimeoutError as error:
            raise AssertionError(f"{method} {path}: no answer, and no end of the connection") from error
        except (OSError, AssertionError):
            return None
        whole = response and len(response.body) == int(response.headers.get("content-length", len(response.body)))
        return response if whole else None

    def recover(self, path="/-/healthy"):
        """There is memory again: it has to serve."""
        self.allocations.end()
        self.world.check_alive()
        response = self.try_get(path)
        if response is None or response.status != 200:  # who was let in while there was none may still be in the way
            wait(lambda: (r := self.try_get(path)) and r.status == 200, self.log_tail, world=self.world)

    def demand_quick_end(self):
        """SIGTERM, with things as they are."""
        self.send_signal(signal.SIGTERM)
        wait(lambda: self.poll() is not None, lambda: f"the end after SIGTERM\n{self.log_tail()}", limit=EXIT_S)
        code = self.poll()
        self.kill()
        equal(code, 0, f"exit code\n{self.log_tail()}\nexit code")


def demand_none(bad):
    assert not bad, f"{len(bad)} went wrong:\n" + "\n".join(bad[:20])


def counted(allocations, action):
    """How many allocations `action` takes."""
    allocations.count_from_here()
    action()
    return allocations.count


def each(daemon, action, few, check, count=None):
    """Lets allocations of `action` fail, and checks what it returned, with memory again."""
    n = max(counted(daemon.allocations, count or action) for _ in range(3))
    bad = []
    for word, for_ever in MODES:
        for number in spread(n, few):
            daemon.allocations.fail(number, for_ever)
            try:
                result = action()
                daemon.recover()
                check(result)
            except Exception as error:
                bad.append(f"allocation {number} of {n}, {word}: {error}\n{daemon.log_tail()}")
                daemon.world.check_alive()
    print(f"# {n} allocations", flush=True)
    demand_none(bad)


# ---- a web server with TLS and a password ----


def secure(world):
    """Flags of such a web configuration."""
    self_signed(world.path("web.pem"), world.path("web.key"))
    user = crypt.crypt("pass", "$2b$04$abcdefghijklmnopqrstuu")
    lines = [f"  {key}_file: {world.path('web.' + end)}" for key, end in (("cert", "pem"), ("key", "key"))]
    text = "\n".join(["tls_server_config:", *lines, "basic_auth_users:", f"  user: {user}", ""])
    return [f"--web.config.file={world.write('web.yml', text)}"]


class SecureDaemon(Daemon):
    token = base64.b64encode(b"user:pass").decode()

    def connect(self, timeout=20, source=None):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        tcp = super().connect(timeout, source)
        try:
            return context.wrap_socket(tcp)
        except BaseException:
            tcp.close()
            raise

    def try_get(self, path="/metrics", method="GET", body=b"", **headers):
        return super().try_get(path, method, body, Authorization=f"Basic {self.token}", **headers)

    def request(self, method, path, headers=None, body=b""):
        response = self.try_get(path, method, body, **(headers or {}))
        if response is None:
            raise ConnectionError(f"{method} {path}: no response")
        return response


# ---- sweeps ----


def told(metrics):
    """How much could not be done, by the counters."""
    return sum(value for _, value in metrics.all("rbl_list_query_failures_total"))


def play_sweeps(world, word, for_ever):
    server = server_of(world)
    daemon = Daemon(world, settings(server, confirm=1))
    daemon.wait_for(truth, "the truth")

    def sweep(metrics=None):
        """Waits until one more sweep is done."""
        last = lambda m: m.value("rbl_range_sweep_last_completion_timestamp_seconds", range=RANGE)
        before = last(metrics or daemon.metrics())
        return daemon.wait_for(lambda m: last(m) != before, "another sweep")

    sweep()
    n = counted(daemon.allocations, lambda: time.sleep(1.5))  # one sweep, and no scrapes
    with world.case(f"in a sweep an allocation fails {word}: nothing false, and the next one is whole"):
        bad = []
        told_before = told(daemon.metrics())
        for number in spread(n, 4):
            daemon.allocations.fail(number, for_ever)
            asked = len(server.seen)
            try:
                wait(lambda: daemon.allocations.failed > 0, lambda: f"failure\n{daemon.log_tail()}", world=world, pause=0.002)
                time.sleep(0.02 if for_ever else 0)
                daemon.recover()
                demand_no_falsehood(daemon.metrics())
                wait(lambda: len(server.seen) > asked, "more queries", world=world)
            except Exception as error:
                bad.append(f"allocation {number} of {n}: {error}\n{daemon.log_tail()}")
                world.check_alive()
        print(f"# {n} allocations of a sweep", flush=True)
        demand_none(bad)
        metrics = daemon.wait_for_state("ok", "bl")
        assert not for_ever or told(metrics) > told_before, "nothing tells of what could not be asked"
        metrics = sweep(sweep(metrics))
        assert truth(metrics), metrics.text
        demand_no_falsehood(metrics)


@scene
def a_sweep(world):
    play_sweeps(world, *MODES[0])


@scene
def a_sweep_without_memory(world):
    play_sweeps(world, *MODES[1])


# ---- start ----


class Start(SecureDaemon):
    """A daemon in the middle of its start, with all that a start can have, on the same store as those before."""

    def __init__(self, world, place, text, flags, allocations):
        self.host, self.port = place
        self.allocations = allocations
        path = world.write("exporter.yml", text)
        address = f"--web.listen-address={self.host}:{self.port}"
        flags = [BINARY, f"--config.file={path}", f"--storage.path={world.path('storage')}", address, *flags]
        if os.path.exists(world.path("exporter.log")):
            os.unlink(world.path("exporter.log"))
        allocations.adopt_next()
        harness.Process.__init__(self, world, "exporter", flags, env=allocations.env)

    def has_started(self):
        """Or has ended."""
        return self.poll() is not None or bool(self.messages("rbl_exporter started"))


@scene
def at_start(world):
    server = server_of(world)
    world.write("more.txt", "192.0.2.7\n198.51.100.128/30\n")
    groups = [
        {"name": "singles", "addresses": [LISTED, CLEAN], "files": [world.path("more.txt")]},
        {"name": "ranges", "ranges": [RANGE], "only_ptr": "*.example.net"},
    ]
    text = config([dns_list("bl", ZONE)], groups, [server.endpoint], bounces={"keep": "1d"})
    flags = secure(world)
    allocations = Allocations(world)
    host = harness.take_address()
    place = (host, harness.free_port(host))

    def begin(number, for_ever):
        allocations.fail(number, for_ever)
        daemon = Start(world, place, text, flags, allocations)
        wait(daemon.has_started, lambda: f"a start or an end\n{daemon.log_tail()}", pause=0.002)
        return daemon

    def judge(daemon):
        """1 and a word why, or it serves; whether it serves."""
        if daemon.poll() is not None:
            equal(daemon.poll(), 1, "exit code")
            said = [m for m in daemon.messages() if m["level"] == "error" and "errors are above" not in m["msg"]]
            assert said, f"no word of what happened: {daemon.log()!r}"
            daemon.kill()
            return False
        daemon.recover()
        daemon.demand_quick_end()
        return True

    for _ in range(2):
        daemon = begin(0, False)
        n = allocations.count
        assert judge(daemon), "the start without failures"
    for word, for_ever in MODES:
        with world.case(f"at start an allocation fails {word}: it ends with 1 and says why, or serves"):
            served = 0
            bad = []
            numbers = spread(n, 16)
            for number in numbers:
                daemon = begin(number, for_ever)
                try:
                    served += judge(daemon)
                except AssertionError as error:
                    bad.append(f"allocation {number} of {n}: {error}\n{daemon.log()}")
                    daemon.kill()
            print(f"# {word}: {len(numbers)} of {n} allocations of a start, {served} served", flush=True)
            demand_none(bad)


# ---- scrapes ----


def check_page(reference, whole):
    """A function that judges a response: an error, or all that there is."""

    def check(response):
        if response is None or response.status in (500, 503):
            return
        equal(response.status, 200, "status")
        body = response.body
        if response.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        whole(reference, body.decode())

    return check


def same_series(reference, text):
    metrics = Metrics(text)
    missing = reference - series(metrics)
    assert not missing, f"series are missing: {sorted(missing)[:5]}"
    assert truth(metrics), f"not the truth:\n{text}"


def same_listings(reference, text):
    equal({item["ip"] for item in json.loads(text)["listings"]}, reference, "listings")


def same_page(_, text):
    assert text.rstrip().endswith("</html>") and text.count(LISTED) > 0, text[-200:]


def play_scrapes(world, daemon, few, most):
    metrics = daemon.wait_for(truth, "the truth")
    reference = series(metrics)
    listed = {LISTED, *IN_RANGE}
    asked = (
        ("/metrics", {}, check_page(reference, same_series)),
        ("/metrics", {"Accept_Encoding": "gzip"}, check_page(reference, same_series)),
        ("/", {}, check_page(None, same_page)),
        ("/api/v1/listings", {}, check_page(listed, same_listings)),
    )
    for path, headers, check in asked[:most]:
        with world.case(f"a request of {path} {'compressed ' if headers else ''}is an error or whole, and then served"):
            each(daemon, lambda: daemon.try_get(path, **headers), few, check)
    with world.case("nothing false has come of it"):
        demand_no_falsehood(daemon.wait_for(truth, "the truth afterwards"))


@scene
def a_scrape(world):
    server = server_of(world)
    play_scrapes(world, Daemon(world, settings(server)), 12, 4)


@scene
def a_scrape_over_tls(world):
    server = server_of(world)
    play_scrapes(world, SecureDaemon(world, settings(server), secure(world)), 6, 1)


# ---- reloads ----


@scene
def a_reload(world):
    server = server_of(world)
    texts = {name: settings(server, name, interval=interval) for name, interval in (("one", "1h"), ("two", "2h"))}
    daemon = Daemon(world, texts["one"])
    daemon.wait_for(truth, "the truth")
    runs = ["one"]

    def other():
        return "two" if runs[0] == "one" else "one"

    def reload():
        world.write("exporter.yml", texts[other()])
        return daemon.try_get("/-/reload", "POST")

    def check(response):
        """Whole, or not at all, whatever was heard of it."""
        metrics = daemon.metrics()
        groups = {labels["group"] for labels, _ in metrics.all("rbl_ip_listed")}
        assert groups in ({"one"}, {"two"}), f"groups {groups}"
        done = groups != {runs[0]}
        if response is not None and response.status != 503:
            equal(response.status, 200 if done else 500, "status")
        assert truth(metrics), f"the truth has been lost:\n{metrics.text}"
        demand_no_falsehood(metrics)
        runs[0] = groups.pop()

    def count():
        check(reload())

    with world.case("a reload while allocations fail is whole, or the old configuration stays"):
        each(daemon, reload, 28, check, count)
    with world.case("a reload with memory again is whole"):
        equal(reload().status, 200)


# ---- bounces, and the end ----

BOUNCE = f"554 5.7.1 Service unavailable; Client host [{LISTED}] blocked using {ZONE}\n".encode()


@scene
def bounces(world):
    server = server_of(world)
    daemon = Daemon(world, settings(server))
    daemon.wait_for(truth, "the truth")
    mail = b"From: a@example.net\nSubject: x\nContent-Type: text/plain; charset=iso-8859-1\n\n" + BOUNCE

    def post():
        # Twenty at once are taken, then one a second; a restart of its own would take longer.
        response = daemon.try_get("/api/v1/bounces", "POST", mail, Content_Type="message/rfc822")
        if response is not None and response.status == 429:
            time.sleep(1)
            return post()
        return response

    def check(response):
        assert response is None or response.status in (200, 422, 500, 503), response.status
        if response is not None and response.status == 200:
            equal([b["address"] for b in json.loads(response.text)["bounces"]], [LISTED], "addresses")

    with world.case("a bounce while allocations fail is read whole or refused"):
        each(daemon, post, 6, check)


@scene
def reading_a_bounce(world):
    """The process of its own in which GMime reads: GLib ends that when memory runs out."""
    mail = b"From: a@example.net\nSubject: x\nContent-Type: text/plain; charset=iso-8859-1\n\n" + BOUNCE
    allocations = Allocations(world)

    def read(*words):
        allocations.adopt_next()
        command = [BINARY, *words]
        done = subprocess.run(
            command, input=mail, capture_output=True, env={**os.environ, **allocations.env}, timeout=harness.LIMIT_S
        )
        return done.returncode, done.stdout

    commands = (["read-bounces", "message"], ["--send=none", "--output=json", "bounce", "--no-check"])
    for words in commands:
        n = counted(allocations, lambda: read(*words))
        _, whole = read(*words)
        with world.case(f"{words[-1]}: an allocation fails: read whole, or 75, for another time it may be read"):
            bad = []
            for number in spread(n, 24):
                allocations.fail(number)
                code, output = read(*words)
                if (code, output) != (0, whole) and code != 75:
                    bad.append(f"allocation {number} of {n}: {code} {output!r}")
            print(f"# {n} allocations", flush=True)
            demand_none(bad)


@scene
def the_end(world):
    server = server_of(world)
    for word, first in (("from its beginning", 1), ("and so do those before it", 0)):
        with world.case(f"SIGTERM ends it in time while all allocations fail {word}"):
            daemon = Daemon(world, settings(server))
            daemon.wait_for(truth, "the truth")
            daemon.allocations.fail(1, True)
            if first == 0:
                for _ in range(20):
                    daemon.try_get()
            daemon.demand_quick_end()
    with world.case("an allocation fails between SIGTERM and the end: it ends all the same"):
        for number in range(1, 40, 1 if ALL else 13):
            daemon = Daemon(world, settings(server), ready=False)
            daemon.allocations.fail(number)
            daemon.demand_quick_end()


@scene
def address_space(world):
    server = server_of(world)
    daemon = Exporter(world, settings(server))
    metrics = daemon.wait_for(truth, "the truth")
    with world.case("a limit of address space makes a large reload fail whole, and costs nothing else"):
        used = int(metrics.value("process_virtual_memory_bytes"))
        resource.prlimit(daemon.pid, resource.RLIMIT_AS, (used + (4 << 20), resource.RLIM_INFINITY))
        large = json.loads(settings(server, "large"))
        large["groups"][1]["ranges"] = [f"10.{n}.0.0/16" for n in range(128)]
        equal(daemon.reload(json.dumps(large)).status, 500)
        metrics = daemon.metrics()
        assert truth(metrics), metrics.text
        equal(metrics.value("rbl_exporter_config_last_reload_successful"), 0)
    with world.case("and without the limit it is whole"):
        resource.prlimit(daemon.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        equal(daemon.reload(json.dumps(large)).status, 200)


if is_sanitized():
    harness.report("allocations fail", skipped="a sanitizer has allocations of its own")
    raise SystemExit(0)
main()
