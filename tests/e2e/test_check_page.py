# SPDX-License-Identifier: Apache-2.0
"""The page about one address: POST /check has the lists asked, GET /check shows what is known."""

import html
import http.server
import json
import os
import re
import threading
import time
import urllib.parse

from browser import Browser
from exporter import Exporter, config, dns_list
from fakedns import A, FakeDns, everything, silent, sound
from harness import equal, main, scene, take_address, wait
from servers import Rbldnsd

FORM = "application/x-www-form-urlencoded"
WATCHED, LISTED, CLEAN = "192.0.2.1", "203.0.113.9", "203.0.113.10"
MICROSOFT = "40.107.130.132"
REAL, FAKE = "bl.example.net", "fake.example.net"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # how WebDriver spells a reference
HOSTILE = '<script>alert("1")</script>&\'--><b onclick=x>'
GROUPS = [{"name": "out", "addresses": [WATCHED], "interval": "1h"}]


def post(exporter, ip, body=None, **headers):
    headers = {"Content-Type": FORM, **{key.replace("_", "-"): value for key, value in headers.items()}}
    body = body if body is not None else urllib.parse.urlencode({"ip": ip}).encode()
    return exporter.request("POST", "/check", headers, body)


def check(exporter, ip):
    """The page with an answer of every list: on a busy machine it may have to be asked for again."""
    return wait(
        lambda: (lambda answer: "no answer yet" not in answer.text and answer)(post(exporter, ip)),
        f"every list has said something about {ip}",
        world=exporter.world,
    )


def get(exporter, ip):
    return exporter.get("/check?" + urllib.parse.urlencode({"ip": ip}))


def rows(response):
    """The table of a page: {list: [text of the cells]}."""
    equal(response.status, 200, response.text)
    found = {}
    for row in re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", response.text, re.S):
        cells = [html.unescape(re.sub(r"<[^>]*>", "", cell)) for cell in re.split(r"</?t[dh][^>]*>", row)]
        found[cells[0]] = [cell for cell in cells[2::2]]
    return found


def verdicts(response):
    return {name: cells[0] for name, cells in rows(response).items()}


def title(response):
    return html.unescape(re.search(r"<h1[^>]*>(.*?)</h1>", response.text)[1])


def browser_page(world, text):
    """The address of a page on a server of its own, which is another site."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer((take_address(), 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "http://%s:%d/" % server.server_address[:2]


def asked(fake, ip, kind=None):
    with fake.lock:
        return sum(one.ip == ip and kind in (None, one.kind) for one in fake.seen)


def quiet(name, zone, **keys):
    """A list that is asked nothing but what a test wants, once it is ok."""
    return dns_list(name, zone, **{"self_test": {"interval": "1h"}, **keys})


@scene
def verdict_of_each_list(world):
    rbldnsd = Rbldnsd(world, {REAL: [("ip4set", ["127.0.0.2", f"{LISTED} :127.0.0.4:{HOSTILE} $", WATCHED])]})
    refused, dead = FakeDns(world, "refused.example.net"), FakeDns(world, "dead.example.net")
    lists = [
        quiet("real", REAL, codes={"127.0.0.2": "test", "127.0.0.4": "spam"}, delist_url="https://example.net/out?a&b"),
        quiet("refused", refused.zone, nameservers=[refused.endpoint]),
        quiet("dead", dead.zone, nameservers=[dead.endpoint]),
        {**quiet("off", "off.example.net"), "enabled": False},
    ]
    refused.behave, dead.behave = everything("127.255.255.254"), silent
    exporter = Exporter(world, config(lists, GROUPS, [rbldnsd.endpoint]))
    exporter.wait_for_state("refused", "refused")
    exporter.wait_for_state("timeout", "dead")
    with world.case("a listed address that is not configured is told as such, with codes, reason and delisting page"):
        answer = check(exporter, f" [{LISTED}]\r\n")
        wait(lambda: "<script>" in rows(get(exporter, LISTED))["real"][1], "the reason", world=world)
        answer = get(exporter, LISTED)
        equal(title(answer), f"{LISTED} is listed on 1 block list; 2 could not say")
        assert '<h1 class="bad">' in answer.text
        found = rows(answer)
        equal(sorted(found), ["dead", "real", "refused"])
        equal(found["real"][0], "listed")
        assert found["real"][1].startswith("spam: <script>alert("), found["real"][1]
        equal(found["real"][4], "delisting page")
        assert 'href="https://example.net/out?a&amp;b"' in answer.text
        assert "It is not configured" in answer.text
    with world.case("nothing that a list says is markup"):
        for word in ("<script", "<b onclick"):
            assert word not in answer.text, word
        equal(answer.headers["content-type"], "text/html; charset=utf-8")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "form-action 'self'" in answer.headers["content-security-policy"]
    with world.case("lists that cannot be believed are unknown, with the reason and what to do"):
        equal(found["refused"][0], "unknown (refused)")
        assert "register its egress address" in found["refused"][1], found["refused"]
        equal(found["dead"][0], "unknown (timeout)")
        assert not asked(refused, LISTED) and not asked(dead, LISTED)
    with world.case("it says whose address it is, what to do, and where to read on"):
        for text in ("It is in none of the ranges from where Microsoft 365", "SPF, DKIM and DMARC", "open a ticket"):
            assert text in answer.text, text
        assert "api/v1/addresses/" not in answer.text  # it is no address that the API knows
        answer = check(exporter, MICROSOFT)
        assert "It is Microsoft's: in 40.107.0.0/16" in answer.text
        equal(rows(answer)["real"][0], "not listed")
        assert "no ranges of this kind are known" in post(exporter, "2001:db8::1").text
        equal(verdicts(post(exporter, "2001:db8::1"))["real"], "not asked")
        equal(title(post(exporter, "2001:db8::1")), "2001:db8::1: no block list is asked")
    with world.case("a configured address has its places, its history, and is looked at for everybody"):
        exporter.wait_for_value(1, "rbl_ip_listed", ip=WATCHED, list="real")
        answer = check(exporter, WATCHED)
        assert "It is configured: in group out." in answer.text
        assert "first seen" in rows(answer)["real"][2]
        assert f'<a href="api/v1/addresses/{WATCHED}">' in answer.text
        equal(exporter.get(f"/api/v1/addresses/{WATCHED}").status, 200)
        wait(lambda: "listed when first seen" in get(exporter, WATCHED).text, "history", world=world)
        assert "none of the" not in title(answer)
    with world.case("GET shows what is known and asks nobody"):
        before = exporter.metrics().value("rbl_list_queries_total", list="real")
        answer = get(exporter, "203.0.113.77")
        equal(verdicts(answer)["real"], "not asked")
        equal(title(answer), "203.0.113.77 has not been asked about")
        assert '<button>Ask the lists now</button>' in answer.text
        equal(verdicts(get(exporter, LISTED))["real"], "listed")  # what was asked just now is known
        equal(exporter.metrics().value("rbl_list_queries_total", list="real"), before)
        equal(exporter.request("HEAD", f"/check?ip={LISTED}").body, b"")
    with world.case("the box stands alone, and on the status page"):
        for path in ("/check", "/"):
            answer = exporter.get(path)
            equal(answer.status, 200)
            assert '<form method="post" action="check">' in answer.text
    with world.case("what is no address is refused with what is allowed, and a box"):
        for ip in ("", "x", "1.2.3", "192.0.2.1/32", "192.0.2.01", HOSTILE, "1" * 900, "127.0.0.2", "10.0.0.1", "::1"):
            for answer in (post(exporter, ip), get(exporter, ip)):
                equal(answer.status, 400, ip)
                assert "Allowed is one IPv4 or IPv6 address" in answer.text, answer.text
                assert '<form method="post" action="check">' in answer.text
                assert "<script" not in answer.text and "onclick=x>" not in answer.text.replace("&gt;", "")
        for body in (b"", b"ip", b"ip=%zz", b"ip=1%00", b"ip=192.0.2.1\0", b"ip=192.0.2.1&ip=192.0.2.1", b"ip=192.0.2.1&x"):
            equal(post(exporter, "", body).status, 400, body)
        equal(exporter.get("/check?address=192.0.2.1").status, 400)
    with world.case("what is no form is refused as HTTP means it"):
        equal(post(exporter, WATCHED, Content_Type="application/json").status, 415)
        equal(post(exporter, WATCHED, Content_Type="").status, 415)
        equal(post(exporter, WATCHED, Content_Type=FORM + "; charset=utf-8").status, 200)
        equal(post(exporter, "", b"ip=" + b"1" * 2000).status, 413)
        equal(post(exporter, "", b"ip=" + b"1" * 70000).status, 413)
        answer = exporter.request("PUT", "/check")
        equal((answer.status, answer.headers["allow"]), (405, "GET, HEAD, POST"))
        equal(exporter.get("/check/").status, 404)


@scene
def foreign_pages(world):
    fake = FakeDns(world, FAKE)
    exporter = Exporter(world, config([quiet("fake", FAKE)], GROUPS, [fake.endpoint]))
    own = f"http://{exporter.endpoint}"
    with world.case("a page of another site cannot have a list asked"):
        for headers in (
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": f"http://{exporter.host}:1"},
            {"Origin": own + ".evil.example"},
            {"Origin": own, "Sec_Fetch_Site": "cross-site"},
            {"Origin": "http://evil.example", "Sec_Fetch_Site": "same-origin"},
        ):
            answer = post(exporter, LISTED, **headers)
            equal(answer.status, 403, headers)
            assert "another site" in answer.text
        equal(asked(fake, LISTED), 0)
    with world.case("the exporter's own page can, and so can programs"):
        for ip, headers in (
            ("203.0.113.1", {}),
            ("203.0.113.2", {"Origin": own}),
            ("203.0.113.3", {"Origin": own, "Sec_Fetch_Site": "same-origin"}),
            ("203.0.113.4", {"Origin": own.replace("http:", "https:"), "Sec_Fetch_Site": "none"}),
            ("203.0.113.5", {"Origin": "http://lists.example", "Host": "lists.example:80"}),
        ):
            equal(post(exporter, ip, **headers).status, 200, headers)
            equal(verdicts(check(exporter, ip))["fake"], "not listed", headers)
            equal(asked(fake, ip), 1)


@scene
def in_a_browser(world):
    fake = FakeDns(world, FAKE, {LISTED: ["127.0.0.2"]})
    fake.texts[LISTED] = HOSTILE
    exporter = Exporter(world, config([quiet("fake", FAKE)], GROUPS, [fake.endpoint]))
    url = f"http://{exporter.endpoint}/"
    browser = Browser(world)

    def press(selector):
        browser.run("arguments[0].closest('form').requestSubmit()", {ELEMENT: browser.find(selector)})
        wait(lambda: browser.run("return location.pathname") == "/check", "the page of the address", world=world)
        wait(lambda: browser.run("return document.readyState") == "complete", "all of it", world=world)

    with world.case("the box on the status page has an address checked, and so has the button on its page"):
        browser.open(url)
        browser.run("document.querySelector('#ip').value = arguments[0]", LISTED)
        press("#ip")
        equal(browser.run("return document.querySelector('h1').textContent"), f"{LISTED} is listed on 1 block list")
        browser.open(url + "check?ip=" + CLEAN)
        equal(asked(fake, CLEAN), 0)
        press("input[type=hidden]")
        wait(
            lambda: "is not on the one block list" in browser.run("return document.querySelector('h1').textContent"),
            "the verdict",
            world=world,
        )
        equal(asked(fake, CLEAN), 1)
    with world.case("another site's page that a browser has open cannot"):
        foreign = browser_page(world, f'<form method="post" action="{url}check"><input name="ip" value="198.51.100.9"></form>')
        browser.open(foreign)
        browser.run("document.forms[0].submit()")
        wait(lambda: browser.run("return document.body.textContent").find("another site") >= 0, "refusal", world=world)
        equal(asked(fake, "198.51.100.9"), 0)
    with world.case("no script of a list's is run, no policy is violated, and nobody else is asked for anything"):
        browser.open(url + "check?ip=" + LISTED)
        assert "<script>alert" in browser.run("return document.querySelector('table').textContent")
        equal([text for text in browser.messages() if "403" not in text and "favicon" not in text], [])
        hosts = {urllib.parse.urlsplit(one["url"]).netloc for one in browser.requests()}
        assert hosts <= {exporter.endpoint, urllib.parse.urlsplit(foreign).netloc, ""}, hosts
    with world.case("it is readable on a phone: nothing is wider than the screen"):
        browser.resize(360)
        browser.open(url + "check?ip=" + LISTED)
        assert browser.run("return document.documentElement.scrollWidth") <= 360
        if os.environ.get("RBL_PICTURES"):
            for scheme in ("light", "dark"):
                browser.prefer(scheme)
                browser.picture(os.path.join(os.environ["RBL_PICTURES"], f"check_360_{scheme}.png"))
            browser.resize(1200)
            browser.picture(os.path.join(os.environ["RBL_PICTURES"], "check_1200.png"))


@scene
def budgets(world):
    def start(limit):
        fake = FakeDns(world, FAKE, {f"203.0.113.{n}": ["127.0.0.2"] for n in range(256)})
        budget = {"queries": limit, "per": "1d", "rate": "unlimited"}
        return fake, Exporter(world, config([quiet("fake", FAKE, budget=budget)], GROUPS, [fake.endpoint]))

    def check_many(fake, exporter):
        found = [verdicts(check(exporter, f"203.0.113.{n}"))["fake"] for n in range(2)]
        found += [verdicts(post(exporter, f"203.0.113.{n}"))["fake"] for n in range(2, 20)]
        # Somebody may come when the next query will be allowed soon, and wait for that.
        assert set(found) <= {"listed", "unknown (budget)", "no answer yet"}, found
        assert "unknown (budget)" in found, found
        with fake.lock:
            sent = len(fake.seen)
        equal(exporter.metrics().value("rbl_list_quota_used_queries", list="fake"), sent)
        return found, sent

    with world.case("checks spend from the list's budget, as long as its pace allows"):
        fake, exporter = start(600)
        found, sent = check_many(fake, exporter)
        equal(found[:2], ["listed"] * 2)
        assert 10 < sent < 30, sent  # a thirtieth of the limit may go at once
        equal(verdicts(post(exporter, "203.0.113.0"))["fake"], "listed")  # it is remembered for a minute
        with fake.lock:
            equal(len(fake.seen), sent)
        assert "the quota of the list lets no query pass" in post(exporter, "203.0.113.99").text
    with world.case("and never more than it has"):
        fake, exporter = start(8)
        found, sent = check_many(fake, exporter)
        assert sent <= 8, sent


def delayed(seconds):
    def behave(server, query):
        if query.ip and not query.ip.startswith("127."):
            time.sleep(seconds)
        return sound(server, query)

    return behave


@scene
def slow_lists(world):
    fast = Rbldnsd(world, {REAL: [("ip4set", ["127.0.0.2"])]})
    slow = FakeDns(world, FAKE)
    lists = [quiet("fast", REAL), quiet("slow", FAKE, nameservers=[slow.endpoint])]
    exporter = Exporter(world, config(lists, GROUPS, [fast.endpoint], resolver={"timeout": "20s", "attempts": 1}))
    exporter.wait_for_value(0, "rbl_ip_listed", ip=WATCHED, list="slow")
    with world.case("a list that is slow does not keep the rest back, nor scrapes"):
        slow.behave = delayed(9)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(post(exporter, LISTED)))
        thread.start()
        wait(lambda: asked(slow, LISTED), "the slow list is asked", world=world)
        equal(exporter.get("/metrics").status, 200)
        assert not answers
        thread.join()
        equal(verdicts(answers[0]), {"fast": "not listed", "slow": "no answer yet"})
        assert f'<a href="check?ip={LISTED}">Look again</a>' in answers[0].text
    with world.case("its answer is there when somebody looks again, without another query"):
        wait(lambda: verdicts(get(exporter, LISTED))["slow"] == "not listed", "the answer", world=world)
        equal(verdicts(post(exporter, LISTED))["slow"], "not listed")
        equal(asked(slow, LISTED), 1)


@scene
def at_once(world):
    fake = FakeDns(world, FAKE, {LISTED: ["127.0.0.2"]})
    fake.texts[LISTED] = "it is"
    text = config([quiet("fake", FAKE)], GROUPS, [fake.endpoint], resolver={"timeout": "20s", "attempts": 1})
    exporter = Exporter(world, text)
    with world.case("who asks about one address at the same time, asks once"):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(post(exporter, LISTED))) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for answer in answers:
            assert verdicts(answer)["fake"] in ("listed", "no answer yet"), answer.text
        answer = check(exporter, LISTED)
        equal(verdicts(answer), {"fake": "listed"})
        equal(asked(fake, LISTED, A), 2)  # a look, and its confirmation
        wait(lambda: "it is" in rows(get(exporter, LISTED))["fake"][1], "the reason", world=world)
        post(exporter, LISTED)
        equal(asked(fake, LISTED, A), 2)
    with world.case("a quarter of the requests may wait for lists, the next are told so and when to come back"):
        fake.behave = silent
        answers = []
        threads = [
            threading.Thread(target=lambda n=n: answers.append(post(exporter, f"198.51.100.{n}")))
            for n in range(15)
        ]
        for thread in threads:
            thread.start()
        wait(lambda: any(answer.status == 503 for answer in answers), "one is refused", world=world)
        equal(exporter.get("/metrics").status, 200)
        assert "too many questions" not in get(exporter, LISTED).text
        for thread in threads:
            thread.join()
        equal(sorted(answer.status for answer in answers), [200] * 10 + [503] * 5)
        equal({answer.headers.get("retry-after") for answer in answers}, {None, "6"})


@scene
def not_believed(world):
    fake = FakeDns(world, FAKE, {LISTED: ["127.0.0.2"]})
    exporter = Exporter(world, config([quiet("fake", FAKE)], GROUPS, [fake.endpoint]))
    with world.case("a list that has begun to list the world lists nothing"):
        fake.behave = everything("127.0.0.2")
        answer = check(exporter, CLEAN)
        equal(verdicts(answer), {"fake": "unknown (wildcard)"})
        equal(title(answer), f"{CLEAN} may be listed or not: no block list could say")


@scene
def reloads(world):
    fake = FakeDns(world, FAKE, {LISTED: ["127.0.0.2"]})
    text = config([quiet("fake", FAKE)], GROUPS, [fake.endpoint], resolver={"timeout": "5s"})
    exporter = Exporter(world, text)
    exporter.wait_for_value(0, "rbl_ip_listed", ip=WATCHED, list="fake")
    with world.case("a reload while somebody waits loses neither the question nor the answer"):
        fake.behave = delayed(0.5)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(post(exporter, LISTED)))
        thread.start()
        wait(lambda: asked(fake, LISTED), "the list is asked", world=world)
        changed = json.loads(text)
        changed["groups"].append({"name": "more", "addresses": ["192.0.2.9"]})
        equal(exporter.reload(json.dumps(changed)).status, 200)
        assert not answers
        thread.join()
        assert verdicts(answers[0])["fake"] in ("listed", "no answer yet"), answers[0].text
        equal(verdicts(check(exporter, LISTED)), {"fake": "listed"})


main()
