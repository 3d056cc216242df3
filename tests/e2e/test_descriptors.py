# SPDX-License-Identifier: Apache-2.0
"""No descriptors left in the middle of a sweep: what cannot be asked is counted as failed and asked later, nothing false
is said, and the log says what to do."""

import contextlib
import http.client
import resource
import time

import harness
from exporter import Exporter, Metrics, config, dns_list
from harness import equal, main, scene, wait
from hostile import n_descriptors
from servers import Rbldnsd

ZONE = "bl.example.net"
RANGE, N_RANGE = "198.18.0.0/18", 16384
LISTED = [f"198.18.{x}.{y}" for x in range(0, 64, 4) for y in (0, 77, 255)]
RATE = 2000  # a second: a new socket every half a second
SPARE = 12  # descriptors that are left for clients
FULL = (
    "DNS queries cannot be sent, and are counted as failed (network): no socket can be opened; "
    "if it goes on, allow more open files (LimitNOFILE= of a systemd service, ulimit -n)"
)


class Scraper:
    """Keeps its connection, for nobody gets another; from an address of its own, or it were one of the idle ones."""

    def __init__(self, exporter):
        self.http = http.client.HTTPConnection(
            exporter.host, exporter.port, timeout=harness.LIMIT_S, source_address=(harness.take_address(), 0)
        )

    def metrics(self):
        self.http.request("GET", "/metrics")
        response = self.http.getresponse()
        equal(response.status, 200)
        return Metrics(response.read().decode())


def checked(metrics):
    return metrics.value("rbl_range_checked_addresses", list="bl")


def unreachable(metrics):
    return metrics.value("rbl_list_query_failures_total", list="bl", reason="network")


def demand_nothing_false(metrics):
    shown = {labels["ip"] for labels, _ in metrics.all("rbl_range_ip_listed")}
    assert shown <= set(LISTED), f"falsely listed: {shown - set(LISTED)}"
    for name in ("rbl_range_listings_total", "rbl_range_delistings_total"):
        equal([value for _, value in metrics.all(name)], [0.0], name)


def take_all(exporter, scraper, idle, n_before):
    """Idle clients until questions fail for want of a socket; a few at a time, for what waits cuts others off."""

    def look():
        metrics = scraper.metrics()
        demand_nothing_false(metrics)
        if unreachable(metrics) >= n_before + 10:
            return metrics
        assert checked(metrics) < N_RANGE, "the sweep has ended: nothing was tested"
        while n_descriptors(exporter) < exporter.most and len(idle) < 400:
            with contextlib.suppress(OSError):
                idle.append(exporter.connect())
        return None

    return wait(look, lambda: f"questions without a socket\n{exporter.log_tail()}", world=exporter.world, pause=0)


@scene
def in_mid_sweep(world):
    rbldnsd = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2", *LISTED])]})
    groups = [{"name": "ranges", "ranges": [RANGE], "sweep_interval": "1h"}]
    budget = {"rate": f"{RATE}/s", "burst": RATE // 10}
    exporter = Exporter(world, config([dns_list("bl", ZONE, budget=budget)], groups, [rbldnsd.endpoint]))
    before = resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE)
    scraper, idle = Scraper(exporter), []
    try:
        wait(lambda: checked(scraper.metrics()) > 500, "the sweep", world=world)
        with world.case("clients that hold all descriptors keep questions from being sent: they fail, nothing false is said"):
            exporter.most = n_descriptors(exporter) + SPARE
            resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, (exporter.most, before[1]))
            take_all(exporter, scraper, idle, unreachable(scraper.metrics()))
        with world.case("without any at all, too: the list is left alone, but for its self-test, and what is known stays"):
            resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, (3, before[1]))
            wait(lambda: scraper.metrics().state("bl") != "ok", "the breaker opens", world=world)
            n_checked = checked(scraper.metrics())
            n_failed = unreachable(scraper.metrics())
            wait(lambda: unreachable(scraper.metrics()) >= n_failed + 2, "another self-test", world=world)
            metrics = scraper.metrics()
            demand_nothing_false(metrics)
            equal(checked(metrics), n_checked)
            assert n_checked < N_RANGE, "the sweep had ended: nothing was tested"
        with world.case("the log says so once a minute at most, and what to do"):
            lines = exporter.messages(FULL)
            assert 1 <= len(lines) <= 1 + (time.monotonic() - began) // 60, lines
            equal({(line["level"], line["error"]) for line in lines}, {("warn", "Too many open files")})
        with world.case("when the clients have gone it goes on within the same limit, and no address is left out"):
            for tcp in idle:
                tcp.close()
            resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, (exporter.most, before[1]))
            wait(lambda: scraper.metrics().state("bl") == "ok", "the list is ok", world=world)
            metrics = exporter.wait_for(
                lambda m: checked(m) == N_RANGE and m.value("rbl_range_listed_addresses", list="bl") == len(LISTED),
                "all of the range",
            )
            demand_nothing_false(metrics)
            equal(exporter.get("/-/healthy").status, 200)
    finally:
        for tcp in idle:
            tcp.close()
        scraper.http.close()


began = time.monotonic()
main()
