# SPDX-License-Identifier: Apache-2.0
"""A daemon with a list, addresses and a range whose state is kept: what the tests of the store share."""

import json
import os

from exporter import Exporter, config, dns_list
from fakedns import FakeDns
from harness import equal

ZONE = "bl.example.net"
LISTED, CLEAN, LATER = "192.0.2.1", "192.0.2.2", "192.0.2.3"
RANGE = "198.51.100.0/24"
N_RANGE = 256
LISTED_SWEPT = ["198.51.100.7", "198.51.100.200"]
GROUPS = [
    {"name": "singles", "addresses": [LISTED, CLEAN, LATER], "interval": "1h"},
    {"name": "ranges", "ranges": [RANGE], "sweep_interval": "1d", "interval": "1h"},
]


def start_list(world):
    return FakeDns(world, ZONE, {ip: ["127.0.0.2"] for ip in [LISTED, *LISTED_SWEPT]})


def settings(server, groups=GROUPS, **keys):
    """Self-tests are rare, so that a restart has no reason to ask anything."""
    keys = {"self_test": {"interval": "1h"}, **keys}
    return config([dns_list("bl", ZONE, **keys)], groups, [server.endpoint])


def is_complete(metrics):
    return (
        metrics.value("rbl_range_checked_addresses", range=RANGE) == N_RANGE
        and metrics.value("rbl_range_listed_addresses", range=RANGE) == len(LISTED_SWEPT)
        and metrics.value("rbl_ip_listed", ip=LISTED) == 1
        and metrics.value("rbl_ip_listed", ip=CLEAN) == 0
        and metrics.value("rbl_range_sweep_last_completion_timestamp_seconds", range=RANGE) is not None
    )


def start(world, server, **options):
    exporter = Exporter(world, settings(server), **options)
    exporter.wait_for(is_complete, "everything is known")
    return exporter


def shown(metrics):
    """The samples that a restart must not change."""
    names = ("rbl_ip_", "rbl_range_", "rbl_list_state{", "rbl_list_up{", "rbl_list_recheck_interval")
    return [line for line in metrics.text.splitlines() if line.startswith(names)]


def history(exporter, ip, **query):
    parameters = "&".join(f"{key}={value}" for key, value in query.items())
    response = exporter.get(f"/api/v1/addresses/{ip}" + ("?" + parameters if parameters else ""))
    equal(response.status, 200, response.text)
    return json.loads(response.text)


def database(exporter, name="state.db"):
    return os.path.join(exporter.storage, name)


def set_aside(exporter):
    return [name for name in os.listdir(exporter.storage) if name.startswith("state.db.damaged-") and "-wal" not in name]


def demand_work_from_memory(exporter, server):
    """It asks, and it answers, with the store down."""
    exporter.wait_for_value(0, "rbl_storage_up")
    exporter.wait_for(is_complete, "everything is known, from memory")
    assert exporter.metrics().value("rbl_storage_errors_total") > 0
    assert "State is not being saved" in exporter.get("/").text
    lines = [m for m in exporter.messages() if "state is not being saved" in m["msg"]]
    equal(len(lines), 1, "lines about it")
    return lines[0]["error"]
