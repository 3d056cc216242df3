#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every query of the dashboards gets data from a real Prometheus that scraped real exporters.

The world has something to show in every panel: two exporters with one configuration, as a pair for availability (a
join that forgets the instance fails on that), addresses and ranges that are listed and delisted, scores, IPv6, and
lists that refuse, list the world, are silent, dead or out of quota. Groups have addresses of each origin: the
configuration, files, an SPF record (with senders among its ranges), bounces. The rules are loaded with short waits.
Prometheus also scrapes itself, and something that is down and no exporter.
"""

import copy
import json
import time

import real

import exporter as under_test
import fakedns
import harness
import live
import metric_names
import sample
import strict_yaml
from exporter import Exporter, config, dns_list
from harness import main, scene
from servers import Prometheus, Rbldnsd, encode_name

LIMIT_S = 50  # for all queries of all dashboards to have data, once the exporters have shown what they have to
TEST_ENTRY = "127.0.0.2"
STAY = [TEST_ENTRY, "198.51.100.1", "198.51.100.2", "198.51.100.3"]
BL = [*STAY, "192.0.2.1 :127.0.0.2:Spam from $", "198.51.100.4"]
BL_LATER = [*STAY, "192.0.2.1 :127.0.0.3:", "192.0.2.2", "198.51.100.5"]
PTR = 12
FOREIGN = "prometheus|node"  # jobs without exporters
RANGE = "198.51.100.0/24"
IN_FILE, RANGE_IN_FILE = "192.0.2.77", "203.0.113.0/29"
SPF, RANGE_OF_SPF = "_spf.example.net", "203.0.113.64/28"


def everything(answer):
    """Lines that list all addresses; rbldnsd makes nothing of a /0."""
    return [f"{half} {answer}" for half in ("0.0.0.0/1", "128.0.0.0/1")]


ZONES = {
    "bl.example.net": [("ip4set", BL)],
    "warn.example.net": [("ip4set", [TEST_ENTRY, "192.0.2.1"])],
    "score.example.net": [("ip4set", [TEST_ENTRY, "192.0.2.1 :127.0.4.35:", "198.51.100.0/26 :127.0.4.90:"])],
    "six.example.net": [("ip6trie", ["::ffff:7f00:2/128", "2001:db8::1/128"])],
    "small.example.net": [("ip4set", [TEST_ENTRY])],
    "refused.example.net": [("ip4set", everything(":127.255.255.254:not registered"))],
    "wildcard.example.net": [("ip4set", everything(":127.0.0.2:"))],
    "silent.example.net": [("ip4set", ["203.0.113.1"])],
}
STATES = {  # every list but these is ok
    "small": "quota_exhausted",
    "refused": "refused",
    "wildcard": "wildcard",
    "silent": "silent",
    "dead": "timeout",
}
CODES = {"127.0.0.2": "spam-source", "127.0.0.3": "exploited"}
QUOTA = {"queries": 1000000, "per": "1d", "rate": "200/s"}


def other_names(server, query):
    """Every second address has the host name of a sender; and there is an SPF record."""
    if query.kind == fakedns.TXT:
        text = f"v=spf1 ip4:{RANGE_OF_SPF} ip6:2001:db8::/32 -all".encode()
        return server.message(query, answers=[fakedns.record(fakedns.TXT, bytes([len(text)]) + text)])
    is_sender = int(query.ip.rsplit(".", 1)[1]) % 2 == 0
    name = encode_name(f"{'mail' if is_sender else 'host'}-{query.ip}.outbound.example.net")
    return server.message(query, answers=[fakedns.record(PTR, name)])


def write_config(rbldnsd, names, senders, with_safelists):
    dead = harness.take_address()
    lists = [
        dns_list("bl", "bl.example.net", codes=CODES, budget=QUOTA, delist_url="https://example.net/remove"),
        dns_list("warn", "warn.example.net", tier="warn"),
        dns_list("score", "score.example.net", kind="reputation", codes={"127.0.4.[0..100]": "s", "127.0.0.2": "t"}),
        dns_list("six", "six.example.net", families=["ipv6"]),
        dns_list("small", "small.example.net", budget={"queries": 4, "per": "1d", "rate": "unlimited"}),
        dns_list("refused", "refused.example.net"),
        dns_list("wildcard", "wildcard.example.net"),
        dns_list("silent", "silent.example.net"),
        dns_list("dead", "dead.example.net", nameservers=[f"{dead}:{harness.free_port(dead)}"]),
    ]
    groups = [
        {"name": "outbound", "addresses": ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"]},
        {"name": "microsoft365", "ranges": [RANGE], "lists": ["bl", "warn", "score", "refused"], "only_ptr": "mail-*"},
        {"name": "seen", "files": [senders], "lists": ["bl"]},
        {"name": "spf", "spf": SPF, "lists": ["bl"], "only_ptr": "mail-*"},
    ]
    safelists = [{"name": "relay", "ranges": ["198.51.100.0/25"], "added": "2026-03-04", "ticket": "KH-4711"}]
    more = {"safelists": safelists} if with_safelists else {}
    defaults = {"sweep_interval": "2s", "series_limit": 2}
    for one in lists:
        one.setdefault("nameservers", [rbldnsd.endpoint])
    return config(lists, groups, [names.endpoint], defaults=defaults, **more)


def hastened(text):
    """The rules with everything that they wait for cut to a second."""
    top = strict_yaml.load(text)
    for group in top["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            rule.update({key: "1s" for key in ("for", "keep_firing_for") if key in rule})
    return json.dumps(top)


def post_bounces(exporters):
    """One that is confirmed, after Prometheus has seen that there was none: what is new of the last minute is shown."""
    reply = b"554 5.7.1 Client host [192.0.2.1] blocked using bl.example.net"
    for one in exporters:
        response = one.request("POST", "/api/v1/bounces", {"Content-Type": "text/plain"}, reply)
        harness.equal(response.status, 200, response.text)
        one.wait_for(lambda m: m.value("rbl_bounces_total", list="bl", result="confirmed"), "a bounce is confirmed")
        one.wait_for_value(1, "rbl_ip_listed", group="bounced", ip="192.0.2.1", list="bl")


def start(world, rules_text, with_safelists):
    """Servers, until what changes has changed; the exporters and their Prometheus."""
    rbldnsd = Rbldnsd(world, ZONES)
    names = fakedns.FakeDns(world, "in-addr.arpa", behave=other_names)
    senders = world.write("senders.txt", f"{IN_FILE}\n{RANGE_IN_FILE} # seen in a log\n")
    text = write_config(rbldnsd, names, senders, with_safelists)
    exporters = [Exporter(world, text) for _ in range(2)]
    nobody = harness.take_address()
    others = {"prometheus": [None], "node": [f"{nobody}:{harness.free_port(nobody)}"]}
    rules = [world.write("rules.yml", hastened(rules_text))]
    prometheus = Prometheus(world, [e.endpoint for e in exporters], rules, others=others)
    for one in exporters:
        one.wait_for_value(1, "rbl_ip_listed", ip="192.0.2.1", list="bl")
        one.wait_for(lambda m: m.value("rbl_range_listed_addresses", range=RANGE, list="bl") == 4, "four listed")
        one.wait_for_value(128, "rbl_range_sender_addresses", range=RANGE)
        one.wait_for_value(8, "rbl_range_sender_addresses", range=RANGE_OF_SPF)
        one.wait_for_value(0, "rbl_ip_listed", group="seen", ip=IN_FILE)
    rbldnsd.write("bl.example.net", 0, BL_LATER)
    for one in exporters:
        one.wait_for_value(1, "rbl_ip_listed", ip="192.0.2.2", list="bl")
        one.wait_for(lambda m: m.value("rbl_range_delistings_total", range=RANGE, list="bl"), "one delisted")
    return exporters, prometheus


def check_states(one):
    names = [labels["list"] for labels, _ in one.metrics().all("rbl_list_info")]
    for name in names:
        one.wait_for_state(STATES.get(name, "ok"), name)


def examine(world, prometheus, d, catalogue, limit_s=LIMIT_S, exceptions=None):
    return live.examine(live.Asker(prometheus, d, catalogue), limit_s, exceptions, world.check_alive)


def report_dashboard(world, prometheus, d, catalogue, limit_s):
    for where, complaint in examine(world, prometheus, d, catalogue, limit_s).items():
        world.failed |= complaint is not None
        harness.report(f"{d.name}: {where}", complaint)


def with_query(text, instant=True):
    """The sample with another first query, and where that is."""
    data = copy.deepcopy(sample.OVERVIEW)
    panel = data["panels"][1]
    panel["targets"][0].update(expr=text, instant=instant)
    return sample.written("overview", data), "panel 2 (Listed now), query A"


def check_the_checks(world, prometheus, catalogue):
    """On the samples, so that they do not depend on what the dashboards are."""
    for name, data in (("overview", sample.OVERVIEW), ("lists", sample.lists())):
        with world.case(f"the sample {name} has data, but for what is not live yet"):
            found = examine(world, prometheus, sample.written(name, data), catalogue)
            harness.equal({where: what for where, what in found.items() if what}, {})
    for what, text, said in (
        ("no series", 'rbl_ip_listed{ip="192.0.2.99"}', "no data"),
        ("no number", 'sum(rbl_list_up{job=~"$job"}) * 0 / 0', "no data"),
        ("a join that forgets the instance", "rbl_ip_listed * on (list) group_left () rbl_list_info", "many-to-many"),
        ("no PromQL", "sum(", "parse error"),
    ):
        with world.case(f"found: {what}"):
            d, where = with_query(text)
            complaint = examine(world, prometheus, d, catalogue, limit_s=0)[where]
            assert said in (complaint or ""), complaint
    with world.case("found: a query about what is not live yet that has data"):
        early = metric_names.Catalogue(catalogue.exported, catalogue.recorded, {"rbl_list_up": {"list"}})
        d, where = with_query('sum(rbl_list_up{job=~"$job"})', instant=False)
        assert "not live yet, and has data" in (examine(world, prometheus, d, early, limit_s=0)[where] or "")
    with world.case("an exception is made, and is an error where it is not needed"):
        d, where = with_query('rbl_ip_listed{ip="192.0.2.99"}')
        harness.equal(examine(world, prometheus, d, catalogue, 0, {(d.uid, where): "a reason"})[where], None)
        d, where = with_query('rbl_ip_listed{ip="192.0.2.1"}')
        assert "not needed" in examine(world, prometheus, d, catalogue, 0, {(d.uid, where): "a reason"})[where]
        d, where = with_query('rbl_ip_listed{ip="192.0.2.1"}')
        assert "not needed" in examine(world, prometheus, d, catalogue, 0, {(d.uid, "panel 99"): "a reason"})["panel 99"]
    with world.case("what a person would type into a box is tried"):
        data = copy.deepcopy(sample.OVERVIEW)
        data["templating"]["list"][4].update(type="textbox", query="")
        found = examine(world, prometheus, sample.written("overview", data), catalogue)
        harness.equal(found["panel 4 (Address $ip), query A"], None)
    with world.case("found: a variable that offers nothing"):
        data = copy.deepcopy(sample.OVERVIEW)
        data["templating"]["list"][3]["regex"] = "/^nothing$/"
        found = examine(world, prometheus, sample.written("overview", data), catalogue)
        harness.equal(found["variable list"], "offers nothing")
    with world.case("found: a variable that Prometheus cannot read"):
        data = copy.deepcopy(sample.OVERVIEW)
        data["templating"]["list"][4]["query"]["query"] = "label_values(rbl_ip_listed{, ip)"
        found = examine(world, prometheus, sample.written("overview", data), catalogue, limit_s=0)
        assert "parse error" in found["variables"] and "parse error" in found["panel 4 (Address $ip), query A"], found
    with world.case("found: series that the catalogue does not know"):
        less = {name: labels - {"tier"} for name, labels in catalogue.exported.items() if name != "rbl_list_up"}
        less = metric_names.Catalogue(less, catalogue.recorded)
        said = "\n".join(live.unknown_series(prometheus, less, FOREIGN))
        assert "metric rbl_list_up is not known" in said and "rbl_list_info has the labels tier" in said, said


def instances_shown(asker, query):
    """The instances that the answers to a query name."""
    found = set()
    for expression in asker.expressions(query, asker.chosen()):
        found |= {result["metric"].get("instance") for result in asker.api("query", query=expression)["result"]}
    return found - {None}


def check_foreign(world, prometheus, dashboards, catalogue, exporters):
    scraped = {labels["instance"]: value for labels, value in prometheus.query("up")}
    ours = {one.endpoint for one in exporters}
    with world.case("Prometheus has targets that are no exporters, one of them down"):
        harness.equal(sorted(value for instance, value in scraped.items() if instance not in ours), [0, 1])
    for d in dashboards:
        asker = live.Asker(prometheus, d, catalogue)
        with world.case(f"{d.name}: no instance is shown that is no exporter"):
            for query in (q for q in d.queries() if q.kind == "target"):
                harness.equal(instances_shown(asker, query) - ours, set(), query.text)
        for query in d.queries():
            title = query.panel["title"] if query.panel else None
            for wanted in (n for name, n in (("Exporters up", 2), ("Exporters down", 0)) if name == title):
                with world.case(f"{d.name}: {title}: {wanted}"):
                    [text] = asker.expressions(query, asker.chosen())
                    harness.equal([value for _, value in prometheus.query(text)], [wanted])


@scene
def dashboards_over_a_busy_pair(world):
    dashboards, complaints = real.read_dashboards()
    rules, no_rules = real.read_rules()
    with world.case("there are dashboards, and rules that they build on"):
        harness.equal(complaints + no_rules, [])
    rules_text = sample.RULES if no_rules else real.RULES.read_text(encoding="utf-8")
    recorded = [r.record for r in rules if r.record] or ["group_range_list:rbl_range_coverage:ratio"]
    _, reference, _ = under_test.run("reference")
    catalogue = metric_names.Catalogue(metric_names.read_reference(reference), recorded)

    exporters, prometheus = start(world, rules_text, "rbl_safelist_info" in catalogue.exported)
    with world.case("the lists are in the states that they are there to show"):
        for one in exporters:
            check_states(one)
    check_the_checks(world, prometheus, catalogue)
    with world.case("a bounce is told to both, and confirmed"):
        post_bounces(exporters)
    end = time.monotonic() + LIMIT_S
    for d in dashboards:
        report_dashboard(world, prometheus, d, catalogue, end - time.monotonic())
    check_foreign(world, prometheus, dashboards, catalogue, exporters)
    with world.case("Prometheus has no series that the catalogue of metrics does not know"):
        harness.equal(list(live.unknown_series(prometheus, catalogue, FOREIGN)), [])
    with world.case("the rules can be evaluated over a pair"):
        states = [(r["name"], r.get("lastError")) for g in prometheus.api("rules")["groups"] for r in g["rules"]]
        harness.equal([state for state in states if state[1]], [])
    with world.case("each exception is for a dashboard that there is"):
        harness.equal({uid for uid, _ in live.EXCEPTIONS} - {d.uid for d in dashboards}, set())


main()
