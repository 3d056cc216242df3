# SPDX-License-Identifier: Apache-2.0
"""/config: the configuration in force, which is a configuration, and tells no secret."""

import json
import os

import yaml

from exporter import Exporter, config, dns_list, run
from fakedns import FakeDns
from harness import equal, main, scene

ZONE, KEYED = "bl.example.net", "keyed.example.net"
KEY, PASSWORD = "s3cr3t-K3y-of-ours", "pa55word"
LISTED, CLEAN = "192.0.2.1", "192.0.2.2"


def shown(exporter):
    """What /config says, as text and read."""
    response = exporter.get("/config")
    equal((response.status, response.headers["content-type"]), (200, "text/plain; charset=utf-8"))
    equal(response.headers["cache-control"], "no-store")
    return response.text, yaml.safe_load(response.text)


def start(world, **options):
    listed = {ip: ["127.0.0.2"] for ip in (LISTED, "127.0.0.2")}
    servers = [FakeDns(world, ZONE, listed), FakeDns(world, f"{KEY}.{KEYED}".lower(), listed)]
    key = world.write("key", KEY + "\n")
    lists = [
        dns_list("bl", ZONE, delist_url=f"https://me:{PASSWORD}@example.net/{KEY}", nameservers=[servers[0].endpoint]),
        dns_list("keyed", "{key}." + KEYED, key_file=key, nameservers=[servers[1].endpoint], codes={"127.0.0.2": "no"}),
        {"use": "spamhaus_zen", "name": "zen", "enabled": False},
    ]
    folder = world.path("senders.d")
    os.mkdir(folder)
    world.write("senders.d/a.txt", CLEAN + "\n")
    groups = [
        {"name": "out", "addresses": [LISTED, "2001:db8::"], "ranges": ["198.51.100.%", "2001:db8:1::/64"]},
        {"name": "1.5", "files": [folder + "/*.txt"], "lists": ["bl"]},
    ]
    safelists = [{"name": "s", "ranges": ["192.0.2.%"], "added": "2026-03-04", "ticket": " KH: #4711 'é' \\"}]
    text = config(lists, groups, [servers[0].endpoint], safelists=safelists, **options)
    return Exporter(world, text), text


@scene
def what_is_in_force(world):
    exporter, text = start(world)
    with world.case("it shows the effective settings, defaults and built-in lists filled in"):
        _, read = shown(exporter)
        equal(read["resolver"]["attempts"], 2)
        equal(read["defaults"], {"interval": "1s", "sweep_interval": "1h", "stale_after": "auto", "confirm": 2,
                                 "series_limit": 5000})
        equal([one["name"] for one in read["lists"]], ["bl", "keyed", "zen"])
        zen = read["lists"][2]
        equal((zen["use"], zen["zone"], zen["enabled"]), ("spamhaus_zen", "zen.spamhaus.org", False))
        assert zen["codes"] and zen["budget"]["queries"] > 0, zen
        equal(read["lists"][1]["codes"], {"127.0.0.2": "no"})
        equal(read["lists"][0]["budget"], {"queries": "unlimited", "rate": "unlimited", "burst": 1})
        equal((read["bounces"], read["storage"]), ({"keep": "7d", "limit": 1000}, {"history": "400d"}))
    with world.case("groups are as they are in the file, without what files add"):
        _, read = shown(exporter)
        equal(read["groups"][0]["addresses"], [LISTED, "2001:db8::"])
        equal(read["groups"][0]["ranges"], ["198.51.100.0/24", "2001:db8:1::/64"])
        equal([group["name"] for group in read["groups"]], ["out", "1.5"])
        equal(sorted(read["groups"][1]), ["files", "interval", "lists", "name", "sweep_interval"])
        equal(read["safelists"][0]["ticket"], " KH: #4711 'é' \\")
    with world.case("it stays so when a file changes"):
        before, _ = shown(exporter)
        world.write("senders.d/b.txt", "192.0.2.77\n")
        exporter.wait_for(lambda m: m.all("rbl_ip_listed", ip="192.0.2.77"), "the new line is watched")
        equal(shown(exporter)[0], before)
    with world.case("no secret is in it"):
        page, _ = shown(exporter)
        assert KEY.lower() not in page.lower() and PASSWORD not in page, page
        assert "zone: \"{key}." + KEYED + "\"" in page and " # the key: <secret>\n" in page, page
        assert "https://me:<secret>@example.net/<secret>" in page, page
    with world.case("HEAD is GET without a body, a query is ignored, and nothing else is allowed"):
        head = exporter.request("HEAD", "/config")
        equal((head.status, head.body), (200, b""))
        equal(exporter.get("/config?x=y").status, 200)
        equal(exporter.get("/config/").status, 404)
        response = exporter.request("POST", "/config")
        equal((response.status, response.headers["allow"]), (405, "GET, HEAD"))
    with world.case("it is a configuration: checked, and in force, it shows itself"):
        first, _ = shown(exporter)
        file = world.write("shown.yml", first)
        code, out, errors = run("--config.check", f"--config.file={file}")
        equal(code, 0, out + errors)
        equal(exporter.reload(first).status, 200)
        equal(shown(exporter)[0], first)
        exporter.wait_for_value(1, "rbl_ip_listed", ip=LISTED, list="keyed")
    with world.case("after a reload it is the new one, and after one that failed the old one"):
        changed = json.loads(text)
        changed["groups"][0]["addresses"] = [CLEAN]
        equal(exporter.reload(json.dumps(changed)).status, 200)
        equal(shown(exporter)[1]["groups"][0]["addresses"], [CLEAN])
        equal(exporter.reload("lists: []").status, 500)
        equal(shown(exporter)[1]["groups"][0]["addresses"], [CLEAN])
        exporter.hang_up(text)
        equal(shown(exporter)[1]["groups"][0]["addresses"], [LISTED, "2001:db8::"])
    with world.case("the status page links to it, and to the lists"):
        page = exporter.get("/").text
        assert '<a href="config">' in page and '<a href="api/v1/lists">' in page
    with world.case("a key that has changed is no secret of ours any more, the new one is"):
        world.write("key", "another-key-1\n")
        exporter.hang_up()
        page, _ = shown(exporter)
        assert "another-key-1" not in page and f"https://me:<secret>@example.net/{KEY}" in page, page


main()
