# SPDX-License-Identifier: Apache-2.0
"""A long mixed load on one store, and what must be true at its end. test_soak.py plays a minute of it, `make soak` hours.

Lists: one that is sound and whose data change all the time; one of rbldnsd whose server stands still, dies and comes back;
one with a quota; and six that play another fault of dnsfaults.py every minute. Meanwhile the exporter is scraped every
second in all its formats, asked whatever else it answers, reloaded, well and badly, given bounces, left by its clients and,
in the first half, ended and killed. Only what has been shown to be known changes again, so nothing depends on how fast
the machine is.
"""

import contextlib
import gzip
import json
import os
import random
import signal
import socket
import statistics
import sys
import time

import exporter
import harness
from dnsfaults import MODES
from exporter import OPENMETRICS, Exporter, Metrics, config, dns_list
from fakedns import FakeDns
from harness import equal, wait
from hostiledns import HostileDns, HostileZone
from servers import Rbldnsd

sys.path.append(os.path.join(harness.TOP, "tests", "lint"))
import exposition  # noqa: E402 (found by the line above)

SINGLES = [f"192.0.2.{i}" for i in range(1, 13)]
RANGE, SWEPT = "198.51.100.0/27", [f"198.51.100.{i}" for i in range(32)]
FILED = [f"203.0.113.{i}" for i in range(1, 9)]
BOUNCED = [f"203.0.113.{i}" for i in range(101, 104)]
ALL = [*SINGLES, *SWEPT, *FILED, *BOUNCED]
LISTED = [*SINGLES[::2], *SWEPT[::4], *FILED[::2], BOUNCED[0]]
CHAOS = [f"chaos{i}" for i in range(1, 7)]
QUOTA, QUOTA_S = 60, 20
MODE_NAMES = sorted(name for name, mode in MODES.items() if mode.server == "shared" and not mode.keys)
MEMORY_LEAST_S = 600  # what is shorter says nothing about memory
MEMORY_GROWTH = 0.01
ANSWER = ["127.0.0.2"]


class Lists:
    """The servers, and the truth: {list: {address: whether it is listed}}."""

    def __init__(self, world, chance):
        self.world, self.chance = world, chance
        self.truth = {name: {ip: ip in LISTED for ip in ALL} for name in ("good", "metered", "weather", "extra", *CHAOS)}
        zones = {f"{name}.example.net": name for name in self.truth if name != "weather"}
        self.zones = {name: HostileZone(zone, {ip: ANSWER for ip in LISTED}) for zone, name in zones.items()}
        self.sound = HostileDns(world, {z.zone: z for n, z in self.zones.items() if n not in CHAOS})
        self.hostile = HostileDns(world, {z.zone: z for n, z in self.zones.items() if n in CHAOS})
        data = [("ip4set", ["127.0.0.2 :127.0.0.2:test entry", *[f"{ip} :127.0.0.2:listed" for ip in LISTED]])]
        self.weather = Rbldnsd(world, {"weather.example.net": data})
        self.modes = {}
        self.metered = []  # when its queries came
        self.weather_ends = None

    def settings(self, extra, timeout):
        lists = [dns_list(name, f"{name}.example.net", nameservers=[self.server_of(name)]) for name in self.truth]
        lists = [one for one in lists if extra or one["name"] != "extra"]
        for one in lists:
            if one["name"] == "metered":
                one["budget"] = {"queries": QUOTA, "per": f"{QUOTA_S}s", "rate": "50/s", "burst": 10}
        every = [one["name"] for one in lists if one["name"] != "metered"]
        groups = [
            {"name": "singles", "addresses": SINGLES, "interval": "2s"},
            {"name": "ranges", "ranges": [RANGE], "sweep_interval": "5s", "lists": every},
            {"name": "filed", "files": [self.world.path("senders.txt")], "interval": "2s", "lists": every},
        ]
        return config(lists, groups, [self.sound.endpoint], {"timeout": timeout}, bounces={"keep": "1h"})

    def server_of(self, name):
        if name == "weather":
            return self.weather.endpoint
        return (self.hostile if name in CHAOS else self.sound).endpoint

    def draw(self):
        """Another fault for each list of chaos; now and then none."""
        for name in CHAOS:
            self.modes[name] = mode = self.chance.choice([*MODE_NAMES, None])
            if mode is None:
                self.zones[name].heal()
            else:
                self.zones[name].sicken(MODES[mode].play, spares_tests=not MODES[mode].blind)

    def heal(self):
        self.modes = {}
        for zone in self.zones.values():
            zone.heal()
        self.calm()

    def storm(self, longest):
        """rbldnsd stands still for a while, or is gone."""
        if self.weather_ends is None:
            if self.chance.random() < 0.5:
                self.weather.send_signal(signal.SIGSTOP)
            else:
                self.weather.kill()
            self.weather_ends = time.monotonic() + self.chance.uniform(0, longest)

    def calm(self):
        self.weather_ends = None
        if self.weather.poll() is None:
            self.weather.send_signal(signal.SIGCONT)
        else:
            self.weather.launch()

    def turn(self):
        if self.weather_ends is not None and time.monotonic() > self.weather_ends:
            self.calm()

    def forget(self):
        """What was asked is only kept of the list with a quota: hours of it would fill the memory."""
        for server in (self.sound, self.hostile):
            with server.lock:
                seen, server.seen = server.seen, []
            self.metered += [s.time for s in seen if s.name.lower().endswith("metered.example.net")]

    def toggle(self, ip):
        listed = not self.truth["good"][ip]
        self.truth["good"][ip] = listed
        if listed:
            self.zones["good"].listed[ip] = ANSWER
        else:
            del self.zones["good"].listed[ip]


def shown(metrics, name):
    """{address: 1 or 0} of what is said of a list."""
    found = {labels["ip"]: value for labels, value in metrics.all("rbl_ip_listed", list=name)}
    if metrics.value("rbl_range_checked_addresses", range=RANGE, list=name) == len(SWEPT):
        found.update((ip, 0) for ip in SWEPT)
    found.update((labels["ip"], value) for labels, value in metrics.all("rbl_range_ip_listed", list=name))
    return found


class Soak:
    def __init__(self, world, seconds, seed):
        self.world, self.seconds, self.chance = world, seconds, random.Random(seed)
        self.minute = min(60.0, seconds / 6)
        self.lists = Lists(world, self.chance)
        self.storage = world.fresh_folder("storage")
        self.filed = set(FILED)
        self.write_senders()
        self.extra, self.timeout = True, "400ms"
        self.pending = {}  # address: when it changed
        self.toggles = {}  # address: [listed?]
        self.false, self.malformed, self.shrunk = [], [], []
        self.counters = {}
        self.health, self.rss = [], []
        self.n_scrapes = self.n_lives = self.n_reloads = self.n_asked = 0
        self.begin()

    # ---- the daemon ----

    def settings(self):
        return self.lists.settings(self.extra, self.timeout)

    def begin(self):
        self.exporter = Exporter(self.world, self.settings(), storage=self.storage, ready=False)
        self.counters = {}
        self.n_lives += 1

    def end(self):
        if self.chance.random() < 0.5:
            self.exporter.stop()
        else:
            self.exporter.kill()
        self.begin()

    def write_senders(self):
        self.world.write("senders.txt", "".join(f"{ip}\n" for ip in sorted(self.filed)))

    # ---- what is looked at ----

    def scrape(self):
        """One of the forms of /metrics; all of them have to be well-formed and true."""
        begin = time.monotonic()
        equal(self.exporter.get("/-/healthy").status, 200)
        self.health.append(time.monotonic() - begin)
        kind = self.n_scrapes % 4
        self.n_scrapes += 1
        if kind == 0:
            text = self.exporter.get("/metrics").text
        elif kind == 1:
            text = gzip.decompress(self.exporter.get("/metrics", Accept_Encoding="gzip").body).decode()
        elif kind == 2:
            text = self.exporter.get("/metrics", Accept=OPENMETRICS).text
        else:
            names = ("rbl_ip_listed", "rbl_range_ip_listed", "rbl_range_checked_addresses", "process_resident_memory_bytes")
            text = self.exporter.get("/metrics?" + "&".join(f"name[]={name}" for name in names)).text
        self.malformed += exposition.check(text, openmetrics=kind == 2)[:5]
        metrics = Metrics(text)
        self.demand_truth(metrics)
        self.demand_growth(metrics)
        self.rss.append((time.monotonic(), metrics.value("process_resident_memory_bytes")))
        return metrics

    def demand_truth(self, metrics):
        for name, truth in self.lists.truth.items():
            for ip, value in shown(metrics, name).items():
                right = value == truth[ip]
                if name == "good" and ip in self.pending:
                    if right:
                        del self.pending[ip]
                elif not right:
                    self.false.append(f"{name}: {ip} is {value}, {self.lists.modes.get(name)}, life {self.n_lives}")

    def demand_growth(self, metrics):
        for name, samples in metrics.samples.items():
            if name.endswith(("_total", "_count", "_bucket")):
                for labels, value in samples:
                    key = (name, *sorted(labels.items()))
                    before = self.counters.get(key, 0)
                    if value < before:
                        self.shrunk.append(f"{key}: {before} became {value}")
                    self.counters[key] = value

    # ---- what is done to it ----

    def change_truth(self):
        free = [ip for ip in (*SINGLES, *SWEPT) if ip not in self.pending]
        if free and len(self.pending) < 3:
            ip = self.chance.choice(free)
            self.lists.toggle(ip)
            self.pending[ip] = time.monotonic()
            self.toggles.setdefault(ip, []).append(self.lists.truth["good"][ip])

    def change_files(self):
        self.filed ^= {self.chance.choice(FILED)}
        self.write_senders()

    def reload_well(self):
        self.extra, self.timeout = not self.extra, self.chance.choice(["300ms", "400ms"])
        if self.chance.random() < 0.5:
            equal(self.exporter.reload(self.settings()).status, 200)
        else:
            self.exporter.world.write("exporter.yml", self.settings())
            self.exporter.send_signal(signal.SIGHUP)
        self.forget_counters_of("extra")
        self.n_reloads += 1

    def forget_counters_of(self, name):
        """A list that is taken away takes its counters with it."""
        self.counters = {key: value for key, value in self.counters.items() if ("list", name) not in key}

    def reload_badly(self):
        response = self.exporter.reload(self.settings()[:-40])
        assert response.status >= 400, response.status
        self.world.write("exporter.yml", self.settings())

    def ask(self):
        path = self.chance.choice(
            ["/", f"/?ip={self.chance.choice(ALL)}", "/api/v1/listings", "/api/v1/lists", "/config", "/nothing"]
            + [f"/api/v1/addresses/{self.chance.choice(ALL)}"]
        )
        response = self.exporter.get(path)
        assert response.status in (200, 404), f"{path}: {response.status}"
        self.n_asked += 1

    def probe(self):
        ip = self.chance.choice(ALL)
        response = self.exporter.get(f"/probe?target={ip}&module=good", X_Prometheus_Scrape_Timeout_Seconds="3")
        assert response.status in (200, 400, 503), response.status
        self.n_asked += 1

    def bounce(self):
        ip = self.chance.choice(BOUNCED)
        body = f"550 5.7.1 Service unavailable; Client host [{ip}] blocked using good.example.net".encode()
        response = self.exporter.request("POST", "/api/v1/bounces", {"Content-Type": "text/plain"}, body)
        assert response.status in (200, 429, 503), response.status
        self.n_asked += 1

    def hang_up(self):
        """A client that leaves in the middle."""
        with contextlib.suppress(OSError), socket.create_connection((self.exporter.host, self.exporter.port), 5) as tcp:
            tcp.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + self.chance.choice([b"", b"\r\n", b"Content-Length: 99\r\n\r\n1"]))

    # ---- the whole ----

    def is_whole(self, metrics, lists):
        now = {name: shown(metrics, name) for name in lists}
        return all(now[name].get(ip) == self.lists.truth[name][ip] for name in lists for ip in SINGLES) and all(
            now[name].get(ip) == self.lists.truth[name][ip] for name in lists if name != "metered" for ip in SWEPT
        )

    def settle(self, what, lists):
        """Everything healed: waits for the whole truth."""
        self.lists.heal()
        # A list that was closed for long is asked again when its back-off ends; a reload with other self-tests is sooner.
        self.timeout = "350ms"
        equal(self.exporter.reload(self.settings()).status, 200)
        self.forget_counters_of("extra")
        last = []

        def look():
            last[:] = [self.scrape() if self.n_scrapes % 4 != 3 else self.scrape() and self.scrape()]
            return self.is_whole(last[0], lists) and not self.pending and last[0]

        def missing():
            wrong = {n: [ip for ip in SINGLES + SWEPT if shown(last[0], n).get(ip) != self.lists.truth[n][ip]] for n in lists}
            return f"{what}: {({n: ips[:9] for n, ips in wrong.items() if ips})}\n{self.exporter.log_tail()}"

        return wait(look, missing, 600, self.world, pause=1)

    def names(self):
        return [name for name in self.lists.truth if self.extra or name != "extra"]

    def tell(self, begun):
        metrics = self.exporter.metrics()
        queries = sum(value for _, value in metrics.all("rbl_list_queries_total"))
        rss, fds = metrics.value("process_resident_memory_bytes"), metrics.value("process_open_fds")
        expected = sum(map(len, self.toggles.values()))
        print(
            f"# {time.monotonic() - begun:6.0f} s  life {self.n_lives}, {queries:.0f} queries in it, {rss / 1e6:.1f} MB, "
            f"{fds:.0f} descriptors, {self.n_scrapes} scrapes, {self.n_reloads} reloads, {expected} changes "
            f"({len(self.pending)} not seen yet), false: {len(self.false)}; {' '.join(str(m) for m in self.lists.modes.values())}",
            flush=True,
        )

    def play(self, seconds, restarts):
        """The storm, for so long."""
        begun = time.monotonic()
        acts = [self.change_truth] * 6 + [self.ask] * 4 + [self.change_files, self.probe, self.bounce, self.hang_up] * 2
        acts += [self.reload_well, self.reload_badly, lambda: self.lists.storm(self.minute / 4)]
        next_minute, next_end = begun, begun + self.minute
        while time.monotonic() - begun < seconds:
            self.world.check_alive()
            if time.monotonic() >= next_minute:
                next_minute += self.minute
                self.lists.draw()
                self.lists.forget()
                self.tell(begun)
            if restarts and time.monotonic() >= next_end:
                next_end += self.minute * self.chance.uniform(0.5, 2)
                self.end()
            self.lists.turn()
            self.chance.choice(acts)()
            self.scrape()
            time.sleep(min(0.5, self.minute / 20))


def slope(samples):
    """Least squares: growth per second."""
    mean_x, mean_y = (statistics.fmean(s[i] for s in samples) for i in (0, 1))
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / sum((x - mean_x) ** 2 for x, _ in samples)


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def play(world, seconds, seed):
    print(f"# a soak of {seconds:.0f} s, RBL_SEED={seed}", flush=True)
    soak = Soak(world, seconds, seed)
    with world.case("at first all of the truth about every list"):
        soak.settle("the beginning", soak.names())
    with world.case("a storm with restarts and kills is got through"):
        soak.play(seconds / 2, restarts=True)
    with world.case("then all of the truth once more, from the same store"):
        soak.exporter.stop()
        soak.begin()
        quiet = soak.settle("half-time", soak.names())
    with world.case("a storm of one life is got through"):
        soak.play(seconds / 2, restarts=False)
    samples = list(soak.rss)
    with world.case("in the end all of the truth"):
        quiet_again = soak.settle("the end", soak.names())
    demand(world, soak, quiet, quiet_again, samples)


def demand(world, soak, quiet, quiet_again, samples):
    with world.case("nothing false in any scrape"):
        equal(sorted(set(soak.false))[:20], [])
    with world.case("each scrape was well-formed"):
        equal(sorted(set(soak.malformed))[:20], [])
    with world.case("no counter ever shrank"):
        equal(soak.shrunk[:20], [])
    with world.case("the history of each address is what happened to it"):
        demand_histories(soak)
    with world.case("the quota was never exceeded"):
        soak.lists.forget()
        times = sorted(soak.lists.metered)
        assert len(times) > QUOTA / 2, f"only {len(times)} queries: nothing was tried"
        for first, last in zip(times, times[QUOTA:]):
            assert last - first >= QUOTA_S - 0.5, f"{QUOTA + 1} queries within {last - first:.1f} s"
    with world.case("no descriptor and no thread is left over"):
        demand_as_few(soak, quiet)
    with world.case("memory does not grow"):
        demand_no_growth(soak, samples)
    health = soak.health
    print(
        f"# {soak.n_scrapes} scrapes, {soak.n_lives} lives, {soak.n_reloads} reloads, {soak.n_asked} other questions, "
        f"{sum(map(len, soak.toggles.values()))} changes; health p50 {quantile(health, 0.5) * 1e3:.1f} ms, "
        f"p99 {quantile(health, 0.99) * 1e3:.1f} ms, at most {max(health) * 1e3:.0f} ms",
        flush=True,
    )
    with world.case("it has said all the time that it lives"):
        assert max(health) < 20, max(health)


def demand_histories(soak):
    wrong = []
    for ip in ALL:
        response = soak.exporter.get(f"/api/v1/addresses/{ip}?limit=1000")
        events = json.loads(response.text)["history"][::-1] if response.status == 200 else []
        changes = {}
        for event in events:
            if event["event"] in ("listed", "delisted"):
                changes.setdefault(event["list"], []).append(event["event"] == "listed")
        expected = {"good": soak.toggles[ip]} if ip in soak.toggles else {}
        if changes != expected:
            wrong.append(f"{ip}: {changes}, and not {expected}")
    assert not wrong, "\n".join(wrong[:20])


def demand_as_few(soak, quiet):
    names = ("process_open_fds", "process_threads")
    before = {name: quiet.value(name) for name in names}

    def look():
        now = soak.exporter.metrics()
        return all(now.value(name) <= before[name] for name in names)

    wait(look, lambda: f"{before}, and now {[soak.exporter.metrics().value(name) for name in names]}", world=soak.world, pause=1)


def demand_no_growth(soak, samples):
    """Over the second life, less its first quarter: what is asked for the first time needs memory."""
    begin = samples[-1][0] - (soak.seconds / 2) * 0.75
    samples = [sample for sample in samples if sample[0] >= begin]
    mean = statistics.fmean(value for _, value in samples)
    growth = slope(samples) * (samples[-1][0] - samples[0][0]) / mean
    print(f"# memory: {mean / 1e6:.1f} MB, {100 * growth:+.2f} % over {samples[-1][0] - samples[0][0]:.0f} s", flush=True)
    if soak.seconds >= MEMORY_LEAST_S and not exporter.is_sanitized():
        assert growth < MEMORY_GROWTH, f"{100 * growth:.2f} %"
