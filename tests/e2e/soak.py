# SPDX-License-Identifier: Apache-2.0
"""A long mixed load on one store, and what must be true at its end. test_soak.py plays a minute of it, `make soak` hours.

Lists: one that is sound and whose data change all the time; one of rbldnsd whose server stands still, dies and comes back;
one with a quota; and six that play another fault of dnsfaults.py every minute. Meanwhile the exporter is scraped every
second in all its formats, reloaded, well and badly, and, in the first half, ended and killed, while a crowd of visitors
(crowd.py) asks whatever else it answers. Only what has been shown to be known changes again, so nothing depends on how
fast the machine is; how late a change is shown is measured against the slowest scrape.
"""

import gzip
import json
import os
import random
import signal
import statistics
import sys
import time

import exporter
import harness
from crowd import Crowd, Visitor
from exporter import OPENMETRICS, Exporter, Metrics
from harness import equal, wait
from soak_lists import ALL, BOUNCED, FILED, LIMITS, QUOTA, QUOTA_S, RANGE, SINGLES, SWEPT, Lists

sys.path.append(os.path.join(harness.TOP, "tests", "lint"))
import exposition  # noqa: E402 (found by the line above)

BAD = {
    "cut off": lambda text: text[:-40],
    "of a key that nobody knows": lambda text: text.replace('"defaults"', '"default"', 1),
    "of a value out of range": lambda text: text.replace('"interval": "2s"', '"interval": "0s"', 1),
}
# How late a change of the good list may be shown: its interval or sweep, the looks that prove it, and what a kill or a
# reload takes back; on a machine that is slow, by so many of its slowest scrapes.
LATEST_S, LATEST_SCRAPES = 60, 60
MEMORY_LEAST_S = 600  # what is shorter says nothing about memory
MEMORY_GROWTH = 0.01  # over what is measured: three quarters of the second half


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
        self.shown_before, self.new = {}, {}
        self.delays = []  # from a change to when it was shown
        self.toggles = {}  # address: [listed?]
        self.toggles_before = {}  # those of earlier lives, of which the counters know nothing
        self.false, self.malformed, self.shrunk, self.unanswered = [], [], [], []
        self.counters = {}
        self.health, self.rss = [], []
        self.slowest = 0  # scrape
        self.n_scrapes = self.n_lives = self.n_reloads = self.n_asked = self.n_cut_off = 0
        self.begun = []  # when each life did
        self.n_ends = {"stop": 0, "kill": 0}
        self.n_bad = {what: 0 for what in BAD}
        self.life = None  # a number while it runs
        self.begin()
        self.visitor = Visitor(self.chance, lambda: self.exporter, ALL, BOUNCED)

    # ---- the daemon ----

    def settings(self):
        return self.lists.settings(self.extra, self.timeout)

    def begin(self):
        self.begun.append(time.time())
        self.exporter = Exporter(self.world, self.settings(), storage=self.storage, ready=False)
        self.counters = {}
        self.toggles_before = {ip: len(changes) for ip, changes in self.toggles.items()}
        self.n_lives += 1
        self.life = self.n_lives

    def end(self):
        self.life = None
        how = "stop" if self.n_ends["stop"] <= self.n_ends["kill"] else "kill"
        self.n_ends[how] += 1
        self.exporter.stop() if how == "stop" else self.exporter.kill()
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
        self.slowest = max(self.slowest, time.monotonic() - begin)
        self.demand_truth(metrics)
        self.demand_growth(metrics)
        self.rss.append((time.monotonic(), metrics.value("process_resident_memory_bytes")))
        return metrics

    def demand_truth(self, metrics):
        for name, truth in self.lists.truth.items():
            now = shown(metrics, name)
            for ip, value in now.items():
                right = value == truth[ip]
                if name == "good" and ip in self.pending:
                    if right:
                        self.delays.append(time.monotonic() - self.pending.pop(ip))
                elif not right and not self.is_new(name, ip, value):
                    self.tell_false(f"{name}: {ip} is {value}, {self.lists.modes.get(name)}, life {self.n_lives}")
            self.shown_before[name] = now

    def tell_false(self, what):
        if what not in self.false:
            print(f"# false: {what}", flush=True)
        self.false.append(what)

    def is_new(self, name, ip, value):
        """The first "not listed" about an address counts until the next self-test; those here come and go.

        Of a list that lies it counts until a self-test sees that, through whatever faults come meanwhile.
        """
        if value == 1 or ip not in (*FILED, *BOUNCED):
            return False
        if name in self.lists.liars:
            return True
        now = time.monotonic()
        if ip not in self.shown_before.get(name, {}):
            self.new[name, ip] = now
        return now - self.new.get((name, ip), 0) < max(10, 10 * self.slowest)

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
            before = self.reloaded("success_timestamp_seconds")
            self.world.write("exporter.yml", self.settings())
            self.exporter.send_signal(signal.SIGHUP)
            self.wait_for_reload(lambda: self.reloaded("success_timestamp_seconds") > before)
        equal(self.reloaded("successful"), 1, "the reload was a success")
        self.forget_counters_of("extra")
        self.n_reloads += 1

    def reloaded(self, what):
        name = f"rbl_exporter_config_last_reload_{what}"
        return Metrics(self.exporter.get(f"/metrics?name[]={name}").text).value(name)

    def wait_for_reload(self, condition):
        wait(condition, lambda: f"a reload\n{self.exporter.log_tail()}", world=self.world)

    def forget_counters_of(self, name):
        """A list that is taken away takes its counters with it."""
        self.counters = {key: value for key, value in self.counters.items() if ("list", name) not in key}

    def reload_badly(self):
        """One of three bad files; it keeps what it has."""
        what = min(self.n_bad, key=self.n_bad.get)
        bad = BAD[what](self.settings())
        assert bad != self.settings(), what
        if self.reloaded("successful") == 1 and self.chance.random() < 0.7:
            self.world.write("exporter.yml", bad)
            self.exporter.send_signal(signal.SIGHUP)
            self.wait_for_reload(lambda: self.reloaded("successful") == 0)
        else:
            status = self.exporter.reload(bad).status
            assert status >= 400, f"a file {what}: {status}"
        equal(self.reloaded("successful"), 0, f"a file {what} was loaded: successful")
        self.n_bad[what] += 1
        self.world.write("exporter.yml", self.settings())

    # ---- the whole ----

    def is_whole(self, metrics, lists):
        now = {name: shown(metrics, name) for name in lists}
        return all(now[name].get(ip) == self.lists.truth[name][ip] for name in lists for ip in SINGLES) and all(
            now[name].get(ip) == self.lists.truth[name][ip] for name in lists if name != "metered" for ip in SWEPT
        )

    def latest(self):
        return max(LATEST_S, LATEST_SCRAPES * self.slowest)

    def see_changes(self):
        """In the weather that there is: all that changed is shown, without a reload that would have all be asked again."""
        wait(lambda: self.scrape() and not self.pending, lambda: f"a change of {list(self.pending)}", self.latest(), self.world, 0.2)

    def settle(self, what, lists):
        """Everything healed: waits for the whole truth."""
        self.lists.heal()
        # A list that was closed for long is asked again when its back-off ends; with other self-tests it is sooner.
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
        """The storm, for so long, and until all has happened that makes one."""
        crowd_chance = random.Random(self.chance.random())
        visitor = Visitor(crowd_chance, lambda: self.exporter, ALL, BOUNCED)
        crowd = Crowd(visitor, lambda: self.life, min(0.5, self.minute / 20))
        try:
            self.storm(seconds, restarts, crowd)
            self.see_changes()
        finally:
            self.unanswered += crowd.leave()
            self.n_asked += visitor.n_asked
            self.n_cut_off += crowd.n_cut_off

    def storm(self, seconds, restarts, crowd):
        begun = time.monotonic()
        others = [self.visitor.ask, self.visitor.probe, self.visitor.bounce, self.visitor.hang_up]
        acts = [self.change_truth] * 6 + others + [self.change_files] * 2
        acts += [self.reload_well, self.reload_badly, lambda: self.lists.storm(self.minute / 4)]
        to_do = [self.reload_well, *[self.reload_badly] * len(BAD), *[self.change_truth] * 3]  # at least
        self.chance.shuffle(to_do)
        next_minute, next_end, ends = begun, begun + self.minute / 2, 2 if restarts else 0
        while time.monotonic() - begun < seconds or to_do or ends > 0 or crowd.asks_for_more():
            self.world.check_alive()
            if time.monotonic() >= next_minute:
                next_minute += self.minute
                self.lists.draw()
                self.lists.forget()
                self.tell(begun)
            if restarts and time.monotonic() >= next_end:
                next_end += self.minute * self.chance.uniform(0.5, 2)
                self.end()
                ends -= 1
            self.lists.turn()
            (to_do.pop() if to_do else self.chance.choice(acts))()
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
        soak.life = None
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
    with world.case("its counters tell the same of the last life"):
        demand_counters(soak, quiet, quiet_again)
    with world.case("each change is shown in time"):
        demand_no_delay(soak)
    soak.lists.forget()
    with world.case("the quota was never exceeded"):
        demand_quota(sorted(when for when, _ in soak.lists.times["metered"]))
    for name, (rate, burst) in LIMITS.items():
        with world.case(f"{name}: nor were a rate of {rate}/s and a burst of {burst}"):
            demand_rate(soak, name, rate, burst)
    with world.case("a crowd was served all the time"):
        equal(soak.unanswered[:20], [])
    with world.case("there were restarts, kills, reloads of each kind, and changes in each half"):
        counts = [*soak.n_ends.values(), *soak.n_bad.values(), soak.n_reloads, len(soak.delays)]
        assert min(counts) > 0 and soak.n_reloads > 1 and len(soak.delays) > 5, counts
        assert soak.toggles_before and any(len(c) > soak.toggles_before.get(ip, 0) for ip, c in soak.toggles.items())
    with world.case("no descriptor and no thread is left over"):
        demand_as_few(soak, quiet)
    with world.case("memory does not grow"):
        demand_no_growth(soak, samples)
    health = soak.health
    print(
        f"# {soak.n_scrapes} scrapes, {soak.n_lives} lives, {soak.n_reloads} reloads, {sum(soak.n_bad.values())} of bad files, "
        f"{soak.n_asked + soak.visitor.n_asked} other questions, {soak.n_cut_off} cut off by an end, "
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
            if event["event"] in ("listed", "delisted") and (ip in (*SINGLES, *SWEPT) or event["list"] not in soak.lists.liars):
                changes.setdefault(event["list"], []).append(event["event"] == "listed")
        expected = {"good": soak.toggles[ip]} if ip in soak.toggles else {}
        if changes != expected:
            wrong.append(f"{ip}: {changes}, and not {expected}: {[e for e in events if e['list'] in changes]}")
    assert not wrong, "\n".join(wrong[:20])


def flips(metrics):
    """How often addresses of the good list have changed, by the counters: {kind: (listed, delisted)}."""
    labels = {"ip": {"group": "singles"}, "range": {"range": RANGE}}
    return {
        kind: [metrics.value(f"rbl_{kind}_{name}_total", list="good", **labels[kind]) for name in ("listings", "delistings")]
        for kind in labels
    }


def demand_counters(soak, before, after):
    """What they have counted in the last life is what has changed in it."""
    late = {ip: changes[soak.toggles_before.get(ip, 0) :] for ip, changes in soak.toggles.items()}
    for kind, ips in ("ip", SINGLES), ("range", SWEPT):
        changes = [listed for ip in ips for listed in late.get(ip, [])]
        found = [n - m for n, m in zip(flips(after)[kind], flips(before)[kind])]
        equal(found, [changes.count(True), changes.count(False)], f"listings and delistings of rbl_{kind}_*")


def demand_no_delay(soak):
    delays = soak.delays
    print(
        f"# a change is shown after {quantile(delays, 0.5):.1f} s (p50), {quantile(delays, 0.99):.1f} s (p99), "
        f"{max(delays):.1f} s at most; the slowest scrape took {soak.slowest:.2f} s",
        flush=True,
    )
    assert max(delays) <= soak.latest(), f"{max(delays):.0f} s, and {soak.latest():.0f} s are allowed"


def demand_quota(times):
    assert len(times) > QUOTA / 2, f"only {len(times)} queries: nothing was tried"
    for first, last in zip(times, times[QUOTA:]):
        assert last - first >= QUOTA_S - 0.5, f"{QUOTA + 1} queries within {last - first:.1f} s"


def demand_rate(soak, name, rate, burst):
    """In all windows of each life of up to QUOTA queries, by the kernel's word for when each came.

    Between the program's clock and the kernel's lies what the machine does meanwhile.
    """
    late = max(0.5, quantile(soak.health, 0.99))
    times = sorted(when for when, is_udp in soak.lists.times[name] if is_udp)
    for begin, end in zip(soak.begun, [*soak.begun[1:], float("inf")]):
        life = [when for when in times if begin <= when < end]
        for first, begun in enumerate(life):
            for n, when in enumerate(life[first : first + QUOTA], start=1):
                allowed = rate * (when - begun + late) + burst
                assert n <= allowed, f"{n} queries within {when - begun:.2f} s, {allowed:.0f} are allowed"


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
