# SPDX-License-Identifier: Apache-2.0
"""Safelists: what an administrator sees from the day a range is safelisted until it may go."""

import calendar
import re
import signal
import time

from exporter import Exporter, config, dns_list, run
from harness import equal, main, scene
from servers import Rbldnsd

ZONE = "bl.example.net"
TEST_ENTRY = "127.0.0.2"
LISTED = "198.51.100.7"
NET = "198.51.100.0/28"
NAMED = "192.0.2.0/24"
GROUPS = [
    {"name": "net", "ranges": [NET], "sweep_interval": "2s"},
    {"name": "out", "addresses": ["192.0.2.1", "192.0.2.2"]},
]
SAFELISTS = [
    {"name": "kloud", "ranges": [NET, "198.51.100.%"], "added": "2024-12-02", "ticket": 'KH-"1" <b>'},
    {"name": "named", "ranges": [NAMED]},
]
LAST, COVERAGE = "rbl_safelist_last_listed_timestamp_seconds", "rbl_safelist_coverage_ratio"


def settings(server, safelists=SAFELISTS, groups=GROUPS):
    lists = [dns_list("bl", ZONE, families=["ipv4"])]
    more = {"safelists": safelists} if safelists else {}
    return config(lists, groups, [server.endpoint], defaults={"confirm": 2}, **more)


def start_list(world):
    return Rbldnsd(world, {ZONE: [("ip4set", [TEST_ENTRY, LISTED])]})


def is_now(metrics, **labels):
    value = metrics.value(LAST, **labels)
    return value is not None and abs(value - time.time()) <= 3


def section(exporter):
    """The section of the status page as text without tags, its cells with bars between them."""
    page = exporter.get("/").text
    found = re.search(r"<h2 id=\"safelists\">Safelists</h2>(.*?)(<h2|</main>)", page, re.S)
    return re.sub(r"<[^>]*>", "", re.sub(r"</t[dh]>", " | ", found[1])) if found else ""


@scene
def a_safelist_entry_grows_old(world):
    server = start_list(world)
    exporter = Exporter(world, settings(server))
    with world.case("what is safelisted is shown as the panel writes it, with its ticket and since when"):
        metrics = exporter.metrics()
        equal(
            sorted((m["safelist"], m["range"], m["notation"], m["ticket"]) for m, _ in metrics.all("rbl_safelist_info")),
            [
                ("kloud", "198.51.100.0/24", "198.51.100.%", 'KH-"1" <b>'),
                ("kloud", NET, NET, 'KH-"1" <b>'),
                ("named", NAMED, "192.0.2.%", ""),
            ],
        )
        added = metrics.all("rbl_safelist_added_timestamp_seconds")
        equal([m["range"] for m, _ in added], [NET, "198.51.100.0/24"])
        equal({value for _, value in added}, {calendar.timegm((2024, 12, 2, 0, 0, 0))})
    with world.case("while something of it is listed, its last listing is now, and it may not go"):
        exporter.wait_for(lambda m: m.value(COVERAGE, safelist="kloud", range=NET) == 1, "the whole range")
        metrics = exporter.wait_for(lambda m: is_now(m, safelist="kloud", range=NET), "a listing now")
        assert is_now(metrics, safelist="kloud", range="198.51.100.0/24"), metrics.text
        equal(metrics.value(COVERAGE, safelist="kloud", range="198.51.100.0/24"), 16 / 256)
        equal(metrics.value(LAST, range=NAMED), None)
        metrics = exporter.wait_for(lambda m: m.value(COVERAGE, range=NAMED) == 2 / 256, "both single addresses")
        text = section(exporter)
        assert "KH-&quot;1&quot; &lt;b&gt;" in text and "2024-12-02" in text, text
        assert "bl: 1 listed now, checked 16 of 16 (100.00 %) | listed now on bl" in text, text
    with world.case("warnings say in the log what of it nobody watches"):
        warned = [m["msg"] for m in exporter.messages() if "never said that it may go" in m["msg"]]
        equal(len(warned), 2)
        assert any('"bl" is asked about only 16 of the 256 addresses of 198.51.100.0/24' in m for m in warned), warned
    server.write(ZONE, 0, [TEST_ENTRY])
    with world.case("after the delisting its last listing stays the moment of that"):
        exporter.wait_for_value(1, "rbl_range_delistings_total", range=NET)
        last = exporter.metrics().value(LAST, safelist="kloud", range=NET)
        assert abs(last - time.time()) <= 10, last
        exporter.wait_for_looks("bl", more=30)
        equal(exporter.metrics().value(LAST, safelist="kloud", range=NET), last)
        assert "| wait for a whole day without a listing on bl" in section(exporter), section(exporter)
    with world.case("a crash, and another name of the safelist, forget nothing"):
        exporter.send_signal(signal.SIGKILL)
        exporter.kill()
        again = [{"name": "other", "ranges": [NET]}]
        exporter = Exporter(world, settings(server, again), storage=exporter.storage)
        equal(exporter.metrics().value(LAST, safelist="other", range=NET), last)
    with world.case("a wider safelist that a reload brings begins with what is known of the range within it"):
        equal(exporter.reload(settings(server, [{"name": "later", "ranges": ["198.51.100.0/25"]}])).status, 200)
        metrics = exporter.metrics()
        equal(metrics.value(LAST, safelist="later"), last)
        equal(metrics.all("rbl_safelist_info", safelist="other"), [])
    with world.case("a list that cannot be believed makes nothing look clean"):
        server.write(ZONE, 0, [TEST_ENTRY, "192.0.2.1"])
        exporter.reload(settings(server, [{"name": "named", "ranges": ["192.0.2.1", "192.0.2.2"]}]))
        exporter.wait_for(lambda m: is_now(m, range="192.0.2.1/32"), "a listing now")
        server.write(ZONE, 0, [])
        exporter.wait_for_state("silent", "bl")
        time.sleep(4)
        metrics = exporter.metrics()
        assert is_now(metrics, range="192.0.2.1/32"), metrics.text
        equal(metrics.value(LAST, range="192.0.2.2/32"), None)
        assert "| not to be told while this list is not ok: bl" in section(exporter), section(exporter)
    with world.case("without safelists there is neither a series nor a section"):
        equal(exporter.reload(settings(server, None)).status, 200)
        assert "rbl_safelist_info{" not in exporter.metrics().text
        equal(section(exporter), "")


@scene
def a_clean_range_may_not_go_at_once(world):
    server = Rbldnsd(world, {ZONE: [("ip4set", [TEST_ENTRY])]})
    exporter = Exporter(world, settings(server, [{"name": "clean", "ranges": [NET]}]))
    with world.case("of a range that has been looked at for seconds nobody can say that nothing was listed for a day"):
        exporter.wait_for(lambda m: m.value(COVERAGE, range=NET) == 1, "the whole range")
        equal(exporter.metrics().value(LAST, range=NET), None)
        text = section(exporter)
        assert "bl: never seen listed, checked 16 of 16 (100.00 %) | not to be told before it has been watched for a day on bl" in text, text


@scene
def the_commands(world):
    server = start_list(world)
    path = world.write("commands.yml", settings(server, [*SAFELISTS, {"name": "six", "ranges": ["2001:db8::/32"]}]))
    with world.case("`ranges` shows safelists as well"):
        code, out, _ = run(f"--config.file={path}", "ranges")
        equal(code, 0)
        assert re.search(r"^SAFELIST +RANGE +ADDRESSES +PANEL NOTATION$", out, re.M), out
        assert re.search(r"^kloud +198\.51\.100\.0/24 +256  198\.51\.100\.%$", out, re.M), out
        assert re.search(r"^six +2001:db8::/32 +2\^96  -$", out, re.M), out
    with world.case("`--config.check` warns with the place, also of a date that lies ahead, and accepts it"):
        text = settings(server, [{"name": "s", "ranges": ["203.0.113.0/24"], "added": "2999-12-31"}])
        path = world.write("ahead.yml", text)
        code, out, err = run(f"--config.file={path}", "--config.check")
        equal(code, 0)
        assert "2 warnings" in out, out
        lines = text.splitlines()
        at_range = next(i for i, line in enumerate(lines, 1) if "203.0.113.0/24" in line)
        at_date = next(i for i, line in enumerate(lines, 1) if "2999" in line)
        assert re.search(rf"ahead\.yml:{at_range}:\d+: warning: nobody watches 203\.0\.113\.0/24", err), err
        assert re.search(rf"ahead\.yml:{at_date}:\d+: warning: safelist \"s\" was added in \d+ days", err), err
    with world.case("`check` and `plan` take a configuration with safelists"):
        code, out, err = run(f"--config.file={path}", f"--storage.path={world.fresh_folder('check')}", "check", LISTED)
        equal(code, 1, f"exit code: {out}{err}")
        equal(run(f"--config.file={path}", "plan")[0], 0)


main()
