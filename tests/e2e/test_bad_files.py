# SPDX-License-Identifier: Apache-2.0
"""Files that are none, as configuration and as web configuration: each refused at its place, in bounded work; a daemon
that is told to read one a thousand times is as before. And the examples of the README are what they show."""

import json
import os
import re
import subprocess

import exporter
import harness
import sandbox
import tls
from exporter import Exporter, config, dns_list, is_sanitized
from harness import TOP, equal, main, report, scene
from servers import Rbldnsd, find_program

LISTS = "lists: [{name: bl, zone: bl.example.net}]\n"
GOOD = LISTS + "groups: [{name: g, addresses: [192.0.2.1]}]\nresolver: {nameservers: [127.0.0.1]}\n"
WEB = "rate_limit: {interval: 0, burst: 0}\n"
SIZE = 50000  # of a bomb
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LAUGHS = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip(LETTERS, LETTERS[1:]))
ALIASES = "aliases (*) are not supported"
DEEP = "more than 16 levels"
NO_TEXT = "a control character, or not valid UTF-8"
RELOADS = int(os.environ.get("RBL_RELOADS", "50"))

# What it is about; the file, in which GOOD stands for a good one of its kind; line and column, and a part of the message.
BAD = [
    ("a NUL", b"# \0\n", (1, 3), NO_TEXT),
    ("a NUL behind a good file", b"GOOD\0", None, NO_TEXT),
    ("UTF-16", "a: b\n".encode("utf-16"), (1, 1), "is UTF-16; expected UTF-8"),
    ("UTF-16 of the other order", b"\xfe\xff\0a\0:", (1, 1), "is UTF-16; expected UTF-8"),
    ("UTF-16 without a mark", "a: b\n".encode("utf-16-le"), (1, 2), NO_TEXT),
    ("Latin-1", b"# caf\xe9\n", (1, 6), NO_TEXT),
    ("a BOM in the middle", "# a\n\ufeffa: b\n".encode(), (2, 1), None),
    ("two documents", b"GOOD---\na: b\n", None, "a second document begins here"),
    ("a directive that nobody knows", b"%YAML 9.9\n---\na: b\n", (1, 1), "not valid YAML"),
    ("a key twice", b"x: 1\nx: 2\n", (2, 1), '"x" is given twice; the first is on line 1'),
    ("a tag", b"x: !!python/object {}\n", (1, 4), "tags (!) are not supported"),
    ("a merge key", b"x:\n  <<: {a: 1s}\n", (2, 3), "merge keys (<<) are not supported"),
    ("an anchor", b"x: &a 1\n", (1, 4), "anchors (&) are not supported"),
    ("an alias", b"x: *a\n", (1, 4), ALIASES),
    ("a list as a key", b"? [a, b]\n: c\n", (1, 3), "a key must be a word, found a list"),
    ("a tab", b"x:\n\t- a\n", (2, 1), "not valid YAML"),
    ("an open quote", b'x: "\n', (2, 1), "not valid YAML"),
    ("an open bracket", b"x: [\n", (2, 1), "not valid YAML"),
    ("a bracket too many", b"x: []]\n", (1, 6), "not valid YAML"),
    ("two colons", b"a: b: c\n", (1, 5), "not valid YAML"),
    ("an escape that makes a NUL", b'x: "\\0"\n', (1, 4), "an escape makes a control character"),
    ("seventeen levels", b"x: " + b"[" * 17 + b"]" * 17, (1, 19), DEEP),
]

# The bombs: about SIZE bytes of each.
BOMBS = [
    ("brackets", "[" * SIZE, (1, 17), DEEP),
    ("braces", "{a: " * (SIZE // 4), (1, 65), DEEP),
    ("dashes", "- " * (SIZE // 2), (1, 33), DEEP),
    ("question marks", "? " * (SIZE // 2), (1, 3), "a key must be a word"),
    ("an alias of itself", "a: &a [" + "*a, " * (SIZE // 4) + "]\n", (1, 8), ALIASES),
    ("a billion laughs", LAUGHS + "#" * (SIZE - len(LAUGHS)) + "\n", (2, 8), ALIASES),
    ("anchors", "x: [" + "&a x, " * (SIZE // 6) + "]\n", (1, 5), "anchors (&) are not supported"),
    ("keys that are alike", "{" + "a: b, " * (SIZE // 6) + "}\n", (1, 8), '"a" is given twice'),
    ("one long key", "a" * SIZE + ": b\n", (1, SIZE + 1), "not valid YAML: mapping values are not allowed"),
    ("quotes", '"' + "\\\"" * (SIZE // 2), None, "not valid YAML"),
]


class Check:
    """A --config.check of a file of one kind: what it says, and what it costs."""

    def __init__(self, world, kind, path):
        good = world.path("good.yml") if kind == "config" else None
        flags = [f"--config.file={good or world.path('any.yml')}"]
        flags = [f"--config.file={path}"] if kind == "config" else [*flags, f"--web.config.file={path}"]
        command = [exporter.BINARY, "--config.check", *flags]
        with open(world.path(f"said_{kind}"), "w+b") as said:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            said.seek(0)
            self.said = said.read().decode("utf-8", "replace")
        self.code = process.returncode
        self.seconds = usage.ru_utime + usage.ru_stime
        self.memory_kb = usage.ru_maxrss
        pattern = rf"^{re.escape(path)}:(?:(\d+):(\d+):)? error: (.*)$"
        self.errors = [((int(a or 0), int(b or 0)), text) for a, b, text in re.findall(pattern, self.said, re.M)]

    def demand(self, place, piece):
        equal(self.code, 1, self.said[:2000])
        assert self.errors, self.said[:2000]
        found = [where for where, text in self.errors if piece is None or piece in text]
        assert found, f"{piece!r} is not in\n{self.said[:2000]}"
        if place:
            equal(found[0], place, f"place\n{self.said[:2000]}")
        assert len(self.said) < 40000, f"{len(self.said)} bytes of errors"


@scene
def every_bad_file(world):
    world.write("any.yml", GOOD)
    for kind, good in (("config", GOOD), ("web", WEB)):
        for what, content, place, piece in BAD:
            with world.case(f"{kind}: {what} is refused at its place"):
                where = place or ((good.count("\n") + 1, 1))
                path = world.write("bad.yml", content.replace(b"GOOD", good.encode()))
                Check(world, kind, path).demand(where, piece)
        with world.case(f"{kind}: CRLF and a BOM are no harm"):
            for content in (good.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + good.encode()):
                equal(Check(world, kind, world.write("fine.yml", content)).code, 0)


@scene
def no_files(world):
    world.write("any.yml", GOOD)
    os.mkdir(world.path("folder"))
    os.mkfifo(world.path("fifo"))
    os.symlink("loop", world.path("loop"))
    locked = world.write("locked.yml", GOOD)
    os.chmod(locked, 0)
    for kind in ("config", "web"):
        with world.case(f"{kind}: what is no file that can be read is an error that names it, and nothing hangs"):
            for name, piece in (
                ("folder", "is no regular file"),
                ("fifo", "is no regular file"),
                ("loop/x", "cannot be found" if kind == "web" else "cannot be read: Too many levels"),
                ("missing", "does not exist" if kind == "web" else "cannot be read: No such file"),
                ("any.yml/x", "does not exist" if kind == "web" else "cannot be read: Not a directory"),
            ):
                Check(world, kind, world.path(name)).demand(None, piece)
            Check(world, kind, "/dev/zero").demand(None, "is no regular file")
    what = "a file that may not be read is an error that says so"
    if os.geteuid() != 0:
        with world.case(what):
            Check(world, "config", locked).demand(None, "cannot be read: Permission denied")
        return
    with world.case(what):
        code, _, said = exporter.run("--config.check", f"--config.file={locked}", user=sandbox.NOBODY, group=sandbox.NOBODY, extra_groups=[])
        assert code == 1 and "cannot be read: Permission denied" in said, said


@scene
def bombs(world):
    world.write("any.yml", GOOD)
    many = ", ".join(f"{host}.{n >> 8 & 255}.{n & 255}" for host in ("10.1",) for n in range(SIZE // 12))
    goods = {
        "config": LISTS + f"groups: [{{name: g, addresses: [{many}]}}]\n",
        "web": WEB + "#" + "x" * SIZE + "\n",
    }
    for kind, good in goods.items():
        path = world.write("large.yml", good)
        alike = [Check(world, kind, path) for _ in range(3)]
        equal([check.code for check in alike], [0] * 3, alike[0].said[:1000])
        seconds, memory = max(c.seconds for c in alike), max(c.memory_kb for c in alike)
        for what, content, place, piece in BOMBS:
            with world.case(f"{kind}: a bomb of {what} is refused for the price of a good file"):
                path = world.write("bomb.yml", content)
                assert abs(os.path.getsize(path) - SIZE) < 1000, os.path.getsize(path)
                checks = [Check(world, kind, path) for _ in range(2)]
                checks[0].demand(place, piece)
                if is_sanitized():
                    continue
                least = min(c.seconds for c in checks)
                assert least <= 5 * seconds + 0.02, f"{least:.3f} s of CPU; a good file takes {seconds:.3f} s"
                grown = (checks[0].memory_kb - memory) / 1024
                assert grown <= 20, f"{grown:.1f} MB more than a good file"
        print(f"# {kind}: a good file of that size takes {seconds * 1000:.0f} ms of CPU and {memory / 1024:.1f} MB", flush=True)


@scene
def the_readme(world):
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        snippets = re.findall(r"^```yaml\n(.*?)^```", file.read(), re.S | re.M)
    for name in ("server.pem", "rbl.rules.yml", "rbl.password"):
        world.write(name, "groups: []\n")
    tls.self_signed(world.path("server.pem"), world.path("server.key"))
    world.write("any.yml", GOOD)
    used = set()
    for number, text in enumerate(snippets):
        top = set(re.findall(r"^([a-z_]+):", text, re.M)) or {"rules"}
        with world.case(f"the README's example {number + 1} ({', '.join(sorted(top))}) is right"):
            if top & {"lists", "groups", "safelists"}:
                used.add("config")
                extra = "" if "lists" in top else "lists: [{use: spamhaus_zen}]\n"
                extra += "" if "groups" in top else "groups: [{name: g, ranges: [40.107.%.%]}]\n"
                check = Check(world, "config", world.write("snippet.yml", text + extra))
            elif top & {"tls_server_config", "basic_auth_users"}:
                used.add("web")
                check = Check(world, "web", world.write("snippet.yml", text))
            else:
                used.add("prometheus")
                rules = "rules" in top
                path = world.write("snippet.yml", f"groups:\n- name: g\n  rules:\n{_indented(text)}" if rules else text)
                command = [find_program("promtool"), "check", "rules" if rules else "config", path]
                done = subprocess.run(command, capture_output=True, text=True, timeout=harness.LIMIT_S, check=False)
                equal(done.returncode, 0, done.stdout + done.stderr)
                continue
            equal((check.code, check.errors), (0, []), check.said)
    with world.case("and they are of each kind"):
        equal(used, {"config", "web", "prometheus"})


def _indented(text):
    return "".join(f"  {line}\n" for line in text.splitlines())


def files_of(daemon):
    """How many descriptors and how many inotify watches it has."""
    folder = f"/proc/{daemon.pid}/fdinfo"
    watches = 0
    names = os.listdir(folder)
    for name in names:
        try:
            with open(os.path.join(folder, name), encoding="ascii") as file:
                watches += sum(line.startswith("inotify ") for line in file)
        except OSError:
            pass
    return len(names), watches


def memory_kb(daemon):
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def face(daemon):
    """What a bad configuration must leave alone: (lists, groups and ranges, configuration and when it was read), and the
    series, of which some come as things become known."""
    metrics = daemon.metrics()
    rows = [(name, labels) for name, samples in metrics.samples.items() for labels, _ in samples]
    named = {(key, labels[key]) for _, labels in rows for key in ("list", "group", "range", "safelist") if key in labels}
    when = metrics.value("rbl_exporter_config_last_reload_success_timestamp_seconds")
    series = {f"{name}{sorted(labels.items())}" for name, labels in rows}
    return (named, when, daemon.get("/config").text), series


@scene
def reloads(world):
    zone, sweep = "bl.example.net", "198.18.0.0/15"
    rbldnsd = Rbldnsd(world, {zone: [("ip4set", ["127.0.0.2", "192.0.2.1", "198.18.0.0/20"])]})
    senders = world.write("senders.txt", "192.0.2.9\n")
    groups = [
        {"name": "singles", "addresses": ["192.0.2.1", "192.0.2.2"]},
        {"name": "range", "ranges": [sweep]},
        {"name": "files", "files": [senders]},
    ]
    lists = [dns_list("bl", zone, budget={"rate": "200/s", "burst": 20})]
    # Never asked, but large: 20 of them that are not freed are 16 MB; what malloc keeps varies by 3.
    codes = {f"127.0.1.{n}": "x" * 58 + str(n) for n in range(1, 61)}
    lists += [{"name": f"off{n}", "zone": f"off{n}.example.net", "enabled": False, "codes": codes} for n in range(100)]
    goods = [
        config(lists, groups, [rbldnsd.endpoint]),
        config(
            [*lists, dns_list("more", zone, budget={"rate": "10/s"})],
            [*groups, {"name": "more", "addresses": ["192.0.2.3"], "ranges": ["203.0.113.0/24"]}],
            [rbldnsd.endpoint],
        ),
    ]
    bads = [content.replace(b"GOOD", GOOD.encode()) for _, content, _, _ in BAD]
    bads += [content.encode() for _, content, _, _ in BOMBS] + [b"", goods[0].replace("198.18.0.0/15", "0.0.0.0/0").encode()]
    daemon = Exporter(world, goods[0])
    daemon.wait_for(lambda m: m.value("rbl_range_checked_addresses", range=sweep, list="bl") > 100, "a sweep")
    daemon.wait_for(lambda m: len(m.all("rbl_ip_listed")) == 3, "verdicts")

    def swept():
        metrics = daemon.metrics()
        return metrics.value("rbl_range_checked_addresses", range=sweep, list="bl"), metrics.value("rbl_list_queries_total", list="bl")

    def bad(number):
        before, counts = face(daemon), swept()
        content = bads[number % len(bads)]
        if number % 5 == 4:
            daemon.hang_up(content)
        else:
            equal(daemon.reload(content).status, 500, content[:80])
        after = face(daemon)
        equal(after[0], before[0], "what runs")
        equal(before[1] - after[1], set(), f"series taken away by {content[:60]!r}")
        assert all(new >= old for new, old in zip(swept(), counts)), "a count has fallen"

    def good(number):
        counts = swept()
        equal(daemon.reload(goods[number % 2]).status, 200)
        assert all(new >= old for new, old in zip(swept(), counts)), "a count has fallen"
        equal(daemon.metrics().value("rbl_ip_listed", ip="192.0.2.1", list="bl"), 1)

    with world.case(f"{RELOADS} reloads in mid-sweep, good and bad: a bad one changes nothing, a good one loses nothing"):
        warm = max(RELOADS // 5, 6)
        begun = swept()
        for number in range(RELOADS):
            if number == warm:
                daemon.reload(goods[0])
                files, first = files_of(daemon), memory_kb(daemon)
            if number % 2:
                good(number // 2)
            else:
                bad(number // 2)
        daemon.reload(goods[0])
        equal(daemon.metrics().value("rbl_exporter_config_last_reload_successful"), 1)
        assert swept()[0] > begun[0], "the sweep has not gone on"
    with world.case("and nothing leaks"):
        # Queries under way may have a socket more or less.
        harness.wait(lambda: files_of(daemon)[0] <= files[0] + 2, lambda: f"{files_of(daemon)} of {files}", world=world)
        equal(files_of(daemon)[1], files[1], "inotify watches")
        grown = memory_kb(daemon) - first
        print(f"# {RELOADS} reloads: memory +{grown} KB since reload {warm}, descriptors {files} and {files_of(daemon)}", flush=True)
        if not is_sanitized():
            assert grown <= 8192, f"{grown} KB in {RELOADS - warm} reloads"


main()
