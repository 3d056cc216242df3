# SPDX-License-Identifier: Apache-2.0
"""Scrapes as clients ask for them: single metrics by name, what Prometheus 3 says of names, a large configuration."""

import gzip
import os
import subprocess
import sys
import threading

from prometheus_client.openmetrics import parser as openmetrics_parser

import harness
from exporter import OPENMETRICS, Exporter, Metrics, config, dns_list
from harness import equal, main, scene, wait
from servers import Prometheus, Rbldnsd, find_program

sys.path.insert(0, os.path.join(harness.TOP, "tests", "lint"))
import exposition  # noqa: E402 (found by the line above)

ZONE = "bl.example.net"
ADDRESSES = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=SCHEME;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=SCHEME;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,"


def start(world):
    rbldnsd = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2", "192.0.2.1"])]})
    groups = [{"name": "singles", "addresses": ADDRESSES}]
    exporter = Exporter(world, config([dns_list("bl", ZONE)], groups, [rbldnsd.endpoint]))
    exporter.wait_for(lambda m: len(m.all("rbl_ip_listed")) == len(ADDRESSES), "all verdicts")
    exporter.wait_for_value(1, "rbl_ip_listed", ip="192.0.2.1")
    return exporter


def families(text):
    return [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]


@scene
def by_name(world):
    exporter = start(world)
    wanted = [
        ("name[]=rbl_ip_listed", ["rbl_ip_listed"]),
        ("name%5B%5D=rbl_ip_listed", ["rbl_ip_listed"]),
        ("name[]=process_threads&name[]=rbl_ip_listed&other=1", ["rbl_ip_listed", "process_threads"]),
        ("name[]=rbl_list_queries_total", ["rbl_list_queries_total"]),
        ("name[]=rbl_list_queries", ["rbl_list_queries_total"]),
        ("name[]=rbl_list_query_duration_seconds_count", ["rbl_list_query_duration_seconds"]),
        ("name[]=rbl_nothing", []),
        ("name[]=", []),
    ]
    with world.case("name[] asks for families, by their names and those of their samples"):
        for query, names in wanted:
            response = exporter.get(f"/metrics?{query}")
            equal((response.status, response.headers["content-type"]), (200, TEXT_TYPE), query)
            equal(families(response.text), names, query)
            equal({name for name in Metrics(response.text).samples if not name.startswith(tuple(names or ["-"]))}, set())
        listed = Metrics(exporter.get("/metrics?name[]=rbl_ip_listed").text)
        equal(sorted(labels["ip"] for labels, _ in listed.all("rbl_ip_listed")), ADDRESSES)
        equal(listed.value("rbl_ip_listed", ip="192.0.2.1"), 1)
    with world.case("each answer is a whole exposition"):
        for query, names in wanted:
            for accept in ("text/plain", OPENMETRICS):
                response = exporter.get(f"/metrics?{query}", Accept=accept)
                equal(exposition.check(response.text, openmetrics=accept == OPENMETRICS), [], query)
            assert response.text.endswith("# EOF\n"), query
            equal(len(list(openmetrics_parser.text_string_to_metric_families(response.text))), len(names), query)
    with world.case("HEAD tells the length"):
        head = exporter.request("HEAD", "/metrics?name[]=rbl_exporter_ready")
        got = exporter.get("/metrics?name[]=rbl_exporter_ready")
        equal((head.status, head.body, head.headers["content-length"]), (200, b"", str(len(got.body))))
        equal(head.headers["vary"], "Accept, Accept-Encoding")
    with world.case("what cannot be read is refused with a sentence"):
        many = "&".join(["name[]=rbl_list_up"] * 257)
        for query, why in (
            ("name[]=%", "two hexadecimal digits"),
            ("name[]=%zz", "two hexadecimal digits"),
            ("name[]=a%00b", "NUL"),
            (many, "too many"),
            ("name[]=" + "x" * 1024, "too long"),
        ):
            response = exporter.get(f"/metrics?{query}")
            equal(response.status, 400, query[:40])
            assert why in response.text and "name[]=rbl_ip_listed" in response.text, response.text
        equal(exporter.get("/metrics?" + "&".join(["name[]=rbl_list_up"] * 256)).status, 200)


@scene
def escaping(world):
    exporter = start(world)
    with world.case("Prometheus 3 is told how names are written, as it asked, and the text is the same"):
        plain = families(exporter.get("/metrics", Accept=OPENMETRICS).text)
        for scheme in ("allow-utf-8", "underscores", "dots", "values"):
            for before in ("", PROTOBUF):
                response = exporter.get("/metrics", Accept=before + PROMETHEUS_3.replace("SCHEME", scheme))
                equal(response.headers["content-type"], f"{OPENMETRICS_TYPE}; escaping={scheme}")
                equal(families(response.text), plain)
    with world.case("others see what they always saw"):
        for accept, expected in (
            (PROMETHEUS_3.replace("SCHEME", "unknown"), OPENMETRICS_TYPE),
            ("application/openmetrics-text;version=0.0.1", OPENMETRICS_TYPE.replace("1.0.0", "0.0.1")),
            ("text/plain;version=1.0.0", TEXT_TYPE),
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT_TYPE),
            ("," * 12000, TEXT_TYPE),
            ("application/openmetrics-text;q=" + "9" * 9000, TEXT_TYPE),
        ):
            response = exporter.get("/metrics", Accept=accept)
            equal((response.status, response.headers["content-type"]), (200, expected), accept[:80])


@scene
def a_prometheus_that_wants_two_of_them(world):
    exporter = start(world)
    params = {"params": {"name[]": ["rbl_ip_listed", "rbl_list_queries"]}}
    prometheus = Prometheus(world, [exporter.endpoint], options={"rbl_exporter": params})
    with world.case("a job with params has these series and no others"):
        wait(lambda: prometheus.query('rbl_ip_listed{ip="192.0.2.1"} == 1'), "a scrape", world=world)
        wait(lambda: prometheus.query("rbl_list_queries_total > 0"), "the counter", world=world)
        names = {name for name in prometheus.api("label/__name__/values") if name.startswith(("rbl_", "process_"))}
        equal(names, {"rbl_ip_listed", "rbl_list_queries_total"})
        equal(prometheus.health(), [("up", "")])


N_ADDRESSES, N_LISTS = 200 if "RBL_UNDER_VALGRIND" in os.environ else 10000, 5


def start_large(world):
    addresses = [f"10.0.{n >> 8}.{n & 255}" for n in range(N_ADDRESSES)]
    zones = [f"bl{n}.example.net" for n in range(N_LISTS)]
    rbldnsd = Rbldnsd(world, {zone: [("ip4set", ["127.0.0.2", *addresses[::50]])] for zone in zones})
    lists = [dns_list(f"bl{n}", zone, confirm=1) for n, zone in enumerate(zones)]
    groups = [{"name": "singles", "addresses": addresses, "interval": "1h"}]
    exporter = Exporter(world, config(lists, groups, [rbldnsd.endpoint]))
    goal = N_ADDRESSES * N_LISTS + 2  # HELP and TYPE
    wait(
        lambda: len(exporter.get("/metrics?name[]=rbl_ip_listed").text.splitlines()) == goal,
        "all verdicts",
        limit=180,
        world=world,
        pause=0.5,
    )
    return exporter


def packed(exporter):
    response = exporter.get("/metrics", Accept=OPENMETRICS, Accept_Encoding="gzip")
    equal((response.status, response.headers.get("content-encoding")), (200, "gzip"))
    return response.body


@scene
def a_hundred_thousand_series(world):
    exporter = start_large(world)
    with world.case("100,000 series are read by whoever reads such texts"):
        text = gzip.decompress(packed(exporter)).decode()
        n = sum(not line.startswith("#") for line in text.splitlines())
        assert n > 2 * N_ADDRESSES * N_LISTS, n
        equal(exposition.check(text, openmetrics=True)[:5], [])
        found = {family.name: family for family in openmetrics_parser.text_string_to_metric_families(text)}
        equal(len(found["rbl_ip_listed"].samples), N_ADDRESSES * N_LISTS)
        plain = exporter.get("/metrics")
        done = subprocess.run(
            [find_program("promtool"), "check", "metrics"], input=plain.body, capture_output=True, timeout=harness.LIMIT_S
        )
        equal((done.returncode, done.stderr), (0, b""), "promtool")
    with world.case("a rendering serves the next one who asks, byte for byte"):
        # Of two renderings, the time that the process has used is never the same.
        wait(lambda: packed(exporter) == packed(exporter), "two scrapes that share", world=world)
    with world.case("16 who scrape at once all get a whole one"):
        bodies = []
        threads = [threading.Thread(target=lambda: bodies.append(packed(exporter))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(len(bodies), 16)
        for body in set(bodies):
            assert gzip.decompress(body).endswith(b"\n# EOF\n")


main()
