#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is listed is counted once and told in a table of bearable length; what is not known is not counted as nothing.

One truth is written as four jobs into a real Prometheus: of one exporter, a pair, shards, shards of pairs. Every query
of the dashboards about addresses and ranges has to have the same answer for each of them. (The dashboards about lists
and exporters add up what each exporter does.) Three more jobs have many listings, none, and no verdict at all. The
exporters of two more are down, and the targets of one are other programs: `All` has to leave them out.
"""

import subprocess
import time

import real

import harness
import promql
import query_checks
from dashboard import interpolate
from harness import main, scene
from servers import Prometheus, find_program

ADDRESS = "192.0.2.1"
JOBS = {"alone": (1, 1), "pair": (1, 2), "shards": (2, 1), "shards_of_pairs": (2, 2)}  # job: (shards, replicas of each)
SPAN_S, STEP_S = 600, 15
N_SAMPLES = SPAN_S // STEP_S + 1
LISTED = {ADDRESS: 1, "192.0.2.2": 0, "192.0.2.3": 1, "2001:db8::1": 1}
IN_RANGE = [ADDRESS, *(f"198.51.100.{i}" for i in range(6))]
RANGE = {"group": "m365", "range": "198.51.100.0/24"}
BY_HAND = {"group": "by_hand", "range": "203.0.0.0/23"}  # no file, no SPF, no only_ptr
BOUNCES = {"bl": {"confirmed": 9, "not_listed": 3}, "score": {}, "": {"unparsed": 4}}  # {list: {result: how many}}
MANY, ROWS = 300, 100  # listed addresses, and how many of them a table may show
DOWN = ("down", "down_for_days")
FOREIGN = "node"
NAMES_OF_RULES = ("group_range_list:", "ALERTS")  # Prometheus makes them; the rules have tests of their own


def of_everybody(now):
    """Samples that each exporter has, whatever its shard: (name, labels, value)."""
    yield "rbl_exporter_build_info", {"version": "1", "revision": "1", "branch": "1", "compiler": "1", "arch": "1"}, 1
    for name, kind in (("bl", "blocklist"), ("score", "reputation")):
        yield "rbl_list_info", {"list": name, "dns_zone": f"{name}.example.net", "kind": kind, "tier": "page"}, 1
        for state in ("ok", "refused", "wildcard", "silent", "timeout", "servfail", "quota_exhausted", "unknown"):
            yield "rbl_list_state", {"list": name, "state": state}, int(state == ("ok" if name == "bl" else "timeout"))
        yield "rbl_list_last_health_check_timestamp_seconds", {"list": name}, now - 100
        yield "rbl_list_recheck_interval_seconds", {"list": name, "group": "singles"}, 900
    yield "rbl_group_ranges_last_change_timestamp_seconds", {"group": "m365"}, now - 7000
    yield "rbl_group_ranges_last_change_timestamp_seconds", {"group": "singles"}, now - 8000
    for ranges, ticket in (("198.51.100.0/25", "KH-1"), ("198.51.100.128/25", "KH-2")):
        entry = {"safelist": "relay", "range": ranges}
        yield "rbl_safelist_info", {**entry, "notation": ranges, "ticket": ticket}, 1
        yield "rbl_safelist_added_timestamp_seconds", entry, now - 86400
        yield "rbl_safelist_coverage_ratio", {**entry, "list": "bl"}, 1
        yield "rbl_safelist_last_listed_timestamp_seconds", {**entry, "list": "bl"}, now - 3600


def of_shard(shard, shards, now):
    def part(number):
        return number // shards + (shard < number % shards)

    for number, (ip, listed) in enumerate(LISTED.items()):
        if number % shards == shard:
            one = {"group": "singles", "ip": ip, "list": "bl"}
            yield "rbl_ip_listed", one, listed
            yield "rbl_ip_last_check_timestamp_seconds", one, now - 10 * number
            if listed:
                yield "rbl_ip_return_code", {**one, "code": "other"}, 1
                yield "rbl_ip_last_change_timestamp_seconds", one, now - 1000 * number
            yield "rbl_ip_reputation_score", {**one, "list": "score"}, 50 + number
            yield "rbl_ip_last_check_timestamp_seconds", {**one, "list": "score"}, now - 20 * number
    for number, ip in enumerate(IN_RANGE):
        if number % shards == shard:
            yield "rbl_range_ip_listed", {**RANGE, "ip": ip, "list": "bl"}, 1
    yield "rbl_range_addresses", RANGE, part(256)
    yield "rbl_range_sender_addresses", RANGE, part(77)
    on_bl = {**RANGE, "list": "bl"}
    yield "rbl_range_listed_addresses", on_bl, part(9)
    yield "rbl_range_checked_addresses", on_bl, part(201)
    yield "rbl_range_oldest_result_timestamp_seconds", on_bl, now - 5000
    yield "rbl_range_last_change_timestamp_seconds", on_bl, now - 500
    yield "rbl_range_reputation_addresses", {**RANGE, "list": "score", "band": "90-100"}, part(77)
    for name in ("listings", "delistings"):
        yield f"rbl_ip_{name}_total", {"group": "singles", "list": "bl"}, lambda i: i * part(4)
        yield f"rbl_range_{name}_total", on_bl, lambda i: i * part(6)
    for name, bounces in BOUNCES.items():
        for result in ("confirmed", "not_listed", "unknown", "unparsed"):
            yield "rbl_bounces_total", {"list": name, "result": result}, bounced(part(bounces.get(result, 0)))


def bounced(n):
    """A counter of what has all come at once, within the last quarter of the time."""
    return lambda i: n * (i >= N_SAMPLES * 3 // 4)


def listed_on(n_listed, now):
    """So many of MANY addresses named one by one are listed, and as many of a range."""
    for i in range(MANY):
        one = {"group": "singles", "ip": f"203.0.{i // 256}.{i % 256}", "list": "bl"}
        yield "rbl_ip_listed", one, int(i < n_listed)
        if i < n_listed:
            yield "rbl_ip_return_code", {**one, "code": "other"}, 1
            yield "rbl_ip_last_change_timestamp_seconds", one, now - i
            yield "rbl_range_ip_listed", {**RANGE, "ip": one["ip"], "list": "bl"}, 1
    yield "rbl_range_listed_addresses", {**RANGE, "list": "bl"}, n_listed
    yield "rbl_range_addresses", BY_HAND, 512
    yield "rbl_bounces_total", {"list": "bl", "result": "confirmed"}, bounced(0)


def of_target(is_up, size=5):
    """What Prometheus has of whatever it scrapes, and an exporter like most programs."""
    yield "up", {}, int(is_up)
    yield "scrape_duration_seconds", {}, size
    yield "scrape_samples_scraped", {}, size * is_up
    if is_up:
        yield "process_cpu_seconds_total", {}, lambda i: i * size
        yield "process_max_fds", {}, 1000
        for name in ("open_fds", "resident_memory_bytes", "start_time_seconds", "threads"):
            yield f"process_{name}", {}, size


def of_others():
    """(job, instance, name, labels, value) of exporters that are down, and of programs that are none."""
    known = "instance:rbl_exporter_build_info:known"
    scraped = lambda i: 1 if i < N_SAMPLES // 4 else None  # longer ago than Prometheus looks back by itself
    for job, name, value in ((DOWN[0], "rbl_exporter_build_info", scraped), (DOWN[1], known, 1)):
        for sample in (*of_target(False), (name, {}, value), alert("RBLExporterDown")):
            yield job, "0.0", *sample
    for instance, is_up in (("0.0", True), ("node:9100", False)):
        for sample in (*of_target(is_up, size=50), alert("NodeDown")):
            yield FOREIGN, instance, *sample


def alert(name):
    return "ALERTS", {"alertname": name, "alertstate": "firing", "severity": "critical"}, 1


def openmetrics(now):
    families = {}
    for job, instance, name, labels, value in of_others():
        families.setdefault(name, []).append(({"job": job, "instance": instance, **labels}, value))
    for job, samples in (("many", listed_on(MANY, now)), ("none", listed_on(0, now)), ("nothing", ())):
        for name, labels, value in (*of_everybody(now), *samples):
            families.setdefault(name, []).append(({"job": job, "instance": "0", **labels}, value))
    for job, (shards, replicas) in JOBS.items():
        for shard in range(shards):
            for replica in range(replicas):
                target = {"job": job, "instance": f"{shard}.{replica}"}
                samples = [*of_target(True), *of_everybody(now), *of_shard(shard, shards, now)]
                if shards > 1:
                    samples += [("rbl_exporter_shards", {}, shards), ("rbl_exporter_shard_ordinal", {"shard_ordinal": str(shard)}, 1)]
                for name, labels, value in samples:
                    families.setdefault(name, []).append(({**target, **labels}, value))
    lines = []
    for name, series in families.items():
        lines.append(f"# TYPE {name.removesuffix('_total')} {'counter' if name.endswith('_total') else 'gauge'}")
        for labels, value in series:
            text = ",".join(f'{key}="{labels[key]}"' for key in labels)
            for i in range(N_SAMPLES):
                number = value(i) if callable(value) else value
                if number is None:
                    continue
                lines.append(f"{name}{{{text}}} {number} {now - SPAN_S + i * STEP_S}")
    return "\n".join(lines) + "\n# EOF\n"


def start(world, now):
    path = world.write("history.om", openmetrics(now))
    command = [find_program("promtool"), "tsdb", "create-blocks-from", "openmetrics", path, world.path("prometheus")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Prometheus(world, [])


def answer(prometheus, text, job, now):
    """{labels without those of a target: value}; a graph is asked for its last point."""
    values = {"job": job, "ip": ADDRESS, "__rate_interval": "60s", "__range": "300s", "__interval": "15s"}
    names = ("instance", "group", "range", "list")
    expression = interpolate(text, {**{name: ".*" for name in names}, **values})
    found = {}
    for result in prometheus.api("query", query=expression, time=now)["result"]:
        labels = frozenset((k, v) for k, v in result["metric"].items() if k not in ("job", "instance", "shard_ordinal"))
        found.setdefault(labels, []).append(round(float(result["value"][1]), 6))
    return {labels: sorted(values) for labels, values in found.items()}


def told_apart(prometheus, text, now):
    """The jobs that have another answer than the exporter that is alone; an error if that has none."""
    wanted = answer(prometheus, text, "alone", now)
    assert wanted, f"no data: {text}"
    return {job: found for job in JOBS if (found := answer(prometheus, text, job, now)) != wanted}


def of_panel(d, title, ref="A"):
    """A query of the panel whose title begins so."""
    found = [q for q in d.queries() if q.panel and q.panel["title"].startswith(title) and q.raw["refId"] == ref]
    assert len(found) == 1, f"{len(found)} queries of {title}"
    return found[0].text


def check_sizes(world, prometheus, d, now):
    for figure, table in (
        ("Addresses listed", "Listed addresses, the latest"),
        ("Listings in ranges", "Listed addresses of ranges"),
    ):

        def told(job):
            count = [value for values in answer(prometheus, of_panel(d, figure), job, now).values() for value in values]
            return count, len(answer(prometheus, of_panel(d, table), job, now))

        with world.case(f"{figure}: all are counted, the table has as many as one can read"):
            harness.equal(told("many"), ([MANY], ROWS))
        with world.case(f"{figure}: none is 0"):
            harness.equal(told("none"), ([0], 0))
        with world.case(f"{figure}: nothing known is no figure"):
            harness.equal(told("nothing"), ([], 0))
    with world.case("the latest listings are those that the table shows"):
        shown = {dict(labels)["ip"] for labels in answer(prometheus, of_panel(d, "Listed addresses, the latest"), "many", now)}
        harness.equal(shown, {f"203.0.0.{i}" for i in range(ROWS)})


def check_bounces(world, prometheus, d, now):
    with world.case("bounces of a pair are counted once, those of shards added up; none is 0, and not counted is no figure"):
        found = {job: answer(prometheus, of_panel(d, "Bounces confirmed"), job, now) for job in (*JOBS, "none", "nothing")}
        nine = {frozenset(): [BOUNCES["bl"]["confirmed"]]}
        harness.equal(found, {**dict.fromkeys(JOBS, nine), "none": {frozenset(): [0]}, "nothing": {}})
    with world.case("bounces by list: those that confirmed some"):
        found = answer(prometheus, of_panel(d, "Confirmed bounces per hour, by list"), "alone", now)
        harness.equal(list(found), [frozenset({("list", "bl")})])
        harness.equal(answer(prometheus, of_panel(d, "Confirmed bounces per hour, by list"), "none", now), {})
    with world.case("panels about bounces say why they are empty"):
        for panel in (p for p in d.panels if "ounces" in p["title"]):
            shown = panel["fieldConfig"]["defaults"]
            assert "not counted" in shown["noValue"] and "later version" not in panel["description"], panel["title"]


def check_groups(world, prometheus, d, now):
    def column(ref, job):
        found = answer(prometheus, of_panel(d, "Groups and their ranges", ref), job, now)
        return {tuple(dict(labels).get(key) for key in ("group", "range")): values for labels, values in found.items()}

    m365, by_hand = tuple(RANGE.values()), tuple(BY_HAND.values())
    for job in JOBS:
        with world.case(f"{job}: what a range has is counted once, and a group of addresses alone has a row"):
            harness.equal([column(ref, job) for ref in "ABC"], [{m365: [256]}, {m365: [77]}, {m365: [round(77 / 256, 6)]}])
            harness.equal(column("D", job), {m365: [1000 * (now - 7000)], ("singles", None): [1000 * (now - 8000)]})
    with world.case("a range without only_ptr, of a group without files and SPF, has the figures that the table has words for"):
        harness.equal([column(ref, "none") for ref in "ABC"], [{by_hand: [512]}, {by_hand: [-1]}, {}])
        harness.equal(column("D", "none")[by_hand], [0])
        overrides = next(p for p in d.panels if p["title"] == "Groups and their ranges")["fieldConfig"]["overrides"]
        words = {
            override["matcher"]["options"]: list(found["value"][0]["options"])
            for override in overrides
            for found in override["properties"]
            if found["id"] == "mappings"
        }
        harness.equal(words, {"Senders": ["-1"], "Ranges changed": ["0"]})


def asks_everybody(query):
    """Whether it speaks of what programs have that are no exporters."""
    names = {selector.name for selector in promql.selectors(promql.parse(query.text, variables=True))}
    return query.kind != "variable" and any(name and "rbl_" not in name for name in names)


def check_others(world, prometheus, dashboards, now):
    """`All` stands for all exporters: the same as their jobs one by one, and those of DOWN are down."""
    ours = "|".join((*JOBS, *DOWN))
    for d in dashboards:
        for query in filter(asks_everybody, d.queries()):
            with world.case(f"{d.name}: {query.where}: of exporters, but of no other program"):
                wanted = answer(prometheus, query.text, ours, now)
                assert wanted, f"no data: {query.text}"
                harness.equal(answer(prometheus, query.text, ".*", now), wanted)
    n_up = sum(shards * replicas for shards, replicas in JOBS.values())
    for d in (d for d in dashboards if d.name in ("overview", "exporter")):
        with world.case(f"{d.name}: what is down is counted, for longer than a day and without the rules too"):
            down = {job: answer(prometheus, of_panel(d, "Exporters down"), job, now) for job in (".*", *DOWN, "alone", FOREIGN)}
            one, none = {frozenset(): [1]}, {frozenset(): [0]}
            harness.equal(down, {".*": {frozenset(): [2]}, **dict.fromkeys(DOWN, one), "alone": none, FOREIGN: {}})
    exporter = next(d for d in dashboards if d.name == "exporter")
    with world.case("of an exporter that is down, the table says – for what is not known"):
        table = next(panel for panel in exporter.panels if panel["title"] == "Exporters")
        columns = set(table["transformations"][-1]["options"]["renameByName"].values()) - {"Job", "Instance", "Up"}
        words = {
            override["matcher"]["options"]: found["value"]
            for override in table["fieldConfig"]["overrides"]
            for found in override["properties"]
            if found["id"] == "noValue"
        }
        harness.equal(words, dict.fromkeys(columns, "–"))
    with world.case("what is up is counted"):
        harness.equal(answer(prometheus, of_panel(exporter, "Exporters up"), ".*", now), {frozenset(): [n_up]})
    with world.case("found: all targets of Prometheus"):
        everything = f"sum(up{{{query_checks.MATCHERS}}})"
        assert answer(prometheus, everything, ".*", now) != answer(prometheus, everything, ours, now)


@scene
def what_is_listed_is_counted_once(world):
    dashboards, complaints = real.read_dashboards()
    harness.equal(complaints, [])
    now = int(time.time())
    prometheus = start(world, now)
    overview = next(d for d in dashboards if d.name == "overview")
    check_sizes(world, prometheus, overview, now)
    check_bounces(world, prometheus, overview, now)
    check_groups(world, prometheus, overview, now)
    check_others(world, prometheus, dashboards, now)
    with world.case("found: a sum over exporters, and a maximum over shards"):
        double = "sum(rbl_range_listed_addresses{job=~\"$job\"})"
        harness.equal(set(told_apart(prometheus, double, now)), {"pair", "shards_of_pairs"})
        half = "max(rbl_range_listed_addresses{job=~\"$job\"})"
        harness.equal(set(told_apart(prometheus, half, now)), {"shards", "shards_of_pairs"})
    for d in dashboards:
        for query in d.queries() if d.name in ("overview", "address") else ():
            if query.kind == "target" and not any(name in query.text for name in NAMES_OF_RULES):
                with world.case(f"{d.name}: {query.where}"):
                    harness.equal(told_apart(prometheus, query.text, now), {})


main()
