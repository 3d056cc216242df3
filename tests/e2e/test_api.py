# SPDX-License-Identifier: Apache-2.0
"""The API: what is listed, page by page, and all that is known of one address."""

import datetime
import json
import urllib.parse

from exporter import Exporter, config, dns_list
from harness import equal, main, scene, wait
from servers import Rbldnsd

BLOCK, KEYED, SCORE = "bl.example.net", "k3y.keyed.example.net", "score.example.net"
WIDE, NARROW, SIX = "198.51.100.0/22", "198.51.101.0-198.51.101.99", "2001:db8:1::/124"
# Every third address of the range, from the first on.
LISTED = [f"198.51.{100 + n // 256}.{n % 256}" for n in range(0, 1024, 3)]
SINGLES = ["192.0.2.1", "192.0.2.2", "198.51.100.3", "198.51.100.4", "2001:db8::25"]


def start(world):
    zones = {
        BLOCK: [
            ("ip4set", ["127.0.0.2"] + [f"{ip} :127.0.0.4:spam from $" for ip in LISTED] + ["192.0.2.1 :127.0.0.2:"]),
            ("ip6trie", ["::ffff:7f00:2/128", "2001:db8:1::a/128", "2001:db8::25/128"]),
        ],
        KEYED: [("ip4set", ["127.0.0.2", "192.0.2.2"])],
        SCORE: [("ip4set", ["127.0.0.2 :127.0.4.0:", "192.0.2.1 :127.0.4.17:", "192.0.2.2 :127.0.4.100:"])],
    }
    rbldnsd = Rbldnsd(world, zones)
    key = world.write("key", "k3y\n")
    codes = {"127.0.0.2": "test", "127.0.0.4": "spam"}
    lists = [
        dns_list("block", BLOCK, codes=codes, families=["ipv4", "ipv6"], delist_url="https://example.net/out"),
        dns_list("keyed", "{key}.keyed.example.net", key_file=key, tier="warn"),
        dns_list("score", SCORE, kind="reputation"),
        {**dns_list("off", "off.example.net"), "enabled": False},
    ]
    groups = [
        {"name": "singles", "addresses": SINGLES},
        {"name": "ranges", "ranges": [WIDE, NARROW, SIX], "lists": ["block"]},
    ]
    text = config(lists, groups, [rbldnsd.endpoint])
    exporter = Exporter(world, text)
    return rbldnsd, exporter, text


def ask(exporter, path, status=200, **parameters):
    """The answer to a question to the API, decoded."""
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    response = exporter.get(f"/api/v1/{path}{query}")
    equal(response.status, status, path + query)
    equal(response.headers["content-type"], "application/json", path)
    equal(response.headers["cache-control"], "no-store", path)
    answer = json.loads(response.text)
    assert status == 200 or list(answer) == ["error"], answer
    return answer


def post(exporter, path, query=""):
    """What the lists say when they are asked now."""
    response = exporter.request("POST", f"/api/v1/addresses/{path}{query}")
    equal(response.status, 200, response.text)
    equal(response.headers["content-type"], "application/json")
    return json.loads(response.text)


def pages(exporter, limit, **filters):
    """All listings, page by page."""
    found, cursor = [], {}
    while True:
        answer = ask(exporter, "listings", limit=limit, **filters, **cursor)
        assert len(answer["listings"]) <= limit
        found += answer["listings"]
        if answer["next"] is None:
            equal(len(found), answer["total"])
            return found
        equal(len(answer["listings"]), limit)
        cursor = {"page": answer["next"]}


def names(listings):
    return [(one["list"], one["ip"]) for one in listings]


def is_recent(text):
    then = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    return abs((datetime.datetime.now(datetime.timezone.utc) - then).total_seconds()) < 3600


@scene
def listings(world):
    rbldnsd, exporter, text = start(world)
    expected = [("block", ip) for ip in LISTED]
    expected += [("block", "2001:db8:1::a"), ("block", "192.0.2.1"), ("block", "2001:db8::25"), ("keyed", "192.0.2.2")]
    with world.case("every listing is there, once and in order, on one page or on many"):
        wait(lambda: ask(exporter, "listings")["total"] == len(expected), "all listings", world=world)
        for limit in (10000, 100, 7):
            equal(names(pages(exporter, limit)), expected, f"pages of {limit}")
        answer = ask(exporter, "listings")
        equal((answer["next"], answer["blind_lists"]), (None, []))
        assert is_recent(answer["generated_at"]), answer["generated_at"]
    with world.case("a listing has its facts"):
        wait(lambda: ask(exporter, "listings", limit=2)["listings"][1]["txt"], "its TXT", world=world)
        one = ask(exporter, "listings", limit=2)["listings"][1]
        for key in ("first_seen", "last_check"):
            assert is_recent(one.pop(key)), key
        facts = {"ip": "198.51.100.3", "list": "block", "zone": BLOCK, "tier": "page", "groups": ["singles"]}
        facts |= {"ranges": [{"group": "ranges", "range": WIDE}], "codes": ["spam"], "since": None}
        facts |= {"txt": "spam from 198.51.100.3", "delisting_page": "https://example.net/out"}
        equal(one, facts)
        keyed = ask(exporter, "listings", list="keyed")["listings"][0]
        equal((keyed["zone"], keyed["delisting_page"]), ("{key}.keyed.example.net", None))
        assert "k3y" not in exporter.get("/api/v1/listings").text
    with world.case("filters choose, and can be combined"):
        narrow = [pair for pair in expected[: len(LISTED)] if pair[1].startswith("198.51.101.")]
        narrow = [pair for pair in narrow if int(pair[1].split(".")[3]) < 100]
        for filters, wanted in (
            ({"list": "keyed"}, expected[-1:]),
            ({"list": "block"}, expected[:-1]),
            ({"group": "ranges"}, expected[: len(LISTED) + 1]),
            ({"group": "singles"}, [("block", "198.51.100.3"), *expected[len(LISTED) + 1 :]]),
            ({"range": NARROW}, narrow),
            ({"range": SIX}, [("block", "2001:db8:1::a")]),
            ({"range": WIDE, "group": "ranges", "list": "block"}, expected[: len(LISTED)]),
            ({"range": WIDE, "list": "keyed"}, []),
        ):
            equal(names(pages(exporter, 9, **filters)), wanted, filters)
    with world.case("what is no question is refused with what is allowed"):
        for parameters, words in (
            ({"lists": "block"}, ["'lists'", "limit page list group range"]),
            ({"list": "off"}, ["'off'", "block, keyed"]),
            ({"list": "score"}, ["'score'", "block, keyed"]),
            ({"group": "none"}, ["'none'", "singles, ranges"]),
            ({"range": "198.51.100.0/23"}, ["'198.51.100.0/23'"]),
            ({"limit": "0"}, ["1 to 10000"]),
            ({"limit": "all"}, ["1 to 10000", "'all'"]),
            ({"page": "x"}, ["`next`"]),
            ({"page": "gone~a~192.0.2.1"}, ["'gone'", "begin again"]),
        ):
            error = ask(exporter, "listings", 400, **parameters)["error"]
            assert all(word in error for word in words), error
        for query in ("limit=%", "limit=%0", "a%00", "limit=1&limit=1", "&".join("abcdefghijklmnopqrst"), "x" * 2000):
            response = exporter.get(f"/api/v1/listings?{query}")
            equal(response.status, 400, query)
            json.loads(response.text)
    with world.case("listings that go between two pages shift nothing"):
        first = ask(exporter, "listings", limit=50, list="block")
        keep = LISTED[40:]
        lines = ["127.0.0.2"] + [f"{ip} :127.0.0.4:spam from $" for ip in keep] + ["192.0.2.1 :127.0.0.2:"]
        rbldnsd.write(BLOCK, 0, lines)
        wait(
            lambda: ("block", "198.51.100.3") not in names(ask(exporter, "listings", limit=10)["listings"]),
            "the watched one of them is delisted",
            world=world,
        )
        rest = ask(exporter, "listings", limit=10000, list="block", page=first["next"])
        equal(names(rest["listings"]), expected[50 : len(expected) - 1])
    with world.case("a reload between two pages goes on where it was, without what is configured no more"):
        smaller = json.loads(text)
        smaller["groups"][1]["ranges"] = [NARROW]
        equal(exporter.reload(json.dumps(smaller)).status, 200)
        rest = ask(exporter, "listings", page="block~r~198.51.100.250")
        equal(names(rest["listings"])[: len(narrow)], narrow)
        assert ("block", "192.0.2.1") in names(rest["listings"])


@scene
def addresses(world):
    rbldnsd, exporter, text = start(world)

    def of(ip, **parameters):
        answer = ask(exporter, f"addresses/{ip}", **parameters)
        return answer, {one["list"]: one for one in answer["lists"]}

    with world.case("an address has its places and the verdict of each list"):
        exporter.wait_for_value(1, "rbl_ip_listed", ip="192.0.2.1", list="block")
        exporter.wait_for_value(0, "rbl_ip_listed", ip="192.0.2.1", list="keyed")
        exporter.wait_for_value(17, "rbl_ip_reputation_score", ip="192.0.2.1", list="score")
        answer, lists = of("192.0.2.1")
        equal((answer["address"], answer["groups"], answer["ranges"]), ("192.0.2.1", ["singles"], []))
        assert answer["watched"] is True
        equal(list(lists), ["block", "keyed", "score"])
        block, keyed, score = lists.values()
        equal((block["state"], block["verdict"], block["reason"], block["fresh"]), ("ok", "listed", None, True))
        equal((block["codes"], block["score"], block["since"]), (["test"], None, None))
        assert is_recent(block["first_seen"]) and is_recent(block["last_check"]), block
        equal((keyed["verdict"], keyed["codes"], keyed["kind"]), ("not_listed", [], "blocklist"))
        equal((keyed["zone"], keyed["tier"]), ("{key}.keyed.example.net", "warn"))
        equal((score["kind"], score["score"]), ("reputation", 17))
    with world.case("an address of a range is found by any spelling of it"):
        exporter.wait_for_value(1024, "rbl_range_checked_addresses", range=WIDE, list="block")
        answer, lists = of("198.51.101.2")
        equal((answer["groups"], list(lists)), ([], ["block"]))
        equal(answer["ranges"], [{"group": "ranges", "range": WIDE}, {"group": "ranges", "range": NARROW}])
        equal(lists["block"]["verdict"], "listed" if "198.51.101.2" in LISTED else "not_listed")
        wait(lambda: of("2001:db8:1::a")[1]["block"]["verdict"] == "listed", "IPv6", world=world)
        for spelling in ("2001:DB8:1:0::A", "2001%3Adb8%3a1%3A%3Aa"):
            equal(of(spelling)[0]["address"], "2001:db8:1::a")
    with world.case("what is no address, and what is not configured, is told apart"):
        for path in ("192.0.2", "192.0.2.1/32", "192.0.2.1/", "x", "%00", "%zz", "..%2f", "192.0.2.1%20", "1" * 500):
            ask(exporter, f"addresses/{path}", 400)
        for path in ("203.0.113.7", "::1", "::ffff:192.0.2.1"):
            assert "not among" in ask(exporter, f"addresses/{path}", 404)["error"]
        for parameters in ({"limit": 1001}, {"before": "now"}, {"list": "block"}):
            ask(exporter, "addresses/192.0.2.1", 400, **parameters)
        for path in ("/api/v1/addresses", "/api/v1/addresses/", "/api/v1/addresses?x", "/api/v1", "/api/v1/listings/"):
            equal(exporter.get(path).status, 404, path)
    with world.case("HEAD is GET without a body, and nothing else is allowed"):
        for path in ("/api/v1/listings", "/api/v1/addresses/192.0.2.1", "/api/v1/addresses/x", "/api/v1/listings?x"):
            got, head = exporter.get(path), exporter.request("HEAD", path)
            equal((head.status, head.body), (got.status, b""), path)
            equal(head.headers["content-type"], "application/json", path)
        response = exporter.request("POST", "/api/v1/listings")
        equal((response.status, response.headers["allow"]), (405, "GET, HEAD"))
        response = exporter.request("PUT", "/api/v1/addresses/192.0.2.1")
        equal((response.status, response.headers["allow"]), (405, "GET, HEAD, POST"))
    with world.case("POST has the lists asked, about any address"):
        told = post(exporter, "203.0.113.9")
        equal([list_["list"] for list_ in told["lists"]], ["block", "keyed", "score"])
        assert all(is_recent(list_["last_check"]) for list_ in told["lists"]), told
        assert all(0 <= list_["latency_seconds"] < 30 for list_ in told["lists"]), told
        equal({list_["verdict"] for list_ in told["lists"]}, {"not_listed"})
        equal((told["watched"], told["groups"], told["history"]), (False, [], []))
        told = post(exporter, LISTED[0], "?list=block")["lists"]
        equal([(list_["list"], list_["verdict"], list_["codes"]) for list_ in told], [("block", "listed", ["spam"])])
        equal(told[0]["txt"], f"spam from {LISTED[0]}")
        equal((told[0]["delisting_page"], told[0]["open"], told[0]["reason"]), ("https://example.net/out", False, None))
    with world.case("POST of an address of a family that a list does not know says so"):
        told = {list_["list"]: list_ for list_ in post(exporter, "2001:db8::99")["lists"]}
        equal([(name, told[name]["reason"]) for name in told], [("block", None), ("keyed", "family"), ("score", "family")])
    with world.case("POST of what is no question, and from a page of another site, asks nothing"):
        for path in ("192.0.2", "10.0.0.1", "192.0.2.1?list=off", "192.0.2.1?lists=block"):
            response = exporter.request("POST", f"/api/v1/addresses/{path}")
            equal((response.status, list(json.loads(response.text))), (400, ["error"]), path)
        response = exporter.request("POST", "/api/v1/addresses/192.0.2.1", {"Origin": "http://elsewhere.example.net"})
        equal(response.status, 403)
    with world.case("a flip has its time"):
        rbldnsd.write(KEYED, 0, ["127.0.0.2", "192.0.2.1"])
        exporter.wait_for_value(1, "rbl_ip_listed", ip="192.0.2.1", list="keyed")
        keyed = of("192.0.2.1")[1]["keyed"]
        assert keyed["first_seen"] is None and is_recent(keyed["since"]), keyed
        equal(keyed["last_change"], keyed["since"])
        exporter.wait_for_value(0, "rbl_ip_listed", ip="192.0.2.2", list="keyed")
        keyed = of("192.0.2.2")[1]["keyed"]
        assert keyed["verdict"] == "not_listed" and is_recent(keyed["since"]), keyed
    with world.case("the status page links what it shows to it"):
        page = exporter.get("/").text
        assert '<a href="api/v1/listings">' in page
        assert ">Latest changes</h2>" in page
    with world.case("a list that goes blind keeps its verdicts, which are told from fresh ones"):
        rbldnsd.write(KEYED, 0, ["192.0.2.1"])  # its test entry has gone
        exporter.wait_for_state("silent", "keyed")
        keyed = of("192.0.2.1")[1]["keyed"]
        equal((keyed["state"], keyed["verdict"], keyed["fresh"]), ("silent", "listed", False))
        answer = ask(exporter, "listings")
        equal(answer["blind_lists"], ["keyed"])
        assert ("keyed", "192.0.2.1") in names(answer["listings"])
    with world.case("what a reload takes away is known no more, and what it adds is"):
        changed = json.loads(text)
        changed["groups"][0]["addresses"] = ["192.0.2.1", "203.0.113.7"]
        equal(exporter.reload(json.dumps(changed)).status, 200)
        equal(list(of("203.0.113.7")[1]), ["block", "keyed", "score"])
        equal(of("203.0.113.7")[1]["keyed"]["reason"], "silent")
        response = exporter.get("/api/v1/addresses/2001:db8::25")
        if response.status == 200:  # its history is remembered
            answer = json.loads(response.text)
            equal((answer["watched"], answer["lists"]), (False, []))
        else:
            equal(response.status, 404)


main()
