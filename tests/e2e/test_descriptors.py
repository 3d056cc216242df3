# SPDX-License-Identifier: Apache-2.0
"""No descriptors left in the middle of a sweep: what cannot be asked is counted as failed and asked later, nothing false
is said, and the log says what to do."""

import resource
import time

from exporter import Exporter, config, dns_list
from harness import equal, main, scene
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


def checked(metrics):
    return metrics.value("rbl_range_checked_addresses", list="bl")


def unreachable(metrics):
    return metrics.value("rbl_list_query_failures_total", list="bl", reason="network")


def demand_nothing_false(metrics):
    shown = {labels["ip"] for labels, _ in metrics.all("rbl_range_ip_listed")}
    assert shown <= set(LISTED), f"falsely listed: {shown - set(LISTED)}"
    for name in ("rbl_range_listings_total", "rbl_range_delistings_total"):
        equal([value for _, value in metrics.all(name)], [0.0], name)


@scene
def in_mid_sweep(world):
    rbldnsd = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2", *LISTED])]})
    groups = [{"name": "ranges", "ranges": [RANGE], "sweep_interval": "1h"}]
    budget = {"rate": f"{RATE}/s", "burst": RATE // 10}
    exporter = Exporter(world, config([dns_list("bl", ZONE, budget=budget)], groups, [rbldnsd.endpoint]))
    before = resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE)
    exporter.wait_for(lambda m: checked(m) > 500, "the sweep")
    most = n_descriptors(exporter) + SPARE
    idle = [exporter.connect() for _ in range(SPARE)]
    # Nobody can ask over HTTP meanwhile: the log is what there is.
    resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    with world.case("without descriptors in mid-sweep the list is left alone, and the log says why and what to do"):
        exporter.wait_for_message(FULL, level="warn", error="Too many open files")
        exporter.wait_for_message("list cannot be believed, its verdicts are frozen", list="bl", state="timeout")
    for tcp in idle:
        tcp.close()
    resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, (most, before[1]))
    with world.case("when there are some again it goes on, what failed was counted, and no address is left out"):
        exporter.wait_for_state("ok", "bl")
        metrics = exporter.wait_for(
            lambda m: checked(m) == N_RANGE and m.value("rbl_range_listed_addresses", list="bl") == len(LISTED),
            "all of the range",
        )
        demand_nothing_false(metrics)
        assert unreachable(metrics) >= 10, unreachable(metrics)
    with world.case("the log says so once a minute at most"):
        lines = exporter.messages(FULL)
        assert len(lines) <= 1 + (time.monotonic() - began) // 60, lines


began = time.monotonic()
main()
