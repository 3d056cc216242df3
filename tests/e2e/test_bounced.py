# SPDX-License-Identifier: Apache-2.0
"""Bounces in the daemon: posted, looked up, counted, watched for a while, kept over a restart."""

import base64
import json
import os
import quopri
import signal
import subprocess
import threading
import time

import fakedns
import harness
from exporter import BINARY, Exporter, config, dns_list, is_sanitized
from fakedns import FakeDns
from harness import equal, main, scene, wait
from servers import Rbldnsd

ZONE = "bl.example.net"
OTHER = "other.example.net"
LISTED, CLEAN, SIX = "192.0.2.1", "192.0.2.2", "2001:db8::1"
GROUPS = [{"name": "elsewhere", "addresses": ["203.0.113.77"], "interval": "1h"}]
TEST = "127.0.0.2 :127.0.0.2:test"
RESULTS = ("confirmed", "not_listed", "unknown", "unparsed")
MIB = 1 << 20


def bounce_text(address, zone=ZONE):
    return f"554 5.7.1 Service unavailable; Client host [{address}] blocked using {zone}"


def mail(reply, encoding):
    """A delivery report as a mail server sends it, its first part and its status in this transfer encoding; CRLF."""
    status = f"Reporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; user@example.org\nAction: failed\nStatus: 5.7.1\nRemote-MTA: dns; mx.example.org\nDiagnostic-Code: smtp; {reply}\n"
    prose = f"Ihre Nachricht an user@example.org wurde nicht zugestellt. Größe: 4711\n\nmx.example.org sagte:\n{reply}\n"
    if encoding == "base64":
        encode = lambda text: base64.encodebytes(text.encode()).decode()
    else:
        encode = lambda text: quopri.encodestring(text.encode()).decode()
    lines = f"""Return-Path: <>
From: Mail Delivery System <mailer-daemon@example.com>
To: sender@example.com
Subject: Undelivered Mail Returned to Sender
Date: Fri, 27 Nov 2026 09:00:00 +0000
Message-ID: <1@example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"

--=_b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: {encoding}

{encode(prose)}
--=_b
Content-Type: message/delivery-status
Content-Transfer-Encoding: {encoding}

{encode(status)}
--=_b
Content-Type: message/rfc822

From: sender@example.com
To: user@example.org
Subject: hello

Client host [198.51.100.9] blocked using {ZONE}: 554 this was written by whoever sent the mail
--=_b--
"""
    return lines.replace("\n", "\r\n").encode()


def real_list(world, **zones):
    zones = {ZONE: [LISTED], OTHER: [LISTED], **zones}
    return Rbldnsd(
        world, {zone: [("ip4set", [TEST, *(f"{ip} :127.0.0.2:x" for ip in ips)])] for zone, ips in zones.items()}
    )


def settings(server, lists=None, **top):
    return config(lists or [dns_list("bl", ZONE)], GROUPS, [server.endpoint], **top)


def post(exporter, body, kind="text/plain", **headers):
    headers = {"Content-Type": kind, **{key.replace("_", "-"): value for key, value in headers.items()}}
    headers = {key: value for key, value in headers.items() if value is not None}
    body = body if isinstance(body, bytes) else body.encode()
    return exporter.request("POST", "/api/v1/bounces", headers, body)


def patiently(exporter, *arguments):
    """Posts until it is not too often."""
    return wait(
        lambda: (lambda response: response.status != 429 and response)(post(exporter, *arguments)),
        "a post is taken",
        world=exporter.world,
    )


def posted(exporter, body, kind="text/plain"):
    """What the answer says of each bounce."""
    response = patiently(exporter, body, kind)
    equal((response.status, response.headers["content-type"]), (200, "application/json"), response.text)
    document = json.loads(response.text)
    equal(list(document), ["bounces"])
    return document["bounces"]


def count(exporter, name, result):
    return exporter.metrics().value("rbl_bounces_total", list=name, result=result)


def watched(metrics):
    """The addresses of group bounced of which something is known."""
    return {labels["ip"] for labels, _ in metrics.all("rbl_ip_listed", group="bounced")}


def with_curl(exporter, path):
    return [
        "curl", "-sS", "--max-time", "30", "--data-binary", f"@{path}", "-H", "Content-Type: message/rfc822",
        f"http://{exporter.endpoint}/api/v1/bounces",
    ]  # fmt: skip


def with_a_pipe(exporter, path):
    """As the alias of a mail server does it."""
    return ["sh", "-c", f"{BINARY} --send=http://{exporter.endpoint} --output=json bounce <{path}"]


def post_mail(world, exporter, command, address):
    """Hands a report over, and waits until it is on the metrics; how long that took."""
    before = count(exporter, "bl", "confirmed")
    path = world.write("bounce.eml", mail(bounce_text(address), "quoted-printable"))
    began = time.monotonic()
    done = subprocess.run(command(exporter, path), capture_output=True, timeout=harness.LIMIT_S)
    equal((done.returncode, done.stderr), (0, b""))
    found = json.loads(done.stdout)["bounces"]
    equal([(b["address"], b["receiver"], b["result"]) for b in found], [(address, "mx.example.org", "confirmed")])
    exporter.wait_for_value(1, "rbl_ip_listed", group="bounced", ip=address, list="bl")
    equal(count(exporter, "bl", "confirmed"), before + 1)
    return time.monotonic() - began


def post_in_time(world, exporter, command, addresses):
    """Within 5 s, but that a busy machine may be too slow for some of the addresses; how many it took."""
    took = []
    for address in addresses:
        took.append(post_mail(world, exporter, command, address))
        if took[-1] < 5 or is_sanitized():
            return len(took)
    raise AssertionError(f"none within 5 s: {took}")


@scene
def from_a_mail_to_the_metrics(world):
    posted_ones = [LISTED, *(f"192.0.2.{i}" for i in range(10, 15))]
    piped_ones = [f"192.0.2.{i}" for i in range(20, 26)]
    exporter = Exporter(world, settings(real_list(world, **{ZONE: posted_ones + piped_ones})))
    with world.case("bounced: all counters are there from the start, at 0"):
        found = {(x["list"], x["result"]): n for x, n in exporter.metrics().all("rbl_bounces_total")}
        equal(found, {(name, result): 0 for name in ("bl", "") for result in RESULTS})
    with world.case("bounced: a real report, posted with curl, is confirmed and watched within 5 s"):
        n_confirmed = post_in_time(world, exporter, with_curl, posted_ones)
    with world.case("bounced: one that a mail server pipes into the command is as well"):
        n_confirmed += post_in_time(world, exporter, with_a_pipe, piped_ones)
    with world.case("bounced: one in base64 is the same, and text/plain does not hide a message"):
        for encoding, kind in (("base64", "message/rfc822"), ("base64", "text/plain; charset=utf-8")):
            equal([b["result"] for b in posted(exporter, mail(bounce_text(LISTED), encoding), kind)], ["confirmed"])
        equal(count(exporter, "bl", "confirmed"), n_confirmed + 2)


@scene
def what_may_come_of_it(world):
    server = real_list(world)
    refuses = FakeDns(world, "no.example.net", behave=fakedns.everything("127.255.255.254"))
    lists = [
        dns_list("bl", ZONE),
        dns_list("other", OTHER),
        dns_list("no", "no.example.net", nameservers=[refuses.endpoint]),
    ]
    exporter = Exporter(world, settings(server, lists))
    exporter.wait_for_state("refused", "no")
    with world.case("bounced: an address that the list has not is not_listed, and watched all the same"):
        equal([b["result"] for b in posted(exporter, bounce_text(CLEAN))], ["not_listed"])
        equal(count(exporter, "bl", "not_listed"), 1)
        exporter.wait_for_value(0, "rbl_ip_listed", group="bounced", ip=CLEAN, list="bl")
        exporter.wait_for_value(0, "rbl_ip_listed", group="bounced", ip=CLEAN, list="other")
    with world.case("bounced: a list that refuses leaves it unknown, and says why"):
        [found] = posted(exporter, bounce_text(LISTED, "no.example.net"))
        equal(found["result"], "unknown")
        assert "(refused)" in " ".join(found["advice"]), found
        equal(count(exporter, "no", "unknown"), 1)
        assert exporter.metrics().value("rbl_ip_listed", group="bounced", ip=LISTED, list="no") is None
    with world.case("bounced: of an unknown list it is unknown, and those that list it now are named"):
        [found] = posted(exporter, bounce_text(LISTED, "bl.of.somebody.example"))
        equal((found["result"], found["public_list"]), ("unknown", None))
        assert "bl, other" in " ".join(found["advice"]), found
        equal(count(exporter, "", "unknown"), 1)
    with world.case("bounced: what has no address is unparsed"):
        [found] = posted(exporter, "550 5.7.1 Service unavailable, blocked using bl.example.net")
        equal((found["address"], found["result"]), (None, "unparsed"))
        equal(count(exporter, "bl", "unparsed"), 1)
        [found] = posted(exporter, "550 5.7.1 Message rejected")
        equal((found["result"], count(exporter, "", "unparsed")), ("unparsed", 1))
    with world.case("bounced: what is not about the address is counted, and neither asked about nor watched"):
        text = "450 4.2.0 Client host [192.0.2.44]: Greylisted, see http://postgrey.example/help"
        [found] = posted(exporter, text)
        equal((found["address"], found["kind"], found["result"]), ("192.0.2.44", "greylisting", "unknown"))
        posted(exporter, bounce_text("192.0.2.45"))
        exporter.wait_for(lambda m: "192.0.2.45" in watched(m), "the next one is watched")
        assert "192.0.2.44" not in watched(exporter.metrics())
    with world.case("bounced: no bounce is an empty answer"):
        for body in (b"", b"hello", b"\0\0\0", "Größe".encode("latin-1")):
            equal(posted(exporter, body), [])
        equal(post(exporter, "hello", Accept="text/plain").text, "no bounce was found\n")
    with world.case("bounced: who takes text and no JSON gets what the command prints"):
        response = post(exporter, bounce_text(LISTED), Accept="text/plain")
        equal(response.headers["content-type"], "text/plain; charset=utf-8")
        assert LISTED in response.text and "lists" in response.text and "{" not in response.text, response.text
        for accept in ("*/*", "application/json, text/plain", "text/html"):
            equal(post(exporter, bounce_text(LISTED), Accept=accept).headers["content-type"], "application/json")
    with world.case("bounced: several in one text, each counted; ten addresses of them are asked about"):
        before = count(exporter, "bl", "not_listed"), count(exporter, "bl", "unknown")
        found = posted(exporter, "\n".join(bounce_text(f"192.0.2.{100 + i}") for i in range(12)))
        equal([b["result"] for b in found], 10 * ["not_listed"] + 2 * ["unknown"])
        assert "was not looked up" in " ".join(found[10]["advice"]), found[10]
        equal((count(exporter, "bl", "not_listed"), count(exporter, "bl", "unknown")), (before[0] + 10, before[1] + 2))
        exporter.wait_for(lambda m: "192.0.2.109" in watched(m), "the tenth is watched")
        assert "192.0.2.110" not in watched(exporter.metrics())
    with world.case("bounced: counters survive a reload, also of a list with another name in the same place"):
        equal(exporter.reload(settings(server, [lists[1], lists[0]])).status, 200)
        equal(count(exporter, "bl", "not_listed"), before[0] + 10)
        equal(count(exporter, "other", "confirmed"), 0)
        exporter.wait_for(lambda m: CLEAN in watched(m), "still watched")
    with world.case("bounced: the pages say that it is watched because it bounced"):
        assert "bounced" in exporter.get(f"/check?ip={LISTED}").text
        listing = json.loads(exporter.get(f"/api/v1/addresses/{LISTED}").text)
        assert "bounced" in json.dumps(listing), listing


def children_of(exporter):
    """The processes that read for it, once they are programs of their own: until then it waits for them."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                is_reader = b"read-bounces" in file.read() or fields[0] == "Z"
        except OSError:
            continue
        if fields[1] == str(exporter.pid) and is_reader:
            found.append((int(pid), fields[0]))
    return found


@scene
def kept_and_forgotten(world):
    server = real_list(world)
    text = settings(server, bounces={"keep": "1h", "limit": 3})
    exporter = Exporter(world, text)
    with world.case("bounced: of more than the limit the one whose last bounce is the oldest leaves"):
        for i in (1, 2, 3):
            posted(exporter, bounce_text(f"192.0.2.{i}"))
        posted(exporter, bounce_text("192.0.2.1"))
        posted(exporter, bounce_text("192.0.2.4"))
        four = {"192.0.2.1", "192.0.2.3", "192.0.2.4"}
        exporter.wait_for(lambda m: watched(m) == four, "the second has left")
    with world.case("bounced: they are still watched after a restart"):
        changed = exporter.metrics().value("rbl_ip_last_check_timestamp_seconds", group="bounced", ip=LISTED, list="bl")
        exporter.stop()
        exporter = Exporter(world, text, storage=exporter.storage)
        exporter.wait_for(lambda m: watched(m) == four, "all of them")
        exporter.wait_for_value(1, "rbl_ip_listed", group="bounced", ip=LISTED, list="bl")
        assert changed is not None
    with world.case("bounced: and after a crash two seconds later"):
        posted(exporter, bounce_text("192.0.2.5"))
        time.sleep(2)  # what is promised
        exporter.send_signal(signal.SIGKILL)
        exporter.kill()
        exporter = Exporter(world, text, storage=exporter.storage)
        exporter.wait_for(lambda m: watched(m) == {"192.0.2.1", "192.0.2.4", "192.0.2.5"}, "the last one too")
    with world.case("bounced: a reload changes the limit"):
        equal(exporter.reload(settings(server, bounces={"keep": "1h", "limit": 1})).status, 200)
        exporter.wait_for(lambda m: watched(m) == {"192.0.2.5"}, "the latest stays")
    with world.case("bounced: a reload that fails changes nothing"):
        equal(exporter.reload(settings(server, bounces={"keep": "1h", "limit": 0})).status, 500)
        equal(watched(exporter.metrics()), {"192.0.2.5"})
    with world.case("bounced: without a new bounce it leaves after `keep`"):
        equal(exporter.reload(settings(server, bounces={"keep": "3s", "limit": 3})).status, 200)
        exporter.wait_for(lambda m: watched(m) == set(), "it is gone")
        posted(exporter, bounce_text(LISTED))
        exporter.wait_for(lambda m: watched(m) == {LISTED}, "there")
        exporter.wait_for(lambda m: watched(m) == set(), "and gone")
    with world.case("bounced: what has left does not come back after a restart"):
        exporter.stop()
        exporter = Exporter(world, text, storage=exporter.storage)
        equal(watched(exporter.metrics()), set())
    with world.case("bounced: without a store it works as well, but for a restart"):
        blocked = world.write("a_file", "")
        other = Exporter(world, text, storage=os.path.join(blocked, "below"))
        equal([b["result"] for b in posted(other, bounce_text(LISTED))], ["confirmed"])
        other.wait_for_value(1, "rbl_ip_listed", group="bounced", ip=LISTED, list="bl")


@scene
def what_is_refused(world):
    server = real_list(world)
    exporter = Exporter(world, settings(server))
    with world.case("bounced: only POST"):
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            response = exporter.request(method, "/api/v1/bounces")
            equal((response.status, response.headers["allow"]), (405, "POST"))
    with world.case("bounced: another type is refused, and what is taken is said"):
        for kind in ("application/json", "text/html", "application/x-www-form-urlencoded", "text/plainer", "message"):
            response = post(exporter, bounce_text(LISTED), kind)
            equal(response.status, 415, kind)
            assert "text/plain" in response.text and "message/rfc822" in response.text, response.text
    with world.case("bounced: types in any case, with parameters, or none"):
        for kind in ("TEXT/Plain; charset=utf-8; format=flowed", "Message/RFC822", None):
            equal(len(json.loads(post(exporter, bounce_text(LISTED), kind).text)["bounces"]), 1, kind)
    with world.case("bounced: a page of another site cannot post"):
        equal(post(exporter, bounce_text(LISTED), Origin="https://evil.example").status, 403)
        equal(post(exporter, bounce_text(LISTED), Sec_Fetch_Site="cross-site").status, 403)
    with world.case("bounced: a megabyte is read, one byte more is refused"):
        start = bounce_text(LISTED).encode() + b"\n"
        equal([b["result"] for b in posted(exporter, start + b"x" * (MIB - len(start)))], ["confirmed"])
        equal(post(exporter, start + b"x" * (MIB + 1 - len(start))).status, 413)
        chunk = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (MIB + 1) + b"x" * (MIB + 1) + b"\r\n0\r\n\r\n"
        head = f"POST /api/v1/bounces HTTP/1.1\r\nHost: {exporter.endpoint}\r\nConnection: close\r\n"
        equal(exporter.send(head.encode() + chunk).status, 413)
    with world.case("bounced: a body that breaks off is no bounce"):
        before = exporter.metrics().all("rbl_bounces_total")
        for _ in range(20):
            with exporter.connect() as tcp:
                tcp.sendall(head.encode() + b"Content-Length: 70000\r\n\r\n" + bounce_text(LISTED).encode() + b"x" * 66000)
        equal([b["result"] for b in posted(exporter, bounce_text(LISTED))], ["confirmed"])
        after = exporter.metrics().all("rbl_bounces_total")
        equal(sum(n for _, n in after) - sum(n for _, n in before), 1)
    with world.case("bounced: a client that does not wait for its answer does no harm"):
        for _ in range(5):
            with exporter.connect() as tcp:
                body = bounce_text(LISTED).encode()
                tcp.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        equal(exporter.get("/-/healthy").status, 200)


@scene
def a_flood(world):
    server = real_list(world)
    lists = [dns_list("bl", ZONE, budget={"queries": 400, "per": "1d", "rate": "50/s"})]
    exporter = Exporter(world, settings(server, lists, defaults={"interval": "1h"}))
    answers = []

    def run(offset):
        for i in range(12):
            text = "\n".join(bounce_text(f"198.51.{offset}.{1 + 10 * i + k}") for k in range(10))
            answers.append(post(exporter, text))

    with world.case("bounced: a flood is refused with 429 and 503, which say when to come again"):
        threads = [threading.Thread(target=run, args=(offset,)) for offset in range(12)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            equal(exporter.get("/-/healthy").status, 200)
            equal(exporter.get("/metrics").status, 200)
        found = {response.status for response in answers}
        equal(len(answers), 144)
        assert 429 in found and 200 in found and found <= {200, 429, 503}, found
        for response in answers:
            assert response.status == 200 or int(response.headers["retry-after"]) >= 1, response.headers
        assert sum(response.status == 200 for response in answers) <= 90, "more than a burst, and one a second"
    with world.case("bounced: and spends no more than the list allows"):
        metrics = exporter.metrics()
        assert metrics.value("rbl_list_quota_used_queries", list="bl") <= 400
        assert metrics.value("rbl_list_queries_total", list="bl") <= 400
    with world.case("bounced: afterwards a bounce is taken again"):
        wait(lambda: post(exporter, bounce_text(LISTED)).status == 200, "taken", world=world)
        equal(children_of(exporter), [])


BOUNDARY = "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
HEAD = "From: a@example.org\nTo: b@example.org\nSubject: x\n"


def hostile_messages():
    head = HEAD.encode()
    yield "nested", (HEAD + BOUNDARY * 400).encode()
    yield "nested messages", (HEAD + "Content-Type: message/rfc822\n\n" * 30000).encode()
    yield "parts", (HEAD + BOUNDARY + "\n--b\n\nx" * 100000).encode()[:MIB]
    yield "addresses", b"From: " + b"a:" * 500000 + b"\n" + head + b"\nx"
    yield "brackets", b"From: " + b"<" * 1000000 + b"\n" + head + b"\nx"
    yield "a header", head + b"X-" + b"y" * 1000000
    yield "NUL", head + b"\0" * 1000000
    yield "base64", head + b"Content-Transfer-Encoding: base64\n\n" + b"=" * 1000000
    yield "charset", head + b"Content-Type: text/plain; charset=utf-7\n\n" + b"+AGE-" * 200000
    yield "html", head + b"Content-Type: text/html\n\n" + b"<a " * 330000
    yield "replies", ("\n".join([bounce_text(LISTED)] * 20000)).encode()[:MIB]
    yield "bytes", head + bytes(i * 7919 >> 3 & 255 for i in range(1000000))


@scene
def what_is_hostile(world):
    server = real_list(world)
    exporter = Exporter(world, settings(server))
    with world.case("bounced: hostile messages are read, or told to be unreadable or too slow, and nothing else happens"):
        for name, message in hostile_messages():
            for kind in ("message/rfc822", "text/plain"):
                response = patiently(exporter, message[:MIB], kind)
                assert response.status in (200, 422, 503), (name, response.status, response.text)
            equal(exporter.get("/-/healthy").status, 200)
        equal([b["result"] for b in posted(exporter, mail(bounce_text(LISTED), "base64"))], ["confirmed"])
    with world.case("bounced: a process that hangs stops no scrape, is killed, and its post is told to come again"):
        answers = []
        heavy = ("\n".join(bounce_text(f"192.0.{i >> 8}.{i & 255}") for i in range(15000))).encode()[:MIB]

        def run():
            answers.append(patiently(exporter, heavy))

        thread = threading.Thread(target=run)
        thread.start()
        stopped = wait(lambda: children_of(exporter), "a process reads", world=world, pause=0.001)
        os.kill(stopped[0][0], signal.SIGSTOP)
        n = 0
        while thread.is_alive():
            equal(exporter.get("/metrics").status, 200)
            n += 1
        equal((answers[0].status, answers[0].headers["retry-after"]), (503, "5"))
        assert n > 3, n
        equal(exporter.messages("a posted bounce was not read: the process that reads it")[-1]["error"], "did not end in time")
        equal(children_of(exporter), [])
    with world.case("bounced: what waits for hanging processes is bounded"):
        threads = [threading.Thread(target=run) for _ in range(12)]
        answers.clear()
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for pid, state in children_of(exporter):
                try:
                    os.kill(pid, signal.SIGSTOP)
                except ProcessLookupError:
                    pass
            equal(exporter.get("/-/healthy").status, 200)
        found = [response.status for response in answers]
        assert len(found) == 12 and set(found) <= {200, 503} and found.count(503) >= 4, found
        equal(children_of(exporter), [])
    with world.case("bounced: one that is killed is told"):
        thread = threading.Thread(target=run)
        answers.clear()
        thread.start()
        os.kill(wait(lambda: children_of(exporter), "a process reads", world=world, pause=0.001)[0][0], signal.SIGKILL)
        thread.join()
        equal((answers[0].status, answers[0].headers["retry-after"]), (503, "5"))
    with world.case("bounced: afterwards all is well"):
        equal([b["result"] for b in posted(exporter, bounce_text(LISTED))], ["confirmed"])
    with world.case("bounced: the end does not wait for a process that hangs, and leaves none behind"):
        thread = threading.Thread(target=lambda: exporter.send(heavy_post))
        heavy_post = f"POST /api/v1/bounces HTTP/1.1\r\nHost: x\r\nContent-Length: {len(heavy)}\r\n\r\n".encode() + heavy
        thread.start()
        pid = wait(lambda: children_of(exporter), "a process reads", world=world, pause=0.001)[0][0]
        os.kill(pid, signal.SIGSTOP)
        exporter.stop()
        thread.join()
        assert not os.path.exists(f"/proc/{pid}"), pid


main()
