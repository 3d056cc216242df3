# SPDX-License-Identifier: Apache-2.0
"""The store on a disk that does not do what it should."""

import os
import shutil
import signal
import sqlite3
import time

import fakedns
from exporter import Exporter
from harness import Process, equal, main, scene, wait
from kept import CLEAN, GROUPS, RANGE, demand_work_from_memory, history, is_complete, settings, shown, start, start_list


def mounted(world, options):
    """A wrapper: the daemon in a mount namespace of its own, with a tmpfs at the folder that is returned."""
    folder = world.fresh_folder("mounted")
    os.makedirs(folder)
    script = f'mount -t tmpfs -o {options} none {folder} && exec "$@"'
    return folder, ["unshare", "-m", "sh", "-c", script, "sh"]


@scene
def a_full_disk(world):
    server = start_list(world)
    folder, wrapper = mounted(world, "size=160k")
    exporter = Exporter(world, settings(server, [*GROUPS, {"name": "more", "ranges": ["203.0.112.0/20"]}]),
                        storage=folder, wrapper=wrapper)
    inside = f"/proc/{exporter.pid}/root{folder}"
    exporter.wait_for_value(0, "rbl_ip_listed", ip=CLEAN)
    with world.case("when the disk is full, checks and scrapes go on from memory"):
        with open(os.path.join(inside, "filler"), "wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096) == 4096:
                    pass
            except OSError:
                pass
        server.listed[CLEAN] = ["127.0.0.2"]
        text = settings(server, [{**GROUPS[0], "interval": "1s"}, GROUPS[1]])
        equal(exporter.reload(text).status, 200)
        exporter.wait_for_value(1, "rbl_ip_listed", ip=CLEAN)
        exporter.wait_for_value(0, "rbl_storage_up")
        assert exporter.metrics().value("rbl_storage_errors_total") > 0
        exporter.wait_for_message("state is not being saved: the program goes on from memory")
        assert "State is not being saved" in exporter.get("/").text
    with world.case("when there is room again, what waited is saved"):
        os.unlink(os.path.join(inside, "filler"))
        exporter.wait_for_value(1, "rbl_storage_up")
        equal([e["event"] for e in history(exporter, CLEAN)["history"]][:1], ["listed"])


@scene
def a_disk_that_is_full_at_the_start(world):
    server = start_list(world)
    folder = world.fresh_folder("mounted")
    os.makedirs(folder)
    fill = f"dd if=/dev/zero of={folder}/filler bs=4k count=100 2>/dev/null"
    script = f'mount -t tmpfs -o size=400k none {folder} && {{ {fill} || true; }} && exec "$@"'
    exporter = Exporter(world, settings(server), storage=folder, wrapper=["unshare", "-m", "sh", "-c", script, "sh"])
    inside = f"/proc/{exporter.pid}/root{folder}"
    with world.case("with the disk full at the start, the program works from memory"):
        demand_work_from_memory(exporter, server)
    with world.case("and when there is room, all that it knows is saved"):
        os.unlink(os.path.join(inside, "filler"))
        exporter.wait_for_value(1, "rbl_storage_up")
        copy = world.fresh_folder("copy")

        def is_saved():
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(inside, copy)
            try:
                with sqlite3.connect(os.path.join(copy, "state.db")) as db:
                    return db.execute("SELECT count(*) FROM looks").fetchone()[0] > 0
            except sqlite3.Error:  # copied in the middle of a write
                return False

        wait(is_saved, "looks in the file", world=world)


@scene
def a_read_only_folder(world):
    server = start_list(world)
    exporter = start(world, server)
    exporter.stop()
    folder = exporter.storage
    wrapper = ["unshare", "-m", "sh", "-c",
               f'mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && exec "$@"', "sh"]
    with world.case("what a read-only folder holds is shown all the same"):
        server.behave = fakedns.silent
        exporter = Exporter(world, settings(server), storage=folder, wrapper=wrapper, ready=False)
        metrics = exporter.metrics()
        assert is_complete(metrics), metrics.text[:3000]
        equal(metrics.value("rbl_storage_up"), 0)
        server.behave = fakedns.sound
        error = demand_work_from_memory(exporter, server)
        assert folder in error, error


@scene
def a_folder_that_cannot_be_made(world):
    with world.case("a folder that cannot be made is no reason not to start"):
        server = start_list(world)
        blocked = world.write("a_file", "in the way")
        exporter = Exporter(world, settings(server), storage=os.path.join(blocked, "data"))
        error = demand_work_from_memory(exporter, server)
        assert blocked in error, error


class Strace(Process):
    """Lets every sync of a running process take `seconds`."""

    good_codes = (0, -signal.SIGTERM, -signal.SIGINT)

    def __init__(self, world, pid, seconds):
        self.trace_path = world.path("strace.trace")
        syncs = "fdatasync,fsync"
        inject = f"inject={syncs}:delay_enter={seconds}s"
        super().__init__(
            world, "strace", ["strace", "-f", "-o", self.trace_path, "-p", str(pid), "-e", f"trace={syncs}", "-e", inject]
        )

    def syncs(self):
        """How many have begun, and how many have ended."""
        if not os.path.exists(self.trace_path):
            return 0, 0
        with open(self.trace_path, encoding="utf-8") as file:
            text = file.read()
        return text.count("sync("), text.count("DELAYED")


@scene
def a_disk_that_is_slow(world):
    sync_s = 0.15
    server = start_list(world)
    groups = [{**GROUPS[0], "interval": "1s"}]
    exporter = Exporter(world, settings(server, groups, confirm=1))
    exporter.wait_for_value(0, "rbl_ip_listed", ip=CLEAN)
    strace = Strace(world, exporter.pid, sync_s)
    wait(lambda: strace.syncs()[1] > 0, "a sync that is slow", world=world)

    def toggle(value, message, is_told):
        """No sync that begins after the first answer has ended before `sync_s`."""
        begun = time.time()
        if value:
            server.listed[CLEAN] = ["127.0.0.2"]
        else:
            del server.listed[CLEAN]
        wait(lambda: is_told(value, message), message, world=world, pause=0.005)
        told = time.time()
        asked = min(seen.time for seen in server.queries() if seen.ip == CLEAN and seen.time > begun)
        assert told - asked >= sync_s, f"told {told - asked:.3f} s after the question"

    def is_shown(value, _message):
        return exporter.metrics().value("rbl_ip_listed", ip=CLEAN) == value

    def is_logged(_value, message):
        return exporter.messages(message)[n_before[message]:]

    for is_told, where in ((is_shown, "scrapes show"), (is_logged, "the log tells")):
        with world.case(f"{where} what has been found when it is on the disk"):
            for value, message in ((1, "address listed"), (0, "address delisted")):
                n_before = {message: len(exporter.messages(message))}
                toggle(value, message, is_told)
    with world.case("of which all is told, the log first"):
        equal(len(exporter.messages("address listed")), 2)
        equal(len(exporter.messages("address delisted")), 2)
    strace.stop(signal.SIGINT)


@scene
def a_disk_that_stands_still(world):
    server = start_list(world)
    groups = [{**GROUPS[0], "interval": "1s"}, {"name": "ranges", "ranges": [RANGE], "sweep_interval": "1s"}]
    exporter = Exporter(world, settings(server, groups, budget={"rate": "200/s"}))
    exporter.wait_for(is_complete, "everything is known")
    with world.case("a disk that stands still delays neither checks nor scrapes"):
        strace = Strace(world, exporter.pid, 60)
        wait(lambda: strace.syncs()[0] > 0, "a sync that stands still", world=world)
        asked = len(server.queries())
        for _ in range(30):
            exporter.metrics()
        wait(lambda: len(server.queries()) > asked + 300, "queries go on", world=world)
        server.listed[CLEAN] = ["127.0.0.2"]
        exporter.wait_for_value(1, "rbl_ip_listed", ip=CLEAN)
        exporter.wait_for_message("address listed", ip=CLEAN)
        exporter.wait_for_message("the disk is slow: what was found is told before it is kept")
        answer = history(exporter, CLEAN)
        equal(answer["lists"][0]["verdict"], "listed")
        assert answer["history_error"], answer
        # All of that happened while the first sync had not come to its end.
        equal(strace.syncs()[1], 0, "syncs that have ended")
    with world.case("after some time of it the store is down, and comes back with the disk"):
        exporter.wait_for_value(0, "rbl_storage_up")
        strace.stop(signal.SIGINT)
        exporter.wait_for_value(1, "rbl_storage_up")
        equal([e["event"] for e in history(exporter, CLEAN)["history"]], ["listed"])


main()
