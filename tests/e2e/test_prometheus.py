# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes, and every checker of the two formats has its say."""

import http.server
import os
import subprocess
import sys
import urllib.request

from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

import exporter as under_test
import harness
from exporter import OPENMETRICS, Exporter, config, dns_list
from harness import equal, main, scene
from servers import Listener, Prometheus, Rbldnsd, find_program

sys.path.insert(0, os.path.join(harness.TOP, "tests", "lint"))
try:
    import exposition
except ImportError:
    exposition = None

ZONES = {
    "bl.example.net": [("ip4set", ["127.0.0.2", "192.0.2.1 :127.0.0.2:\"quoted\" \\ back", "198.51.100.7"])],
    "score.example.net": [("ip4set", ["127.0.0.2", "192.0.2.1 :127.0.4.35:", "198.51.100.0/25 :127.0.4.90:"])],
    "six.example.net": [("ip6trie", ["::ffff:7f00:2/128", "2001:db8::1/128"])],
}


def start(world):
    rbldnsd = Rbldnsd(world, ZONES)
    lists = [
        dns_list("bl", "bl.example.net", families=["ipv4"], codes={"127.0.0.2": "spam-source"}),
        dns_list("score", "score.example.net", kind="reputation", codes={"127.0.4.[0..100]": "s", "127.0.0.2": "t"}),
        dns_list("six", "six.example.net", families=["ipv6"], budget={"queries": 100000, "per": "1d", "rate": "50/s"}),
        dns_list("off", "off.example.net", enabled=False),
    ]
    groups = [
        {"name": "singles", "addresses": ["192.0.2.1", "192.0.2.2", "2001:db8::1"], "lists": ["bl", "score", "six"]},
        {"name": "ranges", "ranges": ["198.51.100.0/24", "192.0.2.0/28"], "lists": ["bl", "score"]},
    ]
    safelists = [{"name": "safe", "ranges": ["198.51.100.%", "203.0.113.0/24"], "added": "2024-12-02", "ticket": 'a"\\b'}]
    exporter = Exporter(world, config(lists, groups, [rbldnsd.endpoint], safelists=safelists))
    exporter.wait_for(
        lambda m: m.value("rbl_ip_listed", ip="192.0.2.1", list="bl") == 1
        and m.value("rbl_ip_listed", ip="2001:db8::1", list="six") == 1
        and m.value("rbl_ip_reputation_score", ip="192.0.2.1") == 35
        and m.value("rbl_range_checked_addresses", range="198.51.100.0/24", list="score") == 256
        and m.value("rbl_range_ip_listed", ip="198.51.100.7") == 1
        and len(m.all("rbl_range_sweep_last_completion_timestamp_seconds")) == 4,
        "all verdicts",
    )
    return exporter


class Proxy(Listener):
    """Stands between Prometheus and the exporter and notes what they agree on."""

    def __init__(self, world, exporter):
        self.scrapes = []
        scrapes = self.scrapes

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                headers = {k: v for k, v in self.headers.items() if k.lower().startswith("accept")}
                request = urllib.request.Request(f"http://{exporter.endpoint}{self.path}", headers=headers)
                with urllib.request.urlopen(request, timeout=10) as response:
                    body = response.read()
                    scrapes.append((headers, response.headers))
                    self.send_response(response.status)
                    for name in ("Content-Type", "Content-Encoding"):
                        if response.headers[name]:
                            self.send_header(name, response.headers[name])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(world, "proxy", http.server.ThreadingHTTPServer, Handler)


@scene
def a_real_prometheus(world):
    exporter = start(world)
    proxy = Proxy(world, exporter)
    prometheus = Prometheus(world, [proxy.endpoint])
    with world.case("Prometheus is content with its scrapes"):
        harness.wait(lambda: len(proxy.scrapes) >= 3, "three scrapes", world=world)
        harness.wait(lambda: prometheus.health() == [("up", "")], lambda: f"health: {prometheus.health()}", world=world)
    with world.case("they agree on OpenMetrics and gzip"):
        request, response = proxy.scrapes[-1]
        assert OPENMETRICS.split(";")[0] in request["Accept"], request
        equal(response["Content-Type"], "application/openmetrics-text; version=1.0.0; charset=utf-8")
        equal(response["Content-Encoding"], "gzip")
    with world.case("queries give what the exporter serves"):
        for expression, expected in (
            ('rbl_ip_listed{group="singles",ip="192.0.2.1",list="bl"}', [1]),
            ('rbl_ip_listed{ip="192.0.2.2"}', [0]),
            ('rbl_ip_listed{ip="2001:db8::1",list="six"}', [1]),
            ('rbl_ip_return_code{code="spam-source"}', [1]),
            ('rbl_ip_reputation_score{ip="192.0.2.1"}', [35]),
            ('rbl_range_listed_addresses{range="198.51.100.0/24",list="bl"}', [1]),
            ('rbl_range_reputation_addresses{range="198.51.100.0/24",band="90-100"}', [128]),
            ('count by (range) (rbl_range_ip_listed)', [1, 1]),
            ('rbl_list_state{list="bl"} == 1', [1]),
            ('sum by (list) (rbl_list_state)', [1, 1, 1]),
            ("rbl_exporter_build_info", [1]),
            ('rbl_list_query_duration_seconds_bucket{le="1.0",list="bl"} > bool 0', [1]),
            ("histogram_quantile(0.99, rbl_list_query_duration_seconds_bucket) > bool 0", [1, 1, 1]),
        ):
            harness.wait(
                lambda: [value for _, value in prometheus.query(expression)] == expected,
                lambda: f"{expression} is {expected}, not {prometheus.query(expression)}",
                world=world,
            )
    with world.case("types and help arrive"):
        metadata = harness.wait(lambda: prometheus.api("metadata"), "metadata", world=world)
        # In OpenMetrics a counter's family has no _total.
        equal(metadata["rbl_list_queries"][0]["type"], "counter")
        equal(metadata["rbl_list_query_duration_seconds"][0]["type"], "histogram")
        equal(metadata["rbl_ip_listed"][0]["type"], "gauge")
    with world.case("Prometheus drops nothing silently"):
        n_served = len(exporter.get("/metrics", Accept=OPENMETRICS).text.splitlines())
        [(_, n_scraped)] = prometheus.query("scrape_samples_scraped")
        [(_, n_kept)] = prometheus.query("scrape_samples_post_metric_relabeling")
        equal(n_kept, n_scraped)
        assert 50 < n_scraped < n_served
        equal([line for line in prometheus.log().splitlines() if "Error on ingesting" in line], [])


@scene
def checkers(world):
    exporter = start(world)
    served = {
        "text": exporter.get("/metrics").text,
        "openmetrics": exporter.get("/metrics", Accept=OPENMETRICS).text,
    }

    with world.case("promtool has nothing to say about the text format"):
        command = [find_program("promtool"), "check", "metrics"]
        done = subprocess.run(command, input=served["text"].encode(), capture_output=True, timeout=60)
        said = [line for line in (done.stdout + done.stderr).decode().splitlines() if line.strip()]
        equal((done.returncode, said), (0, []))
    with world.case("the Python parser reads the text format"):
        families = {f.name: f for f in text_parser.text_string_to_metric_families(served["text"])}
        equal(families["rbl_ip_listed"].type, "gauge")
        equal(families["rbl_list_queries"].type, "counter")
    with world.case("the Python parser reads OpenMetrics, which it takes at its word"):
        families = {f.name: f for f in openmetrics_parser.text_string_to_metric_families(served["openmetrics"])}
        equal(families["rbl_list_queries"].type, "counter")
        equal(families["rbl_list_query_duration_seconds"].type, "histogram")
        codes = [s.labels["code"] for s in families["rbl_ip_return_code"].samples if s.labels["list"] == "bl"]
        equal(codes, ["spam-source"])
    with world.case("both formats have the same series"):
        equal(*[{line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"} for text in served.values()])
    with world.case("no series has a time stamp, and none is there twice"):
        for text in served.values():
            names = [line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"]
            equal(len(names), len(set(names)), "series")
            under_test.Metrics(text)
    for form, text in served.items():
        name = f"our own checker finds nothing wrong with the {form} form"
        if exposition is None:
            harness.report(name, skipped="there is none")
            continue
        with world.case(name):
            _, reference, _ = under_test.run("reference")
            equal(exposition.check(text, form == "openmetrics", exposition.read_names(reference)), [])


main()
