# SPDX-License-Identifier: Apache-2.0
"""Signals at any moment, and a standard error that nobody reads."""

import fcntl
import os
import signal
import time

import fakedns
from exporter import Exporter, config, dns_list
from fakedns import FakeDns
from harness import busiest, equal, main, scene, wait
from servers import Rbldnsd

ZONE = "bl.example.net"
SINGLES = {"name": "singles", "addresses": ["192.0.2.1", "192.0.2.2"]}
RANGE = "198.51.96.0/20"
N_RANGE = 4096
LISTED = [f"198.51.{x}.{y}" for x in range(96, 112) for y in (0, 77, 255)]
BAD = "lists: [\n"


def start_list(world):
    return Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2", "192.0.2.1", *LISTED])]})


def settings(rbldnsd, rate="unlimited", **keys):
    groups = [SINGLES, {"name": "ranges", "ranges": [RANGE]}]
    return config([dns_list("bl", ZONE, budget={"rate": rate}, **keys)], groups, [rbldnsd.endpoint])


def state(exporter):
    """What must never fall: addresses checked and queries counted."""
    metrics = exporter.metrics()
    return (
        metrics.value("rbl_range_checked_addresses", range=RANGE),
        metrics.value("rbl_list_queries_total", list="bl"),
        metrics.value("rbl_list_query_duration_seconds_count", list="bl"),
    )


def demand_no_loss(before, after):
    assert all(new >= old for old, new in zip(before, after)), f"before {before}, after {after}"


@scene
def reload_in_mid_sweep(world):
    exporter = Exporter(world, settings(start_list(world), rate="400/s"))
    text = exporter.world.path("exporter.yml")
    with open(text, encoding="utf-8") as file:
        good = file.read()

    def checked(metrics):
        return metrics.value("rbl_range_checked_addresses", range=RANGE)

    exporter.wait_for(lambda m: checked(m) > 200 and m.value("rbl_ip_listed", ip="192.0.2.1") == 1, "a sweep")
    with world.case("the log has a line at start with what each list will achieve"):
        (plan,) = exporter.messages("plan of a list")
        equal((plan["list"], plan["recheck_interval"], plan["swept"]), ("bl", "1s", "4,096"))
        assert plan["sweep_duration"] == "10 seconds" and "advice" not in plan, plan
    with world.case("SIGHUP with a bad configuration in mid-sweep changes nothing"):
        before = state(exporter)
        exporter.hang_up(BAD)
        demand_no_loss(before, state(exporter))
        metrics = exporter.metrics()
        equal(metrics.value("rbl_exporter_config_last_reload_successful"), 0)
        equal(metrics.value("rbl_ip_listed", ip="192.0.2.1"), 1)
        assert any(m["level"] == "error" and m.get("place") for m in exporter.messages()), exporter.log()
    with world.case("SIGHUP with a good one in mid-sweep keeps verdicts and counters"):
        before = state(exporter)
        exporter.hang_up(good)
        demand_no_loss(before, state(exporter))
        metrics = exporter.metrics()
        equal(metrics.value("rbl_exporter_config_last_reload_successful"), 1)
        equal(metrics.value("rbl_ip_listed", ip="192.0.2.1"), 1)
        equal(metrics.value("rbl_ip_listed", ip="192.0.2.2"), 0)
        equal(metrics.state("bl"), "ok")
    with world.case("a storm of 50 SIGHUPs, good and bad, loses nothing"):
        before = state(exporter)
        for n in range(50):
            exporter.world.write("exporter.yml", BAD if n % 2 else good)
            exporter.send_signal(signal.SIGHUP)
            time.sleep(0.01)
        demand_no_loss(before, state(exporter))
        exporter.hang_up(good)
        demand_no_loss(before, state(exporter))
        equal(exporter.metrics().value("rbl_ip_listed", ip="192.0.2.1"), 1)
    with world.case("and the sweep comes to its end with the truth"):
        exporter.hang_up(good.replace("400/s", "unlimited"))
        exporter.wait_for(lambda m: checked(m) == N_RANGE, f"{N_RANGE} addresses checked")
        metrics = exporter.wait_for_value(len(LISTED), "rbl_range_listed_addresses", range=RANGE)
        equal({labels["ip"] for labels, _ in metrics.all("rbl_range_ip_listed")}, set(LISTED))
        equal(metrics.value("rbl_range_listings_total", range=RANGE), 0)
        equal(metrics.value("rbl_range_delistings_total", range=RANGE), 0)
        equal(metrics.value("rbl_ip_delistings_total", group="singles"), 0)
    with world.case("a reload that takes a list and a group away and brings others"):
        other = Rbldnsd(world, {"other.example.net": [("ip4set", ["127.0.0.2", "192.0.2.2"])]})
        exporter.hang_up(config([dns_list("other", "other.example.net")], [SINGLES], [other.endpoint]))
        metrics = exporter.wait_for_value(1, "rbl_ip_listed", list="other", ip="192.0.2.2")
        equal(metrics.all("rbl_list_up", list="bl"), [])
        equal(metrics.all("rbl_range_addresses"), [])


def handles_sigterm(process):
    """Whether it blocks or catches SIGTERM: from then on it must end well."""
    try:
        with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
            masks = [int(line.split()[1], 16) for line in file if line.startswith(("SigBlk:", "SigCgt:"))]
    except OSError:
        return False
    return any(mask >> (signal.SIGTERM - 1) & 1 for mask in masks)


@scene
def the_end_at_any_moment(world):
    rbldnsd = start_list(world)
    with world.case("SIGTERM and SIGINT end it with 0 at any moment"):
        for n in range(16):
            exporter = Exporter(world, settings(rbldnsd), serves=False)
            wait(lambda: handles_sigterm(exporter), "its signal handlers", pause=0.0005, world=world)
            time.sleep(0.002 * (n % 8) ** 2)
            exporter.stop(signal.SIGINT if n % 4 == 3 else signal.SIGTERM)
    with world.case("also with answers under way and slow clients connected"):
        silent = FakeDns(world, ZONE, behave=fakedns.silent)
        exporter = Exporter(world, settings(silent), ready=False)
        clients = [exporter.connect() for _ in range(5)]
        for client in clients:
            client.sendall(b"GET /metrics HTTP/1.1\r\n")
        exporter.stop()
        for client in clients:
            client.close()
    with world.case("two signals in a row are as good as one"):
        exporter = Exporter(world, settings(rbldnsd))
        exporter.send_signal(signal.SIGTERM)
        exporter.stop()


@scene
def standard_error_that_nobody_reads(world):
    rbldnsd = start_list(world)
    with world.case("a full pipe as standard error does not stop it"):
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        exporter = Exporter(world, settings(rbldnsd), ["--log.level=debug"], stderr=writer)
        for n in range(40):
            exporter.world.write("exporter.yml", settings(rbldnsd) if n % 2 else BAD)
            exporter.request("POST", "/-/reload")
        exporter.wait_for_looks("bl")
        metrics = exporter.metrics()
        assert sum(value for _, value in metrics.all("rbl_exporter_log_messages_total")) > 40
        exporter.stop()
        os.close(reader)
        os.close(writer)
    with world.case("a pipe whose reader has gone does not kill it"):
        reader, writer = os.pipe()
        exporter = Exporter(world, settings(rbldnsd), stderr=writer)
        os.close(writer)
        os.close(reader)
        for _ in range(3):
            equal(exporter.request("POST", "/-/reload").status, 200)
        exporter.wait_for_looks("bl")
        exporter.stop()
    with world.case("without any standard stream it writes into nothing else"):
        shell = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
        exporter = Exporter(world, settings(rbldnsd), wrapper=shell)
        for _ in range(3):
            equal(exporter.request("POST", "/-/reload").status, 200)
        for number in (0, 1, 2):
            path = f"/proc/{exporter.pid}/fd/{number}"
            where = os.readlink(path) if os.path.lexists(path) else "/dev/null"
            equal(where, "/dev/null", f"file descriptor {number}")
        exporter.wait_for_looks("bl")
        exporter.stop()
    with world.case("a full disk as standard error does not stop it"):
        with open("/dev/full", "wb") as full:
            exporter = Exporter(world, settings(rbldnsd), stderr=full)
        equal(exporter.request("POST", "/-/reload").status, 200)
        exporter.wait_for_looks("bl")
        exporter.stop()


@scene
def stopped_and_continued(world):
    rate, burst = 20, 5
    server = FakeDns(world, ZONE)
    groups = [{"name": "singles", "addresses": [f"192.0.2.{x}" for x in range(60)]}]
    budget = {"rate": f"{rate}/s", "burst": burst}
    text = config([dns_list("bl", ZONE, budget=budget)], groups, [server.endpoint])
    exporter = Exporter(world, text)
    with world.case("after a pause of the whole process nothing is made up for in a burst"):
        wait(lambda: len(server.seen) > 3 * rate, "queries", world=world)
        exporter.send_signal(signal.SIGSTOP)
        time.sleep(3)
        exporter.send_signal(signal.SIGCONT)
        n_before = len(server.seen)
        wait(lambda: len(server.seen) > n_before + 3 * rate, "queries", world=world)
        # Half a second more than the rate allows is for a process that is not scheduled between clock and send.
        most = busiest([seen.time for seen in server.queries()], 1.0)
        assert most <= rate * 1.5 + burst, f"{most} queries in one second at {rate}/s and a burst of {burst}"
    with world.case("nor after a reload"):
        for _ in range(5):
            equal(exporter.request("POST", "/-/reload").status, 200)
        n_before = len(server.seen)
        wait(lambda: len(server.seen) > n_before + 2 * rate, "queries", world=world)
        most = busiest([seen.time for seen in server.queries()], 1.0)
        assert most <= rate * 1.5 + burst, f"{most} queries in one second at {rate}/s and a burst of {burst}"


@scene
def a_budget(world):
    queries, per = 24, 8
    server = FakeDns(world, ZONE)
    budget = {"queries": queries, "per": f"{per}s", "rate": "100/s"}
    text = config([dns_list("bl", ZONE, budget=budget)], [SINGLES], [server.endpoint])
    exporter = Exporter(world, text)
    with world.case("no window has more queries than the budget, not even after reloads"):
        for _ in range(4):
            n_before = len(server.seen)
            wait(lambda: len(server.seen) > n_before + queries // 4, "queries", world=world)
            equal(exporter.request("POST", "/-/reload").status, 200)
        most = busiest([seen.time for seen in server.queries()], per - 0.5)
        assert most <= queries, f"{most} queries within {per} s with a budget of {queries}"
        metrics = exporter.metrics()
        equal(metrics.value("rbl_list_quota_limit_queries", list="bl"), queries)
        assert metrics.value("rbl_list_quota_used_queries", list="bl") <= queries


main()
