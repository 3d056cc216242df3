#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The parser of PromQL agrees with promtool on what is valid, and sees in it what is there."""

import json
import pathlib
import subprocess
import tempfile

import metric_names
import promql
from metric_names import Catalogue
from tap import case, finish

# (expression, the selectors in it as (name, {label: operator and value}, range), the labels of the result)
GOOD = [
    ("rbl_list_up", [("rbl_list_up", {}, None)], {"list", "job", "instance"}),
    ('rbl_list_up{list="a}b{c", job=~"x"}', [("rbl_list_up", {"list": "=a}b{c", "job": "=~x"}, None)], None),
    ("rbl_list_up{list='it\\'s \"x\"',}", [("rbl_list_up", {"list": "=it's \"x\""}, None)], None),
    ('rbl_list_up{list=`a\\"b`}', [("rbl_list_up", {"list": '=a\\"b'}, None)], None),
    ('rbl_list_up{list="\\u00e9\\x41\\101\\n"}', [("rbl_list_up", {"list": "=éAA\n"}, None)], None),
    ('{__name__="rbl_list_up",list!="b"}', [("rbl_list_up", {"list": "!=b"}, None)], {"list", "job", "instance"}),
    ('{__name__=~"rbl_list_u.*"}', [(None, {"__name__": "=~rbl_list_u.*"}, None)], {"list", "job", "instance"}),
    ("rbl_list_up offset 5m", [("rbl_list_up", {}, None)], None),
    ("rbl_list_up offset -1h30m @ 1700000000", [("rbl_list_up", {}, None)], None),
    ("rbl_list_up @ end() offset 1d", [("rbl_list_up", {}, None)], None),
    ("max_over_time(rbl_list_up[1h] @ start())", [("rbl_list_up", {}, "1h")], None),
    ("max_over_time(rate(rbl_list_queries_total[5m])[1h:1m] offset 1w)", [("rbl_list_queries_total", {}, "5m")], None),
    ("min_over_time(rbl_list_up[30m:])", [("rbl_list_up", {}, None)], None),
    ("sum by (list) (rbl_list_up)", [("rbl_list_up", {}, None)], {"list"}),
    ("sum(rbl_list_up) by (list,)", [("rbl_list_up", {}, None)], {"list"}),
    ("SUM WITHOUT (instance) (rbl_list_up)", [("rbl_list_up", {}, None)], {"list", "job"}),
    ("sum(rbl_list_up)", [("rbl_list_up", {}, None)], set()),
    ("topk by (job) (3, rbl_list_up)", [("rbl_list_up", {}, None)], {"list", "job", "instance"}),
    ('count_values("n", rbl_list_up)', [("rbl_list_up", {}, None)], {"n"}),
    ("# sum by (nothing)\nrbl_list_up # {list=\"x\"}\n", [("rbl_list_up", {}, None)], None),
    ("-rbl_list_up ^ 2 ^ -1 + +1", [("rbl_list_up", {}, None)], {"list", "job", "instance"}),
    ("rbl_list_up == bool 1", [("rbl_list_up", {}, None)], None),
    ("rbl_list_up * NaN + Inf - 0x1F + 1e3 + .5", [("rbl_list_up", {}, None)], None),
    ("absent(up{job=\"rbl\", instance=~\"x\"})", [("up", {"job": "=rbl", "instance": "=~x"}, None)], {"job"}),
    ('label_replace(rbl_list_up, "new", "$1", "list", "(.*)")', None, {"list", "job", "instance", "new"}),
    ('label_join(rbl_list_up, "new", "-", "list", "job")', None, {"list", "job", "instance", "new"}),
    (
        "histogram_quantile(0.9, sum by (le, list) (rate(rbl_list_query_duration_seconds_bucket[5m])))",
        [("rbl_list_query_duration_seconds_bucket", {}, "5m")],
        {"list"},
    ),
    (
        "rbl_ip_listed * on (job, instance, list) group_left (tier) rbl_list_info",
        [("rbl_ip_listed", {}, None), ("rbl_list_info", {}, None)],
        {"group", "ip", "list", "job", "instance", "tier"},
    ),
    (
        "rbl_list_info * on (list) group_right (tier) rbl_ip_listed",
        [("rbl_list_info", {}, None), ("rbl_ip_listed", {}, None)],
        {"group", "ip", "list", "job", "instance", "tier"},
    ),
    ("rbl_list_up / on (list) rbl_list_state", [("rbl_list_up", {}, None), ("rbl_list_state", {}, None)], {"list"}),
    (
        "rbl_list_up unless ignoring (state) rbl_list_state or vector(0) and vector(1) > 1",
        None,
        {"list", "job", "instance"},
    ),
    ("rbl_range_a:b:c offset 1m", None, None),
    ("by_x + on_y + offset_z", [("by_x", {}, None), ("on_y", {}, None), ("offset_z", {}, None)], None),
    ('sum by (on, by, offset, bool) (x{by="1", on="2", offset="3"})', None, {"on", "by", "offset", "bool"}),
    ("sum + count", [("sum", {}, None), ("count", {}, None)], None),
    ("(((rbl_list_up)))", [("rbl_list_up", {}, None)], None),
    ("rbl_list_up atan2 rbl_list_up % 2", None, None),
    ("vector(1)", [], set()),
    ("scalar(rbl_list_up) * 2", None, set()),
]
BAD = [
    "", "rbl_list_up{", "rbl_list_up{list=}", 'rbl_list_up{list="x" job="y"}', "sum by list (x)", "rate(x[5m)", "x[5]",
    "1 +", "x offset", "x @ now()", 'x{list="a', "x y", "topk(x)", "sum(x, y)", "x[5m][5m]", "(x", "x)", 'x{1="a"}',
    "x ~ y", "$job", "rate(x[$__rate_interval])", "x{list=~list}", "sum by (1) (x)", "x[5m:1m:1m]",
]  # fmt: skip
# (expression, what is said of it)
COMPLAINTS = [
    ("rbl_list_upp", "metric rbl_list_upp"),
    ('{__name__=~"rbl_nothing.*"}', "metric without a known name"),
    ('{list="x"}', "metric without a known name"),
    ('rbl_list_up{lists="x"}', "label lists of a matcher of rbl_list_up"),
    ("sum by (ip) (rbl_list_up)", "label ip of sum by"),
    ("sum by (list) (sum by (job) (rbl_list_up))", "label list of sum by"),
    ("rbl_ip_listed * on (ip) rbl_list_info", "label ip of the right side of * on"),
    ("rbl_list_info * on (ip) rbl_ip_listed", "label ip of the left side of * on"),
    ("rbl_ip_listed * ignoring (band) rbl_list_info", "label band of * ignoring"),
    ("rbl_ip_listed * on (list) group_left (tiers) rbl_list_info", "label tiers of group_left"),
    ('label_replace(rbl_list_up, "a", "$1", "ip", ".*")', "label ip of label_replace"),
    ('label_join(rbl_list_up, "a", "-", "ip")', "label ip of label_join"),
    ("histogram_quantile(0.9, rbl_list_up)", "label le of histogram_quantile"),
    ("absent(rbl_list_upp)", "metric rbl_list_upp"),
    ("rbl_list_up or vector(1) or rbl_none", "metric rbl_none"),
    ("group_list:a:b{instance='x'}", "label instance of a matcher of group_list:a:b"),
    ("rbl_list_up{", "no PromQL"),
]
EMPTY = [
    ("rbl_wishes_total", True),
    ('{__name__=~"rbl_wishes.*"}', True),
    ("sum(rate(rbl_wishes_total[5m])) * 2", True),
    ("topk(3, rbl_wishes_total)", True),
    ("rbl_wishes_total / on (list) rbl_list_up", True),
    ("rbl_list_up and rbl_wishes_total", True),
    ("rbl_list_up or rbl_wishes_total", False),
    ("rbl_list_up unless rbl_wishes_total", False),
    ("rbl_wishes_total unless rbl_list_up", True),
    ("rbl_wishes_total or vector(0)", False),
    ("absent(rbl_wishes_total)", False),
    ("scalar(rbl_wishes_total) + vector(1)", False),
    ("rbl_list_up", False),
]

REFERENCE = """
| `rbl_list_up` | gauge | `list` | x |
| `rbl_list_info` | gauge | `list`, `dns_zone`, `kind`, `tier` | x |
| `rbl_list_state` | gauge | `list`, `state` | x |
| `rbl_list_queries_total` | counter | `list` | x |
| `rbl_list_query_duration_seconds` | histogram | `list` | x |
| `rbl_ip_listed` | gauge | `group`, `ip`, `list` | x |
| `rbl_storage_up` | gauge | | x |
"""


def promtool(expressions):
    """What promtool says of each: whether it is valid."""
    with tempfile.TemporaryDirectory() as folder:
        verdicts = []
        for number, expression in enumerate(expressions):
            path = pathlib.Path(folder) / f"{number}.yml"
            path.write_text(json.dumps({"groups": [{"name": "g", "rules": [{"record": "r", "expr": expression}]}]}))
            done = subprocess.run(["promtool", "check", "rules", path], capture_output=True)
            verdicts.append(done.returncode == 0)
        return verdicts


def parses(text, **options):
    try:
        promql.parse(text, **options)
        return True
    except promql.PromqlError:
        return False


def check_good(catalogue):
    for text, selectors, labels in GOOD:
        tree = promql.parse(text)
        found = [
            (s.name, {m.label: m.operator + m.value for m in s.matchers}, s.range) for s in promql.selectors(tree)
        ]
        case(f"what is selected: {text!r}", selectors is None or found == selectors, f"{found}")
        if labels is not None:
            result = metric_names.judge(tree, catalogue)[1]
            case(f"the labels of the result: {text!r}", result == labels, f"{result}")


def main():
    reference = metric_names.read_reference(REFERENCE)
    wishes = {"rbl_wishes_total": {"list", "result"}}
    catalogue = Catalogue(reference, ["group_list:a:b"], wishes)
    check_good(catalogue)
    texts = [text for text, *_ in GOOD]
    for text, valid in zip(texts + BAD, promtool(texts + BAD)):
        case(f"the same verdict as promtool's: {text!r}", valid == parses(text) == (text in texts), f"promtool: {valid}")

    for text, said in COMPLAINTS:
        complaints, _ = metric_names.check(text, catalogue)
        case(f"found: {text!r}", len(complaints) == 1 and complaints[0].startswith(said), "\n".join(complaints))
    for text, empty in EMPTY:
        found = catalogue.must_be_empty(promql.parse(text))
        case(f"{'empty' if empty else 'not empty'} while not live: {text!r}", found == empty)

    found = Catalogue(reference, ["shard_ordinal_list:a:b"]).labels["shard_ordinal_list:a:b"]
    case("a recorded name says its labels, those with a _ too", found == {"job", "shard_ordinal", "list"}, f"{found}")
    tree = promql.parse('rate(a{b=~"$b"}[$__rate_interval]) + topk($n, c[${x}:[[y]]])', variables=True)
    found = [s.range for s in promql.selectors(tree)]
    case("Grafana's variables stand for durations and numbers", found == ["$__rate_interval", None], f"{found}")
    case("and for nothing else", not parses("rate(a[5m]) $b c", variables=True))

    names = {"rbl_list_query_duration_seconds" + end for end in ("_bucket", "_sum", "_count")}
    case("a histogram has three names", names < set(reference))
    case("a name that is not live yet is known", metric_names.check('rbl_wishes_total{result="x"}', catalogue)[0] == [])
    live = Catalogue({**reference, **wishes}, (), wishes)
    found = live.complaints()
    case("one that has become live is an error", len(found) == 1 and "rbl_wishes_total is live" in found[0], f"{found}")
    case("the others are none", catalogue.complaints() == [])
    finish()


if __name__ == "__main__":
    main()
