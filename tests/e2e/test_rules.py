# SPDX-License-Identifier: Apache-2.0
"""The rules in a real Prometheus, over what two real exporters serve: an HA pair."""

import json

import harness
import shipped
from exporter import Exporter, config, dns_list
from harness import equal, main, scene
from servers import Prometheus, Rbldnsd

ZONES = {
    "bl.example.net": [("ip4set", ["127.0.0.2", "192.0.2.1", "198.51.100.7", "198.51.100.8"])],
    "score.example.net": [("ip4set", ["127.0.0.2", "192.0.2.1 :127.0.4.35:"])],
}


def load_rules(world, prometheus):
    """Gives a Prometheus that runs the rules, evaluated each second."""
    with open(world.path("prometheus.yml"), encoding="utf-8") as file:
        settings = json.load(file)
    rules = shipped.rewrite(shipped.read(*shipped.RULES), shipped.RULES_INTERVALS)
    settings["rule_files"] = [world.write("rbl.rules.yml", rules)]
    world.write("prometheus.yml", json.dumps(settings))
    prometheus.send_signal(1)  # SIGHUP: reload
    harness.wait(lambda: rules_of(prometheus), "Prometheus has loaded the rules", world=world)


def rules_of(prometheus):
    return [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]


@scene
def an_ha_pair(world):
    rbldnsd = Rbldnsd(world, ZONES)
    lists = [
        dns_list("bl", "bl.example.net"),
        dns_list("score", "score.example.net", kind="reputation", codes={"127.0.4.[0..100]": "s", "127.0.0.2": "t"}),
    ]
    groups = [
        {"name": "out", "addresses": ["192.0.2.1", "192.0.2.2"]},
        {"name": "net", "ranges": ["198.51.100.0/24"]},
    ]
    pair = [Exporter(world, config(lists, groups, [rbldnsd.endpoint])) for _ in range(2)]
    for exporter in pair:
        exporter.wait_for(
            lambda m: m.value("rbl_ip_listed", ip="192.0.2.1", list="bl") == 1
            and m.value("rbl_range_sample_listed_addresses", list="bl") == 2
            and m.value("rbl_range_checked_addresses", list="score") == 256,
            "all verdicts",
        )
    prometheus = Prometheus(world, [exporter.endpoint for exporter in pair])
    load_rules(world, prometheus)

    def becomes(expression, expected):
        harness.wait(
            lambda: prometheus.query(expression) == expected,
            lambda: f"{expression} is {expected}, not {prometheus.query(expression)} (up: {prometheus.query('up')})",
            world=world,
        )

    of_range = {"job": "rbl_exporter", "group": "net", "range": "198.51.100.0/24", "list": "bl"}
    listed = {"job": "rbl_exporter", "group": "out", "ip": "192.0.2.1", "list": "bl"}
    with world.case("the pair gives one alert, with the severity of the list's tier"):
        becomes(
            'ALERTS{alertname="RBLAddressListed"}',
            [({"__name__": "ALERTS", "alertname": "RBLAddressListed", "alertstate": "pending", "severity": "critical", **listed}, 1)],
        )
    with world.case("two exporters' samples are not taken for twice as many"):
        becomes('group_range_list:rbl_range_sample_checked_addresses:sum{list="bl"} * 1', [(of_range, 256)])
        becomes('group_range_list:rbl_range_sample_listed:ratio{list="bl"} * 1', [(of_range, 2 / 256)])
    with world.case("coverage is of both lists, listed shares of the block list only"):
        becomes("count(group_range_list:rbl_range_coverage:ratio == 1)", [({}, 2)])
        becomes("count(group_range_list:rbl_range_sample_listed:ratio_lower95 < 2 / 256)", [({}, 1)])
        becomes("count(group_range_list:rbl_range_sample_listed:ratio_upper95 > 2 / 256)", [({}, 1)])
    with world.case("a low score is one alert to be, an address without a score none"):
        becomes('count by (ip) (ALERTS{alertname="RBLReputationLow"})', [({"ip": "192.0.2.1"}, 1)])
    with world.case("nothing else is alerted of a pair that is well"):
        becomes('count(ALERTS{alertname!~"RBLAddressListed|RBLRangeListed|RBLReputationLow"})', [])
    with world.case("every rule has been evaluated without an error"):
        harness.wait(lambda: all(r["health"] == "ok" for r in rules_of(prometheus)), "every rule is evaluated", world=world)
        equal([r["name"] for r in rules_of(prometheus) if r.get("lastError")], [])

    pair[1].stop()
    with world.case("with one of the two gone, the listing stays and that one is down"):
        becomes('count by (instance) (ALERTS{alertname="RBLExporterDown"})', [({"instance": pair[1].endpoint}, 1)])
        becomes('count(ALERTS{alertname="RBLAddressListed"})', [({}, 1)])


main()
