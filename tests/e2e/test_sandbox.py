# SPDX-License-Identifier: Apache-2.0
"""The units of config/systemd: how much they expose, and that the program does all of its work in that sandbox."""

import contextlib
import os
import re
import shutil
import socket
import subprocess

import exporter as under_test
import fakedns
import harness
import sandbox
import secure
from exporter import Exporter, config, dns_list, is_sanitized
from fakedns import TXT, FakeDns
from harness import equal, main, report, scene, wait
from secure import SecureExporter
from servers import find_program

FOLDER = os.path.dirname(sandbox.UNIT)
ZONE = "bl.example.net"
LISTED, RANGE, SEEN = "192.0.2.1", "198.51.100.0/24", "203.0.113.5"
EXPOSURE = 15  # tenths: the most that is promised
SIGSYS = 31
BAD = "lists: [\n"
MAIL = f"""From: mailer-daemon@example.com
Subject: Undelivered
Content-Type: text/plain

554 5.7.1 Service unavailable; Client host [{LISTED}] blocked using {ZONE}
"""


def analyze(*arguments):
    """What systemd-analyze says."""
    command = [find_program("systemd-analyze"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=harness.LIMIT_S, check=False)
    return done.returncode, done.stdout + done.stderr


def security(path):
    return analyze("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", path)


@scene
def units(world):
    with open(sandbox.UNIT, encoding="utf-8") as file:
        unit = file.read()
    with world.case("the unit exposes no more than is promised"):
        code, said = security(sandbox.UNIT)
        equal(code, 0, said)
        print("#", re.search(r"Overall exposure.*?: [0-9.]+", said)[0], flush=True)
    with world.case("and less protection would be noticed"):
        path = world.write("rbl_exporter.service", re.sub("(?m)^(SystemCallFilter|PrivateUsers|ProtectSystem)=.*", "", unit))
        equal(security(path)[0], 1)
    with world.case("systemd understands every line of the service, of the socket and of what belongs to both"):
        folder = world.path("units")
        shutil.copytree(FOLDER, folder)
        for name in ("rbl_exporter.service", "rbl_exporter.service.d/socket.conf"):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            assert "=/usr/bin/rbl_exporter " in text, text
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace("=/usr/bin/rbl_exporter ", f"={under_test.BINARY} "))
        names = [os.path.join(folder, "rbl_exporter" + end) for end in (".service", ".socket")]
        equal([line for line in analyze("verify", "--man=no", *names)[1].splitlines() if "rbl_exporter" in line], [])
        with open(names[0], "a", encoding="utf-8") as file:
            file.write("[Service]\nProtectSistem=strict\n")
        assert "ProtectSistem" in analyze("verify", "--man=no", *names)[1]
    with world.case("the program knows the flags that it is started with"):
        for text in (unit, open(os.path.join(FOLDER, "rbl_exporter.service.d", "socket.conf"), encoding="utf-8").read()):
            for flags in re.findall("^ExecStart=/usr/bin/rbl_exporter (.*)$", text, re.M):
                code, _, said = under_test.run(*flags.split(), "--config.check", "--web.nonsense")
                assert code == 2 and "web.nonsense" in said, said


def some_over_tcp(server, query):
    """Verdicts of one address and the SPF record have to be asked for over TCP."""
    large = query.ip is None if query.kind == TXT else query.ip == LISTED
    return (fakedns.truncated if large else fakedns.sound)(server, query)


class Guarded(SecureExporter):
    """The daemon with TLS and a password, as a user who may write nothing but `folder`, by way of `wrapper`."""

    def __init__(self, world, folder, text, wrapper, flags=(), **keys):
        super().__init__(world, text, flags, wrapper=wrapper, storage=os.path.join(folder, "data"), **keys)


class Stage:
    """What a run needs: a list that is asked over TCP as well, certificates, a folder that is the daemon's own."""

    def __init__(self, world):
        self.world = world
        self.dns = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"], "198.51.100.7": ["127.0.0.2"]}, behave=some_over_tcp)
        self.dns.texts[LISTED] = "listed, see https://example.net/"
        self.folder = world.path("own")
        os.mkdir(self.folder)
        self.senders = world.write("senders.txt", "")
        secure.write_web_config(world)
        if os.geteuid() == 0:
            for path in (self.folder, world.path("server.key")):
                os.chown(path, sandbox.NOBODY, sandbox.NOBODY)

    def text(self, **more):
        groups = [
            {"name": "single", "addresses": [LISTED, "192.0.2.2"]},
            {"name": "range", "ranges": [RANGE], "only_ptr": "*.example.net"},
            {"name": "files", "files": [self.senders]},
            {"name": "spf", "spf": "spf.example.net"},
        ]
        return config([dns_list("bl", ZONE)], groups, [self.dns.endpoint], **more)


def first_life(stage, wrapper):
    """From the start on an empty folder to SIGTERM, with all that can be asked of it in between."""
    world = stage.world
    local = os.path.join(stage.folder, "web.sock")
    flags = [f"--web.listen-address=unix:{local}", "--web.listen-address=localhost:0"]
    daemon = Guarded(world, stage.folder, stage.text(), wrapper, flags)
    daemon.wait_for_value(1, "rbl_ip_listed", ip=LISTED)
    daemon.wait_for(lambda m: m.value("rbl_range_checked_addresses", range=RANGE) == 256, "a sweep")
    daemon.wait_for_value(1, "rbl_range_listed_addresses", range=RANGE)
    wait(lambda: "https://example.net/" in daemon.get(f"/api/v1/addresses/{LISTED}").text, "a reason", world=world)
    equal({query.transport for query in stage.dns.queries(ip=LISTED)}, {"udp", "tcp"}, "ways to ask")
    for path in ("/", "/config", "/api/v1/listings", "/api/v1/lists", f"/?address={LISTED}"):
        equal(daemon.get(path).status, 200, path)
    equal(daemon.get("/metrics", Accept_Encoding="gzip").headers["content-encoding"], "gzip")
    response = daemon.get("/probe?target=192.0.2.77", X_Prometheus_Scrape_Timeout_Seconds="60")
    assert "probe_success 1" in response.text, response.text
    for kind in ("text/plain", "message/rfc822"):
        response = daemon.request("POST", "/api/v1/bounces", {"Content-Type": kind}, MAIL.encode())
        equal(response.status, 200, response.text)
        assert LISTED in response.text and '"confirmed"' in response.text, response.text
    equal(daemon.request("GET", "/metrics", {"Authorization": "Basic eDp5"}).status, 401)
    world.write("senders.txt", f"{SEEN}\n")
    daemon.wait_for_value(0, "rbl_ip_listed", group="files", ip=SEEN)
    equal(daemon.reload(BAD).status, 500)
    equal(daemon.reload(stage.text(storage={"history": "30d"})).status, 200)
    daemon.hang_up(stage.text())
    with socket.create_connection((daemon.host, daemon.port)) as plain:
        plain.settimeout(harness.LIMIT_S)
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")  # no TLS at all
        with contextlib.suppress(ConnectionResetError):
            while plain.recv(4096):
                pass
    equal(daemon.metrics().value("rbl_storage_up"), 1)
    daemon.stop()


def second_life(stage, wrapper):
    """On what the first has kept, served on sockets of systemd."""
    listening = socket.create_server((harness.take_address(), 0))

    def hand_over():
        os.dup2(listening.fileno(), 50)  # were it 3 already, it would be closed in the new process
        os.dup2(50, 3)

    shell = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh"]
    options = {"preexec_fn": hand_over, "close_fds": False, "serves": False}
    daemon = Guarded(stage.world, stage.folder, stage.text(), [*shell, *wrapper], ["--web.systemd-socket"], **options)
    daemon.host, daemon.port = listening.getsockname()
    wait(daemon.is_healthy, daemon.log_tail, world=stage.world)
    equal(daemon.metrics().value("rbl_ip_listed", ip=LISTED, group="single"), 1)
    daemon.stop()
    listening.close()


@scene
def under_the_filter(world):
    if is_sanitized():
        report("the program does its work in the sandbox of the unit", skipped="sanitizers use calls of their own")
        return
    stage = Stage(world)
    wrapper = sandbox.wrapper(stage.folder)
    with world.case("the program does its work in the sandbox of the unit"):
        first_life(stage, wrapper)
    with world.case("and again on what it has kept, on a socket of systemd"):
        second_life(stage, wrapper)
    with world.case("a filter that is too narrow ends it"):
        daemon = Guarded(world, stage.folder, stage.text(), sandbox.wrapper(stage.folder, "fdatasync", "fsync"), serves=False)
        wait(lambda: daemon.poll() is not None, "its end", pause=0.1)
        equal(daemon.poll(), -SIGSYS)
        daemon.kill()


def summary(path):
    """The system calls in a summary of strace -c; None until it is whole."""
    with open(path, encoding="utf-8") as file:
        rows = [line.split() for line in file]
    calls = {row[-1] for row in rows if len(row) >= 4 and row[0].replace(".", "").isdigit()}
    return calls - {"total"} if "total" in calls else None


@scene
def system_calls(world):
    if is_sanitized():
        report("the filter of the unit lets through what the program asks the system for", skipped="sanitizers")
        return
    stage = Stage(world)
    # A user without privileges has to be able to get there.
    program = shutil.copy(under_test.BINARY, world.path("rbl_exporter"))
    os.chmod(program, 0o755)
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    used = set()
    with world.case("the filter of the unit lets through what the program asks the system for"):
        for life in (first_life, second_life):
            path = world.path(f"calls_{life.__name__}")
            # -D: it is strace's father, not its child.
            strace = [find_program("strace"), "-D", "-f", "-qq", "-c", "-o", path, *user]
            life(stage, strace)
            used |= wait(lambda path=path: summary(path), "a summary of strace", world=world)
        print(f"# {len(used)} system calls: {' '.join(sorted(used))}", flush=True)
        for call in ("sendto", "fdatasync", "inotify_add_watch", "accept4", "setpriority"):
            assert call in used, f"{call} was not seen: {sorted(used)}"
        equal(used - sandbox.Unit().calls(), set(), "calls that the filter does not let through")


def systemctl(*arguments):
    command = ["systemctl", "--no-ask-password", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=harness.LIMIT_S, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


@scene
def under_systemd(world):
    what = "systemd starts, reloads and stops the service in its sandbox"
    if os.geteuid() != 0 or not os.path.isdir("/run/systemd/system"):
        report(what, skipped="needs root, and systemd as the first process")
        return
    name = f"rbl_exporter_test_{os.getpid()}"
    program, unit = f"/usr/local/bin/{name}", f"/run/systemd/system/{name}.service"
    address = harness.take_address()
    port = harness.free_port(address)
    with open(sandbox.UNIT, encoding="utf-8") as file:
        text = re.sub("(?m)^(User|Group)=.*\n", "", file.read()).replace("rbl_exporter", name)
    text = text.replace("ConfigurationDirectoryMode=0750", "ConfigurationDirectoryMode=0755")
    text = text.replace(f"/usr/bin/{name}", f"{program} --web.listen-address={address}:{port}")
    text = text.replace("[Install]", "DynamicUser=yes\n[Install]")
    with world.case(what), contextlib.ExitStack() as stack:
        stack.callback(systemctl, "daemon-reload")
        stack.callback(shutil.rmtree, f"/etc/{name}", True)
        for path in (program, unit):
            stack.callback(lambda path=path: os.path.exists(path) and os.remove(path))
        shutil.copy(under_test.BINARY, program)
        os.makedirs(f"/etc/{name}", mode=0o755)
        server = FakeDns(world, ZONE)
        settings = config([dns_list("bl", ZONE)], [{"name": "single", "addresses": [LISTED]}], [server.endpoint])
        for path, content in ((unit, text), (f"/etc/{name}/{name}.yml", settings)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
        systemctl("daemon-reload")
        systemctl("start", name)
        stack.callback(systemctl, "clean", "--what=state", name)
        stack.callback(systemctl, "stop", name)
        wait(lambda: _answers(address, port), "an answer")
        systemctl("reload", name)
        wait(lambda: _answers(address, port), "an answer")
        equal(systemctl("show", "--property=NRestarts", "--value", name).strip(), "0")
        systemctl("stop", name)
        equal(systemctl("show", "--property=Result", "--value", name).strip(), "success")


def _answers(address, port):
    try:
        with socket.create_connection((address, port), harness.LIMIT_S) as tcp:
            tcp.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return tcp.recv(100).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


main()
