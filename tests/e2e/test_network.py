# SPDX-License-Identifier: Apache-2.0
"""Networks that lose packets, or have no route: nothing false, next to no check is burnt, and all goes on afterwards.

All of it is played in a network namespace that this program makes for itself, so it ends with it.
"""

import signal

from exporter import Exporter, config, dns_list, is_sanitized
from harness import equal, main, report, scene
from netns import run, why_not
from servers import Rbldnsd

ZONE = "bl.example.net"
LISTED = [f"198.18.{x}.{y}" for x in range(16) for y in (0, 77, 255)]
BURNT_MOST = 100
RANGE, N_RANGE = "198.16.0.0/15", 131072
OUTAGES = ("unreachable", "prohibit", "throw")


def start(world, ranges, resolver=None):
    rbldnsd = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2", *LISTED])]})
    groups = [{"name": "ranges", "ranges": [ranges], "sweep_interval": "1h"}]
    return rbldnsd, config([dns_list("bl", ZONE)], groups, [rbldnsd.endpoint], resolver)


def checked(metrics):
    return metrics.value("rbl_range_checked_addresses", list="bl")


def failed(metrics, reason):
    return metrics.value("rbl_list_query_failures_total", list="bl", reason=reason) or 0


def all_failed(metrics):
    """What failed for want of an answer, by whatever way that came to be known."""
    return failed(metrics, "network") + failed(metrics, "timeout")


def retries(metrics):
    return metrics.value("rbl_list_query_retries_total", list="bl")


def demand_whole(exporter, n_addresses, most_missing=0):
    """The sweep has come to its end, next to nothing was left out, and the truth is known."""
    # What is listed counts when it has been confirmed.
    metrics = exporter.wait_for(
        lambda m: m.value("rbl_range_sweep_last_duration_seconds", list="bl") is not None
        and n_addresses - checked(m) <= most_missing,
        f"the end of the sweep, with at most {most_missing} addresses left out",
    )
    shown = {labels["ip"] for labels, _ in metrics.all("rbl_range_ip_listed")}
    assert shown <= set(LISTED), f"falsely listed: {shown - set(LISTED)}"
    equal([value for _, value in metrics.all("rbl_range_delistings_total")], [0.0])
    return metrics


@scene
def no_route(world):
    """131,072 addresses; in mid-sweep every datagram is refused by the sender's own kernel, three times."""
    rbldnsd, text = start(world, RANGE)
    exporter = Exporter(world, text)
    for number, kind in enumerate(OUTAGES):
        with world.case(f"without a route ({kind}) the sweep is paused, and hardly a query is spent"):
            exporter.wait_for(lambda m: checked(m) > number * 5000 + 1000, "the sweep", limit=120)
            before = exporter.metrics()
            assert checked(before) < N_RANGE, "the sweep ended before the outage: nothing was tested"
            run("ip", "route", "add", kind, f"{rbldnsd.address}/32", "table", "local")
            first = exporter.wait_for(lambda m: m.state("bl") != "ok", "the breaker opens")
            n_burnt = all_failed(first) - all_failed(before)
            assert n_burnt > 0, "nothing failed: nothing was tested"
            print(f"# {kind}: {n_burnt:.0f} queries failed until the pause", flush=True)
            window = first.value("rbl_scheduler_max_inflight_queries")
            # What was under way, and a few self-tests until somebody looked; none of it is a check that is lost.
            assert n_burnt <= max(BURNT_MOST, window) + 40, f"{n_burnt} queries failed, the window is {window}"
            run("ip", "route", "del", kind, f"{rbldnsd.address}/32", "table", "local")
            exporter.wait_for_state("ok", "bl")
    with world.case("and goes on to its end, with no address left out"):
        demand_whole(exporter, N_RANGE)


@scene
def a_resolver_hangs(world):
    """It is stopped in mid-sweep: questions arrive, and nothing comes back."""
    window = 96
    rbldnsd, text = start(world, RANGE, {"max_in_flight": window})
    exporter = Exporter(world, text)
    with world.case("a resolver that hangs costs what was under way, and no retry of it"):
        exporter.wait_for(lambda m: checked(m) > 1000, "the sweep", limit=120)
        before = exporter.metrics()
        assert checked(before) < N_RANGE, "the sweep ended before the resolver hung: nothing was tested"
        rbldnsd.send_signal(signal.SIGSTOP)
        first = exporter.wait_for(lambda m: m.state("bl") != "ok", "the breaker opens")
        n_burnt = all_failed(first) - all_failed(before)
        n_again = retries(first) - retries(before)
        print(f"# {n_burnt:.0f} queries failed until the pause, {n_again:.0f} were retries", flush=True)
        # A few self-tests besides, until somebody looked, and what was late before: on a slow machine another window.
        assert 10 <= n_burnt <= 2 * window + 20, f"{n_burnt} queries failed, the window is {window}"
        assert n_again <= 20, f"{n_again} retries were sent to a resolver that answered nothing"
    with world.case("and the sweep goes on when it is back"):
        n_before = checked(exporter.metrics())
        rbldnsd.send_signal(signal.SIGCONT)
        exporter.wait_for_state("ok", "bl")
        exporter.wait_for(lambda m: checked(m) >= min(n_before + 1000, N_RANGE), "the sweep goes on")


def lose(endpoint, percent):
    """Questions to this server get lost from now on."""
    address, port = endpoint.split(":")
    run("nft", "add", "table", "ip", "loss")
    run("nft", "add chain ip loss input { type filter hook input priority 0 ; }")
    rule = f"add rule ip loss input ip daddr {address} udp dport {port} numgen random mod 100 < {percent} drop"
    run("nft", rule)


def play_loss(world, percent, n_bits, most_missing):
    rbldnsd, text = start(world, f"198.18.0.0/{n_bits}", {"timeout": "150ms", "attempts": 5})
    lose(rbldnsd.endpoint, percent)
    exporter = Exporter(world, text, ready=False)
    n_addresses = 1 << (32 - n_bits)
    with world.case(f"{percent} % loss: the sweep comes to its end, and retries make up for the loss"):
        metrics = demand_whole(exporter, n_addresses, most_missing)
        n_lost, n_queries = failed(metrics, "timeout"), metrics.value("rbl_list_queries_total", list="bl")
        print(f"# {percent} %: {n_lost:.0f} of {n_queries:.0f} queries lost, {n_addresses - checked(metrics):.0f} left out")
        assert n_lost > 0, "nothing was lost: nothing was tested"


@scene
def loss_1(world):
    play_loss(world, 1, 20, 1)


@scene
def loss_10(world):
    play_loss(world, 10, 21, 4)


@scene
def loss_50(world):
    play_loss(world, 50, 25, 20)


@scene
def a_time_out_that_is_long(world):
    """What is lost is known by later answers, and not waited for."""
    patience_s, n_addresses = 20, 32768
    rbldnsd, text = start(world, "198.18.0.0/17", {"timeout": f"{patience_s}s", "attempts": 2})
    lose(rbldnsd.endpoint, 2)
    exporter = Exporter(world, text, ready=False)
    with world.case("2 % loss: a sweep does not wait for the time-out of what is lost"):
        metrics = demand_whole(exporter, n_addresses)
        took_s = metrics.value("rbl_range_sweep_last_duration_seconds", list="bl")
        print(f"# {retries(metrics):.0f} retries, {took_s:.1f} s", flush=True)
        assert retries(metrics) > n_addresses / 100, "next to nothing was lost: nothing was tested"
        # Once in a thousand sweeps the last question is lost and so is the one that was to tell; never hundreds of times.
        assert took_s < 2 * patience_s, f"the sweep took {took_s} s, a time-out {patience_s} s"
        assert retries(metrics) < n_addresses / 10, "many were asked twice that were not lost"


# Its sweeps take minutes then, and what is late says nothing.
reason = "a sanitizer is too slow for its sweeps" if is_sanitized() else why_not("nft")
if reason is None:
    main()
report("faults of the network", skipped=reason)
print("1..1")
