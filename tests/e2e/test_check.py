# SPDX-License-Identifier: Apache-2.0
"""`rbl_exporter check`: addresses looked up on demand, by a program that ends."""

import calendar
import json
import os
import pty
import re
import signal
import subprocess
import time

import fakedns
import harness
from exporter import BINARY, Exporter, config, dns_list, run
from fakedns import FakeDns, only_tests
from harness import equal, main, scene, wait
from servers import Rbldnsd

ZONE = "bl.example.net"
LISTED, CLEAN = "192.0.2.1", "192.0.2.2"
GROUPS = [{"name": "elsewhere", "addresses": ["203.0.113.77"], "ranges": ["198.51.100.0/24"]}]
NONE, SOME, REFUSED, UNKNOWN = 0, 1, 2, 3


def settings(server, *lists, **top):
    return config(lists or [dns_list("bl", ZONE)], GROUPS, [server.endpoint], **top)


def command(world, text, *arguments, storage=None):
    path = world.write(f"check_{world.n_folders}.yml", text)
    storage = storage or world.fresh_folder("storage")
    return ["check", "--send=none", f"--config.file={path}", f"--storage.path={storage}", *arguments]


def check(world, text, *arguments, **options):
    """(exit code, standard output, standard error)"""
    return run(*command(world, text, *arguments, **options))


def check_json(world, text, *arguments, **options):
    """(exit code, the document); whatever happens, it is one, and nothing is said besides."""
    code, out, errors = check(world, text, "--output=json", *arguments, **options)
    assert code != REFUSED, errors
    return code, json.loads(out)


def verdict(document, address, name="bl"):
    """The one result of a list for an address."""
    found = [
        result
        for entry in document["checks"]
        if entry["address"] == address
        for result in entry["lists"]
        if result["list"] == name
    ]
    equal(len(found), 1, f"results of {name} for {address}")
    return found[0]


def rows(out):
    """The lines of a table, cut at two blanks."""
    return [re.split(r"  +", line.strip()) for line in out.splitlines() if line.startswith("  ")]


@scene
def sound_lists(world):
    server = Rbldnsd(
        world,
        {
            ZONE: [
                ("ip4set", ["127.0.0.2 :127.0.0.2:test", f"{LISTED} :127.0.0.4:Spam from $, see example.net"]),
                ("ip6trie", ["::ffff:7f00:2/128 :127.0.0.2:test", "2001:db8::25/128 :127.0.0.3:six"]),
            ],
            "score.example.net": [("ip4set", ["127.0.0.2 :127.0.4.50:test", f"{LISTED} :127.0.4.7:"])],
            "good.example.net": [("ip4set", ["127.0.0.2 :127.0.0.2:test", f"{CLEAN} :127.0.0.2:"])],
        },
    )
    codes = {"127.0.0.2": "spam", "127.0.0.3": "six", "127.0.0.4": "exploited"}
    block = dns_list("bl", ZONE, families=["ipv4", "ipv6"], codes=codes, delist_url="https://example.net/remove")
    score = dns_list("score", "score.example.net", kind="reputation")
    good = dns_list("good", "good.example.net", kind="allowlist")
    text = settings(server, block, score, good)
    with world.case("check of a listed address: exit code 1, and a table with all there is to say"):
        code, out, errors = check(world, text, LISTED)
        equal((code, errors), (SOME, ""))
        assert out.startswith(f"{LISTED}: listed on 1 of 1 block lists\n"), out
        table = rows(out)
        equal(table[0], ["LIST", "VERDICT", "CODES", "SINCE", "LATENCY", "DELISTING PAGE", "REASON"])
        name, what, code_names, since, latency, page, reason = table[1]
        equal((name, what, code_names), ("bl", "LISTED", "exploited"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", since), since
        assert re.fullmatch(r"\d+\.\d ms", latency), latency
        equal((page, reason), ("https://example.net/remove", f"Spam from {LISTED}, see example.net"))
        equal((table[2][:2], table[3][:2]), (["score", "score 7"], ["good", "not on it"]))
    with world.case("check of an address that is not listed: exit code 0; on an allow list is no listing"):
        code, out, _ = check(world, text, CLEAN)
        equal(code, NONE)
        equal([row[:2] for row in rows(out)[1:]], [["bl", "not listed"], ["score", "no score"], ["good", "allowed"]])
    with world.case("check with --output=json says the same to programs"):
        code, document = check_json(world, text, LISTED, CLEAN)
        equal(code, SOME)
        equal([entry["address"] for entry in document["checks"]], [LISTED, CLEAN])
        result = verdict(document, LISTED)
        assert 0 < result.pop("latency_seconds") < 30
        assert result.pop("since")
        equal(
            result,
            {
                "list": "bl",
                "zone": ZONE,
                "kind": "blocklist",
                "verdict": "listed",
                "reason": None,
                "codes": ["exploited"],
                "score": None,
                "txt": f"Spam from {LISTED}, see example.net",
                "delisting_page": "https://example.net/remove",
            },
        )
        equal(verdict(document, LISTED, "score")["score"], 7)
        equal(verdict(document, CLEAN)["verdict"], "not_listed")
        equal(verdict(document, CLEAN, "good")["verdict"], "listed")
        summary = document["summary"]
        equal([summary[key] for key in ("addresses", "listed", "not_listed", "unknown")], [2, 1, 1, 0])
        equal([entry["state"] for entry in summary["lists"]], ["ok", "ok", "ok"])
        equal(summary["ranges"], [])
    with world.case("check of an IPv6 address asks the lists that know IPv6, and names the others"):
        code, out, _ = check(world, text, "2001:DB8::25")
        equal(code, SOME)
        assert out.startswith("2001:db8::25: listed on 1 of 1 block lists\n"), out
        assert "\nNot asked about IPv6 addresses: score, good\n" in out, out
        equal(check(world, text, "2001:db8::26")[0], NONE)
    with world.case("check --list asks this list and no other"):
        code, document = check_json(world, text, LISTED, "--list=good")
        equal((code, [r["list"] for r in document["checks"][0]["lists"]]), (NONE, ["good"]))
        code, document = check_json(world, text, LISTED, "--list=score", "--list=bl")
        equal((code, [r["list"] for r in document["checks"][0]["lists"]]), (SOME, ["bl", "score"]))
    with world.case("check of an address twice answers once"):
        _, document = check_json(world, text, CLEAN, LISTED, CLEAN, f"{CLEAN}/32")
        equal([entry["address"] for entry in document["checks"]], [CLEAN, LISTED])
    with world.case("check of a range counts, and shows what is listed"):
        code, out, errors = check(world, text, "192.0.2.0/28", "--list=bl", "--list=score")
        equal((code, errors), (SOME, ""))
        assert out.startswith("192.0.2.0/28: 16 addresses, 1 listed, 15 not listed, 0 unknown\n"), out
        table = rows(out)
        equal(table[:2], [["LIST", "STATE", "CHECKED", "LISTED", "UNKNOWN"], ["bl", "ok", "16", "1", "0"]])
        equal(table[4][:4], [LISTED, "bl", "LISTED", "exploited"])
        equal(len(table), 5)
    with world.case("check of a range as JSON has the listed addresses and the counts"):
        code, document = check_json(world, text, "192.0.2.%", CLEAN)
        equal(code, SOME)
        equal([entry["address"] for entry in document["checks"]], [LISTED, CLEAN])
        (counts,) = document["summary"]["ranges"]
        equal((counts["range"], counts["addresses"], counts["listed"]), ("192.0.2.0/24", 256, 1))
        equal(document["summary"]["addresses"], 257)
    with world.case("check of a range without a listing: exit code 0"):
        equal(check(world, text, "203.0.113.0-203.0.113.9")[0], NONE)


@scene
def a_pipe_is_no_terminal(world):
    server = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2 :127.0.0.2:test", f"{LISTED} :127.0.0.2:x"])]})
    text = settings(server)
    with world.case("check has no progress line and no escape codes on a pipe"):
        _, out, errors = check(world, text, "192.0.2.0/24")
        assert "\x1b" not in out and "\r" not in out, repr(out)
        equal(errors, "")
    with world.case("check has a progress line on a terminal, and wipes it"):
        master, slave = pty.openpty()
        slow = settings(server, dns_list("bl", ZONE, budget={"rate": "100/s"}))
        arguments = command(world, slow, "192.0.2.0/24")
        process = subprocess.Popen([BINARY, *arguments], stdout=subprocess.PIPE, stderr=slave, stdin=subprocess.DEVNULL)
        os.close(slave)
        out = process.stdout.read().decode()
        shown = b""
        try:
            while piece := os.read(master, 4096):
                shown += piece
        except OSError:  # the other end is closed
            pass
        os.close(master)
        equal(process.wait(harness.STOP_S), SOME)
        assert re.search(rb"\r\x1b\[K\d+ of 256 looked up, \d+ listings", shown), shown
        assert shown.endswith(b"\r\x1b[K"), shown
        assert "\x1b" not in out, out


@scene
def lists_that_fail(world):
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]})
    text = settings(server)

    def demand(reason, behave, list_state=None):
        server.behave = behave
        code, document = check_json(world, text, LISTED, CLEAN)
        equal(code, UNKNOWN)
        for address in (LISTED, CLEAN):
            result = verdict(document, address)
            equal((result["verdict"], result["reason"]), ("unknown", reason), address)
        if list_state:
            equal(document["summary"]["lists"][0]["state"], list_state)

    with world.case("check: a list that refuses is unknown (refused)"):
        demand("refused", fakedns.everything("127.255.255.254"), "refused")
    with world.case("check says what to do about a list that refuses"):
        _, out, _ = check(world, text, CLEAN)
        assert "unknown (refused)" in out and "\nbl (refused): The list refuses" in out, out
    with world.case("check: rcode REFUSED is unknown (refused)"):
        demand("refused", fakedns.rcode(fakedns.REFUSED), "refused")
    with world.case("check: a list that lists the world is unknown (wildcard)"):
        demand("wildcard", fakedns.everything("127.0.0.2"), "wildcard")
    with world.case("check: an emptied list is unknown (silent)"):
        demand("silent", fakedns.nothing, "silent")
    with world.case("check: a dead list is unknown (timeout), and ends"):
        demand("timeout", fakedns.silent, "timeout")
    with world.case("check: SERVFAIL is unknown (servfail)"):
        demand("servfail", fakedns.rcode(fakedns.SERVFAIL), "servfail")
    with world.case("check: an address that gets no answer is unknown (timeout), on a list that is ok"):
        demand("timeout", only_tests(fakedns.silent))
    with world.case("check: an address that gets SERVFAIL is unknown (servfail)"):
        demand("servfail", only_tests(fakedns.rcode(fakedns.SERVFAIL)))
    with world.case("check: an address that is refused closes the list"):
        demand("refused", only_tests(fakedns.everything("127.255.255.254")), "refused")
    with world.case("check: an answer outside of 127/8 is unknown (invalid_answer)"):
        demand("invalid_answer", only_tests(fakedns.everything("192.0.2.99")))
    with world.case("check: one address unknown and one listed is exit code 1"):
        server.behave = lambda s, q: None if q.ip == CLEAN else fakedns.sound(s, q)
        code, document = check_json(world, text, LISTED, CLEAN)
        equal((code, verdict(document, CLEAN)["reason"]), (SOME, "timeout"))
        equal(document["summary"]["unknown"], 1)
    with world.case("check: a first look that is not confirmed is no listing"):
        asked = []

        def once(fake, query):
            if query.ip == CLEAN:
                asked.append(query)
                return fake.positive(query, ["127.0.0.2"]) if len(asked) == 1 else fakedns.sound(fake, query)
            return fakedns.sound(fake, query)

        server.behave = once
        code, document = check_json(world, text, CLEAN)
        equal((code, verdict(document, CLEAN)["verdict"], len(asked)), (NONE, "not_listed", 2))
    with world.case("check: a nameserver that is not there is unknown"):
        nobody = f"{harness.take_address()}:53"
        code, document = check_json(world, config([dns_list("bl", ZONE)], GROUPS, [nobody]), CLEAN)
        equal((code, verdict(document, CLEAN)["verdict"]), (UNKNOWN, "unknown"))
    with world.case("check: what a list writes cannot steer the terminal"):
        server.behave = fakedns.sound
        server.texts[LISTED] = b"\x1b[31mred\x07\xff\xc2\x9b"
        code, out, _ = check(world, text, LISTED)
        equal(code, SOME)
        assert re.search(r"\?\[31mred\?", out) and not re.search(r"[^\x20-\x7e\n\ufffd]", out), repr(out)


@scene
def some_lists_fail(world):
    good = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]})
    dead = FakeDns(world, "dead.example.net", behave=fakedns.silent)
    text = settings(
        good, dns_list("bl", ZONE), dns_list("dead", "dead.example.net", nameservers=[dead.endpoint])
    )
    with world.case("check: a dead list beside a good one costs its own verdicts only"):
        code, out, _ = check(world, text, CLEAN)
        equal(code, UNKNOWN)
        equal([row[:2] for row in rows(out)[1:]], [["bl", "not listed"], ["dead", "unknown (timeout)"]])
        equal(check(world, text, LISTED)[0], SOME)
        equal(check(world, text, CLEAN, "--list=bl")[0], NONE)


def spending(server, queries, rate="unlimited", **keys):
    return settings(server, dns_list("bl", ZONE, budget={"queries": queries, "per": "30d", "rate": rate}, **keys))


@scene
def small_budgets(world):
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]})
    addresses = [f"192.0.2.{i}" for i in range(10, 60)]
    with world.case("check never sends more than the quota, and the rest is unknown (budget)"):
        code, document = check_json(world, spending(server, 600), *addresses)
        equal(code, UNKNOWN)
        assert 4 < len(server.seen) <= 25, len(server.seen)
        reasons = [verdict(document, a)["reason"] for a in addresses]
        equal(set(reasons), {None, "budget"})
        equal(document["summary"]["not_listed"], reasons.count(None))
    with world.case("check sends nothing at all of a quota that does not reach for a self-test"):
        server.seen.clear()
        code, document = check_json(world, spending(server, 1), CLEAN)
        equal((code, verdict(document, CLEAN)["reason"]), (UNKNOWN, "budget"))
        assert len(server.seen) <= 1, len(server.seen)
    with world.case("check of a range that the budget does not reach for is refused, with the numbers"):
        server.seen.clear()
        code, out, errors = check(world, spending(server, 3000), "192.0.2.0/24")
        equal((code, out, len(server.seen)), (REFUSED, "", 0))
        assert re.search(r'takes 256 queries of list "bl", which has \d+ for ranges now', errors), errors
    with world.case("check --force of such a range goes as far as the budget does"):
        code, document = check_json(world, spending(server, 3000), "192.0.2.0/24", "--force")
        (counts,) = document["summary"]["ranges"]
        assert 0 < counts["unknown"] < 256 and len(server.seen) <= 110, (counts, len(server.seen))
        equal(code, SOME if counts["listed"] else UNKNOWN)
    with world.case("check of a range that two lists pay for together is refused by their sum"):
        shared = [dns_list(name, ZONE, budget={"share": "both", "rate": "unlimited"}) for name in ("bl", "b2")]
        text = settings(server, *shared, budgets={"both": {"queries": 3000, "per": "30d"}})
        _, _, errors = check(world, text, "192.0.2.0/26")
        assert "takes 128 queries of the budget \"both\"" in errors, errors
    with world.case("check without a store asks no list with a quota, and says why"):
        server.seen.clear()
        taken = world.write("taken", "a file")
        free = dns_list("free", ZONE)
        paid = dns_list("paid", ZONE, budget={"queries": 1000, "per": "1d", "rate": "unlimited"})
        code, out, errors = check(world, settings(server, paid, free), CLEAN, storage=taken)
        equal(code, UNKNOWN)
        equal([row[:2] for row in rows(out)[1:]], [["paid", "unknown (budget)"], ["free", "not listed"]])
        said = [line for line in errors.splitlines() if "could not be counted: paid" in line]
        assert len(said) == 1 and taken in said[0], errors
        code, _, errors = check(world, settings(server, free), LISTED, storage=taken)
        equal(code, SOME)
        assert taken in errors and "could not be counted" not in errors, errors


@scene
def budgets_that_last(world):
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]})
    storage = world.fresh_folder("storage")
    with world.case("what one check has spent, the next one does not have"):
        for first in (10, 60, 110, 160):
            check_json(world, spending(server, 600), *(f"192.0.2.{first + i}" for i in range(50)), storage=storage)
        assert 4 < len(server.seen) <= 25, len(server.seen)
    with world.case("a check that is killed gives nothing of the quota back"):
        server.seen.clear()
        text = spending(server, 6000, "20/s")  # 200 at once
        storage = world.fresh_folder("storage")
        for _ in range(8):
            before = len(server.seen)
            arguments = command(world, text, "192.0.2.0/24", "--force", storage=storage)
            process = subprocess.Popen([BINARY, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            end = time.monotonic() + 5  # it may wait for a last query that the quota gives soon
            wait(
                lambda: len(server.seen) > before + 20 or process.poll() is not None or time.monotonic() > end,
                "some queries",
                world=world,
            )
            process.kill()
            process.wait()
        n_killed = len(server.seen)
        check_json(world, text, *(f"192.0.2.{i}" for i in range(200)), storage=storage)
        assert 20 < n_killed <= len(server.seen) <= 205, (n_killed, len(server.seen))


@scene
def beside_a_daemon(world):
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]})
    free = dns_list("free", ZONE)
    paid = dns_list("paid", ZONE, budget={"queries": 100000, "per": "1d", "rate": "unlimited"})
    text = config([paid, free], [{"name": "g", "addresses": [LISTED]}], [server.endpoint])
    exporter = Exporter(world, text)
    exporter.wait_for_value(1, "rbl_ip_listed", ip=LISTED, list="free")
    exporter.wait_for_value(1, "rbl_ip_listed", ip=LISTED, list="paid")
    seen_at = time.time()
    with world.case("check with the store of a running daemon asks no list with a quota, and says why"):
        code, out, errors = check(world, text, CLEAN, storage=exporter.storage)
        equal(code, UNKNOWN)
        equal([row[:2] for row in rows(out)[1:]], [["paid", "unknown (budget)"], ["free", "not listed"]])
        assert exporter.storage in errors and "could not be counted: paid" in errors, errors
    exporter.stop()
    with world.case("check knows since when an address is listed from what the daemon has kept"):
        wait(lambda: time.time() > seen_at + 2, "two seconds to tell times apart")
        code, document = check_json(world, text, LISTED, storage=exporter.storage)
        equal(code, SOME)
        for name in ("free", "paid"):
            since = calendar.timegm(time.strptime(verdict(document, LISTED, name)["since"], "%Y-%m-%dT%H:%M:%SZ"))
            assert since <= seen_at, (since, seen_at)


@scene
def slow_lists(world):
    server = FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]})
    with world.case("check of a range that takes too long is refused, with the time and the way out"):
        slow = settings(server, dns_list("bl", ZONE, budget={"rate": "1/s"}))
        code, out, errors = check(world, slow, "192.0.0.0/20")
        equal((code, out, len(server.seen)), (REFUSED, "", 0))
        assert "about 68 minutes" in errors and "--force" in errors, errors
    with world.case("check keeps to the rate of a list"):
        slow = settings(server, dns_list("bl", ZONE, budget={"rate": "20/s"}))
        code, _ = check_json(world, slow, "192.0.2.8/29")
        equal(code, NONE)
        times = sorted(seen.time for seen in server.seen)
        n, span = len(times), times[-1] - times[0]
        assert n <= 20 * span + 2 + 1, (n, span)
    with world.case("check that is interrupted prints what it knows"):
        server.seen.clear()
        text = settings(server, dns_list("bl", ZONE, budget={"rate": "10/s"}))
        arguments = command(world, text, "192.0.0.0/22", "--output=json")
        process = subprocess.Popen(
            [BINARY, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        wait(lambda: len(server.seen) > 8, "some queries", world=world)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=harness.STOP_S)
        equal(process.returncode, UNKNOWN)
        counts = json.loads(out)["summary"]["ranges"][0]
        assert 0 < counts["not_listed"] < 1024 and counts["unknown"] > 0, counts
        equal(counts["not_listed"] + counts["listed"] + counts["unknown"], 1024)
        assert b"checking 1024 addresses takes about 102 seconds" in errors, errors
        assert b"interrupted: what was not answered by then is unknown" in errors, errors


@scene
def bad_usage(world):
    server = FakeDns(world, ZONE)
    text = settings(server, dns_list("block", ZONE), dns_list("off", "off.example.net", enabled=False))
    for arguments, sentence in (
        ([], "the command check needs IP|RANGE..."),
        (["192.0.2.300"], "192.0.2.300"),
        (["192.0.2.1/24"], "192.0.2.0/24"),
        ([CLEAN, "nonsense"], "nonsense"),
        (["10.0.0.0/8"], "more than 65536 addresses"),
        (["10.0.0.0/16", "10.1.0.0"], "more than 65536 addresses"),
        (["2001:db8::/32"], "more than 65536 addresses"),
        (["2001:db8::1"], "2001:db8::1/128: none of the lists is asked about IPv6 addresses"),
        ([CLEAN, "--list=blocks"], 'there is no list "blocks" in the configuration; did you mean "block"?'),
        ([CLEAN, "--list=off"], 'list "off" is disabled in the configuration'),
        ([CLEAN, "--output=yaml"], "--output=yaml: expected table or json"),
    ):
        with world.case(f"check {' '.join(arguments)} is refused with a sentence"):
            code, out, errors = check(world, text, *arguments)
            equal((code, out), (REFUSED, ""))
            assert sentence in errors, errors
            equal(len(errors.splitlines()), 1, errors)
    with world.case("check with a broken configuration says where, and is no verdict"):
        code, out, errors = check(world, "lists: 1\n", CLEAN)
        equal((code, out), (REFUSED, ""))
        assert ".yml:1:" in errors, errors
    with world.case("nothing was asked of any list"):
        equal(len(server.seen), 0)


@scene
def soon(world):
    server = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2 :127.0.0.2:test", f"{LISTED} :127.0.0.2:x"])]})
    with world.case("check of a listed address does not wait for what will not come"):
        began = time.monotonic()
        equal(check(world, settings(server), LISTED)[0], SOME)
        took = time.monotonic() - began
        print(f"# a listed address took {took:.1f} s", flush=True)
        assert took < 15, took


main()
