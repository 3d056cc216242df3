# SPDX-License-Identifier: Apache-2.0
"""Lists as they are: SenderScore, ZEN, a score list and an IPv6 list, on rbldnsd and through unbound."""

from exporter import Exporter, config, dns_list
from harness import equal, main, scene
from servers import Rbldnsd, Unbound

SENDERSCORE_CODES = {
    "127.0.0.&1": "bot",
    "127.0.0.&2": "no-auth",
    "127.0.0.&4": "pristine-trap",
    "127.0.0.&8": "suspect-attachments",
    "127.0.0.&16": "sender-score",
}
ZEN_CODES = {
    "127.0.0.2": "sbl",
    "127.0.0.3": "css",
    "127.0.0.[4..7]": "xbl",
    "127.0.0.[10..11]": "pbl",
}
BANDS = ["0-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80-89", "90-100"]

TEST_ENTRY = "127.0.0.2 :127.0.0.2:test entry"
ZONES = {
    "bl.score.example.net": [
        (
            "ip4set",
            [
                TEST_ENTRY,
                "192.0.2.10 :127.0.0.18:Sender score of $ is too low",
                "192.0.2.11 :127.0.0.5:trap",
                "198.51.100.0 :127.0.0.16:",
                "198.51.100.8-15 :127.0.0.1:",
                "198.51.100.255 :127.0.0.4:",
            ],
        )
    ],
    "zen.example.net": [
        ("ip4set", [TEST_ENTRY, "192.0.2.20 :127.0.0.2:SBL", "192.0.2.21 :127.0.0.2:SBL"]),
        ("ip4trie", ["192.0.2.20/32 :127.0.0.4:XBL", "198.51.100.128/25 :127.0.0.10:PBL"]),
        ("dnset", ["20.2.0.192 :127.0.0.11:PBL"]),
        ("ip6trie", ["::ffff:7f00:2/128 :127.0.0.2:test", "2001:db8:1::/48 :127.0.0.3:CSS"]),
    ],
    "score.example.net": [
        (
            "ip4set",
            [TEST_ENTRY]
            + [f"192.0.2.{x} :127.0.4.{score}:" for x, score in ((30, 0), (31, 69), (32, 99), (33, 100))]
            + [f"198.51.100.{x} :127.0.4.{x}:" for x in range(101)],
        )
    ],
    "six.example.net": [
        ("ip6trie", ["::ffff:7f00:2/128 :127.0.0.2:test", "2001:db8:2::25/128 :127.0.0.2:spam source"])
    ],
}
SINGLES = ["192.0.2.10", "192.0.2.11", "192.0.2.20", "192.0.2.21", "192.0.2.30", "192.0.2.31", "192.0.2.32"]
SINGLES += ["192.0.2.33", "192.0.2.99", "2001:db8:1::1", "2001:db8:2::25", "2001:db8:2::26"]


def settings(nameserver):
    score_codes = {"127.0.4.[0..100]": "score", "127.0.0.2": "test-entry"}
    return config(
        [
            dns_list("senderscore", "bl.score.example.net", codes=SENDERSCORE_CODES),
            dns_list("zen", "zen.example.net", codes=ZEN_CODES, families=["ipv4", "ipv6"], tier="warn"),
            dns_list("score", "score.example.net", kind="reputation", codes=score_codes),
            dns_list("six", "six.example.net", families=["ipv6"]),
        ],
        [
            {"name": "singles", "addresses": SINGLES},
            {"name": "ranges", "ranges": ["198.51.100.%", "198.51.100.0-198.51.100.9"]},
        ],
        [nameserver],
    )


def look_at_singles(world, exporter, way):
    def of(name, ip, **labels):
        return exporter.metrics().value(name, group="singles", ip=ip, **labels)

    def codes(metrics, ip, name):
        return sorted(labels["code"] for labels, _ in metrics.all("rbl_ip_return_code", ip=ip, list=name))

    with world.case(f"every list is ok {way}"):
        for name in ("senderscore", "zen", "score", "six"):
            exporter.wait_for_state("ok", name)
            exporter.wait_for_value(1, "rbl_list_up", list=name)
    with world.case(f"listed addresses are listed and others are not {way}"):
        listed = {
            "senderscore": {"192.0.2.10", "192.0.2.11"},
            "zen": {"192.0.2.20", "192.0.2.21", "2001:db8:1::1"},
            "six": {"2001:db8:2::25"},
        }
        asked = {
            "senderscore": {ip for ip in SINGLES if ":" not in ip},
            "zen": set(SINGLES),
            "six": {ip for ip in SINGLES if ":" in ip},
        }
        n_all = sum(len(ips) for ips in asked.values())
        metrics = exporter.wait_for(
            lambda m: len(m.all("rbl_ip_listed")) == n_all, f"a verdict of all {n_all} pairs of address and list"
        )
        for name, ips in asked.items():
            found = {labels["ip"]: value for labels, value in metrics.all("rbl_ip_listed", list=name)}
            equal(found, {ip: float(ip in listed[name]) for ip in ips}, f"rbl_ip_listed of {name}")
    with world.case(f"codes are read as bit masks, ranges and several answers at once {way}"):
        metrics = exporter.metrics()
        equal(codes(metrics, "192.0.2.10", "senderscore"), ["no-auth", "sender-score"])
        equal(codes(metrics, "192.0.2.11", "senderscore"), ["bot", "pristine-trap"])
        equal(codes(metrics, "192.0.2.20", "zen"), ["pbl", "sbl", "xbl"])
        equal(codes(metrics, "192.0.2.21", "zen"), ["sbl"])
        equal(codes(metrics, "2001:db8:1::1", "zen"), ["css"])
        equal(codes(metrics, "2001:db8:2::25", "six"), ["other"])
        equal(codes(metrics, "192.0.2.99", "zen"), [])
    with world.case(f"scores are shown, and their absence is no score {way}"):
        for ip, score in (("192.0.2.30", 0), ("192.0.2.31", 69), ("192.0.2.32", 99), ("192.0.2.33", 100)):
            exporter.wait_for_value(score, "rbl_ip_reputation_score", ip=ip, list="score")
        metrics = exporter.metrics()
        equal(metrics.value("rbl_ip_reputation_score", ip="192.0.2.99", list="score"), None)
        equal(metrics.all("rbl_ip_listed", list="score"), [], "verdicts of a score list")
    with world.case(f"what is listed when first seen is no transition {way}"):
        metrics = exporter.metrics()
        for name in ("rbl_ip_listings_total", "rbl_ip_delistings_total", "rbl_range_listings_total"):
            assert metrics.all(name) and not any(value for _, value in metrics.all(name)), metrics.all(name)
        equal(metrics.all("rbl_ip_last_change_timestamp_seconds"), [])


def look_at_ranges(world, exporter, way):
    wide, narrow = "198.51.100.0/24", "198.51.100.0-198.51.100.9"
    with world.case(f"a range is swept to its end, its first and last address included {way}"):
        for name in ("senderscore", "zen", "score"):
            exporter.wait_for_value(256, "rbl_range_checked_addresses", range=wide, list=name)
            exporter.wait_for_value(10, "rbl_range_checked_addresses", range=narrow, list=name)
        exporter.wait_for_value(10, "rbl_range_listed_addresses", range=wide, list="senderscore")
        exporter.wait_for_value(128, "rbl_range_listed_addresses", range=wide, list="zen")
        metrics = exporter.metrics()
        equal(metrics.value("rbl_range_addresses", range=wide), 256)
        equal(metrics.value("rbl_range_listed_addresses", range=narrow, list="senderscore"), 3)
        equal(metrics.value("rbl_range_listed_addresses", range=narrow, list="zen"), 0)
        equal(metrics.value("rbl_range_listed_addresses_omitted", range=wide, list="zen"), 0)
        equal(metrics.value("rbl_range_sample_checked_addresses", range=wide, list="zen"), 256)
        equal(metrics.value("rbl_range_sample_listed_addresses", range=wide, list="zen"), 128)
    with world.case(f"each listed address of a range has a series {way}"):
        metrics = exporter.metrics()
        found = {labels["ip"] for labels, _ in metrics.all("rbl_range_ip_listed", range=wide, list="senderscore")}
        equal(found, {f"198.51.100.{x}" for x in (0, 8, 9, 10, 11, 12, 13, 14, 15, 255)})
        found = {labels["ip"] for labels, _ in metrics.all("rbl_range_ip_listed", range=narrow, list="senderscore")}
        equal(found, {"198.51.100.0", "198.51.100.8", "198.51.100.9"})
    with world.case(f"scores of a range are counted in bands {way}"):
        metrics = exporter.metrics()
        bands = {
            labels["band"]: value
            for labels, value in metrics.all("rbl_range_reputation_addresses", range=wide, list="score")
        }
        equal(bands, {band: 11.0 if band == "90-100" else 10.0 for band in BANDS})
    with world.case(f"the end of a sweep is shown for each of its ranges {way}"):
        for name in ("rbl_range_sweep_last_completion_timestamp_seconds", "rbl_range_sweep_last_duration_seconds"):
            exporter.wait_for(lambda m, name=name: len(m.all(name)) == 6, f"{name} of 3 lists and 2 ranges")


@scene
def directly(world):
    rbldnsd = Rbldnsd(world, ZONES)
    exporter = Exporter(world, settings(rbldnsd.endpoint))
    look_at_singles(world, exporter, "on rbldnsd")
    look_at_ranges(world, exporter, "on rbldnsd")


@scene
def through_a_resolver(world):
    rbldnsd = Rbldnsd(world, ZONES)
    unbound = Unbound(world, {zone: rbldnsd.endpoint for zone in ZONES})
    exporter = Exporter(world, settings(unbound.endpoint))
    look_at_singles(world, exporter, "through unbound")
    look_at_ranges(world, exporter, "through unbound")


@scene
def a_delisting(world):
    zone = "bl.example.net"
    entry = "192.0.2.1 :127.0.0.2:<b>Spam</b> from $ \"seen\""
    reason = '<b>Spam</b> from 192.0.2.1 "seen"'
    swept = "203.0.113.7 :127.0.0.2:"
    rbldnsd = Rbldnsd(world, {zone: [("ip4set", [TEST_ENTRY, entry, swept])]})
    groups = [
        {"name": "singles", "addresses": ["192.0.2.1", "192.0.2.2"]},
        {"name": "ranges", "ranges": ["203.0.113.0/28"]},
    ]
    url = "https://example.net/remove"
    defaults = {"interval": "1s", "sweep_interval": "2s"}
    text = config([dns_list("bl", zone, delist_url=url)], groups, [rbldnsd.endpoint], defaults=defaults)
    exporter = Exporter(world, text, ["--log.level=debug"])  # what a sweep finds listed at first is logged at debug

    with world.case("a listing is logged with its code and the page about delisting"):
        exporter.wait_for_value(1, "rbl_ip_listed", ip="192.0.2.1", list="bl")
        exporter.wait_for_value(0, "rbl_ip_listed", ip="192.0.2.2", list="bl")
        line = exporter.wait_for_message("address listed when first seen", ip="192.0.2.1")
        equal((line["list"], line["codes"], line["delisting_page"]), ("bl", "other", url))
    with world.case("the list's reason is in the log and escaped on the status page, but in no label"):
        line = exporter.wait_for_message("reason for a listing", ip="192.0.2.1")
        equal(line["txt"], reason)
        page = exporter.get("/").text
        assert "Spam&lt;/b&gt; from 192.0.2.1" in page, "the reason is not on the page"
        assert "<b>Spam" not in page, "the reason is not escaped"
        assert "Spam" not in exporter.metrics().text, "the reason is in the metrics"
    with world.case("a listing in a range is found"):
        exporter.wait_for_value(1, "rbl_range_ip_listed", ip="203.0.113.7")
    with world.case("a delisting is seen after rbldnsd has new data"):
        rbldnsd.write(zone, 0, [TEST_ENTRY, swept, "192.0.2.2 :127.0.0.2:"])
        exporter.wait_for_value(0, "rbl_ip_listed", ip="192.0.2.1", list="bl")
        exporter.wait_for_message("address delisted", ip="192.0.2.1")
        metrics = exporter.wait_for_value(1, "rbl_ip_delistings_total", group="singles", list="bl")
        assert metrics.value("rbl_ip_last_change_timestamp_seconds", ip="192.0.2.1", list="bl")
        equal(metrics.all("rbl_ip_return_code", ip="192.0.2.1"), [])
    with world.case("so is a new listing"):
        exporter.wait_for_value(1, "rbl_ip_listed", ip="192.0.2.2", list="bl")
        exporter.wait_for_message("address listed", ip="192.0.2.2")
        metrics = exporter.wait_for_value(1, "rbl_ip_listings_total", group="singles", list="bl")
        assert metrics.value("rbl_ip_last_change_timestamp_seconds", ip="192.0.2.2", list="bl")
    with world.case("a delisting in a range leaves its series and is counted"):
        rbldnsd.write(zone, 0, [TEST_ENTRY, "192.0.2.2 :127.0.0.2:"])
        exporter.wait_for(lambda m: not m.all("rbl_range_ip_listed"), "the series is gone")
        exporter.wait_for_value(1, "rbl_range_delistings_total", range="203.0.113.0/28")
        exporter.wait_for_value(0, "rbl_range_listed_addresses", range="203.0.113.0/28")
        metrics = exporter.wait_for_value(16, "rbl_range_checked_addresses", range="203.0.113.0/28")
        assert metrics.value("rbl_range_last_change_timestamp_seconds", range="203.0.113.0/28")
    with world.case("each change was logged once"):
        changes = [(m["msg"], m["ip"]) for m in exporter.messages() if m["msg"].startswith("address ")]
        expected = [
            ("address delisted", "192.0.2.1"),
            ("address delisted", "203.0.113.7"),
            ("address listed", "192.0.2.2"),
            ("address listed when first seen", "192.0.2.1"),
            ("address listed when first seen", "203.0.113.7"),
        ]
        equal(sorted(changes), expected)


@scene
def a_list_without_soa(world):
    rbldnsd = Rbldnsd(world, {"bl.example.net": [("ip4set", [TEST_ENTRY, "192.0.2.1"])]}, soa=False)
    groups = [{"name": "singles", "addresses": ["192.0.2.1", "192.0.2.2"]}]
    exporter = Exporter(world, config([dns_list("bl", "bl.example.net")], groups, [rbldnsd.endpoint]))
    with world.case("a list whose negative answers never have an SOA can be believed"):
        exporter.wait_for_value(1, "rbl_ip_listed", ip="192.0.2.1")
        exporter.wait_for_value(0, "rbl_ip_listed", ip="192.0.2.2")


main()
