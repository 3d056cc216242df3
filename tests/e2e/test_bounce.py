# SPDX-License-Identifier: Apache-2.0
"""`rbl_exporter bounce`: from a bounce to the address, how it stands, and what to do; also behind a mail server's pipe."""

import concurrent.futures
import glob
import json
import os
import subprocess
import time

import fakedns
import harness
from exporter import BINARY, Exporter, config, dns_list, is_sanitized
from fakedns import FakeDns
from harness import equal, main, scene
from servers import Rbldnsd

ZONE = "bl.example.net"
LISTED, CLEAN, MICROSOFT = "192.0.2.1", "192.0.2.2", "40.107.130.132"
GROUPS = [{"name": "elsewhere", "addresses": ["203.0.113.77"]}]
SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bounces")
OK, USAGE, NO_INPUT, LATER = 0, 64, 66, 75
WAIT_S = 2  # for another one that has the folder
LOOKUP_S = 5  # for all that is looked up
TRIES = 5  # of what has to be done within these: the machine may have much else to do
FIELDS = [
    "address", "receiver", "list", "zone", "code", "public_list", "smtp_status", "enhanced_status", "kind", "result",
    "microsoft_range", "advice",
]  # fmt: skip


def bounce_text(address, zone=ZONE):
    return f"554 5.7.1 Service unavailable; Client host [{address}] blocked using {zone}"


RACKSPACE = (
    "smtp27.gate.iad3a.rsapps.net gave this error:\n"
    f"Decision Engine classified the mail item was rejected because of IP Block (from outbound normal IP pools) -> "
    f"554 5.7.1 ACL dns_rbl; Client host [{MICROSOFT}] blocked using sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 "
    "Senderscore."
)


def bounce(world, text, *arguments, stdin=b"", storage=None):
    """(exit code, standard output, standard error)"""
    path = world.write(f"bounce_{world.n_folders}.yml", text)
    storage = storage or world.fresh_folder("storage")
    stdin = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [BINARY, "bounce", "--send=none", f"--config.file={path}", f"--storage.path={storage}", *arguments],
        input=stdin,
        capture_output=True,
        timeout=harness.LIMIT_S,
    )
    errors = done.stderr.decode("utf-8", "replace")
    for alarm in harness.ALARMS:
        assert alarm not in errors, errors
    return done.returncode, done.stdout.decode("utf-8"), errors


def bounces(world, text, *arguments, **options):
    """The bounces of the JSON document; all went well."""
    code, out, errors = bounce(world, text, "--output=json", *arguments, **options)
    equal((code, errors), (OK, ""))
    document = json.loads(out)
    equal(list(document), ["bounces"])
    for found in document["bounces"]:
        equal(list(found), FIELDS)
    return document["bounces"]


def settings(server, *lists):
    return config(lists or [dns_list("bl", ZONE)], GROUPS, [server.endpoint])


@scene
def looked_up(world):
    server = Rbldnsd(
        world,
        {
            ZONE: [("ip4set", ["127.0.0.2 :127.0.0.2:test", f"{LISTED} :127.0.0.2:x"])],
            "other.example.net": [("ip4set", ["127.0.0.2 :127.0.0.2:test", f"{LISTED} :127.0.0.2:x"])],
            "bl.score.senderscore.com": [("ip4set", ["127.0.0.2 :127.0.0.2:test", f"{MICROSOFT} :127.0.0.16:x"])],
        },
    )
    page = "https://example.net/remove"
    text = settings(
        server,
        dns_list("bl", ZONE, delist_url=page),
        dns_list("other", "other.example.net"),
        {"use": "senderscore_bl", "budget": {"share": "validity", "rate": "2/s"}},
    )
    with world.case("bounce: a listing that a bounce tells of is confirmed"):
        (found,) = bounces(world, text, stdin=bounce_text(LISTED))
        advice = found.pop("advice")
        equal(
            found,
            {
                "address": LISTED,
                "receiver": None,
                "list": None,
                "zone": ZONE,
                "code": None,
                "public_list": "bl",
                "smtp_status": 554,
                "enhanced_status": "5.7.1",
                "kind": "listing",
                "result": "confirmed",
                "microsoft_range": None,
            },
        )
        equal(advice[0], f"{LISTED} is listed on bl now.")
        assert any(sentence.endswith(page) for sentence in advice), advice
        assert "not in the published ranges" in advice[1], advice
    with world.case("bounce: one that is not true (any more) is not_listed, and asks for no ticket"):
        (found,) = bounces(world, text, stdin=bounce_text(CLEAN))
        equal(found["result"], "not_listed")
        assert "Send the message again" in found["advice"][0] and len(found["advice"]) == 2, found
    with world.case("bounce: SenderScore through Rackspace's mirror is confirmed, and says what to do"):
        (found,) = bounces(world, text, stdin=RACKSPACE)
        equal(
            [found[key] for key in FIELDS[:11]],
            [
                MICROSOFT, "smtp27.gate.iad3a.rsapps.net", "Senderscore", "sa-ip4tset.blagr.emailsrvr.com",
                "127.22.0.2", "senderscore_bl", 554, "5.7.1", "listing", "confirmed", "40.107.0.0/16",
            ],  # fmt: skip
        )
        text_of_all = "\n".join(found["advice"])
        for words in ("SPF, DKIM and DMARC are not", "support request", "https://senderscore.org/rtbl/", "40.107.%.%",
                      "5 to 10 minutes", "another relay"):  # fmt: skip
            assert words in text_of_all, (words, text_of_all)
    with world.case("bounce: a bounce that names no list is looked up on all, and stays unknown"):
        (found,) = bounces(world, text, stdin=f"554 Blocked - see https://ipcheck.proofpoint.com/?ip={LISTED}")
        equal((found["list"], found["public_list"], found["result"]), ("Proofpoint", None, "unknown"))
        assert any(f"Other lists that list {LISTED} now: bl, other" in s for s in found["advice"]), found
    with world.case("bounce: several of several files, each once"):
        a = world.write("a.txt", bounce_text(LISTED) + "\n" + bounce_text(CLEAN) + "\n" + bounce_text(LISTED))
        b = world.write("b.txt", bounce_text("192.0.2.3"))
        found = bounces(world, text, a, b)
        equal([(f["address"], f["result"]) for f in found],
              [(LISTED, "confirmed"), (CLEAN, "not_listed"), ("192.0.2.3", "not_listed")])  # fmt: skip
        found = bounces(world, text, a, "-", stdin=bounce_text("192.0.2.4"))
        equal([f["address"] for f in found], [LISTED, CLEAN, "192.0.2.4"])
    with world.case("bounce: text for people says the same"):
        code, out, errors = bounce(world, text, stdin=RACKSPACE)
        equal((code, errors), (OK, ""))
        assert out.startswith(f"{MICROSOFT}: confirmed\n"), out
        for line in (
            "  receiver   smtp27.gate.iad3a.rsapps.net",
            "  list       Senderscore (sa-ip4tset.blagr.emailsrvr.com=127.22.0.2), public list senderscore_bl",
            "  status     554 5.7.1",
            "  microsoft  40.107.0.0/16",
            f"  - {MICROSOFT} is listed on Senderscore now.",
        ):
            assert line in out.splitlines(), (line, out)


@scene
def mail(world):
    server = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2 :127.0.0.2:test", f"{LISTED} :127.0.0.2:x"])]})
    text = settings(server)
    expected = json.loads(open(os.path.join(SAMPLES, "expected.json"), encoding="utf-8").read())
    names = sorted(os.path.basename(path) for path in glob.glob(os.path.join(SAMPLES, "*.eml")))
    equal(names, sorted(expected), "samples")
    for name in names:
        with open(os.path.join(SAMPLES, name), "rb") as file:
            raw = file.read().replace(b"\r\n", b"\n")
        for ends, content in (("LF", raw), ("CRLF", raw.replace(b"\n", b"\r\n"))):
            with world.case(f"bounce: {name} with {ends} says what it should"):
                code, out, _ = bounce(world, text, "--no-check", "--output=json", stdin=content)
                equal(code, OK)
                keys = ["address", "receiver", "list", "zone", "code", "smtp_status", "enhanced_status", "kind"]
                equal([[found[key] for key in keys] for found in json.loads(out)["bounces"]], expected[name])
    with world.case("bounce: a mail that is piped in is confirmed"):
        with open(os.path.join(SAMPLES, "postfix_dsn.eml"), "rb") as file:
            (found,) = bounces(world, text, stdin=file.read())
        equal((found["address"], found["result"]), (LISTED, "confirmed"))


@scene
def not_looked_up(world):
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]})
    text = settings(server)
    with world.case("bounce --no-check asks nobody"):
        (found,) = bounces(world, text, "--no-check", stdin=bounce_text(LISTED))
        equal((found["address"], found["result"], len(server.seen)), (LISTED, "unknown", 0))
    with world.case("bounce: of what has no address, or is not about one, nobody is asked"):
        found = bounces(
            world,
            text,
            stdin=f"554 5.7.1 Client host [XX.XX.XX.XX] blocked using {ZONE}\n\n"
            f"550 5.7.1 Sender address [u@example.com] blocked using dbl.spamhaus.org\n\n"
            "450 4.2.0 Greylisted, come back later",
        )
        equal([(f["address"], f["result"], f["kind"]) for f in found],
              [(None, "unparsed", "listing"), (None, "unparsed", "domain"), (None, "unparsed", "greylisting")])  # fmt: skip
        equal(len(server.seen), 0)
    with world.case("bounce: a list that the configuration does not have is unknown, and it says how to get it"):
        (found,) = bounces(world, config([dns_list("bl", ZONE)], GROUPS, [server.endpoint]),
                           stdin=bounce_text(MICROSOFT, "zen.spamhaus.org"))  # fmt: skip
        equal((found["public_list"], found["result"]), ("spamhaus_zen", "unknown"))
        assert '"- use: spamhaus_zen"' in found["advice"][0], found
    for name, behave, reason in (
        ("is dead", fakedns.silent, "timeout"),
        ("refuses", fakedns.everything("127.255.255.254"), "refused"),
        ("lists the world", fakedns.everything("127.0.0.2"), "wildcard"),
    ):
        with world.case(f"bounce: a list that {name} is unknown, within 5 s"):
            server.behave = behave
            began = time.monotonic()
            (found,) = bounces(world, text, stdin=bounce_text(LISTED))
            took = time.monotonic() - began
            equal(found["result"], "unknown")
            assert f"({reason})" in found["advice"][0], found
            assert took < 6.5 or is_sanitized(), took
    server.behave = fakedns.sound
    with world.case("bounce: nothing is asked outside of the budget"):
        server.seen.clear()
        spent = settings(server, dns_list("bl", ZONE, budget={"queries": 1, "per": "30d", "rate": "unlimited"}))
        (found,) = bounces(world, spent, stdin=bounce_text(LISTED))
        equal(found["result"], "unknown")
        assert "(budget)" in found["advice"][0] and len(server.seen) <= 1, (found, len(server.seen))


@scene
def only_what_is_proven(world):
    lists = [dns_list("one", "one.example.net", confirm=2), dns_list("two", "two.example.net", confirm=2)]

    def servers(behave=fakedns.sound):
        found = [FakeDns(world, f"{name}.example.net", {LISTED: ["127.0.0.2"]}) for name in ("one", "two")]
        for server in found:
            server.behave = behave
        text = config(
            [dict(fields, nameservers=[server.endpoint]) for fields, server in zip(lists, found)], GROUPS, [found[0].endpoint]
        )
        return found, text

    def asked(server, address):
        return len(server.queries(ip=address, kind=1))

    with world.case("bounce: a list that nobody has named is asked twice before it is said to list the address"):
        found, text = servers()
        for _ in range(TRIES):
            for server in found:
                server.seen.clear()
            began = time.monotonic()
            (told,) = bounces(world, text, stdin=f"554 Blocked - see https://ipcheck.proofpoint.com/?ip={LISTED}")
            if time.monotonic() - began < LOOKUP_S:
                break
        assert any(f"Other lists that list {LISTED} now: one, two" in s for s in told["advice"]), told
        assert all(asked(server, LISTED) >= 2 for server in found), found

    def only_the_first():
        told = set()

        def behave(server, query):
            if query.ip != LISTED or query.kind != 1:
                return fakedns.sound(server, query)
            first = server not in told
            told.add(server)
            return server.positive(query, ["127.0.0.2"]) if first else server.negative(query)

        return behave

    with world.case("bounce: a list that nobody has named, and that lists an address once only, is not told of"):
        found, text = servers(only_the_first())
        (told,) = bounces(world, text, stdin=f"554 Blocked - see https://ipcheck.proofpoint.com/?ip={LISTED}")
        assert not any("Other lists" in s for s in told["advice"]), told
        assert all(asked(server, LISTED) >= 2 for server in found), found
    with world.case("bounce: one that a bounce names for the address confirms it by one look, and no other is asked"):
        found, text = servers(only_the_first())
        (told,) = bounces(world, text, stdin=bounce_text(LISTED, "one.example.net"))
        equal((told["result"], asked(found[1], LISTED)), ("confirmed", 0))
    with world.case("bounce: each address is asked about at its own list alone"):
        found, text = servers()
        bounces(world, text, stdin=bounce_text(LISTED, "one.example.net") + "\n" + bounce_text(CLEAN, "two.example.net"))
        equal([[asked(server, ip) > 0 for ip in (LISTED, CLEAN)] for server in found], [[True, False], [False, True]])
    with world.case("bounce: at most 10 addresses are looked up, and it says so"):
        found, text = servers()
        many = "\n".join(bounce_text(f"192.0.2.{i}", "two.example.net") for i in range(101, 121))
        code, out, errors = bounce(world, text, "--output=json", stdin=many)
        equal((code, len(json.loads(out)["bounces"])), (OK, 20))
        assert "at most 10 addresses are looked up: 10 bounces with others were only read" in errors, errors
        equal(sorted({s.ip for s in found[1].queries() if s.ip in many}), [f"192.0.2.{i}" for i in range(101, 111)])


class Running:
    """A `bounce` that runs beside another one."""

    def __init__(self, path, folder):
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [BINARY, "bounce", "--send=none", f"--config.file={path}", f"--storage.path={folder}", "--output=json"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def finish(self):
        out, errors = self.process.communicate(timeout=harness.LIMIT_S)
        self.took = time.monotonic() - self.began
        self.code, self.errors = self.process.returncode, errors.decode()
        self.results = [found["result"] for found in json.loads(out or b'{"bounces": []}')["bounces"]]

    def is_too_late(self):
        """Whether it was not answered for having waited as long as is promised: the machine has much else to do."""
        return self.results != ["confirmed"] and self.took >= WAIT_S


def two_at_once(world, text):
    """Two that open a new folder together."""
    folder = world.fresh_folder("storage")
    path = world.write("both.yml", text)
    both = [Running(path, folder) for _ in range(2)]
    for running in both:
        running.process.stdin.write(bounce_text(LISTED).encode())
        running.process.stdin.flush()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(Running.finish, both))
    return both


@scene
def beside_a_daemon(world):
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]})
    paid = dns_list("bl", ZONE, budget={"queries": 100000, "per": "1d", "rate": "unlimited"})
    text = settings(server, paid)
    with world.case("bounce: two at once wait for each other, and both are answered"):
        for _ in range(TRIES):
            both = two_at_once(world, text)
            if not any(running.is_too_late() for running in both):
                break
        for running in both:
            equal((running.code, running.errors, running.results), (OK, "", ["confirmed"]))
    exporter = Exporter(world, text)
    with world.case("bounce with the store of a running daemon asks no list with a quota, reads all the same, and says why"):
        code, out, errors = bounce(world, text, "--output=json", stdin=bounce_text(LISTED), storage=exporter.storage)
        equal(code, OK)
        equal([f["result"] for f in json.loads(out)["bounces"]], ["unknown"])
        assert "could not be counted: bl" in errors and "another rbl_exporter (the daemon, or" in errors, errors


@scene
def behind_a_pipe(world):
    server = FakeDns(world, ZONE)
    text = settings(server)
    for name, content in (
        ("an empty message", b""),
        ("a message that is no bounce", b"From: a@example.org\nTo: b@example.org\nSubject: lunch\n\nAt 12?\n"),
        ("bytes that are nothing", bytes(range(256)) * 40),
        ("a bounce for another reason", b"550 5.1.1 <user@example.org>: User unknown\n"),
    ):
        with world.case(f"bounce: {name} is no failure, for the mail server would bounce it"):
            code, out, _ = bounce(world, text, "--output=json", stdin=content)
            equal(code, OK)
            assert all(found["address"] is None for found in json.loads(out)["bounces"]), out
    with world.case("bounce: of a message that is too large the first MiB is read, and the rest taken from the pipe"):
        head = bounce_text("192.0.2.9").encode() + b"\n\n"
        code, out, errors = bounce(world, text, "--no-check", "--output=json", stdin=head + b"x" * (8 << 20))
        equal((code, [f["address"] for f in json.loads(out)["bounces"]]), (OK, ["192.0.2.9"]))
        assert "only the first 1048576 bytes were read" in errors, errors
    with world.case("bounce: more bounces than 100 are left out, and it says so"):
        many = "\n".join(bounce_text(f"192.0.2.{i}") for i in range(1, 120))
        code, out, errors = bounce(world, text, "--no-check", "--output=json", stdin=many)
        equal((code, len(json.loads(out)["bounces"])), (OK, 100))
        assert "more than 100 bounces: 19 were left out" in errors, errors
    with world.case("bounce: a message that would overrun a decoder is read as text"):
        deep = b"From: a@example.org\nTo: b@example.org\n" + b"".join(
            b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (i, i) for i in range(10000)
        )
        code, out, _ = bounce(world, text, "--no-check", "--output=json", stdin=deep + bounce_text(LISTED).encode())
        equal((code, [f["address"] for f in json.loads(out)["bounces"]]), (OK, [LISTED]))
        colons = b"From: " + b"a:" * 450000 + b"\nTo: b@example.org\n\n" + bounce_text(LISTED).encode()
        code, out, _ = bounce(world, text, "--no-check", "--output=json", stdin=colons)
        equal((code, [f["address"] for f in json.loads(out)["bounces"]]), (OK, [LISTED]))
    saved = (
        "<html><body><p>554 5.7.1 not found, message blocked</p>\n<p>The message had these fields:</p>\n"
        "<pre>Received: from mx9.example.net (203.0.113.29) by mx5.example.net\n (203.0.113.30) with SMTP\n</pre>"
    )
    old = (
        "From: a@example.org\nTo: b@example.org\nReceived: from mx9.example.net (203.0.113.29)\n by mx5 (203.0.113.30)\n\n"
        "554 5.7.1 not found, message blocked\n"
    )
    hostile = "From: a@example.org\nTo: b@example.org\n\n" + "--x\n" * 3000 + saved
    for name, content in (
        ("a saved report in HTML", saved),
        ("one whose lines end in CR", saved.replace("\n", "\r")),
        ("a message whose lines end in CR", old.replace("\n", "\r")),
        ("a message with HTML that is not taken apart", hostile),
    ):
        with world.case(f"bounce: {name} gives no address of a Received field"):
            code, out, _ = bounce(world, text, "--no-check", "--output=json", stdin=content)
            equal((code, [found["address"] for found in json.loads(out)["bounces"]]), (OK, [None]))
    with world.case("bounce: a message behind a byte order mark and empty lines is one"):
        code, out, _ = bounce(world, text, "--no-check", "--output=json", stdin="\ufeff\n\n" + old)
        equal((code, [found["address"] for found in json.loads(out)["bounces"]]), (OK, [None]))
    with world.case("bounce: output that nobody reads is EX_TEMPFAIL"):
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "wb") as closed:
            done = subprocess.run(
                [BINARY, "bounce", f"--config.file={world.write('piped.yml', text)}", "--no-check"],
                input=bounce_text(LISTED).encode(),
                stdout=closed,
                stderr=subprocess.PIPE,
            )
        equal(done.returncode, LATER)
    with world.case("bounce: a saved report in HTML is read"):
        page = f"<html><body><p>{bounce_text(LISTED).replace('Client', '<b>Client</b>')}</p></body></html>"
        code, out, _ = bounce(world, text, "--no-check", "--output=json", stdin=page)
        equal((code, [found["address"] for found in json.loads(out)["bounces"]]), (OK, [LISTED]))
    with world.case("bounce: what is not the message's fault is EX_TEMPFAIL: the mail server keeps it"):
        code, out, errors = bounce(world, "lists: 1\n", stdin=bounce_text(LISTED))
        equal((code, out), (LATER, ""))
        assert ".yml:1:" in errors, errors
        path = world.write("good.yml", text)
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [BINARY, "bounce", f"--config.file={path}", "--no-check"],
                input=bounce_text(LISTED).encode(),
                stdout=full,
                stderr=subprocess.PIPE,
            )
        equal(done.returncode, LATER)
    with world.case("bounce: a file that is not there is EX_NOINPUT, and named"):
        code, out, errors = bounce(world, text, world.path("nothing.eml"))
        equal((code, out), (NO_INPUT, ""))
        assert "nothing.eml cannot be read" in errors, errors
        equal(bounce(world, text, world.folder)[0], NO_INPUT)
        equal(bounce(world, text, "/dev/zero")[0], NO_INPUT)
    with world.case("bounce: bad usage is EX_USAGE"):
        for arguments in (["--nonsense"], ["--list=bl"], ["--send=none"], ["--output=xml"]):
            equal(bounce(world, text, *arguments)[0], USAGE, arguments)


def read_apart(data, *arguments, memory=None):
    """(exit code, what the process put out that reads for the daemon)"""
    limit = ["prlimit", f"--as={memory}"] if memory else []
    done = subprocess.run(
        [*limit, BINARY, "read-bounces", *arguments], input=data, capture_output=True, timeout=harness.LIMIT_S
    )
    return done.returncode, done.stdout


@scene
def read_for_the_daemon(world):
    samples = sorted(glob.glob(os.path.join(SAMPLES, "*.eml")))
    with world.case("bounce: the process that reads for the daemon puts out what it found"):
        for path in samples:
            with open(path, "rb") as file:
                data = file.read()
            code, out = read_apart(data, "message")
            equal((code, out[:1]), (OK, b"\x01"), path)
            equal(read_apart(data), (OK, out), path)
            equal(len(out) > 13, "no_bounce" not in path, path)
        text = bounce_text(LISTED).encode()
        equal(read_apart(text), read_apart(text, "message"))
    with world.case("bounce: without memory it says nothing rather than a part"):
        outcomes = set()
        for memory in range(4_000_000, 400_000_000, 7_000_000):
            code, out = read_apart(data, "message", memory=memory) if not is_sanitized() else (OK, read_apart(data)[1])
            outcomes.add(code == OK)
            assert (code == OK) == bool(out), (memory, code, out)
        assert True in outcomes


main()
