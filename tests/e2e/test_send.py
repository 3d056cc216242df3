# SPDX-License-Identifier: Apache-2.0
"""Commands that ask a running exporter: `check` and `bounce` with --send, and the one at the default address."""

import concurrent.futures
import http.server
import json
import os
import signal
import subprocess
import sys
import time

import fakedns
import harness
from exporter import BINARY, Exporter, config, dns_list, run
from fakedns import FakeDns
from harness import equal, main, report, scene, wait
from servers import Listener

ZONE, OTHER = "bl.example.net", "other.example.net"
LISTED, CLEAN, STRANGE, STRANGE_LISTED = "192.0.2.1", "192.0.2.2", "203.0.113.7", "203.0.113.9"
GROUPS = [{"name": "singles", "addresses": [LISTED, CLEAN]}]
NONE_LISTED, SOME_LISTED, REFUSED, UNKNOWN = 0, 1, 2, 3
OK, USAGE, DATA, NO_INPUT, LATER = 0, 64, 65, 66, 75
ADDRESSES_A_MINUTE = 1024  # that an exporter checks
FAST = {"rate": "unlimited"}
BOUNCE = f"554 5.7.1 Client host [{LISTED}] blocked using {ZONE}=127.0.0.2"


def send(exporter, *arguments, place=None, **options):
    """(exit code, standard output, standard error) of a command that asks `exporter`."""
    return run(arguments[0], f"--send={place or 'http://' + exporter.endpoint}", *arguments[1:], **options)


def results(document, address):
    """By list: what it said about an address."""
    found = [entry["lists"] for entry in document["checks"] if entry["address"] == address]
    equal(len(found), 1, address)
    return {result["list"]: result for result in found[0]}


def start(world, **options):
    listed = {ip: ["127.0.0.2"] for ip in (LISTED, STRANGE_LISTED, "::ffff:7f00:2")}  # the last is a test entry
    servers = [FakeDns(world, zone, listed) for zone in (ZONE, OTHER)]
    lists = [
        dns_list("bl", ZONE, nameservers=[servers[0].endpoint], budget=FAST, delist_url="https://example.net/out"),
        dns_list("six", OTHER, nameservers=[servers[1].endpoint], budget=FAST, families=["ipv4", "ipv6"], **options),
    ]
    text = config(lists, GROUPS, [servers[0].endpoint])
    exporter = Exporter(world, text)
    for name in ("bl", "six"):
        exporter.wait_for_value(1, "rbl_ip_listed", ip=LISTED, list=name)
    return servers, exporter, text


@scene
def check_through_an_exporter(world):
    servers, exporter, text = start(world)
    with world.case("check: the exporter is asked, and what it says is told as one's own check is"):
        servers[0].texts[STRANGE_LISTED] = "seen \x1b[31mthere"
        code, out, errors = send(exporter, "check", STRANGE_LISTED)
        equal((code, errors), (SOME_LISTED, ""))
        told = out.splitlines()
        equal(told[0], f"{STRANGE_LISTED}: listed on 2 of 2 block lists")
        equal(told[1].split(), "LIST VERDICT CODES SINCE LATENCY DELISTING PAGE REASON".split())
        row = told[2].split()
        equal((row[0], row[1], row[2], row[4], row[5]), ("bl", "LISTED", "other", "ms", "https://example.net/out"))
        equal(send(exporter, "check", STRANGE)[0], NONE_LISTED)
        assert any(seen.ip == STRANGE for seen in servers[1].queries())
    with world.case("check: the JSON has what one's own has"):
        arguments = ["check", "--output=json", STRANGE, STRANGE_LISTED]
        code, out, errors = send(exporter, *arguments)
        equal((code, errors), (SOME_LISTED, ""))
        path = world.write("own.yml", text)
        own = run(*arguments, f"--config.file={path}", f"--storage.path={world.fresh_folder('own')}")
        equal(own[0], code, own[2])

        def shape(document):
            """All of it, but what time it took, and since when it was so."""
            for entry in document["checks"]:
                for result in entry["lists"]:
                    assert result.pop("latency_seconds") is None or result["verdict"] != "unknown"
                    result.pop("since")
            return document

        equal(shape(json.loads(out)), shape(json.loads(own[1])))
    with world.case("check: a configured address is told with since when it was seen"):
        code, out, _ = send(exporter, "check", "--output=json", LISTED)
        equal(code, SOME_LISTED)
        assert results(json.loads(out), LISTED)["bl"]["since"].endswith("Z"), out
    with world.case("check: a larger one is looked up by the command itself, which says so"):
        path = world.write("own.yml", text)
        storage = world.fresh_folder("own")
        code, out, errors = send(
            exporter, "check", "198.51.100.0/25", "--list=bl", f"--config.file={path}", f"--storage.path={storage}"
        )
        equal(code, NONE_LISTED)
        assert "more than 64 addresses: they are looked up by this command itself" in errors, errors
        assert os.path.exists(storage)


@scene
def check_of_many_addresses(world):
    server = FakeDns(world, ZONE, {STRANGE_LISTED: ["127.0.0.2"]})
    exporter = Exporter(world, config([dns_list("bl", ZONE)], GROUPS, [server.endpoint]))
    exporter.wait_for_value(0, "rbl_ip_listed", ip=CLEAN)
    with world.case("check: a range of 64 addresses goes through the exporter"):
        code, out, errors = send(exporter, "check", "203.0.113.0/26")
        equal((code, errors), (SOME_LISTED, ""))
        assert out.startswith("203.0.113.0/26: 64 addresses, 1 listed, 63 not listed, 0 unknown\n"), out
        assert f"  {STRANGE_LISTED}  bl    LISTED" in out, out
        assert len({seen.ip for seen in server.queries() if (seen.ip or "").startswith("203.0.113.")}) == 64
    with world.case("check: who comes when a minute's addresses are spent has to wait, and is told so"):
        others = [f"11.0.{i // 256}.{i % 256}" for i in range(ADDRESSES_A_MINUTE - 64)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda ip: exporter.get(f"/probe?target={ip}").status, others))
        equal(set(statuses), {200})
        command = [BINARY, "check", f"--send=http://{exporter.endpoint}", CLEAN, "203.0.113.99"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        line = process.stderr.readline().decode()
        assert "has checked as many addresses as it may within a minute: " in line, line
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=harness.LIMIT_S)
        assert b"interrupted" in errors, errors
        equal(process.returncode, UNKNOWN)


@scene
def what_check_does_not_do(world):
    servers, exporter, _ = start(world, self_test={"interval": "5s"})
    with world.case("check: a list that the exporter does not have is an error that names those it has"):
        code, out, errors = send(exporter, "check", CLEAN, "--list=nowhere")
        equal((code, out), (REFUSED, ""))
        assert "there is no list 'nowhere' that is asked: there are bl, six" in errors, errors
    with world.case("check: only the lists that are named are asked, by any name"):
        code, out, _ = send(exporter, "check", "--output=json", STRANGE, "--list=six")
        equal((code, list(results(json.loads(out), STRANGE))), (NONE_LISTED, ["six"]))
        assert "list 'a&b=%'" in send(exporter, "check", CLEAN, "--list=a&b=%")[2]
    with world.case("check: a family that a list does not know is named, and one that none knows is an error"):
        code, out, _ = send(exporter, "check", "2001:db8::1", STRANGE)
        equal(code, NONE_LISTED)
        assert "\nNot asked about IPv6 addresses: bl\n" in out, out
        code, out, errors = send(exporter, "check", "2001:db8::1", "--list=bl")
        equal((code, out), (REFUSED, ""))
        assert "none of the lists is asked about IPv6 addresses" in errors, errors
    with world.case("check: an address that lists are not asked about is an error that says why"):
        code, _, errors = send(exporter, "check", "10.0.0.1")
        equal(code, REFUSED)
        assert "private" in errors, errors
    with world.case("check: a list that cannot be believed is unknown, with advice"):
        servers[1].behave = fakedns.rcode(fakedns.REFUSED)
        exporter.wait_for_state("refused", "six")
        code, out, _ = send(exporter, "check", "203.0.113.77")
        equal(code, UNKNOWN)
        assert "six   unknown (refused)" in out and "\nsix (refused): " in out, out
    with world.case("check: where nobody answers, and where somebody else does, are errors without the password"):
        for place, words in (
            (f"http://me:secret@{harness.take_address()}:9", "does not answer"),
            (f"http://me:secret@{exporter.endpoint}/prefix/", "is not there (status 404)"),
            ("http://me:secret@127.0.0.1:port", "is no URL of an exporter"),
            ("ftp://me:secret@127.0.0.1", "must begin with http:// or https://"),
            (f"https://me:secret@{exporter.endpoint}", "does not answer"),
        ):
            code, out, errors = send(exporter, "check", CLEAN, place=place)
            equal((code, out), (REFUSED, ""), place)
            assert words in errors and "secret" not in errors, errors
    with world.case("check: a route prefix and a slash at the end are taken as they come"):
        equal(send(exporter, "check", STRANGE, "--list=bl", place=f"http://me:secret@{exporter.endpoint}//")[0], OK)


@scene
def check_of_slow_lists(world):
    def slow(server, query):
        if query.ip == STRANGE_LISTED:
            time.sleep(3.5)  # two looks take longer than the exporter waits
        return fakedns.sound(server, query)

    server = FakeDns(world, ZONE, {STRANGE_LISTED: ["127.0.0.2"]})
    text = config([dns_list("bl", ZONE, budget=FAST)], GROUPS, [server.endpoint], resolver={"timeout": "10s"})
    exporter = Exporter(world, text)
    exporter.wait_for_value(0, "rbl_ip_listed", ip=CLEAN)
    server.behave = slow
    with world.case("check: what was not there in time is asked for again"):
        code, out, errors = send(exporter, "check", STRANGE_LISTED)
        equal((code, errors), (SOME_LISTED, ""), out)
        equal(out.splitlines()[0], f"{STRANGE_LISTED}: listed on 1 of 1 block lists")
    with world.case("check: interrupted, it tells what is known"):
        command = [BINARY, "check", f"--send=http://{exporter.endpoint}", STRANGE_LISTED, "203.0.113.0/28"]
        server.behave = fakedns.silent
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        wait(lambda: any(seen.ip == "203.0.113.1" for seen in server.queries()), "it asks", world=world)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=harness.LIMIT_S)
        assert b"interrupted: what was not answered by then is unknown" in errors, errors
        assert process.returncode in (SOME_LISTED, UNKNOWN), process.returncode


class Stub(Listener):
    """In place of an exporter, for what that would not answer at will: (status, content type, body)."""

    def __init__(self, world):
        self.received = received = []
        self.answers = answers = []
        self.largest = [1 << 30]
        largest = self.largest

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.path, self.headers, body))
                if len(body) > largest[0]:
                    self.answer(413, "text/plain", b"too large\n")
                else:
                    self.answer(*(answers.pop(0) if answers else (200, "application/json", b'{"bounces":[]}')))

            def answer(self, status, kind, body):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(world, "stub of an exporter", http.server.ThreadingHTTPServer, Handler)

    def log_tail(self):
        return ""


def bounce(stub, *arguments, stdin=b"", place=None):
    done = subprocess.run(
        [BINARY, "bounce", f"--send={place or 'http://me:secret@' + stub.endpoint + '/'}", *arguments],
        input=stdin,
        capture_output=True,
        timeout=harness.LIMIT_S,
    )
    errors = done.stderr.decode("utf-8", "replace")
    assert "secret" not in errors and not any(alarm in errors for alarm in harness.ALARMS), errors
    return done.returncode, done.stdout.decode("utf-8"), errors


@scene
def bounces_as_they_are(world):
    stub = Stub(world)
    one = {"address": LISTED, "code": None, "score": 1.5, "n": -7, "advice": ['say "so"', "\u001b[31m\ufeff\u2028"]}
    two = {"address": None, "advice": []}
    message = b"From: mailer-daemon@example.net\r\nSubject: no\r\nDate: x\r\n\r\n" + BOUNCE.encode() + b"\r\n\xff\x00"
    with world.case("bounce: standard input is posted as it is, and the answer printed"):
        stub.answers.append((200, "application/json", json.dumps({"bounces": [one]}).encode()))
        code, out, errors = bounce(stub, "--output=json", stdin=message)
        equal((code, errors), (OK, ""))
        equal(json.loads(out), {"bounces": [one]})
        path, headers, body = stub.received.pop()
        equal((path, body), ("/api/v1/bounces", message))
        equal((headers["Content-Type"], headers["Accept"]), ("message/rfc822", "application/json"))
        equal(headers["Authorization"], "Basic bWU6c2VjcmV0")
    with world.case("bounce: text is posted as text, and text comes back, which does not steer the terminal"):
        stub.answers.append((200, "text/plain", f"{LISTED}: confirmed\n\x1b[31m  - do it\n".encode()))
        code, out, errors = bounce(stub, "-", stdin=BOUNCE.encode())
        equal((code, out, errors), (OK, f"{LISTED}: confirmed\n?[31m  - do it\n", ""))
        _, headers, body = stub.received.pop()
        equal((headers["Content-Type"], headers["Accept"], body), ("text/plain", "text/plain", BOUNCE.encode()))
    files = [world.write("one.eml", b"\xef\xbb\xbf\r\n" + message), world.write("two.txt", BOUNCE)]
    with world.case("bounce: several files are one document"):
        stub.answers += [(200, "application/json", json.dumps({"bounces": [found, found]}).encode()) for found in (one, two)]
        code, out, errors = bounce(stub, "--output=json", *files)
        equal((code, errors), (OK, ""))
        equal(json.loads(out), {"bounces": [one, one, two, two]})
        equal([headers["Content-Type"] for _, headers, _ in stub.received], ["message/rfc822", "text/plain"])
        stub.answers += [(200, "text/plain", b"one\n"), (200, "text/plain", b""), (200, "text/plain", b"two\n")]
        equal(bounce(stub, *files, files[0]), (OK, "one\n\ntwo\n", ""))
        stub.received.clear()
    with world.case("bounce: without any bounce it says so"):
        code, out, errors = bounce(stub, "--output=json", stdin=b"hello")
        equal((code, json.loads(out)), (OK, {"bounces": []}))
        assert "no bounce was found" in errors, errors
        stub.received.clear()
    with world.case("bounce: of what is too large the front is sent, and that is said"):
        stub.largest[0] = 65536
        large = message + b"x" * 200000
        stub.answers.append((200, "application/json", json.dumps({"bounces": [one]}).encode()))
        code, out, errors = bounce(stub, "--output=json", stdin=large)
        equal((code, json.loads(out)), (OK, {"bounces": [one]}))
        assert "only the first 65536 bytes were sent" in errors, errors
        equal([body for _, _, body in stub.received], [large, large[:65536]])
        stub.largest[0] = 1 << 30
        stub.received.clear()


@scene
def bounces_that_are_not_taken(world):
    stub = Stub(world)
    file = world.write("one.txt", BOUNCE)
    with world.case("bounce: what is not the message's fault is EX_TEMPFAIL: the mail server keeps it"):
        for status, words in (
            (429, "too much to do (status 429): busy"),
            (503, "too much to do (status 503): busy"),
            (500, "refuses (status 500): busy"),
            (401, "wants a user and a password"),
            (403, "refuses (status 403): busy"),
            (404, "is not there (status 404)"),
            (405, "is not there (status 405)"),
            (302, "redirect (status 302)"),
        ):
            for body in (b'{"error":"busy"}', b"busy\n"):
                stub.answers.append((status, "application/json", body))
                code, out, errors = bounce(stub, stdin=BOUNCE.encode())
                equal((code, out), (LATER, ""), status)
                assert words in errors and stub.endpoint in errors, errors
        equal(stub.received[-1][0], "/api/v1/bounces")
        for body in (b"", b"[]", b"{}", b'{"bounces":1}', b'{"bounces":[yes]}', b'{"bounces":[', b'{"bounces":[{"a\\"":1}]}'):
            stub.answers.append((200, "application/json", body))
            code, out, errors = bounce(stub, "--output=json", stdin=BOUNCE.encode())
            equal((code, out), (LATER, ""), body)
            assert "is not what an rbl_exporter says of a bounce" in errors, errors
        code, out, errors = bounce(stub, stdin=BOUNCE.encode(), place=f"http://me:secret@{harness.take_address()}:9/")
        equal((code, out), (LATER, ""))
        assert "does not answer" in errors, errors
    with world.case("bounce: a message that is refused is no failure in a pipe, for it would bounce, and EX_DATAERR of a file"):
        for status in (400, 413, 415, 422):
            stub.answers.append((status, "application/json", b'{"error":"no text"}'))
            code, out, errors = bounce(stub, stdin=BOUNCE.encode())
            equal((code, out), (OK, ""), status)
            assert "no text" in errors and "standard input was not taken" in errors, errors
            stub.answers.append((status, "application/json", b'{"error":"no text"}'))
            code, out, errors = bounce(stub, file)
            equal((code, out), (DATA, ""), status)
            assert "one.txt was not taken" in errors, errors
    with world.case("bounce: what was answered before a failure is printed"):
        stub.answers += [(200, "application/json", b'{"bounces":[{"a":1}]}'), (503, "text/plain", b"busy")]
        code, out, _ = bounce(stub, "--output=json", file, file)
        equal((code, json.loads(out)), (LATER, {"bounces": [{"a": 1}]}))
    with world.case("bounce: a file that is not there is EX_NOINPUT, and nothing is sent"):
        stub.received.clear()
        equal(bounce(stub, file, world.path("nothing"))[0], NO_INPUT)
        equal(stub.received, [])
    with world.case("bounce: what is no URL, and --no-check, which asks nobody, are EX_USAGE"):
        equal(bounce(stub, place="http://me:secret@host:port/")[0], USAGE)
        code, _, errors = bounce(stub, "--no-check")
        equal(code, USAGE)
        assert "--no-check reads without asking anybody" in errors, errors
    with world.case("bounce: output that nobody reads is EX_TEMPFAIL"):
        with open("/dev/full", "w") as full:
            command = [BINARY, "bounce", f"--send=http://{stub.endpoint}", "--output=json"]
            equal(subprocess.run(command, input=b"x", stdout=full, stderr=subprocess.PIPE).returncode, LATER)


@scene
def bounces_through_the_exporter(world):
    _, exporter, text = start(world)
    path = world.write("own.yml", text)
    listed = BOUNCE.replace(LISTED, STRANGE_LISTED)

    def both(*arguments):
        """What the exporter says, and the command without it."""
        asked = send(exporter, "bounce", *arguments)
        own = run("bounce", f"--config.file={path}", f"--storage.path={world.fresh_folder('own')}", *arguments)
        equal((asked[0], asked[2]), (OK, ""))
        equal((own[0], own[2]), (OK, ""))
        return asked[1], own[1]

    files = [
        world.write("listed.txt", listed),
        world.write("clean.eml", f"From: a@example.net\nSubject: no\nDate: x\n\n{BOUNCE.replace(LISTED, STRANGE)}\n"),
    ]
    with world.case("bounce: the exporter says of a bounce what the command itself does"):
        asked, own = both("--output=json", files[0])
        equal(json.loads(asked), json.loads(own))
        equal([found["result"] for found in json.loads(asked)["bounces"]], ["confirmed"])
        asked, own = both(files[0])
        equal(asked, own)
        assert asked.startswith(f"{STRANGE_LISTED}: confirmed\n"), asked
    with world.case("bounce: several files are one document, whoever reads them"):
        asked, own = both("--output=json", *files)
        equal(json.loads(asked), json.loads(own))
        equal([found["result"] for found in json.loads(asked)["bounces"]], ["confirmed", "not_listed"])
        asked, own = both(*files)
        equal(asked, own)
    with world.case("bounce: the address is watched and counted from then on"):
        exporter.wait_for_value(1, "rbl_ip_listed", group="bounced", ip=STRANGE_LISTED, list="bl")
        exporter.wait_for(lambda m: m.value("rbl_bounces_total", list="bl", result="confirmed") >= 4, "they are counted")
    with world.case("bounce: a whole message with what was rejected in it is taken"):
        large = world.write("large.txt", listed + "\n" + "x" * 70 + "\n" + ("y" * 70 + "\n") * 5000)
        asked, own = both("--output=json", large)
        equal(json.loads(asked), json.loads(own))
    with world.case("bounce: what has no bounce in it is said to have none"):
        code, out, errors = send(exporter, "bounce", "--output=json", world.write("none.txt", "hello\n"))
        equal((code, json.loads(out)), (OK, {"bounces": []}))
        assert "no bounce was found" in errors, errors
        code, out, errors = send(exporter, "bounce", world.path("none.txt"))
        equal((code, out), (OK, ""))
        assert "no bounce was found" in errors, errors


# In a network of its own, where nobody else has the default address.
INSIDE = """
import fcntl, os, signal, socket, struct, subprocess, sys, time, urllib.request
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14s", b"lo", 0x49, b""))  # SIOCSIFFLAGS: up
binary, there, here, storage, own = sys.argv[1:6]
command = [binary, "check", "192.0.2.1", f"--config.file={here}", f"--storage.path={own}", *sys.argv[6:]]
daemon = subprocess.Popen([binary, f"--config.file={there}", f"--storage.path={storage}"], stderr=subprocess.DEVNULL)
try:
    for _ in range(600):
        try:
            urllib.request.urlopen("http://127.0.0.1:10554/-/healthy").read()
            break
        except OSError:
            time.sleep(0.05)
    code = subprocess.run(command).returncode
finally:
    daemon.terminate()
    assert daemon.wait(10) == 0
sys.exit(code)
"""


@scene
def the_default_address(world):
    nobody = f"{harness.take_address()}:9"
    resolver = {"timeout": "100ms", "attempts": 1}
    paths = [
        world.write(f"{name}.yml", config([dns_list(name, ZONE)], GROUPS, [nobody], resolver=resolver))
        for name in ("there", "here")
    ]

    def inside(*flags):
        command = ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", INSIDE, BINARY, *paths]
        folders = [world.fresh_folder("storage"), world.fresh_folder("own")]
        done = subprocess.run([*command, *folders, *flags], capture_output=True, timeout=2 * harness.LIMIT_S, text=True)
        return done.returncode, done.stdout, done.stderr, os.path.exists(folders[1])

    probe = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "true"], capture_output=True)
    if probe.returncode != 0:
        report("the exporter at the default address is asked", skipped="no network of its own can be had")
        return
    with world.case("without --send the exporter at the default address is asked, and that is said"):
        code, out, errors, stored = inside("--output=json")
        equal(code, UNKNOWN, errors)
        equal(list(results(json.loads(out), LISTED)), ["there"])
        assert "the exporter at http://127.0.0.1:10554 is asked" in errors, errors
        assert not stored, "the command has made a store of its own"
    with world.case("--send=none does it here, whoever answers there"):
        code, out, errors, stored = inside("--output=json", "--send=none")
        equal(code, UNKNOWN, errors)
        equal(list(results(json.loads(out), LISTED)), ["here"])
        assert stored


main()
