# SPDX-License-Identifier: Apache-2.0
"""GET /api/v1/lists: what each list is, whether it can be believed, what it costs, how far it has come."""

import json
import os
import re
import urllib.parse

import harness
from exporter import Exporter, config, dns_list
from fakedns import REFUSED, FakeDns, rcode, sound
from harness import equal, main, scene, wait

ZONES = {"bl": "bl.example.net", "score": "score.example.net", "keyed": "keyed.example.net"}
KEY = "k3y"
LISTED, CLEAN, RANGE = "192.0.2.1", "192.0.2.2", "198.51.100.0/24"
TEST, TEST6 = "127.0.0.2", "::ffff:7f00:2"
FIELDS_OF = {"last_failure": ["time", "reason", "text"], "quota": ["budget", "limit", "per_seconds", "used", "reset"]}


def ask(exporter, *names, status=200, query=None):
    query = query if query is not None else urllib.parse.urlencode([("list", name) for name in names])
    response = exporter.get("/api/v1/lists" + (f"?{query}" if query else ""))
    equal((response.status, response.headers["content-type"]), (status, "application/json"), query)
    equal(response.headers["cache-control"], "no-store")
    answer = json.loads(response.text)
    assert status == 200 or list(answer) == ["error"], answer
    return answer


def lists(exporter, *names):
    return {one["name"]: one for one in ask(exporter, *names)["lists"]}


def start(world):
    servers = {
        "bl": FakeDns(world, ZONES["bl"], {ip: ["127.0.0.2"] for ip in (TEST, TEST6, LISTED, "198.51.100.7")}),
        "score": FakeDns(world, ZONES["score"], {TEST: ["127.0.4.50"], LISTED: ["127.0.4.17"]}),
        "keyed": FakeDns(world, f"{KEY}.{ZONES['keyed']}", {TEST: ["127.0.0.2"]}),
    }
    budget = {"share": "ours", "rate": "100/s", "burst": 50}
    configured = [
        dns_list("bl", ZONES["bl"], families=["ipv4", "ipv6"], nameservers=[servers["bl"].endpoint],
                 codes={"127.0.0.2": "spam", "127.0.0.[4..7]": "bot"}, delist_url="https://example.net/out"),
        {**dns_list("off", "off.example.net"), "enabled": False, "tier": "info"},
        dns_list("score", ZONES["score"], kind="reputation", nameservers=[servers["score"].endpoint], budget=budget),
        dns_list("keyed", "{key}." + ZONES["keyed"], key_file=world.write("key", KEY), budget=budget, tier="warn",
                 nameservers=[servers["keyed"].endpoint]),
    ]
    groups = [
        {"name": "singles", "addresses": [LISTED, CLEAN]},
        {"name": "ranges", "ranges": [RANGE], "lists": ["bl"], "sweep_interval": "2s"},
    ]
    text = config(configured, groups, [servers["bl"].endpoint], budgets={"ours": {"queries": 1000000, "per": "30d"}})
    return servers, Exporter(world, text), text


def documented():
    """The fields that the README's section has tables of: {"answer": [...], "a list": [...]}."""
    with open(os.path.join(harness.TOP, "README.md"), encoding="utf-8") as file:
        section = file.read().split("### `GET /api/v1/lists`")[1].split("\n### ")[0]
    found = {}
    for name, table in re.findall(r"\| field(?: of (a list))? \| what it is \|\n\|---\|---\|\n((?:\|.*\n)+)", section):
        rows = [row.split("|")[1] for row in table.splitlines()]
        found[name or "answer"] = [word for row in rows for word in re.findall(r"`(\w+)`", row)]
    example = section.split("```json\n")[1].split("```")[0]
    return found, json.loads(example)


def fits(example, real, where="answer"):
    """Whether a document has the form of the example."""
    if example is None or real is None:
        return
    assert type(example) is type(real) or {type(example), type(real)} == {int, float}, (where, example, real)
    if isinstance(example, dict):
        equal(list(real), list(example), where)
        for key, item in example.items():
            fits(item, real[key], f"{where}.{key}")
    elif isinstance(example, list) and example:
        for item in real:
            fits(example[0], item, where)


@scene
def what_is_known_of_lists(world):
    servers, exporter, text = start(world)
    exporter.wait_for_value(1, "rbl_ip_listed", ip=LISTED, list="bl")
    exporter.wait_for_value(1, "rbl_range_listed_addresses", range=RANGE, list="bl")
    exporter.wait_for_value(17, "rbl_ip_reputation_score", ip=LISTED, list="score")
    exporter.wait_for_value(0, "rbl_ip_listed", ip=LISTED, list="keyed")
    with world.case("every list is there, in the order of the configuration"):
        equal(list(lists(exporter)), ["bl", "off", "score", "keyed"])
    with world.case("a list has its facts"):
        bl = lists(exporter)["bl"]
        equal((bl["dns_zone"], bl["kind"], bl["tier"], bl["enabled"]), (ZONES["bl"], "blocklist", "page", True))
        equal(bl["families"], ["ipv4", "ipv6"])
        equal(bl["codes"], [{"answer": "127.0.0.2", "name": "spam"}, {"answer": "127.0.0.[4..7]", "name": "bot"}])
        equal((bl["state"], bl["up"], bl["why"], bl["quota"]), ("ok", True, None, None))
        equal((bl["rate_per_second"], bl["burst"], bl["delisting_page"]), (None, 1, "https://example.net/out"))
        equal(bl["listed"], 2)
    with world.case("a disabled list has no state, and a key is shown as {key}"):
        off, keyed = (lists(exporter)[name] for name in ("off", "keyed"))
        equal((off["enabled"], off["state"], off["up"], off["sweep"], off["listed"]), (False, None, None, None, None))
        equal((off["queries"], off["recheck_intervals"], off["next_health_check"]), (0, [], None))
        equal(keyed["dns_zone"], "{key}." + ZONES["keyed"])
        assert KEY not in exporter.get("/api/v1/lists").text
    with world.case("a shared budget is named, and spent by both"):
        wait(lambda: lists(exporter)["score"]["quota"]["used"] > 4, "some queries are spent", world=world)
        answer = lists(exporter, "score", "keyed")
        quotas = [one["quota"] for one in answer.values()]
        equal(quotas[0], quotas[1])
        equal((quotas[0]["budget"], quotas[0]["limit"], quotas[0]["per_seconds"]), ("ours", 1000000, 2592000))
        assert quotas[0]["reset"], quotas[0]
        equal((answer["score"]["rate_per_second"], answer["score"]["burst"]), (100, 50))
    with world.case("the numbers are those of the metrics"):

        def agree():
            before, told, after = exporter.metrics(), lists(exporter), exporter.metrics()
            for name in ("bl", "score", "keyed"):
                low, high = (m.value("rbl_list_queries_total", list=name) for m in (before, after))
                assert low <= told[name]["queries"] <= high, (low, told[name], high)
                failures = {m["reason"]: v for m, v in before.all("rbl_list_query_failures_total", list=name)}
                equal(list(told[name]["failures"]), list(failures))
                equal(float(told[name]["up"]), before.value("rbl_list_up", list=name))
                equal([one["group"] for one in told[name]["recheck_intervals"]],
                      ["singles", "ranges"] if name == "bl" else ["singles"])
            low, high = (m.value("rbl_list_quota_used_queries", list="score") for m in (before, after))
            assert low <= told["score"]["quota"]["used"] <= high
            return all(one["seconds"] for one in told["bl"]["recheck_intervals"])

        wait(agree, "the achieved intervals are known", world=world)
    with world.case("a sweep has its progress"):
        sweep = wait(lambda: (lambda s: s["last_completion"] and s)(lists(exporter)["bl"]["sweep"]), "one has ended")
        equal(sweep["addresses"], 256)
        assert sweep["started"] and sweep["last_duration_seconds"] >= 0 and 0 <= sweep["checked"] <= 256, sweep
        equal(lists(exporter)["score"]["sweep"], None)
    with world.case("lists can be chosen, and what is no question is refused with what is allowed"):
        equal(list(lists(exporter, "keyed", "off", "bl")), ["bl", "off", "keyed"])
        for query, words in (
            ("list=none", ["'none'", "bl, off, score, keyed"]),
            ("list=bl&list=none", ["'none'"]),
            ("list=", ["''"]),
            ("group=singles", ["'group'", "there is list"]),
            ("list=%", ["cannot be read"]),
            ("list=bl%00", ["cannot be read"]),
        ):
            error = ask(exporter, status=400, query=query)["error"]
            assert all(word in error for word in words), error
    with world.case("HEAD is GET without a body, and nothing else is allowed"):
        head = exporter.request("HEAD", "/api/v1/lists")
        equal((head.status, head.body, head.headers["content-type"]), (200, b"", "application/json"))
        response = exporter.request("POST", "/api/v1/lists")
        equal((response.status, response.headers["allow"]), (405, "GET, HEAD"))
        equal(exporter.get("/api/v1/lists/").status, 404)
    with world.case("the README's tables and example are what is answered"):
        tables, example = documented()
        answer = ask(exporter)
        equal(tables["answer"], list(answer))
        equal(tables["a list"], list(answer["lists"][0]))
        fits(example, answer)
        for name, fields in FIELDS_OF.items():
            equal(list(example["lists"][0][name] or dict.fromkeys(fields)), fields, name)
    with world.case("why a list cannot be believed is said, and when it is tested again"):
        servers["keyed"].behave = rcode(REFUSED)
        exporter.wait_for_state("refused", "keyed")
        keyed = lists(exporter)["keyed"]
        equal((keyed["state"], keyed["up"], keyed["last_failure"]["reason"]), ("refused", False, "refused"))
        assert keyed["why"].startswith("The list refuses") and "REFUSED" in keyed["last_failure"]["text"], keyed
        assert keyed["next_health_check"] > keyed["last_health_check"], keyed
        servers["keyed"].behave = sound
    with world.case("after a reload it is the new configuration"):
        changed = json.loads(text)
        changed["lists"] = changed["lists"][2:]
        changed["groups"] = changed["groups"][:1]
        equal(exporter.reload(json.dumps(changed)).status, 200)
        equal(list(lists(exporter)), ["score", "keyed"])
        ask(exporter, "bl", status=400)


main()
