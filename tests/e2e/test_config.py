# SPDX-License-Identifier: Apache-2.0
"""The command line and --config.check: every mistake is told, with its place, and none does any harm."""

import os
import random
import re

import exporter
from harness import TOP, equal, main, scene

LISTS = "lists:\n  - name: bl\n    zone: bl.example.net\n"
GROUPS = "groups:\n  - name: g\n    addresses: [192.0.2.1]\n"
GOOD = LISTS + GROUPS
WHOLE = os.path.join(TOP, "tests", "e2e", "whole.yml")
PLAN = (
    "budgets: {validity: {queries: 10000, per: 30d}}\n"
    "lists:\n"
    "  - {name: small, zone: small.example.net, budget: {share: validity, rate: 1/s}}\n"
    "  - {name: easy, zone: easy.example.net, budget: {rate: 5/s}}\n"
    "groups:\n"
    "  - name: out\n"
    f"    addresses: [{', '.join(f'192.0.2.{i}' for i in range(1, 41))}]\n"
)


def check(world, content, name="checked.yml"):
    """Checks a configuration: (exit code, [(line, column, error or warning, text)], all that was printed)."""
    path = world.write(name, content)
    code, out, err = exporter.run("--config.check", f"--config.file={path}")
    problems = re.findall(rf"^{re.escape(path)}:(?:(\d+):(\d+):)? (error|warning): (.*)$", err, re.MULTILINE)
    return code, [(int(line or 0), int(column or 0), kind, text) for line, column, kind, text in problems], out + err


def demand_errors(world, content, *expected):
    """Demands these errors, as (line, column, part of the text), and no others."""
    code, problems, output = check(world, content)
    equal(code, 1, f"exit code\n{output}")
    errors = [p for p in problems if p[2] == "error"]
    equal([p[:2] for p in errors], [e[:2] for e in expected], f"places of errors\n{output}")
    for (_, _, _, text), (_, _, part) in zip(errors, expected):
        assert part in text, f"{part!r} is not in {text!r}"


@scene
def commands(world):
    with world.case("--help and --version print to standard output"):
        code, out, err = exporter.run("--help")
        equal((code, err), (0, ""))
        for flag in ("--config.file", "config.check", "--web.listen-address", "--log.level", "--log.format"):
            assert flag in out, flag
        code, out, err = exporter.run("--version")
        equal((code, err), (0, ""))
        assert out.startswith("rbl_exporter, version "), out
    with world.case("unknown flags, abbreviations and bad values are refused with exit code 2"):
        for arguments in (
            ["--nonsense"],
            ["--config"],
            ["--config.fil=x"],
            ["--config.chec"],
            ["--conf.check"],
            ["-x"],
            ["--log.level=loud"],
            ["--log.format=xml"],
            ["--config.check=yes"],
            ["--config.file"],
            ["--config.file="],
            ["--config.file=a", "--config.file=b"],
            ["--web.max-requests=0"],
            ["--web.telemetry-path=metrics"],
            ["nonsense"],
            ["lists", "ranges"],
        ):
            code, out, err = exporter.run(*arguments)
            equal((code, out), (2, ""), arguments)
            assert err.count("\n") == 1 and arguments[-1].split("=")[0].lstrip("-")[:4] in err, err
    with world.case("flags and commands of later versions are refused by name"):
        for word in ("--shard.count=2", "--shard.index=1"):
            code, _, err = exporter.run(word)
            equal(code, 2, word)
            assert "not yet supported" in err, err
    with world.case("lists shows the built-in and the dead ones"):
        code, out, err = exporter.run("lists")
        equal(code, 0, err)
        for word in ("senderscore_bl", "bl.score.senderscore.com", "spamhaus_zen", "barracuda", "ix.dnsbl.manitu.net"):
            assert word in out, word
    with world.case("plan says what a budget achieves and what to change, without a query"):
        path = world.write("plan.yml", PLAN)
        code, out, err = exporter.run("plan", f"--config.file={path}")
        equal(code, 0, err)
        for word in ("10,000 per 30d*", "40 watched addresses are re-checked every", "set their interval to", "self_test"):
            assert word in out, out
        rows = [line.split() for line in out.splitlines() if line.startswith(("small ", "easy "))]
        equal([row[0] for row in rows], ["small", "easy"], out)
        assert "  - " in out.split("small:\n")[1] and "easy:\n" not in out, out
        widths = {len(line) for line in out.splitlines()[:2]}
        equal(len(widths), 1, "the heads of the columns end together")
    with world.case("plan has nothing to say where all is achieved"):
        path = world.write("enough.yml", GOOD)
        code, out, err = exporter.run("plan", f"--config.file={path}")
        equal(code, 0, err)
        assert "every list can do what is wanted of it" in out, out
    with world.case("plan refuses a configuration with an error like every command"):
        path = world.write("bad.yml", LISTS)
        code, out, err = exporter.run("plan", f"--config.file={path}")
        equal((code, out), (1, ""))
        assert "groups" in err, err
    with world.case("ranges shows the groups with counts and notation"):
        groups = "groups:\n  - name: g\n    ranges: [40.107.%.%, 192.0.2.0-192.0.2.9]\n"
        path = world.write("ranges.yml", LISTS + groups)
        code, out, err = exporter.run("ranges", f"--config.file={path}")
        equal(code, 0, err)
        for pattern in (r"40\.107\.0\.0/16\s+65536\s+40\.107\.%\.%", r"192\.0\.2\.0-192\.0\.2\.9\s+10\s+-"):
            assert re.search(pattern, out), f"{pattern} not in\n{out}"
    with world.case("ranges and plan name the groups whose ranges they do not know"):
        path = world.write("spf.yml", LISTS + "groups:\n  - {name: g, addresses: [192.0.2.1]}\n  - {name: s, spf: example.net}\n")
        code, out, err = exporter.run("ranges", f"--config.file={path}")
        assert code == 0 and re.search(r"^s +SPF of example\.net +\?", out, re.M), out + err
        assert "(overlaps counted in each, without those of SPF records)" in out, out
        code, out, err = exporter.run("plan", f"--config.file={path}")
        assert code == 0 and "Without the ranges out of SPF records (s), which only" in out, out + err
    with world.case("an address that cannot be listened on is an error that names it"):
        path = world.write("good.yml", GOOD + "resolver: {nameservers: [127.0.0.1]}\n")
        for address in ("nonsense", "192.0.2.1:80", "127.0.0.1:99999"):
            storage = f"--storage.path={world.path('storage')}"
            code, _, err = exporter.run(f"--config.file={path}", f"--web.listen-address={address}", storage)
            equal(code, 1, address)
            assert address in err, err


@scene
def files_that_pass(world):
    with world.case("a small configuration passes"):
        code, problems, output = check(world, GOOD)
        equal((code, problems), (0, []), output)
    with world.case("the embedded default passes"):
        code, out, err = exporter.run("--config.check")
        equal(code, 0, err)
        assert "error" not in err, err
    with world.case("the example passes, and so do files with CRLF, a BOM of UTF-8, or JSON"):
        with open(os.path.join(TOP, "config", "rbl_exporter.yml"), encoding="utf-8") as file:
            example = file.read()
        code, problems, output = check(world, example)
        equal((code, [p for p in problems if p[2] == "error"]), (0, []), output)
        equal(check(world, example.replace("\n", "\r\n").encode())[0], 0)
        equal(check(world, b"\xef\xbb\xbf" + example.encode())[0], 0)
        groups = [{"name": "g", "ranges": ["192.0.2.0/24"]}]
        equal(check(world, exporter.config([exporter.dns_list("a", "b.c")], groups, ["::1"]))[0], 0)
    with world.case("an example with every section passes as it stands; what is not there or of no use is a warning"):
        with open(WHOLE, encoding="utf-8") as file:
            whole = file.read()
        code, problems, output = check(world, whole)
        equal((code, [p for p in problems if p[2] == "error"]), (0, []), output)
        for word in ("senders.d/*.txt: warning: group \"tenant_senders\": there is no such file", '"key_file" is of no use'):
            assert word in output, output
        for command in ("ranges", "plan", "lists"):
            code, out, err = exporter.run(command, f"--config.file={WHOLE}")
            equal((code, bool(out)), (0, True), err)
    with world.case("and with the key in its zone, and the files in their places, without that"):
        key = world.write("example.key", "s3cret\n")
        senders = world.write("senders.txt", "52.101.72.140\n203.0.113.0/28 # a range\n")
        table = {"zone: bl.": "zone: '{key}.bl.", "example.net      ": "example.net'     "}
        table |= {"/etc/rbl_exporter/example.key": key, "/etc/rbl_exporter/senders.d/*.txt": senders}
        for old, new in table.items():
            assert whole.count(old) == 1, old
            whole = whole.replace(old, new)
        code, problems, output = check(world, whole)
        equal((code, [p for p in problems if "sweep" not in p[3]]), (0, []), output)
        assert "no such file" not in output and "s3cret" not in output, output
    with world.case("the README's first configuration passes without a warning"):
        with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
            first = file.read().split("```yaml\n")[1].split("```")[0]
        assert "groups:" in first, first
        code, problems, output = check(world, first)
        equal((code, problems), (0, []), output)
    with world.case("ranges that are older than half a year are a warning"):
        code, problems, output = check(world, GOOD + "    ranges: [198.51.100.0/28]\n    ranges_date: 2020-01-31\n")
        assert code == 0 and "ranges of this group are old" in output, output
    with world.case("a list that is dead is a warning that says what happened"):
        code, problems, output = check(world, GOOD.replace("bl.example.net", "ix.dnsbl.manitu.net"))
        equal(code, 0, output)
        equal([(p[0], p[2]) for p in problems], [(3, "warning")], output)
        assert "2025" in problems[0][3], problems
    with world.case("a sweep that cannot be done in time is a warning that says how long it takes"):
        text = "lists:\n  - use: senderscore_bl\ngroups:\n  - name: g\n    ranges: [40.107.%.%]\n"
        code, problems, output = check(world, text)
        equal(code, 0, output)
        assert any(p[2] == "warning" and "days" in p[3] for p in problems), output


@scene
def mistakes(world):
    with world.case("every mistake is reported with its place, not only the first"):
        text = """lists:
  - name: one
    zone: bl.example.net
    tier: pager
    colour: red
    interval: 5 minutes
  - use: spamhaus_zne
  - name: two
groups:
  - name: g
    ranges: [40.107.0.1/16, 10.0.0.0/33, 1.2.3]
    addresses: [192.0.2.256, 192.0.2.0/24]
    lists: [three]
defualts: {}
"""
        demand_errors(
            world,
            text,
            (4, 11, '"tier" expects page, warn or info'),
            (5, 5, 'unknown key "colour"'),
            (6, 15, '"interval" expects a duration'),
            (7, 10, 'did you mean "spamhaus_zen"'),
            (8, 5, '"zone" is missing'),
            (11, 14, "40.107.0.0/16"),
            (11, 29, "10.0.0.0/33"),
            (11, 42, "1.2.3"),
            (12, 17, "192.0.2.256"),
            (12, 30, 'put it under "ranges"'),
            (13, 13, '"three"'),
            (14, 1, 'did you mean "defaults"'),
        )
    with world.case("sources of addresses that cannot be are refused"):
        text = GOOD + "storage: {history: 30d}\nbounces: {keep: never}\n"
        text = text.replace("    addresses:", "    spf: a..b\n    files: [x/]\n    only_ptr: a b\n    addresses:")
        demand_errors(
            world,
            text,
            (6, 10, '"spf" expects a DNS name'),
            (7, 13, '"x/" is a folder'),
            (8, 15, '"only_ptr" expects a host name'),
            (11, 17, '"keep" expects a duration'),
        )
    with world.case("ranges that are too large, upside down or have host bits are refused"):
        ranges = "[0.0.0.0/0, 192.0.2.9-192.0.2.1, 40.107.1.0/16, 40.%.1.%, 192.0.2.01]"
        demand_errors(
            world,
            LISTS + f"groups:\n  - name: g\n    ranges: {ranges}\n",
            (6, 14, "4294967296"),
            (6, 25, "192.0.2.9-192.0.2.1"),
            (6, 46, "40.107.0.0/16"),
            (6, 61, "40.%.1.%"),
            (6, 71, "192.0.2.01"),
        )
    with world.case("what is given twice is refused"):
        text = """lists:
  - {name: a, zone: a.example.net}
  - {name: a, zone: b.example.net}
groups:
  - {name: g, addresses: [192.0.2.1, 192.0.2.1]}
  - {name: g, ranges: [192.0.2.0/24, 192.0.2.0/24]}
"""
        code, problems, output = check(world, text)
        equal(code, 1, output)
        equal([p[0] for p in problems], [3, 5, 6, 6], output)
        demand_errors(world, GOOD + "groups: []\n", (7, 1, "groups"))
    with world.case("wrong types are refused"):
        for text in (
            "[]\n",
            "just a word\n",
            "lists: {}\ngroups: {}\n",
            "lists: [1, 2]\ngroups: [a]\n",
            GOOD.replace("[192.0.2.1]", "192.0.2.1"),
            GOOD.replace("bl.example.net", "[bl.example.net]"),
            GOOD + "defaults: {interval: [1s]}\n",
            GOOD + "defaults: {interval: -1s}\n",
            GOOD + "defaults: {interval: 999999999999999999y}\n",
            GOOD + "defaults: {confirm: 0}\n",
            GOOD + "defaults: {confirm: '2'}\n",
            GOOD + "resolver: {nameservers: [ns.example.net]}\n",
            GOOD + "resolver: {nameservers: ['127.0.0.1:0']}\n",
            GOOD.replace("bl.example.net", "a" * 64 + ".example.net"),
            GOOD.replace("bl.example.net", ".".join(["abcdefgh"] * 28)),
            GOOD.replace("name: bl", "name: 'b l'"),
            GOOD.replace("name: bl", f"name: {'b' * 64}"),
        ):
            code, problems, output = check(world, text)
            equal(code, 1, f"{text}\n{output}")
            assert [p for p in problems if p[2] == "error" and p[0] > 0], f"{text}\n{output}"


@scene
def files_that_are_none(world):
    with world.case("bad bytes, bad YAML and bombs are refused at once with a place"):
        names = "abcdefghijklmnopqrstuvwxyz"
        bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip(names, names[1:]))
        for what, content in (
            ("an alias bomb", bomb),
            ("an alias to itself", "a: &a [*a]\n"),
            ("50 KB of [", "[" * 50000),
            ("50 KB of {a:", "{a: " * 12500),
            ("50 KB of - ", "- " * 25000),
            ("a NUL", GOOD.encode() + b"\0"),
            ("UTF-16", GOOD.encode("utf-16")),
            ("UTF-16 without a mark", GOOD.encode("utf-16-le")),
            ("Latin-1", GOOD.encode() + b"# \xe9\n"),
            ("two documents", GOOD + "---\n" + GOOD),
            ("a repeated key", GOOD + "lists: []\n"),
            ("a tag", GOOD + "defaults: !!python/object {}\n"),
            ("a merge key", GOOD + "defaults:\n  <<: {interval: 1s}\n"),
            ("a tab", "lists:\n\t- name: bl\n"),
            ("an open quote", 'lists: "\n'),
            ("an open bracket", "lists: [\n"),
            ("random bytes", os.urandom(5000)),
        ):
            code, problems, output = check(world, content)
            equal(code, 1, f"{what}\n{output}")
            assert [p for p in problems if p[2] == "error" and p[0] > 0], f"{what}\n{output}"
            assert len(output) < 20000, f"{what}: {len(output)} bytes of errors"
    with world.case("an empty file, a directory, a FIFO and no file at all are errors, and nothing hangs"):
        world.write("empty.yml", "")
        world.write("comment.yml", "# nothing\n")
        os.mkdir(world.path("directory.yml"))
        os.mkfifo(world.path("fifo.yml"))
        names = ("empty.yml", "comment.yml", "directory.yml", "fifo.yml", "missing.yml", "empty.yml/x")
        for path in [world.path(name) for name in names] + ["/dev/zero", "/dev/null"]:
            for flags in (["--config.check"], [f"--storage.path={world.path('storage')}"]):
                code, out, err = exporter.run(f"--config.file={path}", *flags)
                equal((code, out), (1, ""), f"{path}\n{err}")
                assert path in err, err
    with world.case("100,000 addresses are read, and as many mistakes do not flood the terminal"):
        many = "".join(f"      - 10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(100000))
        head = LISTS + "groups:\n  - name: g\n    addresses:\n"
        code, problems, output = check(world, head + many)
        equal((code, problems), (0, []), output[:2000])
        code, problems, output = check(world, head + many.replace("10.", "310."))
        equal(code, 1)
        assert 10 < len(problems) < 2000, len(problems)
        assert re.search(r"100000|99[0-9]{3}|more", output[-500:]), output[-500:]
    with world.case("sequences of random changes to a good file never crash"):
        numbers = random.Random(20261101)
        with open(os.path.join(TOP, "config", "rbl_exporter.yml"), "rb") as file:
            example = file.read()
        for _ in range(60):
            content = bytearray(example)
            for _ in range(numbers.randrange(1, 8)):
                at = numbers.randrange(len(content))
                choice = numbers.randrange(3)
                if choice == 0:
                    content[at] = numbers.randrange(256)
                elif choice == 1:
                    del content[at : at + numbers.randrange(1, 30)]
                else:
                    content[at:at] = numbers.choice([b"[", b"{", b": ", b"- ", b"\n", b"'", b"&a ", b"*a", b"\t", b"%"])
            code, _, output = check(world, bytes(content))
            assert code in (0, 1), f"{code}\n{output}"


main()
