# SPDX-License-Identifier: Apache-2.0
"""kill -9 at the N-th system call that the running daemon makes on its store, by strace.

Each life begins with an empty folder, learns a listing, spends of a budget, sees a delisting and ends well, unless its
call comes first. The next one says what was kept. Some calls in the usual run; with RBL_KILLS=all every N until a life
gets through without meeting it (`make soak`).
"""

import collections
import json
import os
import time

import fakedns
from exporter import Exporter, config, dns_list
from fakedns import FakeDns
from harness import equal, main, scene

# One life makes some 85 writes, 12 syncs, 14 reads.
SOME = {
    "pwrite64": (1, 6, 11, 30, 50, 68, 80),
    "fdatasync": (1, 4, 8, 11),
    "ftruncate": (1, 2),
    "unlink": (1,),
    "openat": (2, 3, 5),
    "pread64": (2, 8, 13),
}
MOST = 400  # of one call in one life
# In a life that says so, what was shown need not have been on the disk.
SLOW = "the disk is slow: what was found is told before it is kept"
CHANGES = {"address listed": "listed", "address listed when first seen": "first_listed", "address delisted": "delisted"}
TOGGLED = "192.0.2.1"

Life = collections.namedtuple("Life", "met_it shown logged is_slow n_seen storage")


class Victims:
    def __init__(self, world, call):
        self.world = world
        self.call = call
        self.host = None
        self.last = None
        self.server = FakeDns(world, "bl.example.net")
        budget = {"queries": 3000, "per": "1h", "rate": "50/s"}
        lists = [dns_list("bl", "bl.example.net", budget=budget, self_test={"interval": "1h"})]
        groups = [{"name": "singles", "addresses": [TOGGLED, "192.0.2.2"], "interval": "1s"}]
        self.text = config(lists, groups, [self.server.endpoint], defaults={"confirm": 1})

    def start(self, storage, wrapper=(), **options):
        exporter = Exporter(self.world, self.text, storage=storage, wrapper=wrapper, ready=False, host=self.host, **options)
        self.host = exporter.host
        self.last = exporter
        return exporter

    def live(self, n):
        """One life that is to be killed at the `n`-th call."""
        storage = self.world.fresh_folder("storage")
        paths = [storage, *(os.path.join(storage, name) for name in ("state.db", "state.db-wal", "state.db-journal"))]
        wrapper = ["strace", "-D", "-f", "-q", "-o", "/dev/null", *(f"--trace-path={path}" for path in paths), "-e",
                   f"trace={self.call}", "-e", f"inject={self.call}:signal=KILL:when={n}"]
        self.server.behave = fakedns.sound
        self.server.listed[TOGGLED] = ["127.0.0.2"]
        begun = time.time()
        n_lines = len(self.last.messages()) if self.last else 0  # all lives write to one log
        exporter = self.start(storage, wrapper, serves=False)
        shown = []
        reached = self.follow(exporter, shown, 1)
        self.server.listed.pop(TOGGLED)
        reached = reached and self.follow(exporter, shown, 0)
        if reached:
            exporter.send_signal(15)
        code = exporter.process.wait(60)
        assert code in (0, -9), f"{self.call} {n}: ended with {code}\n{exporter.log_tail()}"
        assert reached or code == -9
        exporter.kill()
        self.server.behave = fakedns.silent
        lines = [m["msg"] for m in exporter.messages()][n_lines:]
        logged = [CHANGES[line] for line in lines if line in CHANGES]
        # By the kernel's clock: questions of the life before may be read by the server only now.
        n_seen = sum(seen.time >= begun for seen in self.server.queries())
        return Life(code == -9, shown, logged, SLOW in lines, n_seen, storage)

    def follow(self, exporter, shown, goal):
        """Notes what is shown, until that is `goal` (true) or the program is dead."""
        end = time.monotonic() + 90
        while exporter.poll() is None:
            assert time.monotonic() < end, f"never {goal}\n{exporter.log_tail()}"
            try:
                metrics = exporter.metrics()
            except (OSError, AssertionError):
                time.sleep(0.02)
                continue
            value = metrics.value("rbl_ip_listed", ip=TOGGLED)
            shown.append(value)
            if value == goal:
                return True
            time.sleep(0.02)
        return False

    def judge(self, life, n):
        exporter = self.start(life.storage)
        metrics = exporter.metrics()
        where = f"{self.call} {n}"
        equal(metrics.value("rbl_storage_up"), 1, where)
        equal(metrics.value("rbl_storage_errors_total"), 0, where)
        used = metrics.value("rbl_list_quota_used_queries", list="bl")
        assert used >= life.n_seen, f"{where}: {life.n_seen} queries were seen, {used} are counted"
        kept = metrics.value("rbl_ip_listed", ip=TOGGLED)
        events = json.loads(exporter.get(f"/api/v1/addresses/{TOGGLED}").text)["history"]
        events = [e["event"] for e in reversed(events) if e["event"] in CHANGES.values()]
        exporter.kill()
        if life.is_slow:
            print(f"# {where}: the disk was slow", flush=True)
            return
        last = life.shown[-1] if life.shown else None
        # What was under way may have been written, and not yet shown or logged.
        assert kept in {None: (None, 1, 0), 1: (1, 0), 0: (0,)}[last], f"{where}: {last} was shown, {kept} is kept"
        equal(events[:len(life.logged)], life.logged, f"{where}: what was logged, in the history")
        assert len(events) <= len(life.logged) + (2 if life.met_it else 0), f"{where}: {events}, {life.logged} was logged"
        assert len(events) == len(set(events)), f"{where}: told twice: {events}"
        assert last is None or len(events) >= 2 - last, f"{where}: {last} was shown, the history has {events}"


def numbers(call):
    return range(1, MOST) if os.environ.get("RBL_KILLS") == "all" else SOME[call]


def kill_at(world, *calls):
    for call in calls:
        victims = Victims(world, call)
        with world.case(f"killed at its N-th {call}, the daemon has lost nothing that was shown, and no query"):
            n_met = 0
            for n in numbers(call):
                life = victims.live(n)
                victims.judge(life, n)
                n_met += life.met_it
                if not life.met_it:
                    break
            print(f"# {call}: killed {n_met} times", flush=True)
            assert n_met > 0


@scene
def at_the_first_writes(world):
    kill_at(world, "pwrite64")


@scene
def at_syncs(world):
    kill_at(world, "fdatasync", "ftruncate")


@scene
def at_names(world):
    kill_at(world, "openat", "unlink")


@scene
def at_reads(world):
    kill_at(world, "pread64")


main()
