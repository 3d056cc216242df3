# SPDX-License-Identifier: Apache-2.0
"""The store: what survives a restart, and what becomes of files that it cannot use."""

import os
import shutil
import sqlite3
import subprocess
import sys

import fakedns
from exporter import Exporter, config, dns_list
from fakedns import FakeDns
from harness import equal, main, scene, wait
from kept import (
    CLEAN,
    GROUPS,
    LATER,
    LISTED,
    LISTED_SWEPT,
    N_RANGE,
    RANGE,
    ZONE,
    database,
    demand_work_from_memory,
    history,
    is_complete,
    set_aside,
    settings,
    shown,
    start,
    start_list,
)


@scene
def a_restart(world):
    server = start_list(world)
    exporter = start(world, server)
    with world.case("what is learnt is in the store, and the store works"):
        metrics = exporter.metrics()
        equal(metrics.value("rbl_storage_up"), 1)
        equal(metrics.value("rbl_storage_errors_total"), 0)
    server.listed[LATER] = ["127.0.0.2"]
    with world.case("a listing and a delisting are counted"):
        exporter.stop()
        exporter = Exporter(world, settings(server, [{**GROUPS[0], "interval": "1s"}, GROUPS[1]]), storage=exporter.storage)
        exporter.wait_for_value(1, "rbl_ip_listed", ip=LATER)
        del server.listed[LISTED]
        exporter.wait_for_value(0, "rbl_ip_listed", ip=LISTED)
        metrics = exporter.metrics()
        equal(metrics.value("rbl_ip_listings_total", group="singles"), 1)
        equal(metrics.value("rbl_ip_delistings_total", group="singles"), 1)
    exporter.stop()
    exporter = Exporter(world, settings(server), storage=exporter.storage)
    exporter.wait_for(lambda m: m.value("rbl_ip_listed", ip=LATER) == 1, "the listing")
    before = shown(exporter.metrics())
    exporter.stop()
    asked = len(server.queries())
    with world.case("with the DNS server gone, everything is back before the first scrape, and ready"):
        server.behave = fakedns.silent
        exporter = Exporter(world, settings(server), storage=exporter.storage, ready=False)
        metrics = exporter.metrics()
        equal(shown(metrics), before)
        equal(exporter.get("/-/ready").status, 200)
        equal(metrics.value("rbl_exporter_ready"), 1)
    with world.case("and nothing is asked merely because of the restart"):
        server.behave = fakedns.sound
        for _ in range(3):
            exporter.stop()
            exporter = Exporter(world, settings(server), storage=exporter.storage)
            equal(shown(exporter.metrics()), before)
        equal(len(server.queries()), asked, "queries")
    with world.case("the history of an address is in the store, the latest first"):
        answer = history(exporter, LISTED)
        equal([e["event"] for e in answer["history"]], ["delisted", "first_listed"])
        equal([e["list"] for e in answer["history"]], ["bl", "bl"])
        equal(answer["history_error"], None)
        first = history(exporter, LISTED, limit=1)
        equal([e["event"] for e in first["history"]], ["delisted"])
        rest = history(exporter, LISTED, limit=1, before=first["history_next"])
        equal([e["event"] for e in rest["history"]], ["first_listed"])
        equal(rest["history_next"], None)
        equal([e["event"] for e in history(exporter, LATER)["history"]], ["listed"])
    with world.case("the status page shows the latest changes of earlier lives"):
        page = exporter.get("/").text
        assert "Latest changes" in page and LISTED in page and "delisted" in page, page
    with world.case("a reload says so in the history"):
        equal(exporter.reload(settings(server)).status, 200)
        assert "reloaded" in exporter.get("/").text
    with world.case("after a good end there is one file, without a write-ahead log"):
        exporter.stop()
        equal(sorted(os.listdir(exporter.storage)), ["state.db"])


@scene
def another_configuration(world):
    server = start_list(world)
    exporter = start(world, server)
    exporter.stop()
    asked = len(server.queries())
    with world.case("a renamed list and a range that grew keep what still applies"):
        groups = [GROUPS[0], {"name": "renamed", "ranges": ["198.51.100.0/23"], "sweep_interval": "1d", "interval": "1h"}]
        text = config(
            [dns_list("another_name", ZONE, self_test={"interval": "1h"})], groups, [server.endpoint]
        )
        exporter = Exporter(world, text, storage=exporter.storage, ready=False)
        metrics = exporter.metrics()
        equal(metrics.value("rbl_ip_listed", ip=LISTED, list="another_name"), 1)
        equal(metrics.value("rbl_range_listed_addresses", range="198.51.100.0/23"), len(LISTED_SWEPT))
        exporter.wait_for(
            lambda m: m.value("rbl_range_checked_addresses", range="198.51.100.0/23") == 512, "the whole range"
        )
        again = [s.ip for s in server.queries()[asked:] if s.ip.startswith("198.51.100.")]
        equal([ip for ip in again if ip not in LISTED_SWEPT], [], "asked again")


@scene
def a_list_that_goes_and_comes_back(world):
    server, other = start_list(world), FakeDns(world, "other.example.net")
    second = dns_list("other", "other.example.net", nameservers=[other.endpoint])
    both = config([dns_list("bl", ZONE, self_test={"interval": "1h"}), second], GROUPS, [server.endpoint])
    without = config([second], GROUPS, [server.endpoint])
    exporter = Exporter(world, both)

    def demand_what_was_known(metrics):
        equal(metrics.value("rbl_range_checked_addresses", range=RANGE, list="bl"), N_RANGE)
        equal(metrics.value("rbl_range_listed_addresses", range=RANGE, list="bl"), len(LISTED_SWEPT))
        equal(metrics.value("rbl_ip_listed", ip=LISTED, list="bl"), 1)

    exporter.wait_for(
        lambda m: m.value("rbl_range_checked_addresses", range=RANGE, list="bl") == N_RANGE
        and m.value("rbl_range_listed_addresses", range=RANGE, list="bl") == len(LISTED_SWEPT)
        and m.value("rbl_ip_listed", ip=LISTED, list="bl") == 1
        and m.value("rbl_range_sweep_last_completion_timestamp_seconds", range=RANGE, list="bl") is not None,
        "everything is known",
    )
    with world.case("a list that a reload takes away and another brings back is what it was"):
        equal(exporter.reload(without).status, 200)
        equal(exporter.metrics().all("rbl_list_up", list="bl"), [])
        asked = len(server.queries())
        equal(exporter.reload(both).status, 200)
        demand_what_was_known(exporter.metrics())
        exporter.wait_for_looks("other", more=6)
        equal([s.ip for s in server.queries()[asked:] if not fakedns.is_test(s)], [], "asked again")
    with world.case("so is one that was not there at the start"):
        equal(exporter.reload(without).status, 200)
        exporter.stop()
        exporter = Exporter(world, without, storage=exporter.storage)
        equal(exporter.reload(both).status, 200)
        demand_what_was_known(exporter.metrics())


def replace_in_file(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


@scene
def a_damaged_file(world):
    server = start_list(world)
    exporter = start(world, server)
    exporter.stop()
    with world.case("a file that is damaged is set aside under another name, and a new one begun"):
        size = os.path.getsize(database(exporter))
        replace_in_file(database(exporter), size // 2, b"\x5a" * 3000)
        with open(database(exporter), "rb") as file:
            damaged = file.read()
        exporter = Exporter(world, settings(server), storage=exporter.storage, ready=False)
        exporter.wait_for(is_complete, "everything is known")
        metrics = exporter.metrics()
        equal(metrics.value("rbl_storage_up"), 1)
        assert metrics.value("rbl_storage_errors_total") > 0
        names = set_aside(exporter)
        equal(len(names), 1, "files set aside")
        with open(database(exporter, names[0]), "rb") as file:
            equal(file.read() == damaged, True, "the same bytes")
        assert any(names[0] in line for line in exporter.log().splitlines()), exporter.log()
    with world.case("what was learnt since is in the new one"):
        exporter.stop()
        asked = len(server.queries())
        exporter = Exporter(world, settings(server), storage=exporter.storage)
        assert is_complete(exporter.metrics())
        equal(len(server.queries()), asked, "queries")
        equal(len(set_aside(exporter)), 1, "files set aside")
    with world.case("so is one that is no database at all"):
        exporter.stop()
        with open(database(exporter), "wb") as file:
            file.write(b"This is a shopping list.\n" * 1000)
        exporter = Exporter(world, settings(server), storage=exporter.storage)
        exporter.wait_for(is_complete, "everything is known")
        equal(len(set_aside(exporter)), 2, "files set aside")


@scene
def a_file_of_a_later_version(world):
    server = start_list(world)
    exporter = start(world, server)
    exporter.stop()
    with sqlite3.connect(database(exporter)) as later:
        later.execute("PRAGMA user_version = 999")
    later.close()
    with open(database(exporter), "rb") as file:
        before = file.read()
    with world.case("a file of a later version is not touched, and the program works from memory"):
        exporter = Exporter(world, settings(server), storage=exporter.storage)
        error = demand_work_from_memory(exporter, server)
        assert "state.db" in error and "version" in error, error
        exporter.stop()
        with open(database(exporter), "rb") as file:
            equal(file.read() == before, True, "the same bytes")


@scene
def two_on_one_file(world):
    server = start_list(world)
    first = start(world, server)
    with world.case("the second on the same folder works from memory, and says so"):
        second = Exporter(world, settings(server), storage=first.storage)
        error = demand_work_from_memory(second, server)
        assert first.storage in error and "--storage.path" in error, error
        second.stop()
    with world.case("and disturbs the first not at all"):
        equal(first.metrics().value("rbl_storage_up"), 1)
        first.stop()
        again = Exporter(world, settings(server), storage=first.storage)
        assert is_complete(again.metrics())


@scene
def a_file_that_is_in_use_for_a_moment(world):
    server = start_list(world)
    first = start(world, server)
    first.stop()
    with world.case("a file that is in use at the start is waited for, as a check beside it may be about to end"):
        hold = (
            "import sqlite3, sys, time; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
            "db.execute('PRAGMA locking_mode = EXCLUSIVE'); db.execute('BEGIN EXCLUSIVE'); print('held', flush=True);"
            "time.sleep(1.5)"
        )
        with subprocess.Popen([sys.executable, "-c", hold, database(first)], stdout=subprocess.PIPE) as holder:
            equal(holder.stdout.readline(), b"held\n")
            again = Exporter(world, settings(server), storage=first.storage)
        assert is_complete(again.metrics())
        equal(again.metrics().value("rbl_storage_up"), 1)


@scene
def a_list_with_a_key(world):
    key = "sekretkey123"
    server = FakeDns(world, f"{key}.{ZONE}", {LISTED: ["127.0.0.2"]})
    file = world.write("the.key", key + "\n")
    lists = [dns_list("bl", "{key}." + ZONE, key_file=file, self_test={"interval": "1h"})]
    text = config(lists, GROUPS[:1], [server.endpoint])
    exporter = Exporter(world, text)
    exporter.wait_for_value(0, "rbl_ip_listed", ip=CLEAN)
    exporter.stop()
    with world.case("the key of a list is in no file of the store"):
        for name in os.listdir(exporter.storage):
            with open(database(exporter, name), "rb") as stored:
                assert key.encode() not in stored.read(), name
    with world.case("and after the next start the list is believed when it has passed its self-test"):
        exporter = Exporter(world, text, storage=exporter.storage)
        exporter.wait_for_value(1, "rbl_list_state", list="bl", state="ok")
        exporter.wait_for_value(1, "rbl_ip_listed", ip=LISTED)
        exporter.wait_for_value(0, "rbl_ip_listed", ip=CLEAN)


@scene
def a_folder_that_is_deleted_again_and_again(world):
    server = start_list(world)
    budget = {"queries": 3000, "per": "5m", "rate": "50/s"}
    groups = [{"name": "singles", "addresses": [f"192.0.2.{n}" for n in range(1, 21)], "interval": "1s"}]
    exporter = Exporter(world, settings(server, groups, budget=budget))
    with world.case("a list with a quota goes on after its store was deleted four times"):
        for _ in range(4):
            wait(lambda: os.path.exists(database(exporter)), "the file", world=world)
            exporter.wait_for_value(1, "rbl_storage_up")
            asked = exporter.metrics().value("rbl_list_queries_total", list="bl")
            exporter.wait_for(lambda m: m.value("rbl_list_queries_total", list="bl") > asked + 3, "queries")
            os.unlink(database(exporter))
        wait(lambda: os.path.exists(database(exporter)), "the file", world=world)
        asked = exporter.metrics().value("rbl_list_queries_total", list="bl")
        # A twentieth of the quota is the most that may have been reserved when it was deleted last.
        exporter.wait_for(lambda m: m.value("rbl_list_queries_total", list="bl") > asked + 150, "more queries", limit=90)


@scene
def a_folder_that_is_deleted(world):
    server = start_list(world)
    exporter = start(world, server)
    with world.case("a folder that is deleted while nothing happens is noticed, and everything is saved anew"):
        shutil.rmtree(exporter.storage)
        wait(lambda: os.path.exists(database(exporter)), "a new file", world=world)
        exporter.wait_for_value(1, "rbl_storage_up")
        exporter.stop()
        asked = len(server.queries())
        exporter = Exporter(world, settings(server), storage=exporter.storage)
        assert is_complete(exporter.metrics())
        equal(len(server.queries()), asked, "queries")


@scene
def something_else_in_the_place_of_the_file(world):
    server = start_list(world)
    folder = world.fresh_folder("storage")
    os.makedirs(folder)
    os.mkfifo(os.path.join(folder, "state.db"))
    with world.case("a FIFO in the place of the file is no reason to hang"):
        exporter = Exporter(world, settings(server), storage=folder)
        error = demand_work_from_memory(exporter, server)
        assert "state.db" in error and "no file" in error, error
    with world.case("and when it is moved away, the store works without a restart"):
        os.unlink(os.path.join(folder, "state.db"))
        exporter.wait_for_value(1, "rbl_storage_up")


main()
