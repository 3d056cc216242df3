# SPDX-License-Identifier: Apache-2.0
"""kill -9 at the N-th system call that the running daemon makes on its store, by strace.

Each life begins with an empty folder, learns a listing, spends of a budget, sees a delisting and ends well, unless its
call comes first. The next one says what was kept. Some calls in the usual run; with RBL_KILLS=all every N until a life
gets through without meeting it (`make soak`).
"""

import collections
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
# What is promised is one second; the other is for a machine that has other things to do.
LOST_S = 2.0
TOGGLED = "192.0.2.1"

Life = collections.namedtuple("Life", "met_it shown died n_seen storage")


class Victims:
    def __init__(self, world, call):
        self.world = world
        self.call = call
        self.host = None
        self.server = FakeDns(world, "bl.example.net")
        budget = {"queries": 3000, "per": "1h", "rate": "50/s"}
        lists = [dns_list("bl", "bl.example.net", budget=budget, self_test={"interval": "1h"})]
        groups = [{"name": "singles", "addresses": [TOGGLED, "192.0.2.2"], "interval": "1s"}]
        self.text = config(lists, groups, [self.server.endpoint], defaults={"confirm": 1})

    def start(self, storage, wrapper=(), **options):
        exporter = Exporter(self.world, self.text, storage=storage, wrapper=wrapper, ready=False, host=self.host, **options)
        self.host = exporter.host
        return exporter

    def live(self, n):
        """One life that is to be killed at the `n`-th call."""
        storage = self.world.fresh_folder("storage")
        paths = [storage, *(os.path.join(storage, name) for name in ("state.db", "state.db-wal", "state.db-journal"))]
        wrapper = ["strace", "-D", "-f", "-q", "-o", "/dev/null", *(f"--trace-path={path}" for path in paths), "-e",
                   f"trace={self.call}", "-e", f"inject={self.call}:signal=KILL:when={n}"]
        self.server.behave = fakedns.sound
        self.server.listed[TOGGLED] = ["127.0.0.2"]
        begun = len(self.server.queries())
        exporter = self.start(storage, wrapper, serves=False)
        shown = []
        reached = self.follow(exporter, shown, 1)
        self.server.listed.pop(TOGGLED)
        reached = reached and self.follow(exporter, shown, 0)
        if reached:
            exporter.send_signal(15)
        code = exporter.process.wait(60)
        died = time.time()
        assert code in (0, -9), f"{self.call} {n}: ended with {code}\n{exporter.log_tail()}"
        assert reached or code == -9
        exporter.kill()
        self.server.behave = fakedns.silent
        return Life(code == -9, shown, died, len(self.server.queries()) - begun, storage)

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
            shown.append((time.time(), value))
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
        safe = [i for i, (when, _) in enumerate(life.shown) if when < life.died - LOST_S or not life.met_it]
        allowed = {value for _, value in life.shown[safe[-1]:]} if safe else {None, 0, 1}
        # What was under way may have been written, and not yet shown.
        allowed |= {0} if 1 in allowed else set()
        assert kept in allowed, f"{where}: shown was {life.shown[-5:]}, kept is {kept}"
        exporter.kill()


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
