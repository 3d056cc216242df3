# SPDX-License-Identifier: Apache-2.0
"""Addresses and ranges from files: what appears, changes, is wrong, vanishes and comes back."""

import json
import os
import time

from exporter import Exporter, config, dns_list, run
from fakedns import FakeDns
from harness import equal, main, scene, wait
from servers import Rbldnsd

ZONE = "bl.example.net"
LISTED, CLEAN, MORE = "192.0.2.1", "192.0.2.2", "192.0.2.3"
CHANGED = "rbl_group_ranges_last_change_timestamp_seconds"
NO_LINE = (
    '"mail.example.com" is no address or range; expected one like 40.107.130.132, 2a01:111:f403::1, 40.92.0.0/15, '
    "52.103.0.0-52.103.127.255 or 40.107.%.%"
)


class Folder:
    """A folder of files; they are replaced by rename unless it says otherwise."""

    def __init__(self, world, name="senders.d"):
        self.world = world
        self.path = world.path(name)
        os.mkdir(self.path)

    def at(self, name):
        return os.path.join(self.path, name)

    def write(self, name, *lines):
        with open(self.at("." + name), "w") as file:
            file.writelines(line + "\n" for line in lines)
        os.rename(self.at("." + name), self.at(name))
        return self.at(name)

    def append(self, name, *lines):
        with open(self.at(name), "a") as file:
            file.writelines(line + "\n" for line in lines)

    def remove(self, name):
        os.unlink(self.at(name))


def start_list(world, listed=(LISTED,)):
    return FakeDns(world, ZONE, {ip: ["127.0.0.2"] for ip in listed})


def group(*files, **keys):
    return {"name": "senders", "files": list(files), **keys}


def settings(server, *groups, **top):
    return config([dns_list("bl", ZONE, families=["ipv4"])], list(groups), [server.endpoint], **top)


def series(metrics):
    return sorted({labels["ip"] for labels, _ in metrics.all("rbl_ip_listed", group="senders")})


def ranges(metrics):
    return sorted(labels["range"] for labels, _ in metrics.all("rbl_range_addresses", group="senders"))


def wait_for_series(exporter, *ips):
    return exporter.wait_for(lambda m: series(m) == sorted(ips), f"series of {ips}")


def wait_for_ranges(exporter, *expected):
    return exporter.wait_for(lambda m: ranges(m) == sorted(expected), f"ranges {expected}")


def told(exporter, path):
    """What was said of a file: [(level, place, text)]."""
    return [(m["level"], m.get("place"), m["msg"]) for m in exporter.messages() if m.get("file") == path]


def wait_until_told(exporter, path, text):
    wait(
        lambda: any(text in msg for _, _, msg in told(exporter, path)),
        lambda: f"{text!r} of {path}\n{exporter.log_tail()}",
        world=exporter.world,
    )


@scene
def a_file_that_changes(world):
    server = start_list(world)
    folder = Folder(world)
    path = folder.write("a.txt", "# seen in our logs", LISTED)
    past = int(time.time()) - 86400
    os.utime(path, (past, past))
    exporter = Exporter(world, settings(server, group(folder.at("*.txt"))))
    with world.case("the addresses of a file are watched one by one"):
        wait_for_series(exporter, LISTED)
        exporter.wait_for_value(1, "rbl_ip_listed", ip=LISTED)
        equal(told(exporter, path), [])
    with world.case("they are as old as the youngest file"):
        equal(exporter.metrics().value(CHANGED, group="senders"), past)
    with world.case("a line that is added has series within seconds, without a reload, and the others keep theirs"):
        before = exporter.metrics().value("rbl_ip_last_change_timestamp_seconds", ip=LISTED)
        folder.append("a.txt", f"{CLEAN}  # the second", "198.51.100.0/30")
        metrics = wait_for_series(exporter, LISTED, CLEAN)
        equal(metrics.value("rbl_ip_listed", ip=LISTED), 1)
        equal(metrics.value("rbl_ip_last_change_timestamp_seconds", ip=LISTED), before)
        wait_for_ranges(exporter, "198.51.100.0/30")
        exporter.wait_for_value(4, "rbl_range_checked_addresses", range="198.51.100.0/30")
        equal(exporter.n_reloads(), 0)
        assert abs(exporter.metrics().value(CHANGED, group="senders") - time.time()) < 60
    with world.case("a line that is wrong is told once, with file and line, and the rest counts"):
        folder.write("b.txt", MORE, "mail.example.com", "198.51.100.4/30")
        wait_for_series(exporter, LISTED, CLEAN, MORE)
        wait_for_ranges(exporter, "198.51.100.0/30", "198.51.100.4/30")
        wrong = ("warn", "2", f"line left out: {NO_LINE}")
        equal([t for t in told(exporter, folder.at("b.txt")) if t[0] == "warn"], [wrong])
        os.utime(folder.at("b.txt"))
        folder.append("a.txt", "# no more")
        wait_until_told(exporter, path, "read again")
        equal([t for t in told(exporter, folder.at("b.txt")) if t[0] == "warn"], [wrong])


@scene
def a_file_that_is_wrong(world):
    server = start_list(world)
    folder = Folder(world)
    path = folder.write("a.txt", LISTED)
    folder.write("b.txt", MORE, *["x"] * 25)
    exporter = Exporter(world, settings(server, group(folder.at("*.txt"))))
    with world.case("of many wrong lines the first twenty are told, and how many there are more"):
        wait_for_series(exporter, LISTED, MORE)
        equal(sum("line left out" in t[2] for t in told(exporter, folder.at("b.txt"))), 20)
        wait_until_told(exporter, folder.at("b.txt"), "5 more lines are left out")
    with world.case("what is taken out of a file by rename is watched no longer"):
        folder.write("a.txt", CLEAN)
        wait_for_series(exporter, CLEAN, MORE)
    with world.case("a file in which nothing is right counts with what it held before"):
        folder.write("a.txt", "<html>", "503 Service Unavailable")
        wait_until_told(exporter, path, "has no line with an address or range: what it held last (1 addresses, 0")
        time.sleep(2)
        wait_for_series(exporter, CLEAN, MORE)
        folder.write("a.txt", LISTED)
        wait_until_told(exporter, path, "the file is back and was read: 1 addresses, 0 ranges")
        wait_for_series(exporter, LISTED, MORE)
    with world.case("an empty file has nothing"):
        folder.write("a.txt")
        folder.write("b.txt", "# nothing")
        wait_for_series(exporter)


@scene
def a_file_that_vanishes(world):
    server = start_list(world)
    folder = Folder(world)
    a, b = folder.write("a.txt", LISTED), folder.write("b.txt", CLEAN)
    text = settings(server, group(folder.at("*.txt")), defaults={"stale_after": "6s"})
    exporter = Exporter(world, text)
    wait_for_series(exporter, LISTED, CLEAN)
    with world.case("a file that vanishes counts with what it held, and until when is told"):
        gone = time.monotonic()
        folder.remove("a.txt")
        wait_until_told(exporter, a, "the file is gone: what it held last (1 addresses, 0 ranges) counts until 20")
        equal(series(exporter.metrics()), sorted([LISTED, CLEAN]))
    with world.case("that it does not count any longer is told, too"):
        wait_until_told(exporter, a, "the file has been lost since 20")
        assert time.monotonic() - gone >= 6
        metrics = wait_for_series(exporter, CLEAN)
        equal(metrics.all("rbl_ip_listed", ip=LISTED), [])
    with world.case("when it is back, it is read at once"):
        folder.write("a.txt", LISTED, MORE)
        wait_for_series(exporter, LISTED, CLEAN, MORE)
        wait_until_told(exporter, a, "a new file was read: 2 addresses, 0 ranges")
    with world.case("one that is back in time has lost nothing"):
        n = len(told(exporter, b))
        folder.remove("b.txt")
        wait_until_told(exporter, b, "the file is gone")
        folder.write("b.txt", CLEAN)
        wait_until_told(exporter, b, "the file is back and was read")
        time.sleep(8)
        equal(series(exporter.metrics()), sorted([LISTED, CLEAN, MORE]))
        equal(len(told(exporter, b)), n + 2)
    with world.case("a reload keeps what a lost file held, as long as it is still asked for"):
        folder.remove("a.txt")
        wait_until_told(exporter, a, "the file is gone")
        equal(exporter.reload(text).status, 200)
        equal(series(exporter.metrics()), sorted([LISTED, CLEAN, MORE]))
        equal(exporter.reload(settings(server, group(folder.at("b*.txt")))).status, 200)
        wait_for_series(exporter, CLEAN)


@scene
def a_file_that_is_written_slowly(world):
    server = start_list(world)
    folder = Folder(world)
    path = folder.write("a.txt", LISTED, CLEAN)
    text = settings(server, group(folder.at("*.txt")))
    exporter = Exporter(world, text)
    wait_for_series(exporter, LISTED, CLEAN)
    before = exporter.wait_for_value(1, "rbl_ip_listed", ip=LISTED).value("rbl_ip_last_change_timestamp_seconds", ip=LISTED)
    other = 0

    def look():
        """Another file makes the exporter look at all of them."""
        nonlocal other
        other += 1
        folder.write("b.txt", *[MORE] * (other % 2))
        wait_for_series(exporter, LISTED, CLEAN, *[MORE] * (other % 2))

    with open(path, "w") as slow:
        with world.case("a file that its writer has begun anew holds what it held until it is closed"):
            look()
            print(LISTED, file=slow, flush=True)
            time.sleep(0.5)
            look()
            equal([t for t in told(exporter, path) if t[0] != "debug"], [])
        with world.case("a reload does not take it either, and says so"):
            equal(exporter.reload(text).status, 200)
            equal(series(exporter.metrics()), sorted([LISTED, CLEAN]))
            wait_until_told(exporter, path, "the file is being written: what it held last (2 addresses, 0 ranges) counts")
            look()
        print(MORE, file=slow, flush=True)
    with world.case("when it is closed, it is read"):
        folder.remove("b.txt")
        metrics = wait_for_series(exporter, LISTED, MORE)
        wait_until_told(exporter, path, "the file is back and was read: 2 addresses, 0 ranges")
        equal(metrics.value("rbl_ip_last_change_timestamp_seconds", ip=LISTED), before)


@scene
def a_reload(world):
    server = start_list(world)
    folder, other = Folder(world), Folder(world, "other.d")
    folder.write("a.txt", LISTED)
    exporter = Exporter(world, settings(server, group(folder.at("*.txt"), addresses=[MORE])))
    wait_for_series(exporter, LISTED, MORE)
    with world.case("a reload with other patterns has the other files, read before it answers"):
        other.write("x", CLEAN, LISTED)
        equal(exporter.reload(settings(server, group(other.at("x")))).status, 200)
        equal(exporter.metrics().value("rbl_ip_listed", ip=LISTED), 1)
        wait_for_series(exporter, LISTED, CLEAN)
        other.write("x", CLEAN)
        wait_for_series(exporter, CLEAN)
    with world.case("a reload that fails goes on with the files that were"):
        equal(exporter.reload(settings(server, group(folder.at("a.txt"), interval="0s"))).status, 500)
        other.write("x", LISTED)
        wait_for_series(exporter, LISTED)
    with world.case("files in a folder that is not there yet are found when it comes"):
        equal(exporter.reload(settings(server, group(world.path("new/*/x")))).status, 200)
        wait_until_told(exporter, world.path("new/*/x"), "there is no such file")
        wait_for_series(exporter)
        os.makedirs(world.path("new/d"))
        with open(world.path("new/d/x"), "w") as file:
            file.write(MORE)
        wait_for_series(exporter, MORE)
    with world.case("a restart finds the same"):
        exporter.stop()
        exporter = Exporter(world, settings(server, group(world.path("new/*/x"))), storage=exporter.storage)
        wait_for_series(exporter, MORE)


@scene
def a_configmap(world):
    server = start_list(world)
    folder = Folder(world)

    def mount(version, *lines):
        os.mkdir(folder.at(f"..{version}"))
        with open(folder.at(f"..{version}/senders.txt"), "w") as file:
            file.writelines(line + "\n" for line in lines)
        os.symlink(f"..{version}", folder.at("..data_tmp"))
        os.rename(folder.at("..data_tmp"), folder.at("..data"))

    mount(1, LISTED)
    os.symlink("..data/senders.txt", folder.at("senders.txt"))
    exporter = Exporter(world, settings(server, group(folder.at("*.txt"))))
    wait_for_series(exporter, LISTED)
    with world.case("a ConfigMap that is swapped as Kubernetes does is noticed"):
        mount(2, CLEAN)
        wait_for_series(exporter, CLEAN)
        mount(3, CLEAN, MORE)
        wait_for_series(exporter, CLEAN, MORE)
        equal([t for t in told(exporter, folder.at("senders.txt")) if t[0] != "info"], [])


def endpoints(*ips):
    sets = [
        {"id": 1, "serviceArea": "Exchange", "urls": ["outlook.office365.com"], "ips": ["203.0.113.0/24"]},
        {
            "id": 10,
            "serviceArea": "Exchange",
            "serviceAreaDisplayName": "Exchange Online",
            "urls": ["*.mail.protection.outlook.com", "*.mx.microsoft"],
            "ips": [*ips, "2a01:111:f403::/48"],
            "tcpPorts": "25",
            "required": True,
        },
        {"id": 31, "serviceArea": "SharePoint", "urls": ["*.sharepoint.com"]},
    ]
    return json.dumps(sets, indent=2)


@scene
def a_list_of_endpoints(world):
    server = start_list(world)
    folder = Folder(world)
    path = folder.write("worldwide.json", endpoints("192.0.2.0/30", "198.51.100.0/29"))
    exporter = Exporter(world, settings(server, group(path)))
    with world.case("of Microsoft's list of endpoints the ranges that send mail are taken"):
        wait_for_ranges(exporter, "192.0.2.0/30", "198.51.100.0/29")
        exporter.wait_for_value(1, "rbl_range_listed_addresses", range="192.0.2.0/30")
    with world.case("one that is cut is told, and what it held counts on"):
        folder.write("worldwide.json", endpoints("192.0.2.0/30")[:200])
        wait_until_told(exporter, path, "the file is no list of endpoints that can be used (line ")
        wait_until_told(exporter, path, ": what it held last (0 addresses, 3 ranges) counts until 20")
        equal(ranges(exporter.metrics()), ["192.0.2.0/30", "198.51.100.0/29"])
    with world.case("the next one takes its place"):
        folder.write("worldwide.json", endpoints("192.0.2.0/30"))
        wait_for_ranges(exporter, "192.0.2.0/30")


@scene
def a_large_file(world):
    n = 100_000
    rbldnsd = Rbldnsd(world, {ZONE: [("ip4set", ["127.0.0.2", "10.0.0.0", "10.1.134.159"])]})
    folder = Folder(world)
    path = folder.write("a.txt", *(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(n)))
    exporter = Exporter(world, settings(rbldnsd, group(path), defaults={"interval": "1h"}))

    def wait_for_all(n):
        """Without taking a hundred thousand lines to pieces."""
        lines = []

        def look():
            lines[:] = exporter.get("/metrics").text.splitlines()
            return sum(line.startswith("rbl_ip_listed{") for line in lines) == n

        wait(look, f"{n} addresses", limit=90, world=world, pause=0.5)
        return {line.split('"')[3] for line in lines if line.startswith("rbl_ip_listed{") and line.endswith(" 1")}

    with world.case("a file of 100,000 addresses is watched, the last like the first"):
        found = [m["msg"] for m in exporter.messages() if "files were read" in m["msg"]]
        equal(found, ["1 files were read: 100000 addresses, 0 ranges"])
        equal(wait_for_all(n), {"10.0.0.0", "10.1.134.159"})
    with world.case("a line more keeps what is known of the others"):
        folder.append("a.txt", "10.2.0.0")
        equal(wait_for_all(n + 1), {"10.0.0.0", "10.1.134.159"})


@scene
def ranges_that_cannot_be_swept(world):
    server = start_list(world)
    folder = Folder(world)
    path = folder.write("a.txt", "10.0.0.0/7", "2001:db8::/32", "192.0.2.0/30", *(f"{i}.0.0.0/8" for i in range(20, 25)))
    exporter = Exporter(world, settings(server, group(path)))
    with world.case("ranges that are too large are left out one by one, and told"):
        equal(ranges(exporter.metrics()), ["20.0.0.0/8", "21.0.0.0/8", "22.0.0.0/8", "23.0.0.0/8"])
        left = [m["msg"] for m in exporter.messages() if "from its sources is left out" in m["msg"]]
        assert any("10.0.0.0/7" in m and "16777216" in m for m in left), left
        assert any("24.0.0.0/8" in m and "67108864" in m for m in left), left
        assert not any("2001:db8" in m for m in left), left


@scene
def commands(world):
    folder = Folder(world)
    path = folder.write("a.txt", CLEAN, "40.107.%.%", "x", "2001:db8::/32")
    text = config(
        [dns_list("bl", ZONE, families=["ipv4"])],
        [group(folder.at("*.txt"), addresses=[LISTED]), {"name": "none", "files": [world.path("none/*")]}],
        ["127.0.0.1:1"],
    )
    file = world.write("commands.yml", text)
    warnings = [
        f'{path}:3: warning: group "senders": line left out: ' + NO_LINE.replace("mail.example.com", "x"),
        f'{world.path("none/*")}: warning: group "none": there is no such file',
    ]
    with world.case("--config.check tells what is wrong with files and patterns"):
        code, out, errors = run(f"--config.file={file}", "--config.check")
        equal((code, errors.splitlines()), (0, warnings))
        equal(out, f"{file}: OK, 1 lists, 2 groups, 2 warnings\n")
    with world.case("ranges shows what the files hold now"):
        code, out, errors = run(f"--config.file={file}", "ranges")
        equal((code, errors.splitlines()), (0, warnings))
        equal(
            [line.split()[:2] for line in out.splitlines()[1:-1]],
            [["senders", "192.0.2.1/32"], ["senders", "192.0.2.2/32"], ["senders", "40.107.0.0/16"], ["senders", "2001:db8::/32"]],
        )
        assert "not swept, only recognises bounced addresses" in out.splitlines()[4], out
        equal(out.splitlines()[-1].split()[:2], ["all", "65538"])
    with world.case("plan counts what the files hold now"):
        code, out, errors = run(f"--config.file={file}", "plan")
        equal((code, errors.splitlines()), (0, warnings))
        assert "1,572,864" in out, out  # 65,536 addresses an hour
    with world.case("a file that is no text, and one that may not be read as one, say so"):
        with open(folder.at("a.txt"), "wb") as binary:
            binary.write(b"\x1f\x8b\x08\x00")
        os.mkfifo(folder.at("b.txt"))
        code, out, errors = run(f"--config.file={file}", "--config.check")
        equal(code, 0)
        equal(
            errors.splitlines()[:2],
            [
                f'{path}: warning: group "senders": the file is no text: line 1 has a control character; expected one '
                "address or range a line: nothing of it counts",
                f'{folder.at("b.txt")}: warning: group "senders": the file is no regular file: nothing of it counts',
            ],
        )


main()
