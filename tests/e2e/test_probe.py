# SPDX-License-Identifier: Apache-2.0
"""GET /probe: lists are asked when Prometheus scrapes, as users of blackbox_exporter expect it."""

import concurrent.futures
import os
import subprocess
import sys
import time

from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

import exporter as under_test
import fakedns
import harness
from exporter import OPENMETRICS, Exporter, Metrics, config, dns_list
from fakedns import FakeDns
from harness import equal, main, scene, wait
from servers import Prometheus, Rbldnsd, find_program

sys.path.insert(0, os.path.join(harness.TOP, "tests", "lint"))
import exposition

BLOCK, SCORE = "bl.example.net", "score.example.net"
LISTED, CLEAN, SIX = "203.0.113.9", "203.0.113.10", "2001:db8:5::25"
WATCHED = "192.0.2.1"
TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"
# A listing has to be confirmed and proven: more than the time that is there without the header would be no error.
LONG = {TIMEOUT: "60"}


def probe(exporter, query, headers=None):
    """The metrics that a probe answers with."""
    response = exporter.request("GET", f"/probe?{query}", LONG if headers is None else headers)
    equal(response.status, 200, response.text)
    return Metrics(response.text)


def debug(exporter, query, headers=None):
    response = exporter.request("GET", f"/probe?{query}&debug=true", LONG if headers is None else headers)
    equal(response.status, 200, response.text)
    equal(response.headers["content-type"], "text/plain; charset=utf-8")
    log, _, metrics = response.text.partition("\n\n\n\nMetrics that would have been returned:\n")
    return log, Metrics(metrics)


def series(samples):
    return sorted((sorted(labels.items()), value) for labels, value in samples)


def own_lists(block, score=None, **keys):
    """Lists that each have a server of their own."""
    lists = [dns_list("block", BLOCK, nameservers=[block.endpoint], **keys)]
    if score:
        lists.append(dns_list("score", SCORE, nameservers=[score.endpoint], kind="reputation"))
    return lists


def start(world):
    zones = {
        BLOCK: [
            ("ip4set", ["127.0.0.2"] + [f'{ip} :127.0.0.4:seen "here" by $' for ip in (LISTED, WATCHED)]),
            ("ip6trie", ["::ffff:7f00:2/128", f"{SIX}/128"]),
        ],
        "k3y.keyed.example.net": [("ip4set", ["127.0.0.2"])],
        SCORE: [("ip4set", ["127.0.0.2 :127.0.4.90:", f"{LISTED} :127.0.4.35:", f"{WATCHED} :127.0.4.70:"])],
    }
    rbldnsd = Rbldnsd(world, zones)
    key = world.write("key", "k3y\n")
    codes = {"127.0.0.2": "test", "127.0.0.4": "spam-source"}
    lists = [
        dns_list("block", BLOCK, codes=codes, families=["ipv4", "ipv6"]),
        dns_list("keyed", "{key}.keyed.example.net", key_file=key),
        dns_list("score", SCORE, kind="reputation"),
        {**dns_list("off", "off.example.net"), "enabled": False},
    ]
    groups = [
        {"name": "first", "addresses": [WATCHED]},
        {"name": "second", "addresses": [WATCHED], "lists": ["block"]},
        {"name": "range", "ranges": ["192.0.2.0/28"], "lists": ["score"]},
        {"name": "six", "addresses": ["2001:db8:5::26"]},
    ]
    return Exporter(world, config(lists, groups, [rbldnsd.endpoint]))


@scene
def answers(world):
    exporter = start(world)
    with world.case("an address that is not configured is listed on one list, has a score on another"):
        metrics = probe(exporter, f"target={LISTED}")
        equal(metrics.value("probe_success"), 1)
        assert metrics.value("probe_duration_seconds") > 0
        equal(metrics.value("rbl_ip_listed", group="", ip=LISTED, list="block"), 1)
        equal(metrics.value("rbl_ip_listed", list="keyed"), 0)
        equal(metrics.value("rbl_ip_return_code", ip=LISTED, code="spam-source"), 1)
        equal(metrics.value("rbl_ip_reputation_score", group="", ip=LISTED, list="score"), 35)
        equal(len(metrics.all("rbl_ip_listed")), 2)
    with world.case("nothing of it is on /metrics"):
        equal(exporter.metrics().all("rbl_ip_listed", ip=LISTED), [])
    with world.case("an address that is nowhere is not listed, which is a success too"):
        metrics = probe(exporter, f"target={CLEAN}&module=dns")
        equal(metrics.value("probe_success"), 1)
        equal([value for _, value in metrics.all("rbl_ip_listed", ip=CLEAN)], [0, 0])
        equal(metrics.all("rbl_ip_reputation_score") + metrics.all("rbl_ip_return_code"), [])
    with world.case("lists that are named are asked, and no others"):
        metrics = probe(exporter, f"list=score&target={LISTED}&list=keyed")
        equal(metrics.value("probe_success"), 1)
        equal([labels["list"] for labels, _ in metrics.all("rbl_ip_listed")], ["keyed"])
    with world.case("a configured address has a series for each group that has the list asked, as on /metrics"):
        exporter.wait_for(
            lambda m: len(m.all("rbl_ip_listed", ip=WATCHED)) == 3 and m.value("rbl_ip_reputation_score", ip=WATCHED),
            "its verdicts",
        )
        metrics, all_metrics = probe(exporter, f"target={WATCHED}"), exporter.metrics()
        for name in ("rbl_ip_listed", "rbl_ip_return_code"):
            equal(series(metrics.all(name)), series(all_metrics.all(name, ip=WATCHED)), name)
        scores = [(labels["group"], value) for labels, value in metrics.all("rbl_ip_reputation_score")]
        equal(scores, [("first", 70), ("range", 70)])
    with world.case("IPv6 is asked of the lists that know it"):
        metrics = probe(exporter, f"target={SIX}")
        equal((metrics.value("probe_success"), metrics.value("rbl_ip_listed", ip=SIX, list="block")), (1, 1))
        equal(len(metrics.all("rbl_ip_listed")), 1)
        equal(probe(exporter, "target=2001:db8:5::26").value("rbl_ip_listed", group="six"), 0)
    with world.case("debug tells it from the question to the reason, without the key"):
        log, metrics = debug(exporter, f"target={LISTED}")
        for text in (
            "list block: blocklist, state ok, asked for 9.113.0.203.bl.example.net\n",
            ": NOERROR 127.0.0.4, took ",
            'list block: verdict: listed (spam-source), reason "seen \\"here\\" by 203.0.113.9"',
            "asked for 9.113.0.203.{key}.keyed.example.net\n",
            "list keyed: verdict: not_listed",
            "list score: verdict: listed, score 35",
            "self-test by 127.",
            "probe succeeded: 3 of 3 verdicts",
        ):
            assert text in log, f"{text!r} is not in {log}"
        assert "k3y" not in log
        equal(metrics.value("rbl_ip_listed", list="block"), 1)
    with world.case("HEAD is as GET, without the body"):
        response = exporter.request("HEAD", f"/probe?target={LISTED}")
        equal((response.status, response.body), (200, b""))
        assert int(response.headers["content-length"]) > 0
        equal(exporter.request("POST", f"/probe?target={LISTED}").status, 405)
    with world.case("what is no question is refused with a sentence"):
        for query, words in (
            ("", "target is missing"),
            ("target=", "target is empty"),
            (f"target={LISTED}&target={LISTED}", "twice"),
            ("target=mail.example.net", "no IP address: lists are asked about addresses"),
            ("target=10.1.2.3", "10.1.2.3 is a private address"),
            (f"target={LISTED}&list=nowhere", "there is no list 'nowhere': there are block, keyed, score"),
            (f"target={LISTED}&list=off", "the list 'off' is disabled"),
            (f"target={SIX}&list=score", "the list 'score' is not asked about IPv6"),
            (f"target={LISTED}&debug=yes", "debug must be true or false"),
        ):
            response = exporter.get(f"/probe?{query}")
            equal((response.status, response.headers["content-type"]), (400, "text/plain; charset=utf-8"), query)
            assert words in response.text and response.text.count("\n") == 1, response.text
        for seconds in ("0", "-1", "soon", "NaN"):
            response = exporter.request("GET", f"/probe?target={LISTED}", {TIMEOUT: seconds})
            assert response.status == 400 and "must be a positive number" in response.text, response.text
        response = exporter.request("GET", f"/probe?target={LISTED}", {"Sec-Fetch-Site": "cross-site"})
        equal(response.status, 403)


@scene
def forms(world):
    exporter = start(world)
    texts = {}
    for form, accept in (("text", ""), ("openmetrics", OPENMETRICS)):
        response = exporter.request("GET", f"/probe?target={LISTED}", {**LONG, "Accept": accept})
        texts[form] = response.text
        with world.case(f"the {form} form is named, and our own checker finds nothing wrong with it"):
            assert ("openmetrics" in response.headers["content-type"]) == (form == "openmetrics"), response.headers
            equal(response.headers["vary"], "Accept, Accept-Encoding")
            _, reference, _ = under_test.run("reference")
            equal(exposition.check(response.text, form == "openmetrics", exposition.read_names(reference)), [])
    with world.case("promtool has nothing to say about the text form"):
        command = [find_program("promtool"), "check", "metrics"]
        done = subprocess.run(command, input=texts["text"].encode(), capture_output=True, timeout=60)
        equal((done.returncode, (done.stdout + done.stderr).strip()), (0, b""))
    with world.case("the Python parsers read both, with the same series"):
        names = []
        for form, parser in (("text", text_parser), ("openmetrics", openmetrics_parser)):
            families = parser.text_string_to_metric_families(texts[form])
            samples = [sample for family in families for sample in family.samples]
            names.append([(s.name, s.labels) for s in samples])
        equal(names[0], names[1])
        equal(names[0][0][0], "probe_success")


@scene
def what_is_not_known(world):
    block = FakeDns(world, BLOCK, {LISTED: ["127.0.0.2"]})
    score = FakeDns(world, SCORE, {"127.0.0.2": ["127.0.4.90"]})
    group = {"name": "g", "addresses": [WATCHED]}
    lists = own_lists(block, score)
    exporter = Exporter(world, config(lists, [group], [block.endpoint], resolver={"timeout": "20s"}))
    with world.case("a list that is silent leaves its series out, and the others in"):
        block.behave = fakedns.only_tests(fakedns.silent)
        log, metrics = debug(exporter, f"target={CLEAN}", {TIMEOUT: "5.5"})
        assert ", asked of 2 lists, at most 5.000 s\n" in log, log
        assert "list block: verdict: unknown (timeout)" in log, log
        assert "list score: verdict: not_listed" in log, log
        equal((metrics.value("probe_success"), metrics.all("rbl_ip_listed")), (0, []))
        metrics = probe(exporter, f"target={CLEAN}&list=block", {TIMEOUT: "0.6"})
        equal((metrics.value("probe_success"), metrics.all("rbl_ip_listed")), (0, []))
        equal(len(block.queries(ip=CLEAN)), 1)
    with world.case("the time may be longer than other answers have"):
        metrics = probe(exporter, "target=203.0.113.11&list=block", {TIMEOUT: "12"})
        equal(metrics.value("probe_success"), 0)
        equal(len(block.queries(ip="203.0.113.11")), 1)
    with world.case("without the header it is that of the default scrape_timeout"):
        log, metrics = debug(exporter, "target=203.0.113.12&list=block", {})
        assert "at most 9.500 s\n" in log, log
        equal(metrics.value("probe_success"), 0)
    with world.case("what comes after the time is there for the next scrape"):
        block.behave = fakedns.only_tests(late)
        equal(probe(exporter, "target=203.0.113.13&list=block", {TIMEOUT: "0.6"}).value("probe_success"), 0)
        wait(
            lambda: probe(exporter, "target=203.0.113.13&list=block", {TIMEOUT: "0.6"}).value("probe_success") == 1,
            "the late answer",
            world=world,
        )
        equal(len(block.queries(ip="203.0.113.13")), 1)
    with world.case("a list that is blind is not asked, and what it said before is on /metrics alone"):
        block.behave = fakedns.everything("127.255.255.254")
        exporter.wait_for_state("refused", "block")
        n_before = len(block.queries(ip="203.0.113.14"))
        log, metrics = debug(exporter, "target=203.0.113.14")
        equal((metrics.value("probe_success"), metrics.all("rbl_ip_listed")), (0, []))
        assert "list block: no query was sent\nlist block: verdict: unknown (refused): " in log, log
        equal(len(block.queries(ip="203.0.113.14")), n_before)
        equal(probe(exporter, f"target={WATCHED}&list=block").all("rbl_ip_listed"), [])


def late(server, query):
    """Answers, but not before the time of a short probe is over."""
    time.sleep(1)
    return fakedns.sound(server, query)


@scene
def budgets(world):
    block = FakeDns(world, BLOCK)
    keys = {"budget": {"queries": 200, "per": "30d", "rate": "50/s"}, "self_test": {"interval": "30m"}}
    group = {"name": "g", "addresses": [WATCHED], "interval": "1h"}
    exporter = Exporter(world, config(own_lists(block, **keys), [group], [block.endpoint]))
    with world.case("a budget that is spent is no verdict, and debug says so"):
        log, metrics = debug(exporter, f"target={CLEAN}")
        equal((metrics.value("probe_success"), metrics.all("rbl_ip_listed")), (0, []))
        assert "list block: verdict: unknown (budget): The rate or the quota of the list" in log, log
        assert "list block: budget of 200 queries in 30d, of which " in log, log
        equal(block.queries(ip=CLEAN), [])


@scene
def at_the_same_time(world):
    block = FakeDns(world, BLOCK, {LISTED: ["127.0.0.2"]})
    group = {"name": "g", "addresses": [WATCHED]}
    text = config(own_lists(block), [group], [block.endpoint], resolver={"timeout": "5s"})
    exporter = Exporter(world, text, ["--web.max-requests=20"])
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        with world.case("probes of one address at the same time ask once"):
            block.behave = fakedns.only_tests(late)
            found = list(pool.map(lambda _: probe(exporter, f"target={CLEAN}"), range(5)))
            equal([(m.value("probe_success"), m.value("rbl_ip_listed")) for m in found], [(1, 0)] * 5)
            equal(len(block.queries(ip=CLEAN)), 1)
        with world.case("more than may wait are told to come back"):
            block.behave = fakedns.only_tests(fakedns.silent)
            asked = [f"203.0.113.{number}" for number in range(50, 55)]
            waiting = [pool.submit(probe, exporter, f"target={ip}") for ip in asked]
            wait(lambda: all(block.queries(ip=ip) for ip in asked), "five questions", world=world)
            response = exporter.get("/probe?target=203.0.113.50")
            equal((response.status, response.headers["retry-after"]), (503, "6"))
            equal(exporter.get("/metrics").status, 200)
            block.behave = fakedns.sound
            equal([one.result().value("probe_success") for one in waiting], [1] * 5)
            equal([len(block.queries(ip=ip)) for ip in asked], [2] * 5)
        with world.case("five hundred targets in a row are answered"):
            targets = [f"198.51.{100 + n // 250}.{n % 250}" for n in range(500)]
            found = list(pool.map(lambda ip: probe(exporter, f"target={ip}"), targets))
            equal([m.value("probe_success") for m in found], [1] * 500)
            equal([m.value("rbl_ip_listed", ip=ip) for ip, m in zip(targets, found)], [0] * 500)


@scene
def a_reload_in_the_middle(world):
    block, score = FakeDns(world, BLOCK, {LISTED: ["127.0.0.2"]}), FakeDns(world, SCORE, {"127.0.0.2": ["127.0.4.9"]})
    group = {"name": "g", "addresses": [WATCHED]}
    resolver = {"timeout": "2s", "attempts": 10}

    def text(lists):
        return config(lists, [group], [block.endpoint], resolver=resolver)

    both = own_lists(block, score)
    exporter = Exporter(world, text(both))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        with world.case("a probe goes on with the lists where they are now"):
            block.behave = fakedns.only_tests(fakedns.silent)
            waiting = pool.submit(probe, exporter, f"target={LISTED}")
            wait(lambda: block.queries(ip=LISTED), "the question", world=world)
            equal(exporter.reload(text([{**both[1], "self_test": {"interval": "2s"}}, both[0]])).status, 200)
            block.behave = fakedns.sound
            metrics = waiting.result()
            equal((metrics.value("probe_success"), metrics.value("rbl_ip_listed", list="block")), (1, 1))
        with world.case("a probe of a list that goes is told so"):
            block.behave = fakedns.only_tests(fakedns.silent)
            waiting = pool.submit(exporter.request, "GET", f"/probe?target={CLEAN}&list=block", LONG)
            wait(lambda: block.queries(ip=CLEAN), "the question", world=world)
            equal(exporter.reload(text(both[1:])).status, 200)
            response = waiting.result()
            equal(response.status, 400)
            equal(response.text, "there is no list 'block': there are score\n")


@scene
def scraped(world):
    exporter = start(world)
    targets = [LISTED, CLEAN, SIX, WATCHED]
    job = {
        "job_name": "probe",
        "metrics_path": "/probe",
        "params": {"list": ["block"]},
        "static_configs": [{"targets": targets}],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": exporter.endpoint},
        ],
    }
    prometheus = Prometheus(world, [exporter.endpoint], scrapes=[job])

    def values(expression):
        return {labels.get("instance"): value for labels, value in prometheus.query(expression)}

    with world.case("Prometheus has its targets probed, by relabelling"):
        for expression, expected in (
            ('probe_success{job="probe"}', dict.fromkeys(targets, 1)),
            ('up{job="probe"}', dict.fromkeys(targets, 1)),
            ('max by (instance) (rbl_ip_listed{job="probe"})', {LISTED: 1, CLEAN: 0, SIX: 1, WATCHED: 1}),
            ('rbl_ip_return_code{job="probe",code="spam-source",group=""}', {LISTED: 1}),
        ):
            harness.wait(
                lambda: values(expression) == expected,
                lambda: f"{expression} is {expected}, not {values(expression)}",
                world=world,
            )
    with world.case("what is probed and what is watched agree"):
        expression = f'rbl_ip_listed{{list="block",group="first",ip="{WATCHED}"}}'
        wait(
            lambda: sorted((labels["job"], value) for labels, value in prometheus.query(expression))
            == [("probe", 1), ("rbl_exporter", 1)],
            lambda: prometheus.query(expression),
            world=world,
        )


main()
